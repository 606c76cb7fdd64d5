//! "How a request finds its route", sentence by sentence.

use maitred_router::{Captures, Outcome, Router, Subject, Test};

use crate::words::{matches, method, one_of, request, route, table};

#[test]
fn no_path_means_every_path_and_no_route_is_404() {
    let everything = route("").0;
    assert!(everything.paths.is_empty() && everything.hosts.is_empty());
    let all = table([("all", crate::words::Route::default())]);
    all.answers(&[("GET /", "all"), ("PURGE a.com/x/y", "all"), ("GET //", "all")]);
    table([("a", route("/a"))]).answers(&[("GET /", "404"), ("GET /b", "404")]);
    table([]).answers(&[("GET /", "404"), ("GET a.com/", "404")]);
}

#[test]
fn exact_host_then_longest_wildcard_then_none() {
    table([
        ("none", route("/x")),
        ("wide", route("*.example.com/x")),
        ("narrow", route("*.eu.example.com/x")),
        ("exact", route("a.eu.example.com/x")),
        ("lists", route("one.org,two.org/x")),
    ])
    .answers(&[
        ("GET a.eu.example.com/x", "exact"),
        ("GET A.EU.Example.com:8080/x", "exact"),
        ("GET a.eu.example.com./x", "exact"),
        ("GET b.eu.example.com/x", "narrow"),
        ("GET a.b.eu.example.com/x", "narrow"),
        ("GET eu.example.com/x", "wide"),
        ("GET us.example.com/x", "wide"),
        ("GET example.com/x", "none"),
        ("GET badexample.com/x", "none"),
        ("GET .example.com/x", "none"),
        ("GET one.org/x", "lists"),
        ("GET two.org/x", "lists"),
        ("GET [::1]:80/x", "none"),
        ("GET /x", "none"),
    ]);
}

#[test]
fn a_host_whose_routes_do_not_fit_falls_through() {
    table([
        ("any", route("/*")),
        ("wide", route("*.example.com/w")),
        ("exact", route("a.example.com/e")),
        ("post", route("POST a.example.com/p")),
    ])
    .answers(&[
        ("GET a.example.com/e", "exact"),
        ("GET a.example.com/w", "wide"),
        ("GET a.example.com/other", "any"),
        ("GET b.example.com/e", "any"),
        ("GET a.example.com/p", "any"),
    ]);
}

#[test]
fn exact_then_param_then_regex_then_prefix() {
    let all = || {
        [
            ("prefix", route("/users/*")),
            ("regex", route("~^/users/[0-9a-z]+$")),
            ("param", route("/users/{id}")),
            ("exact", route("/users/me")),
        ]
    };
    table(all()).answers(&[
        ("GET /users/me", "exact"),
        ("GET /users/7", "param"),
        ("GET /users/7/x", "prefix"),
        ("GET /users/", "prefix"),
        ("GET /users", "prefix"),
    ]);
    let [prefix, regex, _, _] = all();
    table([prefix, regex]).answers(&[("GET /users/me", "regex"), ("GET /users/Me", "prefix")]);
    // The kind comes before everything within it: a short `{name}` beats a long prefix.
    table([("prefix", route("/a/b/*")), ("param", route("/{x}/{y}"))]).answers(&[
        ("GET /a/b", "param"),
        ("GET /a/b/c", "prefix"),
        ("GET /c/d", "param"),
    ]);
}

#[test]
fn segment_by_segment_a_literal_beats_a_parameter() {
    table([("left", route("/a/{y}/c")), ("right", route("/{x}/b/c")), ("none", route("/{x}/{y}/{z}"))])
        .answers(&[("GET /a/b/c", "left"), ("GET /z/b/c", "right"), ("GET /a/b/d", "none")]);
    table([("left", route("/a/*")), ("right", route("/{x}/b/*")), ("all", route("/*"))]).answers(&[
        ("GET /a/b/c", "left"),
        ("GET /z/b/c", "right"),
        ("GET /z/c/c", "all"),
    ]);
}

#[test]
fn longer_beats_shorter() {
    table([
        ("one", route("/a/*")),
        ("two", route("/a/b/*")),
        ("param", route("/a/{x}/*")),
        ("all", route("/*")),
    ])
    .answers(&[
        ("GET /a/b/c", "two"),
        ("GET /a/b", "two"),
        ("GET /a/x/c", "param"),
        ("GET /a/x", "param"),
        ("GET /a", "one"),
        ("GET /a/", "one"),
        ("GET /ab", "all"),
    ]);
    table([("short", route("~^/a/.*$")), ("long", route("~^/a/.*/b$"))])
        .answers(&[("GET /a/x/b", "long"), ("GET /a/x", "short")]);
}

