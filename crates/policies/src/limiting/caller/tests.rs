//! Keys as stores get them.

use std::rc::Rc;
use std::sync::Arc;

use maitred_config::read_text;
use maitred_policy::harness::{facts, problems_of, request};
use maitred_policy::identity::{Claims, Consumer};
use maitred_policy::values::View;
use maitred_policy::{Facts, Phase, PolicyKind};

use super::*;
use crate::rate_limit::RateLimitPolicy;

fn key(by: &str, facts: &Facts, fields: &[(&str, &str)]) -> String {
    let written: Vec<ByConfig> = read_text(by).unwrap();
    let by = written.iter().map(|by| By::compile(by).unwrap()).collect();
    let request = request("GET /a?q=x%2Cy&cost=7", fields);
    let mut key = Vec::new();
    Callers { by, per_route: false, ipv6_prefix: 64 }.write(&View::of_request(&request, facts), &mut key);
    String::from_utf8(key).unwrap()
}

fn from(address: &str) -> Facts {
    Facts { client: address.parse().unwrap(), ..facts() }
}

#[test]
fn keys_of_different_kinds_never_meet() {
    let fields = [("X-User", "acme"), ("X-Ip", "192.0.2.7")];
    for (by, expected) in [
        ("client.ip", "ip:192.0.2.7"),
        ("header.X-Ip", "header.X-Ip:192.0.2.7"),
        ("header.X-User", "header.X-User:acme"),
        ("header.X-None", "ip:192.0.2.7"),
        ("query.q", "query.q:x%2Cy"),
        ("route", "route:orders"),
        ("[route, header.X-None]", "route:orders,ip:192.0.2.7"),
        ("'{request.method} {header.X-User}'", "text:GET%20acme"),
        ("'{header.X-None}'", "ip:192.0.2.7"),
        ("caller", "ip:192.0.2.7"),
        ("false", "all"),
    ] {
        assert_eq!(key(by, &facts(), &fields), expected, "{by}");
    }
}

#[test]
fn long_keys_are_told_by_their_hash() {
    let hashed = |length: usize| {
        let tenant = "x".repeat(length);
        key("[route, header.X-Tenant]", &facts(), &[("X-Tenant", &tenant)])
    };
    assert!(hashed(200).ends_with("xx"));
    assert!(hashed(24_000).starts_with("sha256:") && hashed(24_000).len() == 71);
    assert_ne!(hashed(24_000), hashed(24_001));
}

#[test]
fn the_caller_is_the_consumer_else_the_subject() {
    let claims = |subject: &str| {
        let subject = Some(subject.into());
        Some(Rc::new(Claims { issuer: "us".into(), subject, ..Claims::default() }))
    };
    let told = Facts { claims: claims("u 17,x"), ..facts() };
    assert_eq!(key("caller", &told, &[]), "subject:us u%2017%2Cx");
    let consumer = Some(Arc::new(Consumer::new("acme", std::iter::empty())));
    assert_eq!(key("caller", &Facts { consumer, ..told }, &[]), "consumer:acme");
    let nameless = Facts { claims: Some(Rc::default()), ..facts() };
    assert_eq!(key("caller", &nameless, &[]), "ip:192.0.2.7");
}

#[test]
fn clients_with_ipv6_are_counted_by_their_network() {
    for (address, expected) in [
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "ip:2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "ip:2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "ip:192.0.2.1"),
        ("192.0.2.1", "ip:192.0.2.1"),
    ] {
        assert_eq!(key("client.ip", &from(address), &[]), expected, "{address}");
    }
}

#[test]
fn what_needs_no_identity_is_counted_before_it() {
    for (yaml, phase) in [
        ("10/s", Phase::Admit),
        ("{ limit: 10/s, by: client.ip }", Phase::Screen),
        ("{ limit: 10/s, by: [route, header.X-A] }", Phase::Screen),
        ("{ limit: 10/s, by: claim.sub }", Phase::Admit),
        ("{ limit: 10/s, by: '{consumer.name}' }", Phase::Admit),
        ("{ limit: 10/s, by: client.ip, when: 'consumer.name == \"\"' }", Phase::Admit),
        ("{ limit: 10/s, by: client.ip, when: 'request.method == \"GET\"' }", Phase::Screen),
        ("{ limit: 10/s, by: client.ip, cost: { request: 'consumer.plan == \"a\" ? 1 : 2' } }", Phase::Admit),
        ("{ limit: plan, by: client.ip }", Phase::Admit),
        ("{ tiers: { a: 1/s }, default_tier: a, tier: header.X-Tier, by: client.ip }", Phase::Screen),
        ("{ tiers: { a: 1/s }, default_tier: a, by: client.ip }", Phase::Admit),
    ] {
        assert_eq!(RateLimitPolicy::phase(&read_text(yaml).unwrap()), phase, "{yaml}");
    }
}

#[test]
fn what_tells_nobody_apart_is_a_mistake() {
    for (by, told) in [
        ("request.id", "`request.id` is another for each request"),
        ("'{now}'", "`now` is another for each request"),
        ("response.status", "is not known before there is a response"),
        ("user", "user"),
    ] {
        let problems = problems_of::<RateLimitPolicy>(&format!("{{ limit: 1/s, by: {by} }}"));
        assert!(problems.contains(told), "{by}: {problems}");
    }
}
