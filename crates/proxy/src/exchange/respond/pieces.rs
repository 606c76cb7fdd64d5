//! Sends an answer that a policy has piece by piece: a body that many share, or one that another request is still being answered with.
//! A part of step 9 in the life of a request.

use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use maitred_http::{BodyLength, Fields, ResponseHead};
use maitred_policy::{Fault, Pieces};
use maitred_wire::{BodySource, Broken, Piece};

use super::{add_fields, client_gone, length, log_fault, write_out};
use crate::connection::Connection;
use crate::exchange::filtered::{Filtered, Filtering};
use crate::exchange::forward::pump::{Pump, PumpError, PumpState, RateGuard};
use crate::exchange::{Exchange, Sent};

/// Pieces as the source of a body.
struct Source {
    pieces: Box<dyn Pieces>,
    /// What was not taken yet of the last one.
    rest: Bytes,
    is_over: bool,
    /// Why it broke off.
    fault: Option<Fault>,
}

/// Why it was cut.
enum Cut {
    Client(Broken),
    Fault(Fault),
}

/// Sends it, at the pace of the slower side.
pub(super) async fn send(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    head: &mut ResponseHead,
    pieces: Box<dyn Pieces>,
    filtering: Option<Box<Filtering>>,
) -> Sent {
    // A body of the request that nobody read, and that is not all there, is in the way of the next request.
    let may_keep_alive = connection.client.drop_body() && !connection.is_last(exchange.worker);
    let announced = pieces.length().map_or(BodyLength::Unknown, BodyLength::Known);
    add_fields(exchange, connection, head);
    let keep_alive = connection.client.respond(head, length(announced, filtering.as_deref()), may_keep_alive);
    let mut download = Pump::default();
    let sent = if head.has_no_body(connection.client.request_method()) {
        let written = write_out(exchange.worker, exchange.snapshot, connection, b"").await;
        written.map_err(Cut::Client)
    } else {
        let source = Source { pieces, rest: Bytes::new(), is_over: false, fault: None };
        relay(exchange, connection, source, filtering, &mut download).await
    };
    exchange.record.bytes_out = download.moved;
    match sent {
        Ok(()) => Sent::Whole { keep_alive: connection.client.end_exchange() && keep_alive },
        Err(Cut::Client(error)) => {
            client_gone(exchange, &error);
            Sent::Broken
        }
        Err(Cut::Fault(fault)) => {
            exchange.record.outcome = fault.cause();
            exchange.record.policy = fault.policy().map(Into::into);
            log_fault(exchange, connection.client.request_method(), &fault);
            Sent::Broken
        }
    }
}

/// Moves the body, at the rate that a client must keep, while the pieces keep coming.
async fn relay(
    exchange: &Exchange<'_>,
    connection: &mut Connection,
    mut source: Source,
    mut filtering: Option<Box<Filtering>>,
    download: &mut Pump,
) -> Result<(), Cut> {
    let (limits, action) = (&exchange.snapshot.shared.limits, &exchange.route.action);
    let deadline = exchange.deadline.anew(action.total(), exchange.started);
    let mut guard = RateGuard::new(limits.body_rate, limits.body_grace);
    let mut seen = None;
    std::future::poll_fn(|cx| {
        let polled = poll_relay(cx, connection, &mut source, filtering.as_deref_mut(), download);
        if polled.is_ready() {
            return polled;
        }
        if seen != Some((download.state, download.moved)) {
            seen = Some((download.state, download.moved));
            let now = exchange.worker.clock.now();
            let until = if download.state == PumpState::Sink {
                guard.wait(now, download.moved)
            } else {
                guard.resume(now);
                now + action.idle()
            };
            connection.timer.set(deadline.cap(until));
        }
        connection.timer.poll_fired(cx).map(|()| {
            Err(match download.state {
                PumpState::Sink => Cut::Client(Broken::Io(std::io::ErrorKind::TimedOut.into())),
                _ => Cut::Fault(Fault::timeout("upstream_timeout")),
            })
        })
    })
    .await
}

fn poll_relay(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    source: &mut Source,
    mut filtering: Option<&mut Filtering>,
    download: &mut Pump,
) -> Poll<Result<(), Cut>> {
    if let Poll::Ready(gone) = connection.client.poll_reset(cx) {
        return Poll::Ready(Err(Cut::Client(gone)));
    }
    let mut sink = connection.client.body();
    let moved = match filtering.as_deref_mut() {
        None => download.poll(cx, &mut &mut *source, &mut sink),
        Some(filtering) => download.poll(cx, &mut Filtered { filtering, source: &mut *source }, &mut sink),
    };
    let refused = filtering.and_then(|filtering| filtering.fault.take());
    if let Some(fault) = source.fault.take().or(refused) {
        return Poll::Ready(Err(Cut::Fault(fault)));
    }
    moved.map_err(|error| match error {
        // Another number of bytes than was announced.
        PumpError::Source(error) | PumpError::Sink(error @ Broken::Truncated) => {
            Cut::Fault(Fault::gateway("length").source(error))
        }
        PumpError::Sink(error) => Cut::Client(error),
        PumpError::TooLarge => Cut::Client(Broken::Truncated),
    })
}

impl BodySource for &mut Source {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        while self.rest.is_empty() && !self.is_over {
            match ready!(self.pieces.poll_next(cx)) {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(fault)) => {
                    self.fault = Some(fault);
                    return Poll::Ready(Err(Broken::Truncated));
                }
                None => self.is_over = true,
            }
        }
        Poll::Ready(Ok(if self.rest.is_empty() { Piece::End } else { Piece::Bytes }))
    }

    fn bytes(&self) -> &[u8] {
        &self.rest
    }

    fn consume(&mut self, n: usize) {
        self.rest.advance(n);
    }

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}
