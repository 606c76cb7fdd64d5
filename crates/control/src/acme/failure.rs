//! Why an order failed, in words that help: what the authority said, or why it could not be asked.
//! Whether and when it is tried again is not decided here.

use std::error::Error as _;
use std::fmt;

use instant_acme::{Error, Problem};

use super::schedule::Trouble;

/// What is told of the words of others.
const LONGEST: usize = 600;
/// Before the names of problems (RFC 8555 section 6.7).
const NAMESPACE: &str = "urn:ietf:params:acme:error:";

/// A failed order.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) trouble: Trouble,
    /// The authority's name of it: `accountDoesNotExist`.
    pub(super) name: Option<String>,
    told: String,
}

impl Failure {
    pub(super) fn new(trouble: Trouble, told: impl Into<String>) -> Self {
        Self { trouble, name: None, told: told.into() }
    }

    /// Whether another order may be taken: neither a name nor the number of orders is the reason.
    pub(super) fn is_about_the_order(&self) -> bool {
        self.trouble == Trouble::Refused && self.name.as_deref() != Some("rateLimited")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "{}…", &self.told[..end]),
            None => f.write_str(&self.told),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => {
                let name = problem.r#type.as_deref().map(short).map(str::to_owned);
                let has_fault = problem.status.is_some_and(|status| status >= 500);
                let trouble = if has_fault { Trouble::Unreachable } else { Trouble::Refused };
                Self { trouble, name, told: format!("the authority says: {}", words(&problem)) }
            }
            Error::Timeout(_) => Self::new(Trouble::Unreachable, "the authority does not come to an end"),
            Error::Json(error) => Self::new(
                Trouble::Unreachable,
                format!("the authority answers with something else than ACME: {error}"),
            ),
            Error::Unsupported(what) => {
                Self::new(Trouble::Refused, format!("the authority does not support {what}"))
            }
            other => {
                let mut told = other.to_string();
                let mut source = other.source();
                while let Some(error) = source {
                    let words = error.to_string();
                    if !told.contains(&words) {
                        told = format!("{told}: {words}");
                    }
                    source = error.source();
                }
                Self::new(Trouble::Unreachable, told)
            }
        }
    }
}

/// What a problem of the authority says, with what it says of single names.
pub(super) fn words(problem: &Problem) -> String {
    let one = |detail: Option<&str>, name: Option<&str>| match (detail, name.map(short)) {
        (Some(detail), Some(name)) => format!("{detail} ({name})"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => "no reason".to_owned(),
    };
    let mut told = one(problem.detail.as_deref(), problem.r#type.as_deref());
    for sub in &problem.subproblems {
        let host = sub.identifier.as_ref().map(|host| format!("{}: ", host.authorized(false)));
        let words = one(sub.detail.as_deref(), sub.r#type.as_deref());
        told = format!("{told}; {}{words}", host.unwrap_or_default());
    }
    told
}

fn short(name: &str) -> &str {
    name.strip_prefix(NAMESPACE).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Problem {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_the_authority_says_is_told_with_the_names_it_is_about() {
        let refused = problem(
            r#"{ "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Not for you", "status": 400,
                "subproblems": [{ "identifier": { "type": "dns", "value": "a.example" }, "detail": "blocked" }] }"#,
        );
        let failure = Failure::from(Error::Api(refused));
        assert_eq!(
            failure.to_string(),
            "the authority says: Not for you (rejectedIdentifier); a.example: blocked"
        );
        assert_eq!(
            (failure.trouble, failure.name.as_deref()),
            (Trouble::Refused, Some("rejectedIdentifier"))
        );
        let fault = Failure::from(Error::Api(problem(r#"{ "status": 503 }"#)));
        assert_eq!(
            (fault.trouble, fault.to_string().as_str()),
            (Trouble::Unreachable, "the authority says: no reason")
        );
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(
            Failure::new(Trouble::Refused, "é".repeat(10_000)).to_string().chars().count(),
            LONGEST + 1
        );
    }
}
