//! Reading what needs no grammar: `true` and `false`, whole numbers, text, words, raw nodes.
//! Whole numbers are given a range; `yes`, `no`, `on` and `off` are refused with a hint where `true` or `false` is wanted.

use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};

use super::shape::TEXT;
use super::{Read, Reader, Shape};
use crate::node::{Node, Scalar, ScalarKind};
use crate::problem::Problem;
use crate::scalar::{nearest::nearest, quote};

impl Read for bool {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::Bool
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if let Some(value) = node.as_bool() {
            return Some(value);
        }
        let meant = match node.as_text().map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "on" | "y" | "true") => Some("true"),
            Some("no" | "off" | "n" | "false") => Some("false"),
            _ => None,
        };
        match meant {
            Some(meant) => {
                let problem = Problem::error("`true` or `false` is wanted here").at(reader.place(node));
                reader
                    .problem(problem.help(format!("write `{meant}`; `yes`, `no`, `on` and `off` are texts")));
                None
            }
            None => reader.wanted("`true` or `false`", node),
        }
    }
}

impl Read for String {
    fn shape() -> Shape {
        Shape::Text(&TEXT)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.as_text() {
            Some(text) => Some(text.to_owned()),
            None => reader.wanted("a text", node),
        }
    }
}

impl Read for Node {
    const TAKES_FALSE: bool = true;

    fn shape() -> Shape {
        Shape::Any
    }

    fn read(node: &Node, _: &mut Reader<'_>) -> Option<Self> {
        Some(node.clone())
    }
}

/// Reads a whole number between two.
fn int(node: &Node, reader: &mut Reader<'_>, min: i64, max: i64) -> Option<i64> {
    let range = match (min, max) {
        (0, i64::MAX) => "a whole number".to_owned(),
        (1, i64::MAX) => "a whole number from 1 on".to_owned(),
        _ => format!("a whole number from {min} to {max}"),
    };
    match node.as_scalar().map(Scalar::meaning) {
        Some(ScalarKind::Int(number)) if (min..=max).contains(&number) => Some(number),
        Some(ScalarKind::Int(_) | ScalarKind::Float(_)) => {
            reader.problem(Problem::error(format!("{range} is wanted here")).at(reader.place(node)));
            None
        }
        _ => reader.wanted(&range, node),
    }
}

macro_rules! whole_numbers {
    ($($ty:ty: $min:expr, $max:expr;)*) => {$(
        impl Read for $ty {
            fn shape() -> Shape {
                Shape::Int { min: $min, max: $max }
            }

            fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
                int(node, reader, $min, $max).and_then(|number| Self::try_from(number).ok())
            }
        }
    )*};
}

whole_numbers! {
    u8: 0, 255;
    u16: 0, 65_535;
    u32: 0, 4_294_967_295;
    u64: 0, i64::MAX;
    usize: 0, i64::MAX;
    i32: -2_147_483_648, 2_147_483_647;
    i64: i64::MIN, i64::MAX;
}

impl Read for NonZeroU16 {
    fn shape() -> Shape {
        Shape::Int { min: 1, max: i64::from(u16::MAX) }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let number = int(node, reader, 1, i64::from(u16::MAX))?;
        u16::try_from(number).ok().and_then(Self::new)
    }
}

impl Read for NonZeroU32 {
    fn shape() -> Shape {
        Shape::Int { min: 1, max: i64::from(u32::MAX) }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let number = int(node, reader, 1, i64::from(u32::MAX))?;
        u32::try_from(number).ok().and_then(Self::new)
    }
}

impl Read for NonZeroUsize {
    fn shape() -> Shape {
        Shape::Int { min: 1, max: i64::MAX }
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let number = int(node, reader, 1, i64::MAX)?;
        usize::try_from(number).ok().and_then(Self::new)
    }
}

impl Reader<'_> {
    /// Tells that a word is not one of those that are known here. Always `None`.
    #[doc(hidden)]
    pub fn unknown_word<T>(&mut self, node: &Node, shape: &Shape) -> Option<T> {
        let Shape::Words(shape) = shape else { return None };
        let known = shape.words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let Some(text) = node.as_text() else {
            return self.wanted(&format!("one of {known}"), node);
        };
        let hidden = node.as_scalar().is_some_and(|scalar| scalar.substitution.is_some());
        let (message, help) = if hidden {
            ("what is put in here is not known".to_owned(), format!("known here: {known}"))
        } else if shape.later.contains(&text) {
            (format!("`{text}` is not part of this version"), format!("this version knows {known}"))
        } else {
            let help = match nearest(text, shape.words.iter().map(|(word, _)| *word)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {known}"),
            };
            (format!("{} is not known here", quote(text)), help)
        };
        self.problem(Problem::error(message).at(self.place(node)).help(help));
        None
    }
}
