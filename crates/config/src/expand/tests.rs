//! Long forms: as snapshots, and of documents made up at random, which mean the same before and after.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{expand, long_form};
use crate::document::{Document, Loaded, NoPolicies, PolicyMap, PolicyShapes, load};
use crate::files::Memory;
use crate::node::Node;
use crate::problem::Style;
use crate::read::{Named, Read, Shape};
use crate::{config_map, read_text};

config_map! {
    /// A limit.
    struct Limit {
        /// How many.
        #[main]
        limit: String = "1/s",
        /// At once.
        burst: u32 = 7,
        /// Whom.
        by: Vec<String> = "client.ip",
        /// More.
        more: Named<String>,
    }
}

struct Shapes;

impl PolicyShapes for Shapes {
    fn shape(&self, kind: &str) -> Option<Shape> {
        match kind {
            "limit" => Some(Limit::shape()),
            "first_of" => Some(Shape::Policies),
            _ => None,
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["first_of", "limit"]
    }
}

fn loaded(text: &str) -> Loaded {
    let environment = |name: &str| match name {
        "TOKEN" => Some("hush".to_owned()),
        "LINE" => Some("GET /hush".to_owned()),
        "PORT" => Some("8081".to_owned()),
        _ => None,
    };
    let loaded = load("a.yaml", &Memory::new().with("a.yaml", text), &environment);
    assert!(
        !loaded.problems.has_errors(),
        "{text}\n{}",
        loaded.problems.render(loaded.texts(), Style::Plain)
    );
    loaded
}

/// The long form; asserted to mean the same, and to be its own long form.
fn long(text: &str, shapes: &dyn PolicyShapes) -> String {
    let written = loaded(text);
    let long = expand(&written, shapes);
    let again = loaded(&long);
    assert_eq!(policies(&written, shapes), policies(&again, shapes), "{long}");
    assert_eq!(without_policies(&written), without_policies(&again), "{long}");
    assert_eq!(expand(&again, shapes), long);
    long
}

/// What every route's policies are read as: place and name, and the limit if it is one.
fn policies(loaded: &Loaded, shapes: &dyn PolicyShapes) -> Vec<(String, Result<Limit, Node>)> {
    let document = loaded.usable().expect("a document");
    let routes = document.routes.iter().map(Some).chain([None]);
    routes
        .flat_map(|route| document.effective_policies(route, shapes))
        .map(|policy| {
            let known = shapes.shape(&policy.kind).is_some();
            let read = if known { Ok(()) } else { Err(Node::clone(&policy.node)) };
            let read = read.map(|()| read_text::<Limit>(&policy.node.to_yaml()).expect("a limit"));
            (format!("{} {}", policy.written_at, policy.name()), read)
        })
        .collect()
}

/// The document without policies: those are compared as what they come to.
fn without_policies(loaded: &Loaded) -> Document {
    let mut document = loaded.usable().expect("a document").clone();
    document.policies = PolicyMap::default();
    document.policy_sets = Named::default();
    document.routes.for_each_value(|route| route.policies = PolicyMap::default());
    document
}

#[test]
fn the_file_of_a_beginner_is_written_out() {
    let text = "maitred: 1\nroutes: { app: { match: /*, upstream: http://localhost:3000 } }\n";
    insta::assert_snapshot!(long(text, &NoPolicies));
}

#[test]
fn short_forms_are_written_out_and_nothing_that_was_put_in_is_shown() {
    let text = r#"
maitred: 1
listeners: { web: "http://0.0.0.0:${PORT}", off: false }
admin: { token: "${TOKEN}" }
upstreams: { a: { endpoints: [http://a, { url: http://b, weight: 2 }], keepalive: false } }
routes:
  short: { match: "GET,POST api.example.com/a/*", upstream: a, strip_prefix: true }
  line: { match: "${LINE}", respond: "${TOKEN}" }
  text: { match: { path: /text, headers: { X: "$${TOKEN} ${TOKEN}", Y: "$${TOKEN}" } }, respond: OK }
  json: { match: /json, respond: { json: { a: [1, "on", "1"] }, headers: { X-A: 2.10 } } }
  off: false
  moved: { match: /moved, redirect: /new }
policies: { cors: true, limit: 10/s }
policy_sets: { loose: { limit: 100/s, limit/other: 1/s } }
routes_comment: &x 1
"#
    .replace("routes_comment: &x 1\n", "");
    let long = long(&text, &Shapes);
    assert!(!long.contains("hush"), "{long}");
    insta::assert_snapshot!(long);
}

#[test]
fn what_is_laid_over_another_shows_only_what_is_written() {
    let text = "
maitred: 1
policies: { use: base, limit: { by: [a] } }
policy_sets: { base: { limit: 1/s }, other: { limit/b: { limit: 2/s }, limit/c: 3/s } }
routes:
  over: { respond: OK, match: /a, policies: { limit: { burst: 9 }, limit/own: 5/s } }
  sets: { respond: OK, match: /b, policies: { use: other, limit: true, limit/b: { more: { x: y } }, limit/c: false } }
";
    let long = long(text, &Shapes);
    insta::assert_snapshot!(
        long.split_once("policies:").map(|(_, policies)| policies.to_owned()).unwrap_or_default()
    );
}

#[test]
fn what_a_policy_holds_is_written_out_unless_it_is_laid_over_more() {
    let text = "
maitred: 1
policies: { limit: 1/s, first_of: { limit: 2/s, limit/b: { burst: 3 } } }
routes:
  over: { respond: OK, match: /a, policies: { first_of: { limit: 4/s } } }
  own: { respond: OK, match: /b, policies: { first_of/own: { limit: 5/s } } }
";
    let expanded = expand(&loaded(text), &Shapes);
    let root = Node::parse(&expanded).expect("a document");
    let routes = root.get("routes").expect("routes");
    let of = |route| routes.get(route).and_then(|route| route.get("policies")).expect("policies").to_yaml();
    let global = root.get("policies").expect("policies").to_yaml();
    insta::assert_snapshot!([global, of("over"), of("own")].join("---\n"));
    assert_eq!(expand(&loaded(&expanded), &Shapes), expanded);
}

#[test]
fn secrets_in_plain_are_masked() {
    let shape = Shape::Secret;
    let masked = |text: &str| long_form(&Node::parse(text).expect("a node"), &shape, &NoPolicies).to_yaml();
    assert_eq!(masked("hush"), "\"***\"\n");
    assert_eq!(masked("''"), "\"\"\n");
    assert_eq!(masked("[hush]"), "\"***\"\n");
}

/// What a route matches, in the short and the long form.
fn any_match() -> impl Strategy<Value = String> {
    let path = "/[a-z]{0,4}(/\\{[a-z]{1,3}\\})?(/\\*)?";
    let host = prop_oneof!["", "host: api\\.example\\.com, ", "host: '\\*\\.example\\.com', "];
    let condition =
        prop_oneof!["true", "false", "\"[ -~&&[^\"\\\\$~]]{1,6}\"", "[0-9]\\.[0-9]{1,2}", "\\[a, '~b'\\]"];
    let headers = prop::collection::btree_map("[A-Za-z-]{1,5}", condition, 0..3).prop_map(|headers| {
        let mut seen = BTreeSet::from(["host".to_owned()]);
        let headers = headers.iter().filter(|(name, _)| seen.insert(name.to_lowercase()));
        headers.map(|(name, value)| format!("'{name}': {value}")).collect::<Vec<_>>().join(", ")
    });
    prop_oneof![
        path.prop_map(|path| format!("'{path}'")),
        (path, host, headers).prop_map(|(path, host, headers)| format!(
            "{{ {host}path: '{path}', headers: {{ {headers} }} }}"
        )),
    ]
}

fn any_route() -> impl Strategy<Value = String> {
    let action = prop_oneof![
        "upstream: u[0-3]",
        "upstream: grpcs://h[0-9]",
        "upstream: http://h[0-9]:8080",
        "respond: \"[ -~&&[^\"\\\\{}$]]{0,8}\"",
        "respond: \\{ status: 40[0-9], json: \\[1, \"[a-z]{0,3}\", \\{ a: null \\}\\] \\}",
        "redirect: /[a-z]{1,4}",
    ];
    let policies = prop_oneof![
        "",
        ", policies: false",
        ", policies: \\{ use: s, limit: [1-9]/s, limit/b: \\{ limit: [1-9]/s, burst: 3 \\} \\}",
        ", policies: \\{ limit: true, cors: false \\}",
    ];
    (any_match(), action, policies, -3..3i32).prop_map(|(matching, action, policies, priority)| {
        format!("{{ match: {matching}, {action}{policies}, priority: {priority} }}")
    })
}

/// Documents out of pieces that are right by themselves.
fn any_document() -> impl Strategy<Value = String> {
    let begin = "maitred: 1\nupstreams: { u0: http://u0, u1: [http://u1, unix:/u1], u2: { endpoints: http://u2, timeouts: true }, u3: { endpoints: https://u3, tls: true, protocols: h1, proxy_protocol: v1 } }\npolicy_sets: { s: { limit: { limit: 9/s, by: x } } }\n";
    let global =
        prop_oneof!["", "policies: \\{ limit: \\{ limit: 2/s, more: \\{ a: b \\} \\}, cors: true \\}\n"];
    let listener = prop_oneof![
        "127\\.0\\.0\\.1:PORT",
        "\\{ address: \"\\[::1\\]:PORT\", paths: raw \\}",
        "\\{ address: https://127\\.0\\.0\\.1:PORT, tls: \\{ certificates: \\{ cert: a, key: b \\}, client_auth: c \\}, proxy_protocol: 10\\.0\\.0\\.[0-9] \\}",
        "\\{ address: 127\\.0\\.0\\.1:PORT, tls: \\{ acme: \\{ hosts: a, agree_terms: true \\}, min_version: 1\\.[23] \\}, protocols: \\[h1, h3\\] \\}",
    ];
    let listeners = prop::collection::btree_map("[a-z]{1,4}", listener, 0..3).prop_map(|listeners| {
        let lines = listeners.iter().enumerate();
        let lines: Vec<String> = lines
            .map(|(n, (name, address))| {
                format!("  '{name}': {}\n", address.replace("PORT", &format!("1808{n}")))
            })
            .collect();
        let lines = lines.concat();
        if lines.is_empty() { lines } else { "listeners:\n".to_owned() + &lines }
    });
    let routes = prop::collection::vec(any_route(), 0..5).prop_map(|routes| {
        let lines: Vec<String> =
            routes.iter().enumerate().map(|(n, route)| format!("  r{n}: {route}\n")).collect();
        let lines = lines.concat();
        if lines.is_empty() { lines } else { "routes:\n".to_owned() + &lines }
    });
    (global, listeners, routes)
        .prop_map(move |(global, listeners, routes)| begin.to_owned() + &global + &listeners + &routes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_long_form_means_the_same(text in any_document()) {
        long(&text, &Shapes);
        let written = loaded(&text);
        let again = loaded(&expand(&written, &NoPolicies));
        prop_assert_eq!(again.usable().map(|document| &document.routes), written.usable().map(|document| &document.routes));
        prop_assert_eq!(again.usable(), written.usable());
    }

    #[test]
    fn no_bytes_make_a_load_panic(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), any::<String>().prop_map(String::into_bytes)]) {
        for name in ["a.yaml", "a.toml"] {
            let loaded = load(name, &Memory::new().with(name, bytes.clone()), &crate::NoEnvironment);
            prop_assert!(loaded.usable().is_none() || bytes.starts_with(b"maitred"));
            loaded.problems.render(loaded.texts(), Style::Coloured);
        }
    }

    /// Cuts and changes of a good document: what is still taken has a long form that means the same.
    #[test]
    fn a_changed_document_does_no_harm(text in any_document(), at in any::<prop::sample::Index>(), with in "[ -~\n]{0,3}", cut in 0..4usize) {
        let start = at.index(text.len());
        let changed = format!("{}{with}{}", &text[..start], &text[(start + cut).min(text.len())..]);
        let loaded = load("a.yaml", &Memory::new().with("a.yaml", changed.clone()), &crate::NoEnvironment);
        loaded.problems.render(loaded.texts(), Style::Plain);
        if loaded.usable().is_some() && !changed.contains("${") {
            let long = expand(&loaded, &NoPolicies);
            let again = load("a.yaml", &Memory::new().with("a.yaml", long.clone()), &crate::NoEnvironment);
            prop_assert_eq!(again.usable(), loaded.usable(), "{}\n{}", changed, long);
        }
    }
}
