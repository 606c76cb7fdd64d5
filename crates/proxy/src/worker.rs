//! What one thread owns: its snapshot with the connections to services, timers, clock, random source and logs. The loop that
//! accepts connections and takes orders is `accept`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_net::{Timers, release_memory};
use maitred_store::Moment;
use maitred_telemetry::{
    AccessFormat, AccessLog, AccessRecord, ConnectionRefusal, RepeatLimit, SharedCounter,
};

use tokio::sync::Notify;

use crate::abroad::Errands;
use crate::beside::WorkerBeside;
use crate::clock::{Anchor, Clock, micros, unix_micros};
use crate::jobs::JobsShared;
use crate::listener::ListenerSettings;
use crate::local::{Heads, LocalSnapshot};
use crate::overload::{Lag, OverloadShared};
use crate::refreshes::Refreshes;
use crate::snapshot::Snapshot;

/// Heads kept for the next exchanges.
const KEPT_HEADS: usize = 256;
/// Memory that a kept head may hold.
const KEPT_BYTES: usize = 16 << 10;

/// Lines in the log that any number of requests may be the cause of: of a route in a second, and routes that are told apart.
const LINES_PER_SECOND: u32 = 1;
const LINES_KEYS: usize = 100;

/// What a worker is given to work with.
#[derive(Debug)]
pub(crate) struct Means {
    /// Where time comes from.
    pub(crate) clock: Clock,
    /// When the gateway began: all workers count from there.
    pub(crate) began: Instant,
    /// Counts exchanges that panicked.
    pub(crate) panics: Arc<SharedCounter>,
    /// Which workers take no new requests.
    pub(crate) overload: Arc<OverloadShared>,
    /// Where it sends what is to be asked of services that it does not know.
    pub(crate) errands: Errands,
    /// What takes long.
    pub(crate) jobs: Arc<JobsShared>,
    /// Counts refreshes for which there was no room.
    pub(crate) refreshes_dropped: Arc<SharedCounter>,
}

pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) clock: Clock,
    pub(crate) panics: Arc<SharedCounter>,
    pub(crate) timers: Timers,
    pub(crate) errands: Errands,
    overload: Arc<OverloadShared>,
    pub(crate) jobs: Arc<JobsShared>,
    lag: Cell<Lag>,
    anchor: Cell<Anchor>,
    began: Instant,
    snapshot: RefCell<Rc<LocalSnapshot>>,
    #[expect(clippy::vec_box, reason = "heads move between exchanges and the shelf, and are large")]
    heads: RefCell<Vec<Box<Heads>>>,
    random: RefCell<fastrand::Rng>,
    logs: RefCell<HashMap<Arc<str>, AccessLog>>,
    date: RefCell<(u64, [u8; 29])>,
    pub(crate) refreshes: Refreshes,
    /// Copies of requests for mirrors that are under way.
    pub(crate) copies: Rc<Cell<usize>>,
    /// What outlives the hooks of policies reaches it through this.
    pub(crate) beside: Rc<WorkerBeside>,
    degraded: RefCell<RepeatLimit>,
    undecided: RefCell<RepeatLimit>,
    draining: Cell<bool>,
    connections: Cell<usize>,
    /// Told when the last connection ends while it drains.
    pub(crate) emptied: Notify,
}

impl Worker {
    /// Worker `index` of `count`, serving with `first`.
    pub(crate) fn new((index, count): (usize, usize), means: Means, first: Arc<Snapshot>) -> Self {
        let Means { clock, began, panics, overload, errands, jobs, refreshes_dropped } = means;
        let mut random = fastrand::Rng::new();
        let snapshot = Rc::new(LocalSnapshot::new(first, (index, count), random.u32(..), None));
        let timers = Timers::new(clock.now());
        Self {
            index,
            count,
            clock,
            panics,
            timers: timers.clone(),
            errands,
            overload,
            jobs,
            lag: Cell::default(),
            anchor: Cell::new(Anchor::new(&clock)),
            began,
            snapshot: RefCell::new(snapshot),
            heads: RefCell::default(),
            random: RefCell::new(random),
            logs: RefCell::default(),
            date: RefCell::new((0, [0; 29])),
            refreshes: Refreshes::new(refreshes_dropped),
            copies: Rc::default(),
            beside: Rc::new(WorkerBeside::new(index, clock, began, timers)),
            degraded: RefCell::new(RepeatLimit::new(LINES_PER_SECOND, LINES_KEYS)),
            undecided: RefCell::new(RepeatLimit::new(LINES_PER_SECOND, LINES_KEYS)),
            draining: Cell::new(false),
            connections: Cell::new(0),
            emptied: Notify::new(),
        }
    }

    /// Serves with another snapshot from now on.
    pub(crate) fn adopt(&self, snapshot: Arc<Snapshot>) {
        let previous = self.snapshot();
        let offset = self.random.borrow_mut().u32(..);
        let local = LocalSnapshot::new(snapshot, (self.index, self.count), offset, Some(&previous));
        let is_gone = |old: &Arc<ListenerSettings>| {
            local.listener(&old.name).is_none_or(|new| old.quic.is_some() && new.quic.is_none())
        };
        let some_are_gone = previous.shared.listeners.iter().any(is_gone);
        *self.snapshot.borrow_mut() = Rc::new(local);
        if some_are_gone {
            // Connections that wait there see that nothing comes any more.
            self.timers.wake_all();
        }
    }

