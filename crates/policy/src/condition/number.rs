//! Expressions that are numbers, in the same language as conditions: what a request costs.
//! All but what comes out of it is as for conditions.

use maitred_config::scalar::ScalarProblem;

use super::kinds::Wanted;
use super::{Condition, Undecided, evaluate};
use crate::values::{Available, View};

/// A number of a request, compiled.
#[derive(Debug, PartialEq)]
pub struct Number(Condition);

impl Number {
    /// Compiles the text of an expression for a step of the request.
    pub fn compile(text: &str, available: Available) -> Result<Self, ScalarProblem> {
        Condition::compile_as(text, available, Wanted::Number).map(Self)
    }

    /// Whether it goes by who asks, which is known only once somebody was identified.
    pub fn needs_identity(&self) -> bool {
        self.0.needs_identity()
    }

    /// The number for this request, without its fraction, and not below zero; or why there is none.
    pub fn evaluate(&self, view: &View<'_>) -> Result<u64, Undecided> {
        evaluate::number(&self.0, view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::Sample;

    fn number(text: &str) -> Option<u64> {
        let sample = Sample::new("POST /a?n=7").field("X-Cost", "12");
        Number::compile(text, Available::Request).unwrap().evaluate(&sample.view()).ok()
    }

    #[test]
    fn expressions_are_numbers() {
        for (text, expected) in [
            ("5", Some(5)),
            ("request.method == 'POST' ? 5 : 1", Some(5)),
            ("int(header['X-Cost']) + 1", Some(13)),
            ("int(query.n) * 2", Some(14)),
            ("2.9", Some(2)),
            ("-3", Some(0)),
            ("int(header['X-None'])", None),
            ("int(request.path)", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let problem = Number::compile("header['X-Cost']", Available::Request).unwrap_err();
        assert_eq!(problem.message, "a number is wanted here, this is a text");
        assert!(Number::compile("true", Available::Request).is_err());
    }
}
