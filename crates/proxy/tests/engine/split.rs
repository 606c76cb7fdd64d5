//! What compiling a split comes to: ramps that go on over reloads, and policies that cannot stand on it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use maitred_config::config_map;
use maitred_http::{PathRules, RequestHead};
use maitred_policy::{Build, Catalog, Facts, Needs, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};
use maitred_proxy::{Caller, Snapshot, explain};

const MINUTE: Duration = Duration::from_mins(1);

config_map! {
    /// Is made for one service.
    pub struct ForOneConfig {
        /// Nothing.
        name: String = "none",
    }
}

struct ForOne;

impl PolicyKind for ForOne {
    const NAME: &'static str = "for_one";
    type Config = ForOneConfig;
    type Compiled = Self;

    fn phase(_: &ForOneConfig) -> Phase {
        Phase::Screen
    }

    fn compile(_: ForOneConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self)
    }
}

impl Policy for ForOne {
    type State = ();
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { upstream: true, ..Needs::default() }
    }

    fn on_request<'a>(&'a self, _: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

fn compiled(document: &str, now: SystemTime, previous: Option<&Snapshot>) -> Result<Snapshot, String> {
    crate::document::compiled(document, &Catalog::default().with::<ForOne>(), now, previous)
}

/// The share of variant `B` at a time.
fn share(snapshot: &Snapshot, at: SystemTime) -> String {
    let mut request = RequestHead::default();
    request.target.parse(b"/", PathRules::Raw).expect("a path");
    let caller = Caller { client: IpAddr::V4(Ipv4Addr::LOCALHOST), certificate: None };
    let explained = explain(snapshot, &request, caller, None, at).expect("a listener");
    let (_, behind) = explained.action.split_once("variant `B` (").expect("a variant");
    behind.split(')').next().unwrap_or_default().to_owned()
}

fn ramp(ramp: &str) -> String {
    format!(
        "routes: {{ app: {{ split: {{ variants: {{ A: http://a, B: {{ upstream: http://b, weight: {ramp} }} }} }} }} }}\n"
    )
}

#[test]
fn a_ramp_goes_on_over_reloads_while_it_is_unchanged() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let written = ramp("{ from: 0%, to: 100%, over: 1h }");
    let first = compiled(&written, start, None).unwrap();
    assert_eq!(share(&first, start + 15 * MINUTE), "25%");
    // A reload half an hour later, with something else besides.
    let other = format!("upstreams: {{ c: http://c }}\npolicies: {{ for_one: true }}\n{written}")
        .replace("routes: {", "routes: { one: { match: /one, upstream: c },");
    let other = other.replace("split:", "policies: false, split:");
    let second = compiled(&other, start + 30 * MINUTE, Some(&first)).unwrap();
    assert_eq!(share(&second, start + 45 * MINUTE), "75%");
    // Another process knows nothing of it; neither does one that was changed.
    let restarted = compiled(&written, start + 30 * MINUTE, None).unwrap();
    assert_eq!(share(&restarted, start + 45 * MINUTE), "25%");
    let changed = ramp("{ from: 10%, to: 100%, over: 1h }");
    let changed = compiled(&changed, start + 30 * MINUTE, Some(&second)).unwrap();
    assert_eq!(share(&changed, start + 30 * MINUTE), "10%");
    // Where the document says when, that counts and nothing else.
    let dated = ramp("{ from: 0%, to: 100%, over: 1h, starting: 2027-01-15T08:00:00Z }");
    let dated = compiled(&dated, start + 30 * MINUTE, Some(&changed)).unwrap();
    assert_eq!(share(&dated, start + 15 * MINUTE), "25%");
}

#[test]
fn a_policy_that_is_made_for_one_service_cannot_stand_on_a_split() {
    let document = "policies: { for_one: true }\nroutes: { app: { split: { variants: { A: http://a, B: http://b } } } }\n";
    let problems = compiled(document, SystemTime::UNIX_EPOCH, None).unwrap_err();
    assert!(
        problems.contains("`for_one` is made for one service, and a route with `split` has several"),
        "{problems}"
    );
    let without = document.replace("split:", "policies: { for_one: false }, split:");
    assert!(compiled(&without, SystemTime::UNIX_EPOCH, None).is_ok());
}
