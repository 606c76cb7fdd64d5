//! What policies have in common that ask a service whether a request may pass: which fields are the request's own business, and
//! answers that a worker remembers for a while. How one asks, and what an answer means, is each policy's.

use std::cell::RefCell;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use maitred_http::{Fields, Known, ResponseHead};
use maitred_policy::{Facts, Fault};
use quick_cache::unsync::Cache;

/// Answers that a worker remembers for a policy.
const MOST_REMEMBERED: usize = 4096;

/// Whether a field is between two neighbours, and goes no further (RFC 9110 section 7.6.1). Those that `Connection` names are gone when the head is read.
pub(crate) fn is_of_connection(name: &[u8]) -> bool {
    use Known::{
        Connection, KeepAlive, ProxyAuthenticate, ProxyAuthorization, ProxyConnection, Te, Trailer,
        TransferEncoding, Upgrade,
    };
    let own = [
        Connection,
        KeepAlive,
        ProxyAuthenticate,
        ProxyAuthorization,
        ProxyConnection,
        Te,
        Trailer,
        TransferEncoding,
        Upgrade,
    ];
    Known::find(name).is_some_and(|known| own.contains(&known))
}

/// Whether a field says how long a message is, or for whom it is: no service may set these.
pub(crate) fn is_of_framing(name: &[u8]) -> bool {
    is_of_connection(name) || matches!(Known::find(name), Some(Known::ContentLength | Known::Host))
}

/// Whether a field speaks of a body, of one's own or of the answer's, so that it means nothing in a question about the request.
pub(crate) fn is_of_body(name: &[u8]) -> bool {
    let begins =
        |start: &[u8]| name.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
    begins(b"Content-") || begins(b"If-") || matches!(Known::find(name), Some(Known::Expect | Known::Range))
}

/// The service has refused the request, and answers the client itself.
pub(crate) fn refused(head: ResponseHead, body: Vec<u8>) -> Fault {
    Fault::client(head.status, "refused_by_service", "Not permitted").answered(head, body)
}

/// A digest of fields, by which answers are remembered: nobody can aim at one, and what credentials say is not kept.
pub(crate) fn digest_of(fields: &Fields) -> [u8; 32] {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        // Neither has a line break within.
        bytes.extend(name.iter().map(u8::to_ascii_lowercase));
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    sha256(&bytes)
}

/// Notes what a service went by and has put into a request, beside what others have: what is kept for one is not for another.
pub(crate) fn note(facts: &mut Facts, fields: &Fields) {
    if !fields.is_empty() {
        let before = facts.decided_by.as_deref().map_or(&[][..], |digest| digest);
        facts.decided_by = Some(Box::new(sha256(&[before, &digest_of(fields)].concat())));
    }
}

/// The SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

/// What a worker remembers of answers: so many, and each until its time has passed.
pub(crate) struct Remembered<T>(RefCell<Option<Answers<T>>>);

/// Until when each counts.
type Answers<T> = Cache<[u8; 32], (Instant, T)>;

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<T: Clone> Remembered<T> {
    /// What was answered, if that still counts at `now`.
    pub(crate) fn find(&self, key: &[u8; 32], now: Instant) -> Option<T> {
        let kept = self.0.borrow();
        kept.as_ref()?.get(key).filter(|(until, _)| now < *until).map(|(_, answer)| answer.clone())
    }

    /// Remembers an answer.
    pub(crate) fn keep(&self, key: [u8; 32], until: Instant, answer: T) {
        let mut kept = self.0.borrow_mut();
        kept.get_or_insert_with(|| Cache::new(MOST_REMEMBERED)).insert(key, (until, answer));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use maitred_policy::harness::Harness;

    use super::*;
    use crate::ip::Ip;

    #[test]
    fn fields_are_sorted() {
        for name in ["te", "Connection", "PROXY-AUTHORIZATION", "Transfer-Encoding"] {
            assert!(is_of_connection(name.as_bytes()) && is_of_framing(name.as_bytes()), "{name}");
        }
        assert!(is_of_framing(b"host") && !is_of_connection(b"host"));
        for (name, is) in [("Content-Type", true), ("if-match", true), ("Cookie", false), ("Accept", false)] {
            assert_eq!(is_of_body(name.as_bytes()), is, "{name}");
        }
    }

    #[test]
    fn answers_are_remembered_for_a_while_and_not_all_of_them() {
        let now = Harness::of::<Ip>("{ deny: 192.0.2.1 }").now();
        let remembered = Remembered::default();
        let last = now + Duration::from_secs(5);
        let until = last + Duration::from_nanos(1);
        assert_eq!(remembered.find(&[1; 32], now), None);
        remembered.keep([1; 32], until, "yes");
        assert_eq!(remembered.find(&[1; 32], last), Some("yes"));
        assert_eq!(remembered.find(&[1; 32], until), None);
        for number in 0..20_000_u32 {
            remembered.keep(sha256(&number.to_be_bytes()), until, "yes");
        }
        let kept = remembered.0.borrow().as_ref().map(Cache::len);
        assert!(kept.is_some_and(|kept| kept <= MOST_REMEMBERED), "{kept:?}");
    }
}
