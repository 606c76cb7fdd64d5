//! Instants: `2026-12-01T09:00:00Z`, a day and a time of day with its offset from UTC (RFC 3339).
//! From 1970 on, which is all that a configuration has to name.

use std::time::{Duration, SystemTime};

use super::{ScalarProblem, quote, refuse_blank};

const HELP: &str = "write it like `2026-12-01T09:00:00Z` or `2026-12-01T10:00:00+01:00`";

/// Reads an instant. A second that is added now and then (`:60`) counts as the one before.
pub fn parse(text: &str) -> Result<SystemTime, ScalarProblem> {
    refuse_blank(text, "an instant", "2026-12-01T09:00:00Z")?;
    if text.len() == 10 && date(text).is_some() {
        return Err(ScalarProblem::whole(format!("{} has no time of day", quote(text)), text)
            .help(format!("write `{text}T00:00:00Z`")));
    }
    if text.is_ascii() && text.len() == 19 && date_and_time(text).is_some() {
        return Err(ScalarProblem::whole(format!("{} does not say in which time zone", quote(text)), text)
            .help(format!("write `{text}Z` for UTC")));
    }
    instant(text)
        .ok_or_else(|| ScalarProblem::whole(format!("{} is no instant", quote(text)), text).help(HELP))
}

fn instant(text: &str) -> Option<SystemTime> {
    let local = date_and_time(text.get(..19)?)?;
    let mut rest = &text[19..];
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let kept = &fraction[..digits.min(9)];
        nanos = kept.parse::<u32>().ok()? * 10_u32.pow(9 - u32::try_from(kept.len()).ok()?);
        rest = &fraction[digits..];
    }
    let seconds = u64::try_from(local - offset(rest)?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Seconds since 1970 where the offset is none.
fn date_and_time(text: &str) -> Option<i64> {
    let days = date(text.get(..10)?)?;
    let time = text.get(10..19)?;
    if !time.starts_with(['T', 't']) || time.as_bytes()[3] != b':' || time.as_bytes()[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&time[1..3])?, number(&time[4..6])?, number(&time[7..9])?);
    let fits = hour < 24 && minute < 60 && second <= 60;
    fits.then(|| days * 86_400 + hour * 3600 + minute * 60 + second.min(59))
}

/// Days since 1970.
fn date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][usize::try_from(month).ok()? - 1];
    let of_this_year = before + i64::from(month > 2 && is_leap(year)) + day - 1;
    Some((year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + of_this_year)
}

/// Seconds that the clock there is ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hour, minute) = text.get(1..)?.split_once(':')?;
    let (hour, minute) =
        (number(hour).filter(|_| hour.len() == 2)?, number(minute).filter(|_| minute.len() == 2)?);
    (hour < 24 && minute < 60).then(|| sign * (hour * 3600 + minute * 60))
}

/// Digits and nothing else, which `parse` alone would not see to.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    fn nanos(text: &str) -> u128 {
        parse(text).expect(text).duration_since(SystemTime::UNIX_EPOCH).expect("from 1970 on").as_nanos()
    }

    #[test]
    fn reads_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1972-03-01T00:00:00Z", 68_256_000),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-12-01T09:00:00Z", 1_796_115_600),
            ("2026-12-01t10:00:00+01:00", 1_796_115_600),
            ("2026-12-01T04:30:00-04:30", 1_796_115_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
        ] {
            assert_eq!(nanos(text), seconds * 1_000_000_000, "{text}");
        }
        assert_eq!(nanos("1970-01-01T00:00:01.5Z"), 1_500_000_000);
        assert_eq!(nanos("1970-01-01T00:00:01.1234567899Z"), 1_123_456_789);
    }

    #[test]
    fn refuses_with_a_way_out() {
        let no = |text: &str| format!("`{text}` is no instant ({HELP})");
        for text in [
            "tomorrow",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2026-12-01T24:00:00Z",
            "2026-12-01 09:00:00Z",
            "2026-12-01T09:00:00.Z",
            "2026-12-01T09:00:00+1:00",
            "2026-12-01T09:00:00é",
            "+026-12-01T09:00:00Z",
            "2026-12-01T09:00:00ZZ",
        ] {
            assert_refused(parse, &[(text, text, &no(text))]);
        }
        assert_refused(
            parse,
            &[
                (
                    "2026-12-01",
                    "2026-12-01",
                    "`2026-12-01` has no time of day (write `2026-12-01T00:00:00Z`)",
                ),
                (
                    "2026-12-01T09:00:00",
                    "2026-12-01T09:00:00",
                    "`2026-12-01T09:00:00` does not say in which time zone (write `2026-12-01T09:00:00Z` for UTC)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?\\PC?") {
            assert_no_panic(parse, &text);
        }
    }
}
