//! Preflights and answers as browsers see them (Fetch standard, section "CORS protocol").

use maitred_policy::harness::{Answered, Harness, Outcome, problems_of};
use maitred_policy::{Facts, Fault, Policy, RequestCx, Step, Verdict};

use super::*;

const LISTED: &str = "{ origins: ['https://shop.example', 'https://*.shop.example'], methods: [GET, POST, PUT, DELETE], \
    headers: [Authorization], expose: [X-Total], credentials: true, max_age: 1h }";

fn preflight(yaml: &str, origin: &str, fields: &[(&str, &str)]) -> Outcome {
    let mut all = vec![("Origin", origin), ("Access-Control-Request-Method", "PUT")];
    all.extend_from_slice(fields);
    Harness::of::<Cors>(yaml).request("OPTIONS /x", &all).answer(200, &[])
}

fn call(yaml: &str, fields: &[(&str, &str)], answer: &[(&str, &str)]) -> Outcome {
    Harness::of::<Cors>(yaml).request("GET /x", fields).answer(200, answer)
}

fn access_control(outcome: &Outcome) -> Vec<(String, String)> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).replace("Access-Control-", "");
    let mut fields: Vec<_> = outcome
        .response
        .fields
        .iter()
        .filter(|(name, _)| name.to_ascii_lowercase().starts_with(b"access-control"))
        .map(|(n, value)| (name(n), String::from_utf8_lossy(value).into_owned()))
        .collect();
    fields.sort();
    fields
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_preflight_of_a_listed_site_is_answered_here() {
    for origin in ["https://shop.example", "https://a.shop.example"] {
        let outcome = preflight(LISTED, origin, &[("Access-Control-Request-Headers", "authorization")]);
        assert!(outcome.sent.is_none() && matches!(outcome.answered, Answered::Policy));
        assert_eq!((outcome.response.status, outcome.body.len()), (204, 0));
        assert_eq!(
            access_control(&outcome),
            pairs(&[
                ("Allow-Credentials", "true"),
                ("Allow-Headers", "Authorization"),
                ("Allow-Methods", "GET, POST, PUT, DELETE"),
                ("Allow-Origin", origin),
                ("Max-Age", "3600"),
            ])
        );
        assert_eq!(
            outcome.field("Vary").as_deref(),
            Some("Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
        );
    }
}

#[test]
fn a_preflight_of_another_site_is_told_nothing() {
    for origin in ["https://evil.test", "null", "https://shop.example.evil.test"] {
        let outcome = preflight(LISTED, origin, &[]);
        assert_eq!(outcome.response.status, 204);
        assert_eq!(access_control(&outcome), []);
        assert!(outcome.field("Vary").unwrap().starts_with("Origin"));
    }
}

#[test]
fn true_lets_every_site_call_with_the_methods_of_the_route() {
    let fields = [
        ("Origin", "https://any.test"),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "x-a,content-type"),
    ];
    let harness = Harness::of::<Cors>("true");
    let open = harness.request("OPTIONS /x", &fields).answer(200, &[]);
    let expected = |methods| {
        pairs(&[("Allow-Headers", "x-a,content-type"), ("Allow-Methods", methods), ("Allow-Origin", "*")])
    };
    assert_eq!(access_control(&open), expected("PATCH"));
    let harness = harness.route_methods(&["GET", "PATCH"]);
    let limited = harness.request("OPTIONS /x", &fields).answer(200, &[]);
    assert_eq!(access_control(&limited), expected("GET, PATCH"));
}

#[test]
fn other_options_requests_go_to_the_service() {
    for fields in [&[("Origin", "https://shop.example")][..], &[("Access-Control-Request-Method", "PUT")]] {
        let outcome = Harness::of::<Cors>(LISTED).request("OPTIONS /x", fields).answer(200, &[]);
        assert!(outcome.sent.is_some(), "{fields:?}");
    }
    assert!(
        call(LISTED, &[("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT")], &[])
            .sent
            .is_some()
    );
}

