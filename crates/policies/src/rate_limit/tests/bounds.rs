//! What is bounded: costs that make no sense, keys of any length, waits, and limits that would count twice.

use maitred_policy::harness::Begun;

use super::*;

#[test]
fn a_cost_beyond_all_measure_neither_locks_out_for_long_nor_opens_the_limit() {
    for (limit, longest) in [
        ("10/s", 1000),
        ("{ limit: 10/s, algorithm: sliding_window }", 1),
        ("1/s, algorithm: fixed_window", 1),
    ] {
        for cost in ["18446744073709551615", "9223372036854775808", "5000"] {
            let harness = limited(&format!("{{ limit: {limit}, cost: {{ response: header.X-Cost }} }}"));
            harness.request("GET /", &[]).answer(200, &[("X-Cost", cost)]);
            let refused = get(&harness);
            assert_eq!(refused.response.status, 429, "{limit}, {cost}");
            let wait: u64 = refused.field("Retry-After").unwrap().parse().unwrap();
            assert!(wait <= longest, "{limit}, {cost}: {wait}");
            harness.advance(Duration::from_secs(wait));
            assert_eq!(get(&harness).response.status, 200, "{limit}, {cost}");
            let count = (0..50).filter(|_| get(&harness).response.status == 200).count();
            assert!(count < 10, "{limit}, {cost}: {count}");
        }
    }
}

#[test]
fn who_is_refused_is_told_when_all_limits_let_it_through() {
    let premium = consumer(of_plans("plan"), "acme", own("premium"));
    for _ in 0..2 {
        (0..3).for_each(|_| assert_eq!(get(&premium).response.status, 200));
        harness_hours(&premium, 2);
    }
    // The quota is spent.
    assert_eq!(get(&premium).field("Retry-After").as_deref(), Some("72000"));
    (0..2).for_each(|_| assert_eq!(get(&premium).cause(), Some("quota")));
    let both = get(&premium);
    assert_eq!((both.cause(), both.field("Retry-After").as_deref()), (Some("rate_limit"), Some("72000")));
}

#[test]
fn nobody_waits_long_for_a_turn() {
    let harness = limited("{ limit: 1200/h, algorithm: leaky_bucket }");
    get(&harness);
    // Ten wait, up to 30 s; then there is an answer at once.
    let mut waiting: Vec<_> = (0..10).map(|_| harness.request("GET /", &[]).begin()).collect();
    assert!(waiting.iter_mut().all(|exchange| !exchange.is_at_service()));
    assert_eq!(get(&harness).response.status, 429);
    harness.advance(Duration::from_secs(30));
    assert!(waiting.iter_mut().all(Begun::is_at_service));
    let told = problems_of::<RateLimitPolicy>("{ limit: 1200/h, burst: 1000, algorithm: leaky_bucket }");
    assert!(told.contains("warning: requests wait up to 50m for their turn"), "{told}");
    assert!(told.contains("lower `burst` to 10 or less"), "{told}");
    assert_eq!(problems_of::<RateLimitPolicy>("{ limit: 1200/h, burst: 10, algorithm: leaky_bucket }"), "");
}

#[test]
fn the_same_limit_twice_is_a_mistake() {
    for yaml in [
        "[10/s, 10/s]",
        "{ limit: [5/m, 10/s, 600/m, 10/s], algorithm: sliding_window }",
        "{ tiers: { a: [1/s, 1/s] }, default_tier: a }",
    ] {
        let problems = problems_of::<RateLimitPolicy>(yaml);
        assert!(problems.contains("is there twice"), "{yaml}: {problems}");
    }
    assert!(problems_of::<QuotaPolicy>("[5/d, 5/d]").contains("the limit 5/d (fixed_window) is there twice"));
    let plans = PLANS.replace("quota: 6/d", "quota: [6/d, 6/d]");
    let problems = problems_in_document::<RateLimitPolicy>(&plans, "plan", &Memory::new());
    assert!(problems.contains("is there twice"), "{problems}");
}

#[test]
fn a_tier_and_a_policy_of_its_name_are_apart() {
    let harness = limited("{ tiers: { hourly: 1/h }, default_tier: hourly }");
    let shown = format!("{:?}", harness.policy::<Limiter>());
    assert!(shown.contains("#hourly\""), "{shown}");
}
