//! A second try beside one whose answer takes long: the first good answer counts, and the other try is given up. Only for
//! requests that may be sent twice, and whose body does not have to come from the client meanwhile.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use maitred_http::ResponseHead;
use maitred_net::Timer;
use maitred_policy::Side;
use maitred_upstream::{Call, Choice, Lease, LocalCluster, TryResult};
use maitred_wire::Broken;

use super::again::may_spend;
use super::attempt::{Attempt, Failed, client_fault};
use super::client::Client;
use super::pump::PumpError;
use super::upload::Upload;
use super::{Ended, Forwarding, Tried, Turn, choose, ended, may_repeat};
use crate::connection::Connection;
use crate::local::Heads;
use crate::retries::Retries;

/// What the second try has of the client: the first one listens to it, and tells it what comes before the answer.
struct Beside {
    timer: Timer,
    ends: Option<(SocketAddr, SocketAddr)>,
}

impl Client for Beside {
    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn ends(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        self.ends
    }

    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        upload.poll_alone(cx, lease)
    }

    fn poll_reset(&mut self, _cx: &mut Context<'_>) -> Poll<Broken> {
        Poll::Pending
    }

    async fn inform(&mut self, _interim: &ResponseHead, _until: Instant) -> Result<(), Broken> {
        Ok(())
    }
}

/// What the second try works with.
pub(super) struct Second {
    heads: Box<Heads>,
    upload: Upload,
    client: Beside,
}

/// A try that has ended, and whether nothing better can come: its answer is good, or the client has failed.
type Over = (Ended, bool);

/// Which of two tries has ended first.
enum Came {
    First(Over),
    Second(Over),
}

impl Forwarding<'_, '_> {
    /// Runs a try, and another one beside it if its answer has not begun in time. What counts is the try that `turn` names in the
    /// end.
    pub(super) async fn race(
        &mut self,
        turn: &mut Turn,
        call: Call,
        now: Instant,
        mut second: Second,
        mut connection: &mut Connection,
        heads: &mut Heads,
    ) -> Option<Failed> {
        let Self { exchange, settings, cluster, upload, tried, choice, .. } = self;
        let (shown, settings, worker) = (&**exchange, *settings, exchange.worker);
        let attempt =
            |upload, now| Attempt { exchange: shown, cluster, settings, upgrade: None, upload, now };
        let mut first = Box::pin(to_its_end(attempt(upload, now), turn, call, &mut connection, heads));
        let alone = std::future::poll_fn(|cx| match first.as_mut().poll(cx) {
            Poll::Ready(over) => Poll::Ready(Some(over)),
            Poll::Pending => second.client.timer.poll_fired(cx).map(|()| None),
        });
        if let Some((ended, _)) = alone.await {
            drop(first);
            worker.give_heads(second.heads);
            return self.keep(ended);
        }
        let now = worker.clock.now();
        let Some((other_turn, call)) = begin_second(cluster, &settings.retries, (tried, choice), turn, now)
        else {
            let (ended, _) = first.await;
            worker.give_heads(second.heads);
            return self.keep(ended);
        };
        let (heads_beside, client) = (&mut second.heads, &mut second.client);
        let (ended, is_second) = {
            let other = attempt(&mut second.upload, now);
            let mut other = Box::pin(to_its_end(other, &other_turn, call, client, heads_beside));
            match better(first, other.as_mut()).await {
                Some(better) => better,
                None => (last(other.as_mut(), connection, now).await, true),
            }
        };
        self.exchange.record.attempts += 1;
        let other_endpoint = Rc::clone(&other_turn.endpoint);
        if is_second {
            *self.upload = second.upload;
            std::mem::swap(&mut heads.response, &mut second.heads.response);
            self.exchange.record.endpoint = Some(other_endpoint);
            let lost = std::mem::replace(turn, other_turn);
            self.tried.endpoints.push(lost.endpoint);
        } else {
            self.tried.endpoints.push(other_endpoint);
        }
        worker.give_heads(second.heads);
        self.keep(ended)
    }

