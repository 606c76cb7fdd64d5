//! One value, compiled, and how it is told for a request: decoded, as text.
//! What must be encoded or made harmless is so by those who put it somewhere.

use std::io::Write;
use std::time::UNIX_EPOCH;

use maitred_config::scalar::ValueName;
use maitred_http::{FieldName, Known, cookies, query_pairs};
use maitred_telemetry::TimeText;

use super::claim;
use super::encode::decoded;
use super::{Available, View};
use crate::identity;

/// A value of a request, ready to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `request.id`
    RequestId,
    /// `request.method`
    RequestMethod,
    /// `request.scheme`
    RequestScheme,
    /// `request.host`: in lower case, without the port.
    RequestHost,
    /// `request.path`: still percent-encoded.
    RequestPath,
    /// `request.query`: all of it, still percent-encoded; missing where there is no `?`.
    RequestQuery,
    /// `client.ip`
    ClientIp,
    /// The subject of the client's certificate; missing where it has shown none.
    ClientCertificate,
    /// `header.NAME`, of the request. What occurs several times is joined as RFC 9110 section 5.3 says.
    Header(FieldName),
    /// `query.NAME`, decoded; the first of several.
    Query(Box<str>),
    /// `cookie.NAME`; the first of several.
    Cookie(Box<str>),
    /// `path.NAME`: a parameter of the path that matched.
    Path(Box<str>),
    /// `consumer.name`: empty where nobody knows who asks.
    ConsumerName,
    /// `consumer.plan`: missing where nobody knows who asks, or there is no plan for it.
    ConsumerPlan,
    /// `consumer.groups`, joined by commas as text: none where nobody knows who asks.
    ConsumerGroups,
    /// `claim.NAME`, by its path: anonymous callers have no claims.
    Claim(Box<[String]>),
    /// `route`
    Route,
    /// `upstream`
    Upstream,
    /// `now`: when the head of the request was complete, RFC 3339 in UTC with milliseconds.
    Now,
    /// `response.status`
    ResponseStatus,
    /// `error.status`
    ErrorStatus,
    /// `error.title`
    ErrorTitle,
    /// `error.detail`
    ErrorDetail,
}

/// What kind of value it is, where kinds matter: in conditions and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A list of texts.
    Texts,
    /// Known only when there is a token.
    Any,
}

impl Value {
    /// Compiles the value of this name for a step of the request. `Err` is the message that says why it is not to be
    /// had there.
    pub fn compile(name: &ValueName, available: Available) -> Result<Self, String> {
        available.check(name)?;
        Ok(match name {
            ValueName::RequestId => Self::RequestId,
            ValueName::RequestMethod => Self::RequestMethod,
            ValueName::RequestScheme => Self::RequestScheme,
            ValueName::RequestHost => Self::RequestHost,
            ValueName::RequestPath => Self::RequestPath,
            ValueName::RequestQuery => Self::RequestQuery,
            ValueName::ClientIp => Self::ClientIp,
            ValueName::ClientCertificate => Self::ClientCertificate,
            ValueName::Header(field) => Self::Header(
                FieldName::parse(field).map_err(|_| format!("`{field}` is no name of a header"))?,
            ),
            ValueName::Query(field) => Self::Query(field.as_str().into()),
            ValueName::Cookie(field) => Self::Cookie(field.as_str().into()),
            ValueName::Path(field) => Self::Path(field.as_str().into()),
            ValueName::ConsumerName => Self::ConsumerName,
            ValueName::ConsumerPlan => Self::ConsumerPlan,
            ValueName::ConsumerGroups => Self::ConsumerGroups,
            ValueName::Claim(path) => Self::Claim(path.0.as_slice().into()),
            ValueName::Route => Self::Route,
            ValueName::Upstream => Self::Upstream,
            ValueName::Now => Self::Now,
            ValueName::ResponseStatus => Self::ResponseStatus,
            ValueName::ErrorStatus => Self::ErrorStatus,
            ValueName::ErrorTitle => Self::ErrorTitle,
            ValueName::ErrorDetail => Self::ErrorDetail,
            ValueName::Body(_) | ValueName::Part { .. } => {
                return Err(format!("`{name}` cannot be used here"));
            }
        })
    }