#[test]
fn more_conditions_beat_fewer() {
    let versions = table([
        ("none", route("/x")),
        ("v2", route("/x").header("API-Version", one_of(&["v2"]))),
        ("v3", route("/x").header("API-Version", one_of(&["v3", "v4"]))),
        ("beta", route("/x").header("API-Version", one_of(&["v2"])).query("beta", Test::Present)),
    ]);
    let ask = |text: &str, version: &str| versions.ask(&request(text).with("api-version", version));
    assert_eq!(ask("GET /x", "v2"), "v2");
    assert_eq!(ask("GET /x", "v4"), "v3");
    assert_eq!(ask("GET /x?beta", "v2"), "beta");
    assert_eq!(ask("GET /x?beta", "v1"), "none");
    assert_eq!(versions.ask(&request("GET /x?beta")), "none");
    // The path comes before conditions.
    let paths = table([("prefix", route("/a/*").header("X-A", Test::Present)), ("exact", route("/a/b"))]);
    assert_eq!(paths.ask(&request("GET /a/b").with("X-A", "1")), "exact");
}

#[test]
fn every_kind_of_condition_counts_and_must_hold() {
    let all = table([
        ("header", route("/x").header("X-A", matches("^a+$"))),
        ("cookie", route("/x").cookie("lab", one_of(&["on"])).header("X-A", Test::Absent)),
        ("client", route("/y").client("10.0.0.0/8")),
        ("listener", route("/z").listener(1)),
        ("when", route("/w/{id}").path_value("id", "7")),
        ("other", route("/w/*")),
    ]);
    assert_eq!(all.ask(&request("GET /x").with("X-A", "aa")), "header");
    assert_eq!(all.ask(&request("GET /x").with("X-A", "b")), "404");
    assert_eq!(all.ask(&request("GET /x").with("Cookie", "a=b; lab=on")), "cookie");
    assert_eq!(all.ask(&request("GET /x").with("Cookie", "lab=on").with("X-A", "a")), "header");
    assert_eq!(all.ask(&request("GET /y").from("10.9.9.9")), "client");
    assert_eq!(all.ask(&request("GET /y").from("11.9.9.9")), "404");
    assert_eq!(all.ask(&request("GET /z").by(1)), "listener");
    assert_eq!(all.ask(&request("GET /z").by(2)), "404");
    all.answers(&[("GET /w/7", "when"), ("GET /w/8", "other")]);
}

#[test]
fn priority_overrides_all_of_it() {
    table([
        ("exact", route("a.com/x")),
        ("all", route("/*").priority(1)),
        ("late", route("a.com/x/y").priority(-1)),
        ("shop", route("/shop/*").priority(2).header("X-Shop", Test::Present)),
    ])
    .answers(&[("GET a.com/x", "all"), ("GET a.com/x/y", "all"), ("GET a.com/shop/a", "all")]);
    table([
        ("low", route("/a/b").priority(-1)),
        ("prefix", route("/a/*")),
        ("none", route("/b").priority(-2)),
    ])
    .answers(&[("GET /a/b", "prefix"), ("GET /b", "none")]);
    table([
        ("wide", route("*.com/{x}").priority(5)),
        ("exact", route("a.com/x").priority(4)),
        ("regex", route("~x").priority(6).header("X", Test::Present)),
    ])
    .answers(&[("GET a.com/x", "wide")]);
}

#[test]
fn a_prefix_ends_at_a_segment_and_a_trailing_slash_is_another_path() {
    table([("users", route("/users/*"))]).answers(&[
        ("GET /users", "users"),
        ("GET /users/", "users"),
        ("GET /users/7", "users"),
        ("GET /users/7/x//", "users"),
        ("GET /usersX", "404"),
        ("GET /Users/7", "404"),
        ("GET /", "404"),
    ]);
    table([("bare", route("/a")), ("slash", route("/a/")), ("root", route("/"))]).answers(&[
        ("GET /a", "bare"),
        ("GET /a/", "slash"),
        ("GET /A", "404"),
        ("GET /", "root"),
        ("GET //", "404"),
    ]);
}

