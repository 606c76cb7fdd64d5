//! The gateway as a whole: its workers, the snapshot that they serve with, and how one takes the place of another.
//! It lives on the control runtime; workers hear of changes through their channel.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use maitred_http::Scheme;
use maitred_net::{ListenAddress, QuicSocket, bind};
use maitred_telemetry::{LogWriter, SharedCounter, Unwritten};
use maitred_upstream::{Resolve, discover};
use tokio::sync::{mpsc, oneshot};

use crate::abroad::{Abroad, Errands};
use crate::accept::{self, Command, Sockets};
use crate::background::Background;
use crate::chores::Chores;
use crate::clock::{Clock, StoreClock};
use crate::health::HealthChecks;
use crate::jobs::JobsShared;
use crate::overload::OverloadShared;
use crate::snapshot::Snapshot;
use crate::worker::{Means, Worker};

/// How long names may take to be resolved before the first requests are served without them.
const FIRST_LOOKUP: Duration = Duration::from_secs(5);
/// How many tasks a worker runs at most before it asks the kernel what else has come. Asking costs as much as half a
/// request; at a few microseconds for each task, nobody waits for a millisecond.
const TASKS_A_TURN: u32 = 255;

/// What a gateway needs from the program.
pub struct GatewayOptions {
    /// Threads that serve.
    pub workers: usize,
    /// Where time comes from.
    pub clock: Clock,
    /// Turns names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Counts lines of the access log that nobody took.
    pub access_log_dropped: Arc<SharedCounter>,
    /// Counts exchanges that panicked, and tries to fetch something.
    pub panics: Arc<SharedCounter>,
    /// Counts requests that policies wanted asked anew, for which there was no room.
    pub refreshes_dropped: Arc<SharedCounter>,
    /// Which workers take no new requests.
    pub overload: Arc<OverloadShared>,
}

/// A running gateway. To be used on the control runtime, which runs tasks that stay on its thread (`build_local`).
pub struct Gateway {
    options: GatewayOptions,
    current: Arc<Snapshot>,
    /// Snapshots that some exchange may still use. They are dropped here, where it stalls nobody.
    retired: Vec<Arc<Snapshot>>,
    workers: Vec<Running>,
    /// What each listener is bound to, by name.
    bound: AllBound,
    /// The addresses that are open for QUIC: to the end, since connections may go on there when the listener is gone or moved.
    quic: HashSet<SocketAddr>,
    writers: HashMap<Arc<str>, LogWriter>,
    background: Background,
    chores: Chores,
    /// When it began: what is counted over time is counted from here.
    began: Instant,
    health: HealthChecks,
    /// Where workers send what is to be asked of services that they do not know.
    errands: Errands,
    jobs: Arc<JobsShared>,
}

/// What the listeners are bound to, by their names.
type AllBound = HashMap<Arc<str>, BoundTo>;

/// What a listener is bound to.
#[derive(Clone, Debug)]
struct BoundTo {
    /// As the document has it.
    wanted: ListenAddress,
    /// With the port that was chosen.
    actual: ListenAddress,
}

struct Running {
    commands: mpsc::UnboundedSender<Command>,
    thread: JoinHandle<io::Result<()>>,
    ended: oneshot::Receiver<()>,
}

impl Gateway {
    /// Binds the listeners and starts the workers.
    pub async fn start(options: GatewayOptions, snapshot: Snapshot) -> io::Result<Self> {
        let snapshot = Arc::new(snapshot);
        let abroad = Rc::new(Abroad::new(Arc::clone(&options.resolver), options.clock));
        let mut gateway = Self {
            current: Arc::clone(&snapshot),
            retired: Vec::new(),
            workers: Vec::new(),
            bound: HashMap::new(),
            quic: HashSet::new(),
            writers: HashMap::new(),
            errands: abroad.run_errands(),
            background: Background::new(Arc::clone(&options.panics), abroad),
            chores: Chores::default(),
            began: options.clock.now(),
            health: HealthChecks::new(Arc::clone(&options.panics)),
            jobs: Arc::new(JobsShared::new(options.workers, Arc::clone(&options.panics))),
            options,
        };
        gateway.open_logs(&snapshot)?;
        gateway.find_endpoints(&snapshot).await;
        let (sockets, bound) = gateway.bind_new(&snapshot)?;
        gateway.chores.adopt(&snapshot);
        gateway.background.adopt(&snapshot).await;
        gateway.health.adopt(&snapshot, gateway.options.clock.now());
        gateway.hold(bound, &sockets, &snapshot);
        for (index, sockets) in sockets.into_iter().enumerate() {
            let running = gateway.start_worker(index, sockets)?;
            gateway.workers.push(running);
        }
        Ok(gateway)
    }

    /// The snapshot that is served with.
    pub fn current(&self) -> &Arc<Snapshot> {
        &self.current
    }

