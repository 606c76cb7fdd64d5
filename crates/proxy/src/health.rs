//! Active checks of the snapshot in force: a task on the control runtime for each upstream that has them, for as long as a snapshot
//! wants it checked so. What a check is, and what follows from it, is in crate upstream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_telemetry::SharedCounter;
use maitred_upstream::{Cluster, HealthCheck, first_wait, keep_checking};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::snapshot::Snapshot;

/// The tasks of the snapshot in force.
#[derive(Debug)]
pub(crate) struct HealthChecks {
    /// By the names of the upstreams.
    kept: HashMap<Arc<str>, Kept>,
    panics: Arc<SharedCounter>,
}

/// An upstream that is checked.
#[derive(Debug)]
struct Kept {
    /// The upstream as the snapshot in force has it.
    cluster: watch::Sender<Arc<Cluster>>,
    task: AbortHandle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HealthChecks {
    /// No task yet. Panics of those to come are counted here.
    pub(crate) fn new(panics: Arc<SharedCounter>) -> Self {
        Self { kept: HashMap::new(), panics }
    }

    /// Checks what this snapshot wants checked from `now` on, and nothing else. What the last one wanted checked in the same way goes
    /// on; where it is another way, what was found before holds until checks say otherwise.
    pub(crate) fn adopt(&mut self, snapshot: &Snapshot, now: Instant) {
        let mut before = std::mem::take(&mut self.kept);
        let mut new = Vec::new();
        for upstream in &snapshot.upstreams {
            let cluster = &upstream.cluster;
            if cluster.settings().outlier_detection.is_none() {
                cluster.shared().forgive(now);
            }
            let Some(rules) = &cluster.settings().health_check else {
                cluster.shared().forget_checks(now);
                continue;
            };
            let name = &cluster.settings().name;
            match before.remove(name).filter(|kept| kept.goes_on(cluster)) {
                Some(kept) => {
                    kept.cluster.send_replace(Arc::clone(cluster));
                    self.kept.insert(Arc::clone(name), kept);
                }
                None => new.push((name, rules, cluster)),
            }
        }
        drop(before);
        let many = new.len();
        for (number, (name, rules, cluster)) in new.into_iter().enumerate() {
            let delay = first_wait(number, many, rules.interval);
            let kept = start(rules.clone(), Arc::clone(cluster), delay, Arc::clone(&self.panics));
            self.kept.insert(Arc::clone(name), kept);
        }
    }
}

impl Kept {
    /// Whether the upstream is to be checked as it was.
    fn goes_on(&self, cluster: &Cluster) -> bool {
        let is_same = self.cluster.borrow().settings().health_check == cluster.settings().health_check;
        is_same && !self.task.is_finished()
    }
}

fn start(rules: HealthCheck, cluster: Arc<Cluster>, delay: Duration, panics: Arc<SharedCounter>) -> Kept {
    let (cluster, clusters) = watch::channel(cluster);
    let task = tokio::task::spawn_local(keep_checking(rules, clusters, delay, panics));
    Kept { cluster, task: task.abort_handle() }
}
