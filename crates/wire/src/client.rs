//! One exchange with a service, whatever the protocol version: a connection of HTTP/1, or a stream of HTTP/2.
//! Where it comes from and what becomes of it afterwards is the business of `maitred-upstream`.

use std::fmt;
use std::task::{Context, Poll};

use maitred_http::{BodyLength, Fields, RequestHead, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Broken;
use crate::h1;
use crate::h2::ClientStream;
use crate::limits::Limits;
use crate::stream::{BodySink, BodySource, Piece};

/// The service's side of an exchange.
#[derive(Debug)]
pub enum ClientSide<S> {
    /// A connection, which serves one request after another.
    Http1 {
        /// The state of the protocol.
        client: h1::Client,
        /// The socket.
        stream: S,
    },
    /// A stream, which serves one.
    Http2(Box<ClientStream>),
}

/// A stream of HTTP/2 cannot change its protocol as a connection of HTTP/1 can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoUpgrade;

impl fmt::Display for NoUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service that speaks HTTP/2 cannot be asked to change the protocol")
    }
}

impl std::error::Error for NoUpgrade {}

impl<S> ClientSide<S> {
    /// A new connection of HTTP/1.
    pub fn http1(stream: S) -> Self {
        Self::Http1 { client: h1::Client::default(), stream }
    }

    /// The state and the socket of a connection of HTTP/1.
    #[inline]
    pub fn as_http1(&mut self) -> Option<(&mut h1::Client, &mut S)> {
        match self {
            Self::Http1 { client, stream } => Some((client, stream)),
            Self::Http2(_) => None,
        }
    }

    /// Writes a request's head. `upgrade` asks for another protocol: then nothing is sent where that cannot be.
    #[inline]
    pub fn request(
        &mut self,
        head: &RequestHead,
        length: BodyLength,
        upgrade: Option<&[u8]>,
    ) -> Result<(), NoUpgrade> {
        match self {
            Self::Http1 { client, .. } => client.request(head, length, upgrade),
            Self::Http2(_) if upgrade.is_some() => return Err(NoUpgrade),
            Self::Http2(stream) => stream.request(head, length),
        }
        Ok(())
    }

    /// Whether any of a response has come.
    #[inline]
    pub fn has_heard(&self) -> bool {
        match self {
            Self::Http1 { client, .. } => client.has_heard(),
            Self::Http2(stream) => stream.has_heard(),
        }
    }

    /// Ends an exchange: whether a connection of HTTP/1 can serve another request, or whether both halves of a stream are whole.
    #[inline]
    pub fn end_exchange(&mut self) -> bool {
        match self {
            Self::Http1 { client, .. } => client.end_exchange(),
            Self::Http2(stream) => stream.end_exchange(),
        }
    }

    /// Takes what was read beyond the head, for a tunnel.
    #[inline]
    pub fn take_unread(&mut self) -> Vec<u8> {
        match self {
            Self::Http1 { client, .. } => client.take_unread(),
            Self::Http2(_) => Vec::new(),
        }
    }

    /// Both sides of a body.
    #[inline]
    pub fn body(&mut self) -> ClientBody<'_, S> {
        match self {
            Self::Http1 { client, stream } => ClientBody::Http1(client.body(stream)),
            Self::Http2(stream) => ClientBody::Http2(stream),
        }
    }
}

impl<S: AsyncRead + Unpin> ClientSide<S> {
    /// Reads the next response head into `head`, which must have been cleared: an interim one (1xx) or the final one. Answers
    /// with the announced length of its body.
    #[inline]
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        limits: &Limits,
        head: &mut ResponseHead,
    ) -> Poll<Result<BodyLength, Broken>> {
        match self {
            Self::Http1 { client, stream } => client.poll_response(cx, stream, limits, head),
            Self::Http2(stream) => stream.poll_response(cx, limits, head),
        }
    }
}

/// The service's side as the sink of a request body and the source of a response body.
#[derive(Debug)]
pub enum ClientBody<'a, S> {
    /// Of a connection of HTTP/1.
    Http1(h1::ClientBody<'a, S>),
    /// Of a stream of HTTP/2.
    Http2(&'a mut ClientStream),
}

impl<S: AsyncRead + Unpin> BodySource for ClientBody<'_, S> {
    #[inline]
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        match self {
            Self::Http1(body) => body.poll_piece(cx),
            Self::Http2(stream) => stream.poll_piece(cx),
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Http1(body) => body.bytes(),
            Self::Http2(stream) => stream.bytes(),
        }
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        match self {
            Self::Http1(body) => body.consume(n),
            Self::Http2(stream) => stream.consume(n),
        }
    }

    #[inline]
    fn trailers(&self) -> Option<&Fields> {
        match self {
            Self::Http1(body) => body.trailers(),
            Self::Http2(stream) => stream.trailers(),
        }
    }
}

impl<S: AsyncWrite + Unpin> BodySink for ClientBody<'_, S> {
    #[inline]
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        match self {
            Self::Http1(body) => body.poll_send(cx, bytes),
            Self::Http2(stream) => stream.poll_send(cx, bytes),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1(body) => body.poll_flush(cx),
            Self::Http2(stream) => stream.poll_flush(cx),
        }
    }

    #[inline]
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1(body) => body.poll_finish(cx, trailers),
            Self::Http2(stream) => stream.poll_finish(cx, trailers),
        }
    }
}
