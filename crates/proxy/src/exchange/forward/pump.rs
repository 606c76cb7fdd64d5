//! Moves one body from where it comes to where it goes, with backpressure, whatever the protocols at both ends.
//! It knows no clock: who polls it sets the time limits, with `RateGuard` for clients.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use maitred_wire::{BodySink, BodySource, Broken, Piece};

/// One direction of an exchange.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    /// Bytes of the body that were moved.
    pub(crate) moved: u64,
    /// Above this many the body is refused.
    pub(crate) limit: Option<u64>,
    pub(crate) state: PumpState,
}

/// What a pump waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PumpState {
    /// More of the body.
    #[default]
    Source,
    /// The other side taking what is there.
    Sink,
    /// Nothing: the body has ended and was sent.
    Done,
    /// Nothing: the other side does not want the rest.
    Abandoned,
}

/// Which side broke.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// Where the body comes from.
    Source(Broken),
    /// Where it goes to.
    Sink(Broken),
    /// The body is larger than its limit.
    TooLarge,
}

impl Pump {
    /// Moves what can be moved now. Ready once the body has ended, or was given up.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut impl BodySource,
        sink: &mut impl BodySink,
    ) -> Poll<Result<(), PumpError>> {
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        loop {
            match source.poll_piece(cx) {
                Poll::Ready(Ok(Piece::Bytes)) => {
                    let bytes = source.bytes();
                    if self.limit.is_some_and(|limit| self.moved + bytes.len() as u64 > limit) {
                        return Poll::Ready(Err(PumpError::TooLarge));
                    }
                    match sink.poll_send(cx, bytes) {
                        Poll::Ready(Ok(taken)) => {
                            source.consume(taken);
                            self.moved += taken as u64;
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Sink(error))),
                        Poll::Pending => {
                            self.state = PumpState::Sink;
                            return Poll::Pending;
                        }
                    }
                }
                Poll::Ready(Ok(Piece::End)) => {
                    let finished = sink.poll_finish(cx, source.trailers());
                    self.state = if finished.is_ready() { PumpState::Done } else { PumpState::Sink };
                    return finished.map_err(PumpError::Sink);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Source(error))),
                Poll::Pending => {
                    // Nothing more at the moment: what is held back must not wait for it.
                    self.state = PumpState::Source;
                    return match sink.poll_flush(cx) {
                        Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Sink(error))),
                        Poll::Ready(Ok(())) => Poll::Pending,
                        Poll::Pending => {
                            self.state = PumpState::Sink;
                            Poll::Pending
                        }
                    };
                }
            }
        }
    }

    /// Whether nothing more will be moved.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, PumpState::Done | PumpState::Abandoned)
    }
}

/// Holds a client to a minimum rate: the time that was spent waiting for it may not exceed a grace and what its bytes
/// need at that rate.
#[derive(Debug)]
pub(crate) struct RateGuard {
    rate: u64,
    grace: Duration,
    waited: Duration,
    since: Option<Instant>,
}

impl RateGuard {
    pub(crate) fn new(rate: u64, grace: Duration) -> Self {
        Self { rate, grace, waited: Duration::ZERO, since: None }
    }

    /// The same rate for another body.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.rate, self.grace)
    }

    /// The waiting goes on, or begins, at `now`, after `moved` bytes: until when it may.
    pub(crate) fn wait(&mut self, now: Instant, moved: u64) -> Instant {
        self.resume(now);
        self.since = Some(now);
        let earned = match self.rate {
            0 => return now + self.grace,
            rate => Duration::from_millis(moved.saturating_mul(1000) / rate),
        };
        now + (self.grace + earned).saturating_sub(self.waited)
    }

    /// The waiting is over.
    pub(crate) fn resume(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_client_uses_up_its_grace_and_a_fast_one_earns_time() {
        let start = tokio::time::Instant::now().into_std();
        let second = Duration::from_secs(1);
        let mut guard = RateGuard::new(1000, 10 * second);
        assert_eq!(guard.wait(start, 0), start + 10 * second);
        // Eight seconds for one byte.
        assert_eq!(guard.wait(start + 8 * second, 1), start + 10 * second + Duration::from_millis(1));
        // Then five thousand bytes at once are worth five seconds more.
        assert_eq!(guard.wait(start + 9 * second, 5001), start + 15 * second + Duration::from_millis(1));
        // Time in which nobody waited for it does not count.
        guard.resume(start + 10 * second);
        let later = start + 100 * second;
        assert_eq!(guard.wait(later, 5001), later + 5 * second + Duration::from_millis(1));
    }
}