#[test]
fn a_name_takes_one_segment_and_a_rest_all_that_follow() {
    table([("one", route("/u/{id}")), ("deep", route("/f/{*rest}")), ("slash", route("/u/{id}/"))]).answers(
        &[
            ("GET /u/7", "one"),
            ("GET /u/7/", "slash"),
            ("GET /u/", "404"),
            ("GET /u", "404"),
            ("GET /u/7/8", "404"),
            ("GET /f/a", "deep"),
            ("GET /f/a/b/c/", "deep"),
            ("GET /f", "deep"),
            ("GET /fx", "404"),
        ],
    );
}

#[test]
fn double_slashes_stay_and_escapes_were_decoded_before() {
    table([
        ("double", route("/a//b")),
        ("single", route("/a/b")),
        ("tilde", route("/~jo")),
        ("cafe", route("/café")),
    ])
    .answers(&[
        ("GET /a//b", "double"),
        ("GET /a/b", "single"),
        ("GET /%7Ejo", "tilde"),
        ("GET /%61/b", "single"),
        ("GET /caf%c3%a9", "cafe"),
    ]);
}

#[test]
fn regular_expressions_are_anchored_as_written() {
    table([("v", route("~^/v[0-9]+/(?<id>.+)$")), ("loose", route("~secret"))]).answers(&[
        ("GET /v1/x", "v"),
        ("GET /v12/x/y", "v"),
        ("GET /a/v1/x", "404"),
        ("GET /V1/x", "404"),
        ("GET /a/secret/b", "loose"),
        ("GET /topsecrets", "loose"),
    ]);
    // Different beginnings hang on different nodes, and still rank by their length.
    table([
        ("short", route("~^/api/.*")),
        ("long", route("~^/.*/users/[0-9]+$")),
        ("unanchored", route("~users")),
    ])
    .answers(&[
        ("GET /api/users/7", "long"),
        ("GET /api/users/x", "short"),
        ("GET /x/users", "unanchored"),
    ]);
}

#[test]
fn methods_fall_through_and_405_has_their_union() {
    let methods = table([
        ("read", route("GET a.com/users/{id}")),
        ("write", route("POST,PUT *.com/users/*")),
        ("purge", route("PURGE /users/7")),
        ("other", route("DELETE /users/7").header("X-A", Test::Present)),
        ("every", route("/open/*")),
        ("get", route("GET /open/get")),
    ]);
    methods.answers(&[
        ("GET a.com/users/7", "read"),
        ("HEAD a.com/users/7", "read"),
        ("POST a.com/users/7", "write"),
        ("PURGE a.com/users/7", "purge"),
        ("DELETE a.com/users/7", "405 GET, HEAD, POST, PUT, PURGE"),
        ("LINK b.com/users/8", "405 POST, PUT"),
        ("GET a.com/nothing", "404"),
        ("POST /open/get", "every"),
        ("GET /open/get", "get"),
    ]);
    let with = request("PATCH b.org/users/7").with("X-A", "1");
    assert_eq!(methods.ask(&with), "405 DELETE, PURGE");
    assert_eq!(methods.ask(&request("PATCH b.org/users/7")), "405 PURGE");
}

#[test]
fn named_methods_are_preferred_after_conditions() {
    let users = table([
        ("named", route("GET,POST /users/*")),
        ("all", route("/users/*")),
        ("v2", route("/users/*").header("V", one_of(&["2"]))),
    ]);
    users.answers(&[("GET /users/1", "named"), ("PUT /users/1", "all")]);
    assert_eq!(users.ask(&request("GET /users/1").with("V", "2")), "v2");
}

#[test]
fn a_preflight_is_routed_by_the_method_it_asks_for() {
    let table = table([("put", route("PUT /a")), ("options", route("OPTIONS /a"))]);
    let preflight = request("OPTIONS /a");
    assert_eq!(table.ask(&preflight), "options");
    let subject = Subject { method: method("PUT"), ..preflight.subject() };
    assert_eq!(table.router.route(&subject, &mut Captures::default()), Outcome::Found(0));
}

#[test]
fn the_asterisk_of_options_is_no_path() {
    table([("all", route("/*")), ("regex", route("~.*"))])
        .answers(&[("OPTIONS a.com*", "404"), ("OPTIONS /", "regex")]);
}

#[test]
fn a_route_without_any_method_takes_nothing() {
    let mut never = route("/a");
    never.0.methods = Some(Vec::new());
    table([("never", never), ("a", route("POST /a"))]).answers(&[("GET /a", "405 POST"), ("POST /a", "a")]);
}

#[test]
fn one_router_serves_all_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Router>();
}
