//! Times as text, from microseconds since 1970: RFC 3339 (UTC) and the form of the common log format.
//!
//! A worker writes many records in one second, so the date and time of the second are worked out once and kept.

/// Writes times; remembers the second it wrote last.
#[derive(Debug, Clone)]
pub struct TimeText {
    second: u64,
    /// `2026-11-21T12:44:05`
    rfc3339: [u8; 19],
    /// `21/Nov/2026:12:44:05 +0000`
    common: [u8; 26],
}

impl Default for TimeText {
    fn default() -> Self {
        Self::of(0)
    }
}

impl TimeText {
    /// Appends `2026-11-21T12:44:05.123456Z` (RFC 3339 section 5.6). Years after 9999 are told as 9999-12-31.
    pub fn push_rfc3339(&mut self, unix_micros: u64, out: &mut Vec<u8>) {
        self.turn_to(unix_micros / 1_000_000);
        let mut fraction = *b".000000Z";
        put_digits(&mut fraction[1..7], unix_micros % 1_000_000);
        out.extend_from_slice(&self.rfc3339);
        out.extend_from_slice(&fraction);
    }

    /// Appends `21/Nov/2026:12:44:05 +0000`, the time of the common log format without its brackets.
    pub fn push_common(&mut self, unix_micros: u64, out: &mut Vec<u8>) {
        self.turn_to(unix_micros / 1_000_000);
        out.extend_from_slice(&self.common);
    }

    #[inline]
    fn turn_to(&mut self, second: u64) {
        if self.second != second {
            *self = Self::of(second);
        }
    }

    #[cold]
    fn of(second: u64) -> Self {
        const LAST: u64 = 253_402_300_799; // 9999-12-31T23:59:59
        const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let shown = second.min(LAST);
        let (year, month, day) = date(shown / 86_400);
        let (hour, minute, of_minute) = (shown / 3600 % 24, shown / 60 % 60, shown % 60);

        let mut rfc3339 = *b"0000-00-00T00:00:00";
        let mut common = *b"00/Jan/0000:00:00:00 +0000";
        put_digits(&mut rfc3339[..4], year);
        put_digits(&mut rfc3339[5..7], month as u64 + 1);
        put_digits(&mut rfc3339[8..10], day);
        put_digits(&mut common[..2], day);
        common[3..6].copy_from_slice(&MONTHS[month * 3..month * 3 + 3]);
        put_digits(&mut common[7..11], year);
        for (at, part) in [(11, hour), (14, minute), (17, of_minute)] {
            put_digits(&mut rfc3339[at..at + 2], part);
            put_digits(&mut common[at + 1..at + 3], part);
        }
        Self { second, rfc3339, common }
    }
}

/// Year, month from 0 and day from 1 of a number of days since 1970-01-01, in the Gregorian calendar.
fn date(days: u64) -> (u64, usize, u64) {
    /// Days from the year 1 to 1970.
    const BEFORE_1970: u64 = 719_162;
    let mut left = days + BEFORE_1970;
    let mut year = 1;
    // Whole cycles of 400, 100, 4 and 1 years; the last of four shorter cycles may be a day longer.
    for (length, years, most) in
        [(146_097, 400, u64::MAX), (36_524, 100, 3), (1_461, 4, u64::MAX), (365, 1, 3)]
    {
        let cycles = (left / length).min(most);
        left -= cycles * length;
        year += cycles * years;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut month = 0;
    for length in [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// Writes `number` right-aligned over `digits`.
fn put_digits(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc3339(micros: u64) -> String {
        let mut out = Vec::new();
        TimeText::default().push_rfc3339(micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times() {
        let known = [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (978_307_199, "2000-12-31T23:59:59"),
            (1_709_164_800, "2024-02-29T00:00:00"),
            (1_735_689_599, "2024-12-31T23:59:59"),
            (1_795_265_045, "2026-11-21T12:44:05"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
            (253_402_300_800, "9999-12-31T23:59:59"),
        ];
        for (second, text) in known {
            assert_eq!(rfc3339(second * 1_000_000), format!("{text}.000000Z"));
        }
        assert_eq!(rfc3339(1_795_265_045_001_230), "2026-11-21T12:44:05.001230Z");
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut yesterday = date(0);
        for day in 1..292_200 {
            let today = date(day);
            let next_day = today.2 == yesterday.2 + 1 && (today.0, today.1) == (yesterday.0, yesterday.1);
            let next_month =
                today.2 == 1 && today.1 == yesterday.1 + 1 && today.0 == yesterday.0 && yesterday.2 >= 28;
            let next_year = today == (yesterday.0 + 1, 0, 1) && (yesterday.1, yesterday.2) == (11, 31);
            assert!(next_day || next_month || next_year, "{yesterday:?} {today:?}");
            yesterday = today;
        }
    }

    #[test]
    fn the_kept_second_is_given_up_for_another() {
        let mut time = TimeText::default();
        let seconds = [5, 5, 3_600, 5].map(|second| {
            let mut out = Vec::new();
            time.push_rfc3339(second * 1_000_000, &mut out);
            String::from_utf8_lossy(&out[11..19]).into_owned()
        });
        assert_eq!(seconds, ["00:00:05", "00:00:05", "01:00:00", "00:00:05"]);
    }

    #[test]
    fn the_common_form() {
        let mut out = Vec::new();
        TimeText::default().push_common(1_795_265_045_999_999, &mut out);
        assert_eq!(out, b"21/Nov/2026:12:44:05 +0000");
    }
}
