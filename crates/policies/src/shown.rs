//! Places of a request where callers show a key or a token: how it is found there, kept out of logs, and taken out.
//! What is made of it is the business of each policy.

use std::borrow::Cow;

use maitred_config::scalar::ValueName;
use maitred_config::{Problem, Spanned};
use maitred_http::{Known, RequestHead, cookies, percent_decode, query_pairs};
use maitred_policy::values::{Available, Value};
use maitred_policy::{Build, Facts};
use smallvec::SmallVec;

use crate::edits::query;

/// A header, a parameter of the query, or a cookie.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) value: Value,
    /// As it is written.
    pub(crate) text: Box<str>,
}

impl Shown {
    /// Compiles a place where `what` is shown, such as a key. What is wrong with it is reported.
    pub(crate) fn compile(written: &Spanned<ValueName>, what: &str, build: &mut Build<'_>) -> Option<Self> {
        let is_place =
            matches!(written.value, ValueName::Header(_) | ValueName::Query(_) | ValueName::Cookie(_));
        let compiled = Value::compile(&written.value, Available::Request);
        match compiled {
            Ok(value) if is_place => Some(Self { value, text: written.value.to_string().into() }),
            Ok(_) => {
                let problem = Problem::error(format!("no {what} is shown there")).at(written.span);
                build.report(problem.help("write `header.NAME`, `query.NAME` or `cookie.NAME`"));
                None
            }
            Err(message) => {
                build.report(Problem::error(message).at(written.span));
                None
            }
        }
    }

    /// Compiles the places of which the first that a request has counts. That there are none is reported, too; `usual` is what stands there by
    /// default.
    pub(crate) fn compile_all(
        written: &[Spanned<ValueName>],
        what: &str,
        usual: &str,
        build: &mut Build<'_>,
    ) -> Option<Box<[Self]>> {
        if written.is_empty() {
            let problem = Problem::error("`from` names no place").at(build.span());
            build.report(problem.help(format!("leave it out for `{usual}`")));
            return None;
        }
        let compiled: Vec<Self> =
            written.iter().filter_map(|written| Self::compile(written, what, build)).collect();
        (compiled.len() == written.len()).then(|| compiled.into())
    }

    /// Everything that a request has in this place, decoded; most often it is one thing at most.
    pub(crate) fn all<'r>(&self, request: &'r RequestHead) -> SmallVec<[Cow<'r, [u8]>; 1]> {
        match &self.value {
            Value::Header(name) => request.fields.all(name).map(Cow::Borrowed).collect(),
            Value::Query(name) => query_pairs(request.target.query().unwrap_or_default())
                .filter(|(candidate, _)| *percent_decode(candidate, true) == *name.as_bytes())
                .map(|(_, value)| percent_decode(value, true))
                .collect(),
            Value::Cookie(name) => {
                let pairs = request.fields.all_known(Known::Cookie).flat_map(cookies);
                let named = pairs.filter(|(candidate, _)| *candidate == name.as_bytes());
                named.map(|(_, value)| Cow::Borrowed(value)).collect()
            }
            _ => SmallVec::new(),
        }
    }

    /// The token in a value that was found here. In `Authorization` there may be other credentials, which are nothing to who looks for tokens.
    pub(crate) fn token<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        const SCHEME: &[u8] = b"Bearer";
        let (scheme, rest) = value.split_at_checked(SCHEME.len()).unwrap_or((value, b""));
        // A tab is none between them (RFC 9110 section 11.4), but readers take it for one: whoever shows that, shows a token.
        let is_bearer =
            scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(u8::is_ascii_whitespace);
        match &self.value {
            Value::Header(_) if is_bearer => Some(rest.trim_ascii()),
            Value::Header(name) if name.known() == Some(Known::Authorization) => None,
            _ => Some(value),
        }
    }

    /// Takes it out of what is logged of a request, if it can be there.
    pub(crate) fn hide(&self, request: &mut RequestHead, facts: &mut Facts) {
        let Value::Query(name) = &self.value else { return };
        query::remove_of_referer(request, name);
        if request.target.query().is_some() {
            facts.hide(request, |target| query::remove(target, name));
        }
    }

    /// Takes it out of a request.
    pub(crate) fn remove(&self, request: &mut RequestHead) {
        match &self.value {
            Value::Header(name) => _ = request.fields.remove(name),
            Value::Query(name) => query::remove(&mut request.target, name),
            Value::Cookie(name) => remove_cookies(request, |found| found == name.as_bytes()),
            _ => {}
        }
    }
}

/// Whether a request shows a token in one of these places, be it right or wrong.
pub(crate) fn shows_token(places: &[Shown], request: &RequestHead) -> bool {
    places.iter().any(|shown| shown.all(request).iter().any(|value| shown.token(value).is_some()))
}

/// Keeps what stands in these places from logs, and from the service unless it is forwarded: everywhere, also where another place was
/// looked at first.
pub(crate) fn withhold(places: &[Shown], forward: bool, request: &mut RequestHead, facts: &mut Facts) {
    for shown in places {
        shown.hide(request, facts);
        if !forward {
            shown.remove(request);
        }
    }
}

/// Takes the cookies that are meant, by their names, out of those of a request.
pub(crate) fn remove_cookies(request: &mut RequestHead, is_meant: impl Fn(&[u8]) -> bool) {
    let is_it = |pair: &[u8]| {
        pair.split(|byte| *byte == b'=').next().is_some_and(|found| is_meant(found.trim_ascii()))
    };
    let lines: Vec<Vec<u8>> = request
        .fields
        .all_known(Known::Cookie)
        .map(|line| {
            let pairs = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            pairs.filter(|pair| !is_it(pair)).collect::<Vec<_>>().join(&b"; "[..])
        })
        .filter(|line| !line.is_empty())
        .collect();
    request.fields.remove_known(Known::Cookie);
    for line in lines {
        request.fields.append_known(Known::Cookie, &line);
    }
}
