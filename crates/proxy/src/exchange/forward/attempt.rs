//! One try at one endpoint: a connection, the request, and the head of the answer. The request's body flows meanwhile, and
//! interim answers go to the client as they come.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use maitred_http::{BodyLength, Known, ResponseHead};
use maitred_policy::{Fault, Retry};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::{AcquireError, Lease, LocalCluster, LocalEndpoint, TryResult};
use maitred_wire::Broken;

use super::client::Client;
use super::pump::{PumpError, PumpState};
use super::upload::Upload;
use super::{acquire_fault, deadline, headers};
use crate::action::ForwardSettings;
use crate::exchange::Exchange;
use crate::local::Heads;

pub(super) struct Attempt<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) cluster: &'a Rc<LocalCluster>,
    pub(super) settings: &'a ForwardSettings,
    pub(super) upgrade: Option<&'a [u8]>,
    pub(super) upload: &'a mut Upload,
    /// When it began; then, when a connection was there; then, when the last of the request was sent.
    pub(super) now: Instant,
}

/// A try without an answer.
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    /// What it tells of the service; nothing where it was not the service's fault.
    pub(crate) result: Option<TryResult>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { fault, result: None }
    }
}

/// What the wait for an answer ended with.
enum Waited {
    Head(BodyLength),
    /// The service broke before its answer.
    Service(Broken),
    Client(Broken),
    TooLarge,
    TimedOut,
}