    /// What a second try beside the one that begins `now` would need; none where there is to be none.
    pub(super) fn second(&self, now: Instant, connection: &mut Connection, heads: &Heads) -> Option<Second> {
        let retries = &self.settings.retries;
        let at = now.checked_add(retries.hedge_after?)?;
        let is_last = self.tried.has_hedged || self.tried.times + 1 >= retries.attempts;
        if is_last || self.upgrade.is_some() || !may_repeat(&heads.request, &self.exchange.facts) {
            return None;
        }
        let upload = self.upload.beside(self.exchange.announced.length, retries.buffer)?;
        let worker = self.exchange.worker;
        let timer = worker.timers.timer();
        timer.set(at);
        let told = self.cluster.cluster().settings().proxy_protocol;
        let ends = told.and_then(|_| connection.ends());
        let mut own = worker.take_heads();
        own.request.clone_from(&heads.request);
        Some(Second { heads: own, upload, client: Beside { timer, ends } })
    }
}

/// Begins the second try at another endpoint, if there is one and the budget allows it.
fn begin_second(
    cluster: &Rc<LocalCluster>,
    retries: &Retries,
    (tried, choice): (&mut Tried, &mut Choice<'_>),
    first: &Turn,
    now: Instant,
) -> Option<(Turn, Call)> {
    choice.now = now;
    tried.endpoints.push(Rc::clone(&first.endpoint));
    let chosen = choose(cluster, tried, choice, false);
    tried.endpoints.pop();
    let (endpoint, _) = chosen?;
    let call = Call::begin(cluster, &endpoint, now).ok()?;
    if !may_spend(cluster, retries, now) {
        return None;
    }
    tried.has_hedged = true;
    tried.times += 1;
    cluster.counts().retries.inc();
    cluster.counts().hedges.inc();
    Some((Turn { endpoint, fresh: false }, call))
}

/// Runs a try, and tells how it ended.
async fn to_its_end(
    mut attempt: Attempt<'_>,
    turn: &Turn,
    call: Call,
    client: &mut impl Client,
    heads: &mut Heads,
) -> Over {
    let result = attempt.run(&turn.endpoint, turn.fresh, client, heads).await;
    let is_final = match &result {
        Ok(_) => !attempt.settings.retries.on.has(TryResult::Status(heads.response.status)),
        Err(failed) => failed.fault.side() == Side::Client,
    };
    (ended(attempt.exchange, (call, attempt.now), result, &heads.response), is_final)
}

/// How the better of two tries ended, and whether that is the second one; none where all hangs on the second one by now. Dropping the
/// other one ends it: its connection is closed, or its stream reset.
async fn better<F, S>(mut first: Pin<Box<F>>, mut second: Pin<&mut S>) -> Option<Over>
where
    F: Future<Output = Over>,
    S: Future<Output = Over>,
{
    let came = std::future::poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(over) => Poll::Ready(Came::First(over)),
        Poll::Pending => second.as_mut().poll(cx).map(Came::Second),
    });
    match came.await {
        Came::First((ended, true)) => Some((ended, false)),
        Came::Second((ended, true)) => Some((ended, true)),
        Came::First(_) => None,
        Came::Second(_) => Some((first.await.0, false)),
    }
}

/// How the second try ends where the first one, which listened to the client, is over.
async fn last(
    mut second: Pin<&mut impl Future<Output = Over>>,
    connection: &mut Connection,
    asked: Instant,
) -> Ended {
    std::future::poll_fn(|cx| match second.as_mut().poll(cx) {
        Poll::Ready((ended, _)) => Poll::Ready(ended),
        Poll::Pending => {
            let gone = connection.client.poll_reset(cx);
            gone.map(|gone| Ended { asked, result: Err(client_fault(gone).into()) })
        }
    })
    .await
}
