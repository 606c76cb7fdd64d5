//! Keeps a good answer for when the service fails: it is copied while it passes to the client, as the service sent it and before policies
//! change it, and kept once it is whole.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_http::{BodyLength, Fields, Known, Method, ResponseHead};
use maitred_policy::Beside;
use maitred_wire::BodySource;

use super::tee::{BodyCopy, Tee};
use super::{Forwarded, is_stream};
use crate::kept::shared::KeptStore;
use crate::kept::{KeptKey, KeptPlace, KeptShared, LARGEST, may_keep};
use crate::local::Heads;

/// An answer to the same is put into the store that replicas share no more often: a service that is asked much would have it written much.
const PACE: Duration = Duration::from_secs(10);

/// Where answers are kept.
#[derive(Clone)]
pub(crate) struct Shelf {
    /// In this process.
    pub(crate) kept: Arc<KeptShared>,
    /// In a store that replicas share, and what is put there reaches it through.
    pub(crate) shared: Option<(Arc<KeptStore>, Rc<dyn Beside>)>,
}

/// An answer that is to be kept.
pub(crate) struct Keeping {
    shelf: Shelf,
    place: KeptPlace,
    head: ResponseHead,
    pub(super) copy: BodyCopy,
}

impl Keeping {
    /// Begins to keep the answer whose head was read, if it may be. Requests with a body ask for something that no key tells.
    pub(crate) fn begin(
        shelf: impl FnOnce() -> Shelf,
        key: impl FnOnce() -> KeptKey,
        heads: &Heads,
        (request_body, forwarded): (BodyLength, &Forwarded),
        is_for_one: bool,
    ) -> Option<Box<Self>> {
        let Heads { request, response } = heads;
        let is_too_large = matches!(forwarded.length, BodyLength::Known(length) if length > LARGEST as u64);
        if request.method != Method::Get
            || !request_body.is_empty()
            || is_too_large
            || is_stream(response)
            || !may_keep(request, response, is_for_one)
        {
            return None;
        }
        let place = KeptPlace::new(key(), request, response)?;
        let mut head = response.clone();
        for of_the_message in [Known::Connection, Known::KeepAlive, Known::ProxyConnection, Known::Upgrade] {
            head.fields.remove_known(of_the_message);
        }
        let (shelf, copy) = (shelf(), BodyCopy::new(LARGEST));
        Some(Box::new(Self { shelf, place, head, copy }))
    }

    /// The body of the answer, which is copied as it is read.
    pub(crate) fn tee<S: BodySource>(&mut self, source: S) -> Tee<'_, S> {
        Tee { copy: &mut self.copy, source }
    }

    /// The body was read whole in another way.
    pub(crate) fn take_whole(&mut self, bytes: &[u8], trailers: Option<&Fields>) {
        self.copy.take_whole(bytes, trailers);
    }

    /// The answer has ended well at `now`: it is kept, if all of it was copied. What came with trailers would come without them.
    pub(crate) fn end(self, now: Instant) {
        let Self { shelf: Shelf { kept, shared }, place, head, copy } = self;
        if !copy.is_whole() || copy.trailers.is_some() {
            return;
        }
        let mut shared_at = shared.is_some().then(|| kept.shared_at(&place)).flatten();
        if let Some((store, beside)) = shared
            && shared_at.is_none_or(|at| now.saturating_duration_since(at) >= PACE)
        {
            store.put(&*beside, &place, &head, &copy.bytes);
            shared_at = Some(now);
        }
        kept.keep(place, (head, copy.bytes.into()), now, shared_at);
    }
}
