//! One client's connection of HTTP/1, or one stream of HTTP/2: what an exchange has of its client. While a connection waits it
//! holds no buffer. What is done with requests is the business of `client` and `streams`.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use maitred_net::{Stream, Timer};
use maitred_policy::CertificateFacts;
use maitred_wire::{Broken, Nobody, Refusal, ServerSide};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listener::Admitted;
use crate::worker::{Counted, Worker};

/// How long a client may take to read the last answer of a connection that is closed on it.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes it may still send meanwhile.
const LINGER_BYTES: usize = 1 << 20;

/// The client's side of exchanges: of all on a connection of HTTP/1, or of the one on a stream.
pub(crate) struct Connection {
    pub(crate) client: ServerSide<Stream>,
    pub(crate) timer: Timer,
    pub(crate) peer: IpAddr,
    /// When it became idle, or was accepted: time that was read anyway.
    pub(crate) since: Instant,
    /// Its place among the connections of its listener, and the listener's name; what the listener is configured to,
    /// the current snapshot knows.
    pub(crate) admitted: Rc<Admitted>,
    /// What is known of how it came, beside what the socket itself tells.
    pub(crate) arrival: Option<Rc<Arrival>>,
    /// No request was read yet.
    pub(crate) is_new: bool,
    /// Its place among the connections of its worker; a stream has none of its own.
    pub(crate) counted: Option<Counted>,
}

/// How a connection came.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// The client's certificate, if it has shown one.
    pub(crate) certificate: Option<Rc<CertificateFacts>>,
    /// Both ends of the client's connection: its own and the one it asked for.
    pub(crate) ends: Option<(SocketAddr, SocketAddr)>,
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

/// What the wait for a request ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// There is something to read, perhaps the end.
    Readable,
    /// Nothing came in time.
    Late,
    /// The connection broke, or serves no further request.
    Over,
}

impl Connection {
    /// Waits for the first byte of the next request, for at most this long after the last one.
    pub(crate) async fn wait(&mut self, worker: &Worker, at_most: Duration) -> Waited {
        if self.client.has_unread() {
            return Waited::Readable;
        }
        self.timer.set(self.since + at_most);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(readable) = self.client.poll_readable(cx, Stream::poll_readable) {
                return Poll::Ready(if readable.is_ok() { Waited::Readable } else { Waited::Over });
            }
            if self.is_last(worker) {
                return Poll::Ready(Waited::Over);
            }
            self.timer.poll_fired(cx).map(|()| Waited::Late)
        })
        .await
    }

    /// Both ends of the client's connection, as far as they are addresses of the network.
    pub(crate) fn ends(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.arrival {
            Some(arrival) => arrival.ends,
            None => self.client.as_http1().and_then(|(_, stream)| stream.ends()),
        }
    }

    /// Whether it serves no request after this one: the worker drains, or its listener is gone.
    pub(crate) fn is_last(&self, worker: &Worker) -> bool {
        !worker.serves(&self.admitted.listener)
    }

    /// Closes gently: says that nothing more comes, and reads what the client still sends, because closing a socket with
    /// unread bytes destroys the answer on its way (RFC 9112 section 9.6).
    pub(crate) async fn linger(mut self: Box<Self>, worker: &Worker) {
        self.timer.set(worker.clock.now() + LINGER);
        let mut room = [0; 4096];
        let mut seen = 0;
        let mut is_shut = false;
        std::future::poll_fn(|cx| {
            if !is_shut {
                match Pin::new(&mut self.client).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => is_shut = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            loop {
                let mut bytes = ReadBuf::new(&mut room);
                match Pin::new(&mut self.client).poll_read(cx, &mut bytes) {
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

    /// Breaks an answer off: the client gets what it can take at once, and sees that this is not all.
    pub(crate) fn abort(mut self: Box<Self>) {
        self.cut();
    }

    /// The same in the middle of an answer that is read on: nobody is its client from now on.
    pub(crate) fn leave(&mut self) {
        self.cut();
        self.client = ServerSide::Nobody(Box::new(Nobody::left_behind(self.client.request_method())));
    }

    fn cut(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        // Neither can fail worse than the answer has already.
        let _ = self.client.poll_flush(&mut cx);
        if self.client.ends_with_connection()
            && let Some((_, stream)) = self.client.as_http1()
        {
            let _ = stream.reset_on_close();
        }
    }

    /// Sends what is held back, within `limit`.
    pub(crate) async fn flush(&mut self, until: Instant) -> Result<(), Broken> {
        let sent = self.until(until, ServerSide::poll_flush).await;
        sent.unwrap_or_else(|| Err(Broken::Io(std::io::ErrorKind::TimedOut.into())))
    }

    /// Waits for something of the client; nothing where it did not come in time.
    pub(crate) async fn until<T>(
        &mut self,
        until: Instant,
        mut poll: impl FnMut(&mut ServerSide<Stream>, &mut Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let mut is_set = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(came) = poll(&mut self.client, cx) {
                return Poll::Ready(Some(came));
            }
            if !std::mem::replace(&mut is_set, true) {
                self.timer.set(until);
            }
            self.timer.poll_fired(cx).map(|()| None)
        })
        .await
    }
}
