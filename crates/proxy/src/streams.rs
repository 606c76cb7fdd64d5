//! Serves one client of HTTP/2 or HTTP/3: each of its streams is an exchange, in a task of its own beside that of the connection.
//! The connection is closed when it is idle for too long, and ends gently when its worker or its listener does.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use maitred_net::{Stream, Timer};
use maitred_wire::{Broken, ServerSide, h2, h3};
use tokio::task::spawn_local;

use crate::catch_panic::CatchPanic;
use crate::connection::{Arrival, Connection};
use crate::exchange::{self, After, respond};
use crate::listener::Admitted;
use crate::worker::Worker;

/// How often a connection is looked at: an interval for the budgets of control frames and cancelled requests.
const LOOK: Duration = Duration::from_secs(10);

/// How long a client may take to hear that its connection ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// Who the streams of a connection come from.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    pub(crate) admitted: Rc<Admitted>,
    pub(crate) arrival: Option<Rc<Arrival>>,
}

/// Counts a handshake for as long as it is under way.
pub(crate) struct Greeting(Rc<Cell<usize>>);

impl Greeting {
    pub(crate) fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A connection that carries many exchanges.
pub(crate) enum Streams {
    Http2(Box<h2::ServerConnection<Stream>>),
    /// With its place among those whose handshake is under way.
    Http3(Box<h3::ServerConnection>, Option<Greeting>),
}

/// A stream that a client opened. Smaller than [`ServerSide`], because it moves through many hands until its task begins.
enum Opened {
    Http2(Box<h2::ServerStream>),
    Http3(Box<h3::ServerStream>),
}

impl From<Opened> for ServerSide<Stream> {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Http2(stream) => Self::Http2(stream),
            Opened::Http3(stream) => Self::Http3(stream),
        }
    }
}

impl Streams {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Opened>, Broken>> {
        match self {
            Self::Http2(http2) => http2.poll_accept(cx).map_ok(|came| came.map(Opened::Http2)),
            Self::Http3(http3, greeting) => {
                let came = http3.poll_accept(cx);
                if greeting.is_some() && http3.is_handshaken() {
                    *greeting = None;
                }
                came.map_ok(|came| came.map(|stream| Opened::Http3(Box::new(stream))))
            }
        }
    }

    fn drain(&mut self) {
        match self {
            Self::Http2(http2) => http2.drain(),
            Self::Http3(http3, _) => http3.drain(),
        }
    }

    fn abort(&mut self) {
        match self {
            Self::Http2(http2) => http2.abort(),
            Self::Http3(http3, _) => http3.abort(),
        }
    }

    fn renew(&self) {
        match self {
            Self::Http2(http2) => http2.renew(),
            Self::Http3(http3, _) => http3.renew(),
        }
    }

    fn progress(&self) -> u64 {
        match self {
            Self::Http2(http2) => http2.progress(),
            Self::Http3(http3, _) => http3.progress(),
        }
    }

    fn streams(&self) -> usize {
        match self {
            Self::Http2(http2) => http2.streams(),
            Self::Http3(http3, _) => http3.streams(),
        }
    }

    fn is_closing(&self) -> bool {
        match self {
            Self::Http2(http2) => http2.is_closing(),
            Self::Http3(http3, _) => http3.is_closing(),
        }
    }

    /// Whether what it was opened for goes on: its listener is there and speaks its version, and nothing drains.
    fn goes_on(&self, worker: &Worker, listener: &str) -> bool {
        match self {
            Self::Http2(_) => worker.serves(listener),
            Self::Http3(..) => worker.serves_http3(listener),
        }
    }

    /// Whether the client has done its part of the beginning.
    fn has_begun(&self) -> bool {
        match self {
            Self::Http2(http2) => http2.progress() > 0,
            Self::Http3(http3, _) => http3.is_handshaken(),
        }
    }
}

/// A connection, and how long nothing has happened on it.
struct Watched {
    streams: Streams,
    timer: Timer,
    client: Client,
    progress: u64,
    since: Instant,
    is_closing: bool,
}