    /// Whether it is known only once somebody was identified.
    pub fn is_of_identity(&self) -> bool {
        matches!(self, Self::ConsumerName | Self::ConsumerPlan | Self::ConsumerGroups | Self::Claim(_))
    }

    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ResponseStatus | Self::ErrorStatus => Kind::Number,
            Self::ConsumerGroups => Kind::Texts,
            Self::Claim(_) => Kind::Any,
            _ => Kind::Text,
        }
    }

    /// Appends the value as text, decoded, to `out`; false, and nothing appended, if it is missing.
    pub fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Header(name) => write_header(name, view, out),
            Self::Query(name) => write_query(name, view, out),
            Self::Path(name) => match view.facts.params.value(name) {
                Some(text) => {
                    out.extend(decoded(text, false));
                    true
                }
                None => false,
            },
            Self::ConsumerGroups => identity::list_groups(view.facts, out),
            Self::Claim(_) => match self.json(view) {
                Some(claim) => {
                    claim::write(claim, out);
                    true
                }
                None => false,
            },
            Self::ClientIp => write_shown(out, view.facts.client.to_canonical()),
            Self::Now => write_now(view, out),
            Self::ResponseStatus => view.response.is_some_and(|response| write_shown(out, response.status)),
            Self::ErrorStatus => view.error.is_some_and(|error| write_shown(out, error.status)),
            _ => match self.borrowed(view) {
                Some(text) => {
                    out.extend_from_slice(text);
                    true
                }
                None => false,
            },
        }
    }

    /// The value as JSON, where it is more than a text: a claim. None if it is missing, too.
    pub fn json<'a>(&self, view: &View<'a>) -> Option<&'a serde_json::Value> {
        let Self::Claim(path) = self else { return None };
        claim::find(&view.facts.claims.as_deref()?.all, path)
    }

    /// The values that stand in memory as they are told.
    fn borrowed<'a>(&self, view: &View<'a>) -> Option<&'a [u8]> {
        let View { request, facts, .. } = *view;
        match self {
            Self::RequestId => Some(facts.request_id.as_bytes()),
            Self::RequestMethod => Some(request.method.as_str().as_bytes()),
            Self::RequestScheme => Some(facts.scheme.as_str().as_bytes()),
            Self::RequestHost => Some(request.authority.host().as_bytes()).filter(|host| !host.is_empty()),
            Self::RequestPath => Some(request.target.path().as_bytes()),
            Self::RequestQuery => request.target.query().map(str::as_bytes),
            Self::Cookie(name) => request
                .fields
                .all_known(Known::Cookie)
                .flat_map(cookies)
                .find(|(candidate, _)| *candidate == name.as_bytes())
                .map(|(_, value)| value),
            Self::ClientCertificate => facts.certificate.as_ref().map(|shown| shown.subject.as_bytes()),
            Self::ConsumerName => facts.consumer.as_ref().map(|consumer| consumer.name.as_bytes()),
            Self::ConsumerPlan => facts.plan().map(str::as_bytes),
            Self::Route => Some(facts.route.name.as_bytes()),
            Self::Upstream => facts.upstream.as_ref().map(|name| name.as_bytes()),
            Self::ErrorTitle => view.error.map(|error| error.title.as_bytes()),
            Self::ErrorDetail => view.error.map(|error| error.detail.as_bytes()),
            _ => None,
        }
    }
}

fn write_header(name: &FieldName, view: &View<'_>, out: &mut Vec<u8>) -> bool {
    // Cookies are the one list that is not joined by commas (RFC 6265 section 5.4, RFC 9113 section 8.2.3).
    let between: &[u8] = if name.known() == Some(Known::Cookie) { b"; " } else { b", " };
    let mut found = false;
    for value in view.request.fields.all(name) {
        if found {
            out.extend_from_slice(between);
        }
        out.extend_from_slice(value);
        found = true;
    }
    found
}

fn write_query(name: &str, view: &View<'_>, out: &mut Vec<u8>) -> bool {
    let query = view.request.target.query().unwrap_or_default();
    let pair = query_pairs(query).find(|(candidate, _)| decoded(candidate, true).eq(name.bytes()));
    let Some((_, value)) = pair else { return false };
    out.extend(decoded(value, true));
    true
}

