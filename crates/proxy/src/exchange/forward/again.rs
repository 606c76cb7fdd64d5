//! Whether, where and when a request is tried again after a try. What may have had an effect is not repeated, unless doing it twice
//! is doing it once; what is repeated waits, so that a service in trouble is not asked still more.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use maitred_http::{BodyLength, Known, ResponseHead};
use maitred_policy::Retry;
use maitred_upstream::{LocalCluster, TryResult};
use maitred_wire::{BodySource, Piece};

use super::attempt::Failed;
use super::pump::PumpState;
use super::{Answer, Forwarding, Turn, choose, may_repeat, rewind};
use crate::connection::Connection;
use crate::local::Heads;
use crate::retries::{Backoff, Retries, retry_after};

/// How much of an answer that nobody gets is read, to keep its connection.
const DRAINED: u64 = 16 << 10;

/// What a try says about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The connection was closed before the service saw the request: it is sent on another one, as if that had not been.
    Stale,
    /// The service did nothing with the request.
    NeverSent,
    /// The service may have done it.
    Sent,
}

impl Retries {
    /// Why a try that ended so is followed by another one. `may_repeat` tells whether the request may be sent twice.
    fn reason(
        &self,
        (result, retry): (Option<TryResult>, Retry),
        was_fresh: bool,
        may_repeat: impl Fn() -> bool,
    ) -> Option<Reason> {
        let is_listed = result.is_some_and(|result| self.on.has(result));
        match retry {
            Retry::Safe => (self.on.connect_failure || is_listed).then_some(Reason::NeverSent),
            Retry::IfReused if !may_repeat() => None,
            Retry::IfReused if !was_fresh => Some(Reason::Stale),
            Retry::IfReused => self.on.connect_failure.then_some(Reason::NeverSent),
            Retry::Never => (is_listed && may_repeat()).then_some(Reason::Sent),
        }
    }

    /// How long to wait before the next try; none where that is longer than anybody waits. `wish` is the service's.
    fn wait(
        &self,
        failures: u32,
        random: u64,
        (reason, is_untried): (Reason, bool),
        wish: Option<Duration>,
    ) -> Option<Duration> {
        let is_at_once =
            reason == Reason::NeverSent || self.backoff.is_none_or(|backoff| backoff == Backoff::NONE);
        if is_untried && is_at_once {
            // What another endpoint wishes is no concern of this one.
            return Some(Duration::ZERO);
        }
        let backoff = self.backoff?;
        let wish = wish.unwrap_or_default();
        (wish <= backoff.most).then(|| wish.max(backoff.pause(failures, random)))
    }
}

impl Forwarding<'_, '_> {
    /// Where the next try goes after one that was answered, or has failed so, once its time has come; none where the client gets what
    /// there is.
    pub(super) async fn again(
        &mut self,
        failed: Option<&Failed>,
        turn: &Turn,
        connection: &mut Connection,
        heads: &Heads,
    ) -> Option<Turn> {
        let retries = &self.settings.retries;
        let how = match failed {
            Some(failed) => (failed.result, failed.fault.retry_allowed()),
            None => (Some(TryResult::Status(heads.response.status)), Retry::Never),
        };
        let reason = retries.reason(how, turn.fresh, || may_repeat(&heads.request, &self.exchange.facts))?;
        if !self.upload.is_there() {
            return None;
        }
        if reason == Reason::Stale {
            return Some(Turn { endpoint: Rc::clone(&turn.endpoint), fresh: true });
        }
        self.tried.times += 1;
        self.tried.endpoints.push(Rc::clone(&turn.endpoint));
        if self.tried.times >= retries.attempts {
            return None;
        }
        let now = self.exchange.worker.clock.now();
        self.choice.now = now;
        let may_repeat_one = retries.backoff.is_some();
        let (endpoint, is_untried) = choose(&self.cluster, &mut self.tried, &self.choice, may_repeat_one)?;
        let random = u64::from_le_bytes(self.exchange.worker.random());
        let wish = if failed.is_none() { self.wish(&heads.response, now) } else { None };
        let wait = retries.wait(self.tried.times, random, (reason, is_untried), wish)?;
        let until = now.checked_add(wait)?;
        let is_too_late = self.exchange.deadline.is_over(until);
        if is_too_late || !may_spend(&self.cluster, retries, now) {
            return None;
        }
        // The client is not to blame for the pause.
        self.upload.guard.resume(now);
        if let Some(failed) = failed {
            tracing::debug!(upstream = %self.cluster.cluster().settings().name, "trying again: {}", failed.fault);
        }
        (wait.is_zero() || pause(connection, until).await).then_some(Turn { endpoint, fresh: false })
    }

    /// How long the service wishes not to be asked.
    fn wish(&self, response: &ResponseHead, now: Instant) -> Option<Duration> {
        let value = response.fields.known(Known::RetryAfter)?;
        matches!(response.status, 429 | 503)
            .then(|| retry_after(value, self.exchange.worker.wall(now)))
            .flatten()
    }

    /// Leaves a try behind for another one.
    pub(super) fn start_over(&mut self, heads: &mut Heads, now: Instant) {
        if let Some(answer) = self.answer.take() {
            self.drop_answer(answer, heads.response.status, now);
        }
        rewind(self.upload, &mut heads.request);
    }

    /// Gives up an answer. Where it is short and there, its connection serves on.
    fn drop_answer(&self, answer: Answer, status: u16, now: Instant) {
        let Answer { mut lease, mut call, length, .. } = answer;
        call.tell(TryResult::Status(status), now);
        let is_short = match length {
            BodyLength::None => true,
            BodyLength::Known(length) => length <= DRAINED,
            BodyLength::Unknown => false,
        };
        if is_short && self.upload.pump.state == PumpState::Done && drain(&mut lease.client().body()) {
            self.cluster.release(lease, now);
        }
    }
}

