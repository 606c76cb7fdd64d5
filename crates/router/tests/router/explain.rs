//! Which route wins and why the others lost.

use maitred_router::{Reason, Rule, Test};

use crate::words::{Request, Table, one_of, request, route, table};

fn explain(table: &Table, request: &Request) -> Vec<(&'static str, Reason)> {
    let verdicts = table.router.explain(&request.subject());
    verdicts.into_iter().map(|verdict| (table.name(verdict.route), verdict.why)).collect()
}

fn outranked(by: usize, rule: Rule) -> Reason {
    Reason::Outranked { by, rule }
}

#[test]
fn tells_of_every_route_in_the_order_of_rank() {
    let table = table([
        ("all", route("/*")),
        ("host", route("b.com/users/7")),
        ("path", route("/orders/*")),
        ("method", route("POST /users/7")),
        ("condition", route("a.com/users/7").header("A", Test::Present).query("q", Test::Present)),
        ("prefix", route("*.com/users/*")),
        ("param", route("/users/{id}")),
        ("wide", route("*.com/users/{id}")),
    ]);
    assert_eq!(
        explain(&table, &request("GET a.com/users/7").with("A", "1")),
        [
            ("condition", Reason::Condition(1)),
            ("wide", Reason::Won),
            ("prefix", outranked(7, Rule::PathKind)),
            ("method", Reason::Method),
            ("param", outranked(7, Rule::Host)),
            ("all", outranked(7, Rule::Host)),
            ("path", Reason::Path),
            ("host", Reason::Host),
        ]
    );
}

#[test]
fn names_the_first_rule_that_prefers_the_winner() {
    for (winner, loser, rule) in [
        (route("/*").priority(1), route("a.com/a/b"), Rule::Priority),
        (route("a.com/*"), route("/a/b"), Rule::Host),
        (route("*.com/*"), route("/a/b"), Rule::Host),
        (route("/a/b"), route("/a/{x}"), Rule::PathKind),
        (route("/a/{x}"), route("/{y}/b"), Rule::LiteralSegment),
        (route("/a/*"), route("/*"), Rule::LongerPath),
        (route("~^/a/b$"), route("~^/a/b"), Rule::LongerRegex),
        (route("/a/b").header("A", Test::Present), route("/a/b"), Rule::MoreConditions),
        (route("GET /a/b"), route("/a/b"), Rule::NamedMethods),
    ] {
        let table = table([("loser", loser), ("winner", winner)]);
        let told = explain(&table, &request("GET a.com/a/b").with("A", "1"));
        assert_eq!(told, [("winner", Reason::Won), ("loser", outranked(1, rule))], "{rule}");
    }
}

#[test]
fn a_route_is_judged_by_its_best_way_that_fits() {
    let table = table([
        ("ways", route("a.com,b.com/a/{y} /a/* /{x}/b").path_value("x", "a")),
        ("method", route("POST /a/7 /a/*").header("A", one_of(&["1"]))),
    ]);
    assert_eq!(
        explain(&table, &request("GET a.com/a/b")),
        [("ways", Reason::Won), ("method", Reason::Method)]
    );
    // Of ways that do not fit the one with the best rank is told.
    assert_eq!(
        explain(&table, &request("GET b.com/a/c")),
        [("ways", Reason::Condition(0)), ("method", Reason::Method)]
    );
}

#[test]
fn where_nothing_wins_nothing_is_outranked() {
    let table = table([("post", route("POST /a")), ("host", route("b.com/a")), ("path", route("/b"))]);
    let told = explain(&table, &request("GET a.com/a"));
    assert_eq!(told, [("post", Reason::Method), ("path", Reason::Path), ("host", Reason::Host)]);
    let told = explain(&table, &request("OPTIONS a.com*"));
    assert_eq!(told, [("post", Reason::Path), ("path", Reason::Path), ("host", Reason::Host)]);
}
