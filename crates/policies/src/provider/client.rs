//! A client of a provider, and how it shows who it is (RFC 6749 section 2.3).
//! It makes questions; whom it asks, and over which connection, is decided elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maitred_http::{Known, Method, RequestHead};

use super::ClientAuthentication;
use super::form::{Form, encode};

/// A client: the gateway, as a provider knows it.
#[derive(PartialEq)]
pub(crate) struct Client {
    id: Box<str>,
    /// None of a public one, which only says who it is (RFC 6749 section 2.1).
    secret: Option<(Box<str>, ClientAuthentication)>,
}

impl Client {
    /// The client of this id. An empty secret is none.
    pub(crate) fn new(id: &str, secret: Option<&str>, shows: ClientAuthentication) -> Self {
        let secret = secret.filter(|secret| !secret.is_empty());
        Self { id: id.into(), secret: secret.map(|secret| (secret.into(), shows)) }
    }

    /// Whether it has a secret to show.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Head and body of a question.
    pub(crate) fn question(&self, form: Form) -> (RequestHead, Vec<u8>) {
        let mut head = RequestHead { method: Method::Post, ..RequestHead::default() };
        head.fields.append_known(Known::ContentType, b"application/x-www-form-urlencoded");
        head.fields.append_known(Known::Accept, b"application/json");
        let form = match &self.secret {
            Some((secret, ClientAuthentication::Basic)) => {
                let mut shown = String::new();
                encode(&self.id, &mut shown);
                shown.push(':');
                encode(secret, &mut shown);
                let shown = format!("Basic {}", BASE64_STANDARD.encode(shown));
                head.fields.append_known(Known::Authorization, shown.as_bytes());
                form
            }
            Some((secret, ClientAuthentication::Post)) => {
                form.field("client_id", &self.id).field("client_secret", secret)
            }
            None => form.field("client_id", &self.id),
        };
        (head, form.into_bytes())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}
