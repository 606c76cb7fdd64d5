//! What came of all runs, and what must have been kept to.

use std::fmt::Write as _;

use crate::clients::Asked;
use crate::limits::{AN_HOUR, HOURLY, ROUTES, Route};
use crate::reference::passing;
use crate::run::{Fault, Outcome};

/// Of what the reference lets through, the share that must have passed.
const LEAST: f64 = 0.99;
/// How much longer a request may take than those without a limit, in microseconds.
const EXTRA: u64 = 50_000;

/// The page.
#[derive(Default)]
pub struct Page {
    text: String,
    broken: usize,
}

/// A part of a run: the requests that were sent and answered within it.
struct Span<'a> {
    name: &'static str,
    /// How many times the limits permit, where gateways count for themselves.
    times: u64,
    /// How many more may have passed, since a gateway counted for itself.
    missed: u64,
    /// Whether it begins with limits that nobody has used, as the reference does.
    is_fresh: bool,
    asked: Vec<&'a Asked>,
}

impl Page {
    pub fn text(&self) -> String {
        format!(
            "# Limits, kept to exactly\n\nWritten by `cargo run --release -p maitred-tests --bin exactness`, the last time. 50 clients who share the limits send 300 requests a \
             second to each route, each client to one of the gateways. “Permitted” is how many the algorithm lets through of any span of time at most, whatever came before; \
             that is looked at for every span that begins with one request and ends with another, and the fullest is told, as passed ÷ permitted. Where Redis was there and too late, \
             so that a gateway counted for itself, so many more may pass, which is told, and is no exact limit. “Reference” is what a \
             naive one lets through of the same requests from the beginning of the span on. `{}`.\n{}",
            ROUTES.map(|route| route.shown()).join("`, `").trim_start_matches("`, `"),
            self.text
        )
    }

    pub fn is_kept(&self) -> bool {
        self.broken == 0
    }

    pub fn add(&mut self, fault: Fault, outcome: &Outcome) {
        let _ = writeln!(self.text, "\n## {}\n", fault.title());
        let _ = writeln!(self.text, "| | limit | asked | passed | reference | fullest span |");
        self.text.push_str("| --- | --- | ---: | ---: | ---: | ---: |\n");
        let mut kept = Vec::new();
        for span in spans(outcome) {
            for (number, route) in ROUTES.iter().enumerate().skip(1) {
                kept.extend(self.tell_limit(&span, number, route));
            }
        }
        let is_exact = kept.is_empty();
        kept.push((
            "no span holds more than is permitted, and none that begins anew less than 99 % of the reference"
                .to_owned(),
            is_exact,
        ));
        let failed = outcome.asked.iter().filter(|asked| ![200, 429].contains(&asked.status)).count();
        kept.push((format!("every request is let through or refused: {failed} were neither"), failed == 0));
        let missed = outcome.missed.0 + outcome.missed.1;
        kept.push((
            format!("while Redis is there it counts: {missed} times it did not answer within 20 ms, and the gateway counted"),
            missed == 0,
        ));
        kept.push(self.tell_waits(outcome));
        kept.extend(after_fault(fault, outcome));
        self.text.push('\n');
        for (what, is_kept) in kept {
            self.broken += usize::from(!is_kept);
            let _ = writeln!(self.text, "- {}: {what}", if is_kept { "kept" } else { "**BROKEN**" });
        }
    }

    /// A line on one limit in a span, and what was not kept to.
    fn tell_limit(&mut self, span: &Span<'_>, number: usize, route: &Route) -> Vec<(String, bool)> {
        let of_route = span.asked.iter().filter(|asked| asked.route == number);
        let mut times: Vec<u64> =
            of_route.clone().map(|asked| u64::midpoint(asked.sent, asked.came)).collect();
        times.sort_unstable();
        let passed: Vec<&Asked> = of_route.filter(|asked| asked.status == 200).copied().collect();
        let expected = passing(route, &times);
        let (fullest, permitted) = fullest(&passed, |from, to| span.times * route.most(from, to));
        let _ = writeln!(
            self.text,
            "| {} | `{}` | {} | {} | {} | {fullest} ÷ {permitted} |",
            span.name,
            route.shown(),
            times.len(),
            passed.len(),
            if span.is_fresh { expected.to_string() } else { "–".to_owned() },
        );
        let mut broken = Vec::new();
        if fullest > permitted + span.missed {
            broken.push((format!("{}, `{}`: more than permitted", span.name, route.shown()), false));
        }
        if span.is_fresh && (passed.len() as f64) < LEAST * expected as f64 {
            broken.push((
                format!("{}, `{}`: less than 99 % of the reference", span.name, route.shown()),
                false,
            ));
        }
        broken
    }

