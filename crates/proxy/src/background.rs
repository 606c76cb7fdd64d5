//! What policies have from elsewhere, fetched beside the requests: a task on the control runtime for each thing, for as long as a
//! snapshot wants it. It asks at once, again when a while has passed or a policy wants it, and with growing pauses where that fails.

mod pace;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::{Asking, FetchError, Making, Renew, Service, WholeBody};
use maitred_telemetry::SharedCounter;
use maitred_upstream::{Cluster, ClusterSettings, Visit};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use self::pace::{Pace, Rest, SOONEST, Tried};
use crate::catch_panic::CatchPanic;
use crate::pipeline::PolicyInstance;
use crate::snapshot::Snapshot;

/// How long the first tries may hold up a new snapshot: most services answer at once, and their first requests find what they
/// need.
const FIRST_TRIES: Duration = Duration::from_secs(2);
/// How long a service may be asked in one try, with all questions. What is made of the answers takes the time that it takes, on a
/// thread where it holds up nobody.
const ONE_TRY: Duration = Duration::from_secs(10);

/// The tasks of the snapshot in force.
#[derive(Debug)]
pub(crate) struct Background {
    kept: Vec<Kept>,
    panics: Arc<SharedCounter>,
}

/// A thing that is kept up to date.
struct Kept {
    thing: Arc<dyn Renew>,
    /// The upstream as the snapshot in force has it.
    cluster: watch::Sender<Arc<Cluster>>,
    task: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.cluster.borrow().settings().name)
    }
}

impl Background {
    /// No task yet. Panics of those to come are counted here.
    pub(crate) fn new(panics: Arc<SharedCounter>) -> Self {
        Self { kept: Vec::new(), panics }
    }

    /// Fetches what this snapshot wants from now on, and nothing else. What the last one wanted too goes on. Waits a moment for the
    /// first tries.
    pub(crate) async fn adopt(&mut self, snapshot: &Snapshot) {
        let mut before = std::mem::take(&mut self.kept);
        let mut tried = Vec::new();
        for instance in &snapshot.policies {
            let Some((thing, cluster)) = instance.policy.fetched().zip(cluster_of(snapshot, instance)) else {
                continue;
            };
            let same = |kept: &Kept| is_same(&kept.thing, &thing) && !kept.task.is_finished();
            if let Some(at) = before.iter().position(same) {
                let kept = before.swap_remove(at);
                kept.cluster.send_replace(cluster);
                self.kept.push(kept);
            } else {
                let (first, told) = oneshot::channel();
                tried.push(told);
                let keeper = Keeper::new(thing, instance, Arc::clone(&self.panics));
                self.kept.push(start(keeper, cluster, first));
            }
        }
        let all = async {
            for told in tried {
                // A task that has ended will not tell.
                let _ = told.await;
            }
        };
        // Who is not told in time goes on trying.
        let _ = tokio::time::timeout(FIRST_TRIES, all).await;
    }
}

