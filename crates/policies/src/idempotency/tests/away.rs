//! A store that is away, one where others write, and two gateways that share one.

use bytes::Bytes;
use maitred_store::{Answer, Key, MemorySettings, MemoryStore};

use super::*;

/// What a second request gets where `entry` stands in the place of each key that was taken.
fn with_entry(yaml: &str, entry: &[u8]) -> Outcome {
    let harness = harness(yaml);
    let exchange = || harness.request("POST /", &[KEY]);
    let mut first = exchange().begin();
    assert!(first.is_at_service());
    let policy = harness.policy::<Idempotency>();
    let facts = maitred_policy::harness::facts();
    let request = maitred_policy::harness::request("POST /", &[KEY]);
    let place = caller::place("8e03978e", &request, &facts);
    let key = Key { scope: &policy.shelf.scope, value: &place };
    let (beside, entry) = (harness.beside(), Bytes::copy_from_slice(entry));
    let put = policy.shelf.store.put(beside.seat(), key, entry, Duration::from_secs(9), beside.moment());
    assert!(matches!(put, Answer::Ready(Ok(()))));
    exchange().answer(200, &[])
}

/// The entry of an answer to the request that [`with_entry`] sends.
fn answered(fields: &[(&str, &str)], status: u16) -> Vec<u8> {
    let mut head = maitred_http::ResponseHead { status, ..Default::default() };
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    let request = maitred_policy::harness::request("POST /", &[KEY]);
    let fingerprint = caller::fingerprint(&request, &maitred_policy::harness::facts(), &caller::digest(&[]));
    entry::answered(&fingerprint, &head).unwrap()
}

#[test]
fn what_others_have_written_is_no_answer() {
    let good = answered(&[("X-A", "b")], 200);
    assert_eq!(with_entry("true", &good).field("X-A").as_deref(), Some("b"));
    let changed = |at: usize, byte: u8| {
        let mut entry = good.clone();
        entry[at] = byte;
        entry
    };
    for entry in [
        Vec::new(),
        b"hello".to_vec(),
        changed(0, 2),
        changed(1, 3),
        changed(1, 0),
        changed(1, 2),
        changed(34, 9),
        good[..36].to_vec(),
        good[..20].to_vec(),
    ] {
        let outcome = with_entry("true", &entry);
        is_refused(&outcome, 503, "idempotency_entry_unreadable");
        is_new(&with_entry("{ on_store_failure: allow }", &entry));
    }
    is_refused(&with_entry("true", &changed(5, good[5] ^ 1)), 422, "idempotency_key_reused");
}

#[test]
fn replicas_share_what_is_kept() {
    let store = Arc::new(MemoryStore::new(MemorySettings::default()));
    let one = Harness::with_store::<Idempotency>(store, "true");
    let other = one.replica::<Idempotency>("true");
    let mut first = order(&one, "x").begin();
    assert!(first.is_at_service());
    is_refused(&placed(order(&other, "x"), ""), 409, "idempotency_in_flight");
    first.finish(204);
    assert_eq!(order(&other, "x").answer(500, &[]).response.status, 204);
}
