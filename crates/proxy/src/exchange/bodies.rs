//! Bodies that policies need whole: read to their end before they go on.
//! All others stream by, and nothing here is asked.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use maitred_http::{BodyLength, ResponseHead};
use maitred_policy::{Fault, Filters, ResponseBody, WholeBody};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::TryResult;
use maitred_wire::{BodySource, Broken, Piece};

use super::filtered::Filtering;
use super::forward::Forwarded;
use super::forward::attempt::{client_fault, too_large};
use super::forward::pump::{PumpState, RateGuard};
use super::{Body, Exchange};
use crate::connection::Connection;
use crate::local::Heads;

/// Reads the whole body of the request, of `most` bytes or fewer, at the rate that a client must keep. It has passed the filters of the policies that ran so far: who
/// needs it gets what they made of it, and nothing that they refuse.
pub(crate) async fn read_request(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    filters: &mut Filters,
    most: u64,
) -> Result<WholeBody, Fault> {
    let limits = &exchange.snapshot.shared.limits;
    let most = most.min(limits.buffered_body).min(exchange.facts.body_limit.unwrap_or(u64::MAX));
    if matches!(exchange.announced.length, BodyLength::Known(announced) if announced > most) {
        return Err(too_large());
    }
    if exchange.announced.expects_continue {
        // Nobody else will ask for it.
        connection.client.inform(&ResponseHead { status: 100, ..ResponseHead::default() });
        let until = exchange.worker.clock.now() + limits.body_grace;
        connection.flush(until).await.map_err(client_fault)?;
    }
    let mut guard = RateGuard::new(limits.body_rate, limits.body_grace);
    let mut whole = WholeBody::default();
    let mut seen = None;
    let read = std::future::poll_fn(|cx| {
        let Connection { client, timer, .. } = &mut *connection;
        match gather(cx, &mut client.body(), &mut whole, most) {
            Poll::Ready(Ok(true)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(false)) => return Poll::Ready(Err(too_large())),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(client_fault(error))),
            Poll::Pending => {}
        }
        if seen != Some(whole.bytes.len()) {
            seen = Some(whole.bytes.len());
            let until = guard.wait(exchange.worker.clock.now(), whole.bytes.len() as u64);
            timer.set(exchange.deadline.cap(until));
        }
        timer.poll_fired(cx).map(|()| Err(Fault::client(408, "request_timeout", "Request timeout")))
    })
    .await;
    exchange.record.bytes_in = whole.bytes.len() as u64;
    read?;
    Filtering::of_whole(whole, std::mem::take(filters)).into_whole()
}

/// Reads the answer of a service to its end, where a policy asked for that.
pub(crate) async fn read_answer(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    heads: &mut Heads,
    body: Body,
    answer: &mut ResponseBody,
) -> Body {
    let forwarded = match body {
        Body::Stream(forwarded) => forwarded,
        Body::Kept(bytes) => {
            answer.whole = Some(Box::new(WholeBody { bytes: bytes.into(), trailers: None }));
            return Body::Own(Bytes::new());
        }
        other => return other,
    };
    match read_response(exchange, connection, heads.response.status, forwarded).await {
        Ok(whole) => {
            answer.whole = Some(Box::new(whole));
            Body::Own(Bytes::new())
        }
        Err(fault) => exchange.fault(&mut heads.response, &heads.request, &fault),
    }
}

/// The body as policies have left it. What is there as a whole passes its filters at once.
pub(crate) fn settle(
    exchange: &mut Exchange<'_>,
    heads: &mut Heads,
    body: Body,
    answer: &mut ResponseBody,
) -> Body {
    let whole = match (answer.whole.take(), body) {
        (Some(whole), _) => *whole,
        (None, Body::Own(bytes) | Body::Kept(bytes)) if !answer.filters.is_empty() => {
            WholeBody { bytes: bytes.into(), trailers: None }
        }
        (None, body) => return body,
    };
    match Filtering::of_whole(whole, std::mem::take(&mut answer.filters)).into_whole() {
        Ok(whole) => Body::Own(whole.bytes.into()),
        Err(fault) => exchange.fault(&mut heads.response, &heads.request, &fault),
    }
}

/// Reads the whole body of a service's answer; the rest of the request's goes its way meanwhile.
async fn read_response(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    status: u16,
    mut forwarded: Box<Forwarded>,
) -> Result<WholeBody, Fault> {
    let most = exchange.snapshot.shared.limits.buffered_body;
    let mut whole = WholeBody::default();
    let mut seen = None;
    let read = std::future::poll_fn(|cx| {
        let Forwarded { lease, upload, idle, .. } = &mut *forwarded;
        upload.poll_beside_answer(cx, connection, lease);
        match gather(cx, &mut lease.client().body(), &mut whole, most) {
            Poll::Ready(Ok(true)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(false)) => return Poll::Ready(Err(Unread::TooLarge)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Unread::Broken(error))),
            Poll::Pending => {}
        }
        let progress = Some((whole.bytes.len(), upload.pump.moved));
        if seen != progress {
            seen = progress;
            let until = exchange.worker.clock.now() + *idle;
            connection.timer.set(exchange.deadline.cap(until));
        }
        connection.timer.poll_fired(cx).map(|()| Err(Unread::Late))
    })
    .await;
    let now = exchange.worker.clock.now();
    exchange.record.bytes_in += forwarded.upload.received();
    exchange.record.upstream_ended = Some(now);
    let Forwarded { lease, mut call, upload, keeping, .. } = *forwarded;
    let (kind, fault) = match read {
        Ok(()) => {
            call.tell(TryResult::Status(status), now);
            if let Some(mut keeping) = keeping {
                keeping.take_whole(&whole.bytes, whole.trailers.as_ref());
                keeping.end(now);
            }
            if upload.pump.state == PumpState::Done {
                call.cluster().release(lease, now);
            }
            return Ok(whole);
        }
        Err(Unread::Late) => (UpstreamFailure::Timeout, Fault::timeout("upstream_timeout")),
        Err(Unread::TooLarge) => (UpstreamFailure::Protocol, Fault::bad_gateway("response_too_large")),
        Err(Unread::Broken(error)) => {
            (UpstreamFailure::Reset, Fault::bad_gateway("upstream_reset").source(error))
        }
    };
    call.cluster().counts().failures(kind).inc();
    match kind {
        UpstreamFailure::Timeout if exchange.deadline.was_hurried(now) => {}
        UpstreamFailure::Timeout => call.tell(TryResult::Timeout, now),
        UpstreamFailure::Reset => call.tell(TryResult::Reset, now),
        // Too large for here is no failure of the service.
        _ => {}
    }
    Err(fault)
}

/// Why an answer could not be read whole.
enum Unread {
    Late,
    TooLarge,
    Broken(Broken),
}

/// Reads on; ready once the body has ended, or is larger than `most`: then the answer is `false`.
fn gather(
    cx: &mut Context<'_>,
    source: &mut impl BodySource,
    whole: &mut WholeBody,
    most: u64,
) -> Poll<Result<bool, Broken>> {
    loop {
        match ready!(source.poll_piece(cx))? {
            Piece::Bytes => {
                let bytes = source.bytes();
                let len = bytes.len();
                if (whole.bytes.len() + len) as u64 > most {
                    return Poll::Ready(Ok(false));
                }
                whole.bytes.extend_from_slice(bytes);
                source.consume(len);
            }
            Piece::End => {
                whole.trailers = source.trailers().cloned();
                return Poll::Ready(Ok(true));
            }
        }
    }
}
