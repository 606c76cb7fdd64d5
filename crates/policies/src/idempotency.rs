//! Has requests that carry the same key done once: the first answer is kept, and given again to whoever asks again.
//!
//! A client that got no answer cannot know whether its order was placed. With a key of its own choice in `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header, newest: 07) it can send the same request again: the service sees it once, and the answer that
//! was kept comes with `Idempotency-Replayed: true`. A request that comes while the first one is under way gets 409 with `Retry-After: 1`, one with another
//! method, host, target or body under the same key 422, a key that is none 400. Keys are texts of 1 to 255 characters, in quotes as in the
//! draft (`"8e03978e-40d5-43dd-bc93-6894a57f9324"`) or without. A request without a key passes as ever, unless it is `required`.
//!
//! A key is that of one caller on one route: of the consumer, of the issuer and subject of a token, and of whatever credential the request shows besides; where
//! there is none of all that, of the client's address. So nobody gets the answer of somebody else by his key. Where `forward_auth` or `ext_authz` knows callers by something
//! else, like a field of their own, that has to be said: name it in `send`, or have its answer set a field that tells who they are.
//!
//! Answers of the service with 2xx, 3xx and 4xx are kept for `ttl`: status, fields and body, as the service sent them. The key is free again at once, so that
//! another try reaches the service, after an answer of the service with 5xx, since then nobody knows the outcome and the key would be of no use; after one with 401, 403, 407, 408, 409, 425, 429 and 499, which tell of the moment
//! or of who asks and not of the request; and where the service was not sent the request, or said that it did nothing with it. An answer with 2xx to 4xx that is larger than `max_body`,
//! has trailers, or breaks off, cannot be given again, nor can one with 2xx or 3xx that the gateway itself could not pass on; doing the work again would be worse: its key answers 409 for as long as `ttl` (`idempotency_answer_lost`).
//!
//! Where the service was sent the request and did not answer (it took longer than the timeouts allow, or the connection broke), it may be at work: the key stays taken for
//! `lock_ttl`. The gateway itself does not send such a request twice: for retries the method counts, and not the key.
//!
//! Who loses a connection of HTTP/1.1 finds the answer by asking again: the request goes on without him, and once the answer has begun it is read to its end whatever he speaks. A stream that is reset before that (HTTP/2, HTTP/3) leaves its key taken for
//! `lock_ttl`, since the service may be at work; so does a gateway that dies. This should be longer than a request may take: after it another try reaches the service.
//!
//! Keys and answers are in the store: in memory for one gateway, in a shared one for all replicas. Where it is away, requests with a key get 503, since
//! what the key asks for cannot be promised; `on_store_failure: allow` passes them on. An answer for which it is away is put there again until `lock_ttl` is over; of one larger than 16KiB
//! then counts that it is lost. What could not be kept at all is counted in `maitred_idempotency_failures_total`. The body of a request with a key is read whole first (`limits.buffered_body`).
//!
//! A key that is taken never gives way: where there is no room for another (in memory one at once for each 5KiB of `size`), requests with new keys get 503. Answers do give way in memory: those that
//! are asked for least, once they take more than a quarter of `size`. With 64MiB there is room for twelve of 1MiB, or some ten thousand of 1KiB. Whose answer has given way is a new request and is done again:
//! where that must not be, keep them in Redis, with `maxmemory-policy noeviction`.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_http::{FieldName, Method};
use maitred_policy::{Build, Phase, PolicyKind};
use maitred_store::{Scope, StoreShared};

mod caller;
mod capture;
mod config;
mod entry;
mod key;
mod policy;
mod taken;
#[cfg(test)]
mod tests;
mod unkept;

use config::{IdempotencyConfig, KeysWithoutStore};
use unkept::UnkeptShared;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Idempotency {
    field: FieldName,
    methods: Box<[Method]>,
    required: bool,
    documentation: Option<HttpUrl>,
    max_body: usize,
    on_store_failure: KeysWithoutStore,
    shelf: Arc<Shelf>,
}

/// Where answers are kept, and for how long.
#[derive(Debug)]
struct Shelf {
    store: StoreShared,
    scope: Scope,
    ttl: Duration,
    /// How long a key is taken by a request of which nothing more is heard.
    lock_ttl: Duration,
    unkept: Arc<UnkeptShared>,
}

impl PolicyKind for Idempotency {
    const NAME: &'static str = "idempotency";
    type Config = IdempotencyConfig;
    type Compiled = Self;

    fn phase(_: &IdempotencyConfig) -> Phase {
        Phase::Lookup
    }

    fn compile(config: IdempotencyConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let store = build.store(config.store.as_ref())?;
        let method =
            |method: &maitred_config::Method| Method::parse(method.0.as_bytes()).expect("it is a token");
        Some(Self {
            field: FieldName::parse(&config.header.0).expect("it is the name of a field"),
            methods: config.methods.iter().map(|written| method(&written.value)).collect(),
            required: config.required,
            documentation: config.documentation,
            max_body: usize::try_from(config.max_body.0).unwrap_or(usize::MAX),
            on_store_failure: config.on_store_failure,
            shelf: Arc::new(Shelf {
                store,
                scope: build.scope("idempotency"),
                ttl: config.ttl,
                lock_ttl: config.lock_ttl,
                unkept: previous.map(|previous| Arc::clone(&previous.shelf.unkept)).unwrap_or_default(),
            }),
        })
    }
}
