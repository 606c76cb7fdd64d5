//! Copies of requests for a mirror: each is sent by a task of its own on the worker, and its answer is read and thrown away.
//!
//! The request that is copied waits for none of it. A copy has a place among those of its worker until it is over; where all are taken
//! there is no copy. It holds no snapshot.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use maitred_http::{BodyLength, Fields, Known, RequestHead};
use maitred_net::Timer;
use maitred_telemetry::{MirrorResult, MirrorSeries};
use maitred_upstream::{LocalCluster, StickyValue};
use maitred_wire::Limits;

use super::affinity;
use super::aside::{Aside, Keep, Message};
use super::tee::BodyCopy;
use crate::action::Mirror;
use crate::clock::Clock;
use crate::exchange::Exchange;
use crate::place::Place;

/// Copies that a worker may have under way at once.
const MOST_UNDER_WAY: usize = 128;
/// So much of an answer is read before its connection is given up.
const MOST_READ: usize = 1 << 20;

/// A request that is being copied. Dropped before its body is whole, it is counted as what became of it.
pub(crate) struct Copying {
    head: RequestHead,
    has_body: bool,
    pub(crate) copy: BodyCopy,
    sending: Option<Sending>,
}

/// What a copy is sent with.
struct Sending {
    cluster: Rc<LocalCluster>,
    /// What its endpoint is chosen by.
    key: Option<u64>,
    cookie: Option<StickyValue>,
    random: RefCell<fastrand::Rng>,
    limits: Limits,
    clock: Clock,
    timer: Timer,
    counts: Arc<MirrorSeries>,
    worker: usize,
    _place: Place,
}

impl Copying {
    /// Begins to copy a request that is prepared for services and whose body has this length. None where that cannot be, which is
    /// counted.
    pub(crate) fn begin(
        exchange: &Exchange<'_>,
        mirror: &Mirror,
        request: &RequestHead,
        length: BodyLength,
    ) -> Option<Box<Self>> {
        let worker = exchange.worker;
        let none = |why| mirror.counts.at(worker.index).copies(why).inc();
        if matches!(length, BodyLength::Known(length) if length > mirror.most as u64) {
            none(MirrorResult::TooLarge);
            return None;
        }
        let Some(place) = Place::take(&worker.copies, MOST_UNDER_WAY) else {
            none(MirrorResult::Dropped);
            return None;
        };
        let mut head = request.clone();
        head.fields.remove_known(Known::Expect);
        head.fields.remove_bytes(b"X-Mirrored");
        head.fields.append_bytes(b"X-Mirrored", b"true");
        let cluster = Rc::clone(&exchange.snapshot.clusters[mirror.upstream]);
        let choice = affinity::choice(exchange, mirror.upstream, &cluster, request, worker.clock.now());
        let sending = Sending {
            cluster,
            key: choice.key,
            cookie: choice.cookie,
            random: RefCell::new(fastrand::Rng::with_seed(u64::from_le_bytes(worker.random()))),
            limits: exchange.snapshot.shared.limits.clone(),
            clock: worker.clock,
            timer: worker.timers.timer(),
            counts: Arc::clone(&mirror.counts),
            worker: worker.index,
            _place: place,
        };
        let mut copy = BodyCopy::new(mirror.most);
        if length.is_empty() {
            copy.end(None);
        }
        let has_body = length != BodyLength::None;
        Some(Box::new(Self { head, has_body, copy, sending: Some(sending) }))
    }

    /// Sends the copy with this body, which is whole.
    pub(crate) fn end_with(mut self: Box<Self>, bytes: &[u8], trailers: Option<&Fields>) {
        self.copy.take_whole(bytes, trailers);
        self.end();
    }

    /// Sends the copy, if all of the body is here.
    pub(crate) fn end(mut self: Box<Self>) {
        if !self.copy.is_whole() {
            return;
        }
        let Some(sending) = self.sending.take() else { return };
        let (bytes, trailers) = (std::mem::take(&mut self.copy.bytes), self.copy.trailers.take());
        let length = match (self.has_body, &trailers) {
            (false, _) => BodyLength::None,
            // Behind a body of known length there is no room for them.
            (true, Some(_)) => BodyLength::Unknown,
            (true, None) => BodyLength::Known(bytes.len() as u64),
        };
        let head = std::mem::take(&mut self.head);
        tokio::task::spawn_local(sending.send(Message { head, length, bytes, trailers }));
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            let is_too_large = self.copy.is_too_large();
            sending.count(if is_too_large { MirrorResult::TooLarge } else { MirrorResult::Incomplete });
        }
    }
}

impl Sending {
    fn count(&self, result: MirrorResult) {
        self.counts.at(self.worker).copies(result).inc();
    }

    async fn send(self, mut copied: Message) {
        let aside = Aside {
            cluster: &self.cluster,
            key: self.key,
            cookie: self.cookie,
            random: &self.random,
            limits: &self.limits,
            clock: self.clock,
            timer: &self.timer,
            deadline: None,
            keep: Keep::Nothing { most: MOST_READ },
        };
        let is_answered = aside.send(&mut copied, false).await.is_ok();
        self.count(if is_answered { MirrorResult::Answered } else { MirrorResult::Failed });
    }
}
