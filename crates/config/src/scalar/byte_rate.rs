//! Rates of bytes: `1KiB/s`. A size, and always by the second.
//! What the number limits, and over which time it is measured, is said where it is used.

use std::fmt;

use super::{ScalarProblem, duration, quote, refuse_blank, refuse_spaces, size};

/// Bytes per second; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteRate {
    /// Bytes per second.
    pub bytes_per_second: u64,
}

/// Reads a rate of bytes.
pub fn parse(text: &str) -> Result<ByteRate, ScalarProblem> {
    refuse_blank(text, "a rate of bytes", "1KiB/s")?;
    refuse_spaces(text)?;
    let Some((amount, period)) = text.split_once('/') else {
        return Err(without_slash(text));
    };
    let bytes = size::parse(amount)?;
    if period != "s" {
        let at = amount.len() + 1..text.len();
        let problem = ScalarProblem::new(
            format!("{} is no second: bytes are counted by the second", quote(period)),
            at,
        );
        return Err(match per_second(bytes, period) {
            Some(bytes) => problem.help(format!("write `{}/s`", size::format(bytes))),
            None => problem.help("write it like `1KiB/s`"),
        });
    }
    if bytes == 0 {
        return Err(ScalarProblem::whole(format!("{} is no rate", quote(text)), text)
            .help("`false` turns a limit off"));
    }
    Ok(ByteRate { bytes_per_second: bytes })
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", size::format(self.bytes_per_second))
    }
}

/// The rate by the second that is meant by so many bytes in each `period`, if it is a whole number.
fn per_second(bytes: u64, period: &str) -> Option<u64> {
    let nanos = match duration::foreign_unit(period) {
        Some((count, unit)) => unit.nanos * u64::from(count),
        None => u64::try_from(duration::parse(period).ok()?.as_nanos()).ok()?,
    };
    let scaled = u128::from(bytes) * 1_000_000_000;
    if nanos == 0 || bytes == 0 || !scaled.is_multiple_of(nanos.into()) {
        return None;
    }
    u64::try_from(scaled / u128::from(nanos)).ok()
}

/// nginx writes `limit_rate 500k`, networks are sold in `10Mbps`.
fn without_slash(text: &str) -> ScalarProblem {
    if let Some(bits) = text.strip_suffix("bps").or_else(|| text.strip_suffix("bit")) {
        return ScalarProblem::whole(format!("{} counts bits", quote(text)), text)
            .help(format!("write bytes by the second, an eighth of {bits} bits: `1KiB/s`"));
    }
    let amount = text.strip_suffix("Bps").map(|amount| format!("{amount}B"));
    match size::parse(amount.as_deref().unwrap_or(text)) {
        Ok(bytes) => ScalarProblem::whole(format!("{} needs a time", quote(text)), text)
            .help(format!("write `{}/s`", size::format(bytes))),
        Err(_) if amount.is_some() => {
            ScalarProblem::whole(format!("{} is no rate", quote(text)), text).help("write it like `1KiB/s`")
        }
        Err(problem) => problem,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, bytes_per_second, written) in
            [("1KiB/s", 1024, "1KiB/s"), ("500B/s", 500, "500B/s"), ("1024KiB/s", 1 << 20, "1MiB/s")]
        {
            assert_eq!(parse(text), Ok(ByteRate { bytes_per_second }), "{text}");
            assert_eq!(ByteRate { bytes_per_second }.to_string(), written);
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let by = "bytes are counted by the second";
        assert_refused(
            parse,
            &[
                ("", "", "a rate of bytes is missing here (write it like `1KiB/s`)"),
                ("1KiB", "1KiB", "`1KiB` needs a time (write `1KiB/s`)"),
                ("500k", "k", "`k` is no unit of size (write `500KiB` (by 1024) or `500KB` (by 1000))"),
                ("500k/s", "k", "`k` is no unit of size (write `500KiB` (by 1024) or `500KB` (by 1000))"),
                (
                    "10Mbps",
                    "10Mbps",
                    "`10Mbps` counts bits (write bytes by the second, an eighth of 10M bits: `1KiB/s`)",
                ),
                ("60KiB/m", "m", &format!("`m` is no second: {by} (write `1KiB/s`)")),
                ("1KiB/sec", "sec", &format!("`sec` is no second: {by} (write `1KiB/s`)")),
                ("4KiB/2s", "2s", &format!("`2s` is no second: {by} (write `2KiB/s`)")),
                ("1B/m", "m", &format!("`m` is no second: {by} (write it like `1KiB/s`)")),
                ("1KiB/", "", &format!("`` is no second: {by} (write it like `1KiB/s`)")),
                ("1024/s", "1024", "`1024` needs a unit (write `1KiB` if bytes are meant)"),
                ("1KiB / s", "1KiB / s", "`1KiB / s` has a space in it (write `1KiB/s`)"),
                ("0B/s", "0B/s", "`0B/s` is no rate (`false` turns a limit off)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(bytes_per_second in 1u64..) {
            let rate = ByteRate { bytes_per_second };
            prop_assert_eq!(parse(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9]{0,25}(B|KiB|TiB|k|Mbps)?/[0-9]{0,25}(s|w|y|.)?") {
            assert_no_panic(parse, &text);
        }
    }
}
