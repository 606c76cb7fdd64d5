//! Who is let in by which key, what the service is told, and what becomes of the key.

use maitred_config::scalar::KeyHash;
use maitred_policy::harness::{Harness, Outcome, problems_of};

use super::*;

/// Keys are the name of their consumer, behind `key of `.
fn harness(yaml: &str) -> Harness {
    let hash = |key: &str| KeyHash(sha256(key.as_bytes()));
    let consumers = format!(
        "{{ acme: {{ groups: [partners, 'far east'], api_keys: ['{}', '{}'] }}, bob: {{ api_keys: '{}' }} }}",
        hash("key of acme"),
        hash("old key of acme"),
        hash("key of bob")
    );
    Harness::knowing::<ApiKey>(&consumers, yaml)
}

fn ask(yaml: &str, line: &str, fields: &[(&str, &str)]) -> Outcome {
    harness(yaml).request(line, fields).answer(200, &[])
}

fn name(outcome: &Outcome) -> Option<&str> {
    outcome.facts.consumer.as_ref().map(|consumer| &*consumer.name)
}

#[test]
fn who_has_the_key_is_told_to_the_service_and_the_key_is_not() {
    for key in ["key of acme", "old key of acme"] {
        let outcome = ask("true", "GET /", &[("X-Api-Key", key), ("X-Other", "1")]);
        assert_eq!((outcome.response.status, name(&outcome)), (200, Some("acme")));
        assert_eq!(outcome.sent_field("X-Consumer").as_deref(), Some("acme"));
        assert_eq!(outcome.sent_field("X-Consumer-Groups").as_deref(), Some("partners, far east"));
        assert_eq!((outcome.sent_field("X-API-Key"), outcome.sent_field("X-Other").is_some()), (None, true));
    }
    let outcome = ask("{ forward: true }", "GET /", &[("X-API-Key", "key of bob")]);
    assert_eq!((name(&outcome), outcome.sent_field("X-Consumer-Groups")), (Some("bob"), None));
    assert_eq!(outcome.sent_field("X-API-Key").as_deref(), Some("key of bob"));
}

#[test]
fn what_a_client_says_of_itself_is_not_believed() {
    let forged = [("X-Consumer", "acme"), ("x-consumer-groups", "admins"), ("X-USER-ID", "1")];
    let known = [&[("X-API-Key", "key of bob")][..], &forged].concat();
    for (yaml, fields, told) in [("true", &known[..], Some("bob")), ("{ optional: true }", &forged[..], None)]
    {
        let outcome = ask(yaml, "GET /", fields);
        assert_eq!(outcome.response.status, 200);
        assert_eq!(outcome.sent_field("X-Consumer").as_deref(), told);
        assert_eq!((outcome.sent_field("X-Consumer-Groups"), outcome.sent_field("X-User-ID")), (None, None));
    }
}

#[test]
fn nobody_passes_without_a_key_or_with_a_wrong_one() {
    for (yaml, fields, detail) in [
        ("true", &[][..], "Missing credentials"),
        ("true", &[("X-API-Key", "key of nobody")][..], "Invalid API key"),
        ("{ optional: true }", &[("X-API-Key", "")][..], "Invalid API key"),
        (
            "{ optional: true }",
            &[("X-API-Key", "key of bob"), ("X-API-Key", "key of bob")][..],
            "Invalid API key",
        ),
    ] {
        let outcome = ask(yaml, "GET /", fields);
        assert_eq!(
            (outcome.response.status, outcome.sent.is_none(), name(&outcome)),
            (401, true, None),
            "{detail}"
        );
        assert_eq!(outcome.field("WWW-Authenticate").as_deref(), Some("ApiKey"));
        let maitred_policy::harness::Answered::Fault(fault) = &outcome.answered else { panic!("no fault") };
        assert_eq!(fault.detail(), detail);
    }
}

#[test]
fn keys_are_found_where_from_says_and_taken_out_there() {
    let yaml = "[query.key, cookie.key, header.X-K]";
    for (line, fields, sent) in [
        ("GET /a?x=1&k%65y=key+of%20bob&y=%20", &[][..], "/a?x=1&y=%20"),
        ("GET /a?key=key%20of%20bob", &[("X-K", "key of acme")][..], "/a"),
        ("GET /a?x", &[("Cookie", "a=1; key=key of bob; b=2")][..], "/a?x"),
        ("GET /a?keys=1", &[("X-K", "key of bob")][..], "/a?keys=1"),
    ] {
        let outcome = ask(yaml, line, fields);
        assert_eq!((outcome.response.status, name(&outcome)), (200, Some("bob")), "{line}");
        let request = outcome.sent.as_ref().unwrap();
        assert_eq!(request.target.as_str(), sent);
        if fields.first().is_some_and(|(name, _)| *name == "Cookie") {
            assert_eq!(outcome.sent_field("Cookie").as_deref(), Some("a=1; b=2"));
        }
    }
    let alone = ask("cookie.key", "GET /", &[("Cookie", "key=\"key of acme\"")]);
    assert_eq!((name(&alone), alone.sent_field("Cookie")), (Some("acme"), None));
}

#[test]
fn a_second_key_does_not_reach_the_service_either() {
    let yaml = "[header.X-API-Key, query.key, cookie.key]";
    let fields = [("X-API-Key", "key of bob"), ("Cookie", "key=key of acme")];
    let outcome = ask(yaml, "GET /a?key=key+of+acme", &fields);
    assert_eq!((name(&outcome), outcome.sent_field("Cookie")), (Some("bob"), None));
    assert_eq!(outcome.sent.as_ref().unwrap().target.as_str(), "/a");
    let logged = outcome.facts.asked.as_ref().map(|asked| asked.told().as_str());
    assert_eq!(logged, Some("/a"));
}

#[test]
fn no_key_of_a_query_is_logged() {
    for yaml in ["query.key", "{ from: query.key, forward: true }"] {
        for key in ["key+of+bob", "key+of+nobody"] {
            let outcome = ask(yaml, &format!("GET /a?b=1&key={key}"), &[]);
            let logged = outcome.facts.asked.as_ref().map(|asked| asked.told().as_str());
            assert_eq!(logged, Some("/a?b=1"), "{yaml} {key}");
            // A page that was asked for with it, and asks for more.
            let page =
                [("Referer", &*format!("https://x.test/a?key={key}&b=1")), ("X-API-Key", "key of bob")];
            let outcome = ask("[header.X-API-Key, query.key]", "GET /b", &page);
            assert_eq!(outcome.sent_field("Referer").as_deref(), Some("https://x.test/a?b=1"));
        }
    }
}

#[test]
fn places_where_no_key_can_be_are_refused() {
    assert!(problems_of::<ApiKey>("client.ip").contains("no key is shown there"));
    assert!(problems_of::<ApiKey>("[]").contains("`from` names no place"));
    assert!(problems_of::<ApiKey>("true").contains("no consumer has an API key"));
}
