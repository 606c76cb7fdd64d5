//! A login that was begun: what the browser keeps of it, sealed, until it comes back with the provider's answer.
//! It ties the answer to this browser (`state`), the token to this login (`nonce`), and the code to us (PKCE, RFC 7636).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Seconds that a login may take.
pub(super) const LONGEST: u64 = 600;
/// Logins that may be under way in one browser: in as many tabs. With a session beside them, their cookies have to fit into a head.
pub(super) const MOST: usize = 5;
/// Bytes of the place where the user was: above it they are brought to the front page.
const LONGEST_PLACE: usize = 1024;

/// A login that was begun.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// What the provider's answer has to repeat.
    pub(super) state: String,
    /// What the token has to repeat.
    pub(super) nonce: String,
    /// What the code is exchanged with.
    pub(super) verifier: String,
    /// Where the user was: path and query.
    pub(super) place: String,
    /// When it was begun, in seconds since 1970.
    pub(super) begun: u64,
}

impl Attempt {
    /// Begins one.
    pub(super) fn begin(place: &str, now: u64) -> Self {
        let (state, nonce, verifier) = (random(), random(), random());
        Self { state, nonce, verifier, place: own_place(place).to_owned(), begun: now }
    }

    /// The part of `state` by which its cookie is found.
    pub(super) fn id(state: &str) -> Option<&str> {
        let id = state.get(..12)?;
        id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then_some(id)
    }

    /// What is told of the verifier at first (RFC 7636 section 4.2, `S256`).
    pub(super) fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// Whether an answer with this `state` at this time is one to it.
    pub(super) fn is_answered_by(&self, state: &str, now: u64) -> bool {
        self.is_open(now) && verify_slices_are_equal(self.state.as_bytes(), state.as_bytes()).is_ok()
    }

    /// Whether it has not taken too long.
    pub(super) fn is_open(&self, now: u64) -> bool {
        now < self.begun + LONGEST
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { state, nonce, verifier, place, begun } = self;
        json!([state, nonce, verifier, place, begun]).to_string().into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (state, nonce, verifier, place, begun) = match serde_json::from_slice(bytes).ok()? {
            Value::Array(parts) => <[Value; 5]>::try_from(parts).ok()?.into(),
            _ => return None,
        };
        let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
        Some(Self {
            state: text(state)?,
            nonce: text(nonce)?,
            verifier: text(verifier)?,
            place: text(place)?,
            begun: begun.as_u64()?,
        })
    }
}

/// The place, if a browser that is sent there stays on this host: `//host` and, to browsers, `/\host` are other hosts.
pub(super) fn own_place(place: &str) -> &str {
    let is_own = place.starts_with('/')
        && !place.starts_with("//")
        && place.len() <= LONGEST_PLACE
        && place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { place } else { "/" }
}

/// 256 bits that nobody guesses, as text (RFC 7636 section 4.1 allows it as a verifier).
fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has chance");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_answered_once_known_and_in_time() {
        let attempt = Attempt::begin("/a?b=c", 1000);
        assert!(Attempt::decode(&attempt.encode()).unwrap() == attempt);
        assert!(attempt.is_answered_by(&attempt.state.clone(), 1599));
        assert!(!attempt.is_answered_by(&attempt.state.clone(), 1600));
        assert!(!attempt.is_answered_by(&Attempt::begin("/", 1000).state, 1000));
        assert!(!attempt.is_answered_by("", 1000));
        assert_eq!(Attempt::id(&attempt.state), Some(&attempt.state[..12]));
        for wrong in ["short", "with a blank ", "semi;colon;;;;", "ééééééééé"] {
            assert_eq!(Attempt::id(wrong), None, "{wrong}");
        }
        for wrong in [&b"[]"[..], b"{}", b"[1,2,3,4,5]", b"x"] {
            assert!(Attempt::decode(wrong).is_none());
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636 appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let attempt = Attempt { verifier, ..Attempt::begin("/", 0) };
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!((43..=128).contains(&Attempt::begin("/", 0).verifier.len()));
    }

    #[test]
    fn nobody_is_sent_to_another_host() {
        for own in ["/", "/a/b?c=d", "/a//b", "/a?to=//evil.example", "/%5Cevil"] {
            assert_eq!(own_place(own), own);
        }
        for other in [
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example/",
            "evil",
            "",
            "/\t/evil.example",
            "/\r\nSet-Cookie: a=b",
            "/é",
            "*",
        ] {
            assert_eq!(own_place(other), "/", "{other:?}");
        }
        assert_eq!(own_place(&format!("/{}", "x".repeat(1024))), "/");
    }
}
