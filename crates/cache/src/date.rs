//! Dates in fields (RFC 9110 section 5.6.7), and times as this crate knows them.
//! The clocks are read by others.

use std::time::{Duration, SystemTime};

/// A time by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds by a clock that never goes back.
    pub steady: u64,
    /// Microseconds since 1970 (UTC).
    pub wall: u64,
}

impl Moment {
    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> u64 {
        self.wall / 1_000_000
    }
}

/// The date in a field, in seconds since 1970, in any of the three forms that HTTP has had. What is none is none. Case does not matter
/// (RFC 9111 section 4.2), and neither does the day of the week.
pub fn http_date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (day_name, rest) = text.split_at_checked(text.find([' ', ',']).filter(|at| *at >= 3)?)?;
    if !day_name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let (day, month, year, time) = match rest.strip_prefix(", ").map(of_fields) {
        Some(parts) => parts?,
        None => of_asctime(rest)?,
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? as u64 + 1;
    let year = match (year.len(), number(year)?) {
        // What would be more than fifty years ahead is in the past (RFC 9110 section 5.6.7), by the time at which this was written.
        (2, year @ 77..) => 1900 + year,
        (2, year) => 2000 + year,
        (_, year) => year,
    };
    seconds_of_date(year, month, number(day)?)?.checked_add(seconds_of_time(time)?)
}

/// Day, month, year and time of the form that is sent, `06 Nov 1994 08:49:37 GMT`, and of RFC 850, `06-Nov-94 08:49:37 GMT`.
fn of_fields(rest: &str) -> Option<(&str, &str, &str, &str)> {
    let date = rest.len().checked_sub("00:00:00 GMT".len())?;
    let (date, time) = rest.split_at_checked(date)?;
    let (time, zone) = time.split_once(' ')?;
    let is_dashed = date.contains('-');
    let mut parts = date.strip_suffix(' ')?.split(if is_dashed { '-' } else { ' ' });
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    // RFC 850 has years of two digits, and dashes; the common form has neither.
    let is_form = parts.next().is_none() && day.len() == 2 && year.len() == if is_dashed { 2 } else { 4 };
    (is_form && zone.eq_ignore_ascii_case("GMT")).then_some((day, month, year, time))
}

/// The same of the form of `asctime`, whose day may have a blank in front: `Nov  6 08:49:37 1994`.
fn of_asctime(rest: &str) -> Option<(&str, &str, &str, &str)> {
    let mut parts = rest.split_ascii_whitespace();
    let (month, day, time, year) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && year.len() == 4).then_some((day, month, year, time))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Seconds from 1970 to the beginning of a day. What lies before is at its beginning.
fn seconds_of_date(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_of = |month: u64| match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > days_of(month) {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let before = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let days = before + (1..month).map(days_of).sum::<u64>() + day - 1;
    Some(days * 86_400)
}

/// `08:49:37`, in seconds. A leap second counts as the one before.
fn seconds_of_time(time: &str) -> Option<u64> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [hour, minute, second].iter().any(|part| part.len() != 2) {
        return None;
    }
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
}

/// A date as fields have it.
pub(crate) fn to_http_date(moment: Moment) -> String {
    // Year 9999 is the last that the form has.
    const LAST: u64 = 253_402_300_799;
    let seconds = moment.seconds().min(LAST);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 9110 section 5.6.7.
    #[test]
    fn reads_the_three_forms_and_nothing_else() {
        let table = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("SUN, 06 nov 1994 08:49:37 gmt", Some(784_111_777)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Mon, 01 Jan 1900 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
            ("Thu, 18-Aug-50 02:01:18 GMT", Some(2_544_400_878)),
            ("Wed, 29 Feb 2023 00:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 8:49:37 GMT", None),
            ("Sun, 06 Nov 94 08:49:37 GMT", None),
            ("Sun, 06-Nov-1994 08:49:37 GMT", None),
            ("Sun 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06  Nov  1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08.49.37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("foo", None),
        ];
        for (text, seconds) in table {
            assert_eq!(http_date(text.as_bytes()), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(seconds in 0u64..253_402_300_799) {
            let moment = Moment { steady: 0, wall: seconds * 1_000_000 };
            prop_assert_eq!(http_date(to_http_date(moment).as_bytes()), Some(seconds));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}|[A-Za-z]{3,9},? ?[0-9A-Za-z :-]{0,30}") {
            http_date(text.as_bytes());
        }
    }
}
