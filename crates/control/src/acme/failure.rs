//! Why an order failed, in words that help: what the authority said, or why it could not be asked.
//! Whether and when it is tried again is not decided here.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::time::Instant;

use instant_acme::{Error, Problem};

use super::client::AskError;
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
    /// Whether it is one of the account, with all that is ordered with it.
    pub(super) is_of_account: bool,
    /// When the authority wants to be asked again for what it is not done with.
    pub(super) again: Option<Instant>,
    told: String,
}

impl Failure {
    pub(super) fn new(trouble: Trouble, told: impl Into<String>) -> Self {
        Self { trouble, name: None, is_of_account: false, again: None, told: told.into() }
    }

    /// Says what was being done.
    pub(super) fn at(self, what: &str) -> Self {
        Self { told: format!("{what}: {}", self.told), ..self }
    }

    /// Says that it is one of the account.
    pub(super) fn of_account(self) -> Self {
        Self { is_of_account: true, ..self }
    }

    /// Whether another order may be taken: neither a name nor the number of orders is the reason.
    pub(super) fn is_about_the_order(&self) -> bool {
        self.trouble == Trouble::Refused && self.name.as_deref() != Some("rateLimited")
    }

    /// Whether the authority does not know the account.
    pub(super) fn is_without_account(&self) -> bool {
        self.name.as_deref() == Some("accountDoesNotExist")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cut(&self.told))
    }
}

/// The words of others, as far as they are told.
pub(super) fn cut(words: &str) -> Cow<'_, str> {
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]).into(),
        None => words.into(),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => {
                let name = problem.r#type.as_deref().map(short).map(str::to_owned);
                // Nonces are refused that were just given, as well (RFC 8555 section 6.5); the library has tried some by then.
                let has_fault =
                    problem.status.is_some_and(|status| status >= 500) || name.as_deref() == Some("badNonce");
                let trouble = if has_fault { Trouble::Unreachable } else { Trouble::Refused };
                Self { name, ..Self::new(trouble, format!("the authority says: {}", words(&problem))) }
            }
            Error::Timeout(again) => {
                Self { again, ..Self::new(Trouble::Unfinished, "the authority is not done with it yet") }
            }
            Error::Json(error) => Self::new(
                Trouble::Refused,
                format!("the authority answers with something else than ACME: {error}"),
            ),
            Error::Unsupported(what) => {
                Self::new(Trouble::Refused, format!("the authority does not support {what}"))
            }
            other => {
                let asked = match &other {
                    Error::Other(error) => error.downcast_ref::<AskError>(),
                    _ => None,
                };
                let is_passing = asked.is_some_and(|asked| asked.is_passing);
                let trouble = if is_passing { Trouble::Unreachable } else { Trouble::Refused };
                let mut told = other.to_string();
                let mut source = other.source();
                while let Some(error) = source {
                    let words = error.to_string();
                    if !told.contains(&words) {
                        told = format!("{told}: {words}");
                    }
                    source = error.source();
                }
                Self::new(trouble, told)
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
        let nonce = problem(r#"{ "type": "urn:ietf:params:acme:error:badNonce", "status": 400 }"#);
        let nonce = Failure::from(Error::Api(nonce));
        assert!(nonce.trouble == Trouble::Unreachable && !nonce.is_about_the_order());
    }

    #[test]
    fn only_what_passes_is_unreachable() {
        let passing = AskError::from(std::io::Error::other("Connection refused"));
        let failure = Failure::from(Error::Other(passing.into()));
        assert_eq!(failure.trouble, Trouble::Unreachable);
        assert_eq!(failure.to_string(), "it cannot be asked: Connection refused");
        // As the library says of an order that does not name what it replaces.
        let odd = Failure::from(Error::Other("replaces field mismatch".into())).at("a new order");
        assert_eq!(odd.to_string(), "a new order: replaces field mismatch");
        assert!(odd.is_about_the_order());
        assert_eq!(Failure::from(Error::Str("no order URL found")).trouble, Trouble::Refused);
        assert_eq!(Failure::from(Error::Timeout(None)).trouble, Trouble::Unfinished);
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(
            Failure::new(Trouble::Refused, "é".repeat(10_000)).to_string().chars().count(),
            LONGEST + 1
        );
    }
}
