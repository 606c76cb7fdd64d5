//! The policy by the harness: who is answered from memory and who is not, what waits, what is removed.

use std::sync::Arc;
use std::time::Duration;

use maitred_policy::harness::{Answered, Harness, Outcome, problems_of};
use maitred_policy::identity::{Claims, Consumer};

use super::*;

mod answers;
mod configuration;
mod filling;
mod identities;
mod removal;
mod store;
mod updates;
mod waiting;

const FRESH: &[(&str, &str)] = &[("Cache-Control", "max-age=60")];
const HOST: (&str, &str) = ("Host", "shop.example");

fn cached(yaml: &str) -> Harness {
    Harness::of::<Cache>(yaml)
}

/// A request for `/x`; the service would say `body`.
fn get(harness: &Harness, fields: &[(&str, &str)], answer: &[(&str, &str)], body: &str) -> Outcome {
    ask(harness, "GET /x", fields, 200, answer, body)
}

fn ask(
    harness: &Harness,
    line: &str,
    fields: &[(&str, &str)],
    status: u16,
    answer: &[(&str, &str)],
    body: &str,
) -> Outcome {
    let mut all = vec![HOST];
    all.extend_from_slice(fields);
    harness.request(line, &all).answer_with(status, answer, body, &[])
}

fn is_hit(outcome: &Outcome) -> bool {
    assert_eq!(outcome.sent.is_none(), outcome.field("X-Cache").as_deref() == Some("HIT"));
    outcome.sent.is_none()
}

fn seconds(harness: &Harness, seconds: u64) {
    harness.advance(Duration::from_secs(seconds));
}

fn measured(harness: &Harness, family: &str, result: Option<&str>) -> u64 {
    let all = harness.measures();
    let found = all.iter().find(|one| one.family == family && one.label.map(|(_, word)| word) == result);
    found.expect("it is measured").value
}
