//! What policies have from elsewhere, fetched beside the requests: a task on the control runtime for each thing, for as long as a
//! snapshot wants it. It asks at once, again when a while has passed or a policy wants it, and with growing pauses where that fails.

mod pace;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_config::scalar::HttpUrl;
use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::{Asking, FetchError, Fetching, Made, Making, Origin, Renew, Service, WholeBody};
use maitred_telemetry::SharedCounter;
use maitred_upstream::{Cluster, ClusterSettings, Visit};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use self::pace::{Pace, Rest, Tried};
use crate::abroad::{self, Abroad};
use crate::catch_panic::CatchPanic;
use crate::pipeline::PolicyInstance;
use crate::snapshot::Snapshot;

/// How long the first tries may hold up a new snapshot: most services answer at once, and their first requests find what they
/// need.
const FIRST_TRIES: Duration = Duration::from_secs(2);
/// How long a service may be asked in one try, with all questions. What is made of the answers takes the time that it takes, on a
/// thread where it holds up nobody.
const ONE_TRY: Duration = Duration::from_secs(10);
/// How often it is looked whether a policy wants something anew, once it may: requests can be waiting for it.
const LOOK: Duration = Duration::from_millis(200);

/// The tasks of the snapshot in force.
#[derive(Debug)]
pub(crate) struct Background {
    kept: Vec<Kept>,
    panics: Arc<SharedCounter>,
    abroad: Rc<Abroad>,
}

/// A thing that is kept up to date.
struct Kept {
    thing: Arc<dyn Renew>,
    asked: watch::Sender<Asked>,
    task: AbortHandle,
}

/// Who is asked for a thing, as the snapshot in force has them.
#[derive(Clone)]
struct Asked {
    /// The upstream; none where only URLs are asked.
    cluster: Option<Arc<Cluster>>,
    /// All upstreams: URLs may lead to one.
    clusters: Rc<[Arc<Cluster>]>,
    /// The name of the upstream, or the URL.
    name: Arc<str>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.asked.borrow().name)
    }
}

impl Background {
    /// No task yet. Panics of those to come are counted here.
    pub(crate) fn new(panics: Arc<SharedCounter>, abroad: Rc<Abroad>) -> Self {
        Self { kept: Vec::new(), panics, abroad }
    }

