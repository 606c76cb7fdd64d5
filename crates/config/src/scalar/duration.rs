//! Durations: `250ms`, `5s`, `1h30m`, `7d`.
//!
//! Whole numbers with a unit each, from large to small. A day has 24 hours. Months are no durations (see [`super::rate`]).

use std::time::Duration;

use super::number::Number;
use super::{ScalarProblem, quote, refuse_blank, refuse_spaces};

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// As the language writes it.
    pub name: &'static str,
    /// Its length.
    pub nanos: u64,
}

const SECOND: u64 = 1_000_000_000;

/// From large to small.
const UNITS: [Unit; 7] = [
    Unit { name: "d", nanos: 24 * 60 * 60 * SECOND },
    Unit { name: "h", nanos: 60 * 60 * SECOND },
    Unit { name: "m", nanos: 60 * SECOND },
    Unit { name: "s", nanos: SECOND },
    Unit { name: "ms", nanos: 1_000_000 },
    Unit { name: "us", nanos: 1_000 },
    Unit { name: "ns", nanos: 1 },
];

/// Reads a duration with its units, of at most `u64::MAX` nanoseconds (584 years); a bare number is refused.
pub fn parse(text: &str) -> Result<Duration, ScalarProblem> {
    refuse_blank(text, "a duration", "5s")?;
    refuse_spaces(text)?;
    if text.starts_with('-') {
        return Err(ScalarProblem::whole(format!("{} is negative, a duration is not", quote(text)), text));
    }
    let mut total: u128 = 0;
    let mut descending = true;
    let mut last = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let (unit, nanos, behind) = term(text, rest)?;
        descending &= unit.nanos < last;
        last = unit.nanos;
        total = total.saturating_add(nanos);
        rest = behind;
    }
    let nanos = u64::try_from(total).map_err(|_| {
        ScalarProblem::whole(format!("{} is too long", quote(text)), text)
            .help("the longest duration is `213503d`, 584 years")
    })?;
    let duration = Duration::from_nanos(nanos);
    if !descending {
        return Err(ScalarProblem::whole(
            format!("the units of {} do not go from large to small", quote(text)),
            text,
        )
        .help(format!("write `{}`", format(duration))));
    }
    Ok(duration)
}

/// Writes a duration as the language does: 90 s is `1m30s`, 1.5 s is `1500ms`, nothing is `0s`.
pub fn format(duration: Duration) -> String {
    let mut nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let second = u128::from(SECOND);
    if nanos < 60 * second && !nanos.is_multiple_of(second) {
        let exact = UNITS.iter().find(|unit| nanos.is_multiple_of(unit.nanos.into()));
        let unit = exact.expect("every duration is a number of nanoseconds");
        return format!("{}{}", nanos / u128::from(unit.nanos), unit.name);
    }
    let mut written = String::new();
    for unit in UNITS {
        let count = nanos / u128::from(unit.nanos);
        if count > 0 {
            written.push_str(&count.to_string());
            written.push_str(unit.name);
            nanos %= u128::from(unit.nanos);
        }
    }
    written
}

/// The unit of this name.
pub(super) fn unit(name: &str) -> Option<Unit> {
    UNITS.into_iter().find(|unit| unit.name == name)
}

/// What others call the units: so many of one of ours.
pub(super) fn foreign_unit(name: &str) -> Option<(u32, Unit)> {
    let (count, ours) = match name.to_lowercase().as_str() {
        "msec" | "msecs" | "millis" | "milli" | "millisecond" | "milliseconds" | "ms" => (1, "ms"),
        "s" | "sec" | "secs" | "second" | "seconds" => (1, "s"),
        "m" | "min" | "mins" | "minute" | "minutes" => (1, "m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => (1, "h"),
        "d" | "day" | "days" => (1, "d"),
        "w" | "week" | "weeks" => (7, "d"),
        "mo" | "month" | "months" => (30, "d"),
        "y" | "year" | "years" => (365, "d"),
        "µs" | "μs" | "us" | "usec" | "micros" | "microsecond" | "microseconds" => (1, "us"),
        "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds" => (1, "ns"),
        _ => return None,
    };
    unit(ours).map(|unit| (count, unit))
}

/// The first number with its unit in `rest`, which ends `text`: the unit, the length, and what stands behind.
fn term<'a>(text: &str, rest: &'a str) -> Result<(Unit, u128, &'a str), ScalarProblem> {
    let start = text.len() - rest.len();
    let Some(number) = Number::leading(rest) else {
        return Err(ScalarProblem::new(format!("{} is no duration", quote(text)), start..text.len())
            .help("write numbers with units: `250ms`, `5s`, `1h30m`, `7d`"));
    };
    let name_len = number.rest.find(|c: char| !c.is_alphabetic()).unwrap_or(number.rest.len());
    let (name, behind) = number.rest.split_at(name_len);
    let written = &rest[..rest.len() - behind.len()];
    let at = start..start + written.len();
    if name.is_empty() {
        let problem = ScalarProblem::new(format!("{} needs a unit", quote(written)), at);
        return Err(match number.fraction {
            None => problem.help(format!("write `{0}s`, `{0}ms`, `{0}m`, `{0}h` or `{0}d`", number.whole)),
            Some(_) => problem.help("write whole numbers with units: `250ms`, `5s`, `1h30m`"),
        });
    }
    let Some(unit) = unit(name) else {
        return Err(unknown_unit(name, number, at));
    };
    let nanos = number.times(unit.nanos.into());
    if number.fraction.is_some() {
        let problem = ScalarProblem::new(format!("{} is no whole number", quote(written)), at);
        return Err(match nanos.and_then(|nanos| u64::try_from(nanos).ok()) {
            Some(nanos) => problem.help(format!("write `{}`", format(Duration::from_nanos(nanos)))),
            None => problem.help("write it in a smaller unit"),
        });
    }
    Ok((unit, nanos.unwrap_or(u128::MAX), behind))
}

