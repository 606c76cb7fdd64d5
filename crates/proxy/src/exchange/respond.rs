//! Sends an answer to the client, and turns what went wrong into one. The only place where a fault becomes bytes.
//! Step 9 in the life of a request.

mod pieces;
mod stream;

use std::io::Write as _;
use std::task::Poll;

use bytes::Bytes;
use maitred_http::{BodyLength, Known, Method, ResponseHead, reason};
use maitred_policy::values::ErrorView;
use maitred_policy::{Fault, Filters, Side};
use maitred_wire::{BodySink, Broken, ServerSide};

use super::filtered::Filtering;
use super::forward::Forwarded;
use super::forward::pump::RateGuard;
use super::forward::tunnel::Tunnel;
use super::{After, Body, Exchange, Sent, record};
use crate::clock::unix_micros;
use crate::connection::{Connection, Refused};
use crate::error_format::problem;
use crate::local::{Heads, LocalSnapshot};
use crate::worker::Worker;

/// The client took too long over its head.
pub(crate) const TOO_SLOW: Refused =
    Refused { status: 408, cause: "request_timeout", why: "the head took too long" };

/// Sends the answer.
pub(crate) async fn send(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    head: &mut ResponseHead,
    body: Body,
    filters: Filters,
) -> Sent {
    for cookie in exchange.cookies.drain(..) {
        head.fields.append_known(Known::SetCookie, &cookie);
    }
    match body {
        Body::Own(bytes) | Body::Kept(bytes) => send_own(exchange, connection, head, bytes).await,
        Body::Pieces(pieces) => {
            let filtering = (!filters.is_empty()).then(|| Box::new(Filtering::new(filters)));
            // In a box, so that all other exchanges stay small.
            Box::pin(pieces::send(exchange, connection, head, pieces, filtering)).await
        }
        Body::Stream(forwarded) => {
            let filtering = (!filters.is_empty()).then(|| Box::new(Filtering::new(filters)));
            stream::send(exchange, connection, head, forwarded, filtering).await
        }
        Body::Tunnel(forwarded) => switch(exchange, connection, head, *forwarded).await,
    }
}

async fn send_own(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    head: &mut ResponseHead,
    body: Bytes,
) -> Sent {
    // A body of the request that nobody read, and that is not all there, is in the way of the next request.
    let may_keep_alive = connection.client.drop_body() && !connection.is_last(exchange.worker);
    let length = BodyLength::Known(body.len() as u64);
    add_fields(exchange, connection, head);
    let keep_alive = connection.client.respond(head, length, may_keep_alive);
    let body = if head.has_no_body(connection.client.request_method()) { Bytes::new() } else { body };
    exchange.record.bytes_out = body.len() as u64;
    match write_out(exchange.worker, exchange.snapshot, connection, &body).await {
        Ok(()) => Sent::Whole { keep_alive: connection.client.end_exchange() && keep_alive },
        Err(error) => {
            client_gone(exchange, &error);
            Sent::Broken
        }
    }
}

/// The length of a body of this length behind filters.
fn length(length: BodyLength, filtering: Option<&Filtering>) -> BodyLength {
    if filtering.is_some_and(|filtering| !filtering.keeps_length()) { BodyLength::Unknown } else { length }
}

/// Adds the `Date` that a server with a clock sends (RFC 9110 section 6.6.1) where the answer has none, be it its own or a
/// service's; and tells clients of another version that HTTP/3 is spoken here, too (RFC 7838 section 3).
fn add_fields(exchange: &Exchange<'_>, connection: &Connection, head: &mut ResponseHead) {
    if let Some(port) = exchange.listener.http3_port()
        && !matches!(connection.client, ServerSide::Http3(_))
    {
        // What a service says of itself does not hold here.
        head.fields.remove_bytes(b"alt-svc");
        let mut text = [0; 32];
        let mut rest = &mut text[..];
        // It has room for any port.
        let _ = write!(rest, "h3=\":{port}\"; ma=86400");
        let left = rest.len();
        head.fields.append_bytes(b"Alt-Svc", &text[..32 - left]);
    }
    if !head.fields.has(Known::Date) {
        let seconds = unix_micros(exchange.facts.received) / 1_000_000;
        head.fields.append_known(Known::Date, &exchange.worker.date(seconds));
    }
}

