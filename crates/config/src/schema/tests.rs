//! The schema against documents that are right and wrong, by a small validator.

use serde_json::Value as Json;

use super::{document_schema, shape_schema, to_json};
use crate::document::{NoPolicies, PolicyShapes};
use crate::node::Node;
use crate::read::{Named, Read, Shape};
use crate::{config_map, config_words};

config_words! {
    /// A code.
    pub enum Code {
        /// Yes.
        Yes = "301",
        /// No.
        No = "no_code",
    }
}

config_map! {
    /// A tree.
    struct Tree {
        /// Below it.
        below: Named<Tree>,
        /// A code.
        code: Code = "301",
    }
}

struct Trees;

impl PolicyShapes for Trees {
    fn shape(&self, kind: &str) -> Option<Shape> {
        (kind == "tree").then(Tree::shape)
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["tree"]
    }
}

/// Whether a value fits a schema: as much of JSON Schema as the generator uses.
fn fits(value: &Json, schema: &Json, root: &Json) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        let definition = root.pointer(&reference[1..]).unwrap_or_else(|| panic!("no {reference}"));
        return fits(value, definition, root);
    }
    let any = schema["anyOf"].as_array().is_none_or(|any| any.iter().any(|schema| fits(value, schema, root)));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let pattern = schema["pattern"]
        .as_str()
        .zip(value.as_str())
        .is_none_or(|(pattern, text)| regex::Regex::new(pattern).expect("a pattern").is_match(text));
    let minimum =
        schema["minimum"].as_i64().zip(value.as_i64()).is_none_or(|(minimum, value)| value >= minimum);
    let maximum =
        schema["maximum"].as_i64().zip(value.as_i64()).is_none_or(|(maximum, value)| value <= maximum);
    any && constant
        && pattern
        && minimum
        && maximum
        && type_fits(value, schema)
        && parts_fit(value, schema, root)
}

fn type_fits(value: &Json, schema: &Json) -> bool {
    let one = |kind: &Json| match kind.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("type {other}"),
    };
    match &schema["type"] {
        Json::Null => true,
        Json::Array(kinds) => kinds.iter().any(one),
        kind => one(kind),
    }
}

fn parts_fit(value: &Json, schema: &Json, root: &Json) -> bool {
    if let Some(items) = value.as_array().filter(|_| schema.get("items").is_some()) {
        let enough = schema["minItems"].as_u64().is_none_or(|least| items.len() as u64 >= least);
        return enough && items.iter().all(|item| fits(item, &schema["items"], root));
    }
    let Some(object) = value.as_object() else { return true };
    let required = schema["required"].as_array().into_iter().flatten();
    required.filter_map(Json::as_str).all(|key| object.contains_key(key))
        && object.iter().all(|(key, value)| {
            let by_pattern = schema["patternProperties"].as_object().into_iter().flatten();
            let mut by_pattern = by_pattern
                .filter(|(pattern, _)| regex::Regex::new(pattern).expect("a pattern").is_match(key));
            let own = schema["properties"].get(key).or_else(|| by_pattern.next().map(|(_, schema)| schema));
            match own.or_else(|| schema.get("additionalProperties")) {
                Some(Json::Bool(open)) => *open,
                Some(schema) => fits(value, schema, root),
                None => true,
            }
        })
}

fn document_fits(text: &str, policies: &dyn PolicyShapes) -> bool {
    let schema = document_schema(policies);
    fits(&to_json(&Node::parse(text).expect("a tree")), &schema, &schema)
}

#[test]
fn what_is_read_fits_the_schema() {
    for text in [
        "{ maitred: 1, routes: { app: { match: /*, upstream: http://localhost:3000 } } }",
        "{ maitred: 1, include: [a.yaml], listeners: { a: http://0.0.0.0:1, b: false }, admin: false, limits: { head: 16KiB, body_rate: false } }",
        "{ maitred: 1, admin: { token: '${TOKEN}' }, upstreams: { a: [http://a, { url: http://b, weight: '${W}' }] }, telemetry: { log: debug } }",
        "{ maitred: 1, routes: { a: { match: { headers: { A: 2.10, B: true, C: [x] }, methods: GET }, respond: { status: 301, json: [1] }, policies: false, errors: false } } }",
        "{ maitred: 1, routes: { a: { redirect: { to: /a, status: 308 }, strip_prefix: true } }, policies: { use: a, tree: { below: { x: true } }, tree/b: false } }",
        "{ maitred: 1, listeners: { a: { address: https://0.0.0.0:1, tls: { certificates: { cert: a, key: b }, min_version: 1.3, client_auth: c }, proxy_protocol: true } } }",
        "{ maitred: 1, listeners: { a: { address: https://0.0.0.0:1, tls: { acme: { hosts: [a, b], agree_terms: true }, min_version: '1.2' }, proxy_protocol: [10.0.0.0/8] } } }",
        "{ maitred: 1, upstreams: { a: { endpoints: https://a, tls: true, protocols: h1, proxy_protocol: v2, timeouts: { stream_idle: 1h } } }, limits: { streams: 100 } }",
    ] {
        assert!(document_fits(text, &Trees), "{text}");
    }
}

#[test]
fn mistakes_do_not_fit_the_schema() {
    for text in [
        "{ routes: {} }",
        "{ maitred: 2 }",
        "{ maitred: 1, upsteams: {} }",
        "{ maitred: 1, limits: { head: 16 } }",
        "{ maitred: 1, limits: { fields: 0 } }",
        "{ maitred: 1, admin: { token: hush } }",
        "{ maitred: 1, upstreams: { a: { balance: fastest, endpoints: http://a } } }",
        "{ maitred: 1, upstreams: { a: { endpoints: [] } } }",
        "{ maitred: 1, routes: { a: { redirect: { status: 301 } } } }",
        "{ maitred: 1, listeners: { a: { address: a, tls: { certificates: { cert: a } } } } }",
        "{ maitred: 1, listeners: { a: { address: a, tls: { min_version: 1.1 } } } }",
        "{ maitred: 1, listeners: { a: { address: a, tls: { acme: { agree_terms: true } } } } }",
        "{ maitred: 1, upstreams: { a: { endpoints: https://a, protocols: [h1, h3] } } }",
        "{ maitred: 1, policies: { bush: true } }",
        "{ maitred: 1, policies: { tree: { below: 1 } } }",
    ] {
        assert!(!document_fits(text, &Trees), "{text}");
    }
    assert!(document_fits("{ maitred: 1, policies: { bush: true } }", &NoPolicies));
}

#[test]
fn the_schema_of_one_shape_is_complete() {
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&shape_schema(&Tree::shape(), &NoPolicies)).expect("JSON")
    );
}

#[test]
fn every_key_of_the_document_has_a_description() {
    fn check(path: &str, schema: &Json) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].as_str().is_some_and(|text| text.len() > 3), "{path}.{key}");
        }
        for schema in schema["anyOf"].as_array().into_iter().flatten() {
            check(path, schema);
        }
    }
    let schema = document_schema(&NoPolicies);
    check("", &schema);
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        if name != "Policies" {
            check(name, definition);
            assert!(definition.to_string().contains("description"), "{name}");
        }
    }
}
