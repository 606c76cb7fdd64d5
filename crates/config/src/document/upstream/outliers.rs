//! Passive ejection: endpoints that fail requests get none for a while.
//! Only the words and their checks: who is ejected, and until when, is decided in crate upstream.

use std::num::NonZeroU16;
use std::time::Duration;

use super::super::refuse_zero;
use super::TryEnd;
use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader};
use crate::scalar::Percent;

config_map! {
    /// Keeps requests for a while from an endpoint that fails them.
    #[check = OutlierDetection::check]
    pub struct OutlierDetection {
        /// After how many failures in a row.
        consecutive_errors: NonZeroU16 = 5,
        /// For how long the first time. Each further time it is twice as long; every such while that it stays takes one doubling back.
        eject_for: Duration = "30s",
        /// For how long at most.
        max_eject_for: Duration = "5m",
        /// How many of the endpoints that have a weight at once, rounded down: one always stays.
        max_ejected: Percent = "50%",
        /// What counts as a failure: `connect_failure`, `reset`, `timeout`, a status, or a class of statuses.
        failure_on: OneOrMany<TryEnd> = "[connect_failure, reset, timeout, 502, 503, 504]",
    }
}

impl OutlierDetection {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let times = [("eject_for", Some(self.eject_for)), ("max_eject_for", Some(self.max_eject_for))];
        refuse_zero(&times, fields, reader);
        if self.max_eject_for < self.eject_for {
            let problem = Problem::error("`eject_for` is longer than `max_eject_for`");
            let problem = problem.at(fields.value_span("eject_for"));
            reader.problem(problem.help("write a longer `max_eject_for`: it is `5m` unless written"));
        }
        if self.max_ejected.millionths == 0 {
            let problem =
                Problem::error("`max_ejected: 0%` ejects nothing").at(fields.value_span("max_ejected"));
            reader.problem(problem.help("write `outlier_detection: false`"));
        }
    }
}
