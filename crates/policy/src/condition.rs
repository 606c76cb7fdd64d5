//! Conditions: `when` and `require`, in CEL over the same values as texts.
//!
//! A condition is parsed, checked and rewritten when the configuration is compiled: each value, pattern and network in it
//! becomes a name for its place in a table, so that at run time only the values that are used are told and no pattern is
//! compiled. Nothing in it loops over what a client sent: values are single texts, maps of fields cannot be walked, and
//! patterns take linear time. What works is CEL's language, `has`, `in` on `header`, `query`, `cookie`, `path` and `claim`,
//! `all`, `exists`, `exists_one`, `map` and `filter` over lists, and [`FUNCTIONS`].

use std::fmt;

use cel::IdedExpr;
use maitred_config::scalar::ScalarProblem;

use crate::values::{Available, Value, View};

mod check;
mod constants;
mod evaluate;
mod functions;
mod kinds;
mod names;
mod number;
mod operands;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;

pub use functions::FUNCTIONS;
pub use number::Number;

use constants::Constant;
use kinds::Wanted;

/// A condition, compiled.
pub struct Condition {
    text: Box<str>,
    expression: IdedExpr,
    values: Box<[UsedValue]>,
    constants: Box<[Constant]>,
}

/// A value that a condition uses.
struct UsedValue {
    value: Value,
    /// As the language writes it, for messages.
    name: Box<str>,
}

/// Why a condition is neither true nor false for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// It touched a value that is missing, or a key that a map or list in the condition does not have.
    Missing(Missing),
    /// Something in it could not be worked out, such as `int("x")`: the reason, for logs only.
    Failed(String),
}

/// The value that a condition touched and that is missing, as the language writes it: `header["X-Role"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl Condition {
    /// Compiles the text of a condition for a step of the request.
    pub fn compile(text: &str, available: Available) -> Result<Self, ScalarProblem> {
        Self::compile_as(text, available, Wanted::Truth)
    }

    fn compile_as(text: &str, available: Available, wanted: Wanted) -> Result<Self, ScalarProblem> {
        let checked = parse::parse(text, available, wanted)?;
        Ok(Self {
            text: text.into(),
            expression: checked.expression,
            values: checked.values.into(),
            constants: checked.constants.into(),
        })
    }

    /// The condition as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it goes by who asks, which is known only once somebody was identified.
    pub fn needs_identity(&self) -> bool {
        self.values.iter().any(|used| used.value.is_of_identity())
    }

    /// Whether it holds, for `when`: not if it touches a missing value.
    pub fn holds_when(&self, view: &View<'_>) -> bool {
        self.evaluate(view) == Ok(true)
    }

    /// Whether it holds, for `require`: to touch a missing value is a refusal of its own. What cannot be worked
    /// out does not hold.
    pub fn holds_require(&self, view: &View<'_>) -> Result<bool, Missing> {
        match self.evaluate(view) {
            Ok(holds) => Ok(holds),
            Err(Undecided::Missing(missing)) => Err(missing),
            Err(Undecided::Failed(_)) => Ok(false),
        }
    }

    /// Whether it holds, and why that cannot be said.
    pub fn evaluate(&self, view: &View<'_>) -> Result<bool, Undecided> {
        evaluate::truth(self, view)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl PartialEq for Condition {
    /// Conditions are equal that are written alike.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing", self.0)
    }
}
