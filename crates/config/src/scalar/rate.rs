//! Rates: `10/s`, `100/m`, `4/2s`, and by the calendar `1000000/month`.
//!
//! A whole number, a slash, and a unit, a duration or `month`. How the window moves is the limiter's business.

use std::fmt;
use std::time::Duration;

use super::number::{Number, split_digits};
use super::{ScalarProblem, duration, quote, refuse_blank, refuse_spaces};

/// So many in each window. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In which time.
    pub window: Window,
}

/// The time that a rate counts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A length of time; never zero.
    Span(Duration),
    /// A calendar month in UTC.
    Month,
}

const PERIODS: &str = "`/s`, `/m` (minute), `/h`, `/d`, a duration such as `/30s`, or `/month`";

/// Reads a rate.
pub fn parse(text: &str) -> Result<Rate, ScalarProblem> {
    refuse_blank(text, "a rate", "10/s")?;
    let Some((count, window)) = text.split_once('/') else {
        return Err(without_slash(text));
    };
    refuse_spaces(text)?;
    let window = parse_window(window).map_err(|problem| problem.shifted(count.len() + 1))?;
    let (digits, rest) = split_digits(count);
    if digits.is_empty() || !rest.is_empty() {
        return Err(bad_count(count, window));
    }
    match digits.parse() {
        Ok(0) => Err(ScalarProblem::whole(format!("{} lets nothing through", quote(text)), text)
            .help("write a rate of at least one; `false` turns a limit off")),
        Ok(count) => Ok(Rate { count, window }),
        Err(_) => Err(ScalarProblem::new(format!("{} is too many", quote(count)), 0..count.len())),
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.window)
    }
}

/// As it stands behind the slash: `s`, `30s`, `month`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Month => f.write_str("month"),
            Self::Span(span) => {
                let written = duration::format(*span);
                let unit = written.strip_prefix('1').filter(|rest| duration::unit(rest).is_some());
                f.write_str(unit.unwrap_or(&written))
            }
        }
    }
}

