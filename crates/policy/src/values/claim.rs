//! Claims by their paths, and as texts.
//! Conditions have them as they are, with their kinds: `condition/evaluate.rs`.

use std::io::Write as _;

use serde_json::{Map, Value};

/// What stands at a path; none where nothing does, or null. A name of digits also takes the element of a list.
pub fn find<'c>(claims: &'c Map<String, Value>, path: &[String]) -> Option<&'c Value> {
    let (first, rest) = path.split_first()?;
    let found = rest.iter().try_fold(claims.get(first)?, |value, name| match value {
        Value::Object(object) => object.get(name),
        Value::Array(list) => name.parse::<usize>().ok().and_then(|index| list.get(index)),
        _ => None,
    });
    found.filter(|value| !value.is_null())
}

/// Appends a claim as text: texts as they are, numbers, true and false as JSON writes them, lists of those with commas between them, and what is
/// more than that as JSON.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Array(items) if items.iter().all(is_plain) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                write(item, out);
            }
        }
        _ => write!(out, "{value}").expect("writing to memory does not fail"),
    }
}

fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use maitred_config::scalar::value_name;
    use serde_json::json;

    use crate::identity::Claims;
    use crate::values::testing::Sample;
    use crate::values::{Available, BodyTemplate, Value};

    fn sample() -> Sample {
        let mut sample = Sample::new("GET /");
        let claims = json!({
            "sub": "u-17", "n": 7, "large": 18_446_744_073_709_551_615_u64, "half": 0.5, "yes": true, "nothing": null,
            "realm_access": { "roles": ["admin", "staff"] }, "mixed": ["a", 1, false, null],
            "https://example.com/roles": ["far"], "a.b": "dotted", "deep": [{ "x": [1] }], "none": [],
        });
        let serde_json::Value::Object(all) = claims else { panic!("an object") };
        sample.facts.claims = Some(Rc::new(Claims { all, plan: Some("gold".into()), ..Claims::default() }));
        sample
    }

    fn told(name: &str) -> Option<String> {
        let value = Value::compile(&value_name::parse(name).unwrap(), Available::Request).unwrap();
        let mut out = Vec::new();
        value.write(&sample().view(), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn are_told_by_their_paths() {
        for (name, text) in [
            ("claim.sub", Some("u-17")),
            ("claim.n", Some("7")),
            ("claim.large", Some("18446744073709551615")),
            ("claim.half", Some("0.5")),
            ("claim.yes", Some("true")),
            ("claim.nothing", None),
            ("claim.realm_access.roles", Some("admin, staff")),
            ("claim.realm_access.roles[1]", Some("staff")),
            ("claim.realm_access.roles.2", None),
            ("claim.realm_access", Some(r#"{"roles":["admin","staff"]}"#)),
            ("claim.mixed", Some("a, 1, false, null")),
            ("claim[\"https://example.com/roles\"]", Some("far")),
            ("claim[\"a.b\"]", Some("dotted")),
            ("claim.a.b", None),
            ("claim.deep", Some(r#"[{"x":[1]}]"#)),
            ("claim.deep[0].x[0]", Some("1")),
            ("claim.sub.x", None),
            ("claim.none", Some("")),
            ("consumer.plan", Some("gold")),
        ] {
            assert_eq!(told(name).as_deref(), text, "{name}");
        }
    }

    #[test]
    fn keep_their_kind_in_json() {
        let written = "{ n: '{claim.n}', l: '{claim.realm_access.roles}', t: '{claim.sub}', m: '{claim.no}', s: 'n {claim.n}' }";
        let template = maitred_config::read_text(written).unwrap();
        let body = BodyTemplate::of_document(&template, Available::Request).unwrap();
        let mut out = Vec::new();
        body.render(&sample().view(), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#"{"n":7,"l":["admin","staff"],"t":"u-17","s":"n 7"}"#);
    }
}
