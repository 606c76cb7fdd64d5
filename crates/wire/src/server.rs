//! One exchange with a client, whatever the protocol version: what it takes to serve a request, chosen by a match. Where a
//! version has something of its own (waiting for the next head, lingering), its parts are at hand.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use maitred_http::{BodyLength, Fields, Method, PathRules, RequestHead, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Broken, Refusal};
use crate::h1::RequestFraming;
use crate::limits::Limits;
use crate::nobody::Nobody;
use crate::stream::{BodySink, BodySource, Piece};
use crate::{h1, h2, h3};

/// The client's side of an exchange: a connection of HTTP/1, or a stream of HTTP/2 or HTTP/3, or nobody. As `AsyncRead` and `AsyncWrite` it is the
/// bytes of a tunnel, once it was [switched](Self::switch).
#[derive(Debug)]
pub enum ServerSide<S> {
    /// A connection, which serves one request after another.
    Http1 {
        /// The state of the protocol.
        server: h1::Server,
        /// The socket.
        stream: S,
    },
    /// A stream, which serves one. Boxed, so that connections of HTTP/1, which may be idle, are no larger for it.
    Http2(Box<h2::ServerStream>),
    /// The same of HTTP/3, which has no tunnels.
    Http3(Box<h3::ServerStream>),
    /// No client at all.
    Nobody(Box<Nobody>),
}

impl<S> ServerSide<S> {
    /// A connection of HTTP/1 of which nothing was read yet.
    pub fn http1(stream: S) -> Self {
        Self::Http1 { server: h1::Server::default(), stream }
    }

    /// The state and the socket of a connection of HTTP/1.
    #[inline]
    pub fn as_http1(&mut self) -> Option<(&mut h1::Server, &mut S)> {
        match self {
            Self::Http1 { server, stream } => Some((server, stream)),
            Self::Http2(_) | Self::Http3(_) | Self::Nobody(_) => None,
        }
    }

