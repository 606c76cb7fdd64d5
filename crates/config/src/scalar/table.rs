//! What the tests of the scalars share: tables of texts that must be refused.

use std::fmt::Debug;

use super::ScalarProblem;

/// Asserts that each text is refused: the part that is pointed at, and message with help in parentheses.
#[track_caller]
pub fn assert_refused<T: Debug>(
    parse: impl Fn(&str) -> Result<T, ScalarProblem>,
    cases: &[(&str, &str, &str)],
) {
    let mut wrong = Vec::new();
    for &(text, at, message) in cases {
        match parse(text) {
            Ok(value) => wrong.push(format!("{text:?} is read as {value:?}")),
            Err(problem) => {
                let pointed = text.get(problem.at.clone());
                if pointed != Some(at) || problem.to_string() != message {
                    wrong.push(format!("{text:?}\n   at {pointed:?}\n  has {problem}\nwants {message}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asserts that a parser answers, and points into the text.
pub fn assert_no_panic<T: Debug>(parse: impl Fn(&str) -> Result<T, ScalarProblem>, text: &str) {
    if let Err(problem) = parse(text) {
        assert!(text.get(problem.at.clone()).is_some(), "{text:?}: {problem:?} points outside");
        assert!(!problem.message.is_empty());
    }
}
