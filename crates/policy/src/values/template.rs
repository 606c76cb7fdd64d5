//! A text with values in it, compiled: `users/{query.user_id}` for fields, texts and query parameters.
//! Paths and URLs are in `target.rs`, since there it matters where in the text a value stands.

use maitred_config::scalar;

use super::encode::{blank_controls, percent_encode_from};
use super::{Available, Value, View};

/// A text in which values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Value { value: Value, default: Option<Box<str>> },
}

/// What came of rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what is set to a missing value is to be removed"]
pub enum Rendered {
    /// The text stands in the buffer; a value that is missing inside it is empty there.
    Whole,
    /// The text is just one value, and it is missing and has no default: what is set to it is to be removed. The buffer
    /// is as it was.
    Missing,
}

impl Template {
    /// Compiles a text for a step of the request. `Err` is the message that says which value is not to be had there.
    pub fn compile(template: &scalar::Template, available: Available) -> Result<Self, String> {
        let pieces = template.parts.iter().map(|part| {
            Ok(match part {
                scalar::Part::Text(text) => Piece::Text(text.as_str().into()),
                scalar::Part::Value { name, default } => Piece::Value {
                    value: Value::compile(name, available)?,
                    default: default.as_deref().map(Into::into),
                },
            })
        });
        Ok(Self { pieces: pieces.collect::<Result<_, String>>()? })
    }

    /// The text, if no value stands in it.
    pub fn literal(&self) -> Option<&str> {
        match &*self.pieces {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The value, if the text is just one.
    pub fn single_value(&self) -> Option<&Value> {
        match &*self.pieces {
            [Piece::Value { value, .. }] => Some(value),
            _ => None,
        }
    }

    /// The values in it.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { value, .. } => Some(value),
            Piece::Text(_) => None,
        })
    }

    /// Appends the text for the value of a field. No control byte ever comes through, whatever values bring.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) -> Rendered {
        let start = out.len();
        let rendered = self.render_text(view, out);
        blank_controls(&mut out[start..]);
        rendered
    }

    /// Appends the text for the value of a query parameter: percent-encoded, so that it adds no other parameter.
    pub fn render_query_value(&self, view: &View<'_>, out: &mut Vec<u8>) -> Rendered {
        let start = out.len();
        let rendered = self.render_text(view, out);
        percent_encode_from(out, start);
        rendered
    }

    /// Appends the text as it is, for a body that is plain text.
    pub fn render_text(&self, view: &View<'_>, out: &mut Vec<u8>) -> Rendered {
        if let [Piece::Value { value, default: None }] = &*self.pieces {
            return if value.write(view, out) { Rendered::Whole } else { Rendered::Missing };
        }
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Value { value, default } => {
                    if !value.write(view, out) {
                        out.extend_from_slice(default.as_deref().unwrap_or_default().as_bytes());
                    }
                }
            }
        }
        Rendered::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::Sample;

    fn template(text: &str) -> Template {
        Template::compile(&scalar::template::parse(text).unwrap(), Available::Request).unwrap()
    }

    fn field(text: &str, sample: &Sample) -> Option<String> {
        let mut out = Vec::new();
        let rendered = template(text).render(&sample.view(), &mut out);
        (rendered == Rendered::Whole).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_missing_value_is_removed_alone_and_empty_inside_text() {
        let sample = Sample::new("GET /?a=1&empty=").field("X-A", "x");
        for (text, rendered) in [
            ("plain", Some("plain")),
            ("", Some("")),
            ("{header.X-A}", Some("x")),
            ("{header.X-B}", None),
            ("{query.empty}", Some("")),
            ("<{header.X-B}>", Some("<>")),
            ("{header.X-B}{header.X-B}", Some("")),
            ("{header.X-B:-none}", Some("none")),
            ("{header.X-B:-}", Some("")),
            ("{query.empty:-none}", Some("")),
            ("{claim.tenant:-public}", Some("public")),
            ("{consumer.name}", None),
            ("by {consumer.name:-anonymous}", Some("by anonymous")),
            ("{{{query.a}", Some("{1")),
        ] {
            assert_eq!(field(text, &sample).as_deref(), rendered, "{text}");
        }
    }

    #[test]
    fn values_end_no_field_and_add_no_parameter() {
        let sample = Sample::new("GET /?a=x%0d%0aEvil:%201%26b=2%00");
        assert_eq!(field("{query.a}", &sample).as_deref(), Some("x  Evil: 1&b=2 "));
        let mut out = Vec::new();
        let rendered = template("v {query.a}").render_query_value(&sample.view(), &mut out);
        assert_eq!((rendered, &*out), (Rendered::Whole, &b"v%20x%0D%0AEvil%3A%201%26b%3D2%00"[..]));
    }

    #[test]
    fn what_is_not_available_is_refused_when_compiled() {
        let text = scalar::template::parse("a {response.status}").unwrap();
        assert_eq!(
            Template::compile(&text, Available::Request).unwrap_err(),
            "`response.status` is not known before there is a response"
        );
        assert!(Template::compile(&text, Available::Response).is_ok());
    }

    #[test]
    fn rendering_allocates_nothing() {
        let sample = Sample::new("GET /?a=%2Fx").field("X-A", "1").param("id", "a%20b");
        let text =
            template("{query.a} {header.X-A} {path.id} {client.ip} {now} {request.id} {cookie.c:-none}");
        let mut out = Vec::with_capacity(256);
        let counted = allocation_counter::measure(|| {
            assert_eq!(text.render(&sample.view(), &mut out), Rendered::Whole);
            assert_eq!(text.render_query_value(&sample.view(), &mut out), Rendered::Whole);
        });
        assert_eq!(counted.count_total, 0);
    }
}
