//! The words of a configuration as JSON, for pages that show how something is set.
//! What came through `${…}` stays as it was written, so that no secret is shown.

use maitred_config::{Node, Scalar, ScalarKind, Value as Written};
use serde_json::Value;

/// A part of a document as JSON.
pub(super) fn json_of(node: &Node) -> Value {
    match &node.value {
        Written::Scalar(scalar) => json_of_scalar(scalar),
        Written::List(items) => items.iter().map(json_of).collect(),
        Written::Map(map) => {
            map.entries.iter().map(|entry| (entry.key.to_string(), json_of(&entry.value))).collect()
        }
    }
}

fn json_of_scalar(scalar: &Scalar) -> Value {
    match scalar.kind {
        _ if scalar.substitution.is_some() => scalar.written().into(),
        ScalarKind::Null => Value::Null,
        ScalarKind::Bool(value) => value.into(),
        ScalarKind::Int(number) => number.into(),
        ScalarKind::Float(number) => number.into(),
        ScalarKind::String => (*scalar.text).into(),
    }
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, NoPolicies, Read as _, Upstream, load, long_form};
    use serde_json::json;

    use super::*;

    #[test]
    fn words_keep_their_kind_and_what_is_put_in_is_not_shown() {
        let text = "maitred: 1\nupstreams: { a: { endpoints: '${SECRET}', x: [1, 2.5, true, ~, 10s] } }\n";
        let files = Memory::new().with("a.yaml", text);
        let loaded = load("a.yaml", &files, &|_: &str| Some("http://hidden".to_owned()));
        let shown = json_of(loaded.tree.root.get("upstreams").unwrap());
        assert_eq!(shown, json!({ "a": { "endpoints": "${SECRET}", "x": [1, 2.5, true, null, "10s"] } }));
    }

    #[test]
    fn a_secret_is_not_shown_however_it_is_written() {
        let balance = "{ sticky: { secret: '${ABSENT:-hush-hush-hush-hush}' } }";
        let text = format!("maitred: 1\nupstreams: {{ a: {{ endpoints: http://a, balance: {balance} }} }}\n");
        let files = Memory::new().with("a.yaml", text.as_str());
        let loaded = load("a.yaml", &files, &|_: &str| None);
        let written = loaded.tree.root.get("upstreams").and_then(|all| all.get("a")).unwrap();
        let shown = json_of(&long_form(written, &Upstream::shape(), &NoPolicies));
        assert_eq!(shown["balance"]["sticky"], json!({ "cookie": "srv", "secret": "***" }));
    }
}
