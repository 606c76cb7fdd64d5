//! What tells requests apart: whose key it is, and which request was sent under it.
//! Both are SHA-256, so that a store holds neither keys nor credentials.

use aws_lc_rs::digest::{Context, SHA256};
use maitred_http::RequestHead;
use maitred_policy::Facts;
use maitred_policy::identity::CREDENTIALS;

/// Parts that are put together so that no other parts come to the same.
struct Parts(Context);

impl Parts {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// What may not be there is something else than what is empty.
    fn add_if(&mut self, part: Option<&[u8]>) {
        self.0.update(&[u8::from(part.is_some())]);
        self.add(part.unwrap_or_default());
    }

    fn finish(self) -> [u8; 32] {
        *self.0.finish().as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
    }
}

/// Under what a caller's key is found on this route. Who is known counts by name; what else a request shows to be told apart by counts too, since services
/// may go by it. A token by which the caller was found does not: it may have been renewed since the first try. Of those who show nothing, the address does.
pub(super) fn place(key: &str, request: &RequestHead, facts: &Facts) -> [u8; 32] {
    let mut parts = Parts::new();
    parts.add(facts.route.name.as_bytes());
    parts.add(key.as_bytes());
    parts.add_if(facts.consumer.as_ref().map(|consumer| consumer.name.as_bytes()));
    let claims = facts.claims.as_deref();
    parts.add_if(claims.map(|claims| claims.issuer.as_bytes()));
    let subject = claims.and_then(|claims| claims.subject.as_deref());
    parts.add_if(subject.map(str::as_bytes));
    let token = facts.token.as_ref().map(|token| token.expose().as_bytes());
    let is_named = facts.consumer.is_some() || subject.is_some();
    if let (false, Some(claims)) = (is_named, claims) {
        parts.add_if(token);
        parts.add(serde_json::Value::from(claims.all.clone()).to_string().as_bytes());
    }
    let certificate = facts.certificate.as_ref().map(|certificate| certificate.fingerprint.as_bytes());
    parts.add_if(certificate);
    parts.add_if(facts.decided_by.as_ref().map(|digest| &digest[..]));
    let mut shows_something = facts.is_identified() || certificate.is_some();
    for (at, name) in (0_u64..).zip(CREDENTIALS) {
        let lines = request.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        for (_, line) in lines.filter(|(_, line)| !(is_named && changes_each_time(line, token))) {
            parts.add(&at.to_be_bytes());
            parts.add(line);
            shows_something = true;
        }
    }
    if !shows_something {
        parts.add(facts.client.to_string().as_bytes());
    }
    parts.finish()
}

/// Whether a credential of somebody who was found by it is another one with each try: the token itself, or a signature.
fn changes_each_time(line: &[u8], token: Option<&[u8]>) -> bool {
    let begins =
        |scheme: &[u8]| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    token.is_some_and(|token| line.ends_with(token)) || begins(b"signature ") || begins(b"hmac ")
}

/// The SHA-256 of a body behind its length.
pub(super) fn digest(body: &[u8]) -> [u8; 32] {
    let mut parts = Parts::new();
    parts.add(body);
    parts.finish()
}

/// What was asked for under a key, with the digest of the body: the same key is not to be used for something else.
pub(super) fn fingerprint(request: &RequestHead, facts: &Facts, body: &[u8; 32]) -> [u8; 32] {
    let mut parts = Parts::new();
    // What the client asked for, whatever policies made of it.
    let (method, target) = match &facts.asked {
        Some(asked) => (asked.method, &asked.target),
        None => (request.method, &request.target),
    };
    parts.add(method.as_str().as_bytes());
    parts.add(request.authority.as_str().to_ascii_lowercase().as_bytes());
    parts.add(target.as_str().as_bytes());
    parts.add(body);
    parts.finish()
}