/// Writes a whole body, at the rate that a client must keep.
async fn write_out(
    worker: &Worker,
    snapshot: &LocalSnapshot,
    connection: &mut Connection,
    body: &[u8],
) -> Result<(), Broken> {
    let limits = &snapshot.shared.limits;
    let mut guard = RateGuard::new(limits.body_rate, limits.body_grace);
    let mut taken = 0;
    let mut seen = None;
    std::future::poll_fn(|cx| {
        let Connection { client, timer, .. } = &mut *connection;
        let mut sink = client.body();
        loop {
            let step = if taken < body.len() {
                sink.poll_send(cx, &body[taken..]).map_ok(|n| taken += n)
            } else {
                match sink.poll_finish(cx, None) {
                    Poll::Ready(finished) => return Poll::Ready(finished),
                    Poll::Pending => Poll::Pending,
                }
            };
            match step {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if seen != Some(taken) {
            seen = Some(taken);
            timer.set(guard.wait(worker.clock.now(), taken as u64));
        }
        timer.poll_fired(cx).map(|()| Err(Broken::Io(std::io::ErrorKind::TimedOut.into())))
    })
    .await
}

/// Tells the client that its protocol changes, and makes the connection a tunnel.
async fn switch(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    head: &mut ResponseHead,
    mut forwarded: Forwarded,
) -> Sent {
    let protocol = head.fields.known(Known::Upgrade).unwrap_or_default();
    connection.client.switch(&head.fields, protocol);
    let until = exchange.worker.clock.now() + exchange.snapshot.shared.limits.body_grace;
    if let Err(error) = connection.flush(exchange.deadline.cap(until)).await {
        client_gone(exchange, &error);
        return Sent::Broken;
    }
    let from_client = connection.client.take_unread();
    let from_service = forwarded.lease.client().take_unread();
    let idle = forwarded.idle;
    let Forwarded { lease, call, .. } = forwarded;
    Sent::Switched(Box::new(Tunnel { lease, _call: call, from_client, from_service, idle }))
}

/// Answers what the wire refused, before any route was asked, and closes the connection.
pub(crate) async fn refuse(
    worker: &Worker,
    snapshot: &LocalSnapshot,
    connection: &mut Connection,
    heads: &Heads,
    refused: Refused,
) -> After {
    let Refused { status, cause, why } = refused;
    tracing::debug!(client = %connection.peer, status, cause, "refused: {why}");
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    head.fields.append_known(Known::ContentType, b"application/problem+json");
    head.fields
        .append_known(Known::Date, &worker.date(unix_micros(worker.wall(worker.clock.now())) / 1_000_000));
    if status == 405 {
        head.fields.append_known(Known::Allow, b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY");
    }
    if status == 503 {
        head.fields.append_bytes(b"Retry-After", b"1");
    }
    let body = problem(&ErrorView { status, title: reason(status), detail: reason(status) }, "");
    connection.client.respond(&head, BodyLength::Known(body.len() as u64), false);
    let written = write_out(worker, snapshot, connection, &body).await;
    record::refused(worker, snapshot, connection, heads, refused);
    connection.client.end_exchange();
    if written.is_ok() { After::Close } else { After::Abort }
}

/// Answers that the gateway has too much to do, before any route was asked, and closes the connection.
pub(crate) async fn shed(
    worker: &Worker,
    snapshot: &LocalSnapshot,
    connection: &mut Connection,
    heads: &Heads,
) -> After {
    if let Some(listener) = snapshot.listener(&connection.admitted.listener) {
        listener.series.at(worker.index).shed.inc();
    }
    let why = "the gateway has too much to do";
    refuse(worker, snapshot, connection, heads, Refused { status: 503, cause: "overload", why }).await
}

/// Answers 500 to an exchange that panicked, if its answer had not begun; the connection ends in any case.
pub(crate) async fn panicked(worker: &Worker, connection: &mut Connection, message: String) -> After {
    worker.panics.inc();
    tracing::error!(client = %connection.peer, "an exchange panicked: {message}");
    if connection.client.has_responded() {
        return After::Abort;
    }
    let snapshot = worker.snapshot();
    let refused = Refused { status: 500, cause: "panic", why: "an exchange panicked" };
    refuse(worker, &snapshot, connection, &Heads::default(), refused).await
}

/// Says in the gateway's own log what went wrong: failures of services and of the gateway aloud, clients' quietly.
pub(crate) fn log_fault(exchange: &Exchange<'_>, method: Method, fault: &Fault) {
    let Exchange { facts, record, .. } = exchange;
    let upstream = facts.upstream.as_deref().unwrap_or_default();
    let endpoint = record.endpoint.as_ref().map(|endpoint| endpoint.endpoint.to_string()).unwrap_or_default();
    let (route, id) = (&*facts.route.name, facts.request_id.as_str());
    let policy = fault.policy().unwrap_or_default();
    match fault.side() {
        // To shed is no news for each request that is shed: a line for each would be load of its own.
        Side::Gateway if fault.status() == 503 => {
            tracing::debug!(route, request_id = id, %method, "shed: {fault}");
        }
        Side::Client => {
            tracing::debug!(route, policy, request_id = id, %method, status = fault.status(), "refused: {fault}");
        }
        // The circuit has told why it is open, once and for all whom it turns away.
        Side::Upstream if fault.cause() == "circuit_open" => {
            tracing::debug!(route, upstream, request_id = id, %method, status = fault.status(), "{fault}");
        }
        // Whom a policy asks fails for all requests alike, and be they of anybody.
        Side::Upstream if fault.policy().is_some() => {
            let worker = exchange.worker;
            if let Some(suppressed) = worker.logs_undecided(route, worker.clock.now()) {
                tracing::warn!(route, policy, upstream, suppressed, request_id = id, %method, status = fault.status(), "{fault}");
            }
        }
        Side::Upstream => {
            tracing::warn!(route, upstream, endpoint, request_id = id, %method, status = fault.status(), "{fault}");
        }
        Side::Gateway => {
            tracing::error!(route, policy, upstream, endpoint, request_id = id, %method, status = fault.status(), "{fault}");
        }
    }
}

fn client_gone(exchange: &mut Exchange<'_>, error: &Broken) {
    exchange.record.outcome = "client_closed";
    tracing::debug!(request_id = exchange.facts.request_id.as_str(), "the client is gone: {error}");
}
