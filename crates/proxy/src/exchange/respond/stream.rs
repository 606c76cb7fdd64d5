//! Sends an answer of a service while it comes. Where its client goes and others wait for it, it is read on to its end.
//! A part of step 9 in the life of a request.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use maitred_http::ResponseHead;
use maitred_policy::Fault;
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::TryResult;
use maitred_wire::Broken;

use super::{add_fields, client_gone, length, log_fault};
use crate::connection::Connection;
use crate::exchange::filtered::{Filtered, Filtering};
use crate::exchange::forward::Forwarded;
use crate::exchange::forward::pump::{Pump, PumpError, PumpState, RateGuard};
use crate::exchange::{Exchange, Sent};

/// How long an answer is read on whose client has gone.
const LONGEST_WITHOUT_CLIENT: Duration = Duration::from_mins(1);

/// Sends an answer while it comes, and the rest of the request's body the other way.
pub(super) async fn send(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    head: &mut ResponseHead,
    mut forwarded: Box<Forwarded>,
    mut filtering: Option<Box<Filtering>>,
) -> Sent {
    let may_keep_alive =
        forwarded.upload.pump.state == PumpState::Done && !connection.is_last(exchange.worker);
    let length = length(forwarded.length, filtering.as_deref());
    add_fields(exchange, connection, head);
    let keep_alive = connection.client.respond(head, length, may_keep_alive);
    let mut download = Pump::default();
    let ended = relay(exchange, connection, &mut forwarded, &mut download, &mut filtering).await;
    exchange.record.bytes_out = download.moved;
    exchange.record.bytes_in += forwarded.upload.received();
    let now = exchange.worker.clock.now();
    exchange.record.upstream_ended = Some(now);
    match ended {
        Ok(()) => {
            end(*forwarded, head.status, now);
            Sent::Whole { keep_alive: connection.client.end_exchange() && keep_alive }
        }
        Err(Cut::Client(error)) => {
            client_gone(exchange, &error);
            if filtering.as_mut().is_some_and(|filtering| filtering.leave()) {
                Box::pin(read_on(exchange, connection, forwarded, head.status, (download, filtering))).await;
            }
            Sent::Broken
        }
        Err(cut) => {
            let Some(fault) = blame(exchange, &mut forwarded, cut, now) else { return Sent::Broken };
            exchange.record.outcome = fault.cause();
            log_fault(exchange, connection.client.request_method(), &fault);
            Sent::Broken
        }
    }
}

/// An answer was read to its end.
fn end(forwarded: Forwarded, status: u16, now: Instant) {
    let Forwarded { lease, mut call, keeping, .. } = forwarded;
    call.tell(TryResult::Status(status), now);
    if let Some(keeping) = keeping {
        keeping.end(now);
    }
    call.cluster().release(lease, now);
}

/// The fault that an answer was cut for, told of the service where that is to blame; none where the client is.
fn blame(exchange: &Exchange<'_>, forwarded: &mut Forwarded, cut: Cut, now: Instant) -> Option<Fault> {
    match cut {
        Cut::Client(_) => None,
        Cut::Filter(fault) => Some(fault),
        Cut::Service(cause, kind, error) => {
            forwarded.call.cluster().counts().failures(kind).inc();
            if kind != UpstreamFailure::Timeout {
                forwarded.call.tell(TryResult::Reset, now);
            } else if !exchange.deadline.was_hurried(now) {
                forwarded.call.tell(TryResult::Timeout, now);
            }
            Some(Fault::bad_gateway(cause).source(error))
        }
    }
}

