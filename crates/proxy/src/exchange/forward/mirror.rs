//! Copies of requests for a mirror: each is sent by a task of its own on the worker, and its answer is read and thrown away.
//!
//! The request that is copied waits for none of it. A copy has a place among those of its worker until it is over; where all are taken
//! there is no copy. It holds no snapshot.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use maitred_http::{BodyLength, Fields, Known, RequestHead, ResponseHead};
use maitred_net::Timer;
use maitred_telemetry::{MirrorResult, MirrorSeries, UpstreamFailure};
use maitred_upstream::{
    AcquireError, Call, Choice, Lease, LocalCluster, LocalEndpoint, StickyValue, TryResult,
};
use maitred_wire::{BodySink as _, BodySource as _, Broken, Limits, Piece};

use super::tee::BodyCopy;
use super::{acquire_fault, affinity, circuit_open, headers, is_stream, no_endpoint};
use crate::action::Mirror;
use crate::clock::Clock;
use crate::exchange::Exchange;

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

/// A place among the copies under way.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(under_way: &Rc<Cell<usize>>) -> Option<Self> {
        let taken = under_way.get();
        (taken < MOST_UNDER_WAY).then(|| {
            under_way.set(taken + 1);
            Self(Rc::clone(under_way))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
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
        let Some(place) = Place::take(&worker.copies) else {
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
        tokio::task::spawn_local(sending.send(Copied { head, length, bytes, trailers }));
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

/// A copy that is whole.
struct Copied {
    head: RequestHead,
    length: BodyLength,
    bytes: Vec<u8>,
    trailers: Option<Fields>,
}

/// How a try to send a copy ended.
enum Tried {
    Answered,
    Failed,
    /// The service had closed the idle connection, as it may at any time.
    Stale,
}

impl Sending {
    fn count(&self, result: MirrorResult) {
        self.counts.at(self.worker).copies(result).inc();
    }

    async fn send(self, mut copied: Copied) {
        let mut tried = self.attempt(&mut copied, false).await;
        if matches!(tried, Tried::Stale) && copied.head.method.is_idempotent() {
            tried = self.attempt(&mut copied, true).await;
        }
        let is_answered = matches!(tried, Tried::Answered);
        self.count(if is_answered { MirrorResult::Answered } else { MirrorResult::Failed });
    }

    async fn attempt(&self, copied: &mut Copied, fresh: bool) -> Tried {
        let (cluster, now) = (&self.cluster, self.clock.now());
        let choice = Choice { now, key: self.key, cookie: self.cookie, random: &self.random };
        let Some(endpoint) = cluster.next(&[], &choice) else {
            drop(no_endpoint(cluster));
            return Tried::Failed;
        };
        let mut call = match Call::begin(cluster, &endpoint, now) {
            Ok(call) => call,
            Err(open) => {
                drop(circuit_open(cluster, open));
                return Tried::Failed;
            }
        };
        let mut lease = match self.acquire(&endpoint, fresh, now).await {
            Ok(lease) => lease,
            Err(result) => {
                if let Some(result) = result {
                    call.tell(result, self.clock.now());
                }
                return Tried::Failed;
            }
        };
        headers::set_host(&mut copied.head, cluster, &endpoint);
        if lease.client().request(&copied.head, copied.length, None).is_err() {
            return Tried::Failed;
        }
        let asked = self.clock.now();
        self.timer.set(asked + cluster.cluster().settings().timeouts.response);
        let mut head = ResponseHead::default();
        let mut upload = Upload { copied, sent: 0, is_over: false };
        let answered = self
            .until(|cx| {
                upload.poll(cx, &mut lease);
                poll_head(cx, &mut lease, &self.limits, &mut head)
            })
            .await;
        match answered {
            Some(Ok(())) => {}
            Some(Err(broken)) if lease.is_reused() && !lease.client().has_heard() => {
                tracing::debug!("an idle connection to a mirror was closed: {broken}");
                return Tried::Stale;
            }
            ended => {
                self.fail(&mut call, ended.is_none());
                return Tried::Failed;
            }
        }
        call.heard(asked, || self.clock.now());
        self.read(lease, call, &head, upload).await;
        Tried::Answered
    }

    /// Reads the answer, so that its connection can be used again.
    async fn read(&self, mut lease: Lease, mut call: Call, head: &ResponseHead, mut upload: Upload<'_>) {
        let answered = TryResult::Status(head.status);
        if is_stream(head) || head.status >= 400 || call.is_trial() {
            call.tell(answered, self.clock.now());
        }
        if is_stream(head) {
            return;
        }
        self.timer.set(self.clock.now() + self.cluster.cluster().settings().timeouts.idle);
        let mut read = 0;
        let ended = self
            .until(|cx| {
                upload.poll(cx, &mut lease);
                poll_body(cx, &mut lease, &mut read)
            })
            .await;
        match ended {
            Some(Ok(is_whole)) => {
                let now = self.clock.now();
                call.tell(answered, now);
                if is_whole {
                    self.cluster.release(lease, now);
                }
            }
            ended => self.fail(&mut call, ended.is_none()),
        }
    }

    /// The copy was not answered in whole: the connection broke, or it took too long.
    fn fail(&self, call: &mut Call, is_late: bool) {
        let (kind, result) = if is_late {
            (UpstreamFailure::Timeout, TryResult::Timeout)
        } else {
            (UpstreamFailure::Reset, TryResult::Reset)
        };
        self.cluster.counts().failures(kind).inc();
        call.tell(result, self.clock.now());
        let upstream = &self.cluster.cluster().settings().name;
        tracing::debug!(%upstream, "a mirror gave no whole answer: {}", kind.label());
    }

    async fn acquire(
        &self,
        endpoint: &Rc<LocalEndpoint>,
        fresh: bool,
        now: Instant,
    ) -> Result<Lease, Option<TryResult>> {
        if !fresh && let Some(lease) = self.cluster.take_idle(endpoint, now) {
            return Ok(lease);
        }
        self.timer.set(now + self.cluster.cluster().settings().timeouts.connect);
        let mut opening = std::pin::pin!(self.cluster.open(endpoint, None, now));
        match self.until(|cx| opening.as_mut().poll(cx)).await {
            Some(Ok(lease)) => Ok(lease),
            Some(Err(error)) => {
                let is_full = matches!(error, AcquireError::Full);
                drop(acquire_fault(&self.cluster, error));
                Err((!is_full).then_some(TryResult::ConnectFailure))
            }
            None => {
                self.cluster.counts().failures(UpstreamFailure::ConnectTimeout).inc();
                Err(Some(TryResult::ConnectFailure))
            }
        }
    }

    /// Waits until the timer fires: then there is nothing.
    async fn until<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
        std::future::poll_fn(|cx| match poll(cx) {
            Poll::Ready(came) => Poll::Ready(Some(came)),
            Poll::Pending => self.timer.poll_fired(cx).map(|()| None),
        })
        .await
    }
}

/// How far a request was sent. A service may answer before it has read all: that it does not take the rest is no failure.
struct Upload<'c> {
    copied: &'c Copied,
    sent: usize,
    is_over: bool,
}

impl Upload<'_> {
    /// Sends what can be sent now.
    fn poll(&mut self, cx: &mut Context<'_>, lease: &mut Lease) {
        if !self.is_over {
            self.is_over = self.poll_rest(cx, lease).is_ready();
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>, lease: &mut Lease) -> Poll<Result<(), Broken>> {
        let (mut sink, bytes) = (lease.client().body(), &self.copied.bytes);
        while self.sent < bytes.len() {
            self.sent += ready!(sink.poll_send(cx, &bytes[self.sent..]))?;
        }
        sink.poll_finish(cx, self.copied.trailers.as_ref())
    }
}

/// Reads the head of the answer, past those that come before it.
fn poll_head(
    cx: &mut Context<'_>,
    lease: &mut Lease,
    limits: &Limits,
    head: &mut ResponseHead,
) -> Poll<Result<(), Broken>> {
    loop {
        head.clear();
        ready!(lease.client().poll_response(cx, limits, head))?;
        if !head.is_informational() {
            return Poll::Ready(Ok(()));
        }
    }
}

/// Reads on, and throws away what comes. Whether it came to the end of the body, or gave up.
fn poll_body(cx: &mut Context<'_>, lease: &mut Lease, read: &mut usize) -> Poll<Result<bool, Broken>> {
    let mut source = lease.client().body();
    loop {
        match ready!(source.poll_piece(cx))? {
            Piece::Bytes if *read > MOST_READ => return Poll::Ready(Ok(false)),
            Piece::Bytes => {
                let taken = source.bytes().len();
                source.consume(taken);
                *read += taken;
            }
            Piece::End => return Poll::Ready(Ok(true)),
        }
    }
}
