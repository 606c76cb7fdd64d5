//! Requests that the gateway sends beside those that it forwards: copies for mirrors, and what policies ask while a request waits.
//! One try over the worker's connections, whole request against whole answer. Every such try counts for its upstream like any other.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use maitred_http::{BodyLength, Fields, RequestHead, ResponseHead};
use maitred_net::Timer;
use maitred_policy::{Fault, WholeBody};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::{
    AcquireError, Call, Choice, Lease, LocalCluster, LocalEndpoint, StickyValue, TryResult,
};
use maitred_wire::{BodySink as _, BodySource as _, Broken, Limits, Piece};

use super::{acquire_fault, circuit_open, headers, is_stream, no_endpoint};
use crate::clock::Clock;

/// A request that is here in whole.
pub(super) struct Message {
    pub(super) head: RequestHead,
    pub(super) length: BodyLength,
    pub(super) bytes: Vec<u8>,
    pub(super) trailers: Option<Fields>,
}

/// What becomes of the body of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is read to its end, which is to come within so many bytes.
    Whole { most: usize },
    /// So much of it is read for the sake of the connection, and thrown away; of one that goes on and on nothing.
    Nothing { most: usize },
}

/// Why there is no answer. It is counted already.
pub(super) enum Failed {
    /// Nobody can be asked now.
    Unavailable(&'static str),
    Connect(Fault),
    Late,
    Broken,
    TooLarge,
    /// The service had closed the idle connection, as it may at any time.
    Stale,
}

/// What a message is sent with.
pub(super) struct Aside<'a> {
    pub(super) cluster: &'a Rc<LocalCluster>,
    /// What its endpoint is chosen by.
    pub(super) key: Option<u64>,
    pub(super) cookie: Option<StickyValue>,
    pub(super) random: &'a RefCell<fastrand::Rng>,
    pub(super) limits: &'a Limits,
    pub(super) clock: Clock,
    pub(super) timer: &'a Timer,
    /// When it must be over, beside the upstream's own timeouts.
    pub(super) deadline: Option<Instant>,
    pub(super) keep: Keep,
}

