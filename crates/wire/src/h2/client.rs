//! The gateway's end of a connection to a service: opens streams on it, as many as the service takes. Which connection a request
//! takes, and when another one is opened, is the business of `maitred-upstream`.

mod stream;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ::h2::client::{Builder, Connection, SendRequest};
use maitred_http::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::stream::ClientStream;
use super::chunk::Chunk;
use super::transport::Transport;
use super::vitals::Vitals;
use super::{FRAME_SIZE, RESET_MEMORY, as_u32, errors, windows};
use crate::error::Broken;
use crate::limits::Limits;

/// Streams that may be opened before the service has said how many it takes: what RFC 9113 section 6.5.2 recommends at least.
const STREAMS_AT_FIRST: usize = 100;

/// A connection to a service, to open streams on. Clones are handles of the same connection, which ends once all of them and
/// all streams are gone.
#[derive(Clone)]
pub struct ClientConnection {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    send: RefCell<SendRequest<Chunk>>,
    vitals: Rc<Vitals>,
    scheme: Scheme,
    most_fields: usize,
}

/// The task of a connection to a service. Nothing moves on the connection unless this is polled.
#[must_use = "a connection does nothing unless its driver is polled"]
pub struct ClientDriver<S> {
    connection: Connection<Transport<S>, Chunk>,
    vitals: Rc<Vitals>,
}

impl ClientConnection {
    /// Speaks HTTP/2 on `stream`, be it that TLS agreed on it or that the service is known to. Waits only until the preface is
    /// written, not for the service's settings. `scheme` is what requests are said to be for.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        stream: S,
        scheme: Scheme,
        limits: &Limits,
    ) -> Result<(Self, ClientDriver<S>), Broken> {
        let vitals = Rc::new(Vitals::new(&limits.http2));
        let transport = Transport::of_service(stream, Rc::clone(&vitals));
        let (send, connection) = builder(limits).handshake(transport).await.map_err(errors::of_connection)?;
        let driver = ClientDriver { connection, vitals: Rc::clone(&vitals) };
        let most_fields = limits.fields.max(100);
        let shared = Shared { send: RefCell::new(send), vitals, scheme, most_fields };
        Ok((Self { shared: Rc::new(shared) }, driver))
    }

    /// Whether the connection takes requests at all: it is not broken, and the service has not said that it ends (GOAWAY).
    pub fn is_open(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !matches!(self.shared.send.borrow_mut().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// How many streams are open.
    pub fn streams(&self) -> usize {
        self.shared.vitals.in_hand()
    }

    /// How many the service takes at once, as far as it has said so.
    pub fn most_streams(&self) -> usize {
        self.shared.send.borrow().current_max_send_streams()
    }

    /// Opens a stream, if one may be opened now. What is sent on it follows.
    pub fn open(&self) -> Option<ClientStream> {
        let may = self.is_open() && self.streams() < self.most_streams();
        may.then(|| ClientStream::new(Rc::clone(&self.shared)))
    }

    /// Grows whenever something happened that matters, as [`ServerConnection::progress`](crate::h2::ServerConnection::progress).
    pub fn progress(&self) -> u64 {
        self.shared.vitals.progress()
    }

    /// A new interval begins, as [`ServerConnection::renew`](crate::h2::ServerConnection::renew) says.
    pub fn renew(&self) {
        self.shared.vitals.renew();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for ClientDriver<S> {
    type Output = Result<(), Broken>;

    /// Ready once the connection has ended: as it should, after all handles are gone or the service said so, or not.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let ended = Pin::new(&mut this.connection).poll(cx);
        if this.vitals.is_abused() {
            return Poll::Ready(Err(errors::WORN_OUT.into()));
        }
        Poll::Ready(ready!(ended).map_err(errors::of_connection))
    }
}

impl std::fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientConnection").field("streams", &self.streams()).finish_non_exhaustive()
    }
}

impl<S> std::fmt::Debug for ClientDriver<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientDriver").finish_non_exhaustive()
    }
}

/// Every limit that the library has, set, as for clients; and no pushed responses, which nobody would take.
fn builder(limits: &Limits) -> Builder {
    let own = &limits.http2;
    let (stream_window, connection_window) = windows(own);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .max_header_list_size(as_u32(limits.head))
        .max_frame_size(FRAME_SIZE)
        .max_concurrent_streams(0)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .initial_window_size(stream_window)
        .initial_connection_window_size(connection_window)
        .max_send_buffer_size(as_u32(own.stream_unsent.max(1)) as usize)
        .max_pending_accept_reset_streams(own.unseen_resets)
        .max_local_error_reset_streams(Some(own.forced_resets))
        .max_concurrent_reset_streams(own.remembered_resets)
        .reset_stream_duration(RESET_MEMORY)
        .data_frame_budget(own.small_frames);
    builder
}
