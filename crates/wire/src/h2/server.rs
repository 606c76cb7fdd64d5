//! The gateway's end of a client's connection: takes streams in hand, and bounds what they may cost.
//!
//! The library refuses what breaks the protocol. What it lets through and would wear the gateway out is counted here:
//! requests that are cancelled as fast as they come, and frames that bring nothing. A client that has more requests in hand
//! than it may have streams, because it resets them faster than they end, waits.

mod stream;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::h2::Reason;
use ::h2::server::{Builder, Connection, Handshake};
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::stream::ServerStream;
use super::chunk::Chunk;
use super::errors;
use super::transport::Transport;
use super::vitals::Vitals;
use super::{FRAME_SIZE, RESET_MEMORY, as_u32, windows};
use crate::error::Broken;
use crate::limits::Limits;

/// A client's connection. Its task polls it until it has ended, and each stream that comes is served by a task of its own.
pub struct ServerConnection<S> {
    state: State<S>,
    vitals: Rc<Vitals>,
    most_fields: usize,
    ending: Ending,
}

enum State<S> {
    Handshake(Box<Handshake<Transport<S>, Chunk>>),
    Open(Box<Connection<Transport<S>, Chunk>>),
    Over,
}

/// How a connection is to end, as far as anybody has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    None,
    Drain,
    Abort,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ServerConnection<S> {
    /// Speaks HTTP/2 on `stream`, of which `unread` was read already, perhaps with the preface.
    pub fn new(stream: S, unread: Vec<u8>, limits: &Limits) -> Self {
        let vitals = Rc::new(Vitals::new(&limits.http2));
        let transport = Transport::of_client(stream, unread, Rc::clone(&vitals));
        let state = State::Handshake(Box::new(builder(limits).handshake(transport)));
        Self { state, vitals, most_fields: limits.fields, ending: Ending::None }
    }

    /// Moves the connection and all its streams on, and waits for the next request; none once the connection has ended as
    /// it should. After an error there is nothing to poll any more: what had to be said to the client was said. To be polled for as long as the connection lives, also after [`drain`](Self::drain) and
    /// [`abort`](Self::abort), which take effect only here.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Box<ServerStream>>, Broken>> {
        self.vitals.set_driver(cx.waker());
        loop {
            match &mut self.state {
                State::Handshake(handshake) => match Pin::new(handshake).poll(cx) {
                    Poll::Ready(Ok(connection)) => {
                        self.vitals.advance();
                        self.state = State::Open(Box::new(connection));
                        self.end_as_said();
                    }
                    Poll::Ready(Err(error)) => return self.over(Err(errors::of_connection(error))),
                    // Nothing was asked for yet; browsers open connections ahead of their requests.
                    Poll::Pending if self.ending == Ending::Drain => return self.over(Ok(None)),
                    Poll::Pending => return Poll::Pending,
                },
                State::Open(connection) => {
                    let came = if self.vitals.has_hands() && !self.vitals.is_closing() {
                        connection.poll_accept(cx)
                    } else {
                        connection.poll_closed(cx).map(|closed| closed.err().map(Err))
                    };
                    match came {
                        Poll::Ready(Some(Ok((request, respond)))) => {
                            let stream = ServerStream::new(request, respond, self.most_fields, &self.vitals);
                            return Poll::Ready(Ok(Some(stream)));
                        }
                        Poll::Ready(Some(Err(error))) => return self.over(Err(errors::of_connection(error))),
                        Poll::Ready(None) => {
                            let abused = self.vitals.is_abused().then_some(errors::WORN_OUT);
                            return self.over(abused.map_or(Ok(None), |reset| Err(reset.into())));
                        }
                        Poll::Pending if self.vitals.is_abused() && self.ending != Ending::Abort => {
                            self.end(Ending::Abort, Reason::ENHANCE_YOUR_CALM);
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
                State::Over => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn over(
        &mut self,
        how: Result<Option<Box<ServerStream>>, Broken>,
    ) -> Poll<Result<Option<Box<ServerStream>>, Broken>> {
        self.state = State::Over;
        Poll::Ready(how)
    }

    /// Takes no further requests: tells the client so (GOAWAY), lets those that came be answered, and ends then. A request
    /// that was on its way is still taken, since the client could not know. A client that has not sent its preface is owed
    /// nothing.
    pub fn drain(&mut self) {
        if self.ending == Ending::None {
            self.end(Ending::Drain, Reason::NO_ERROR);
        }
    }

    /// Ends the connection and all its streams at once, with GOAWAY and no error. The second time it is closed whether the
    /// client takes that or not.
    pub fn abort(&mut self) {
        if self.ending == Ending::Abort || self.is_closing() {
            self.state = State::Over;
        } else {
            self.end(Ending::Abort, Reason::NO_ERROR);
        }
    }

    fn end(&mut self, ending: Ending, reason: Reason) {
        self.ending = ending;
        match (&mut self.state, ending) {
            (State::Open(connection), Ending::Drain) => connection.graceful_shutdown(),
            (State::Open(connection), Ending::Abort) => connection.abrupt_shutdown(reason),
            // A client that has not sent its preface is owed nothing.
            (State::Handshake(_), Ending::Abort) => self.state = State::Over,
            _ => {}
        }
    }

    /// What was asked for before there was a connection.
    fn end_as_said(&mut self) {
        if self.ending == Ending::Drain {
            self.end(Ending::Drain, Reason::NO_ERROR);
        }
    }
}

impl<S> ServerConnection<S> {
    /// A number that grows whenever something happened that matters: the handshake, a request, a part of a body that was
    /// taken or left for the client, the end of an exchange. Where it stays the same for the idle time and there are no
    /// [`streams`](Self::streams), the connection is idle, or its client does not take the rest of an answer; either way it can be
    /// ended. Exchanges that somebody still works on keep their own time.
    pub fn progress(&self) -> u64 {
        self.vitals.progress()
    }

    /// How many streams are in hand: given out and not dropped yet.
    pub fn streams(&self) -> usize {
        self.vitals.in_hand()
    }

    /// Whether the client was found to waste the gateway's time, and is being told so (`ENHANCE_YOUR_CALM`).
    pub fn is_abused(&self) -> bool {
        self.vitals.is_abused()
    }

    /// Whether everything was said to the client, be it because of [`drain`](Self::drain), [`abort`](Self::abort) or what the
    /// client did, and all that is left is that it closes the connection, too. That must not take long: a second or two, then
    /// [`abort`](Self::abort).
    pub fn is_closing(&self) -> bool {
        self.vitals.is_closing()
    }

    /// A new interval begins, in which a client may cancel requests and send control frames anew:
    /// [`Http2Limits::cancels`](crate::Http2Limits::cancels) and
    /// [`Http2Limits::control_frames`](crate::Http2Limits::control_frames) are for one interval. To be called at a steady
    /// pace, every ten seconds or so; for a connection on which it is never called they are for its life.
    pub fn renew(&self) {
        self.vitals.renew();
    }
}

impl<S> std::fmt::Debug for ServerConnection<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConnection")
            .field("streams", &self.streams())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// Every limit that the library has, set; none is left to its defaults, some of which are far larger.
fn builder(limits: &Limits) -> Builder {
    let own = &limits.http2;
    let (stream_window, connection_window) = windows(own);
    let mut builder = Builder::new();
    builder
        .max_header_list_size(as_u32(limits.head))
        .max_frame_size(FRAME_SIZE)
        .max_concurrent_streams(own.streams.max(1))
        .initial_window_size(stream_window)
        .initial_connection_window_size(connection_window)
        .max_send_buffer_size(as_u32(own.stream_unsent.max(1)) as usize)
        .max_pending_accept_reset_streams(own.unseen_resets)
        .max_local_error_reset_streams(Some(own.forced_resets))
        .max_concurrent_reset_streams(own.remembered_resets)
        .reset_stream_duration(RESET_MEMORY)
        .data_frame_budget(own.small_frames)
        .enable_connect_protocol();
    builder
}