fn parse_window(text: &str) -> Result<Window, ScalarProblem> {
    if text == "month" {
        return Ok(Window::Month);
    }
    if let Some(unit) = duration::unit(text) {
        return Ok(Window::Span(Duration::from_nanos(unit.nanos)));
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with("month") {
        let span = duration::parse(text)?;
        if span.is_zero() {
            return Err(ScalarProblem::whole(format!("{} is a window of no length", quote(text)), text));
        }
        return Ok(Window::Span(span));
    }
    let problem = ScalarProblem::whole(format!("{} is no time to count over", quote(text)), text);
    let lower = text.to_lowercase();
    Err(match (lower.as_str(), duration::foreign_unit(text)) {
        ("mo" | "month" | "months" | "1month" | "mon", _) => problem.help("write `/month`"),
        (_, Some((1, unit))) => problem.help(format!("write `/{}`", unit.name)),
        (_, Some((count, unit))) => problem.help(format!("write `/{count}{}`", unit.name)),
        _ => problem.help(format!("write {PERIODS}")),
    })
}

/// nginx writes `10r/s`, people `10k/s`, `1,000/h` and `1.5/s`.
fn bad_count(count: &str, window: Window) -> ScalarProblem {
    let problem = ScalarProblem::new(format!("{} is no whole number", quote(count)), 0..count.len());
    let grouped: String = count.chars().filter(|c| !matches!(c, '_' | ',' | '\'')).collect();
    let Some(number) = Number::leading(&grouped) else {
        return problem.help("write digits only: `10/s`");
    };
    let many = match number.rest.to_lowercase().as_str() {
        "" | "r" | "req" | "reqs" | "request" | "requests" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        _ => return problem.help("write digits only: `10/s`"),
    };
    match (number.times(many), number.times(many * 10), window) {
        (Some(count), ..) => problem.help(format!("write `{count}/{window}`")),
        (None, Some(count), Window::Span(span)) => match span.checked_mul(10) {
            Some(ten_spans) => problem.help(format!("write `{count}/{}`", Window::Span(ten_spans))),
            None => problem,
        },
        _ => problem.help("count over a longer time"),
    }
}

fn without_slash(text: &str) -> ScalarProblem {
    let problem = ScalarProblem::whole(format!("{} is no rate", quote(text)), text);
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return problem.help("write how many in which time: `10/s`, `100/m`, `1000000/month`");
    }
    let period = match rest.trim().to_lowercase().as_str() {
        "" => {
            let message = format!("{} needs a time to count over", quote(text));
            return ScalarProblem::whole(message, text).help(format!(
                "write `{digits}/s`, `{digits}/m`, `{digits}/h`, `{digits}/d` or `{digits}/month`"
            ));
        }
        "rps" | "rs" | "r s" | "per second" | "ps" | "qps" => "s",
        "rpm" | "per minute" => "m",
        "rph" | "per hour" => "h",
        "per day" => "d",
        "per month" => "month",
        _ => return problem.help(format!("write {digits} and {PERIODS}")),
    };
    problem.help(format!("write `{digits}/{period}`"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        let seconds = |seconds| Window::Span(Duration::from_secs(seconds));
        for (text, count, window, written) in [
            ("10/s", 10, seconds(1), "10/s"),
            ("100/m", 100, seconds(60), "100/m"),
            ("1000/h", 1000, seconds(3600), "1000/h"),
            ("10000/d", 10000, seconds(86400), "10000/d"),
            ("4/2s", 4, seconds(2), "4/2s"),
            ("4/60s", 4, seconds(60), "4/m"),
            ("4/1h30m", 4, seconds(5400), "4/1h30m"),
            ("4/ms", 4, Window::Span(Duration::from_millis(1)), "4/ms"),
            ("4/1d1h", 4, seconds(90000), "4/1d1h"),
            ("1000000/month", 1_000_000, Window::Month, "1000000/month"),
        ] {
            let rate = parse(text).unwrap();
            assert_eq!(rate, Rate { count, window }, "{text}");
            assert_eq!(rate.to_string(), written);
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let periods = "`/s`, `/m` (minute), `/h`, `/d`, a duration such as `/30s`, or `/month`";
        assert_refused(
            parse,
            &[
                ("", "", "a rate is missing here (write it like `10/s`)"),
                (
                    "10",
                    "10",
                    "`10` needs a time to count over (write `10/s`, `10/m`, `10/h`, `10/d` or `10/month`)",
                ),
                ("10rps", "10rps", "`10rps` is no rate (write `10/s`)"),
                ("10 per minute", "10 per minute", "`10 per minute` is no rate (write `10/m`)"),
                ("10x", "10x", &format!("`10x` is no rate (write 10 and {periods})")),
                (
                    "fast",
                    "fast",
                    "`fast` is no rate (write how many in which time: `10/s`, `100/m`, `1000000/month`)",
                ),
                ("10r/s", "10r", "`10r` is no whole number (write `10/s`)"),
                ("10k/h", "10k", "`10k` is no whole number (write `10000/h`)"),
                ("1,000/h", "1,000", "`1,000` is no whole number (write `1000/h`)"),
                ("1.5/s", "1.5", "`1.5` is no whole number (write `15/10s`)"),
                ("1.55/month", "1.55", "`1.55` is no whole number (count over a longer time)"),
                ("/s", "", "`` is no whole number (write digits only: `10/s`)"),
                ("-1/s", "-1", "`-1` is no whole number (write digits only: `10/s`)"),
                ("10 / s", "10 / s", "`10 / s` has a space in it (write `10/s`)"),
                ("10/sec", "sec", "`sec` is no time to count over (write `/s`)"),
                ("10/minute", "minute", "`minute` is no time to count over (write `/m`)"),
                ("10/week", "week", "`week` is no time to count over (write `/7d`)"),
                ("10/1month", "1month", "`1month` is no time to count over (write `/month`)"),
                ("10/months", "months", "`months` is no time to count over (write `/month`)"),
                ("10/", "", &format!("`` is no time to count over (write {periods})")),
                ("10/30", "30", "`30` needs a unit (write `30s`, `30ms`, `30m`, `30h` or `30d`)"),
                ("10/0s", "0s", "`0s` is a window of no length"),
                (
                    "0/s",
                    "0/s",
                    "`0/s` lets nothing through (write a rate of at least one; `false` turns a limit off)",
                ),
                ("99999999999999999999/s", "99999999999999999999", "`99999999999999999999` is too many"),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(count in 1u64.., nanos in 1u64..) {
            let rate = Rate { count, window: Window::Span(Duration::from_nanos(nanos)) };
            prop_assert_eq!(parse(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9.,k_r]{0,40}/[0-9]{0,20}(s|m|h|d|month|week|.)?") {
            assert_no_panic(parse, &text);
        }
    }
}
