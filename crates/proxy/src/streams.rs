//! Serves one client of HTTP/2: each of its streams is an exchange, in a task of its own beside that of the connection.
//! The connection is closed when it is idle for too long, and ends gently when its worker or its listener does.

use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use maitred_net::{Stream, Timer};
use maitred_wire::ServerSide;
use maitred_wire::h2::{ServerConnection, ServerStream};
use tokio::task::spawn_local;

use crate::catch_panic::CatchPanic;
use crate::connection::{Arrival, Connection};
use crate::exchange::{self, After, respond};
use crate::listener::Admitted;
use crate::worker::{Counted, Worker};

/// How often a connection is looked at: an interval for the budgets of control frames and cancelled requests.
const LOOK: Duration = Duration::from_secs(10);

/// How long a client may take to hear that its connection ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the streams of a connection have in common.
#[derive(Clone)]
struct Shared {
    peer: IpAddr,
    admitted: Rc<Admitted>,
    arrival: Option<Rc<Arrival>>,
}

/// A connection, and how long nothing has happened on it.
struct Watched {
    http2: ServerConnection<Stream>,
    timer: Timer,
    shared: Shared,
    progress: u64,
    since: Instant,
    is_closing: bool,
    _counted: Option<Counted>,
}

/// Serves a connection to its end. `unread` was read of it already.
pub(crate) async fn serve(worker: &Rc<Worker>, connection: Connection, unread: Vec<u8>) {
    let Connection { client, timer, peer, admitted, arrival, counted, .. } = connection;
    let ServerSide::Http1 { stream, .. } = client else { return };
    let arrival = arrival.or_else(|| Some(Rc::new(Arrival { ends: stream.ends(), certificate: None })));
    let http2 = ServerConnection::new(stream, unread, &worker.snapshot().shared.limits);
    let since = worker.clock.now();
    let shared = Shared { peer, admitted, arrival };
    let progress = http2.progress();
    let mut watched = Watched { http2, timer, shared, progress, since, is_closing: false, _counted: counted };
    watched.look_again(worker);
    loop {
        match watched.next(worker).await {
            Came::Stream(stream) => {
                let (worker, shared) = (Rc::clone(worker), watched.shared.clone());
                spawn_local(one_stream(worker, shared, stream));
            }
            Came::Time => watched.look(worker),
            Came::End => return,
        }
    }
}

/// What came of waiting.
enum Came {
    Stream(Box<ServerStream>),
    Time,
    End,
}

impl Watched {
    async fn next(&mut self, worker: &Worker) -> Came {
        std::future::poll_fn(|cx| {
            if !worker.serves(&self.shared.admitted.listener) {
                self.http2.drain();
            }
            match self.http2.poll_accept(cx) {
                Poll::Ready(Ok(Some(stream))) => Poll::Ready(Came::Stream(Box::new(stream))),
                Poll::Ready(Ok(None)) => Poll::Ready(Came::End),
                Poll::Ready(Err(broken)) => {
                    tracing::debug!(client = %self.shared.peer, "the connection ended: {broken}");
                    Poll::Ready(Came::End)
                }
                Poll::Pending => {
                    if self.http2.is_closing() && !std::mem::replace(&mut self.is_closing, true) {
                        self.timer.set(worker.clock.now() + GOODBYE);
                    }
                    self.timer.poll_fired(cx).map(|()| Came::Time)
                }
            }
        })
        .await
    }

    /// Ends the connection where nothing happens on it any more: gently first.
    fn look(&mut self, worker: &Worker) {
        if self.http2.is_closing() {
            return self.http2.abort();
        }
        self.http2.renew();
        let now = worker.clock.now();
        let limits = &worker.snapshot().shared.limits;
        // Until its handshake is done a client has as long as for a head.
        let most = if self.progress == 0 { limits.head_timeout } else { limits.idle_timeout };
        if self.progress != self.http2.progress() {
            (self.progress, self.since) = (self.http2.progress(), now);
        } else if self.http2.streams() == 0 {
            match now.saturating_duration_since(self.since) {
                idle if idle >= 2 * most => self.http2.abort(),
                idle if idle >= most => self.http2.drain(),
                _ => {}
            }
        }
        self.look_again(worker);
    }

    fn look_again(&self, worker: &Worker) {
        let limits = &worker.snapshot().shared.limits;
        let often = LOOK.min(limits.idle_timeout).min(limits.head_timeout);
        self.timer.set(worker.clock.now() + often.max(Duration::from_millis(10)));
    }
}

/// Serves one stream to its end.
async fn one_stream(worker: Rc<Worker>, shared: Shared, stream: Box<ServerStream>) {
    let mut connection = Box::new(Connection {
        client: ServerSide::Http2(stream),
        timer: worker.timers.timer(),
        peer: shared.peer,
        since: worker.clock.now(),
        admitted: shared.admitted,
        arrival: shared.arrival,
        is_new: false,
        counted: None,
    });
    let after = match CatchPanic(Box::pin(one_request(&worker, &mut connection))).await {
        Ok(after) => after,
        Err(message) => Box::pin(respond::panicked(&worker, &mut connection, message)).await,
    };
    // A stream that ends before its answer is whole is reset when it is dropped.
    if let After::Tunnel(tunnel) = after {
        Box::pin(tunnel.run(&worker, connection)).await;
    }
}

async fn one_request(worker: &Rc<Worker>, connection: &mut Connection) -> After {
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener(&connection.admitted.listener) else { return After::Close };
    let limits = &snapshot.shared.limits;
    let mut heads = worker.take_heads();
    let Some(stream) = connection.client.as_http2() else { return After::Close };
    let after = match stream.read_head(limits, listener.paths, &mut heads.request) {
        Ok(announced) => {
            exchange::serve(worker, &snapshot, listener, connection, &mut heads, announced).await
        }
        Err(refusal) => respond::refuse(worker, &snapshot, connection, &heads, refusal.into()).await,
    };
    worker.give_heads(heads);
    after
}
