//! When an exchange with a service must be over, and how the service is told what is left of it.
//! The waits themselves are capped where they are waited.

use std::time::Instant;

use maitred_grpc::{format_timeout, parse_timeout};
use maitred_http::{Known, RequestHead};

use crate::action::ForwardSettings;
use crate::exchange::Exchange;

/// The route's limit, or the deadline of a call of gRPC, whichever comes first.
#[inline]
pub(crate) fn of(
    exchange: &Exchange<'_>,
    settings: &ForwardSettings,
    request: &RequestHead,
) -> Option<Instant> {
    let mut total = settings.timeouts.total;
    if let Some(wanted) = request.fields.known(Known::GrpcTimeout).and_then(parse_timeout) {
        total = Some(total.map_or(wanted, |total| total.min(wanted)));
    }
    total.and_then(|total| exchange.started.checked_add(total))
}

/// Tells the service in a request that is sent at `now` how long it has: each try gets the rest.
#[inline]
pub(super) fn tell(
    exchange: &Exchange<'_>,
    settings: &ForwardSettings,
    request: &mut RequestHead,
    now: Instant,
) {
    let left = exchange.deadline.map(|end| end.saturating_duration_since(now));
    if let Some(name) = settings.deadline_header.as_deref() {
        // Where nothing is limited, nobody else tells the service that it is.
        request.fields.remove_bytes(name.as_bytes());
        if let Some(left) = left {
            // To some, zero means without limit.
            let millis = left.as_millis().max(1).to_string();
            request.fields.append_bytes(name.as_bytes(), millis.as_bytes());
        }
    }
    if let Some(left) = left
        && is_grpc(request)
    {
        request.fields.set_known(Known::GrpcTimeout, format_timeout(left).as_bytes());
    }
}

fn is_grpc(request: &RequestHead) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = request.fields.known(Known::ContentType).unwrap_or_default();
    request.fields.has(Known::GrpcTimeout)
        || kind.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}
