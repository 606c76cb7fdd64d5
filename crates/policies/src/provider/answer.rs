//! What providers answer: a JSON object where they give what was asked for, and else why they do not (RFC 6749 section 5).
//! Secrets stand in the one, and whatever a provider likes to say in the other: neither is shown as it came.

use std::fmt;
use std::time::Duration;

use maitred_http::ResponseHead;
use maitred_token::object;
use serde_json::{Map, Value};

/// What a provider has given. Tokens stand in it: it is not shown.
pub(crate) struct Answer(Map<String, Value>);

/// Why a provider gave nothing. For logs, and never for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It says so, with this word (RFC 6749 section 5.2) and with what it has to say besides.
    Refused { error: Box<str>, description: Box<str> },
    /// It cannot be asked, or answers what means nothing.
    Failed(Box<str>),
}

/// Characters that are kept of what a provider says.
const LONGEST: usize = 200;
/// Nobody who explains something says a longer word: it is a token.
const LONGEST_WORD: usize = 40;

impl Denied {
    /// Whether it says so with this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Refused { error, .. } if **error == *word)
    }

    /// It could not be asked.
    pub(crate) fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string().into())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, description } if description.is_empty() => {
                write!(f, "it refuses: {error}")
            }
            Self::Refused { error, description } => write!(f, "it refuses: {error}: {description}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Denied {}

impl Answer {
    /// Reads an answer with its head.
    pub(crate) fn read(head: &ResponseHead, body: &[u8]) -> Result<Self, Denied> {
        let said = object::parse(body);
        match (head.status, said) {
            (200, Some(given)) => Ok(Self(given)),
            (200, _) => Err(Denied::failed("its answer is no JSON object")),
            (400..500, Some(said)) if said.get("error").is_some_and(Value::is_string) => {
                Err(Denied::Refused {
                    error: told(said.get("error")).into(),
                    description: told(said.get("error_description")).into(),
                })
            }
            (status, _) => Err(Denied::failed(format_args!("it answered {status}"))),
        }
    }

    /// A text in it; one that is empty is none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// How long what it gives is good: `expires_in`, also where that is a text.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        let told = self.0.get("expires_in")?;
        let seconds = told.as_u64().or_else(|| told.as_str()?.parse().ok())?;
        Some(Duration::from_secs(seconds))
    }

    /// The access token, which services are to be shown behind `Bearer` (RFC 6750 section 2.1).
    pub(crate) fn bearer(&self) -> Result<&str, Denied> {
        let token =
            self.text("access_token").ok_or_else(|| Denied::failed("its answer has no `access_token`"))?;
        let kind = self.text("token_type");
        if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer") && kind != "N_A") {
            return Err(Denied::failed("it gives a token of a type other than `Bearer`"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Denied::failed("its token cannot stand in a header"));
        }
        Ok(token)
    }

    /// All that it says.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a provider says, as far as it may stand in a log.
fn told(said: Option<&Value>) -> String {
    let said = said.and_then(Value::as_str).unwrap_or_default();
    let words = said.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word });
    let told = words.collect::<Vec<_>>().join(" ");
    told.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