    /// Waits for the head of a stream's request; after that it can be [read](Self::read_head). A connection of HTTP/1 reads it as
    /// it comes.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1 { .. } | Self::Http2(_) | Self::Nobody(_) => Poll::Ready(Ok(())),
            Self::Http3(stream) => stream.poll_head(cx),
        }
    }

    /// Reads the head of a stream's request, once. `head` must have been cleared.
    pub fn read_head(
        &mut self,
        limits: &Limits,
        paths: PathRules,
        head: &mut RequestHead,
    ) -> Result<RequestFraming, Refusal> {
        match self {
            Self::Http1 { .. } => Err(Refusal::Bad("a connection has more than one head")),
            Self::Nobody(_) => Err(Refusal::Bad("nobody has sent a head")),
            Self::Http2(stream) => stream.read_head(limits, paths, head),
            Self::Http3(stream) => stream.read_head(limits, paths, head),
        }
    }

    /// Waits until the client has all of an answer that was sent on a stream of HTTP/3, whose connection may be closed then.
    pub fn poll_delivered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Http1 { .. } | Self::Http2(_) | Self::Nobody(_) => Poll::Ready(()),
            Self::Http3(stream) => stream.poll_delivered(cx),
        }
    }

    /// Whether bytes of the next request were read already.
    #[inline]
    pub fn has_unread(&self) -> bool {
        match self {
            Self::Http1 { server, .. } => server.has_unread(),
            Self::Http2(_) | Self::Http3(_) | Self::Nobody(_) => false,
        }
    }

    /// The method of the request that was read last.
    #[inline]
    pub fn request_method(&self) -> Method {
        match self {
            Self::Http1 { server, .. } => server.request_method(),
            Self::Http2(stream) => stream.request_method(),
            Self::Http3(stream) => stream.request_method(),
            Self::Nobody(nobody) => nobody.method(),
        }
    }

    /// Whether the head of a final response was written since.
    #[inline]
    pub fn has_responded(&self) -> bool {
        match self {
            Self::Http1 { server, .. } => server.has_responded(),
            Self::Http2(stream) => stream.has_responded(),
            Self::Http3(stream) => stream.has_responded(),
            Self::Nobody(nobody) => nobody.has_responded(),
        }
    }

    /// Drops the request's body, which nobody wants; whether all of it had come.
    #[inline]
    pub fn drop_body(&mut self) -> bool {
        match self {
            Self::Http1 { server, .. } => server.drop_body(),
            Self::Http2(stream) => stream.drop_body(),
            Self::Http3(stream) => stream.drop_body(),
            Self::Nobody(_) => true,
        }
    }

    /// Writes the head of the final response. Answers whether a connection of HTTP/1 will stay open after it; that of a stream
    /// does not hang on its exchanges.
    #[inline]
    pub fn respond(&mut self, head: &ResponseHead, length: BodyLength, may_keep_alive: bool) -> bool {
        match self {
            Self::Http1 { server, .. } => server.respond(head, length, may_keep_alive),
            Self::Http2(stream) => {
                stream.respond(head, length);
                true
            }
            Self::Http3(stream) => {
                stream.respond(head, length);
                true
            }
            Self::Nobody(nobody) => {
                nobody.respond(head, length);
                true
            }
        }
    }

    /// Writes an interim response, where the client's version has them.
    #[inline]
    pub fn inform(&mut self, head: &ResponseHead) {
        match self {
            Self::Http1 { server, .. } => server.inform(head),
            Self::Http2(stream) => stream.inform(head),
            Self::Http3(stream) => stream.inform(head),
            Self::Nobody(_) => {}
        }
    }

    /// Agrees to another protocol: what follows is a tunnel.
    #[inline]
    pub fn switch(&mut self, fields: &Fields, protocol: &[u8]) {
        match self {
            Self::Http1 { server, .. } => server.switch(fields, protocol),
            Self::Http2(stream) => stream.switch(fields),
            // No request of it has asked for that.
            Self::Http3(_) | Self::Nobody(_) => {}
        }
    }

    /// Whether only the end of the connection ends the response: then one that breaks off must end with a reset. A stream that
    /// is dropped too early is reset anyway.
    #[inline]
    pub fn ends_with_connection(&self) -> bool {
        match self {
            Self::Http1 { server, .. } => server.ends_with_connection(),
            Self::Http2(_) | Self::Http3(_) | Self::Nobody(_) => false,
        }
    }

    /// Ends an exchange and gives buffers back: whether a connection of HTTP/1 can serve another request, or whether a stream got
    /// its answer whole.
    #[inline]
    pub fn end_exchange(&mut self) -> bool {
        match self {
            Self::Http1 { server, .. } => server.end_exchange(),
            Self::Http2(stream) => stream.end_exchange(),
            Self::Http3(stream) => stream.end_exchange(),
            Self::Nobody(nobody) => nobody.is_ended(),
        }
    }

    /// Takes what was read beyond the head, for a tunnel. Of a stream that is nothing: it is read as a tunnel from its first byte.
    #[inline]
    pub fn take_unread(&mut self) -> Vec<u8> {
        match self {
            Self::Http1 { server, .. } => server.take_unread(),
            Self::Http2(_) | Self::Http3(_) | Self::Nobody(_) => Vec::new(),
        }
    }

    /// Waits until the client has given up: its stream was reset. A connection of HTTP/1 shows that only to who reads or
    /// writes, and is not looked at.
    #[inline]
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        match self {
            Self::Http1 { .. } | Self::Nobody(_) => Poll::Pending,
            Self::Http2(stream) => stream.poll_reset(cx),
            Self::Http3(stream) => stream.poll_reset(cx),
        }
    }

    /// Waits until the client has gone, for who has nothing else to do with it: its stream was reset, or its connection of HTTP/1 has
    /// ended. Of the latter it may still wait for its answer.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Broken>
    where
        S: AsyncRead + Unpin,
    {
        match self {
            Self::Http1 { server, stream } => server.poll_end(cx, stream),
            Self::Http2(_) | Self::Http3(_) | Self::Nobody(_) => self.poll_reset(cx),
        }
    }

    /// Waits until a tunnel has something to read, or its end, without taking it. `of_socket` says how a socket tells.
    #[inline]
    pub fn poll_readable(
        &mut self,
        cx: &mut Context<'_>,
        of_socket: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Http1 { stream, .. } => of_socket(stream, cx),
            Self::Http2(stream) => stream.poll_readable(cx),
            Self::Http3(_) | Self::Nobody(_) => no_tunnel(),
        }
    }

    /// Both sides of a body.
    #[inline]
    pub fn body(&mut self) -> ServerBody<'_, S> {
        match self {
            Self::Http1 { server, stream } => ServerBody::Http1(server.body(stream)),
            Self::Http2(stream) => ServerBody::Http2(stream),
            Self::Http3(stream) => ServerBody::Http3(stream),
            Self::Nobody(nobody) => ServerBody::Nobody(nobody),
        }
    }
}

