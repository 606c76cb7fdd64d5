//! Proofs by HTTP that a name leads here (RFC 8555 section 8.3): what listeners in the clear answer before they route, for the
//! tokens that are being proved right now and for no others.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use maitred_http::{Known, Method, RequestHead};
use maitred_policy::Reply;

const PREFIX: &str = "/.well-known/acme-challenge/";

/// The tokens that are being proved, with what is answered: as many as whoever orders certificates has begun and not ended.
#[derive(Debug, Default)]
pub struct TokensShared {
    going_on: ArcSwap<HashMap<Box<str>, Bytes>>,
}

/// A token that is being proved. Dropped, it is unknown again.
#[derive(Debug)]
pub struct TokenProof {
    among: Arc<TokensShared>,
    token: Box<str>,
}

impl TokensShared {
    /// Answers this key authorization for this token from now on.
    pub fn begin(self: &Arc<Self>, token: &str, key_authorization: &str) -> TokenProof {
        let answer = Bytes::copy_from_slice(key_authorization.as_bytes());
        self.going_on.rcu(|going_on| {
            let mut going_on = HashMap::clone(going_on);
            going_on.insert(token.into(), answer.clone());
            going_on
        });
        TokenProof { among: Arc::clone(self), token: token.into() }
    }

    /// The answer to a request that asks for a token.
    pub(crate) fn answer(&self, request: &RequestHead) -> Option<Reply> {
        let token = request.target.path().strip_prefix(PREFIX)?;
        if !matches!(request.method, Method::Get | Method::Head) {
            return None;
        }
        let body = self.going_on.load().get(token)?.clone();
        let mut reply = Reply::new(200);
        reply.head.fields.append_known(Known::ContentType, b"application/octet-stream");
        reply.body = body.into();
        Some(reply)
    }
}

impl Drop for TokenProof {
    fn drop(&mut self) {
        self.among.going_on.rcu(|going_on| {
            let mut going_on = HashMap::clone(going_on);
            going_on.remove(&self.token);
            going_on
        });
    }
}

#[cfg(test)]
mod tests {
    use maitred_http::PathRules;

    use super::*;

    fn asked(tokens: &TokensShared, method: Method, target: &str) -> Option<Reply> {
        let mut request = RequestHead { method, ..RequestHead::default() };
        request.target.parse(target.as_bytes(), PathRules::Strict).unwrap();
        tokens.answer(&request)
    }

    #[test]
    fn a_token_is_answered_while_it_is_being_proved() {
        let tokens = Arc::new(TokensShared::default());
        let get = |target: &str| {
            asked(&tokens, Method::Get, target).and_then(|reply| reply.body.as_whole().cloned())
        };
        let proof = tokens.begin("one", "one.thumb");
        let other = tokens.begin("two", "two.thumb");
        assert_eq!(get("/.well-known/acme-challenge/one").as_deref(), Some(&b"one.thumb"[..]));
        for target in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/on",
            "/one",
            "/x/.well-known/acme-challenge/one",
        ] {
            assert_eq!(get(target), None, "{target}");
        }
        assert!(asked(&tokens, Method::Post, "/.well-known/acme-challenge/one").is_none());
        drop(proof);
        assert_eq!(get("/.well-known/acme-challenge/one"), None);
        assert!(get("/.well-known/acme-challenge/two").is_some());
        drop(other);
        assert!(tokens.going_on.load().is_empty());
    }
}