    /// The time as stores go by it.
    pub fn store_clock(&self) -> StoreClock {
        StoreClock::new(self.options.clock, self.began)
    }

    /// The listeners: their names, what their clients speak, and the addresses that they are bound to.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, Scheme, &ListenAddress)> {
        let bound = |name: &str| self.bound.get(name).map(|bound| &bound.actual);
        let listeners = self.current.listeners.iter();
        listeners.filter_map(move |listener| Some((&*listener.name, listener.scheme, bound(&listener.name)?)))
    }

    /// Puts another snapshot in place. If an address cannot be bound or a log not opened, nothing changes.
    pub async fn apply(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let snapshot = Arc::new(snapshot);
        self.open_logs(&snapshot)?;
        let (sockets, bound) = self.bind_new(&snapshot)?;
        self.find_endpoints(&snapshot).await;
        self.chores.adopt(&snapshot);
        self.background.adopt(&snapshot).await;
        self.health.adopt(&snapshot, self.options.clock.now());
        let before = std::mem::take(&mut self.bound);
        self.hold(bound, &sockets, &snapshot);
        for (worker, sockets) in self.workers.iter().zip(sockets) {
            // A worker that is gone has told why in the log.
            let _ = worker.commands.send(Command::Adopt(Arc::clone(&snapshot), sockets));
        }
        unlink(before.values().filter(|old| !self.bound.values().any(|new| new.actual == old.actual)));
        let old = std::mem::replace(&mut self.current, snapshot);
        old.leave_to(&self.current);
        self.retired.push(old);
        self.sweep();
        Ok(())
    }

    /// Drops the snapshots that nobody uses any more, and ends ejections whose time is over. To be called now and then.
    pub fn sweep(&mut self) {
        self.current.settle(self.options.clock.now());
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        let wanted = &self.current.logs;
        let in_use = |key: &Arc<str>| wanted.iter().any(|target| target.key == *key);
        if self.retired.is_empty() {
            self.writers.retain(|key, _| in_use(key));
        }
    }

    /// Opens log files again, after they were moved away.
    pub fn reopen_logs(&self) {
        for writer in self.writers.values() {
            writer.reopen();
        }
    }

    /// Whether every worker lives.
    pub fn is_alive(&self) -> bool {
        self.workers.iter().all(|worker| !worker.thread.is_finished())
    }

    /// Stops: nothing new is accepted, and what is under way may end within the document's `drain_timeout`. Answers
    /// whether it did.
    pub async fn drain(mut self) -> bool {
        for worker in &self.workers {
            // A worker that is gone has nothing to drain.
            let _ = worker.commands.send(Command::Drain);
        }
        unlink(self.bound.values());
        let limit = self.current.drain_limit;
        let all = async {
            for worker in &mut self.workers {
                // An error means that the worker is gone, which is what is waited for.
                let _ = (&mut worker.ended).await;
            }
        };
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        for (_, writer) in self.writers.drain() {
            if let Err(Unwritten(lines)) = writer.close(Duration::from_secs(2)) {
                tracing::warn!(lines, "the access log took too long; lines are lost");
            }
        }
        in_time
    }

    /// Remembers what was bound, and lets listeners tell their clients where HTTP/3 is spoken.
    fn hold(&mut self, bound: AllBound, sockets: &[Sockets], snapshot: &Snapshot) {
        let opened = sockets.iter().flat_map(|sockets| &sockets.quic);
        self.quic.extend(opened.map(|(socket, _)| socket.address()));
        for listener in &snapshot.listeners {
            let port = match bound.get(&listener.name) {
                Some(BoundTo { actual: ListenAddress::Tcp(address), .. }) if listener.quic.is_some() => {
                    address.port()
                }
                _ => 0,
            };
            listener.shared.http3_port.store(port, Ordering::Relaxed);
        }
        self.bound = bound;
    }

    fn start_worker(&self, index: usize, sockets: Sockets) -> io::Result<Running> {
        let (commands, received) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel::<()>();
        let (count, first) = (self.options.workers, Arc::clone(&self.current));
        let GatewayOptions { clock, panics, overload, refreshes_dropped, .. } = &self.options;
        let means = Means {
            clock: *clock,
            began: self.began,
            panics: Arc::clone(panics),
            overload: Arc::clone(overload),
            errands: self.errands.clone(),
            jobs: Arc::clone(&self.jobs),
            refreshes_dropped: Arc::clone(refreshes_dropped),
        };
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            // Dropped when the thread ends, however it does.
            let _end = end;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .event_interval(TASKS_A_TURN)
                .build_local(tokio::runtime::LocalOptions::default())?;
            let ran = runtime.block_on(async {
                accept::run(Worker::new((index, count), means, first), sockets, received).await
            });
            if let Err(error) = &ran {
                tracing::error!(worker = index, "worker ended: {error}");
            }
            ran
        })?;
        Ok(Running { commands, thread, ended })
    }

    /// Binds the listeners that are new or have moved: the sockets for each worker, and what is bound then.
    fn bind_new(&self, snapshot: &Snapshot) -> io::Result<(Vec<Sockets>, AllBound)> {
        let mut sockets: Vec<Sockets> = (0..self.options.workers).map(|_| Sockets::default()).collect();
        let mut bound = HashMap::new();
        for listener in &snapshot.listeners {
            let name = &listener.name;
            let said =
                |error: io::Error| io::Error::new(error.kind(), cannot_bind(name, &listener.address, &error));
            let before = self.bound.get(name).filter(|before| before.wanted == listener.address);
            let actual = match before {
                Some(before) => before.actual.clone(),
                None => self.bind(&listener.address, name, &mut sockets).map_err(said)?,
            };
            bound.insert(Arc::clone(name), BoundTo { wanted: listener.address.clone(), actual });
        }
        self.bind_quic(snapshot, &bound, &mut sockets)?;
        Ok((sockets, bound))
    }

    /// Binds what is new for QUIC, in one worker each.
    fn bind_quic(&self, snapshot: &Snapshot, bound: &AllBound, sockets: &mut [Sockets]) -> io::Result<()> {
        for listener in &snapshot.listeners {
            let Some(quic) = &listener.quic else { continue };
            let Some(BoundTo { actual: ListenAddress::Tcp(address), .. }) = bound.get(&listener.name) else {
                continue;
            };
            if self.quic.contains(address) {
                continue;
            }
            let holds = self.quic.iter().any(|open| open.port() == address.port());
            let socket = QuicSocket::bind(*address, holds).map_err(|error| {
                io::Error::new(error.kind(), cannot_bind(&listener.name, &listener.address, &error))
            })?;
            sockets[usize::from(listener.number) % self.options.workers].quic.push((socket, quic.clone()));
        }
        Ok(())
    }

    /// Binds one listener, and answers with the port that was chosen.
    fn bind(
        &self,
        address: &ListenAddress,
        name: &Arc<str>,
        sockets: &mut [Sockets],
    ) -> io::Result<ListenAddress> {
        let holds = self.bound.values().any(|held| {
            let is_port = matches!((&held.actual, address), (ListenAddress::Tcp(held), ListenAddress::Tcp(new)) if held.port() == new.port());
            is_port || held.wanted == *address
        });
        let new = bind(address, self.options.workers, holds)?;
        let actual = new.first().map_or_else(|| address.clone(), |first| first.address().clone());
        for (worker, socket) in sockets.iter_mut().zip(new) {
            worker.streams.push((Arc::clone(name), socket));
        }
        Ok(actual)
    }

    fn open_logs(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        for target in &snapshot.logs {
            let writer = if let Some(writer) = self.writers.get(&target.key) {
                writer
            } else {
                let dropped = Arc::clone(&self.options.access_log_dropped);
                let writer = LogWriter::start(target.destination.clone(), LogWriter::ACCESS_BATCHES, dropped)
                    .map_err(|error| {
                        io::Error::new(error.kind(), format!("cannot open {}: {error}", target.key))
                    })?;
                self.writers.entry(Arc::clone(&target.key)).or_insert(writer)
            };
            target.open(writer.queue());
        }
        Ok(())
    }

    /// Starts looking for the endpoints of new upstreams, and waits for the first answers.
    async fn find_endpoints(&self, snapshot: &Snapshot) {
        let known = |upstream: &crate::snapshot::Upstream| {
            let old = &self.current.upstreams;
            !std::ptr::eq(&raw const *self.current, snapshot)
                && old.iter().any(|old| Arc::ptr_eq(old.cluster.shared(), upstream.cluster.shared()))
        };
        let asked: Vec<_> = snapshot
            .upstreams
            .iter()
            .filter(|upstream| !known(upstream))
            .map(|upstream| discover(upstream.cluster.shared(), Arc::clone(&self.options.resolver)))
            .collect();
        let all = async {
            for answer in asked {
                // An error means that the upstream is gone already.
                let _ = answer.await;
            }
        };
        if tokio::time::timeout(FIRST_LOOKUP, all).await.is_err() {
            tracing::warn!(
                "names of upstreams are still being resolved; requests to them are answered 503 until then"
            );
        }
    }
}

/// Removes the files of Unix sockets that nobody listens on any more, so that clients see it at once.
fn unlink<'a>(bound: impl Iterator<Item = &'a BoundTo>) {
    for bound in bound {
        if let ListenAddress::Unix(path) = &bound.actual
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), "cannot remove the socket: {error}");
        }
    }
}

fn cannot_bind(listener: &str, address: &ListenAddress, error: &io::Error) -> String {
    let address = match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(path) => unix(path),
    };
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => ": another program listens there",
        io::ErrorKind::PermissionDenied => ": ports below 1024 need the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        _ => "",
    };
    format!("listener `{listener}` cannot listen at {address}{hint} ({error})")
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}
