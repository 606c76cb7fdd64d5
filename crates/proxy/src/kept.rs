//! Good answers, kept for when a service fails. In memory for the process, bounded, and kept over reloads; where replicas share a store, there
//! as well (`shared`).
//!
//! It is no cache of HTTP: nothing is answered from it while the service answers. An answer is found again only by a request of the same
//! route to the same service that asks for the same and shows the same credentials, and that is alike in all that `Vary` names. Keys are
//! SHA-256 of all that, so that no credential is held.

pub(crate) mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use maitred_http::{FieldName, Fields, Known, RequestHead, ResponseHead, Scheme, list_items};
use maitred_policy::identity::CREDENTIALS;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// Memory that all answers together may take.
const MOST: u64 = 64 << 20;
/// The largest body that is kept.
pub(crate) const LARGEST: usize = 1 << 20;
/// Parts of the store with a lock each, held for as long as it takes to find an entry: each must have room for some of the largest.
const SHARDS: usize = 8;
/// About as many answers as there may be, at 8 KiB each.
const ABOUT: usize = 8192;

/// Good answers of all routes that keep some.
pub(crate) struct KeptShared {
    cache: Cache<KeptKey, Arc<Entry>, Weigh>,
}

/// What an answer is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeptKey([u8; 32]);

/// Where an answer is put.
#[derive(Debug)]
pub(crate) struct KeptPlace {
    key: KeptKey,
    /// Where there are several answers: the key of this one, and the fields by which they differ.
    varied: Option<(KeptKey, Box<[FieldName]>)>,
}

/// Whose answer it is: beside the request itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptFor<'a> {
    pub(crate) route: &'a str,
    pub(crate) upstream: &'a str,
    pub(crate) scheme: Scheme,
    /// All that is known of who asks (`identity::whose`).
    pub(crate) whose: [u8; 32],
}

/// What stands under a key.
enum Entry {
    Answer(Answer),
    /// There are several answers, which differ by these fields of the request: their keys have these in them.
    Varies(Box<[FieldName]>),
}

/// An answer that was kept.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) body: Bytes,
    /// When it was whole.
    at: Instant,
    /// When an answer to this was last put into the store that replicas share.
    shared_at: Option<Instant>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<KeptKey, Arc<Entry>> for Weigh {
    fn weight(&self, _: &KeptKey, entry: &Arc<Entry>) -> u64 {
        let own = size_of::<KeptKey>() + size_of::<Entry>() + 64;
        let more = match &**entry {
            Entry::Answer(answer) => answer.body.len() + answer.head.fields.capacity(),
            Entry::Varies(names) => names.len() * 64,
        };
        (own + more) as u64
    }
}

impl fmt::Debug for KeptShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kept answers", self.cache.len())
    }
}

impl Default for KeptShared {
    fn default() -> Self {
        let mut options = OptionsBuilder::new();
        options.weight_capacity(MOST).estimated_items_capacity(ABOUT).shards(SHARDS);
        let options = options.build().expect("the two capacities are given");
        let (hash, life) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { cache: Cache::with_options(options, Weigh, hash, life) }
    }
}

impl KeptKey {
    /// The key of a request, as far as it does not hang on `Vary`. Requests for the head of an answer have that of the answer.
    pub(crate) fn new(whose: KeptFor<'_>, request: &RequestHead) -> Self {
        let mut digest = Context::new(&SHA256);
        let authority = request.authority.as_str().to_ascii_lowercase();
        for part in [
            whose.route.as_bytes(),
            whose.upstream.as_bytes(),
            whose.scheme.as_str().as_bytes(),
            authority.as_bytes(),
            request.target.as_str().as_bytes(),
            &whose.whose,
        ] {
            add(&mut digest, part);
        }
        for name in CREDENTIALS {
            add_field(&mut digest, name, &request.fields);
        }
        Self::of(digest)
    }

    /// The key of the answer to this request among those that differ by these fields.
    fn varied(self, names: &[FieldName], request: &RequestHead) -> Self {
        let mut digest = Context::new(&SHA256);
        add(&mut digest, &self.0);
        for name in names {
            add(&mut digest, name.as_str().to_ascii_lowercase().as_bytes());
            add_field(&mut digest, name.as_str().as_bytes(), &request.fields);
        }
        Self::of(digest)
    }

