//! How much a request counts for: so much, what it says itself, or what its answer says.
//! What a caller says is bounded by what its limits have (`policy.rs`), and what an answer says by a thousand times that, in the store.

use std::num::NonZeroU32;

use maitred_config::scalar::{ValueName, value_name};
use maitred_config::{
    Fields, HeaderName, Node, Problem, Read, Reader, Shape, Spanned, TextShape, config_map,
};
use maitred_http::FieldName;
use maitred_policy::values::{Available, Value, View};
use maitred_policy::{Build, Number};

/// What a request counts for, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum CostConfig {
    /// Each the same.
    Fixed(NonZeroU32),
    /// By something of the request, or of its answer.
    By(CostBy),
}

config_map! {
    /// What says how much a request counts for.
    #[check = CostBy::check]
    pub struct CostBy {
        /// A value of the request that is a whole number, or an expression (CEL) that is a number. Where it is missing or none, 1.
        request: Option<Spanned<String>>,
        /// A header of the service's answer that is a whole number: `header.X-Cost`. The request itself counts for 1, the rest is taken when the answer comes.
        response: Option<Spanned<ResponseHeader>>,
    }
}

impl CostBy {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if fields.has_unknown() {
            return;
        }
        if self.request.is_none() && self.response.is_none() {
            let problem = Problem::error("nothing says here what a request costs").at(fields.place());
            reader.problem(problem.help("write `request: header.X-Cost`, or `response: header.X-Cost`"));
        }
        if self.request.is_some() && self.response.is_some() {
            let problem = Problem::error("only one of these can say what a request costs");
            reader.problem(
                problem
                    .label(fields.key_span("response"), "here")
                    .label(fields.key_span("request"), "and here"),
            );
        }
    }
}

/// A header of the answer, written as the value of that name.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseHeader(pub HeaderName);

static RESPONSE: TextShape =
    TextShape { name: "header of the answer", example: "header.X-Cost", pattern: Some("^header[.\\[]") };

impl Read for ResponseHeader {
    fn shape() -> Shape {
        Shape::Text(&RESPONSE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match reader.scalar(node, &RESPONSE, value_name::parse)? {
            ValueName::Header(name) => Some(Self(HeaderName(name))),
            _ => reader.wanted("a header, `header.X-Cost`,", node),
        }
    }
}

impl Read for CostConfig {
    fn shape() -> Shape {
        Shape::OneOf(vec![NonZeroU32::shape(), CostBy::shape()])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            return CostBy::read(node, reader).map(Self::By);
        }
        NonZeroU32::read(node, reader).map(Self::Fixed)
    }
}

/// What a request counts for.
#[derive(Debug)]
pub(crate) enum Cost {
    Fixed(u64),
    Value(Value),
    Number(Number),
    /// By this field of its answer.
    Answer(FieldName),
}

impl Cost {
    fn of_text(text: &str) -> Result<Self, (String, Option<String>)> {
        if let Ok(name) = value_name::parse(text) {
            return Value::compile(&name, Available::Request)
                .map(Self::Value)
                .map_err(|message| (message, None));
        }
        let number = Number::compile(text, Available::Request);
        number.map(Self::Number).map_err(|problem| (problem.message, problem.help))
    }

    /// Compiles what is written. What is wrong with it is reported.
    pub(crate) fn compile(written: &CostConfig, build: &mut Build<'_>) -> Option<Self> {
        let by = match written {
            CostConfig::Fixed(cost) => return Some(Self::Fixed(u64::from(cost.get()))),
            CostConfig::By(by) => by,
        };
        let (compiled, span) = match (&by.request, &by.response) {
            (Some(text), _) => (Self::of_text(&text.value), text.span),
            (None, Some(header)) => {
                let name = &header.value.0.0;
                let parsed = FieldName::parse(name).map(Self::Answer);
                (parsed.map_err(|_| (format!("`{name}` is no name of a header"), None)), header.span)
            }
            (None, None) => return None,
        };
        compiled.map_err(|(message, help)| build.report(Problem::error(message).at(span).help_if(help))).ok()
    }

    /// Whether what is written here is known only once somebody was identified. What cannot be compiled is not.
    pub(crate) fn needs_identity(written: &CostConfig) -> bool {
        let CostConfig::By(CostBy { request: Some(text), .. }) = written else { return false };
        match Self::of_text(&text.value) {
            Ok(Self::Value(value)) => value.is_of_identity(),
            Ok(Self::Number(number)) => number.needs_identity(),
            _ => false,
        }
    }

    /// What a request counts for when it comes.
    pub(super) fn of_request(&self, view: &View<'_>) -> u64 {
        let said = match self {
            Self::Fixed(cost) => Some(*cost),
            Self::Value(value) => {
                let mut text = Vec::new();
                if value.write(view, &mut text) { whole_number(&text) } else { None }
            }
            Self::Number(number) => number.evaluate(view).ok(),
            Self::Answer(_) => None,
        };
        said.map_or(1, |cost| cost.max(1))
    }

    /// What it counts for by its answer, where that says it.
    pub(super) fn of_answer(&self, fields: &maitred_http::Fields) -> Option<u64> {
        let Self::Answer(name) = self else { return None };
        fields.first(name).and_then(whole_number)
    }

    /// Whether answers say what requests count for.
    pub(super) fn is_by_answer(&self) -> bool {
        matches!(self, Self::Answer(_))
    }
}

/// Digits alone, of a number that is not past all counting.
fn whole_number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok())
}
