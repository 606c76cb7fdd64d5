//! What may be written, and what `explain` says of it.

use super::*;

#[test]
fn what_does_nothing_or_cannot_be_is_refused() {
    let table = [
        ("{ vary: [now] }", "another for each request"),
        ("{ vary: [request.id] }", "another for each request"),
        ("{ vary: [response.status] }", "not known before there is a response"),
        ("{ memory: 1MiB, max_body: 1MiB }", "more than a quarter of `memory`"),
        ("{ memory: 1MiB }", "more than a quarter of `memory`"),
        ("{ coalesce: false, coalesce_timeout: 1s }", "nobody waits"),
        ("{ coalesce_timeout: 0s }", "cannot be zero"),
        ("{ store: default }", "no other replica shares this store"),
        ("{ store: nowhere }", "there is no store"),
        ("{ when: 'nonsense(' }", "when"),
    ];
    for (yaml, wanted) in table {
        let problems = problems_of::<Cache>(yaml);
        assert!(problems.contains(wanted), "{yaml}: {problems}");
    }
    assert_eq!(problems_of::<Cache>("{ ttl: false, query: false, negative_ttl: 1s }"), "");
}

#[test]
fn explain_tells_what_it_would_do() {
    let harness = cached("{ bypass: '\"p\" in query' }");
    let explained = |line: &str| harness.request(line, &[HOST]).explain().remove(0);
    assert_eq!(
        explained("GET /x"),
        "answers from what is kept under https://shop.example/x, or keeps the answer"
    );
    assert!(explained("GET /x?p=1").contains("not for the cache"));
    assert!(explained("POST /x").contains("is removed"));
    assert!(explained("OPTIONS /x").contains("nothing to do"));
}

#[test]
fn tags_are_seen_by_clients_where_they_are_exposed_from_the_service_and_from_memory() {
    let told = [("Cache-Control", "max-age=60"), ("Surrogate-Key", "a b"), ("Cache-Tag", "c")];
    for (yaml, is_seen) in [("true", false), ("{ expose_tags: true }", true)] {
        let harness = cached(yaml);
        for is_from_memory in [false, true] {
            let outcome = get(&harness, &[], &told, "");
            assert_eq!(is_hit(&outcome), is_from_memory);
            assert_eq!(
                outcome.field("Surrogate-Key").as_deref(),
                is_seen.then_some("a b"),
                "{yaml} {is_from_memory}"
            );
            assert_eq!(
                outcome.field("Cache-Tag").as_deref(),
                is_seen.then_some("c"),
                "{yaml} {is_from_memory}"
            );
        }
    }
}

#[test]
fn what_a_service_says_to_caches_like_this_one_counts_unless_it_is_ignored() {
    let told = [("Cache-Control", "no-store"), ("CDN-Cache-Control", "max-age=60")];
    for (yaml, is_kept) in [("true", true), ("{ cdn_control: ignore }", false)] {
        let harness = cached(yaml);
        get(&harness, &[], &told, "");
        assert_eq!(is_hit(&get(&harness, &[], &told, "")), is_kept, "{yaml}");
    }
}
