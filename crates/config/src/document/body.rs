//! Bodies that the gateway makes itself: JSON in whose texts values stand.
//! Numbers keep the spelling of the document where JSON has it; the order of keys is kept.

use crate::config_map;
use crate::node::{Node, ScalarKind, Value};
use crate::problem::Problem;
use crate::read::{Read, Reader, Shape};
use crate::scalar::Template;

config_map! {
    /// The bodies of errors that the gateway answers itself.
    pub struct ErrorBodies {
        /// The body as JSON; `{error.status}`, `{error.title}` and `{error.detail}` say what is wrong.
        json: JsonTemplate,
    }
}

/// JSON in whose texts values stand: `{ message: "{error.detail}" }`. A text that is one value keeps its JSON type.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTemplate {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it stands in JSON.
    Number(Box<str>),
    /// A text.
    Text(Template),
    /// An array.
    List(Vec<Self>),
    /// An object, in the order written.
    Map(Vec<(Box<str>, Self)>),
}

impl Read for JsonTemplate {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::Any
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) => {
                let read: Vec<Self> = items
                    .iter()
                    .filter_map(|item| reader.under(item.span, |reader| Self::read(item, reader)))
                    .collect();
                (read.len() == items.len()).then_some(Self::List(read))
            }
            Value::Map(map) => {
                let read: Vec<_> = map
                    .entries
                    .iter()
                    .filter_map(|entry| {
                        let value =
                            reader.under(entry.key_span, |reader| Self::read(&entry.value, reader))?;
                        Some((entry.key.clone(), value))
                    })
                    .collect();
                (read.len() == map.entries.len()).then_some(Self::Map(read))
            }
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => Some(Self::Null),
                ScalarKind::Bool(value) => Some(Self::Bool(value)),
                ScalarKind::Int(number) => Some(Self::Number(number.to_string().into())),
                ScalarKind::Float(number) if number.is_finite() => {
                    Some(Self::Number(json_number(&scalar.text, number)))
                }
                ScalarKind::Float(_) => {
                    reader.problem(Problem::error("JSON has no such number").at(reader.place(node)));
                    None
                }
                ScalarKind::String => Template::read(node, reader).map(Self::Text),
            },
        }
    }
}

/// A number as JSON writes it: as the user did, if that is JSON.
fn json_number(text: &str, number: f64) -> Box<str> {
    if serde_json::from_str::<serde_json::Number>(text).is_ok() {
        text.into()
    } else {
        number.to_string().into()
    }
}