fn write_shown(out: &mut Vec<u8>, value: impl std::fmt::Display) -> bool {
    write!(out, "{value}").expect("writing to memory does not fail");
    true
}

fn write_now(view: &View<'_>, out: &mut Vec<u8>) -> bool {
    let since = view.facts.received.duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeText::default().push_rfc3339(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), out);
    // `…05.123456Z` to `…05.123Z`.
    out.truncate(out.len() - "456Z".len());
    out.push(b'Z');
    true
}

#[cfg(test)]
mod tests {
    use maitred_config::scalar::value_name;
    use maitred_http::ResponseHead;

    use super::*;
    use crate::values::ErrorView;
    use crate::values::testing::Sample;

    fn told(name: &str, sample: &Sample, available: Available) -> Option<String> {
        let response = ResponseHead { status: 404, ..ResponseHead::default() };
        let error = ErrorView { status: 502, title: "Bad Gateway", detail: "Bad gateway" };
        let view = View { response: Some(&response), error: Some(error), ..sample.view() };
        let value = Value::compile(&value_name::parse(name).unwrap(), available).unwrap();
        let mut out = b"before:".to_vec();
        let found = value.write(&view, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(found || text == "before:", "{name} wrote although it is missing");
        found.then(|| text["before:".len()..].to_owned())
    }

    #[test]
    fn tells_every_value() {
        let sample = Sample::new("POST /a%20b/7?q=1%2F2+3&empty=&bare&q=second")
            .field("host", "Api.Example.com:8443")
            .field("X-Tag", "one")
            .field("x-tag", "two")
            .field("Cookie", "a=1; b=\"two\"")
            .field("Cookie", "c=3")
            .param("id", "a%20b")
            .upstream("users");
        for (name, value) in [
            ("request.method", Some("POST")),
            ("request.scheme", Some("https")),
            ("request.host", Some("api.example.com")),
            ("request.path", Some("/a%20b/7")),
            ("request.query", Some("q=1%2F2+3&empty=&bare&q=second")),
            ("request.id", Some("the-id")),
            ("client.ip", Some("192.0.2.7")),
            ("header.HOST", Some("Api.Example.com:8443")),
            ("header.X-TAG", Some("one, two")),
            ("header.cookie", Some("a=1; b=\"two\"; c=3")),
            ("header.None", None),
            ("query.q", Some("1/2 3")),
            ("query.empty", Some("")),
            ("query.bare", Some("")),
            ("query.none", None),
            ("cookie.b", Some("two")),
            ("cookie.c", Some("3")),
            ("cookie.B", None),
            ("path.id", Some("a b")),
            ("path.none", None),
            ("consumer.name", None),
            ("consumer.groups", None),
            ("claim.sub", None),
            ("route", Some("orders")),
            ("now", Some("2026-11-21T12:44:05.123Z")),
        ] {
            assert_eq!(told(name, &sample, Available::Request).as_deref(), value, "{name}");
        }
        assert_eq!(told("upstream", &sample, Available::Response).as_deref(), Some("users"));
        assert_eq!(told("response.status", &sample, Available::Response).as_deref(), Some("404"));
        for (name, value) in
            [("error.status", "502"), ("error.title", "Bad Gateway"), ("error.detail", "Bad gateway")]
        {
            assert_eq!(told(name, &sample, Available::Error).as_deref(), Some(value));
        }
    }

    #[test]
    fn what_is_not_there_is_missing() {
        let sample = Sample::new("GET /");
        for name in ["request.query", "request.host", "cookie.a", "header.host"] {
            assert_eq!(told(name, &sample, Available::Request), None, "{name}");
        }
        assert_eq!(told("upstream", &sample, Available::Response), None);
    }

    #[test]
    fn an_address_written_as_ipv6_is_told_as_the_ipv4_that_it_is() {
        let mut sample = Sample::new("GET /");
        sample.facts.client = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(told("client.ip", &sample, Available::Request).as_deref(), Some("192.0.2.1"));
    }
}
