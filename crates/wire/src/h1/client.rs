//! The gateway's end of a connection to a service: writes requests, reads responses.
//! Connecting, choosing and keeping connections is the business of `maitred-upstream`.

use std::task::{Context, Poll, ready};

use maitred_http::{BodyLength, Fields, Method, RequestHead, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{BodyDecoder, is_at_end};
use super::encode::encode_request;
use super::head_end::HeadEnd;
use super::reader::Reader;
use super::response::parse_response;
use super::writer::{Writer, outgoing};
use crate::error::{Broken, Refusal};
use crate::limits::Limits;
use crate::stream::{BodySink, BodySource, Piece};

/// The state of a connection to a service.
#[derive(Debug)]
pub struct Client {
    reader: Reader,
    writer: Writer,
    decoder: BodyDecoder,
    search: HeadEnd,
    piece: usize,
    method: Method,
    keep_alive: bool,
    heard: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            reader: Reader::default(),
            writer: Writer::default(),
            decoder: BodyDecoder::of_length(0),
            search: HeadEnd::default(),
            piece: 0,
            method: Method::Get,
            keep_alive: true,
            heard: false,
        }
    }
}

impl Client {
    /// Writes a request's head; it leaves with the first bytes of the body, or with a flush. `upgrade` asks for
    /// another protocol.
    pub fn request(&mut self, head: &RequestHead, length: BodyLength, upgrade: Option<&[u8]>) {
        self.method = head.method;
        self.heard = false;
        self.keep_alive = false;
        self.search = HeadEnd::default();
        encode_request(head, length, upgrade, self.writer.head());
        self.writer.begin(outgoing(length, true));
    }

    /// Reads the next response head into `head`, which must have been cleared: an interim one (1xx) or the final one.
    /// Answers with the announced length of its body.
    pub fn poll_response<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        limits: &Limits,
        head: &mut ResponseHead,
    ) -> Poll<Result<BodyLength, Broken>> {
        loop {
            if let Some(length) = self.try_response(limits, head)? {
                return Poll::Ready(Ok(length));
            }
            if !self.reader.make_room(limits.head) {
                return Poll::Ready(Err(Refusal::HeadTooLarge.into()));
            }
            if ready!(self.reader.poll_fill(cx, io))? == 0 {
                return Poll::Ready(Err(Broken::Truncated));
            }
            self.heard = true;
        }
    }

    fn try_response(
        &mut self,
        limits: &Limits,
        head: &mut ResponseHead,
    ) -> Result<Option<BodyLength>, Refusal> {
        let unread = self.reader.unread();
        // As for requests: neither the order of these nor what stands beyond the limit may hang on the split.
        if b"HTTP/1.".iter().zip(unread).any(|(expected, byte)| expected != byte) {
            return Err(Refusal::Bad("this is not HTTP/1.1"));
        }
        let window = &unread[..unread.len().min(limits.head)];
        let Some(end) = self.search.find(window)? else {
            return if unread.len() > limits.head { Err(Refusal::HeadTooLarge) } else { Ok(None) };
        };
        let info = parse_response(&unread[..end], self.method, limits, head)?;
        self.reader.consume(end);
        self.search = HeadEnd::default();
        self.decoder = info.decoder;
        self.keep_alive = info.keep_alive && !head.is_informational();
        Ok(Some(info.length))
    }

    /// Whether any byte of a response has come: if none has, and the connection was used before, the service may
    /// have closed it before it saw the request.
    pub fn has_heard(&self) -> bool {
        self.heard
    }

    /// Ends an exchange: whether the connection can serve another request. It can only if the request was sent to its
    /// end, the response read to its end, and not a byte came behind it. Gives buffers back.
    pub fn end_exchange(&mut self) -> bool {
        let read = is_at_end(&mut self.reader, &mut self.decoder);
        let reusable = self.keep_alive && read && self.writer.is_finished() && self.reader.is_empty();
        self.writer.release();
        self.reader.release();
        reusable
    }

    /// Takes what was read beyond the head, for a tunnel.
    pub fn take_unread(&mut self) -> Vec<u8> {
        let bytes = self.reader.unread().to_vec();
        self.reader.consume(bytes.len());
        self.reader.release();
        bytes
    }

    /// The connection as both sides of a body.
    pub fn body<'a, S>(&'a mut self, io: &'a mut S) -> ClientBody<'a, S> {
        ClientBody { client: self, io }
    }
}

/// A service's connection as the sink of a request body and the source of a response body.
#[derive(Debug)]
pub struct ClientBody<'a, S> {
    client: &'a mut Client,
    io: &'a mut S,
}

impl<S: AsyncRead + Unpin> BodySource for ClientBody<'_, S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        let client = &mut *self.client;
        super::body::poll_piece(cx, self.io, &mut client.reader, &mut client.decoder, &mut client.piece)
    }

    fn bytes(&self) -> &[u8] {
        &self.client.reader.unread()[..self.client.piece]
    }

    fn consume(&mut self, n: usize) {
        self.client.reader.consume(n);
        self.client.decoder.took(n);
        self.client.piece -= n;
    }

    fn trailers(&self) -> Option<&Fields> {
        self.client.decoder.trailers()
    }
}

impl<S: AsyncWrite + Unpin> BodySink for ClientBody<'_, S> {
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        self.client.writer.poll_send(cx, self.io, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.client.writer.poll_flush(cx, self.io).map_err(Broken::Io)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        self.client.writer.poll_finish(cx, self.io, trailers)
    }
}
