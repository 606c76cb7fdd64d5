//! Requests that are not answered from memory: they wait for another that asks the same, look in the store that replicas share, or go on to the service.
//! Step 6 in the life of a request, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use maitred_cache::ask_for_changes;
use maitred_http::{Known, Method};
use maitred_policy::{Runtime, Sleep, Step, Verdict};
use tokio::sync::watch;

use super::Cache;
use super::counts::Outcome;
use super::flights::{Ended, Flight, Followed, Joined};
use super::lookup::{Client, moment, not_cached};
use super::replicas::Replicas;
use super::shelf::Wanted;
use super::state::{Asked, State};
use super::told::Told;

/// Who waits looks so often whether the body that it waits for still comes.
const STALLED: Duration = Duration::from_millis(500);

impl Cache {
    /// Sends a request on, or has it wait for who asks the same.
    pub(super) fn ask<'a>(&'a self, mut asked: Asked, mut client: Client<'a>) -> Step<'a, Verdict> {
        // Who wants nothing of the service keeps nothing.
        let joined = if client.control.only_if_cached { None } else { self.join(&asked) };
        if let Some(Joined::Follows(other)) = joined {
            return Step::Later(Box::pin(self.follow(other, asked, client)));
        }
        asked.flight = leads(joined);
        if let Some(replicas) = &self.replicas {
            return Step::Later(Box::pin(self.lead(replicas, asked, client)));
        }
        go_on(asked, &mut client);
        Step::CONTINUE
    }

    /// Joins who asks the same; none where the answer cannot be kept, whatever it is. Those whose answers are hardly ever for others do not
    /// wait: nor do those who want a part, or to know what changed, for their answers are not kept.
    fn join(&self, asked: &Asked) -> Option<Joined> {
        let Asked { request, asker, stale, .. } = asked;
        if request.method != Method::Get {
            return None;
        }
        let fields = &request.fields;
        let is_conditional = [Known::Range, Known::IfNoneMatch, Known::IfModifiedSince]
            .iter()
            .any(|&condition| fields.has(condition));
        let is_own = asker.has_authorization || asker.is_identified || is_conditional && stale.is_none();
        let waits = self.coalesce.is_some() && !is_own;
        Some(self.shared.flights.join(&asked.key, &asked.secondary, waits, asked.at))
    }

    /// Looks in the store, and asks the service if that does not help.
    async fn lead(&self, replicas: &Arc<Replicas>, mut asked: Asked, mut client: Client<'_>) -> Verdict {
        if let Some(verdict) = self.look_in_store(replicas, &mut asked, &client).await {
            return verdict;
        }
        if client.control.only_if_cached {
            return not_cached();
        }
        go_on(asked, &mut client);
        Verdict::Continue
    }

    /// Answers from the store, if that has what may answer. What is stale there is something to go by.
    async fn look_in_store(
        &self,
        replicas: &Arc<Replicas>,
        asked: &mut Asked,
        client: &Client<'_>,
    ) -> Option<Verdict> {
        let runtime = client.runtime;
        if replicas.owed.has_any() {
            replicas.settle_beside(&runtime.beside());
        }
        let Asked { key, secondary, asker, request, .. } = &*asked;
        let wanted = Wanted { url: key, secondary, fields: &request.fields, asker: *asker };
        let looking = replicas.shelf.find(wanted, &self.rules, runtime.seat(), runtime.moment());
        // Where it is away, it is as if there was none.
        let found = looking.await.ok()?;
        // What it was not told yet it cannot know.
        let entry = found.entry.filter(|entry| !replicas.owed.covers(&asked.key, entry.tags()));
        asked.way = Some(found.way);
        let entry = Arc::new(entry?);
        let now = moment(runtime);
        asked.at = now;
        if asked.stale.as_ref().is_some_and(|known| {
            known.is_newer(&entry) || known.freshness.ttl(now) >= entry.freshness.ttl(now)
        }) {
            return None;
        }
        self.shared.found.fetch_add(1, Ordering::Relaxed);
        let has_room = entry.body.len() as u64 <= self.max_body;
        let flight = asked.flight.as_ref().filter(|_| has_room);
        let is_kept = flight.is_some_and(|flight| self.shared.keep(&asked.key, &entry, flight));
        let told = Told { detail: Some("store"), collapsed: asked.collapsed, ..Told::default() };
        let verdict = self.answer(&entry, client, now, told);
        asked.stale = Some(entry);
        if verdict.is_some()
            && let Some(flight) = asked.flight.take()
        {
            flight.end(if is_kept { Ended::Kept } else { Ended::NotKept });
        }
        verdict
    }

