//! Conditions on headers, query fields and cookies.
//! A text is compared whole, `~` begins a regular expression, `true` and `false` ask whether it is there at all.

use crate::node::{Node, ScalarKind};
use crate::problem::Problem;
use crate::read::shape::TEXT;
use crate::read::{Read, Reader, Shape};

/// What a header, query field or cookie has to be for a route to match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `true`: it is there, with any value.
    Present,
    /// `false`: it is not there.
    Absent,
    /// A text, or a list of texts: one of its values is one of these.
    AnyOf(Vec<TextMatch>),
}

/// What one value has to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TextMatch {
    /// Exactly this.
    Exact(String),
    /// `~…`: this regular expression finds something in it (it is anchored only where it says so).
    Regex(String),
}

impl Read for Condition {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::OneOf(vec![Shape::Bool, Shape::List { item: Box::new(Shape::Text(&TEXT)), not_empty: true }])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        // Only `true` and `false` without quotes: in quotes they are values to compare with.
        match node.as_scalar().map(|scalar| scalar.kind) {
            Some(ScalarKind::Bool(true)) => return Some(Self::Present),
            Some(ScalarKind::Bool(false)) => return Some(Self::Absent),
            _ => {}
        }
        if node.as_list().is_some_and(<[_]>::is_empty) {
            reader.problem(Problem::error("this list is empty: nothing could match").at(reader.place(node)));
            return None;
        }
        Vec::read(node, reader).map(Self::AnyOf)
    }
}

impl Read for TextMatch {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::Text(&TEXT)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        let Some(pattern) = text.strip_prefix('~') else { return Some(Self::Exact(text)) };
        match regex::RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build() {
            Ok(_) => Some(Self::Regex(pattern.to_owned())),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                reader.problem(
                    Problem::error(format!("this is no regular expression: {why}"))
                        .at(reader.place(node))
                        .help("a text that begins with `~` is one; `~^~` stands for a text that begins with `~`"),
                );
                None
            }
        }
    }
}

/// What one expression may take when compiled, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
