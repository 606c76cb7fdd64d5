//! How long a large document takes to load: `cargo run --release -p maitred-config --example load_time [ROUTES]`.
//! It makes one up in memory: 100 upstreams, and as many routes as are asked for (10,000), about 136 bytes each.

use std::fmt::Write as _;
use std::time::Instant;

use maitred_config::{Memory, NoEnvironment, NoPolicies, expand, load};

#[expect(clippy::disallowed_methods, reason = "it measures")]
#[expect(clippy::print_stdout, reason = "a program for people")]
fn main() {
    let routes: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let mut text = String::from("maitred: 1\nupstreams:\n");
    for number in 0..100 {
        _ = writeln!(text, "  service-{number}: http://service-{number}.internal:8080");
    }
    text += "policies: { cors: true, request_id: { trust: true } }\npolicy_sets: { signed_in: { jwt: keycloak } }\nroutes:\n";
    for number in 0..routes {
        let upstream = number % 100;
        _ = writeln!(
            text,
            "  route-{number}:\n    match: GET,POST api{upstream}.example.com/api/v1/resource-{number}/{{id}}\n    upstream: service-{upstream}\n    policies: {{ use: signed_in }}"
        );
    }
    let bytes = text.len();
    let files = Memory::new().with("large.yaml", text);
    for _ in 0..5 {
        let start = Instant::now();
        let loaded = load("large.yaml", &files, &NoEnvironment);
        let read = start.elapsed();
        let document = loaded.usable().expect("the document has no errors");
        let start = Instant::now();
        let policies: usize = document
            .routes
            .iter()
            .map(|route| document.effective_policies(Some(route), &NoPolicies).len())
            .sum();
        let laid = start.elapsed();
        let start = Instant::now();
        let long = expand(&loaded, &NoPolicies).len();
        println!(
            "{routes} routes, {bytes} bytes: load {read:?}, {policies} policies in {laid:?}, {long} bytes of long form in {:?}",
            start.elapsed()
        );
    }
}
