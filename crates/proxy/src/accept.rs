//! A worker's thread: accepts connections, takes orders, keeps house, and ends when it was told to drain and has.
//!
//! Every worker has a socket of its own for each listener, so that accepting crosses no threads.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_net::{Bound, QuicSocket};
use maitred_telemetry::ConnectionRefusal;
use maitred_wire::ServerSide;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_local};

use crate::connection::Connection;
use crate::listener::Admitted;
use crate::snapshot::Snapshot;
use crate::worker::{Counted, Worker};
use crate::{client, greet, quic};

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve with this from now on. Sockets are new ones, for listeners by name; listeners that the snapshot
    /// does not have any more are closed.
    Adopt(Arc<Snapshot>, Sockets),
    /// Accept nothing more, and end when the last connection has.
    Drain,
}

/// New sockets of one worker, by the names of their listeners.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) streams: Vec<(Arc<str>, Bound)>,
    pub(crate) quic: Vec<(Arc<str>, QuicSocket)>,
}

/// The tasks that accept, by the name of their listener.
#[derive(Debug, Default)]
struct Accepting {
    streams: HashMap<Arc<str>, AbortHandle>,
    quic: HashMap<Arc<str>, AbortHandle>,
}

/// Runs a worker until it was told to drain and has. To be called on a local runtime.
pub(crate) async fn run(
    worker: Worker,
    sockets: Sockets,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<()> {
    let worker = Rc::new(worker);
    let mut accepting = Accepting::default();
    listen(&worker, &mut accepting, sockets)?;
    spawn_local(drive_timers(Rc::clone(&worker)));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !worker.is_draining() || worker.connections() > 0 {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Adopt(snapshot, sockets)) => {
                    worker.adopt(snapshot);
                    stop_gone(&worker, &mut accepting, &sockets);
                    listen(&worker, &mut accepting, sockets)?;
                }
                Some(Command::Drain) | None => {
                    let Accepting { streams, quic } = &mut accepting;
                    streams.drain().chain(quic.drain()).for_each(|(_, task)| task.abort());
                    worker.drain();
                }
            },
            _ = second.tick() => worker.housekeep(),
            () = worker.emptied.notified() => {}
        }
    }
    worker.close_logs();
    Ok(())
}

/// Stops accepting where the snapshot has no listener any more, or where a new socket takes the place of the old one.
fn stop_gone(worker: &Worker, accepting: &mut Accepting, sockets: &Sockets) {
    let snapshot = worker.snapshot();
    let Sockets { streams, quic } = sockets;
    retain(&mut accepting.streams, |name| {
        snapshot.listener(name).is_some() && !streams.iter().any(|(new, _)| new == name)
    });
    retain(&mut accepting.quic, |name| {
        let has_quic = snapshot.listener(name).is_some_and(|listener| listener.quic.is_some());
        has_quic && !quic.iter().any(|(new, _)| new == name)
    });
}

fn retain(tasks: &mut HashMap<Arc<str>, AbortHandle>, stays: impl Fn(&Arc<str>) -> bool) {
    tasks.retain(|name, task| {
        let stays = stays(name);
        if !stays {
            task.abort();
        }
        stays
    });
}

fn listen(worker: &Rc<Worker>, accepting: &mut Accepting, sockets: Sockets) -> io::Result<()> {
    for (name, bound) in sockets.streams {
        let task = spawn_local(accept(Rc::clone(worker), Rc::from(&*name), bound.listen()?));
        accepting.streams.insert(name, task.abort_handle());
    }
    let snapshot = worker.snapshot();
    for (name, socket) in sockets.quic {
        let Some(quic) = snapshot.listener(&name).and_then(|listener| listener.quic.as_ref()) else {
            continue;
        };
        let task = spawn_local(quic::accept(Rc::clone(worker), Rc::from(&*name), socket.listen(quic)?));
        accepting.quic.insert(name, task.abort_handle());
    }
    Ok(())
}

/// Accepts connections of one listener until it is aborted.
async fn accept(worker: Rc<Worker>, name: Rc<str>, listener: maitred_net::Listener) {
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                worker.refused(&name, ConnectionRefusal::Descriptors);
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
                let connection = Box::new(Connection {
                    client: ServerSide::http1(accepted.stream),
                    timer: worker.timers.timer(),
                    peer,
                    since: worker.clock.now(),
                    admitted: Rc::new(admitted),
                    arrival: None,
                    is_new: true,
                    counted: Some(Counted::new(&worker)),
                });
                let settings = &snapshot.shared.listeners[index];
                if greet::is_needed(settings, peer) {
                    spawn_local(greet::greet(Rc::clone(&worker), Arc::clone(settings), connection));
                } else {
                    spawn_local(client::serve(Rc::clone(&worker), connection));
                }
            }
            Err(reason) => worker.refused(&name, reason),
        }
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
