//! The parameters of the requests that a login is made of, each of which may be there once.
//! What of them nobody else should read is taken out of logs.

use maitred_http::{RequestHead, percent_decode, query_pairs};
use maitred_policy::Facts;

use crate::edits::query;

/// What the provider's answers have that nobody else should read.
const SECRETS: [&str; 3] = ["code", "state", "session_state"];

/// Parameters of a query, or of a form.
pub(super) struct Parameters(Vec<(String, String)>);

/// Above this many it is no answer of a provider.
const MOST: usize = 32;

impl Parameters {
    /// Reads them. None if one is there twice, which two readers could understand differently, or where they are no text.
    pub(super) fn read(written: &str) -> Option<Self> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in query_pairs(written) {
            let text = |part| String::from_utf8(percent_decode(part, true).into_owned()).ok();
            let (name, value) = (text(name)?, text(value)?);
            if all.len() == MOST || all.iter().any(|(known, _)| *known == name) {
                return None;
            }
            all.push((name, value));
        }
        Some(Self(all))
    }

    /// The parameter of this name.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Takes out of what is logged of a provider's answer what somebody could use who reads it.
pub(super) fn hide(request: &RequestHead, facts: &mut Facts) {
    facts.hide(request, |target| SECRETS.iter().for_each(|name| query::remove(target, name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once() {
        let read = Parameters::read("code=a%2Fb&state=c+d&e").unwrap();
        assert_eq!(
            ["code", "state", "e", "f"].map(|name| read.find(name)),
            [Some("a/b"), Some("c d"), Some(""), None]
        );
        assert!(Parameters::read("code=a&code=a").is_none());
        assert!(Parameters::read("code=a&c%6Fde=b").is_none());
        assert!(Parameters::read("code=%FF").is_none());
        let many: Vec<_> = (0..40).map(|number| format!("a{number}")).collect();
        assert!(Parameters::read(&many.join("&")).is_none());
    }
}
