//! The gateway's end of a client's connection: takes streams in hand, and bounds what they may cost.
//! What the transport may cost (windows, streams at once, idle time) is set where it is accepted.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::h3::error::{Code, ConnectionError};
use bytes::Bytes;
use quinn::{VarInt, ZeroRttAccepted};

use super::errors;
use super::handshake::Handshake;
use super::stream::ServerStream;
use super::transport::{Aside, Later, Transport};
use crate::error::Broken;
use crate::h2::vitals::Vitals;
use crate::limits::Limits;

type Connection = ::h3::server::Connection<Transport, Bytes>;

/// Bytes of a stream that may be held beside those of a head: what was read ahead, and the body's piece that is being sent.
const READ_AHEAD: usize = 32 << 10;
/// The largest head that the library can read: beyond it, its map of fields could not be made.
const MOST_HEAD: usize = 512 << 10;
/// Requests after which a connection is to be made anew: the libraries keep a little of each until it ends.
const MOST_REQUESTS: u64 = 100_000;
/// Room for what ends a connection, beside what waits for the client.
const ROOM_TO_END: u64 = 64 << 10;

/// A client's connection. Its task polls it until it has ended, and each stream that comes is served by a task of its own.
pub struct ServerConnection {
    state: State,
    connection: quinn::Connection,
    closed: Later<quinn::ConnectionError>,
    handshake: Rc<Handshake>,
    vitals: Rc<Vitals>,
    aside: Rc<Aside>,
    most_fields: usize,
    streams: u32,
    unsent: u64,
    requests: u64,
    ending: Ending,
}

enum State {
    Opening(Later<Result<Connection, ConnectionError>>),
    Open(Box<Connection>),
    Over,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    None,
    /// The client is to be told.
    Wanted,
    /// Both know that no further request comes.
    Told,
}

impl ServerConnection {
    /// Speaks HTTP/3 on `connection`. Where its handshake goes on while requests come already, `handshake` tells of its end.
    pub fn new(connection: quinn::Connection, handshake: Option<ZeroRttAccepted>, limits: &Limits) -> Self {
        let aside = Rc::<Aside>::default();
        let head = limits.head.min(MOST_HEAD);
        let transport = Transport::new(connection.clone(), Rc::clone(&aside), head + READ_AHEAD);
        let mut builder = ::h3::server::builder();
        builder.max_field_section_size(head as u64).send_grease(false);
        let closed = connection.clone();
        Self {
            state: State::Opening(Box::pin(async move { builder.build(transport).await })),
            handshake: Rc::new(Handshake::new(connection.clone(), handshake)),
            connection,
            closed: Box::pin(async move { closed.closed().await }),
            vitals: Rc::new(Vitals::new(&limits.http2)),
            aside,
            most_fields: limits.fields,
            streams: limits.http2.streams,
            unsent: limits.http2.connection_unsent as u64,
            requests: 0,
            ending: Ending::None,
        }
    }

    /// Moves the connection on, and waits for the next request; none once the connection has ended as it should. To be
    /// polled for as long as the connection lives, also after [`drain`](Self::drain), which takes effect only here.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<ServerStream>, Broken>> {
        self.vitals.set_driver(cx.waker());
        self.handshake.drive(cx);
        loop {
            if self.vitals.is_abused() && !matches!(self.state, State::Over) {
                self.close(Code::H3_EXCESSIVE_LOAD);
                return Poll::Ready(Err(errors::WORN_OUT.into()));
            }
            match &mut self.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(connection) => {
                        self.vitals.advance();
                        self.state = State::Open(Box::new(connection));
                    }
                    Err(error) => return self.over(error),
                },
                State::Open(connection) => {
                    if self.ending == Ending::Wanted {
                        self.ending = Ending::Told;
                        // Requests that were on their way are still taken, since the client could not know.
                        self.aside.refuse_after(u64::from(self.streams));
                        // Not behind what waits for the client. One that gives the few bytes no room is not told.
                        self.connection.set_send_window(self.unsent + ROOM_TO_END);
                        let _ = std::pin::pin!(connection.shutdown(self.streams as usize)).poll(cx);
                    }
                    if !self.vitals.has_hands() || self.vitals.is_closing() {
                        return self.poll_closed(cx);
                    }
                    let accepted = std::pin::pin!(connection.accept()).poll(cx);
                    match ready!(accepted) {
                        Ok(Some(resolver)) => {
                            let Some(arrived) = self.aside.arrived.take() else { continue };
                            self.requests += 1;
                            if self.requests == MOST_REQUESTS {
                                self.ending = self.ending.max(Ending::Wanted);
                            }
                            let handshake = Rc::clone(&self.handshake);
                            let stream = ServerStream::new(
                                resolver,
                                arrived,
                                handshake,
                                self.most_fields,
                                &self.vitals,
                            );
                            return Poll::Ready(Ok(Some(stream)));
                        }
                        // The client has said goodbye, and has all of its answers.
                        Ok(None) => self.vitals.close(),
                        Err(error) => return self.over(error),
                    }
                }
                State::Over => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Waits until the client closes the connection.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<ServerStream>, Broken>> {
        let closed = ready!(self.closed.as_mut().poll(cx));
        self.state = State::Over;
        Poll::Ready(errors::of_close(closed).map(|()| None))
    }

    fn over(&mut self, error: ConnectionError) -> Poll<Result<Option<ServerStream>, Broken>> {
        self.state = State::Over;
        let is_well = error.is_h3_no_error();
        Poll::Ready(if is_well { Ok(None) } else { Err(errors::of_connection(error)) })
    }

    /// Takes no further requests: tells the client so (GOAWAY), and lets those that came be answered.
    pub fn drain(&mut self) {
        if self.ending == Ending::None {
            self.ending = Ending::Wanted;
        }
    }

    /// Ends the connection and all its streams at once, with no error.
    pub fn abort(&mut self) {
        self.close(Code::H3_NO_ERROR);
    }

    fn close(&mut self, code: Code) {
        self.connection.close(VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX), b"");
        self.state = State::Over;
    }

    /// Whether the handshake is done.
    pub fn is_handshaken(&self) -> bool {
        self.handshake.is_done()
    }

    /// A number that grows whenever something happened that matters: the handshake, a request, a part of a body that was
    /// taken or left for the client, the end of an exchange.
    pub fn progress(&self) -> u64 {
        self.vitals.progress()
    }

    /// How many streams are in hand: given out and not dropped yet.
    pub fn streams(&self) -> usize {
        self.vitals.in_hand()
    }

    /// Whether everything was said to the client, and all that is left is that it closes the connection, too. That must not
    /// take long: a second or two, then [`abort`](Self::abort).
    pub fn is_closing(&self) -> bool {
        self.vitals.is_closing() || (self.ending == Ending::Told && self.streams() == 0)
    }

    /// A new interval begins, in which a client may cancel requests anew: see
    /// [`Http2Limits::cancels`](crate::Http2Limits::cancels).
    pub fn renew(&self) {
        self.vitals.renew();
    }
}

impl std::fmt::Debug for ServerConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConnection")
            .field("streams", &self.streams())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}