impl<S: AsyncWrite + Unpin> ServerSide<S> {
    /// Sends all that is held back.
    #[inline]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1 { server, stream } => server.poll_flush(cx, stream),
            // Its head is on its way already.
            Self::Http2(stream) if stream.has_responded() => BodySink::poll_flush(&mut **stream, cx),
            Self::Http2(_) | Self::Nobody(_) => Poll::Ready(Ok(())),
            Self::Http3(stream) => BodySink::poll_flush(&mut **stream, cx),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ServerSide<S> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1 { stream, .. } => Pin::new(stream).poll_read(cx, room),
            Self::Http2(stream) => Pin::new(&mut **stream).poll_read(cx, room),
            Self::Http3(_) | Self::Nobody(_) => no_tunnel(),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ServerSide<S> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Http1 { stream, .. } => Pin::new(stream).poll_write(cx, bytes),
            Self::Http2(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
            Self::Http3(_) | Self::Nobody(_) => no_tunnel(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1 { stream, .. } => Pin::new(stream).poll_flush(cx),
            Self::Http2(stream) => AsyncWrite::poll_flush(Pin::new(&mut **stream), cx),
            Self::Http3(_) | Self::Nobody(_) => no_tunnel(),
        }
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1 { stream, .. } => Pin::new(stream).poll_shutdown(cx),
            Self::Http2(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Self::Http3(_) | Self::Nobody(_) => no_tunnel(),
        }
    }
}

/// HTTP/3 has tunnels too (RFC 9220), and clients are not told that they may open them here: they ask over HTTP/2 then. Nobody has none.
fn no_tunnel<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
}

/// The client's side as the source of a request body and the sink of a response body.
#[derive(Debug)]
pub enum ServerBody<'a, S> {
    /// Of a connection of HTTP/1.
    Http1(h1::ServerBody<'a, S>),
    /// Of a stream of HTTP/2.
    Http2(&'a mut h2::ServerStream),
    /// Of a stream of HTTP/3.
    Http3(&'a mut h3::ServerStream),
    /// Of nobody.
    Nobody(&'a mut Nobody),
}

impl<S: AsyncRead + Unpin> BodySource for ServerBody<'_, S> {
    #[inline]
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        match self {
            Self::Http1(body) => body.poll_piece(cx),
            Self::Http2(stream) => stream.poll_piece(cx),
            Self::Http3(stream) => stream.poll_piece(cx),
            Self::Nobody(nobody) => nobody.poll_piece(cx),
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Http1(body) => body.bytes(),
            Self::Http2(stream) => stream.bytes(),
            Self::Http3(stream) => stream.bytes(),
            Self::Nobody(nobody) => nobody.bytes(),
        }
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        match self {
            Self::Http1(body) => body.consume(n),
            Self::Http2(stream) => stream.consume(n),
            Self::Http3(stream) => stream.consume(n),
            Self::Nobody(nobody) => nobody.consume(n),
        }
    }

    #[inline]
    fn trailers(&self) -> Option<&Fields> {
        match self {
            Self::Http1(body) => body.trailers(),
            Self::Http2(stream) => stream.trailers(),
            Self::Http3(stream) => stream.trailers(),
            Self::Nobody(nobody) => nobody.trailers(),
        }
    }
}

impl<S: AsyncWrite + Unpin> BodySink for ServerBody<'_, S> {
    #[inline]
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        match self {
            Self::Http1(body) => body.poll_send(cx, bytes),
            Self::Http2(stream) => stream.poll_send(cx, bytes),
            Self::Http3(stream) => stream.poll_send(cx, bytes),
            Self::Nobody(nobody) => nobody.poll_send(cx, bytes),
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1(body) => body.poll_flush(cx),
            Self::Http2(stream) => BodySink::poll_flush(*stream, cx),
            Self::Http3(stream) => BodySink::poll_flush(*stream, cx),
            Self::Nobody(nobody) => BodySink::poll_flush(*nobody, cx),
        }
    }

    #[inline]
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        match self {
            Self::Http1(body) => body.poll_finish(cx, trailers),
            Self::Http2(stream) => stream.poll_finish(cx, trailers),
            Self::Http3(stream) => stream.poll_finish(cx, trailers),
            Self::Nobody(nobody) => nobody.poll_finish(cx, trailers),
        }
    }
}
