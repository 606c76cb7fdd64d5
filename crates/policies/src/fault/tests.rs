//! How often, how long and with what, with seeded dice and a clock that is moved.

use maitred_policy::harness::{Harness, Outcome, problems_of};

use super::*;

fn ask(harness: &Harness, fields: &[(&str, &str)]) -> Outcome {
    harness.request("GET /", fields).answer(200, &[])
}

fn injected(harness: &Harness) -> [u64; 2] {
    let measures = harness.measures();
    ["delay", "abort"].map(|kind| {
        measures.iter().find(|one| one.label == Some(("kind", kind))).expect("it is measured").value
    })
}

#[test]
fn a_share_is_delayed_and_a_share_aborted() {
    let harness = Harness::of::<FaultPolicy>(
        "{ delay: { for: 500ms, share: 10% }, abort: { status: 503, share: 25% } }",
    )
    .seeded(1);
    let outcomes: Vec<_> = (0..4000).map(|_| ask(&harness, &[])).collect();
    let delayed = outcomes.iter().filter(|outcome| outcome.took == Duration::from_millis(500)).count();
    let aborted = outcomes.iter().filter(|outcome| outcome.response.status == 503).count();
    assert!(
        outcomes.iter().all(|outcome| outcome.took.is_zero() || outcome.took == Duration::from_millis(500))
    );
    assert!((340..460).contains(&delayed) && (920..1080).contains(&aborted), "{delayed}, {aborted}");
    assert_eq!(injected(&harness), [delayed as u64, aborted as u64]);
    let aborted = outcomes.iter().find(|outcome| outcome.response.status == 503).unwrap();
    assert_eq!(
        (aborted.cause(), aborted.field("X-Fault").as_deref()),
        (Some("fault_injected"), Some("abort"))
    );
    assert!(aborted.sent.is_none());
}

#[test]
fn all_and_none_are_no_chance() {
    let all = Harness::of::<FaultPolicy>("{ delay: 2s, abort: 429 }");
    let outcome = ask(&all, &[]);
    assert_eq!((outcome.response.status, outcome.took), (429, Duration::from_secs(2)));
    let none =
        Harness::of::<FaultPolicy>("{ delay: { for: 2s, share: 0% }, abort: { status: 429, share: 0% } }");
    assert!((0..100).all(|_| ask(&none, &[]).took.is_zero()));
    assert_eq!(injected(&none), [0, 0]);
}

#[test]
fn only_requests_that_fit_meet_it() {
    let harness =
        Harness::of::<FaultPolicy>("{ abort: 503, headers: true, when: 'header[\"X-Test\"] == \"yes\"' }");
    assert_eq!(ask(&harness, &[]).response.status, 200);
    assert_eq!(ask(&harness, &[("X-Test", "yes")]).response.status, 503);
    let outcome = ask(&harness, &[("X-Fault-Abort", "500")]);
    assert_eq!((outcome.response.status, outcome.sent_field("X-Fault-Abort")), (200, None));
    let explained = |fields: &[(&str, &str)]| harness.request("GET /", fields).explain().remove(0);
    assert_eq!(explained(&[]), "leaves it alone");
    assert_eq!(explained(&[("X-Test", "yes")]), "aborts 100% of them with 503");
}

#[test]
fn requests_ask_for_it_where_they_may_and_within_bounds() {
    let yaml = |headers| {
        format!(
            "{{ delay: {{ for: 1s, share: 0% }}, abort: {{ status: 503, share: 0% }}, headers: {headers} }}"
        )
    };
    let on = Harness::of::<FaultPolicy>(&yaml(true));
    for (asked, took) in [("200ms", 200), ("1s", 1000), ("1h", 1000), ("0s", 0)] {
        let outcome = ask(&on, &[("X-Fault-Delay", asked)]);
        assert_eq!((outcome.response.status, outcome.took), (200, Duration::from_millis(took)), "{asked}");
        assert_eq!(outcome.sent_field("X-Fault-Delay"), None);
    }
    let both = ask(&on, &[("X-Fault-Delay", "10ms"), ("X-Fault-Abort", "418")]);
    assert_eq!((both.response.status, both.took), (418, Duration::from_millis(10)));
    for fields in [[("X-Fault-Delay", "soon")], [("X-Fault-Abort", "200")], [("X-Fault-Abort", "no")]] {
        let outcome = ask(&on, &fields);
        assert_eq!((outcome.response.status, outcome.cause()), (400, Some("fault_field")), "{fields:?}");
    }
    let off = Harness::of::<FaultPolicy>(&yaml(false));
    let outcome = ask(&off, &[("X-Fault-Delay", "200ms"), ("X-Fault-Abort", "503")]);
    assert_eq!((outcome.response.status, outcome.took), (200, Duration::ZERO));
    assert_eq!(outcome.sent_field("X-Fault-Delay").as_deref(), Some("200ms"));
    let only_delay = Harness::of::<FaultPolicy>("{ delay: { for: 1s, share: 0% }, headers: true }");
    assert_eq!(ask(&only_delay, &[("X-Fault-Abort", "503")]).response.status, 200);
}

#[test]
fn who_goes_meanwhile_waits_no_more() {
    let harness = Harness::of::<FaultPolicy>("{ delay: 2s }");
    let mut begun = harness.request("GET /", &[]).begin();
    assert!(!begun.is_at_service());
    drop(begun);
    harness.advance(Duration::from_secs(2));
    assert_eq!(injected(&harness), [1, 0]);
    assert_eq!(injected(&harness.reloaded::<FaultPolicy>("{ abort: 503 }")), [1, 0]);
}

#[test]
fn what_does_nothing_is_a_mistake() {
    for (yaml, told) in [
        ("true", "this does nothing to any request"),
        ("{ headers: true }", "this does nothing to any request"),
        ("{ abort: 200 }", "a request is aborted with an error"),
        ("{ delay: { share: 10% } }", "`for` is missing"),
        ("{ abort: { status: 503, share: 0.1 } }", "`0.1` needs a percent sign"),
        ("{ delay: 1s, when: 'nothing.such' }", "nothing"),
    ] {
        let problems = problems_of::<FaultPolicy>(yaml);
        assert!(problems.contains(told), "{yaml}: {problems}");
    }
}