/// Takes leave for one more try of the upstream's budget, where it has one.
pub(super) fn may_spend(cluster: &LocalCluster, retries: &Retries, now: Instant) -> bool {
    let Some(share) = retries.budget else { return true };
    let may = cluster.cluster().shared().retry_budget().take(now, share);
    if !may {
        cluster.counts().retries_refused.inc();
    }
    may
}

/// Reads what is there of a body; whether that was all.
fn drain(body: &mut impl BodySource) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(piece)) = body.poll_piece(&mut cx) {
        match piece {
            Piece::End => return true,
            Piece::Bytes => body.consume(body.bytes().len()),
        }
    }
    false
}

/// Waits until then; whether the client has not gone meanwhile.
async fn pause(connection: &mut Connection, until: Instant) -> bool {
    let Connection { client, timer, .. } = connection;
    timer.set(until);
    std::future::poll_fn(|cx| {
        if client.poll_gone(cx).is_ready() {
            return Poll::Ready(false);
        }
        timer.poll_fired(cx).map(|()| true)
    })
    .await
}

#[cfg(test)]
mod tests {
    use maitred_upstream::ResultSet;

    use super::*;
    use crate::retries::Backoff;

    #[test]
    fn what_may_have_had_an_effect_is_not_repeated() {
        let mut all = ResultSet::default().with_status(503);
        (all.connect_failure, all.reset, all.timeout) = (true, true, true);
        let all = Retries { on: all, ..Retries::default() };
        let some = Retries { on: ResultSet::default().with_status(503), ..Retries::default() };
        let (usual, none) = (Retries::default(), Retries::none());
        let (connect, reset) = (Some(TryResult::ConnectFailure), Some(TryResult::Reset));
        let status = |status| Some(TryResult::Status(status));
        use Reason::{NeverSent, Sent};
        for (retries, how, may_repeat, reason) in [
            (&usual, (connect, Retry::Safe), false, Some(NeverSent)),
            // A service that refused a stream did nothing with it.
            (&usual, (reset, Retry::Safe), false, Some(NeverSent)),
            (&usual, (reset, Retry::Never), true, None),
            (&usual, (status(503), Retry::Never), true, None),
            (&none, (connect, Retry::Safe), true, None),
            (&some, (connect, Retry::Safe), true, None),
            (&some, (status(503), Retry::Never), true, Some(Sent)),
            (&all, (connect, Retry::Safe), false, Some(NeverSent)),
            (&all, (reset, Retry::Never), true, Some(Sent)),
            (&all, (reset, Retry::Never), false, None),
            (&all, (Some(TryResult::Timeout), Retry::Never), true, Some(Sent)),
            (&all, (Some(TryResult::Timeout), Retry::Never), false, None),
            (&all, (status(503), Retry::Never), true, Some(Sent)),
            (&all, (status(503), Retry::Never), false, None),
            (&all, (status(500), Retry::Never), true, None),
            // The client's own fault, or that of a limit here.
            (&all, (None, Retry::Never), true, None),
        ] {
            assert_eq!(retries.reason(how, false, || may_repeat), reason, "{how:?} {may_repeat} {retries:?}");
        }
        for retries in [&usual, &all, &some, &none] {
            let reason = |was_fresh, may| retries.reason((None, Retry::IfReused), was_fresh, || may);
            assert_eq!(reason(false, true), Some(Reason::Stale));
            assert_eq!(reason(false, false), None);
            assert_eq!(reason(true, true), retries.on.connect_failure.then_some(NeverSent));
        }
    }

    #[test]
    fn what_was_sent_waits_and_what_was_not_goes_elsewhere_at_once() {
        let second = Duration::from_secs(1);
        let backoff = Some(Backoff { first: second, most: 4 * second });
        let retries = Retries { backoff, ..Retries::default() };
        let half = u64::MAX / 2 + 1;
        let wait = |reason, is_untried, wish| retries.wait(2, half, (reason, is_untried), wish);
        assert_eq!(wait(Reason::NeverSent, true, None), Some(Duration::ZERO));
        assert_eq!(wait(Reason::NeverSent, false, None), Some(second));
        assert_eq!(wait(Reason::Sent, true, None), Some(second));
        assert_eq!(wait(Reason::Sent, true, Some(3 * second)), Some(3 * second));
        assert_eq!(wait(Reason::Sent, true, Some(4 * second)), Some(4 * second));
        assert_eq!(wait(Reason::Sent, true, Some(5 * second)), None, "longer than anybody waits");
        assert_eq!(wait(Reason::Sent, false, Some(Duration::ZERO)), Some(second));
        // Without pauses nobody waits: what one endpoint wishes does not bind another one.
        let at_once = Retries { backoff: Some(Backoff::NONE), ..Retries::default() };
        let wait = |is_untried, wish| at_once.wait(2, half, (Reason::Sent, is_untried), wish);
        assert_eq!(wait(true, Some(second)), Some(Duration::ZERO));
        assert_eq!(wait(false, Some(second)), None);
        assert_eq!(wait(false, None), Some(Duration::ZERO));
        // Where nothing is said of them, no endpoint is tried twice.
        let usual = |is_untried| Retries::default().wait(1, half, (Reason::NeverSent, is_untried), None);
        assert_eq!((usual(true), usual(false)), (Some(Duration::ZERO), None));
    }
}