    /// How long requests waited, beside those without a limit.
    fn tell_waits(&mut self, outcome: &Outcome) -> (String, bool) {
        let waits = |is_limited: bool| {
            let of_them = outcome.asked.iter().filter(|asked| (asked.route > 0) == is_limited);
            let mut waits: Vec<u64> = of_them.map(|asked| asked.came - asked.sent).collect();
            waits.sort_unstable();
            waits
        };
        let (plain, limited) = (waits(false), waits(true));
        let told = |waits: &[u64]| {
            let at = |share: usize| waits[(waits.len() - 1) * share / 1000] as f64 / 1000.0;
            format!("{:.1} ms at the median, {:.1} at 99 %, {:.1} at most", at(500), at(990), at(1000))
        };
        let _ = writeln!(self.text, "\nWaits: {}; without a limit {}.", told(&limited), told(&plain));
        let extra = limited.last().unwrap().saturating_sub(*plain.last().unwrap());
        let text = format!("no request waits over 50 ms longer: the longest {:.1} ms", extra as f64 / 1000.0);
        (text, extra <= EXTRA)
    }
}

/// The parts of a run: before, during and after a fault, or all of it.
fn spans(outcome: &Outcome) -> Vec<Span<'_>> {
    let span = |name, (times, missed, is_fresh), from, to| {
        let within = |asked: &&Asked| asked.sent >= from && asked.came <= to;
        Span { name, times, missed, is_fresh, asked: outcome.asked.iter().filter(within).collect() }
    };
    let missed = (outcome.missed.0.unsigned_abs(), outcome.missed.1.unsigned_abs());
    let Some((gone, there, back)) = outcome.away else {
        return vec![span("all", (1, missed.0, true), 0, u64::MAX)];
    };
    // The shared limit may have let some through at either end, beside each gateway's own.
    let times = 1 + outcome.gateways as u64;
    vec![
        span("before", (1, missed.0, true), 0, gone),
        span("away", (times, 0, true), gone, there),
        span("returning", (times, 0, false), there, back),
        span("after", (1, missed.1, false), back, u64::MAX),
    ]
}

/// Of all spans from one request to another the one that is nearest to what is permitted: how many passed within it, and might have.
fn fullest(passed: &[&Asked], most: impl Fn(u64, u64) -> u64) -> (u64, u64) {
    let mut by_end = passed.to_vec();
    by_end.sort_by_key(|asked| asked.came);
    let mut fullest = (0, 1);
    for first in passed {
        let later = by_end.iter().filter(|asked| asked.sent >= first.sent);
        for (count, last) in (1..).zip(later) {
            let permitted = most(first.sent, last.came);
            if count * fullest.1 > fullest.0 * permitted {
                fullest = (count, permitted);
            }
        }
    }
    fullest
}

/// What must be so once the store is back.
fn after_fault(fault: Fault, outcome: &Outcome) -> Vec<(String, bool)> {
    let Some((gone, there, back)) = outcome.away else { return Vec::new() };
    let hourly = |asked: &&Asked| asked.route == HOURLY && asked.status == 200;
    let passed = |from: u64, to: u64| {
        outcome.asked.iter().filter(hourly).filter(|asked| asked.sent >= from && asked.came <= to).count()
    };
    let used = passed(0, gone);
    // Whoever counts from its beginning, counts also what passed before all gateways were served again.
    let anew = passed(if fault == Fault::Killed { there } else { back }, u64::MAX);
    let missed = usize::try_from(outcome.missed.1).unwrap_or_default();
    let seconds = |from: u64, to: u64| (to - from) as f64 / 1e6;
    let goes_on = match fault {
        Fault::Killed => (
            format!("an empty Redis begins anew: {anew} of 1000 an hour passed again"),
            anew * 100 >= AN_HOUR * 99,
        ),
        // What the replica had not heard of yet may be given once more.
        Fault::FailedOver => (
            format!("the replica goes on: {anew} more of the 1000 that were used passed"),
            anew * 100 <= AN_HOUR + 100 * missed,
        ),
        _ => (
            format!("Redis goes on where it was: {anew} more of the 1000 that were used passed"),
            anew <= missed,
        ),
    };
    vec![
        (format!("the 1000 of an hour were used up before, {used} of them"), used * 100 >= AN_HOUR * 99),
        (
            format!(
                "recovers by itself: away {:.1} s, served all gateways {:.1} s after it was there",
                seconds(gone, there),
                seconds(there, back)
            ),
            true,
        ),
        goes_on,
    ]
}