fn is_same(one: &Arc<dyn Renew>, other: &Arc<dyn Renew>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

fn cluster_of(snapshot: &Snapshot, instance: &PolicyInstance) -> Option<Arc<Cluster>> {
    let wanted = instance.upstream.as_deref()?;
    let mut clusters = snapshot.upstreams.iter().map(|upstream| &upstream.cluster);
    clusters.find(|cluster| *cluster.settings().name == *wanted).map(Arc::clone)
}

fn start(mut keeper: Keeper, cluster: Arc<Cluster>, first: oneshot::Sender<()>) -> Kept {
    let thing = Arc::clone(&keeper.thing);
    let (cluster, clusters) = watch::channel(cluster);
    let task = tokio::task::spawn_local(async move { keeper.keep_current(clusters, first).await });
    Kept { thing, cluster, task: task.abort_handle() }
}

/// The task.
struct Keeper {
    thing: Arc<dyn Renew>,
    policy: Rc<str>,
    panics: Arc<SharedCounter>,
    /// The failure that was told last, so that each is told once.
    told: Option<FetchError>,
}

impl Keeper {
    fn new(thing: Arc<dyn Renew>, instance: &PolicyInstance, panics: Arc<SharedCounter>) -> Self {
        Self { thing, policy: Rc::from(&*instance.name), panics, told: None }
    }

    /// Never ends by itself.
    async fn keep_current(
        &mut self,
        mut clusters: watch::Receiver<Arc<Cluster>>,
        first: oneshot::Sender<()>,
    ) {
        let mut first = Some(first);
        let mut pace = Pace::default();
        let endpoint = Cell::new(0);
        loop {
            let cluster = Arc::clone(&clusters.borrow_and_update());
            let was_wanted = self.thing.is_wanted();
            let tried =
                self.renew(&cluster.settings().name, &AtService(Visit::new(&cluster, &endpoint))).await;
            if let Some(first) = first.take() {
                // Nobody may wait for it any more.
                let _ = first.send(());
            }
            let asked = cluster.settings().clone();
            drop(cluster);
            self.rest(pace.rest(was_wanted, tried), &mut clusters, &asked).await;
        }
    }

    /// Tries once, and tells what came of it.
    async fn renew(&mut self, upstream: &str, service: &dyn Service) -> Tried {
        let policy = &*self.policy;
        let fetched = CatchPanic(Box::pin(fetch(&self.thing, service))).await.unwrap_or_else(|message| {
            self.panics.inc();
            tracing::error!(policy, upstream, "fetching what the policy needs panicked: {message}");
            Err(FetchError::new(format_args!("the gateway made a mistake: {message}")))
        });
        match fetched {
            Ok(is_new) => {
                let has_failed = self.told.take().is_some();
                if is_new || has_failed {
                    tracing::info!(policy, upstream, is_new, "fetched what the policy needs of the upstream");
                }
                if is_new { Tried::Renewed } else { Tried::Same }
            }
            Err(why) => {
                if self.told.as_ref() != Some(&why) {
                    tracing::warn!(policy, upstream, "cannot fetch what the policy needs: {why}");
                }
                self.thing.fail(why.clone());
                self.told = Some(why);
                Tried::Failed
            }
        }
    }

    /// Waits until it is time again, the policy misses something, or the upstream is another than the one that was asked.
    async fn rest(&self, rest: Rest, clusters: &mut watch::Receiver<Arc<Cluster>>, asked: &ClusterSettings) {
        let mut over = std::pin::pin!(tokio::time::sleep(rest.longest));
        let mut look = rest.soonest;
        loop {
            tokio::select! {
                () = &mut over => return,
                () = tokio::time::sleep(look) => {
                    if self.thing.is_wanted() { return }
                    look = SOONEST;
                }
                changed = clusters.changed() => {
                    // Without a sender this task is about to be aborted.
                    if changed.is_err() || clusters.borrow().settings() != asked { return }
                }
            }
        }
    }
}

/// Asks the service, and makes the thing of what it tells, away from this thread. One after the other: where making takes long,
/// nobody is asked meanwhile.
async fn fetch(thing: &Arc<dyn Renew>, service: &dyn Service) -> Result<bool, FetchError> {
    let asked = tokio::time::timeout(ONE_TRY, Arc::clone(thing).ask(service)).await;
    let making: Making =
        asked.map_err(|_| FetchError::new(format_args!("the service took longer than {ONE_TRY:?}")))??;
    match tokio::task::spawn_blocking(making).await {
        Ok(made) => made,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(FetchError::new("the gateway is about to end")),
        },
    }
}

/// An upstream as policies ask it.
struct AtService<'a>(Visit<'a>);

impl Service for AtService<'_> {
    fn ask<'a>(
        &'a self,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        Box::pin(async move {
            match self.0.ask(request, body, most).await {
                Ok(visited) => {
                    let body = WholeBody { bytes: visited.body, trailers: visited.trailers };
                    Ok((visited.head, body))
                }
                Err(error) => Err(FetchError::new(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests;
