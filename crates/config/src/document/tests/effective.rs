//! Layers of policies, laid over each other.

use std::sync::Arc;

use super::document;
use crate::document::{Document, NoPolicies, PolicyShapes};
use crate::node::Node;
use crate::read::{Named, Read, Shape};
use crate::{config_map, read_text};

config_map! {
    /// A limit.
    struct Limit {
        /// How many.
        #[main]
        limit: String,
        /// At once.
        burst: Option<u32>,
        /// Whom.
        by: Vec<String>,
        /// More.
        more: Named<String>,
    }
}

struct Shapes;

impl PolicyShapes for Shapes {
    fn shape(&self, kind: &str) -> Option<Shape> {
        match kind {
            "rate_limit" => Some(Limit::shape()),
            "first_of" => Some(Shape::Policies),
            _ => None,
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        vec!["first_of", "rate_limit"]
    }
}

const LAYERS: &str = "
maitred: 1
policies: { cors: { origins: [a, b], max_age: 1h }, rate_limit: { limit: 10/s, burst: 20, by: [a], more: { x: 1 } }, waf: true }
policy_sets:
  signed_in: { jwt: [keycloak], rate_limit: 100/h }
  loose: { cors: { origins: ['*'] }, waf: false }
routes:
  plain: { match: /plain, respond: OK }
  plain2: { match: /plain2, respond: OK }
  none: { match: /none, respond: OK, policies: false }
  set: { match: /set, respond: OK, policies: { use: signed_in } }
  own: { match: /own, respond: OK, policies: { use: [signed_in, loose, signed_in], jwt: false, rate_limit: { by: b, more: { y: 2 } }, rate_limit/hourly: 1/h } }
  on: { match: /on, respond: OK, policies: { rate_limit: true, cors: false, gone: false } }
";

/// Name, node in one line, and place of every policy of a route.
fn effective(document: &Document, route: &str, shapes: &dyn PolicyShapes) -> Vec<String> {
    let route = (route != "unmatched").then(|| document.routes.entry(route).expect("a route"));
    let policies = document.effective_policies(route, shapes);
    policies
        .iter()
        .map(|policy| format!("{}: {:?} @ {}", policy.name(), policy.node, policy.written_at))
        .collect()
}

#[test]
fn layers_are_laid_over_each_other() {
    let document = document(LAYERS);
    let mut lines = Vec::new();
    for route in ["unmatched", "plain", "none", "set", "own", "on"] {
        lines.push(format!("{route}:"));
        lines.extend(effective(&document, route, &Shapes).into_iter().map(|line| format!("  {line}")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_short_form_is_laid_as_the_long_one() {
    let document = document(LAYERS);
    let of = |route| {
        let policies = document.effective_policies(document.routes.entry(route), &Shapes);
        let policy = policies.iter().find(|policy| policy.name() == "rate_limit").expect("a limit");
        read_text::<Limit>(&policy.node.to_yaml()).expect("a limit")
    };
    let global: Limit = read_text("{ limit: 10/s, burst: 20, by: [a], more: { x: 1 } }").expect("a limit");
    assert_eq!(of("on"), global);
    assert_eq!(of("set"), Limit { limit: "100/h".into(), ..global.clone() });
    let more = read_text("{ x: 1, y: 2 }").expect("a map");
    assert_eq!(of("own"), Limit { limit: "100/h".into(), by: vec!["b".into()], more, ..global });
}

#[test]
fn what_a_policy_holds_is_laid_over_what_it_holds_below() {
    let document = document(
        "
maitred: 1
policies: { first_of: { rate_limit: 1/s, rate_limit/b: { burst: 2 }, other: 1 } }
routes: { own: { respond: OK, policies: { first_of: { rate_limit: { by: a }, rate_limit/b: 3/s, other: false } } } }
",
    );
    assert_eq!(
        effective(&document, "own", &Shapes),
        [
            r#"first_of: {"rate_limit": {"limit": "1/s", "by": "a"}, "rate_limit/b": {"burst": 2, "limit": "3/s"}, "other": false} @ policies + routes.own.policies"#
        ]
    );
}

#[test]
fn unknown_kinds_are_merged_as_they_are_written() {
    let document = document(LAYERS);
    assert!(
        effective(&document, "set", &NoPolicies).iter().any(|line| line.starts_with("rate_limit: \"100/h\""))
    );
}

#[test]
fn routes_that_change_nothing_share_what_they_inherit() {
    let document = document(LAYERS);
    let of = |route| document.effective_policies(document.routes.entry(route), &Shapes);
    let (one, two): (Vec<_>, Vec<_>) = (of("plain"), of("plain2"));
    assert_eq!(one, two);
    assert!(one.iter().zip(&two).all(|(one, two)| Arc::<Node>::ptr_eq(&one.node, &two.node)));
}
