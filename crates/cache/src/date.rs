//! Dates in fields (RFC 9110 section 5.6.7), and times as this crate knows them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The date in a field, in seconds since 1970: in any of the three forms that HTTP has had. What is none is none.
pub fn http_date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    Some(date.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// A date as fields have it.
pub(crate) fn to_http_date(moment: Moment) -> String {
    // Year 9999 is the last that the form has.
    const LAST: u64 = 253_402_300_799;
    let seconds = moment.seconds().min(LAST);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
