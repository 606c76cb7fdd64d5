//! A JSON body with values in it: `{ message: "{error.detail}" }`.
//!
//! A text that is one value keeps the value's JSON type. A key set to just a missing value is left out; in a list it is
//! null, so that what follows keeps its place.

use maitred_config::document::JsonTemplate;
use maitred_config::scalar;
use maitred_config::{Node, Problem, Problems, Scalar, ScalarKind, Value as NodeValue};

use super::json::{push_string, quote_from};
use super::{Available, Kind, Rendered, Template, View};

/// A JSON body in whose texts values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyTemplate(Json);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Json {
    /// What never changes, as JSON.
    Fixed(Box<[u8]>),
    /// A text with values in it.
    Text(Template),
    List(Box<[Self]>),
    /// Keys, as JSON, and what stands under them.
    Map(Box<[(Box<[u8]>, Self)]>),
}

impl BodyTemplate {
    /// Compiles what stands under `json:` for a step of the request. Problems go to `problems`, all of them.
    pub fn compile(node: &Node, available: Available, problems: &mut Problems) -> Option<Self> {
        compile(node, available, problems).map(Self)
    }

    /// Compiles what the document has read already. `Err` is the message that says which value is not to be had there.
    pub fn of_document(written: &JsonTemplate, available: Available) -> Result<Self, String> {
        of_document(written, available).map(Self)
    }

    /// Appends the body as JSON, without white space.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) {
        if render(&self.0, view, out) == Rendered::Missing {
            out.extend_from_slice(b"null");
        }
    }
}

