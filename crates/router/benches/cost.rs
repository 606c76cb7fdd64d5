//! What a look-up costs in tables of 10 and of 10,000 routes: `cargo bench -p maitred-router`.
//!
//! `one` asks for the same request again and again, as load generators do; `each` asks for a different route every
//! time, so that a large table comes from slower memory. Figures are for reading, and nothing depends on them. With
//! `--count SHAPE ROUTES` it only routes, to be run under `valgrind --tool=callgrind`.

#![expect(clippy::print_stdout, reason = "its figures are its purpose")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use maitred_http::{FieldName, PathRules, RequestHead};
use maitred_router::{
    Captures, Condition, HostSpec, Outcome, PathSpec, RouteSpec, Router, Source, Subject, Test,
};

const SIZES: [usize; 2] = [10, 10_000];
const LOOKUPS: usize = 1_000_000;
const ROUNDS: usize = 7;

/// How the routes of a table differ.
struct Shape {
    name: &'static str,
    route: fn(usize) -> RouteSpec,
    request: fn(usize) -> (String, String),
}

const SHAPES: [Shape; 7] = [
    Shape {
        name: "prefix",
        route: |n| path(&format!("/api/v1/service{n}/*")),
        request: |n| (String::new(), format!("/api/v1/service{n}/users/7")),
    },
    Shape {
        name: "exact",
        route: |n| path(&format!("/api/v1/service{n}/users")),
        request: |n| (String::new(), format!("/api/v1/service{n}/users")),
    },
    Shape {
        name: "param",
        route: |n| path(&format!("/api/v1/service{n}/users/{{id}}")),
        request: |n| (String::new(), format!("/api/v1/service{n}/users/7")),
    },
    Shape {
        name: "host",
        route: |n| RouteSpec { hosts: vec![host(&format!("service{n}.example.com"))], ..path("/api/*") },
        request: |n| (format!("service{n}.example.com"), "/api/users/7".to_owned()),
    },
    Shape {
        name: "regex",
        route: |n| path(&format!("~^/api/service{n}/[0-9]+$")),
        request: |n| (String::new(), format!("/api/service{n}/7")),
    },
    Shape {
        name: "priority",
        route: |n| RouteSpec {
            priority: i32::try_from(n % 1000).unwrap_or_default(),
            ..path(&format!("/api/v1/service{n}/*"))
        },
        request: |n| (String::new(), format!("/api/v1/service{n}/users/7")),
    },
    Shape {
        name: "header",
        route: |n| RouteSpec {
            conditions: vec![Condition::Value {
                source: Source::Header(FieldName::parse("X-Tenant").expect("a token")),
                test: Test::OneOf(vec![format!("tenant{n}")]),
            }],
            ..path("/api/*")
        },
        request: |n| (format!("tenant{n}"), "/api/users/7".to_owned()),
    },
];

fn path(text: &str) -> RouteSpec {
    RouteSpec { paths: vec![PathSpec::parse(text).expect("a path")], ..RouteSpec::default() }
}

fn host(text: &str) -> HostSpec {
    HostSpec::parse(text).expect("a host")
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, name, routes] = &words[..]
        && flag == "--count"
    {
        let shape = SHAPES.iter().find(|shape| shape.name == name).expect("a shape");
        return count(shape, routes.parse().expect("a number of routes"));
    }
    println!(
        "{:10} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "shape", "one, 10", "one, 10k", "each, 10", "each, 10k", "compile 10k"
    );
    for shape in &SHAPES {
        println!("{}", measure(shape));
    }
}

/// Routes a hundred thousand times and prints nothing.
fn count(shape: &Shape, routes: usize) {
    let (router, heads, _) = build(shape, routes);
    black_box(run(&router, &heads[routes / 2..=routes / 2], 100_000));
}

fn measure(shape: &Shape) -> String {
    let tables = SIZES.map(|size| build(shape, size));
    let mut best = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for (at, (router, heads, _)) in tables.iter().enumerate() {
            let half = heads.len() / 2;
            best[at] = best[at].min(run(router, &heads[half..=half], LOOKUPS));
            best[at + 2] = best[at + 2].min(run(router, heads, LOOKUPS));
        }
    }
    let nanos = best.map(|time| time.as_secs_f64() * 1e9 / LOOKUPS as f64);
    let compile = tables[1].2.as_secs_f64() * 1e3;
    let [a, b, c, d] = nanos.map(|nanos| format!("{nanos:.1} ns"));
    format!("{:10} {a:>12} {b:>12} {c:>12} {d:>12} {:>12}", shape.name, format!("{compile:.1} ms"))
}

/// A table, a request for each of its routes in no order, and how long compiling took.
fn build(shape: &Shape, routes: usize) -> (Router, Vec<RequestHead>, Duration) {
    let specs: Vec<RouteSpec> = (0..routes).map(shape.route).collect();
    let start = Instant::now();
    let router = Router::compile(specs).expect("no two routes are alike");
    let compile = start.elapsed();
    let heads =
        (0..routes).map(|n| head((shape.request)(n * 7919 % routes), shape.name == "header")).collect();
    (router, heads, compile)
}

/// A head with the fields that browsers send.
fn head((host, target): (String, String), is_tenant: bool) -> RequestHead {
    let mut head = RequestHead::default();
    head.target.parse(target.as_bytes(), PathRules::Strict).expect("a target");
    let authority = if is_tenant || host.is_empty() { "api.example.com" } else { &host };
    head.authority.parse(authority.as_bytes()).expect("an authority");
    for (name, value) in
        [("Host", authority), ("User-Agent", "bench/1"), ("Accept", "*/*"), ("Accept-Encoding", "gzip")]
    {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    if is_tenant {
        head.fields.append_bytes(b"X-Tenant", host.as_bytes());
    }
    head
}

fn run(router: &Router, heads: &[RequestHead], lookups: usize) -> Duration {
    let mut captures = Captures::default();
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let start = Instant::now();
    for head in heads.iter().cycle().take(lookups) {
        let subject = Subject { head, client, listener: 0, method: head.method, context: &() };
        let outcome = router.route(black_box(&subject), &mut captures);
        assert!(matches!(outcome, Outcome::Found(_)), "every request has a route");
    }
    start.elapsed()
}
