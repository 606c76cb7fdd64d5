//! What answers of one URL are told apart by beside `Vary`, and what is known of an asker that this does not tell.
//! The URL, which comes first, is the business of crate `cache`.

use maitred_cache::{Asker, QueryRule};
use maitred_config::scalar::ValueName;
use maitred_config::{Problem, Spanned};
use maitred_http::{Known, RequestHead};
use maitred_policy::values::{Available, Value, View};
use maitred_policy::{Build, Facts};

use super::marks::digest;

/// How keys are made.
#[derive(Debug)]
pub(super) struct Keying {
    pub(super) query: QueryRule,
    values: Box<[Value]>,
    /// What stands for the configuration of all this: under another one, the same bytes would mean something else.
    meaning: [u8; 8],
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
            Value::ConsumerName => true,
            Value::Claim(path) => path.len() == 1 && path[0] == "sub",
            _ => false,
        };
        let query = match query {
            None => QueryRule::All,
            Some(names) if names.is_empty() => QueryRule::Ignored,
            Some(names) => QueryRule::Only(names.into_iter().map(Into::into).collect()),
        };
        let names: Vec<String> = vary.iter().map(|written| written.value.to_string()).collect();
        (values.len() == vary.len()).then(|| Self {
            meaning: meaning(&names, &query),
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
        out.extend_from_slice(&self.meaning);
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
            let claims = facts.claims.as_deref();
            let consumer = facts.consumer.as_deref().map_or("", |consumer| &consumer.name);
            let issuer = claims.map_or("", |claims| &claims.issuer);
            for text in [consumer, issuer, facts.subject()] {
                part(out, |out| out.extend_from_slice(text.as_bytes()));
            }
        }
        if let Some(digest) = &facts.decided_by {
            part(out, |out| out.extend_from_slice(&**digest));
        }
    }

    /// What is known of who asks, and is no part of the key.
    pub(super) fn asker(&self, request: &RequestHead, facts: &Facts) -> Asker {
        let has_name = facts.consumer.is_some() || !facts.subject().is_empty();
        Asker {
            has_authorization: request.fields.has(Known::Authorization) && !self.by_authorization,
            is_identified: facts.is_identified() && !(self.by_identity && has_name),
            has_cookies: request.fields.has(Known::Cookie) && !self.by_cookie,
        }
    }
}

/// A few bytes of a digest: nobody but who writes the configuration makes two meet.
fn meaning(names: &[String], query: &QueryRule) -> [u8; 8] {
    let (is_all, parameters): (&[u8], &[Box<str>]) = match query {
        QueryRule::All => (b"all", &[]),
        QueryRule::Ignored => (b"", &[]),
        QueryRule::Only(names) => (b"", names),
    };
    let names = names.iter().map(|name| digest(&[name.as_bytes()]));
    let parameters = parameters.iter().map(|name| digest(&[name.as_bytes()]));
    let parts = [names.flatten().collect::<Vec<u8>>(), is_all.to_vec(), parameters.flatten().collect()];
    let digest = digest(&parts.each_ref().map(Vec::as_slice));
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// Appends a part behind its length.
fn part(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len() - at - 4).expect("a head is far shorter than 4 GiB");
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}