fn of_document(written: &JsonTemplate, available: Available) -> Result<Json, String> {
    Ok(match written {
        JsonTemplate::Null => Json::Fixed(b"null"[..].into()),
        JsonTemplate::Bool(value) => Json::Fixed(value.to_string().into_bytes().into()),
        JsonTemplate::Number(number) => Json::Fixed(number.as_bytes().into()),
        JsonTemplate::Text(text) => match text.literal() {
            Some(text) => Json::Fixed(string(text)),
            None => Json::Text(Template::compile(text, available)?),
        },
        JsonTemplate::List(items) => {
            Json::List(items.iter().map(|item| of_document(item, available)).collect::<Result<_, _>>()?)
        }
        JsonTemplate::Map(entries) => Json::Map(
            entries
                .iter()
                .map(|(key, value)| Ok((string(key), of_document(value, available)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

fn compile(node: &Node, available: Available, problems: &mut Problems) -> Option<Json> {
    match &node.value {
        NodeValue::Scalar(scalar) => compile_scalar(node, scalar, available, problems),
        NodeValue::List(items) => {
            let items: Vec<_> = items.iter().map(|item| compile(item, available, problems)).collect();
            items.into_iter().collect::<Option<_>>().map(Json::List)
        }
        NodeValue::Map(map) => {
            let entries: Vec<_> = map
                .entries
                .iter()
                .map(|entry| Some((string(&entry.key), compile(&entry.value, available, problems)?)))
                .collect();
            entries.into_iter().collect::<Option<_>>().map(Json::Map)
        }
    }
}

fn compile_scalar(
    node: &Node,
    scalar: &Scalar,
    available: Available,
    problems: &mut Problems,
) -> Option<Json> {
    Some(Json::Fixed(match scalar.kind {
        ScalarKind::Null => b"null"[..].into(),
        ScalarKind::Bool(value) => value.to_string().into_bytes().into(),
        ScalarKind::Int(number) => number.to_string().into_bytes().into(),
        ScalarKind::Float(number) if number.is_finite() => float(&scalar.text, number),
        ScalarKind::Float(_) => string(&scalar.text),
        ScalarKind::String => {
            let template = match scalar::template::parse(&scalar.text) {
                Ok(template) => template,
                Err(problem) => {
                    let place = node.text_span(problem.at);
                    problems.push(Problem::error(problem.message).at(place).help_if(problem.help));
                    return None;
                }
            };
            if let Some(text) = template.literal() {
                return Some(Json::Fixed(string(text)));
            }
            match Template::compile(&template, available) {
                Ok(template) => return Some(Json::Text(template)),
                Err(message) => {
                    problems.push(Problem::error(message).at(node.span));
                    return None;
                }
            }
        }
    }))
}

fn string(text: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    push_string(&mut out, text);
    out.into()
}

/// A number as it is spelled (`2.10`), where JSON can spell it so too (RFC 8259 section 6).
fn float(text: &str, number: f64) -> Box<[u8]> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_json = !whole.is_empty()
        && (whole == "0" || !whole.starts_with('0'))
        && !fraction.is_empty()
        && [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if is_json { text.as_bytes().into() } else { number.to_string().into_bytes().into() }
}

fn render(json: &Json, view: &View<'_>, out: &mut Vec<u8>) -> Rendered {
    match json {
        Json::Fixed(text) => out.extend_from_slice(text),
        Json::Text(template) => return render_text(template, view, out),
        Json::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if render(item, view, out) == Rendered::Missing {
                    out.extend_from_slice(b"null");
                }
            }
            out.push(b']');
        }
        Json::Map(entries) => {
            out.push(b'{');
            let mut first = true;
            for (key, value) in entries {
                let before = out.len();
                if !first {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                out.push(b':');
                match render(value, view, out) {
                    Rendered::Whole => first = false,
                    Rendered::Missing => out.truncate(before),
                }
            }
            out.push(b'}');
        }
    }
    Rendered::Whole
}

fn render_text(template: &Template, view: &View<'_>, out: &mut Vec<u8>) -> Rendered {
    let start = out.len();
    let rendered = template.render_text(view, out);
    // A number that has a default may be any text.
    let is_number = template.single_value().is_some_and(|value| value.kind() == Kind::Number)
        && out[start..].iter().all(u8::is_ascii_digit)
        && out.len() > start;
    if rendered == Rendered::Whole && !is_number {
        quote_from(out, start);
    }
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::ErrorView;
    use crate::values::testing::Sample;

    fn compiled(yaml: &str, available: Available) -> Result<BodyTemplate, String> {
        let mut problems = Problems::new();
        let body = BodyTemplate::compile(&Node::parse(yaml).unwrap(), available, &mut problems);
        let told = problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ");
        body.ok_or(told)
    }

    fn rendered(yaml: &str) -> String {
        let sample = Sample::new("GET /?a=%22%0a").field("X-A", "é\\");
        let error = ErrorView { status: 404, title: "Not Found", detail: "Route not found" };
        let mut out = Vec::new();
        compiled(yaml, Available::Error)
            .unwrap()
            .render(&View { error: Some(error), ..sample.view() }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn renders_json() {
        for (yaml, json) in [
            ("{ message: '{error.detail}' }", r#"{"message":"Route not found"}"#),
            ("{ code: '{error.status}', text: 'HTTP {error.status}' }", r#"{"code":404,"text":"HTTP 404"}"#),
            ("{ a: '{query.a}', b: '{header.X-A}' }", r#"{"a":"\"\n","b":"é\\"}"#),
            (
                "{ a: 1, b: 2.10, c: true, d: null, e: .5, f: '7', g: -0.5, h: 1e3 }",
                r#"{"a":1,"b":2.10,"c":true,"d":null,"e":0.5,"f":"7","g":-0.5,"h":1000}"#,
            ),
            ("{ x: '{header.None}', y: '{header.None:-}', z: 'a{header.None}' }", r#"{"y":"","z":"a"}"#),
            ("{ a: 1, x: '{header.None}', b: 2 }", r#"{"a":1,"b":2}"#),
            ("['{header.None}', { }, []]", "[null,{},[]]"),
            ("'{header.None}'", "null"),
            ("'{{}'", r#""{}""#),
        ] {
            assert_eq!(rendered(yaml), json, "{yaml}");
        }
    }

    #[test]
    fn all_problems_are_told() {
        assert_eq!(
            compiled("{ a: '{response.status}', b: ['{error.detail}', '{body}'] }", Available::Request),
            Err("`response.status` is not known before there is a response; `error.detail` exists only in `errors`; \
                 `body` cannot be used here, bodies are not read"
                .into())
        );
        assert!(compiled("{ a: '{heder.x}' }", Available::Request).unwrap_err().contains("heder"));
    }
}
