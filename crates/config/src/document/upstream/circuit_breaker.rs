//! When a service is given up for a while: the circuit breaker of an upstream.
//! Only what is written; how a circuit moves is the business of crate upstream.

use std::num::NonZeroU32;
use std::time::Duration;

use super::TryEnd;
use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader, Toggle, default_value};
use crate::scalar::Percent;

/// The most that `successes` can be: more trials, one after the other, would keep a service shut that is well.
const MOST_SUCCESSES: u32 = 500;
/// The shortest `window`: it is counted in tenths, each at least a millisecond long.
const SHORTEST_WINDOW: Duration = Duration::from_millis(10);

config_map! {
    /// Sends a service nothing for a while once it fails (the circuit is open), and then tries it with one request at a time. It
    /// counts tries. The first condition that holds opens it.
    #[check = CircuitBreaker::check]
    pub struct CircuitBreaker {
        /// How many tries in a row have to fail to open it; `false`: however many.
        #[main]
        failures: Toggle<NonZeroU32> = 5,
        /// How many trials in a row have to succeed to close it again.
        successes: NonZeroU32 = 2,
        /// How long it is open before the first trial.
        open_for: Duration = "30s",
        /// How a try has to end to be a failure: `connect_failure`, `reset`, `timeout`, a status (`503`) or a class of them (`5xx`).
        failure_on: OneOrMany<TryEnd> = "[connect_failure, reset, timeout, 5xx]",
        /// The share of the tries in `window` that has to fail to open it.
        error_rate: Option<Percent>,
        /// How long a service takes, from the end of the request to the head of its answer, when it is slow. A slow trial fails.
        slow_call: Option<Duration>,
        /// The share of the tries in `window` that has to be slow to open it.
        slow_rate: Percent = "80%",
        /// The time that shares are taken of.
        window: Duration = "10s",
        /// How many tries there have to be in `window` for shares to count.
        min_calls: NonZeroU32 = 20,
    }
}

impl CircuitBreaker {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        for (key, time, why) in [
            ("open_for", Some(self.open_for), "it would never be open"),
            ("slow_call", self.slow_call, "every try would be slow"),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                let problem = Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key));
                reader.problem(problem.help(why));
            }
        }
        if self.successes.get() > MOST_SUCCESSES {
            let problem = Problem::error(format!("`successes` is at most {MOST_SUCCESSES}"));
            reader.problem(problem.at(fields.value_span("successes")));
        }
        if self.window < SHORTEST_WINDOW {
            let problem = Problem::error("`window` is at least `10ms`").at(fields.value_span("window"));
            reader.problem(problem);
        }
        let shares = [("error_rate", self.error_rate), ("slow_rate", Some(self.slow_rate))];
        for (key, _) in shares.iter().filter(|(_, share)| share.is_some_and(|share| share.millionths == 0)) {
            let problem = Problem::error(format!("`{key}` cannot be `0%`")).at(fields.value_span(key));
            reader.problem(problem.help("every try would open the circuit"));
        }
        if self.failures.on().is_none() && self.error_rate.is_none() && self.slow_call.is_none() {
            let problem = Problem::error("nothing opens this circuit").at(fields.value_span("failures"));
            reader.problem(problem.help("give it `error_rate` or `slow_call`, or leave `failures` as it is"));
        }
        self.warn_of_what_does_nothing(fields, reader);
    }

    /// What is as it is anyway is said by nobody but the long form.
    fn warn_of_what_does_nothing(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.slow_call.is_some() {
            return;
        }
        let usual: Self = default_value("{ slow_call: 1s }");
        let mut useless = vec![("slow_rate", self.slow_rate != usual.slow_rate, "`slow_call`")];
        if self.error_rate.is_none() {
            let needed = "`error_rate` or `slow_call`";
            useless.push(("window", self.window != usual.window, needed));
            useless.push(("min_calls", self.min_calls != usual.min_calls, needed));
        }
        for (key, _, needed) in useless.into_iter().filter(|(_, is_said, _)| *is_said) {
            let problem = Problem::warning(format!("`{key}` has no effect without {needed}"));
            reader.problem(problem.at(fields.key_span(key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read_text;

    #[test]
    fn its_short_forms() {
        let usual: CircuitBreaker = read_text("true").unwrap();
        assert_eq!(usual.failures.on().map(|failures| failures.get()), Some(5));
        assert_eq!((usual.successes.get(), usual.open_for), (2, Duration::from_secs(30)));
        let ends = [TryEnd::ConnectFailure, TryEnd::Reset, TryEnd::Timeout, TryEnd::Status(500..=599)];
        assert_eq!(usual.failure_on[..], ends);
        assert_eq!((usual.error_rate, usual.slow_call), (None, None));
        let short: CircuitBreaker = read_text("3").unwrap();
        assert_eq!(short, CircuitBreaker { failures: Toggle::On(NonZeroU32::new(3).unwrap()), ..usual });
        let by_share: CircuitBreaker = read_text("{ failures: false, error_rate: 12.5% }").unwrap();
        assert_eq!(by_share.failures, Toggle::Off);
        assert_eq!(by_share.error_rate, Some(Percent { millionths: 125_000 }));
    }
}
