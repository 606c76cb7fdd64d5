//! Windows of the calendar, and what operators see and set back.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use maitred_http::Method;
use maitred_policy::harness::{Harness, Outcome, problems_of};
use maitred_policy::{AdminReply, AdminRequest, DynPolicy};
use maitred_store::{MemorySettings, MemoryStore};
use serde_json::json;

use super::*;

/// 2026-01-01, 00:00 UTC: the clock of the harness.
const BEGAN: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

fn get(harness: &Harness) -> Outcome {
    harness.request("GET /", &[]).answer(200, &[])
}

fn operate(harness: &Harness, method: Method, rest: &str) -> AdminReply {
    let resource = DynPolicy::admin(harness.policy::<Limiter>()).expect("quotas are shown");
    assert_eq!(resource.collection(), "quotas");
    let moment = harness.beside().moment();
    let request = AdminRequest { method, rest, query: &[], body: &[], moment };
    let mut serving = resource.serve(request);
    match serving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reply) => reply,
        Poll::Pending => panic!("memory answers at once"),
    }
}

#[test]
fn a_month_is_one_of_the_calendar() {
    let harness = Harness::of::<QuotaPolicy>("2/month");
    harness.advance(Duration::from_secs(30 * DAY));
    let first = get(&harness);
    assert_eq!(first.field("X-Quota-Limit").as_deref(), Some("2"));
    assert_eq!(first.field("X-Quota-Remaining").as_deref(), Some("1"));
    assert_eq!(first.field("X-Quota-Reset"), Some((BEGAN + 31 * DAY).to_string()));
    get(&harness);
    let spent = get(&harness);
    assert_eq!((spent.response.status, spent.cause()), (429, Some("quota")));
    assert_eq!(spent.fault().unwrap().detail(), "Quota exceeded");
    assert_eq!(spent.field("Retry-After"), Some(DAY.to_string()));
    harness.advance(Duration::from_secs(DAY));
    assert_eq!(get(&harness).field("X-Quota-Reset"), Some((BEGAN + (31 + 28) * DAY).to_string()));
}

#[test]
fn operators_read_and_reset() {
    let harness = Harness::of::<QuotaPolicy>("[2/d, 100/month]");
    assert_eq!(operate(&harness, Method::Get, "ip:192.0.2.7").status, 404);
    get(&harness);
    get(&harness);
    assert_eq!(get(&harness).response.status, 429);
    let list = operate(&harness, Method::Get, "");
    let expected = json!({ "quotas": [{
        "counted_as": "quota:global/quota", "limits": ["2/d", "100/month"], "keys": ["ip:192.0.2.7"],
    }] });
    assert_eq!((list.status, list.json), (200, expected));
    let day = |used| json!({ "limit": "2/d", "used": used, "remaining": 2 - used, "resets_at": BEGAN + DAY });
    let month = |used| json!({ "limit": "100/month", "used": used, "remaining": 100 - used, "resets_at": BEGAN + 31 * DAY });
    let one = |used: u64| {
        let limits = [day(used), month(used)];
        json!({ "key": "ip:192.0.2.7", "quotas": [{ "counted_as": "quota:global/quota", "limits": limits }] })
    };
    assert_eq!(operate(&harness, Method::Get, "ip:192.0.2.7").json, one(2));
    let reset = operate(&harness, Method::Delete, "ip:192.0.2.7");
    assert_eq!((reset.status, reset.json), (200, one(0)));
    assert_eq!(operate(&harness, Method::Delete, "ip:192.0.2.7").status, 404);
    assert_eq!(get(&harness).response.status, 200);
    assert_eq!(operate(&harness, Method::Delete, "").status, 405);
    assert_eq!(operate(&harness, Method::Post, "ip:192.0.2.7").status, 405);
}

#[test]
fn long_and_many_keys_do_not_fill_the_store() {
    let settings = MemorySettings { size: 1 << 20, ..MemorySettings::default() };
    let yaml = "{ limit: 100/d, by: header.X-Tenant, on_store_failure: deny }";
    let harness = Harness::with_store::<QuotaPolicy>(Arc::new(MemoryStore::new(settings)), yaml);
    let ask = |tenant: &str| harness.request("GET /", &[("X-Tenant", tenant)]).answer(200, &[]);
    let left = |tenant| ask(tenant).field("X-Quota-Remaining").unwrap().parse::<u64>().unwrap();
    (0..30).for_each(|used| assert_eq!(left("acme"), 99 - used));
    for number in 0..1000 {
        assert_eq!(ask(&format!("{number:024000}")).response.status, 200, "{number}");
    }
    assert_eq!((left("acme"), left("new")), (69, 99));
    // Where everybody has used much, a new one is denied.
    let busy = |number: u64| (0..11).all(|_| ask(&format!("{number:024000}")).response.status == 200);
    let served = (0..1000).take_while(|number| busy(*number)).count();
    assert!((50..500).contains(&served), "{served}");
    assert_eq!((ask("newer").response.status, left("acme")), (503, 68));
    harness.advance(Duration::from_secs(DAY));
    assert_eq!(left("newer"), 99);
}

#[test]
fn that_they_are_forgotten_is_told() {
    let warned = problems_of::<QuotaPolicy>("5/d");
    assert!(warned.contains("warning: the store forgets quotas when the gateway ends"), "{warned}");
    let settings = MemorySettings { path: Some("/tmp/counts".into()), ..MemorySettings::default() };
    let kept = Harness::with_store::<QuotaPolicy>(Arc::new(MemoryStore::new(settings)), "5/d");
    assert_eq!(get(&kept).response.status, 200);
}

#[test]
fn short_times_are_no_quota() {
    let problems = problems_of::<QuotaPolicy>("5/s");
    assert!(problems.contains("a quota is for a minute or more"), "{problems}");
}