fn unknown_unit(name: &str, number: Number<'_>, at: std::ops::Range<usize>) -> ScalarProblem {
    let problem = ScalarProblem::new(format!("{} is no unit of time", quote(name)), at);
    let known = foreign_unit(name).filter(|_| number.fraction.is_none());
    match known.and_then(|(count, unit)| Some((number.times(count.into())?, unit))) {
        Some((count, unit)) => problem.help(format!("write `{count}{}`", unit.name)),
        None => problem.help("the units are `ms`, `s`, `m` (minutes), `h` and `d`; also `us` and `ns`"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, nanos, written) in [
            ("250ms", 250_000_000, "250ms"),
            ("5s", 5 * SECOND, "5s"),
            ("1h", 3600 * SECOND, "1h"),
            ("7d", 7 * 86400 * SECOND, "7d"),
            ("1h30m", 5400 * SECOND, "1h30m"),
            ("90s", 90 * SECOND, "1m30s"),
            ("1500ms", 1500 * 1_000_000, "1500ms"),
            ("1m1ms", 60_001_000_000, "1m1ms"),
            ("007s", 7 * SECOND, "7s"),
            ("0ms", 0, "0s"),
            ("12us", 12_000, "12us"),
            ("18446744073709551615ns", u64::MAX, "213503d23h34m33s709ms551us615ns"),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
            assert_eq!(format(Duration::from_nanos(nanos)), written);
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a duration is missing here (write it like `5s`)"),
                (" 5s", " 5s", "` 5s` has spaces around it (write `5s`)"),
                ("10", "10", "`10` needs a unit (write `10s`, `10ms`, `10m`, `10h` or `10d`)"),
                ("0", "0", "`0` needs a unit (write `0s`, `0ms`, `0m`, `0h` or `0d`)"),
                ("1h30", "30", "`30` needs a unit (write `30s`, `30ms`, `30m`, `30h` or `30d`)"),
                ("1.5", "1.5", "`1.5` needs a unit (write whole numbers with units: `250ms`, `5s`, `1h30m`)"),
                ("1.5s", "1.5s", "`1.5s` is no whole number (write `1500ms`)"),
                ("0.3ns", "0.3ns", "`0.3ns` is no whole number (write it in a smaller unit)"),
                ("1h 30m", "1h 30m", "`1h 30m` has a space in it (write `1h30m`)"),
                ("5 s", "5 s", "`5 s` has a space in it (write `5s`)"),
                ("30m1h", "30m1h", "the units of `30m1h` do not go from large to small (write `1h30m`)"),
                ("1s1s", "1s1s", "the units of `1s1s` do not go from large to small (write `2s`)"),
                ("-5s", "-5s", "`-5s` is negative, a duration is not"),
                ("5sec", "5sec", "`sec` is no unit of time (write `5s`)"),
                ("5S", "5S", "`S` is no unit of time (write `5s`)"),
                ("2w", "2w", "`w` is no unit of time (write `14d`)"),
                ("1M", "1M", "`M` is no unit of time (write `1m`)"),
                ("5µs", "5µs", "`µs` is no unit of time (write `5us`)"),
                (
                    "5x",
                    "5x",
                    "`x` is no unit of time (the units are `ms`, `s`, `m` (minutes), `h` and `d`; also `us` and `ns`)",
                ),
                (
                    "PT5S",
                    "PT5S",
                    "`PT5S` is no duration (write numbers with units: `250ms`, `5s`, `1h30m`, `7d`)",
                ),
                ("5s;", ";", "`5s;` is no duration (write numbers with units: `250ms`, `5s`, `1h30m`, `7d`)"),
                (
                    "213504d",
                    "213504d",
                    "`213504d` is too long (the longest duration is `213503d`, 584 years)",
                ),
                (
                    "99999999999999999999999999999999999999999999999s",
                    "99999999999999999999999999999999999999999999999s",
                    "`99999999999999999999999999999999999999999999999s` is too long (the longest duration is `213503d`, 584 years)",
                ),
            ],
        );
    }

    #[test]
    fn writes_what_is_longer_than_it_reads() {
        assert_eq!(format(Duration::MAX), "213503982334601d7h15s999ms999us999ns");
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9.dhmsunµ -]{0,12}|[0-9]{30,45}[a-z.]{1,3}") {
            assert_no_panic(parse, &text);
        }
    }
}