    /// Lets connections end from now on.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.timers.wake_all();
    }

    /// How many connections it has.
    pub(crate) fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Hands over all that is logged.
    pub(crate) fn close_logs(&self) {
        self.logs.borrow_mut().clear();
    }

    /// Once a second, `due` being when: old connections to services are closed, logs handed over, the clock read again, and it is
    /// seen how late that is.
    pub(crate) fn housekeep(&self, due: Instant) {
        self.anchor.set(Anchor::new(&self.clock));
        let now = self.clock.now();
        self.look_at_lag(now.saturating_duration_since(due));
        if self.overload.is_short_of_memory(self.index) {
            release_memory();
        }
        for cluster in &self.snapshot().clusters {
            cluster.reap(now);
        }
        for log in self.logs.borrow_mut().values_mut() {
            log.flush();
        }
        let tell = |route: &str, suppressed| tracing::warn!(route, suppressed, "more answers were degraded");
        self.degraded.borrow_mut().settle(self.micros(now), tell);
        let tell =
            |route: &str, suppressed| tracing::warn!(route, suppressed, "more requests failed in policies");
        self.undecided.borrow_mut().settle(self.micros(now), tell);
    }

    /// Whether it is to be logged that an answer of this route was degraded, since many would be at once. Then: how many were not
    /// since the last one.
    pub(crate) fn logs_degraded(&self, route: &str, now: Instant) -> Option<u64> {
        self.degraded.borrow_mut().admit(route, self.micros(now))
    }

    /// The same, for a service that failed a policy of this route.
    pub(crate) fn logs_undecided(&self, route: &str, now: Instant) -> Option<u64> {
        self.undecided.borrow_mut().admit(route, self.micros(now))
    }

    /// An instant as a number, for what is counted by the second.
    fn micros(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.began))
    }

    fn look_at_lag(&self, late: Duration) {
        let (mut lag, was_late) = (self.lag.get(), self.overload.is_late(self.index));
        let is_late = lag.update(late, self.snapshot.borrow().shared.lag_limit);
        self.lag.set(lag);
        if is_late != was_late {
            self.overload.set_lag(self.index, is_late);
            let worker = self.index;
            if is_late {
                tracing::warn!(
                    worker,
                    ?late,
                    "overloaded: the worker is late; new requests to it are refused"
                );
            } else {
                tracing::info!(worker, "the worker is no longer late; requests are taken again");
            }
        }
    }

    /// Whether it takes no new requests, so that it can serve those that it has.
    #[inline]
    pub(crate) fn is_overloaded(&self) -> bool {
        self.overload.is_at(self.index)
    }

    /// What requests are served with now.
    pub(crate) fn snapshot(&self) -> Rc<LocalSnapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Whether connections of this listener go on: it is still there, and nothing drains.
    pub(crate) fn serves(&self, listener: &str) -> bool {
        !self.is_draining() && self.snapshot.borrow().listener(listener).is_some()
    }

    /// The same for connections of HTTP/3, which the listener may stop to speak.
    pub(crate) fn serves_http3(&self, listener: &str) -> bool {
        let snapshot = self.snapshot.borrow();
        !self.is_draining() && snapshot.listener(listener).is_some_and(|listener| listener.quic.is_some())
    }

    /// Counts a connection that was not let in.
    pub(crate) fn refused(&self, listener: &str, reason: ConnectionRefusal) {
        if let Some(listener) = self.snapshot.borrow().listener(listener) {
            listener.series.at(self.index).refused(reason).inc();
        }
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        self.snapshot.borrow().shared.limits.idle_timeout
    }

    /// The time as stores go by it. All workers of the process agree on it.
    pub(crate) fn moment(&self) -> Moment {
        let now = self.clock.now();
        let steady = micros(now.saturating_duration_since(self.began));
        Moment { steady, wall: unix_micros(self.wall(now)) }
    }

    /// The time of day at an instant.
    pub(crate) fn wall(&self, at: Instant) -> std::time::SystemTime {
        self.anchor.get().wall(at)
    }

    /// Where chance comes from: not for what nobody may guess.
    pub(crate) fn chance(&self) -> &RefCell<fastrand::Rng> {
        &self.random
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.borrow_mut().fill(&mut bytes);
        bytes
    }

    pub(crate) fn take_heads(&self) -> Box<Heads> {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn give_heads(&self, mut heads: Box<Heads>) {
        let held = heads.request.fields.capacity() + heads.response.fields.capacity();
        let mut kept = self.heads.borrow_mut();
        if kept.len() < KEPT_HEADS && held <= KEPT_BYTES {
            heads.clear();
            kept.push(heads);
        }
    }

    /// The value of a `Date` field (RFC 9110 section 5.6.7), written once a second.
    pub(crate) fn date(&self, unix_seconds: u64) -> [u8; 29] {
        let mut cached = self.date.borrow_mut();
        if cached.0 != unix_seconds {
            let text = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(unix_seconds));
            if let Ok(text) = text.as_bytes().try_into() {
                *cached = (unix_seconds, text);
            }
        }
        cached.1
    }

    /// Writes a record to the snapshot's log of this number.
    pub(crate) fn log(
        &self,
        snapshot: &Snapshot,
        log: usize,
        format: AccessFormat,
        record: &AccessRecord<'_>,
    ) {
        let target = &snapshot.logs[log];
        let mut logs = self.logs.borrow_mut();
        if let Some(log) = logs.get_mut(&target.key) {
            log.write(&format, record);
        } else if let Some(queue) = target.queue() {
            let mut log = AccessLog::new(queue.clone());
            log.write(&format, record);
            logs.insert(Arc::clone(&target.key), log);
        }
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Counts a connection of a worker for as long as its task lives.
pub(crate) struct Counted(Rc<Worker>);

impl Counted {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        if self.0.connections.get() == 0 && self.0.is_draining() {
            self.0.emptied.notify_one();
        }
    }
}