    /// Waits for who asks the same, and takes what came of that, or asks.
    async fn follow(&self, mut other: Followed, mut asked: Asked, mut client: Client<'_>) -> Verdict {
        let runtime = client.runtime;
        let mut late = runtime.sleep_until(runtime.now() + self.coalesce.unwrap_or_default());
        asked.collapsed = true;
        let shared = &self.shared;
        loop {
            let how = wait(&mut other, &mut late, runtime).await;
            if matches!(how, Ended::NotYet | Ended::Stalled) {
                other.close();
            }
            asked.at = moment(runtime);
            if matches!(how, Ended::Kept | Ended::Stalled) {
                let Asked { key, secondary, asker, .. } = &asked;
                let found = shared.answers.find(key, secondary, &asked.request.fields, *asker);
                if let Some(entry) = found {
                    let told = Told { collapsed: true, ..Told::default() };
                    if let Some(verdict) = self.answer(&entry, &client, asked.at, told) {
                        return verdict;
                    }
                    asked.stale = Some(entry);
                }
            }
            match how {
                Ended::Abandoned | Ended::Stalled => match self.join(&asked) {
                    Some(Joined::Follows(next)) => {
                        other = next;
                        continue;
                    }
                    joined => {
                        asked.flight = leads(joined);
                        if let Some(replicas) = &self.replicas {
                            return self.lead(replicas, asked, client).await;
                        }
                    }
                },
                Ended::Failed => {
                    if let Some(verdict) = self.stand_in(&asked, runtime) {
                        return verdict;
                    }
                }
                Ended::Kept | Ended::NotKept | Ended::NotYet => {}
            }
            break;
        }
        if asked.flight.is_none() {
            asked.flight = leads(Some(shared.flights.join(&asked.key, &asked.secondary, false, asked.at)));
        }
        go_on(asked, &mut client);
        Verdict::Continue
    }

    /// The stale answer, where the service has just failed somebody else who asked for it.
    fn stand_in(&self, asked: &Asked, runtime: &dyn Runtime) -> Option<Verdict> {
        let stale = asked.stale.as_ref().filter(|stale| stale.may_stand_in(asked.at))?;
        let detail = Some("stale-if-error");
        let told = Told { forward: Some(asked.why), collapsed: true, detail, ..Told::default() };
        Some(self.reply(stale, &asked.request, (runtime, asked.at), Outcome::Stale, told))
    }
}

/// Sends the request to the service: with what there is to go by, where something is kept.
fn go_on(mut asked: Asked, client: &mut Client<'_>) {
    if let Some(stale) = &asked.stale {
        asked.validates = ask_for_changes(&mut client.request.fields, &stale.head);
    }
    asked.at = moment(client.runtime);
    *client.state = State::Asked(Box::new(asked));
}

fn leads(joined: Option<Joined>) -> Option<Flight> {
    match joined {
        Some(Joined::Leads(flight)) => Some(flight),
        _ => None,
    }
}

/// Waits until another request has ended, nothing comes of it any more, or it is too late: then it has not.
async fn wait(other: &mut Followed, late: &mut Sleep, runtime: &dyn Runtime) -> Ended {
    let mut seen = other.progress();
    loop {
        let mut look = runtime.sleep_until(runtime.now() + STALLED);
        if let Some(ended) = wait_until(&mut other.ended, late, &mut look).await {
            return ended;
        }
        // The service may take its time for the head: all would wait for that.
        let progress = other.progress();
        if progress > 0 && progress == seen {
            return Ended::Stalled;
        }
        seen = progress;
    }
}

/// How it ended, and none where it is time to look.
async fn wait_until(ended: &mut watch::Receiver<Ended>, late: &mut Sleep, look: &mut Sleep) -> Option<Ended> {
    let mut over = std::pin::pin!(ended.wait_for(|ended| *ended != Ended::NotYet));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = over.as_mut().poll(cx) {
            // Who told nothing before it was gone was abandoned.
            return Poll::Ready(Some(ended.map_or(Ended::Abandoned, |ended| *ended)));
        }
        if late.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Ended::NotYet));
        }
        look.as_mut().poll(cx).map(|()| None)
    })
    .await
}