    fn of(digest: Context) -> Self {
        let digest = digest.finish();
        Self(*digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes"))
    }
}

impl KeptPlace {
    /// The place of the answer to this request, whose own key is `key`; none where every request is another.
    pub(crate) fn new(key: KeptKey, request: &RequestHead, response: &ResponseHead) -> Option<Self> {
        let names = varies_by(response)?;
        let varied = (!names.is_empty()).then(|| (key.varied(&names, request), names.into()));
        Some(Self { key, varied })
    }
}

/// Adds a part so that no other parts make the same bytes.
fn add(digest: &mut Context, part: &[u8]) {
    digest.update(&(part.len() as u64).to_be_bytes());
    digest.update(part);
}

/// Adds all lines of a field; none is something else than an empty one.
fn add_field(digest: &mut Context, name: &[u8], fields: &Fields) {
    let lines = || fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    digest.update(&(lines().count() as u64).to_be_bytes());
    for (_, value) in lines() {
        add(digest, value);
    }
}

/// Whether the head of an answer lets it be kept for the callers that it is for. `request` is what it answers; `is_for_one` says that it
/// is known who asks.
pub(crate) fn may_keep(request: &RequestHead, response: &ResponseHead, is_for_one: bool) -> bool {
    let says_no_store = |fields: &Fields| fields.has_item(Known::CacheControl, "no-store");
    // A part of an answer is no answer to who asks for another part.
    if !(200..300).contains(&response.status) || response.status == 206 {
        return false;
    }
    if says_no_store(&request.fields) || says_no_store(&response.fields) {
        return false;
    }
    if response.fields.has(Known::SetCookie) || response.fields.has(Known::Trailer) {
        return false;
    }
    if is_private(&response.fields) && !is_for_one && !shows_credentials(&request.fields) {
        // Who it is for cannot be told.
        return false;
    }
    true
}

/// `private="X-Name"` is about one field, and no reason to look closer.
fn is_private(fields: &Fields) -> bool {
    let mut items = fields.all_known(Known::CacheControl).flat_map(list_items);
    items.any(|item| item.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"private")))
}

fn shows_credentials(fields: &Fields) -> bool {
    fields.iter().any(|(name, _)| CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// The fields by which answers differ, `Vary` names them; none where every request is another (RFC 9110 section 12.5.5).
fn varies_by(response: &ResponseHead) -> Option<Vec<FieldName>> {
    let mut names = Vec::new();
    for item in response.fields.all_known(Known::Vary).flat_map(list_items) {
        let name = std::str::from_utf8(item).ok().and_then(|item| FieldName::parse(item).ok())?;
        if item == b"*" {
            return None;
        }
        names.push(name);
    }
    if response.fields.has(Known::ContentEncoding) {
        // Some services forget to say so, and a client that cannot decode it is not helped.
        names.push(FieldName::from(Known::AcceptEncoding));
    }
    names.sort_by_cached_key(|name: &FieldName| name.as_str().to_ascii_lowercase());
    names.dedup_by(|one, other| one.as_str().eq_ignore_ascii_case(other.as_str()));
    Some(names)
}

impl KeptShared {
    /// Keeps a good answer that was whole at `at`.
    pub(crate) fn keep(
        &self,
        place: KeptPlace,
        (head, body): (ResponseHead, Bytes),
        at: Instant,
        shared_at: Option<Instant>,
    ) {
        let KeptPlace { key, varied } = place;
        let answer = Arc::new(Entry::Answer(Answer { head, body, at, shared_at }));
        match varied {
            None => self.cache.insert(key, answer),
            Some((varied, names)) => {
                self.cache.insert(varied, answer);
                self.cache.insert(key, Arc::new(Entry::Varies(names)));
            }
        }
    }

    /// When an answer at this place was last put into the store that replicas share.
    pub(crate) fn shared_at(&self, place: &KeptPlace) -> Option<Instant> {
        let key = place.varied.as_ref().map_or(place.key, |(varied, _)| *varied);
        match &*self.cache.peek(&key)? {
            Entry::Answer(answer) => answer.shared_at,
            Entry::Varies(_) => None,
        }
    }

    /// The answer that was kept for a request, if it is not older than `ttl` at `now`: its head, with its age, and its body.
    pub(crate) fn find(
        &self,
        key: KeptKey,
        request: &RequestHead,
        ttl: Duration,
        now: Instant,
    ) -> Option<(ResponseHead, Bytes)> {
        let mut entry = self.cache.get(&key)?;
        if let Entry::Varies(names) = &*entry {
            entry = self.cache.get(&key.varied(names, request))?;
        }
        let Entry::Answer(answer) = &*entry else { return None };
        let age = now.saturating_duration_since(answer.at);
        if age >= ttl {
            return None;
        }
        Some((aged(answer.head.clone(), age), answer.body.clone()))
    }
}

/// The head of an answer that was kept for so long.
pub(crate) fn aged(mut head: ResponseHead, kept: Duration) -> ResponseHead {
    let before = head.fields.known_str(Known::Age).and_then(|age| age.trim().parse::<u64>().ok());
    let age = kept.as_secs().saturating_add(before.unwrap_or_default());
    head.fields.set_known(Known::Age, age.to_string().as_bytes());
    head
}

#[cfg(test)]
mod tests;
