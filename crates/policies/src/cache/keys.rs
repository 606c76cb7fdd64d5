//! What answers of one URL are told apart by beside `Vary`, and what is known of an asker that this does not tell.
//! The URL, which comes first, is the business of crate `cache`.

use maitred_cache::{Asker, QueryRule};
use maitred_config::scalar::ValueName;
use maitred_config::{Problem, Spanned};
use maitred_http::{Fields, Known, RequestHead, list_items};
use maitred_policy::identity::whose;
use maitred_policy::values::{Available, Value, View};
use maitred_policy::{Build, Facts};

use crate::asking::sha256;

/// How keys are made.
#[derive(Debug)]
pub(super) struct Keying {
    pub(super) query: QueryRule,
    /// What is written in `vary`, `query` and `expose_tags`: after a reload that changes it nothing is found that was kept before.
    written: [u8; 32],
    values: Box<[Value]>,
    by_authorization: bool,
    by_cookie: bool,
    /// One of the values is the name of somebody: then all that is known of who asks is part of the key.
    by_identity: bool,
}

impl Keying {
    /// Compiles what users wrote. What is wrong with it is reported.
    pub(super) fn compile(
        vary: &[Spanned<ValueName>],
        query: Option<Vec<String>>,
        expose_tags: bool,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let mut values = Vec::new();
        for written in vary {
            match Self::value(&written.value) {
                Ok(value) => values.push(value),
                Err(why) => build.report(
                    Problem::error(why)
                        .at(written.span)
                        .help("name what requests share, as `header.Accept-Language`"),
                ),
            }
        }
        let is_cookie = |value: &Value| match value {
            Value::Cookie(_) => true,
            Value::Header(name) => name.known() == Some(Known::Cookie),
            _ => false,
        };
        let by_authorization = values
            .iter()
            .any(|value| matches!(value, Value::Header(name) if name.known() == Some(Known::Authorization)));
        let names_somebody = |value: &Value| match value {
            Value::ConsumerName | Value::ClientCertificate => true,
            Value::Claim(path) => path.len() == 1 && path[0] == "sub",
            _ => false,
        };
        let query = match query {
            None => QueryRule::All,
            Some(names) if names.is_empty() => QueryRule::Ignored,
            Some(names) => QueryRule::Only(names.into_iter().map(Into::into).collect()),
        };
        (values.len() == vary.len()).then(|| Self {
            written: digest(vary, &query, expose_tags),
            query,
            by_cookie: values.iter().any(is_cookie),
            by_identity: by_authorization || values.iter().any(names_somebody),
            by_authorization,
            values: values.into(),
        })
    }

    fn value(name: &ValueName) -> Result<Value, String> {
        let value = Value::compile(name, Available::Request)?;
        if matches!(value, Value::RequestId | Value::Now) {
            return Err(format!("`{name}` is another for each request: nothing would be found again"));
        }
        Ok(value)
    }

    /// Writes what tells answers of the same URL apart. Each part stands behind its length, so that no others make the same.
    pub(super) fn write_secondary(&self, request: &RequestHead, facts: &Facts, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.written);
        part(out, |out| out.extend_from_slice(facts.route.name.as_bytes()));
        let view = View::of_request(request, facts);
        for value in &self.values {
            let (mut is_there, at) = (false, out.len());
            out.push(0);
            part(out, |out| is_there = value.write(&view, out));
            // What is missing is something else than what is empty.
            out[at] = u8::from(is_there);
        }
        if self.by_identity {
            out.extend_from_slice(&whose(facts));
        }
        if let Some(digest) = &facts.decided_by {
            part(out, |out| out.extend_from_slice(&**digest));
        }
        if facts.peer_is_trusted {
            write_told(&request.fields, out);
        }
    }

    /// What is known of who asks, and is no part of the key.
    pub(super) fn asker(&self, request: &RequestHead, facts: &Facts) -> Asker {
        let has_name = facts.consumer.is_some() || !facts.subject().is_empty();
        let is_told_apart = self.by_identity && has_name;
        let is_somebody = facts.is_identified() || facts.is_decided_unseen;
        let has_certificate = facts.certificate.is_some() && !self.by_identity;
        let is_own_token = || is_told_apart && shows_token(request, facts);
        Asker {
            has_authorization: request.fields.has(Known::Authorization)
                && !self.by_authorization
                && !is_own_token(),
            is_identified: is_somebody && !is_told_apart || has_certificate,
            has_cookies: request.fields.has(Known::Cookie) && !self.by_cookie,
        }
    }
}

/// Whether `Authorization` holds the token by which who asks was found, and nothing else.
fn shows_token(request: &RequestHead, facts: &Facts) -> bool {
    let Some(token) = &facts.token else { return false };
    request.fields.all_known(Known::Authorization).all(|line| {
        let space = line.iter().position(|byte| *byte == b' ');
        space.is_some_and(|at| line[at..].trim_ascii() == token.expose().as_bytes())
    })
}

/// Writes what a trusted proxy says of where the client has been, since services make URLs of that. The client's address is no part of it, and
/// the scheme is in the key already.
fn write_told(fields: &Fields, out: &mut Vec<u8>) {
    for (known, name, value) in fields.iter_known() {
        match known {
            Some(Known::Forwarded) => {
                let pairs = list_items(value).flat_map(|element| element.split(|byte| *byte == b';'));
                for pair in pairs.map(<[u8]>::trim_ascii).filter(|pair| begins(pair, b"host=")) {
                    part(out, |out| out.extend_from_slice(pair));
                }
            }
            Some(Known::XForwardedFor | Known::XForwardedProto) => {}
            _ if begins(name, b"X-Forwarded-") => {
                part(out, |out| out.extend(name.iter().map(u8::to_ascii_lowercase)));
                part(out, |out| out.extend_from_slice(value));
            }
            _ => {}
        }
    }
}

fn begins(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// A digest of what tells answers apart by the configuration.
fn digest(vary: &[Spanned<ValueName>], query: &QueryRule, expose_tags: bool) -> [u8; 32] {
    let names: Vec<String> = vary.iter().map(|written| written.value.to_string()).collect();
    sha256(format!("{names:?} {query:?} {expose_tags}").as_bytes())
}

/// Appends a part behind its length.
fn part(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len() - at - 4).expect("a head is far shorter than 4 GiB");
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}