/// Serves a connection of HTTP/2 to its end. `unread` was read of it already.
pub(crate) async fn serve_http2(worker: &Rc<Worker>, connection: Connection, unread: Vec<u8>) {
    let Connection { client, timer, peer, admitted, arrival, counted, .. } = connection;
    let ServerSide::Http1 { stream, .. } = client else { return };
    let arrival = arrival.or_else(|| Some(Rc::new(Arrival { ends: stream.ends(), certificate: None })));
    let http2 = h2::ServerConnection::new(stream, unread, &worker.snapshot().shared.limits);
    let client = Client { peer, admitted, arrival };
    serve(worker, Streams::Http2(Box::new(http2)), client, timer).await;
    drop(counted);
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: &Rc<Worker>, streams: Streams, client: Client, timer: Timer) {
    let (progress, since) = (streams.progress(), worker.clock.now());
    let mut watched = Watched { streams, timer, client, progress, since, is_closing: false };
    watched.look_again(worker);
    loop {
        match watched.next(worker).await {
            Came::Stream(stream) => {
                // Whom the handshake was done with: where packets come from later, anybody may write on them.
                spawn_local(one_stream(Rc::clone(worker), watched.client.clone(), stream));
            }
            Came::Time => watched.look(worker),
            Came::End => return,
        }
    }
}

/// What came of waiting.
enum Came {
    Stream(Opened),
    Time,
    End,
}

impl Watched {
    async fn next(&mut self, worker: &Worker) -> Came {
        std::future::poll_fn(|cx| {
            if !self.streams.goes_on(worker, &self.client.admitted.listener) {
                self.streams.drain();
            }
            match self.streams.poll_accept(cx) {
                Poll::Ready(Ok(Some(stream))) => Poll::Ready(Came::Stream(stream)),
                Poll::Ready(Ok(None)) => Poll::Ready(Came::End),
                Poll::Ready(Err(broken)) => {
                    tracing::debug!(client = %self.client.peer, "the connection ended: {broken}");
                    Poll::Ready(Came::End)
                }
                Poll::Pending => {
                    if self.streams.is_closing() && !std::mem::replace(&mut self.is_closing, true) {
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
        if self.streams.is_closing() {
            return self.streams.abort();
        }
        self.streams.renew();
        let now = worker.clock.now();
        let limits = &worker.snapshot().shared.limits;
        // Until its handshake is done a client has as long as for a head.
        let has_begun = self.streams.has_begun();
        let most = if has_begun { limits.idle_timeout } else { limits.head_timeout };
        if self.progress != self.streams.progress() {
            (self.progress, self.since) = (self.streams.progress(), now);
        } else if self.streams.streams() == 0 {
            match now.saturating_duration_since(self.since) {
                idle if idle >= 2 * most || !has_begun && idle >= most => self.streams.abort(),
                idle if idle >= most => self.streams.drain(),
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
async fn one_stream(worker: Rc<Worker>, client: Client, stream: Opened) {
    let mut connection = Box::new(Connection {
        client: stream.into(),
        timer: worker.timers.timer(),
        peer: client.peer,
        since: worker.clock.now(),
        admitted: client.admitted,
        arrival: client.arrival,
        is_new: false,
        counted: None,
    });
    let after = match CatchPanic(Box::pin(one_request(&worker, &mut connection))).await {
        Ok(after) => after,
        Err(message) => Box::pin(respond::panicked(&worker, &mut connection, message)).await,
    };
    // A stream that ends before its answer is whole is reset when it is dropped.
    if let After::Tunnel(tunnel) = after {
        return Box::pin(tunnel.run(&worker, connection)).await;
    }
    // As long as it takes to arrive, for a client that takes it: its connection must not be closed under it.
    let until = worker.clock.now() + worker.idle_timeout();
    connection.until(until, ServerSide::poll_delivered).await;
}

async fn one_request(worker: &Rc<Worker>, connection: &mut Connection) -> After {
    let until = worker.clock.now() + worker.snapshot().shared.limits.head_timeout;
    match connection.until(until, ServerSide::poll_head).await {
        Some(Ok(())) => {}
        Some(Err(broken)) => {
            tracing::debug!(client = %connection.peer, "a request did not come about: {broken}");
            return After::Close;
        }
        None => {
            tracing::debug!(client = %connection.peer, "a request took too long to come");
            return After::Close;
        }
    }
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener(&connection.admitted.listener) else { return After::Close };
    let limits = &snapshot.shared.limits;
    let mut heads = worker.take_heads();
    let after = match connection.client.read_head(limits, listener.paths, &mut heads.request) {
        Ok(_) if worker.is_overloaded() => respond::shed(worker, &snapshot, connection, &heads).await,
        Ok(announced) => {
            exchange::serve(worker, &snapshot, listener, connection, &mut heads, (announced, None)).await
        }
        Err(refusal) => respond::refuse(worker, &snapshot, connection, &heads, refusal.into()).await,
    };
    worker.give_heads(heads);
    after
}
