//! When an exchange with a service must be over, and how the service is told what is left of it.
//! The waits themselves are capped where they are waited.

use std::time::{Duration, Instant};

use maitred_grpc::{format_timeout, is_grpc, parse_timeout};
use maitred_http::{Known, RequestHead};

use crate::action::ForwardSettings;
use crate::exchange::Exchange;

/// When an exchange must be over: at the limit of whom it goes to, or at the deadline of a call of gRPC, whichever comes first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline {
    /// When that is, where it is limited.
    pub(crate) end: Option<Instant>,
    /// What the client wants, whoever is asked.
    client: Option<Instant>,
    /// Whether that is the end, and no limit of the gateway's own.
    is_of_client: bool,
}

impl Deadline {
    /// That of a request that came at `started`.
    #[inline]
    pub(crate) fn of(request: &RequestHead, total: Option<Duration>, started: Instant) -> Self {
        let wanted = request.fields.known(Known::GrpcTimeout).and_then(parse_timeout);
        let client = wanted.and_then(|wanted| started.checked_add(wanted));
        Self { client, ..Self::default() }.anew(total, started)
    }

    /// The same where a limit of the gateway's own begins at `now`.
    #[inline]
    pub(crate) fn anew(self, total: Option<Duration>, now: Instant) -> Self {
        let own = total.and_then(|total| now.checked_add(total));
        let is_of_client = self.client.is_some_and(|client| own.is_none_or(|own| client < own));
        Self { end: if is_of_client { self.client } else { own }, is_of_client, ..self }
    }

    /// No wait lasts beyond it.
    #[inline]
    pub(crate) fn cap(&self, at: Instant) -> Instant {
        self.end.map_or(at, |end| at.min(end))
    }

    /// Whether it has passed.
    #[inline]
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// Whether it has passed and was one that the client chose. That it was too short says nothing of the service: else anybody could
    /// have others refused by hurrying.
    pub(crate) fn was_hurried(&self, now: Instant) -> bool {
        self.is_of_client && self.is_over(now)
    }
}

/// Tells the service in a request that is sent at `now` how long it has: each try gets the rest.
#[inline]
pub(super) fn tell(
    exchange: &Exchange<'_>,
    settings: &ForwardSettings,
    request: &mut RequestHead,
    now: Instant,
) {
    let left = exchange.deadline.end.map(|end| end.saturating_duration_since(now));
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
        && is_call(request)
    {
        request.fields.set_known(Known::GrpcTimeout, format_timeout(left).as_bytes());
    }
}

/// Whether a service looks for a deadline in the field of gRPC.
fn is_call(request: &RequestHead) -> bool {
    request.fields.has(Known::GrpcTimeout) || request.fields.known(Known::ContentType).is_some_and(is_grpc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_comes_first_counts_and_only_the_client_hurries() {
        let second = Duration::from_secs(1);
        let start = Clock::default().now();
        let mut call = RequestHead::default();
        call.fields.append_known(Known::GrpcTimeout, b"10S");
        for (total, end, is_hurried) in [
            (None, 10 * second, true),
            (Some(3 * second), 3 * second, false),
            (Some(11 * second), 10 * second, true),
            // The service had all of its time.
            (Some(10 * second), 10 * second, false),
        ] {
            let deadline = Deadline::of(&call, total, start);
            assert_eq!(deadline.end, Some(start + end));
            assert!(!deadline.is_over(start) && !deadline.was_hurried(start));
            assert!(deadline.is_over(start + end));
            assert_eq!(deadline.was_hurried(start + end), is_hurried, "{total:?}");
        }
        let own = Deadline::of(&RequestHead::default(), Some(second), start);
        assert_eq!((own.end, own.was_hurried(start + second)), (Some(start + second), false));
        assert_eq!(Deadline::of(&RequestHead::default(), None, start).cap(start), start);

        // What begins later has its own time, and not more than the client has.
        let later = Deadline::of(&call, Some(second), start).anew(Some(4 * second), start + 8 * second);
        assert_eq!((later.end, later.was_hurried(start + 10 * second)), (Some(start + 10 * second), true));
        let later = own.anew(Some(4 * second), start + 8 * second);
        assert_eq!(later.end, Some(start + 12 * second));
    }
}
