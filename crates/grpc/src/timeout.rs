//! `grpc-timeout`: the time a client still waits, as at most eight digits and a unit.
//! When a call must end is for whoever has a clock.

use std::time::Duration;

const MAX: u128 = 99_999_999;

/// Units from fine to coarse, with their length in nanoseconds.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// Reads the value of `grpc-timeout`; none where it is malformed. Zero is read although gRPC does not write it: the
/// time is over.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(maitred_grpc::parse_timeout(b"1500m"), Some(Duration::from_millis(1500)));
/// assert_eq!(maitred_grpc::parse_timeout(b"1500"), None);
/// ```
pub fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'n' => Duration::from_nanos(number),
        b'u' => Duration::from_micros(number),
        b'm' => Duration::from_millis(number),
        b'S' => Duration::from_secs(number),
        b'M' => Duration::from_secs(number * 60),
        b'H' => Duration::from_secs(number * 3600),
        _ => return None,
    })
}

/// Writes `timeout` in the finest unit that has room for it, rounded up, so that nobody gives up early because of
/// the unit. Zero becomes a nanosecond: the value must be positive.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(maitred_grpc::format_timeout(Duration::from_secs(2)), "2000000u");
/// ```
pub fn format_timeout(timeout: Duration) -> String {
    let nanos = timeout.as_nanos().max(1);
    let rounded = |length: u128| nanos.div_ceil(length);
    let (unit, length) =
        UNITS.into_iter().find(|&(_, length)| rounded(length) <= MAX).unwrap_or(UNITS[UNITS.len() - 1]);
    format!("{}{}", rounded(length).min(MAX), char::from(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, nanos) in [
            ("1n", 1),
            ("99999999n", 99_999_999),
            ("2u", 2_000),
            ("3m", 3_000_000),
            ("4S", 4_000_000_000),
            ("5M", 300_000_000_000),
            ("00000006H", 21_600_000_000_000),
            ("0S", 0),
        ] {
            assert_eq!(parse_timeout(text.as_bytes()), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse_timeout(b"99999999H"), Some(Duration::from_hours(99_999_999)));
    }

    #[test]
    fn refuses_what_is_no_timeout() {
        for text in ["", "S", "1", "1s", "1h", "123456789n", "-1S", "+1S", " 1S", "1 S", "1.5S", "1SS"] {
            assert_eq!(parse_timeout(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads_and_never_less() {
        for nanos in [0, 1, 99_999_999, 100_000_000, 100_000_001, 99_999_999_001, u64::MAX] {
            let timeout = Duration::from_nanos(nanos);
            let text = format_timeout(timeout);
            let back = parse_timeout(text.as_bytes()).unwrap();
            assert!(back >= timeout, "{text} for {timeout:?}");
            assert!(back.as_nanos() <= timeout.as_nanos().max(1) * 100_001 / 100_000 + 1, "{text}");
        }
        assert_eq!(format_timeout(Duration::MAX), "99999999H");
        assert_eq!(format_timeout(Duration::from_millis(100)), "100000u");
    }
}
