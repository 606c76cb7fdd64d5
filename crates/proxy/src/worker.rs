//! What one thread owns: its event loop, listeners, connections to services, timers, clock and random source.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_net::{Bound, Timers};
use maitred_telemetry::{AccessFormat, AccessLog, AccessRecord, ConnectionRefusal, SharedCounter};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_local};

use crate::admission::Admitted;
use crate::clock::{Anchor, Clock};
use crate::connection;
use crate::local::{Heads, LocalSnapshot};
use crate::snapshot::Snapshot;

/// Heads kept for the next exchanges.
const KEPT_HEADS: usize = 256;
/// Memory that a kept head may hold.
const KEPT_BYTES: usize = 16 << 10;

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve with this from now on. Sockets are new ones, for listeners by name; listeners that the snapshot
    /// does not have any more are closed.
    Adopt(Arc<Snapshot>, Vec<(Arc<str>, Bound)>),
    /// Accept nothing more, and end when the last connection has.
    Drain,
}

/// What a worker is given to work with.
#[derive(Debug)]
pub(crate) struct Means {
    /// Where time comes from.
    pub(crate) clock: Clock,
    /// Counts exchanges that panicked.
    pub(crate) panics: Arc<SharedCounter>,
}

pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) count: usize,
    pub(crate) clock: Clock,
    pub(crate) panics: Arc<SharedCounter>,
    pub(crate) timers: Timers,
    anchor: Cell<Anchor>,
    snapshot: RefCell<Rc<LocalSnapshot>>,
    #[expect(clippy::vec_box, reason = "heads move between exchanges and the shelf, and are large")]
    heads: RefCell<Vec<Box<Heads>>>,
    random: RefCell<fastrand::Rng>,
    logs: RefCell<HashMap<Arc<str>, AccessLog>>,
    date: RefCell<(u64, [u8; 29])>,
    draining: Cell<bool>,
    connections: Cell<usize>,
}

impl Worker {
    /// Runs worker `index` of `count` until it was told to drain and has. To be called in a local task set.
    pub(crate) async fn run(
        (index, count): (usize, usize),
        means: Means,
        first: Arc<Snapshot>,
        sockets: Vec<(Arc<str>, Bound)>,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) -> io::Result<()> {
        let Means { clock, panics } = means;
        let mut random = fastrand::Rng::new();
        let snapshot = Rc::new(LocalSnapshot::new(first, (index, count), random.u32(..), None));
        let worker = Rc::new(Self {
            index,
            count,
            clock,
            panics,
            timers: Timers::new(clock.now()),
            anchor: Cell::new(Anchor::new(&clock)),
            snapshot: RefCell::new(snapshot),
            heads: RefCell::default(),
            random: RefCell::new(random),
            logs: RefCell::default(),
            date: RefCell::new((0, [0; 29])),
            draining: Cell::new(false),
            connections: Cell::new(0),
        });
        let mut listening = HashMap::new();
        worker.listen(&mut listening, sockets)?;
        spawn_local(drive_timers(Rc::clone(&worker)));
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !worker.draining.get() || worker.connections.get() > 0 {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Adopt(snapshot, sockets)) => worker.adopt(snapshot, sockets, &mut listening)?,
                    Some(Command::Drain) | None => worker.drain(&mut listening),
                },
                _ = second.tick() => worker.housekeep(),
            }
        }
        worker.logs.borrow_mut().clear();
        Ok(())
    }

    fn adopt(
        self: &Rc<Self>,
        snapshot: Arc<Snapshot>,
        sockets: Vec<(Arc<str>, Bound)>,
        listening: &mut HashMap<Arc<str>, AbortHandle>,
    ) -> io::Result<()> {
        let previous = self.snapshot();
        let offset = self.random.borrow_mut().u32(..);
        let local = LocalSnapshot::new(snapshot, (self.index, self.count), offset, Some(&previous));
        listening.retain(|name, accepting| {
            let stays = local.listener(name).is_some() && !sockets.iter().any(|(new, _)| new == name);
            if !stays {
                accepting.abort();
            }
            stays
        });
        *self.snapshot.borrow_mut() = Rc::new(local);
        drop(previous);
        self.listen(listening, sockets)
    }

    fn listen(
        self: &Rc<Self>,
        listening: &mut HashMap<Arc<str>, AbortHandle>,
        sockets: Vec<(Arc<str>, Bound)>,
    ) -> io::Result<()> {
        for (name, bound) in sockets {
            let accepting = spawn_local(accept(Rc::clone(self), Rc::from(&*name), bound.listen()?));
            listening.insert(name, accepting.abort_handle());
        }
        Ok(())
    }

    fn drain(&self, listening: &mut HashMap<Arc<str>, AbortHandle>) {
        for (_, accepting) in listening.drain() {
            accepting.abort();
        }
        self.draining.set(true);
        self.timers.wake_all();
    }

    /// Once a second: old connections to services are closed, logs handed over, the clock read again.
    fn housekeep(&self) {
        self.anchor.set(Anchor::new(&self.clock));
        let now = self.clock.now();
        for cluster in &self.snapshot().clusters {
            cluster.reap(now);
        }
        for log in self.logs.borrow_mut().values_mut() {
            log.flush();
        }
    }

    /// What requests are served with now.
    pub(crate) fn snapshot(&self) -> Rc<LocalSnapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        self.snapshot.borrow().shared.limits.idle_timeout
    }

    /// The time of day at an instant.
    pub(crate) fn wall(&self, at: Instant) -> std::time::SystemTime {
        self.anchor.get().wall(at)
    }

    /// Ten random bytes.
    pub(crate) fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
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

/// Counts a connection of a worker for as long as its task lives.
struct Counted(Rc<Worker>);

impl Counted {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

/// Accepts connections of one listener until it is aborted.
async fn accept(worker: Rc<Worker>, name: Rc<str>, listener: maitred_net::Listener) {
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                refused(&worker, &name, ConnectionRefusal::Descriptors);
                tracing::warn!(listener = %name, "cannot accept connections: {error}");
                // Out of descriptors or memory: trying again at once would only burn time.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let snapshot = worker.snapshot();
        let Some(index) = snapshot.shared.listeners.iter().position(|listener| *listener.name == *name)
        else {
            return;
        };
        let peer = accepted.peer.ip();
        match Admitted::admit(&snapshot.shared.listeners[index], &name, peer, worker.index) {
            Ok(admitted) => {
                let counted = Counted::new(&worker);
                let serving = connection::serve(Rc::clone(&worker), accepted.stream, peer, admitted);
                spawn_local(async move {
                    let _counted = counted;
                    serving.await;
                });
            }
            Err(reason) => refused(&worker, &name, reason),
        }
    }
}

fn refused(worker: &Worker, listener: &str, reason: ConnectionRefusal) {
    if let Some(listener) = worker.snapshot().listener(listener) {
        listener.series.at(worker.index).refused(reason).inc();
    }
}

/// Fires the worker's timers; sleeps while none is due.
async fn drive_timers(worker: Rc<Worker>) {
    loop {
        let next = worker.timers.fire(worker.clock.now());
        let earlier = std::future::poll_fn(|cx| worker.timers.poll_earlier(cx, next));
        match next {
            Some(next) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next.into()) => {}
                    () = earlier => {}
                }
            }
            None => earlier.await,
        }
    }
}