#[test]
fn answers_name_the_site_and_replace_what_the_service_says() {
    let theirs = [
        ("access-control-allow-origin", "*"),
        ("Access-Control-Allow-Private-Network", "true"),
        ("Vary", "Accept-Encoding"),
    ];
    let listed = call(LISTED, &[("Origin", "https://a.shop.example")], &theirs);
    assert_eq!(
        access_control(&listed),
        pairs(&[
            ("Allow-Credentials", "true"),
            ("Allow-Origin", "https://a.shop.example"),
            ("Expose-Headers", "X-Total"),
        ])
    );
    assert_eq!(listed.field("Vary").as_deref(), Some("Accept-Encoding | Origin"));
    for fields in [&[("Origin", "https://evil.test")][..], &[]] {
        let other = call(LISTED, fields, &theirs);
        assert_eq!(access_control(&other), []);
        assert_eq!(other.field("Vary").as_deref(), Some("Accept-Encoding | Origin"), "{fields:?}");
    }
    for fields in [&[("Origin", "https://a.test")][..], &[]] {
        let any = call("true", fields, &theirs);
        assert_eq!(access_control(&any), pairs(&[("Allow-Origin", "*")]));
        assert_eq!(any.field("Vary").as_deref(), Some("Accept-Encoding"));
    }
}

#[test]
fn vary_is_not_said_twice() {
    for theirs in ["Accept, origin", "*"] {
        let outcome = call(LISTED, &[], &[("Vary", theirs)]);
        assert_eq!(outcome.field("Vary").as_deref(), Some(theirs));
    }
}

#[test]
fn errors_of_the_gateway_carry_the_fields_too() {
    let origin = [("Origin", "https://shop.example")];
    let failed = Harness::of::<Cors>(LISTED).request("GET /x", &origin).fail(Fault::timeout("late"));
    assert_eq!(failed.field("Access-Control-Allow-Origin").as_deref(), Some("https://shop.example"));
    // Refused before it came to this policy.
    let refused =
        Harness::of::<Refuse>("true").and::<Cors>(LISTED).request("GET /x", &origin).answer(200, &[]);
    assert_eq!(refused.response.status, 403);
    assert_eq!(refused.field("Access-Control-Allow-Origin").as_deref(), Some("https://shop.example"));
}

#[test]
fn what_changes_the_request_later_changes_nothing_here() {
    let outcome = Harness::of::<Cors>(LISTED)
        .and::<crate::transform_request::TransformRequest>("{ headers: { remove: Origin } }")
        .request("GET /x", &[("Origin", "https://shop.example")])
        .answer(200, &[]);
    assert_eq!(outcome.sent_field("Origin"), None);
    assert_eq!(outcome.field("Access-Control-Allow-Origin").as_deref(), Some("https://shop.example"));
}

#[test]
fn it_says_what_it_would_do() {
    let harness = Harness::of::<Cors>(LISTED);
    let explain = |line: &str, fields: &[(&str, &str)]| harness.request(line, fields).explain().concat();
    assert_eq!(explain("GET /", &[]), "the request is not from another site");
    assert_eq!(explain("GET /", &[("Origin", "https://a.test")]), "https://a.test may not call");
    assert_eq!(
        explain("OPTIONS /", &[("Origin", "https://shop.example"), ("Access-Control-Request-Method", "GET")]),
        "answers the preflight: https://shop.example may call"
    );
}

#[test]
fn mistakes_are_told() {
    for (yaml, told) in [
        ("{ credentials: true }", "with `credentials`, the sites have to be listed"),
        (
            "{ origins: ['*', 'https://a.test'], credentials: true }",
            "with `credentials`, the sites have to be listed",
        ),
        ("{ origins: 'https://*.com', credentials: true }", "below a name that anybody may buy"),
        ("{ origins: 'https://*.com:8443', credentials: true }", "below a name that anybody may buy"),
        ("{ origins: [] }", "no site may call"),
        ("{ origins: shop.example }", "`shop.example` is no origin"),
        ("{ origins: 'null' }", "warning: `null` is the origin of every sandboxed frame"),
        ("{ origin: '*' }", "did you mean `origins`?"),
        ("{ max_age: 600 }", "needs a unit"),
    ] {
        let problems = problems_of::<Cors>(yaml);
        assert!(problems.contains(told), "{yaml}:\n{problems}");
    }
    assert_eq!(problems_of::<Cors>("https://shop.example"), "");
    let own = "{ origins: ['https://*.shop.example', 'http://*.localhost:3000'], credentials: true }";
    assert_eq!(problems_of::<Cors>(own), "");
}

/// Refuses everything, in the first phase.
struct Refuse;

maitred_config::config_map! {
    /// Nothing.
    struct RefuseConfig {}
}

impl PolicyKind for Refuse {
    const NAME: &'static str = "refuse";
    type Config = RefuseConfig;
    type Compiled = Self;

    fn phase(_: &RefuseConfig) -> Phase {
        Phase::Screen
    }

    fn compile(_: RefuseConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self)
    }
}

impl Policy for Refuse {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, _: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        Step::fail(Fault::client(403, "refused", "No"))
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        "refuses".to_owned()
    }
}
