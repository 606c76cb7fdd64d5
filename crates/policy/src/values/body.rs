//! A JSON body with values in it: `{ message: "{error.detail}" }`.
//!
//! A text that is one value keeps the value's JSON type. A key set to just a missing value is left out; in a list it is
//! null, so that what follows keeps its place.

use maitred_config::JsonTemplate;

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
    /// Compiles a body of the document for a step of the request. `Err` is the message that says which value is not to be
    /// had there.
    pub fn of_document(template: &JsonTemplate, available: Available) -> Result<Self, String> {
        compile(template, available).map(Self)
    }

    /// Appends the body as JSON, without white space.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) {
        if render(&self.0, view, out) == Rendered::Missing {
            out.extend_from_slice(b"null");
        }
    }
}

fn compile(template: &JsonTemplate, available: Available) -> Result<Json, String> {
    Ok(match template {
        JsonTemplate::Null => Json::Fixed(b"null"[..].into()),
        JsonTemplate::Bool(value) => Json::Fixed(value.to_string().into_bytes().into()),
        JsonTemplate::Number(number) => Json::Fixed(number.as_bytes().into()),
        JsonTemplate::Text(text) => match text.literal() {
            Some(text) => Json::Fixed(string(text)),
            None => Json::Text(Template::compile(text, available)?),
        },
        JsonTemplate::List(items) => {
            let items = items.iter().map(|item| compile(item, available));
            Json::List(items.collect::<Result<_, String>>()?)
        }
        JsonTemplate::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| Ok((string(key), compile(value, available)?)));
            Json::Map(entries.collect::<Result<_, String>>()?)
        }
    })
}

fn string(text: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    push_string(&mut out, text);
    out.into()
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
    if let Some(value) = template.single_value().and_then(|value| value.json(view)) {
        out.extend_from_slice(value.to_string().as_bytes());
        return Rendered::Whole;
    }
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
        BodyTemplate::of_document(&maitred_config::read_text(yaml).unwrap(), available)
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
                r#"{"a":1,"b":2.10,"c":true,"d":null,"e":0.5,"f":"7","g":-0.5,"h":1e3}"#,
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
    fn what_is_not_available_is_refused_when_compiled() {
        assert_eq!(
            compiled("{ a: 1, b: ['{error.detail}'] }", Available::Request),
            Err("`error.detail` exists only in `errors`".into())
        );
    }
}
