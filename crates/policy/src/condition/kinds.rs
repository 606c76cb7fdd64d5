//! The kinds of values that expressions have, as far as they are known when a condition is compiled.
//! Claims, elements of lists and values of maps are known only at run time: any kind.

use cel::common::ast::LiteralValue;

use crate::values;

/// What kind of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    List,
    Map,
    Null,
    /// A pattern of `matches`, compiled.
    Pattern,
    /// What `cidr` gives.
    Network,
    /// Known only at run time.
    Any,
}

/// What an expression as a whole is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// True or false: a condition.
    Truth,
    /// A number.
    Number,
}

impl Kind {
    /// The kind with its article, for messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int | Self::Uint | Self::Double => "a number",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Null => "null",
            Self::Pattern => "a pattern",
            Self::Network => "a network",
            Self::Any => "any value",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether a value of this kind can be one of the other.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }

    /// Whether two values of these kinds can be equal: numbers of all kinds compare.
    pub(super) fn compares_with(self, other: Self) -> bool {
        self.may_be(other) || (self.is_number() && other.is_number())
    }

    /// The kind of an expression that has one value or the other.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::Any }
    }
}

impl From<&LiteralValue> for Kind {
    fn from(literal: &LiteralValue) -> Self {
        match literal {
            LiteralValue::Boolean(_) => Self::Bool,
            LiteralValue::Bytes(_) => Self::Bytes,
            LiteralValue::Double(_) => Self::Double,
            LiteralValue::Int(_) => Self::Int,
            LiteralValue::Null => Self::Null,
            LiteralValue::String(_) => Self::Text,
            LiteralValue::UInt(_) => Self::Uint,
        }
    }
}

impl From<values::Kind> for Kind {
    fn from(kind: values::Kind) -> Self {
        match kind {
            values::Kind::Text => Self::Text,
            values::Kind::Number => Self::Int,
            values::Kind::Texts => Self::List,
            values::Kind::Any => Self::Any,
        }
    }
}
