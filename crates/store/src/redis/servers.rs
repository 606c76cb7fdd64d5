//! The servers of a store, and how one of them is asked: the one that has the key, over the connection of who asks, within the time-out.
//! Within a cluster a command is sent on to where it is told to go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::link::Link;
use super::node::{Elsewhere, NodeShared, Refusal};
use super::scripts::Script;
use super::settings::RedisSettings;
use super::tally::Tallies;
use super::topology::{Finder, Topology};
use super::watch::Watch;
use crate::answer::{Away, Said};
use crate::store::Seat;

/// So often one command is sent on within a cluster.
const MOST_HOPS: usize = 5;

/// Until keys of a cluster that are on their way may have come.
const ON_THE_WAY: Duration = Duration::from_millis(1);

/// The servers of a store.
#[derive(Debug)]
pub(super) struct ServersShared {
    pub(super) topology: ArcSwap<Topology>,
    /// The topology is another.
    pub(super) changed: Notify,
    /// Somebody has tried to find out which servers there are.
    was_sought: AtomicBool,
    pub(super) finder: Finder,
    pub(super) watch: Arc<Watch>,
    pub(super) tallies: Tallies,
    /// How long a command may take.
    pub(super) timeout: Duration,
}

impl ServersShared {
    pub(super) fn new(settings: &RedisSettings) -> Self {
        let watch = Arc::new(Watch::new(&settings.name));
        let finder = Finder::new(&settings.servers, &Arc::new(Link::new(settings)), &watch);
        let topology = ArcSwap::from_pointee(finder.begin());
        let (changed, was_sought, tallies) = (Notify::new(), AtomicBool::new(false), Tallies::default());
        Self { topology, changed, was_sought, finder, watch, tallies, timeout: settings.timeout }
    }

    /// It was tried to find out which servers there are: from now on nobody waits for that.
    pub(super) fn sought(&self) {
        self.was_sought.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// The name of a key that a command may be sent about; none where it is known already that it would be in vain. Where one server has all
    /// keys and is away, the name is not even made.
    pub(super) fn name(&self, make: impl FnOnce() -> String) -> Option<String> {
        let topology = self.topology.load();
        if topology.only().is_some_and(|node| node.is_open()) {
            return None;
        }
        let name = make();
        let is_open = topology.node(name.as_bytes()).is_some_and(|node| node.is_open());
        (!is_open).then_some(name)
    }

    /// Sends a command about a key.
    pub(super) async fn ask(&self, seat: Seat, key: &[u8], command: &Cmd) -> Said<Value> {
        self.within_time(seat, self.timeout, |until| self.send(seat, key, command, until)).await
    }

    /// Calls a script about a key.
    pub(super) async fn call(&self, seat: Seat, key: &[u8], script: &Script, call: &Cmd) -> Said<Value> {
        let calling = |until| async move {
            match self.send(seat, key, call, until).await {
                Err(Refusal::NoScript) => self.send(seat, key, &script.whole(call), until).await,
                said => said,
            }
        };
        self.within_time(seat, self.timeout, calling).await
    }

    /// Sends a command to this server of them, whatever it is about.
    pub(super) async fn ask_one(&self, seat: Seat, node: &Arc<NodeShared>, command: &Cmd) -> Said<Value> {
        self.within_time(seat, self.timeout, |until| node.ask(seat, command, false, until)).await
    }

    async fn within_time<F: Future<Output = Result<Value, Refusal>>>(
        &self,
        seat: Seat,
        timeout: Duration,
        asking: impl FnOnce(Instant) -> F,
    ) -> Said<Value> {
        let began = Instant::now();
        match asking(began + timeout).await {
            Ok(value) => {
                let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.tallies.answered(seat, micros);
                Ok(value)
            }
            Err(refusal) => {
                let away = match refusal {
                    Refusal::Away(away) => away,
                    Refusal::Elsewhere(_) => Away::Unreachable,
                    Refusal::NoScript => Away::Refused,
                };
                self.tallies.failed(seat, away);
                Err(away)
            }
        }
    }

    async fn send(&self, seat: Seat, key: &[u8], command: &Cmd, until: Instant) -> Result<Value, Refusal> {
        let mut node = self.node(key, until).await.ok_or(Refusal::Away(Away::Unreachable))?;
        let mut is_asking = false;
        for _ in 0..MOST_HOPS {
            let refusal = match node.ask(seat, command, is_asking, until).await {
                Err(Refusal::Elsewhere(elsewhere)) => elsewhere,
                said => return said,
            };
            let to = match &refusal {
                Elsewhere::Moved(place) => {
                    self.watch.moved();
                    Some(place)
                }
                Elsewhere::Ask(place) => Some(place),
                Elsewhere::Later => {
                    tokio::time::sleep(ON_THE_WAY).await;
                    None
                }
            };
            is_asking = matches!(refusal, Elsewhere::Ask(_));
            if let Some(place) = to {
                // One that is new is found by those who look after it, for the next request.
                let known = self.topology.load().at(place).cloned();
                node = known.ok_or(Refusal::Away(Away::Unreachable))?;
            }
        }
        Err(Refusal::Away(Away::Unreachable))
    }

    /// The server of a key. Until it was tried to find it out, this waits for it.
    async fn node(&self, key: &[u8], until: Instant) -> Option<Arc<NodeShared>> {
        loop {
            // Before the look, so that no change between is missed.
            let changed = self.changed.notified();
            let topology = self.topology.load();
            if let Some(node) = topology.node(key) {
                return Some(Arc::clone(node));
            }
            drop(topology);
            if self.was_sought.load(Ordering::Acquire) {
                return None;
            }
            timeout_at(until, changed).await.ok()?;
        }
    }
}
