//! Active checks: one task for each upstream asks its endpoints again and again, a few at a time, and says of each whether it can
//! serve. It runs on the control runtime; workers only read what it found.

mod ask;
mod rounds;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_telemetry::SharedCounter;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use self::ask::{Check, CheckFailure};
use self::rounds::Rounds;
use crate::cluster::Cluster;
use crate::endpoint::Member;
use crate::health::{Health, HealthCheck};

/// How many endpoints of an upstream are asked at once, and how many first checks are not spread.
const AT_ONCE: usize = 16;
/// How often is looked for endpoints that were found since.
const LOOK: Duration = Duration::from_secs(1);

/// How much is told of a failure, in characters: some of it may be the service's words.
const MOST_TOLD: usize = 300;

/// What came of a check, by the number of its task.
type Ended = Result<(Id, Result<(), CheckFailure>), JoinError>;

/// How long the first check of number `number` of `many` waits: those of many are spread over an `interval`, or over five seconds
/// where that is shorter.
pub fn first_wait(number: usize, many: usize, interval: Duration) -> Duration {
    const SPREAD: Duration = Duration::from_secs(5);
    if many <= AT_ONCE { Duration::ZERO } else { interval.min(SPREAD).mul_f64(number as f64 / many as f64) }
}

/// Checks the endpoints of an upstream as `rules` say, for as long as `clusters` tells of it; begins after `delay`. Of another
/// configuration of the upstream only the endpoints, and how they are connected to, are taken over. To be run where tasks stay on
/// their thread. Checks that panic are counted in `panics`, and have failed.
pub async fn keep_checking(
    rules: HealthCheck,
    mut clusters: watch::Receiver<Arc<Cluster>>,
    delay: Duration,
    panics: Arc<SharedCounter>,
) {
    tokio::time::sleep(delay).await;
    let check = Rc::new(Check::new(&rules));
    let mut rounds = Rounds::new(rules, fastrand::Rng::new());
    let mut running = JoinSet::new();
    loop {
        let cluster = Arc::clone(&clusters.borrow_and_update());
        rounds.adopt(&cluster.endpoints(), Instant::now());
        while running.len() < AT_ONCE
            && let Some(turn) = rounds.begin(Instant::now())
        {
            let (check, cluster, endpoint) =
                (Rc::clone(&check), Arc::clone(&cluster), turn.member.endpoint.clone());
            let task = running.spawn_local(async move { check.ask(&cluster, &endpoint).await });
            turn.task = Some(task.id());
        }
        let is_full = running.len() >= AT_ONCE;
        let now = Instant::now();
        let next = rounds.next().unwrap_or(now + LOOK).min(now + LOOK);
        tokio::select! {
            Some(ended) = running.join_next_with_id() => note(&mut rounds, &cluster, ended, &panics),
            () = sleep_until(next), if !is_full => {}
            changed = clusters.changed() => if changed.is_err() { return },
        }
    }
}

/// Notes what came of a check, and tells what that changes.
fn note(rounds: &mut Rounds, cluster: &Cluster, ended: Ended, panics: &SharedCounter) {
    let (task, result) = match ended {
        Ok((task, result)) => (task, result),
        Err(error) => {
            panics.inc();
            let upstream = &*cluster.settings().name;
            tracing::error!(upstream, "a health check panicked: {error}");
            (error.id(), Err(CheckFailure::Mistake))
        }
    };
    let now = Instant::now();
    // Nobody wants to know it of an endpoint that is gone.
    let Some((member, found)) = rounds.end(task, result.is_ok(), now) else { return };
    let counts = &cluster.shared().health;
    if result.is_ok() { &counts.passed } else { &counts.failed }.inc();
    tell(cluster, member, found, result.err(), now);
}

fn tell(cluster: &Cluster, member: &Member, found: Health, failure: Option<CheckFailure>, now: Instant) {
    let failure = failure.map(|failure| cut(failure.to_string()));
    let why = failure.clone().unwrap_or_default();
    let before = member.shared.find(found, failure, now.into_std());
    let (upstream, endpoint) = (&*cluster.settings().name, member.endpoint.to_string());
    match (before, found) {
        (Health::Unhealthy, Health::Healthy) => {
            tracing::info!(upstream, endpoint, "the endpoint is healthy again");
        }
        (Health::Unknown | Health::Healthy, Health::Unhealthy) => {
            tracing::warn!(upstream, endpoint, "the endpoint is unhealthy: {why}");
        }
        _ if !why.is_empty() => tracing::debug!(upstream, endpoint, "a health check failed: {why}"),
        _ => {}
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_TOLD) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
