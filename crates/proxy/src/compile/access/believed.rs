//! Routes that believe what a client says of itself in the fields that tell services who asks, and find out nothing themselves.
//! To balance or split by such a field is no matter of trust, and is not warned of.

use std::sync::Arc;

use maitred_config::{EffectivePolicy, Node, Problem, Problems, Span, Value};
use maitred_policy::identity;

use super::Judged;
use crate::listener::ListenerSettings;

/// Whether anybody can send such a field to a route: what trusted proxies say may be theirs.
pub(super) fn can_be_said(on: &Judged<'_>, listeners: &[Arc<ListenerSettings>]) -> bool {
    let taken = &on.entry.value.r#match.listener;
    let takes = |listener: &ListenerSettings| {
        taken.is_empty() || taken.iter().any(|name| *name.value == *listener.name)
    };
    listeners.iter().any(|listener| takes(listener) && !listener.trusts_any())
}

/// Warns of a policy that takes such a field for a value, in a text, a key or a condition.
pub(super) fn policy(policy: &EffectivePolicy, on: &Judged<'_>, problems: &mut Problems) {
    let mut found = Vec::new();
    find(&policy.node, &mut found);
    for (field, span) in found {
        problems.push(believes(field, span.or(policy.span), on));
    }
}

/// Warns of a match that goes by such a field.
pub(super) fn matching(on: &Judged<'_>, problems: &mut Problems) {
    let matching = &on.entry.value.r#match;
    for header in &matching.headers {
        let told = identity::TOLD.into_iter().find(|field| field.eq_ignore_ascii_case(&header.name));
        if let Some(field) = told {
            problems.push(believes(field, header.span, on));
        }
    }
    if let Some(when) = &matching.when
        && let Some(field) = named(&when.value)
    {
        problems.push(believes(field, when.span, on));
    }
}

fn believes(field: &str, at: Span, on: &Judged<'_>) -> Problem {
    Problem::warning(format!("any client can say what it likes in `{field}`"))
        .label(at, "this believes it")
        .label(on.entry.span, "no policy of this route identifies")
        .help("write a policy that identifies on the route, which removes what clients say there, such as `api_key: { optional: true }`")
}

fn find(node: &Node, found: &mut Vec<(&'static str, Span)>) {
    match &node.value {
        Value::Scalar(scalar) => found.extend(named(&scalar.text).map(|field| (field, node.span))),
        Value::List(items) => items.iter().for_each(|item| find(item, found)),
        Value::Map(map) => map.entries.iter().for_each(|entry| find(&entry.value, found)),
    }
}

/// The field that a text names as a value: `header.X-Consumer`, `header["X-Consumer"]`.
fn named(text: &str) -> Option<&'static str> {
    text.match_indices("header").find_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let rest = rest.strip_prefix('.').or_else(|| rest.trim_start().strip_prefix('['))?;
        let name = rest.trim_start().trim_start_matches(['"', '\'']);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len());
        // What stands behind is no part of the name: `{header.X-Consumer:-nobody}`.
        identity::TOLD.into_iter().find(|field| field.eq_ignore_ascii_case(&name[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_where_they_are_values() {
        for (text, field) in [
            ("header.X-Consumer", Some("X-Consumer")),
            ("a {header.x-user-id:-0} b", Some("X-User-ID")),
            ("header [ 'X-Consumer-Groups' ] == 'a'", Some("X-Consumer-Groups")),
            ("header[\"X-Other\"] == header[\"X-Consumer\"]", Some("X-Consumer")),
            ("X-Consumer", None),
            ("header.X-Consumer-Name", None),
            ("consumer.name", None),
        ] {
            assert_eq!(named(text), field, "{text}");
        }
    }
}