    /// Fetches what this snapshot wants from now on, and nothing else. What the last one wanted too goes on. Waits a moment for the
    /// first tries.
    pub(crate) async fn adopt(&mut self, snapshot: &Snapshot) {
        let mut before = std::mem::take(&mut self.kept);
        let mut tried = Vec::new();
        let clusters: Rc<[_]> =
            snapshot.upstreams.iter().map(|upstream| Arc::clone(&upstream.cluster)).collect();
        for (instance, Fetching { thing, from }) in wanted(snapshot) {
            let Some(asked) = asked_of(snapshot, &clusters, instance, &from) else { continue };
            if self.kept.iter().any(|kept| is_same(&kept.thing, &thing)) {
                // Another policy shares it.
                continue;
            }
            let same = |kept: &Kept| is_same(&kept.thing, &thing) && !kept.task.is_finished();
            if let Some(at) = before.iter().position(same) {
                let kept = before.swap_remove(at);
                kept.asked.send_replace(asked);
                self.kept.push(kept);
            } else {
                let (first, told) = oneshot::channel();
                tried.push(told);
                let (panics, abroad) = (Arc::clone(&self.panics), Rc::clone(&self.abroad));
                self.kept.push(start(Keeper::new(thing, instance, panics, abroad), asked, first));
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

/// What the policies of a snapshot want to be fetched.
fn wanted(snapshot: &Snapshot) -> impl Iterator<Item = (&PolicyInstance, Fetching)> {
    let policies = snapshot.policies.iter();
    policies
        .flat_map(|instance| instance.policy.fetched().into_iter().map(move |wanted| (&**instance, wanted)))
}

fn asked_of(
    snapshot: &Snapshot,
    clusters: &Rc<[Arc<Cluster>]>,
    instance: &PolicyInstance,
    from: &Origin,
) -> Option<Asked> {
    let (name, cluster) = match from {
        Origin::Urls(first) => (first.as_str().into(), None),
        Origin::Route | Origin::Upstream(_) => {
            let cluster = &snapshot.upstreams[snapshot.asked_by(instance, from)?].cluster;
            (Arc::clone(&cluster.settings().name), Some(Arc::clone(cluster)))
        }
    };
    Some(Asked { cluster, clusters: Rc::clone(clusters), name })
}

fn start(mut keeper: Keeper, asked: Asked, first: oneshot::Sender<()>) -> Kept {
    let thing = Arc::clone(&keeper.thing);
    let (asked, changes) = watch::channel(asked);
    let task = tokio::task::spawn_local(async move { keeper.keep_current(changes, first).await });
    Kept { thing, asked, task: task.abort_handle() }
}

/// The task.
struct Keeper {
    thing: Arc<dyn Renew>,
    policy: Rc<str>,
    panics: Arc<SharedCounter>,
    abroad: Rc<Abroad>,
    /// The failure that was told last, so that each is told once.
    told: Option<FetchError>,
}

impl Keeper {
    fn new(
        thing: Arc<dyn Renew>,
        instance: &PolicyInstance,
        panics: Arc<SharedCounter>,
        abroad: Rc<Abroad>,
    ) -> Self {
        Self { thing, policy: Rc::from(&*instance.name), panics, abroad, told: None }
    }

    /// Never ends by itself.
    async fn keep_current(&mut self, mut changes: watch::Receiver<Asked>, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let mut pace = Pace::default();
        let endpoint = Cell::new(0);
        loop {
            let asked = changes.borrow_and_update().clone();
            let was_wanted = self.thing.is_wanted();
            let abroad = Rc::clone(&self.abroad);
            let service = AtServices {
                upstream: asked.cluster.as_ref().map(|cluster| Visit::new(cluster, &endpoint)),
                clusters: &asked.clusters,
                abroad: &abroad,
            };
            let tried = self.renew(&asked.name, &service).await;
            if let Some(first) = first.take() {
                // Nobody may wait for it any more.
                let _ = first.send(());
            }
            let settings = asked.cluster.as_ref().map(|cluster| cluster.settings().clone());
            drop(service);
            drop(asked);
            self.rest(pace.rest(was_wanted, tried), &mut changes, settings.as_ref()).await;
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
            Ok(Made { is_new, holds }) => {
                let has_failed = self.told.take().is_some();
                if is_new || has_failed {
                    tracing::info!(policy, upstream, is_new, "fetched what the policy needs of the upstream");
                }
                if is_new { Tried::Renewed(holds) } else { Tried::Same(holds) }
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
    async fn rest(
        &self,
        rest: Rest,
        changes: &mut watch::Receiver<Asked>,
        settings: Option<&ClusterSettings>,
    ) {
        let mut over = std::pin::pin!(tokio::time::sleep(rest.longest));
        let mut look = rest.soonest;
        loop {
            tokio::select! {
                () = &mut over => return,
                () = tokio::time::sleep(look) => {
                    if self.thing.is_wanted() { return }
                    look = LOOK;
                }
                changed = changes.changed() => {
                    // Without a sender this task is about to be aborted.
                    if changed.is_err() { return }
                    let asked = changes.borrow_and_update();
                    if asked.cluster.as_ref().map(|cluster| cluster.settings()) != settings { return }
                }
            }
        }
    }
}

/// Asks the service, and makes the thing of what it tells, away from this thread. One after the other: where making takes long,
/// nobody is asked meanwhile.
async fn fetch(thing: &Arc<dyn Renew>, service: &dyn Service) -> Result<Made, FetchError> {
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

/// Services as policies ask them.
struct AtServices<'a> {
    /// The upstream; none where only URLs are asked.
    upstream: Option<Visit<'a>>,
    clusters: &'a [Arc<Cluster>],
    abroad: &'a Abroad,
}

impl Service for AtServices<'_> {
    fn now(&self) -> Instant {
        self.abroad.now()
    }

    fn ask<'a>(
        &'a self,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        Box::pin(async move {
            let upstream = self.upstream.as_ref();
            let upstream = upstream.ok_or_else(|| FetchError::new("only URLs are asked for this"))?;
            match upstream.ask(request, body, most).await {
                Ok(visited) => {
                    let body = WholeBody { bytes: visited.body, trailers: visited.trailers };
                    Ok((visited.head, body))
                }
                Err(error) => Err(FetchError::new(error)),
            }
        })
    }

    fn visit<'a>(
        &'a self,
        url: &'a HttpUrl,
        bundle: Option<&'a [u8]>,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        Box::pin(async move {
            let known = self.clusters.iter().find(|cluster| bundle.is_none() && abroad::is_at(cluster, url));
            let asked = match known {
                Some(cluster) => {
                    let first = Cell::new(0);
                    abroad::visit(&Visit::new(cluster, &first), url, request, body, most).await
                }
                None => self.abroad.ask(url, bundle, request, body, most).await,
            };
            asked.map_err(|error| FetchError::new(format_args!("{url}: {error}")))
        })
    }
}

#[cfg(test)]
mod tests;
