//! Which tables are refused, and what is said of them.

use maitred_router::{Condition, RouteSpec, Router, Test};

use crate::words::{Route, compile, matches, one_of, route};

fn clash(one: Route, two: Route) -> bool {
    match compile([("one", one), ("two", two)]) {
        Ok(_) => false,
        Err(found) => {
            assert_eq!(found.iter().map(|a| (a.first, a.second)).collect::<Vec<_>>(), [(0, 1)]);
            true
        }
    }
}

#[test]
fn two_routes_that_can_both_win_are_refused() {
    for (one, two) in [
        ("/a", "/a"),
        ("a.com/a", "A.com/a"),
        ("*.a.com/a", "*.A.com/a"),
        ("/users/{id}", "/users/{name}"),
        ("/users/*", "/users/{*rest}"),
        ("/{a}/x/*", "/{b}/x/*"),
        ("GET /a", "GET,POST /a"),
        ("GET /a", "HEAD /a"),
        ("PURGE /a", "PURGE /a"),
        ("/a /b", "/c /b"),
        ("a.com,b.com/a", "c.com,b.com/a"),
        ("*/a", "/a"),
        ("~^/[a-z]$", "~^/[a-z]$"),
        ("~^/[a-z]$", "~^/[x-z]$"),
        ("~^/a/[a-z]$", "~^/a[/a-z]$"),
        ("/%7Ea", "/~a"),
    ] {
        assert!(clash(route(one), route(two)), "{one} {two}");
    }
}

#[test]
fn routes_that_a_rule_tells_apart_are_not() {
    for (one, two) in [
        ("/a", "/a/"),
        ("/a", "/A"),
        ("a.com/a", "b.com/a"),
        ("a.com/a", "/a"),
        ("*.com/a", "*.a.com/a"),
        ("/{id}", "/a"),
        ("/{id}/a", "/a/{id}"),
        ("/a/*", "/b/*"),
        ("/a/*", "/{x}/*"),
        ("/a/*", "/a"),
        ("GET /a", "POST /a"),
        ("PURGE /a", "LINK /a"),
        ("GET /a", "/a"),
        ("~^/[a-z]+$", "~^/[x-z]$"),
        ("~^/users/[0-9]+$", "~^/items/[0-9]+$"),
    ] {
        assert!(!clash(route(one), route(two)), "{one} {two}");
    }
    assert!(!clash(route("/a"), route("/a").priority(1)));
}

#[test]
fn conditions_tell_apart_by_number_or_because_they_exclude_each_other() {
    let version = |test: Test| route("/a").header("V", test);
    assert!(!clash(version(one_of(&["1"])), route("/a")));
    assert!(!clash(version(one_of(&["1"])), version(one_of(&["2"]))));
    assert!(!clash(version(one_of(&["1"])), version(Test::Absent)));
    assert!(clash(version(one_of(&["1"])), version(one_of(&["2", "1"]))));
    assert!(clash(version(one_of(&["1"])), version(Test::Present)));
    assert!(clash(version(matches("1")), version(matches("2"))));
    assert!(clash(version(one_of(&["1"])), route("/a").query("V", one_of(&["2"]))));
    assert!(clash(version(one_of(&["1"])), route("/a").listener(1)));
    assert!(!clash(route("/a").listener(1), route("/a").listener(2)));
    assert!(!clash(route("/a").client("10.0.0.0/8"), route("/a").client("::/0")));
    assert!(clash(route("/{x}").path_value("x", "1"), route("/{x}").path_value("x", "2")));
    // One pair that excludes is enough.
    let two = |text: &'static str| version(one_of(&[text])).listener(1);
    assert!(!clash(two("1"), two("2")));
}

#[test]
fn a_route_does_not_clash_with_itself() {
    assert!(compile([("one", route("a.com,A.com/a /a /{x} /{y}"))]).is_ok());
}

#[test]
fn every_pair_is_told_once_and_says_what_both_take() {
    let same = |text| ("", route(text));
    let found =
        compile([same("a.com/x/{id} /{y}"), same("/z"), same("a.com/x/{no} /{z}"), same("/z"), same("/z")]);
    let found: Vec<_> =
        found.err().unwrap().into_iter().map(|a| (a.first, a.second, a.reason.to_string())).collect();
    let tail = "and neither methods nor conditions tell them apart";
    assert_eq!(
        found,
        [
            (0, 2, format!("`/x/{{id}}` and `/x/{{no}}` take the same paths of host `a.com`, {tail}")),
            (1, 3, format!("both take `/z`, {tail}")),
            (1, 4, format!("both take `/z`, {tail}")),
        ]
    );
    let found = compile([same("~^/[ab]$"), same("~^/[bc]$")]).err().unwrap();
    let text = format!("`~^/[ab]$` and `~^/[bc]$` are equally long and may take the same path, {tail}");
    assert_eq!(found[0].reason.to_string(), text);
}

#[test]
fn many_routes_that_ask_for_different_texts_are_compared_with_what_asks_for_something_else() {
    let tenants = || (0..50).map(|n| route("/a").header("T", one_of(&[&n.to_string()])).0);
    let pairs = |specs: Vec<RouteSpec>| match Router::compile(specs) {
        Ok(_) => Vec::new(),
        Err(found) => found.into_iter().map(|ambiguity| (ambiguity.first, ambiguity.second)).collect(),
    };
    assert_eq!(pairs(tenants().collect()), []);
    let twice = route("/a").header("T", one_of(&["7", "30"])).0;
    assert_eq!(pairs(tenants().chain([twice]).collect()), [(7, 50), (30, 50)]);
    let by_query = route("/a").query("q", Test::Present).0;
    let all: Vec<_> = (0..50).map(|tenant| (tenant, 50)).collect();
    assert_eq!(pairs(tenants().chain([by_query]).collect()), all);
}

#[test]
fn regular_expressions_that_begin_differently_are_told_apart_whatever_else_there_is() {
    let three =
        || [("", route("POST ~^/[a-z]*7$")), ("", route("GET ~^/b[0-9]+$")), ("", route("GET ~^/a[0-9]+$"))];
    assert!(compile(three()).is_ok());
    let [_, b, a] = three();
    assert!(compile([("", route("GET ~^/[a-z]*7$")), b, a]).is_err());
}

#[test]
fn conditions_that_never_hold_harm_nobody() {
    let never = || route("/a").when(Condition::Client(Vec::new()));
    assert!(!clash(never(), never()));
}
