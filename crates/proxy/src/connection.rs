//! One client's connection: waits for a request, has it served, and waits again. While it waits it holds no buffer and no
//! snapshot, and its task is small: all that a request needs is boxed and gone with it.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use maitred_net::{Stream, Timer};
use maitred_wire::h1::{HeadRead, Server};
use maitred_wire::{Broken, Refusal};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::admission::Admitted;
use crate::exchange;
use crate::forward::tunnel::Tunnel;
use crate::local::Heads;
use crate::respond;
use crate::worker::Worker;

/// How long a client may take to read the last answer of a connection that is closed on it.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes it may still send meanwhile.
const LINGER_BYTES: usize = 1 << 20;

/// A client's socket and the state of the protocol on it.
pub(crate) struct Connection {
    pub(crate) server: Server,
    pub(crate) stream: Stream,
    pub(crate) timer: Timer,
    pub(crate) peer: IpAddr,
    /// Name of its listener; what the listener is configured to, the current snapshot knows.
    pub(crate) listener: Rc<str>,
}

/// What becomes of a connection after a request.
pub(crate) enum After {
    /// It serves the next one.
    Wait,
    /// It is closed once the client has read its answer.
    Close,
    /// It is closed at once: the answer broke off, and must not look whole.
    Abort,
    /// It carries another protocol from now on.
    Tunnel(Box<Tunnel>),
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: IpAddr, admitted: Admitted) {
    let timer = worker.timers.timer();
    let listener = Rc::clone(&admitted.listener);
    let mut connection = Connection { server: Server::default(), stream, timer, peer, listener };
    loop {
        if !connection.server.has_unread() && !connection.wait(&worker).await {
            return;
        }
        let after = match CatchPanic(Box::pin(one_request(&worker, &mut connection))).await {
            Ok(after) => after,
            Err(message) => respond::panicked(&worker, &mut connection, &message).await,
        };
        match after {
            After::Wait if worker.is_draining() => return Box::pin(connection.linger(&worker)).await,
            After::Wait => {}
            After::Abort => return,
            After::Close => return Box::pin(connection.linger(&worker)).await,
            After::Tunnel(tunnel) => return Box::pin(tunnel.run(&worker, connection)).await,
        }
    }
}

/// A future whose panic is an error: one exchange that goes wrong takes no other with it.
struct CatchPanic<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => {
                let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
                Poll::Ready(Err(text.unwrap_or_else(|| "a panic without a message".to_owned())))
            }
        }
    }
}

/// Reads one head and serves it.
async fn one_request(worker: &Rc<Worker>, connection: &mut Connection) -> After {
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener(&connection.listener) else { return After::Close };
    let limits = &snapshot.shared.limits;
    let mut heads = worker.take_heads();
    connection.timer.set(worker.clock.now() + limits.head_timeout);
    let read = {
        let Connection { server, stream, timer, .. } = &mut *connection;
        let Heads { request, .. } = &mut *heads;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(read) = server.poll_head(cx, stream, limits, listener.paths, request) {
                return Poll::Ready(Some(read));
            }
            timer.poll_fired(cx).map(|()| None)
        })
        .await
    };
    let after = match read {
        Some(Ok(HeadRead::Request(announced))) => {
            exchange::serve(worker, &snapshot, listener, connection, &mut heads, announced).await
        }
        Some(Ok(HeadRead::Closed) | Err(Broken::Truncated | Broken::Io(_))) => After::Abort,
        Some(Err(Broken::Refused(refusal))) => {
            respond::refuse(worker, &snapshot, connection, &heads, refusal.into()).await
        }
        None => respond::refuse(worker, &snapshot, connection, &heads, respond::TOO_SLOW).await,
    };
    worker.give_heads(heads);
    after
}

/// What a refusal of the wire is answered with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) cause: &'static str,
    pub(crate) why: &'static str,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let cause = match refusal {
            Refusal::Bad(_) => "bad_request",
            Refusal::UriTooLong => "uri_too_long",
            Refusal::HeadTooLarge | Refusal::TooManyFields => "head_too_large",
            Refusal::Version => "version_not_supported",
            Refusal::Method => "method_refused",
            Refusal::Expectation => "expectation_failed",
        };
        Self { status: refusal.status(), cause, why: refusal.as_str() }
    }
}

impl Connection {
    /// Waits for the first byte of the next request; false if the connection is over.
    async fn wait(&mut self, worker: &Worker) -> bool {
        self.timer.set(worker.clock.now() + worker.idle_timeout());
        std::future::poll_fn(|cx| {
            if let Poll::Ready(readable) = self.stream.poll_readable(cx) {
                return Poll::Ready(readable.is_ok());
            }
            if worker.is_draining() || self.timer.poll_fired(cx).is_ready() {
                return Poll::Ready(false);
            }
            Poll::Pending
        })
        .await
    }

    /// Closes gently: says that nothing more comes, and reads what the client still sends, because closing a socket with
    /// unread bytes destroys the answer on its way (RFC 9112 section 9.6).
    async fn linger(mut self, worker: &Worker) {
        self.timer.set(worker.clock.now() + LINGER);
        let mut room = [0; 4096];
        let mut seen = 0;
        let mut is_shut = false;
        std::future::poll_fn(|cx| {
            if !is_shut {
                match Pin::new(&mut self.stream).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => is_shut = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            loop {
                let mut bytes = ReadBuf::new(&mut room);
                match Pin::new(&mut self.stream).poll_read(cx, &mut bytes) {
                    Poll::Ready(Ok(())) if !bytes.filled().is_empty() && seen < LINGER_BYTES => {
                        seen += bytes.filled().len();
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.timer.poll_fired(cx),
                }
            }
        })
        .await;
    }

    /// Sends what is held back, within `limit`.
    pub(crate) async fn flush(&mut self, until: Instant) -> Result<(), Broken> {
        self.timer.set(until);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(sent) = self.server.poll_flush(cx, &mut self.stream) {
                return Poll::Ready(sent);
            }
            self.timer.poll_fired(cx).map(|()| Err(Broken::Io(std::io::ErrorKind::TimedOut.into())))
        })
        .await
    }
}