/// Reads an answer on whose client has gone, for as long as a filter wants it for others, and there is a place for it.
async fn read_on(
    exchange: &Exchange<'_>,
    connection: &mut Connection,
    mut forwarded: Box<Forwarded>,
    status: u16,
    (mut download, mut filtering): (Pump, Option<Box<Filtering>>),
) {
    let clock = exchange.worker.clock;
    // What the client still had to send cannot be read on.
    let place = exchange.worker.refreshes.place_to_read_on();
    if forwarded.upload.pump.state != PumpState::Done || place.is_none() {
        return;
    }
    connection.leave();
    let until = clock.now() + LONGEST_WITHOUT_CLIENT;
    let mut seen = None;
    let read = std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = poll_relay(cx, connection, &mut forwarded, &mut download, &mut filtering)
        {
            return Poll::Ready(Some(ended));
        }
        if seen.replace(download.moved) != Some(download.moved) {
            let idle = clock.now() + forwarded.idle;
            connection.timer.set(exchange.deadline.cap(until.min(idle)));
        }
        connection.timer.poll_fired(cx).map(|()| None)
    });
    match read.await {
        Some(Ok(())) => end(*forwarded, status, clock.now()),
        Some(Err(cut)) => {
            if let Some(fault) = blame(exchange, &mut forwarded, cut, clock.now()) {
                log_fault(exchange, connection.client.request_method(), &fault);
            }
        }
        None => tracing::debug!(
            request_id = exchange.facts.request_id.as_str(),
            "an answer without a client was not read to its end"
        ),
    }
}

/// Why an answer under way was cut.
enum Cut {
    Client(Broken),
    Service(&'static str, UpstreamFailure, Broken),
    /// A policy could not take it.
    Filter(Fault),
}

async fn relay(
    exchange: &Exchange<'_>,
    connection: &mut Connection,
    forwarded: &mut Forwarded,
    download: &mut Pump,
    filtering: &mut Option<Box<Filtering>>,
) -> Result<(), Cut> {
    let limits = &exchange.snapshot.shared.limits;
    let mut guard = RateGuard::new(limits.body_rate, limits.body_grace);
    let mut seen = None;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = poll_relay(cx, connection, forwarded, download, filtering) {
            return Poll::Ready(ended);
        }
        let progress = Some((download.state, download.moved, forwarded.upload.pump.moved));
        if seen != progress {
            seen = progress;
            let now = exchange.worker.clock.now();
            let until = if download.state == PumpState::Sink {
                guard.wait(now, download.moved)
            } else {
                guard.resume(now);
                now + forwarded.idle
            };
            connection.timer.set(exchange.deadline.cap(until));
        }
        connection.timer.poll_fired(cx).map(|()| {
            let late = Broken::Io(std::io::ErrorKind::TimedOut.into());
            Err(match download.state {
                PumpState::Sink => Cut::Client(late),
                _ => Cut::Service("upstream_timeout", UpstreamFailure::Timeout, late),
            })
        })
    })
    .await
}

fn poll_relay(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    forwarded: &mut Forwarded,
    download: &mut Pump,
    filtering: &mut Option<Box<Filtering>>,
) -> Poll<Result<(), Cut>> {
    let Forwarded { lease, upload, keeping, .. } = forwarded;
    upload.poll_beside_answer(cx, connection, lease);
    if let Poll::Ready(gone) = connection.client.poll_reset(cx) {
        return Poll::Ready(Err(Cut::Client(gone)));
    }
    let (source, mut sink) = (lease.client().body(), connection.client.body());
    let moved = match (keeping, &mut *filtering) {
        (None, None) => download.poll(cx, &mut { source }, &mut sink),
        (Some(keeping), None) => download.poll(cx, &mut keeping.tee(source), &mut sink),
        (None, Some(filtering)) => download.poll(cx, &mut Filtered { filtering, source }, &mut sink),
        (Some(keeping), Some(filtering)) => {
            let source = keeping.tee(source);
            download.poll(cx, &mut Filtered { filtering, source }, &mut sink)
        }
    };
    if let Some(fault) = filtering.as_mut().and_then(|filtering| filtering.fault.take()) {
        return Poll::Ready(Err(Cut::Filter(fault)));
    }
    moved.map_err(|error| match error {
        // The second is a service that sends another number of bytes than it announced.
        PumpError::Source(error @ Broken::Refused(_)) | PumpError::Sink(error @ Broken::Truncated) => {
            Cut::Service("upstream_protocol", UpstreamFailure::Protocol, error)
        }
        PumpError::Source(error) => Cut::Service("upstream_reset", UpstreamFailure::Reset, error),
        PumpError::Sink(error) => Cut::Client(error),
        PumpError::TooLarge => Cut::Client(Broken::Truncated),
    })
}
