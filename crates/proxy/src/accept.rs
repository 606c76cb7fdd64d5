//! A worker's thread: accepts connections, takes orders, keeps house, and ends when it was told to drain and has.
//!
//! Every worker has a socket of its own for each listener, so that accepting crosses no threads.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_net::{Bound, QuicServer, QuicSocket};
use maitred_telemetry::ConnectionRefusal;
use maitred_wire::ServerSide;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_local};

use crate::connection::Connection;
use crate::listener::Admitted;
use crate::snapshot::Snapshot;
use crate::worker::{Counted, Worker};
use crate::{client, greet, quic, refresh};

/// How far apart connections are taken while no requests are.
const PACE: Duration = Duration::from_millis(10);

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve with this from now on. Sockets are new ones, for listeners by name; listeners that the snapshot
    /// does not have any more are closed.
    Adopt(Arc<Snapshot>, Sockets),
    /// Accept nothing more, and end when the last connection has.
    Drain,
}

/// New sockets of one worker.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// By the names of their listeners.
    pub(crate) streams: Vec<(Arc<str>, Bound)>,
    /// Of whichever listener is at their address, each with how it begins.
    pub(crate) quic: Vec<(QuicSocket, QuicServer)>,
}

/// The tasks that accept, by the name of their listener.
type Accepting = HashMap<Arc<str>, AbortHandle>;

/// Runs a worker until it was told to drain and has. To be called on a local runtime.
pub(crate) async fn run(
    worker: Worker,
    sockets: Sockets,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<()> {
    let worker = Rc::new(worker);
    let _end = worker.beside.until_end();
    let mut accepting = Accepting::default();
    listen(&worker, &mut accepting, sockets)?;
    spawn_local(drive_timers(Rc::clone(&worker)));
    spawn_local(refresh::run(Rc::clone(&worker)));
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
                    for (_, task) in accepting.drain() {
                        task.abort();
                    }
                    worker.drain();
                }
            },
            due = second.tick() => worker.housekeep(due.into_std()),
            () = worker.emptied.notified() => {}
        }
    }
    worker.beside.finish().await;
    worker.close_logs();
    Ok(())
}

/// Stops accepting where the snapshot has no listener any more, or where a new socket takes the place of the old one.
fn stop_gone(worker: &Worker, accepting: &mut Accepting, sockets: &Sockets) {
    let snapshot = worker.snapshot();
    accepting.retain(|name, task| {
        let stays = snapshot.listener(name).is_some() && !sockets.streams.iter().any(|(new, _)| new == name);
        if !stays {
            task.abort();
        }
        stays
    });
}

fn listen(worker: &Rc<Worker>, accepting: &mut Accepting, sockets: Sockets) -> io::Result<()> {
    for (name, bound) in sockets.streams {
        let task = spawn_local(accept(Rc::clone(worker), Rc::from(&*name), bound.listen()?));
        accepting.insert(name, task.abort_handle());
    }
    for (socket, server) in sockets.quic {
        let address = socket.address();
        spawn_local(quic::accept(Rc::clone(worker), address, socket.listen(&server)?));
    }
    Ok(())
}

/// Accepts connections of one listener until it is aborted.
async fn accept(worker: Rc<Worker>, name: Rc<str>, listener: maitred_net::Listener) {
    loop {
        if worker.is_overloaded() {
            // Those that wait with the kernel take no memory of ours, and each that comes is told by an answer.
            tokio::time::sleep(PACE).await;
        }
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
