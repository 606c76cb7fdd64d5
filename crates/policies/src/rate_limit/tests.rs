//! Who is refused, what is told, and what is counted where.

use std::time::Duration;

use maitred_config::Memory;
use maitred_policy::harness::{Harness, Outcome, problems_in_document, problems_of};

use super::*;
use crate::api_key::ApiKey;
use crate::quota::QuotaPolicy;

mod away;
mod bounds;

/// 2026-01-01, 00:00 UTC: the clock of the harness.
const BEGAN: u64 = 1_767_225_600;

const PLANS: &str = "
maitred: 1
plans:
  free: { rate_limit: 2/h, default: true }
  premium: { rate_limit: [4/h, { limit: 3/m, algorithm: sliding_window }], quota: 6/d }
  none: { rate_limit: false }
consumers:
  acme: { plan: premium }
  zoe: { plan: none }
  bob: { }
routes: { app: { match: /*, upstream: http://localhost:3000 } }
";

fn limited(yaml: &str) -> Harness {
    Harness::of::<RateLimitPolicy>(yaml)
}

fn get(harness: &Harness) -> Outcome {
    harness.request("GET /", &[]).answer(200, &[])
}

/// Limit, remaining, and in how many seconds it resets.
fn told(outcome: &Outcome) -> (u64, u64, u64) {
    let number = |name| outcome.field(name).unwrap_or_else(|| panic!("{name} is told")).parse().unwrap();
    let reset: u64 = number("X-RateLimit-Reset");
    (number("X-RateLimit-Limit"), number("X-RateLimit-Remaining"), reset - BEGAN)
}

fn measured(harness: &Harness, family: &str, result: Option<&str>) -> u64 {
    let all = harness.measures();
    let of = |label: Option<(&str, &'static str)>| label.map(|(_, word)| word) == result;
    all.iter().find(|one| one.family == family && of(one.label)).expect("it is measured").value
}

#[test]
fn so_many_pass_and_the_next_is_told_how_long_to_wait() {
    let harness = limited("2/s");
    let first = get(&harness);
    assert_eq!((first.response.status, told(&first)), (200, (2, 1, 1)));
    assert_eq!(told(&get(&harness)), (2, 0, 1));
    let refused = get(&harness);
    assert_eq!((refused.response.status, refused.cause()), (429, Some("rate_limit")));
    assert_eq!(refused.fault().unwrap().detail(), "Rate limit exceeded");
    assert_eq!(refused.field("Retry-After").as_deref(), Some("1"));
    assert_eq!(told(&refused), (2, 0, 1));
    assert!(refused.sent.is_none());
    harness.advance(Duration::from_millis(500));
    assert_eq!(get(&harness).response.status, 200);
    assert_eq!(get(&harness).response.status, 429);
    let count = |result| measured(&harness, "maitred_rate_limit_requests_total", Some(result));
    assert_eq!((count("allowed"), count("refused")), (3, 2));
}

#[test]
fn retry_after_is_the_true_time_rounded_up() {
    let harness = limited("{ limit: 1/m, algorithm: fixed_window }");
    get(&harness);
    harness.advance(Duration::from_millis(10_500));
    assert_eq!(get(&harness).field("Retry-After").as_deref(), Some("50"));
    harness.advance(Duration::from_millis(49_500));
    assert_eq!(get(&harness).response.status, 200);
}

#[test]
fn bursts_are_what_is_written() {
    let harness = limited("{ limit: 1/s, burst: 3 }");
    let all: Vec<_> = (0..4).map(|_| get(&harness).response.status).collect();
    assert_eq!(all, [200, 200, 200, 429]);
    assert_eq!(told(&get(&harness)), (3, 0, 3));
}

#[test]
fn several_limits_count_together_and_the_closest_is_told() {
    let harness = limited("[2/s, { limit: 3/h, algorithm: fixed_window }]");
    assert_eq!(told(&get(&harness)), (2, 1, 1));
    get(&harness);
    assert_eq!(get(&harness).response.status, 429);
    // What was refused took nothing of the other.
    harness.advance(Duration::from_secs(1));
    assert_eq!(told(&get(&harness)), (3, 0, 3600));
    let refused = get(&harness);
    assert_eq!((refused.response.status, told(&refused)), (429, (3, 0, 3600)));
    assert_eq!(refused.field("Retry-After").as_deref(), Some("3599"));
}

#[test]
fn the_stricter_of_two_policies_is_told_and_never_two_sets() {
    let strict_first = limited("2/h").and::<RateLimitPolicy>("{ limit: 9/s, by: client.ip }");
    assert_eq!(told(&get(&strict_first)).0, 2);
    let strict_last = limited("{ limit: 2/h, by: client.ip }").and::<RateLimitPolicy>("9/s");
    assert_eq!(told(&get(&strict_last)).0, 2);
    let service = [("X-RateLimit-Limit", "77"), ("X-RateLimit-Remaining", "7"), ("X-Other", "kept")];
    let outcome = strict_last.request("GET /", &[]).answer(200, &service);
    assert_eq!((told(&outcome).0, outcome.field("X-Other").as_deref()), (2, Some("kept")));
    // The one that refuses is told, whatever the other says.
    assert_eq!(get(&strict_last).response.status, 429);
    assert_eq!(told(&get(&strict_last)).0, 2);
}

#[test]
fn fields_stand_on_errors_too() {
    let harness = limited("{ limit: 5/s, by: client.ip }").and::<ApiKey>("true");
    let refused = get(&harness);
    assert_eq!((refused.response.status, told(&refused)), (401, (5, 4, 1)));
    let broken = limited("5/s").request("GET /", &[]).fail(maitred_policy::Fault::timeout("late"));
    assert_eq!((broken.response.status, told(&broken)), (504, (5, 4, 1)));
}

#[test]
fn wrong_credentials_count_where_the_key_needs_no_identity() {
    let harness = limited("{ limit: 2/m, by: client.ip }").and::<ApiKey>("true");
    let all: Vec<_> = (0..3).map(|_| get(&harness).response.status).collect();
    assert_eq!(all, [401, 401, 429]);
}

#[test]
fn fields_are_those_of_the_draft_or_none() {
    let harness = limited("{ limit: 5/m, headers: ietf }");
    let outcome = get(&harness);
    assert_eq!(outcome.field("RateLimit-Policy").as_deref(), Some("\"rate_limit\";q=5;w=60"));
    assert_eq!(outcome.field("RateLimit").as_deref(), Some("\"rate_limit\";r=4;t=12"));
    assert_eq!(outcome.field("X-RateLimit-Limit"), None);
    let both = limited("{ limit: 5/m, headers: ietf }").and::<QuotaPolicy>("{ limit: 2/d, headers: ietf }");
    assert_eq!(get(&both).field("RateLimit").as_deref(), Some("\"quota\";r=1;t=86400"));
    let silent = get(&limited("{ limit: 5/m, headers: false }"));
    assert!(!silent.response.fields.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with(b"x-rate")));
}

#[test]
fn each_set_of_fields_tells_of_its_own_limits() {
    // The quota is closer to refusing, and is told elsewhere; the limit that is not told hides nobody.
    for (quota, limit) in [("{ limit: 2/d }", "X-Quota-Limit"), ("{ limit: 2/d, headers: false }", "none")] {
        let harness = limited("{ limit: 5/m, headers: ietf }").and::<QuotaPolicy>(quota);
        let outcome = get(&harness);
        assert_eq!(outcome.field("RateLimit").as_deref(), Some("\"rate_limit\";r=4;t=12"));
        assert_eq!(outcome.field(limit).as_deref(), (limit != "none").then_some("2"));
    }
}

#[test]
fn leaky_buckets_delay() {
    let harness = limited("{ limit: 10/s, burst: 2, algorithm: leaky_bucket }");
    let mut first = harness.request("GET /1", &[]).begin();
    assert!(first.is_at_service());
    let (mut second, mut third) =
        (harness.request("GET /2", &[]).begin(), harness.request("GET /3", &[]).begin());
    let refused = get(&harness);
    assert_eq!((refused.response.status, told(&refused)), (429, (3, 0, 1)));
    assert!(!second.is_at_service() && !third.is_at_service());
    harness.advance(Duration::from_millis(100));
    assert!(second.is_at_service() && !third.is_at_service());
    harness.advance(Duration::from_millis(100));
    assert!(third.is_at_service());
}

#[test]
fn requests_cost_what_they_say() {
    let remaining = |cost: &str, fields: &[(&str, &str)]| {
        let harness = limited(&format!("{{ limit: 100/h, cost: {cost} }}"));
        told(&harness.request("POST /?n=7", fields).answer(200, &[])).1
    };
    assert_eq!(remaining("5", &[]), 95);
    assert_eq!(remaining("{ request: header.X-Cost }", &[("X-Cost", "30")]), 70);
    for odd in ["", "-1", "1.5", "many", "99999999999999999999999"] {
        assert_eq!(remaining("{ request: header.X-Cost }", &[("X-Cost", odd)]), 99, "{odd}");
    }
    assert_eq!(remaining("{ request: header.X-Cost }", &[]), 99);
    assert_eq!(remaining("{ request: header.X-Cost }", &[("X-Cost", "0")]), 99);
    // More than there ever is takes all of it.
    assert_eq!(remaining("{ request: header.X-Cost }", &[("X-Cost", "101")]), 0);
    assert_eq!(remaining("{ request: 'request.method == \"POST\" ? 5 : 1' }", &[]), 95);
    assert_eq!(remaining("{ request: 'int(query.n) * 2' }", &[]), 86);
    assert_eq!(remaining("{ request: 'int(query.none)' }", &[]), 99);
}

#[test]
fn answers_say_what_requests_cost() {
    let harness = limited("{ limit: 10/h, cost: { response: header.X-Cost } }");
    let answer = |cost: &str| harness.request("GET /", &[]).answer(200, &[("X-Cost", cost)]);
    assert_eq!(told(&answer("4")).1, 9);
    assert_eq!(told(&answer("nothing")).1, 5);
    // Beyond what is left, too: who comes next waits for longer.
    assert_eq!(answer("50").response.status, 200);
    let refused = get(&harness);
    assert_eq!(refused.response.status, 429);
    let wait: u64 = refused.field("Retry-After").unwrap().parse().unwrap();
    assert!(wait > 3600 * 4, "{wait}");
}

#[test]
fn conditions_say_what_counts() {
    let harness = limited("{ limit: 1/h, when: 'request.method != \"HEAD\"' }");
    let head = || harness.request("HEAD /", &[]).answer(200, &[]);
    assert_eq!((head().response.status, head().field("X-RateLimit-Limit")), (200, None));
    assert_eq!(get(&harness).response.status, 200);
    assert_eq!(get(&harness).response.status, 429);
    assert_eq!(head().response.status, 200);
}

#[test]
fn a_tier_of_a_header_counts_only_where_a_trusted_proxy_sends_it() {
    let yaml = "{ tiers: { free: 1/h, premium: 5/h }, tier: header.X-User-Tier, default_tier: free }";
    let limit = |harness: &Harness, tier: &str| {
        told(&harness.request("GET /", &[("X-User-Tier", tier)]).answer(200, &[])).0
    };
    let trusted = limited(yaml).with_facts(|facts| facts.peer_is_trusted = true);
    assert_eq!((limit(&trusted, "premium"), limit(&trusted, "free")), (5, 1));
    assert_eq!(limit(&trusted, "gold"), 1);
    assert_eq!(limit(&limited(yaml), "premium"), 1);
}

fn of_plans(policy: &str) -> Harness {
    Harness::in_document::<RateLimitPolicy>(PLANS, policy, &Memory::new())
}

fn consumer(harness: Harness, name: &str, plan: maitred_policy::identity::ConsumerPlan) -> Harness {
    let consumer = maitred_policy::identity::Consumer {
        plan,
        ..maitred_policy::identity::Consumer::new(name, std::iter::empty())
    };
    harness.with_facts(|facts| facts.consumer = Some(std::sync::Arc::new(consumer)))
}

fn own(plan: &str) -> maitred_policy::identity::ConsumerPlan {
    maitred_policy::identity::ConsumerPlan::Own(plan.into())
}

#[test]
fn plans_limit_their_callers() {
    // Nobody knows this one: the default plan, by the address.
    let anonymous = of_plans("plan");
    assert_eq!(told(&get(&anonymous)), (2, 1, 1800));
    get(&anonymous);
    assert_eq!(get(&anonymous).response.status, 429);
    let premium = consumer(of_plans("plan"), "acme", own("premium"));
    let first = get(&premium);
    assert_eq!(told(&first), (3, 2, 60));
    assert_eq!(first.field("X-Quota-Limit").as_deref(), Some("6"));
    assert_eq!(first.field("X-Quota-Remaining").as_deref(), Some("5"));
    get(&premium);
    get(&premium);
    assert_eq!(get(&premium).fault().unwrap().detail(), "Rate limit exceeded");
    harness_hours(&premium, 2);
    for _ in 0..3 {
        assert_eq!(get(&premium).response.status, 200);
    }
    harness_hours(&premium, 2);
    let spent = get(&premium);
    assert_eq!((spent.response.status, spent.cause()), (429, Some("quota")));
    assert_eq!(spent.fault().unwrap().detail(), "Quota exceeded");
    assert_eq!(spent.field("Retry-After").as_deref(), Some("72000"));
    let unlimited = consumer(of_plans("plan"), "zoe", own("none"));
    assert_eq!(get(&unlimited).field("X-RateLimit-Limit"), None);
}

fn harness_hours(harness: &Harness, hours: u64) {
    harness.advance(Duration::from_hours(hours));
}

#[test]
fn the_plans_counts_are_those_of_the_plan_wherever_it_is_counted() {
    let one = of_plans("plan");
    let two = one.replica::<RateLimitPolicy>("{ limit: plan }");
    get(&one);
    assert_eq!(told(&get(&two)).1, 0);
}

#[test]
fn a_reload_keeps_the_counts() {
    let before = limited("2/h");
    get(&before);
    let after = before.reloaded::<RateLimitPolicy>("{ limit: 2/h, headers: x }");
    assert_eq!(told(&get(&after)).1, 0);
    assert_eq!(measured(&after, "maitred_rate_limit_requests_total", Some("allowed")), 2);
}

#[test]
fn routes_count_for_themselves_where_that_is_written() {
    let on = |harness: Harness, name: &'static str| {
        harness.with_facts(|facts| {
            let route = maitred_policy::RouteFacts { name: name.into(), methods: None };
            facts.route = maitred_policy::TableRef::alone(route);
        })
    };
    let one = on(limited("{ limit: 1/h, scope: route }"), "one");
    assert_eq!((get(&one).response.status, get(&one).response.status), (200, 429));
    let two = on(one.replica::<RateLimitPolicy>("{ limit: 1/h, scope: route }"), "two");
    assert_eq!(get(&two).response.status, 200);
    let all = on(two.replica::<RateLimitPolicy>("{ limit: 1/h, by: false }"), "three");
    assert_eq!(get(&all).response.status, 200);
    assert_eq!(get(&all.client("192.0.2.99")).response.status, 429);
}

#[test]
fn it_tells_what_it_would_do() {
    let explained = |harness: &Harness| harness.request("GET /", &[]).explain().remove(0);
    assert_eq!(
        explained(&limited("{ limit: [10/s, { limit: 5/m, algorithm: fixed_window }], burst: 20 }")),
        "counts it for `ip:192.0.2.7` by the limits: 10/s (token_bucket, burst 20) and 5/m (fixed_window)"
    );
    assert_eq!(
        explained(&of_plans("plan")),
        "counts it for `ip:192.0.2.7` by the limits of `free`: 2/h (token_bucket)"
    );
    assert_eq!(explained(&limited("{ limit: 1/s, when: 'request.method == \"PUT\"' }")), "does not count it");
}

#[test]
fn what_has_no_effect_is_a_mistake() {
    for (yaml, told) in [
        ("true", "nothing says how many requests may come"),
        ("{ by: client.ip }", "nothing says how many requests may come"),
        ("{ limit: 1/s, tiers: { a: 1/s } }", "`limit` and `tiers` both say how many"),
        ("{ limit: 1/s, tier: claim.tier }", "there are no tiers that `tier` could choose from"),
        ("{ limit: 1/s, burst: 2, algorithm: fixed_window }", "only buckets know a `burst`"),
        (
            "{ limit: { limit: 1/s, burst: 2, algorithm: sliding_window } }",
            "`sliding_window` knows no `burst`",
        ),
        (
            "{ limit: { limit: 1/s, burst: 2 }, algorithm: sliding_window }",
            "`sliding_window` knows no `burst`",
        ),
        ("{ limit: 1/month, algorithm: token_bucket }", "a month of the calendar is a fixed window"),
        ("1/400d", "this time is too long to count over"),
        ("1/100us", "this time is too short to count over"),
        ("{ limit: 5/s, cost: 6 }", "a limit has 5 at most, so that nothing would pass"),
        ("{ limit: 5/s, cost: {} }", "nothing says here what a request costs"),
        ("{ limit: 5/s, cost: { request: 'true' } }", "a number is wanted here, this is true or false"),
        ("{ limit: 5/s, cost: { response: query.a } }", "a header, `header.X-Cost`, is wanted here"),
        ("{ limit: 5/s, ipv6_prefix: 129 }", "an IPv6 address has 128 bits"),
        ("{ limit: 5/s, lease: 6 }", "a limit has 5 at most"),
        ("{ limit: 5/s, lease: 1 }", "a lease of less than 2 saves nothing"),
        ("{ limit: 5/s, lease: 2 }", "warning: the store is in this process"),
        ("{ limit: 5/s, algorithm: leaky_bucket, lease: 2 }", "could not wait for its turn"),
        ("{ limit: 5/s, store: other }", "there is no store `other`"),
        ("{ tiers: { a: 1/s } }", "nothing says what those may do who have no tier"),
        ("{ tiers: { a: 1/s }, default_tier: b }", "there is no tier `b`"),
        ("{ tiers: { a: 1/s }, default_tier: a, tier: path.x }", "`path.x` says nothing of who asks"),
        ("plan", "no plan has a limit or a quota"),
        ("{ limit: plan, burst: 5 }", "the plans say that, not `burst` here"),
    ] {
        let problems = problems_of::<RateLimitPolicy>(yaml);
        assert!(problems.contains(told), "{yaml}: {problems}");
    }
}

#[test]
fn nobody_is_silently_without_a_limit() {
    let problems = |plans: &str| {
        let document = format!(
            "maitred: 1\nroutes: {{ app: {{ match: /*, upstream: http://localhost:3000 }} }}\nplans: {plans}\n"
        );
        problems_in_document::<RateLimitPolicy>(&document, "plan", &Memory::new())
    };
    let silent = problems("{ free: { rate_limit: 1/s, default: true }, gold: {} }");
    assert!(silent.contains("the plan `gold` has neither limit nor quota"), "{silent}");
    let planless = problems("{ free: { rate_limit: 1/s } }");
    assert!(planless.contains("no plan is the default"), "{planless}");
    assert_eq!(problems("{ free: { rate_limit: 1/s, default: true }, gold: { rate_limit: false } }"), "");
}
