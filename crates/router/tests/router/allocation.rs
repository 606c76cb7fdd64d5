//! Routing allocates nothing.

use std::fmt::Write;

use allocation_counter::measure;
use maitred_router::{Captures, Outcome, Router, Test};

use crate::words::{Request, matches, one_of, request, route};

fn allocations(router: &Router, request: &Request, captures: &mut Captures) -> u64 {
    measure(|| {
        std::hint::black_box(router.route(&request.subject(), captures));
    })
    .count_total
}

#[test]
fn the_usual_request_allocates_nothing() {
    let mut routes: Vec<_> = (0..1000).map(|n| route(&format!("/api/svc{n}/*")).0).collect();
    routes.extend([
        route("a.com,*.b.com/users/{id}/posts/{post}/{*rest}").0,
        route("GET /exact").0,
        route("~^/v(?<major>[0-9]+)/(?<rest>.+)$").0,
        route("/c/*")
            .header("X-A", one_of(&["1"]))
            .cookie("lab", one_of(&["on"]))
            .query("q", Test::Present)
            .0,
        route("/c/*").header("X-A", matches("^[2-9]$")).client("10.0.0.0/8").listener(0).0,
        route("/p/{x}").path_value("x", "1").0,
    ]);
    let router = Router::compile(routes).unwrap();
    let asked = [
        (request("GET /api/svc77/users/7"), Outcome::Found(77)),
        (request("GET a.com/users/7/posts/8/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"), Outcome::Found(1000)),
        (request("GET x.y.b.com/users/7/posts/8"), Outcome::Found(1000)),
        (request("GET /exact"), Outcome::Found(1001)),
        (request("GET /v1/x"), Outcome::Found(1002)),
        (request("GET /c/1?q=1").with("X-A", "1").with("Cookie", "lab=on"), Outcome::Found(1003)),
        (request("GET /c/1?q=1").with("X-A", "7").from("10.0.0.1"), Outcome::Found(1004)),
        (request("GET /p/1"), Outcome::Found(1005)),
        (request("GET /p/2"), Outcome::NotFound),
        (request("GET x.org/no/such/thing"), Outcome::NotFound),
    ];
    let mut captures = Captures::default();
    for (request, outcome) in &asked {
        // The first time a regular expression is used, it makes the memory that it uses from then on.
        assert_eq!(router.route(&request.subject(), &mut captures), *outcome);
        assert_eq!(allocations(&router, request, &mut captures), 0, "{}", request.head.target.as_str());
    }
}

#[test]
fn a_405_allocates_only_for_methods_without_a_number() {
    let router = Router::compile(vec![route("GET,POST /a").0, route("PURGE /b").0]).unwrap();
    let mut captures = Captures::default();
    assert_eq!(allocations(&router, &request("PUT /a"), &mut captures), 0);
    assert_eq!(allocations(&router, &request("PUT /b"), &mut captures), 1);
}

#[test]
fn reading_values_allocates_nothing() {
    let router = Router::compile(vec![route("/{a}/{b}").0]).unwrap();
    let request = request("GET /1/2");
    let (mut captures, mut out) = (Captures::default(), String::with_capacity(99));
    router.route(&request.subject(), &mut captures);
    let counted = measure(|| {
        for (name, part) in router.values(&captures, request.head.target.path()).iter() {
            write!(out, "{name}={part:?} ").unwrap();
        }
    });
    assert_eq!((counted.count_total, &*out), (0, "a=Some(\"1\") b=Some(\"2\") "));
}