impl Aside<'_> {
    /// Sends the message; once more where an idle connection was found closed, if that `may_repeat`.
    pub(super) async fn send(
        &self,
        message: &mut Message,
        may_repeat: bool,
    ) -> Result<(ResponseHead, WholeBody), Failed> {
        match self.attempt(message, false).await {
            Err(Failed::Stale) if may_repeat || message.head.method.is_idempotent() => {
                self.attempt(message, true).await
            }
            tried => tried,
        }
    }

    async fn attempt(&self, message: &mut Message, fresh: bool) -> Result<(ResponseHead, WholeBody), Failed> {
        let (cluster, now) = (self.cluster, self.clock.now());
        let choice = Choice { now, key: self.key, cookie: self.cookie, random: self.random };
        let Some(endpoint) = cluster.next(&[], &choice) else {
            return Err(Failed::Unavailable(no_endpoint(cluster).cause()));
        };
        let mut call = Call::begin(cluster, &endpoint, now)
            .map_err(|open| Failed::Unavailable(circuit_open(cluster, open).cause()))?;
        let mut lease = self.acquire(&endpoint, fresh, &mut call, now).await?;
        headers::set_host(&mut message.head, cluster, &endpoint);
        if lease.client().request(&message.head, message.length, None).is_err() {
            // Only a request for another protocol is refused.
            return Err(Failed::Broken);
        }
        let asked = self.clock.now();
        self.set_timer(asked + cluster.cluster().settings().timeouts.response);
        let mut head = ResponseHead::default();
        let mut upload = Upload { message, sent: 0, is_over: false };
        let answered = self
            .until(|cx| {
                upload.poll(cx, &mut lease);
                poll_head(cx, &mut lease, self.limits, &mut head)
            })
            .await;
        match answered {
            Some(Ok(())) => {}
            Some(Err(broken)) if lease.is_reused() && !lease.client().has_heard() => {
                tracing::debug!("an idle connection to a service was closed: {broken}");
                return Err(Failed::Stale);
            }
            ended => return Err(self.fail(&mut call, ended.is_none())),
        }
        call.heard(asked, || self.clock.now());
        let read = self.read(lease, call, &head, upload).await;
        // Who keeps nothing of it has been answered, whatever becomes of the rest.
        let body = if matches!(self.keep, Keep::Nothing { .. }) { read.unwrap_or_default() } else { read? };
        Ok((head, body))
    }

    /// Reads the body of the answer, so that it can be looked at, or its connection used again.
    async fn read(
        &self,
        mut lease: Lease,
        mut call: Call,
        head: &ResponseHead,
        mut upload: Upload<'_>,
    ) -> Result<WholeBody, Failed> {
        let answered = TryResult::Status(head.status);
        let is_stream = is_stream(head);
        if is_stream || head.status >= 400 || call.is_trial() {
            call.tell(answered, self.clock.now());
        }
        if is_stream && matches!(self.keep, Keep::Nothing { .. }) {
            return Ok(WholeBody::default());
        }
        self.set_timer(self.clock.now() + self.cluster.cluster().settings().timeouts.idle);
        let mut read = Reading { keep: self.keep, read: 0, bytes: Vec::new() };
        let ended = self
            .until(|cx| {
                upload.poll(cx, &mut lease);
                read.poll(cx, &mut lease)
            })
            .await;
        let end = match ended {
            Some(Ok(end)) => end,
            ended => return Err(self.fail(&mut call, ended.is_none())),
        };
        let now = self.clock.now();
        call.tell(answered, now);
        let trailers = lease.client().body().trailers().cloned();
        match (end, self.keep) {
            (End::Whole, _) => self.cluster.release(lease, now),
            (End::TooLarge, Keep::Whole { .. }) => return Err(Failed::TooLarge),
            (End::TooLarge, Keep::Nothing { .. }) => {}
        }
        Ok(WholeBody { bytes: read.bytes, trailers })
    }

    /// There is no whole answer: the connection broke, or it took too long.
    fn fail(&self, call: &mut Call, is_late: bool) -> Failed {
        let (kind, result) = if is_late {
            (UpstreamFailure::Timeout, TryResult::Timeout)
        } else {
            (UpstreamFailure::Reset, TryResult::Reset)
        };
        self.cluster.counts().failures(kind).inc();
        call.tell(result, self.clock.now());
        let upstream = &self.cluster.cluster().settings().name;
        tracing::debug!(%upstream, "a service gave no whole answer: {}", kind.label());
        if is_late { Failed::Late } else { Failed::Broken }
    }

    async fn acquire(
        &self,
        endpoint: &Rc<LocalEndpoint>,
        fresh: bool,
        call: &mut Call,
        now: Instant,
    ) -> Result<Lease, Failed> {
        if !fresh && let Some(lease) = self.cluster.take_idle(endpoint, now) {
            return Ok(lease);
        }
        self.set_timer(now + self.cluster.cluster().settings().timeouts.connect);
        let mut opening = std::pin::pin!(self.cluster.open(endpoint, None, now));
        let failed = match self.until(|cx| opening.as_mut().poll(cx)).await {
            Some(Ok(lease)) => return Ok(lease),
            Some(Err(AcquireError::Full)) => {
                return Err(Failed::Unavailable(acquire_fault(self.cluster, AcquireError::Full).cause()));
            }
            Some(Err(error)) => Failed::Connect(acquire_fault(self.cluster, error)),
            None => {
                self.cluster.counts().failures(UpstreamFailure::ConnectTimeout).inc();
                Failed::Late
            }
        };
        call.tell(TryResult::ConnectFailure, self.clock.now());
        Err(failed)
    }

    fn set_timer(&self, at: Instant) {
        self.timer.set(self.deadline.map_or(at, |deadline| deadline.min(at)));
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
struct Upload<'m> {
    message: &'m Message,
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
        let (mut sink, bytes) = (lease.client().body(), &self.message.bytes);
        while self.sent < bytes.len() {
            self.sent += ready!(sink.poll_send(cx, &bytes[self.sent..]))?;
        }
        sink.poll_finish(cx, self.message.trailers.as_ref())
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

/// How far a body was read.
struct Reading {
    keep: Keep,
    read: usize,
    bytes: Vec<u8>,
}

/// Where reading a body came to.
enum End {
    Whole,
    /// There is more than there may be.
    TooLarge,
}

impl Reading {
    fn poll(&mut self, cx: &mut Context<'_>, lease: &mut Lease) -> Poll<Result<End, Broken>> {
        let mut source = lease.client().body();
        let (most, is_kept) = match self.keep {
            Keep::Whole { most } => (most, true),
            Keep::Nothing { most } => (most, false),
        };
        loop {
            match ready!(source.poll_piece(cx))? {
                Piece::Bytes => {
                    let bytes = source.bytes();
                    self.read += bytes.len();
                    if self.read > most {
                        return Poll::Ready(Ok(End::TooLarge));
                    }
                    if is_kept {
                        self.bytes.extend_from_slice(bytes);
                    }
                    let taken = bytes.len();
                    source.consume(taken);
                }
                Piece::End => return Poll::Ready(Ok(End::Whole)),
            }
        }
    }
}
