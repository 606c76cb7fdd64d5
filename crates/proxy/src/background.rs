//! What policies have from elsewhere, fetched beside the requests: a task on the control runtime for each thing, for as long as a
//! snapshot wants it. It asks at once, again when a while has passed or a policy wants it, and with growing pauses where that fails.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::{Asking, FetchError, Renew, Service, WholeBody};
use maitred_upstream::{Cluster, ClusterSettings, Visit};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use crate::pipeline::PolicyInstance;
use crate::snapshot::Snapshot;

/// How long the first tries may hold up a new snapshot: most services answer at once, and their first requests find what they
/// need.
const FIRST_TRIES: Duration = Duration::from_secs(2);
/// How long one try may take, with all its questions.
const ONE_TRY: Duration = Duration::from_secs(10);
/// How long what was fetched holds.
const RENEWAL: Duration = Duration::from_mins(5);
/// How soon it is renewed where a policy wants that: at most once in this time.
const SOONEST: Duration = Duration::from_secs(5);
/// How long to wait after a failure; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// The tasks of the snapshot in force.
#[derive(Debug, Default)]
pub(crate) struct Background(Vec<Kept>);

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
    /// Fetches what this snapshot wants from now on, and nothing else. What the last one wanted too goes on. Waits a moment for the
    /// first tries.
    pub(crate) async fn adopt(&mut self, snapshot: &Snapshot) {
        let mut before = std::mem::take(&mut self.0);
        let mut tried = Vec::new();
        for instance in &snapshot.policies {
            let Some((thing, cluster)) = instance.policy.fetched().zip(cluster_of(snapshot, instance)) else {
                continue;
            };
            let same = |kept: &Kept| is_same(&kept.thing, &thing);
            if let Some(at) = before.iter().position(same) {
                let kept = before.swap_remove(at);
                kept.cluster.send_replace(cluster);
                self.0.push(kept);
            } else {
                let (first, told) = oneshot::channel();
                tried.push(told);
                self.0.push(start(thing, cluster, instance, first));
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

fn start(
    thing: Arc<dyn Renew>,
    cluster: Arc<Cluster>,
    instance: &PolicyInstance,
    first: oneshot::Sender<()>,
) -> Kept {
    let (cluster, clusters) = watch::channel(cluster);
    let policy = Rc::from(&*instance.name);
    let keeper = Keeper { thing: Arc::clone(&thing), clusters, policy, told: None };
    let task = tokio::task::spawn_local(keeper.keep_current(first)).abort_handle();
    Kept { thing, cluster, task }
}

/// The task.
struct Keeper {
    thing: Arc<dyn Renew>,
    clusters: watch::Receiver<Arc<Cluster>>,
    policy: Rc<str>,
    /// The failure that was told last, so that each is told once.
    told: Option<FetchError>,
}

impl Keeper {
    /// Never ends by itself.
    async fn keep_current(mut self, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let mut retry = FIRST_RETRY;
        loop {
            let cluster = Arc::clone(&self.clusters.borrow_and_update());
            let wait = if self.renew(&cluster).await {
                retry = FIRST_RETRY;
                RENEWAL
            } else {
                let wait = retry;
                retry = (retry * 2).min(LONGEST_RETRY);
                wait
            };
            if let Some(first) = first.take() {
                // Nobody may wait for it any more.
                let _ = first.send(());
            }
            let asked = cluster.settings().clone();
            drop(cluster);
            self.rest(wait, &asked).await;
        }
    }

    /// Tries once, and tells what came of it. Answers whether it went well.
    async fn renew(&mut self, cluster: &Cluster) -> bool {
        let (policy, upstream) = (&*self.policy, &*cluster.settings().name);
        let at_service = AtService(Visit::new(cluster));
        let tried = tokio::time::timeout(ONE_TRY, self.thing.renew(&at_service)).await;
        let late = |_| Err(FetchError(format!("the service took longer than {ONE_TRY:?}")));
        match tried.unwrap_or_else(late) {
            Ok(is_new) => {
                let has_failed = self.told.take().is_some();
                if is_new || has_failed {
                    tracing::info!(policy, upstream, is_new, "fetched what the policy needs of the upstream");
                }
                true
            }
            Err(why) => {
                if self.told.as_ref() != Some(&why) {
                    tracing::warn!(policy, upstream, "cannot fetch what the policy needs: {why}");
                }
                self.thing.fail(why.clone());
                self.told = Some(why);
                false
            }
        }
    }

    /// Waits until it is time again, the policy misses something, or the upstream is another than the one that was asked.
    async fn rest(&mut self, wait: Duration, asked: &ClusterSettings) {
        let mut over = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            tokio::select! {
                () = &mut over => return,
                () = tokio::time::sleep(SOONEST) => if self.thing.is_wanted() { return },
                changed = self.clusters.changed() => {
                    // Without a sender this task is about to be aborted.
                    if changed.is_err() || self.clusters.borrow().settings() != asked { return }
                }
            }
        }
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
                Err(error) => Err(FetchError(error.to_string())),
            }
        })
    }
}
