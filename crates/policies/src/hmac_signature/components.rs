//! What a request says, part by part, as signatures name the parts (RFC 9421 section 2).
//! What was changed since the client has sent it is told as it came.

use std::cell::OnceCell;
use std::collections::HashMap;

use maitred_http::{Method, RequestHead, Target, percent_decode, query_pairs};
use maitred_policy::Facts;

/// Parts that a signature may cover: each is looked up and written down before it is known whether anybody signed.
pub(super) const MOST: usize = 64;

/// A request as its client has sent it, whatever was changed since.
pub(super) struct Asked<'a> {
    pub(super) request: &'a RequestHead,
    pub(super) facts: &'a Facts,
    pub(super) method: Method,
    pub(super) target: &'a Target,
    /// The parameters of the query by their names, both as in `query_param`, once one is asked for. Of a name that stands there twice, none.
    params: OnceCell<HashMap<String, Option<&'a str>>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(request: &'a RequestHead, facts: &'a Facts) -> Self {
        let (method, target) = match &facts.asked {
            Some(asked) => (asked.method, &asked.target),
            None => (request.method, &request.target),
        };
        Self { request, facts, method, target, params: OnceCell::new() }
    }

    /// The value of a part that begins with `@` and takes no parameter (section 2.2); none if it is not known.
    pub(super) fn derived(&self, name: &str) -> Option<Vec<u8>> {
        let scheme = self.facts.scheme;
        let value = match name {
            "@method" => self.method.as_str().to_owned(),
            "@scheme" => scheme.as_str().to_owned(),
            "@authority" => self.authority(),
            "@target-uri" => format!("{}://{}{}", scheme.as_str(), self.authority(), self.target.as_str()),
            "@request-target" => self.target.as_str().to_owned(),
            "@path" => self.target.path().to_owned(),
            "@query" => format!("?{}", self.target.query().unwrap_or_default()),
            _ => return None,
        };
        Some(value.into_bytes())
    }

    /// Host and port, without the port that goes without saying (section 2.2.3).
    fn authority(&self) -> String {
        let authority = &self.request.authority;
        let is_default = authority.port() == Some(self.facts.scheme.default_port());
        if is_default { authority.host().to_owned() } else { authority.as_str().to_owned() }
    }

    /// The value of the only query parameter of this name, both as they are encoded in forms but for spaces (section 2.2.8). None if there is none, or
    /// more than one.
    pub(super) fn query_param(&self, name: &str) -> Option<Vec<u8>> {
        let params = self.params.get_or_init(|| {
            let mut params = HashMap::new();
            for (name, value) in query_pairs(self.target.query().unwrap_or_default()) {
                params.entry(encoded(name)).and_modify(|known| *known = None).or_insert(Some(value));
            }
            params
        });
        params.get(name)?.map(|value| encoded(value).into_bytes())
    }

    /// The values of a field, with commas between them (section 2.1); none if it is not there. The name is in lower case.
    pub(super) fn field(&self, name: &str) -> Option<Vec<u8>> {
        lines(self.request, name)
    }
}

/// The values of a field, in any case, with commas between them; none if it is not there.
pub(super) fn lines(request: &RequestHead, name: &str) -> Option<Vec<u8>> {
    let all = request.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
    let values: Vec<&[u8]> = all.map(|(_, value)| value.trim_ascii()).collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}

/// Decodes a part of a query, and encodes it as all do.
fn encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let decoded = percent_decode(text, true);
    let mut encoded = String::with_capacity(decoded.len());
    for byte in &*decoded {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}