impl Attempt<'_> {
    /// Runs it. On success the head of the answer is in `heads.response`.
    pub(super) async fn run(
        &mut self,
        endpoint: &Rc<LocalEndpoint>,
        fresh: bool,
        client: &mut impl Client,
        heads: &mut Heads,
    ) -> Result<(Lease, BodyLength), Failed> {
        let mut lease = self.acquire(endpoint, fresh, client).await?;
        headers::set_host(&mut heads.request, self.cluster, endpoint);
        deadline::tell(self.exchange, self.settings, &mut heads.request, self.now);
        let length = self.upload.length(self.exchange.announced.length);
        if let Err(no_upgrade) = lease.client().request(&heads.request, length, self.upgrade) {
            return Err(Fault::bad_gateway("upstream_upgrade").source(no_upgrade).into());
        }
        self.upload.is_sent = true;
        loop {
            heads.response.clear();
            let waited = self.await_head(&mut lease, client, heads).await;
            let length = match waited {
                Waited::Head(length) => length,
                failed => return Err(self.fault(failed, &mut lease)),
            };
            match heads.response.status {
                101 if self.agrees(&heads.response) => return Ok((lease, length)),
                101 => {
                    let unasked =
                        maitred_wire::Refusal::Bad("the service changed to a protocol that nobody asked for");
                    return Err(self.fault(Waited::Service(unasked.into()), &mut lease));
                }
                100..=199 => self.relay_interim(client, heads).await?,
                _ => {
                    headers::render(&mut heads.response, &heads.request, &self.exchange.facts, endpoint);
                    return Ok((lease, length));
                }
            }
        }
    }

    /// Whether a service that changes the protocol changes to what it was asked for (RFC 9110 section 15.2.2).
    fn agrees(&self, response: &ResponseHead) -> bool {
        let to = response.fields.known(Known::Upgrade);
        self.upgrade.zip(to).is_some_and(|(asked, to)| asked.eq_ignore_ascii_case(to))
    }

    async fn acquire(
        &mut self,
        endpoint: &Rc<LocalEndpoint>,
        fresh: bool,
        client: &mut impl Client,
    ) -> Result<Lease, Failed> {
        if !fresh && let Some(lease) = self.cluster.take_idle(endpoint, self.now) {
            return Ok(lease);
        }
        client.timer().set(self.exchange.deadline.cap(self.now + self.settings.timeouts.connect));
        let told = self.cluster.cluster().settings().proxy_protocol;
        let ends = told.and_then(|_| client.ends());
        let mut opening = std::pin::pin!(self.cluster.open(endpoint, ends, self.now));
        let opened = std::future::poll_fn(|cx| {
            if let Poll::Ready(opened) = opening.as_mut().poll(cx) {
                return Poll::Ready(Some(opened));
            }
            client.timer().poll_fired(cx).map(|()| None)
        })
        .await;
        self.now = self.exchange.worker.clock.now();
        if let Some(opened) = opened {
            opened.map_err(|error| {
                let result = match error {
                    AcquireError::Full => None,
                    AcquireError::Connect(_) | AcquireError::Tls(_) => Some(TryResult::ConnectFailure),
                };
                Failed { fault: acquire_fault(self.cluster, error), result }
            })
        } else {
            self.cluster.counts().failures(UpstreamFailure::ConnectTimeout).inc();
            let fault = Fault::timeout("upstream_connect_timeout").retry(Retry::Safe);
            let was_hurried = self.exchange.deadline.was_hurried(self.now);
            Err(Failed { fault, result: (!was_hurried).then_some(TryResult::ConnectFailure) })
        }
    }

    /// Sends the request and waits for the next head.
    async fn await_head(&mut self, lease: &mut Lease, client: &mut impl Client, heads: &mut Heads) -> Waited {
        let mut seen = None;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(ended) = self.poll_upload(cx, lease, client) {
                return Poll::Ready(ended);
            }
            if let Poll::Ready(gone) = client.poll_reset(cx) {
                return Poll::Ready(Waited::Client(gone));
            }
            let limits = &self.exchange.snapshot.shared.limits;
            match lease.client().poll_response(cx, limits, &mut heads.response) {
                Poll::Ready(Ok(length)) => return Poll::Ready(Waited::Head(length)),
                Poll::Ready(Err(error)) => return Poll::Ready(Waited::Service(error)),
                Poll::Pending => {}
            }
            let progress = Some((self.upload.pump.state, self.upload.pump.moved));
            if seen != progress {
                // The first wait begins where the attempt did: a few microseconds ago.
                let now = if seen.is_none() { self.now } else { self.exchange.worker.clock.now() };
                seen = progress;
                self.now = now;
                client.timer().set(self.deadline(now));
            }
            client.timer().poll_fired(cx).map(|()| Waited::TimedOut)
        })
        .await
    }

    /// Moves the request's body. Ready only if that went wrong on the client's side.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        lease: &mut Lease,
        client: &mut impl Client,
    ) -> Poll<Waited> {
        match client.poll_upload(cx, self.upload, lease) {
            Poll::Pending | Poll::Ready(Ok(())) => Poll::Pending,
            // The service may have answered before it stopped reading: its answer counts.
            Poll::Ready(Err(PumpError::Sink(_))) => {
                self.upload.pump.state = PumpState::Abandoned;
                Poll::Pending
            }
            Poll::Ready(Err(PumpError::Source(error))) => Poll::Ready(Waited::Client(error)),
            Poll::Ready(Err(PumpError::TooLarge)) => Poll::Ready(Waited::TooLarge),
        }
    }

    /// Until when the current wait may last.
    #[inline]
    fn deadline(&mut self, now: Instant) -> Instant {
        let timeouts = &self.settings.timeouts;
        let waits_for_continue = self.exchange.announced.expects_continue && self.upload.pump.moved == 0;
        let until = match self.upload.pump.state {
            PumpState::Source if !waits_for_continue => self.upload.guard.wait(now, self.upload.pump.moved),
            PumpState::Sink => {
                self.upload.guard.resume(now);
                now + timeouts.idle
            }
            _ => {
                self.upload.guard.resume(now);
                now + timeouts.response
            }
        };
        self.exchange.deadline.cap(until)
    }

    async fn relay_interim(&self, client: &mut impl Client, heads: &Heads) -> Result<(), Fault> {
        let until = self.exchange.worker.clock.now() + self.exchange.snapshot.shared.limits.body_grace;
        let told = client.inform(&heads.response, self.exchange.deadline.cap(until)).await;
        told.map_err(|error| Fault::client(499, "client_closed", "").source(error))
    }

    fn fault(&mut self, waited: Waited, lease: &mut Lease) -> Failed {
        if let Some(fault) = self.upload.take_fault() {
            return fault.into();
        }
        let count = |kind| self.cluster.counts().failures(kind).inc();
        let (fault, result) = match waited {
            Waited::Client(error) => return client_fault(error).into(),
            Waited::TooLarge => return too_large().into(),
            Waited::TimedOut
                if self.upload.pump.state == PumpState::Source && !self.is_waiting_for_continue() =>
            {
                return Fault::client(408, "request_timeout", "Request timeout").into();
            }
            Waited::TimedOut => {
                count(UpstreamFailure::Timeout);
                let now = self.exchange.worker.clock.now();
                let was_hurried = self.exchange.deadline.was_hurried(now);
                let fault = Fault::timeout("upstream_timeout");
                return Failed { fault, result: (!was_hurried).then_some(TryResult::Timeout) };
            }
            Waited::Service(error @ Broken::Refused(_)) => {
                count(UpstreamFailure::Protocol);
                (Fault::bad_gateway("upstream_protocol").source(error), TryResult::Reset)
            }
            Waited::Service(error) => {
                count(UpstreamFailure::Reset);
                let is_stale = lease.is_reused() && !lease.client().has_heard();
                let retry = match error.reset() {
                    Some(reset) if reset.is_unprocessed => Retry::Safe,
                    _ if is_stale => Retry::IfReused,
                    _ => Retry::Never,
                };
                let fault = Fault::bad_gateway("upstream_reset").source(error).retry(retry);
                // A service may close an idle connection at any time; that it did says nothing of it.
                return Failed { fault, result: (!is_stale).then_some(TryResult::Reset) };
            }
            Waited::Head(_) => return Fault::gateway("attempt").into(),
        };
        Failed { fault, result: Some(result) }
    }

    fn is_waiting_for_continue(&self) -> bool {
        self.exchange.announced.expects_continue && self.upload.pump.moved == 0
    }
}

/// What a client's broken body is.
pub(crate) fn client_fault(error: Broken) -> Fault {
    match error {
        Broken::Refused(refusal) => {
            Fault::client(refusal.status(), "bad_request_body", "Bad request").source(error)
        }
        Broken::Truncated | Broken::Io(_) => Fault::client(400, "client_closed", "Bad request").source(error),
    }
}

/// The answer to a body above its limit.
pub(crate) fn too_large() -> Fault {
    Fault::client(413, "body_too_large", "Request body too large")
}
