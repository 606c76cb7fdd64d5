//! `Timestamp` and `Duration` as text: RFC 3339 as proto3 JSON narrows it, and seconds with a fraction.
//! Nothing here knows what time it is.

use std::fmt::Write as _;

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About ten thousand years; the fraction comes on top.
const MAX_DURATION: u64 = 315_576_000_000;
const NANOS: i32 = 1_000_000_000;

/// Seconds and nanoseconds, as both messages hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time {
    pub seconds: i64,
    pub nanos: i32,
}

/// Reads a timestamp such as `2026-11-21T10:00:00.5Z` or with an offset such as `+01:00`.
pub(super) fn parse_timestamp(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone_at);
    let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, rest)| (clock, Some(rest)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let nanos = fraction.map_or(Some(0), parse_nanos)?;
    let offset = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let seconds = (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)?;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    TIMESTAMPS.contains(&seconds).then_some(Time { seconds, nanos })
}

/// Writes a timestamp in UTC, with 0, 3, 6 or 9 digits behind the point; none if it is out of range.
pub(super) fn format_timestamp(time: Time) -> Option<String> {
    if !TIMESTAMPS.contains(&time.seconds) || !(0..NANOS).contains(&time.nanos) {
        return None;
    }
    let (day, second) = (time.seconds.div_euclid(86_400), time.seconds.rem_euclid(86_400));
    let (year, month, day) = date(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut out = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    push_fraction(&mut out, time.nanos.unsigned_abs());
    out.push('Z');
    Some(out)
}

/// Reads a duration such as `-1.5s`.
pub(super) fn parse_duration(text: &str) -> Option<Time> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let number = unsigned.strip_suffix('s')?;
    let (whole, fraction) =
        number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    if whole.is_empty() || whole.len() > 12 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos = fraction.map_or(Some(0), parse_nanos)?;
    let time = if is_negative { Time { seconds: -seconds, nanos: -nanos } } else { Time { seconds, nanos } };
    is_duration(time).then_some(time)
}

/// Writes a duration with 0, 3, 6 or 9 digits behind the point; none if it is out of range or its signs differ.
pub(super) fn format_duration(time: Time) -> Option<String> {
    if !is_duration(time) {
        return None;
    }
    let sign = if time.seconds < 0 || time.nanos < 0 { "-" } else { "" };
    let mut out = format!("{sign}{}", time.seconds.unsigned_abs());
    push_fraction(&mut out, time.nanos.unsigned_abs());
    out.push('s');
    Some(out)
}

fn is_duration(time: Time) -> bool {
    let signs_agree = time.seconds.signum() * i64::from(time.nanos.signum()) >= 0;
    signs_agree
        && time.nanos.unsigned_abs() < NANOS.unsigned_abs()
        && time.seconds.unsigned_abs() <= MAX_DURATION
}

/// Numbers of exactly these many digits, with `separator` between them.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut out = [0; N];
    for (number, len) in out.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == len)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(out)
}

/// One to nine digits behind the point.
fn parse_nanos(digits: &str) -> Option<i32> {
    if !(1..=9).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

fn push_fraction(out: &mut String, nanos: u32) {
    let written = match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => write!(out, ".{:06}", nanos / 1_000),
        _ => write!(out, ".{nanos:09}"),
    };
    written.expect("a string takes all that is written");
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the day that is there only
/// every fourth year is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn date(days_since: i64) -> (i64, i64, i64) {
    // A first guess of the year, at most one off in either direction.
    let mut year = 1970 + days_since.div_euclid(365) - days_since.div_euclid(365) / 1461;
    while days(year, 1, 1) > days_since {
        year -= 1;
    }
    while days(year + 1, 1, 1) <= days_since {
        year += 1;
    }
    let mut month = 12;
    while days(year, month, 1) > days_since {
        month -= 1;
    }
    (year, month, days_since - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests;
