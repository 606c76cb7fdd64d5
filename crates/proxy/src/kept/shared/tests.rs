//! What one replica puts and another finds, and that what others have written is no answer.

use std::task::{Context, Poll, Waker};

use maitred_http::Scheme;
use maitred_store::{MemorySettings, MemoryStore};

use super::*;
use crate::beside::WorkerBeside;
use crate::clock::Clock;
use crate::kept::KeptFor;

const HOUR: Duration = Duration::from_hours(1);

struct Replica {
    store: Arc<KeptStore>,
    beside: WorkerBeside,
}

fn replica() -> Replica {
    let clock = Clock::default();
    let store = Arc::new(MemoryStore::new(MemorySettings::default()));
    let store = Arc::new(KeptStore { store, scope: Scope::new("degrade"), ttl: HOUR });
    Replica { store, beside: WorkerBeside::new(0, clock, clock.now(), maitred_net::Timers::new(clock.now())) }
}

fn at_once<T>(later: impl Future<Output = T>) -> T {
    match std::pin::pin!(later).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a store in memory answers at once"),
    }
}

fn request(language: &str) -> RequestHead {
    let mut request = RequestHead::default();
    request.fields.append_bytes(b"Accept-Language", language.as_bytes());
    request
}

fn key(request: &RequestHead) -> KeptKey {
    let (route, upstream, scheme) = ("orders", "orders", Scheme::Http);
    let whose = KeptFor {
        route,
        upstream,
        scheme,
        certificate: None,
        consumer: None,
        claims: None,
        decided_by: None,
    };
    KeptKey::new(whose, request)
}

impl Replica {
    fn put(&self, request: &RequestHead, fields: &[(&str, &str)], body: &str) {
        let mut head = ResponseHead { status: 200, ..ResponseHead::default() };
        for (name, value) in fields {
            head.fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        let place = KeptPlace::new(key(request), request, &head).unwrap();
        self.store.put(&self.beside, &place, &head, body.as_bytes());
    }

    fn find(&self, request: &RequestHead, ttl: Duration, later: Duration) -> Option<Found> {
        let mut now = self.beside.moment();
        now.wall += u64::try_from(later.as_micros()).unwrap();
        at_once(self.store.find((self.beside.seat(), now), key(request), request, ttl))
    }

    fn body(&self, request: &RequestHead) -> Option<Bytes> {
        self.find(request, HOUR, Duration::ZERO).map(|found| found.body)
    }
}

#[test]
fn a_replica_finds_what_another_has_put() {
    let replica = replica();
    let request = request("de");
    assert!(replica.body(&request).is_none());
    replica.put(&request, &[("Content-Type", "text/plain"), ("Connection", "close")], "hello");
    let found = replica.find(&request, HOUR, Duration::from_mins(20)).unwrap();
    assert_eq!((found.head.status, &*found.body), (200, &b"hello"[..]));
    assert_eq!(found.head.fields.iter().collect::<Vec<_>>(), [(&b"Content-Type"[..], &b"text/plain"[..])]);
    assert!((Duration::from_mins(20)..Duration::from_mins(21)).contains(&found.age));
    assert!(replica.find(&request, Duration::from_mins(20), Duration::from_mins(20)).is_none());
}

#[test]
fn answers_that_vary_are_kept_apart() {
    let replica = replica();
    for language in ["de", "en"] {
        replica.put(&request(language), &[("Vary", "Accept-Language")], language);
    }
    for language in ["de", "en"] {
        assert_eq!(replica.body(&request(language)).as_deref(), Some(language.as_bytes()));
        let found = replica.find(&request(language), HOUR, Duration::ZERO).unwrap();
        assert_eq!(found.place.varied.unwrap().1.len(), 1);
    }
    assert!(replica.body(&request("fr")).is_none());
}

#[test]
fn what_others_have_written_is_no_answer() {
    let replica = replica();
    let request = request("de");
    let key = key(&request);
    let varies = varies(&[FieldName::parse("Accept-Language").unwrap()]);
    let mut other = varies.to_vec();
    other[0] = 2;
    for entry in [&b""[..], b"hello", &varies[..6], &other, &[1, 0, 0, 0, 0], &[1, 1, 0, 1, b' '], &varies] {
        let Replica { store, beside } = &replica;
        let at = Key { scope: &store.scope, value: &key.0 };
        let entry = Bytes::copy_from_slice(entry);
        at_once(store.store.put(beside.seat(), at, entry, HOUR, beside.moment()).wait()).unwrap();
        assert!(replica.body(&request).is_none());
    }
    // Where answers differ by what differs in them, there is no end to look for.
    let Replica { store, beside } = &replica;
    let varied = key.varied(&[FieldName::parse("Accept-Language").unwrap()], &request);
    let at = Key { scope: &store.scope, value: &varied.0 };
    at_once(store.store.put(beside.seat(), at, varies, HOUR, beside.moment()).wait()).unwrap();
    assert!(replica.body(&request).is_none());
}
