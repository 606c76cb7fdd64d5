//! The gateway's end of a client's connection: reads requests, writes responses.
//!
//! One request at a time: a pipelined one waits in the buffer until the response before it was sent (RFC 9112
//! section 9.3.2). Between requests it holds no buffer.

use std::task::{Context, Poll, ready};

use maitred_http::{BodyLength, Fields, Method, PathRules, RequestHead, ResponseHead, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{BodyDecoder, drop_read, is_at_end};
use super::encode::{ResponseTo, encode_response, encode_switching};
use super::head_end::HeadEnd;
use super::reader::Reader;
use super::request::{RequestFraming, check_first_line, parse_request};
use super::writer::{Outgoing, Writer, outgoing};
use crate::buffer::SMALL;
use crate::error::{Broken, Refusal};
use crate::limits::Limits;
use crate::preface::{PREFACE, Preface};
use crate::stream::{BodySink, BodySource, Piece};

/// The state of a client's connection.
#[derive(Debug)]
pub struct Server {
    reader: Reader,
    writer: Writer,
    decoder: BodyDecoder,
    search: HeadEnd,
    piece: usize,
    method: Method,
    version: Version,
    keep_alive: bool,
    has_responded: bool,
}

/// What came instead of the next request, or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadRead {
    /// A request; its body follows.
    Request(RequestFraming),
    /// The client closed the connection between two requests.
    Closed,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            reader: Reader::default(),
            writer: Writer::default(),
            decoder: BodyDecoder::of_length(0),
            search: HeadEnd::default(),
            piece: 0,
            method: Method::Get,
            version: Version::Http11,
            keep_alive: true,
            has_responded: false,
        }
    }
}

impl Server {
    /// Whether bytes of the next request were read already.
    pub fn has_unread(&self) -> bool {
        !self.reader.is_empty()
    }

    /// The method of the request that was read last.
    pub fn request_method(&self) -> Method {
        self.method
    }

    /// Whether the head of a final response was written since the last request was read.
    pub fn has_responded(&self) -> bool {
        self.has_responded
    }

    /// Waits, before the first head of a connection, until it is sure whether the client speaks HTTP/2 (RFC 9113
    /// section 3.3). If it does, [`take_unread`](Self::take_unread) has what came; if not, the first head can be read.
    pub fn poll_preface<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
    ) -> Poll<Result<bool, Broken>> {
        loop {
            match Preface::of(self.reader.unread()) {
                Preface::Whole => return Poll::Ready(Ok(true)),
                Preface::Absent => return Poll::Ready(Ok(false)),
                Preface::Begun => {}
            }
            self.reader.make_room(PREFACE.len());
            if ready!(self.reader.poll_fill(cx, io))? == 0 {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Reads the next head into `head`, which must have been cleared.
    pub fn poll_head<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        limits: &Limits,
        paths: PathRules,
        head: &mut RequestHead,
    ) -> Poll<Result<HeadRead, Broken>> {
        loop {
            match self.try_head(limits, paths, head) {
                Ok(Some(info)) => return Poll::Ready(Ok(HeadRead::Request(info))),
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(Err(self.refuse(refusal))),
            }
            if !self.reader.make_room(limits.head) {
                let refusal = too_large(self.search);
                return Poll::Ready(Err(self.refuse(refusal)));
            }
            if ready!(self.reader.poll_fill(cx, io))? == 0 {
                let clean = self.reader.is_empty();
                return Poll::Ready(if clean { Ok(HeadRead::Closed) } else { Err(Broken::Truncated) });
            }
        }
    }

    fn try_head(
        &mut self,
        limits: &Limits,
        paths: PathRules,
        head: &mut RequestHead,
    ) -> Result<Option<RequestFraming>, Refusal> {
        self.skip_empty_lines();
        let unread = self.reader.unread();
        // What stands beyond the limit is not looked at: it must not matter how much of it came along. And the first
        // line is judged before what follows it, for the same reason.
        let window = &unread[..unread.len().min(limits.head)];
        let found = self.search.find(window);
        let Ok(Some(end)) = found else {
            check_beginning(window, &mut self.search)?;
            found?;
            return if unread.len() > limits.head { Err(too_large(self.search)) } else { Ok(None) };
        };
        let info = parse_request(&unread[..end], limits, paths, head)?;
        self.reader.consume(end);
        self.search = HeadEnd::default();
        self.decoder = BodyDecoder::for_request(info.length);
        self.method = head.method;
        self.version = head.version;
        self.keep_alive = info.keep_alive;
        self.has_responded = false;
        Ok(Some(info))
    }

    /// What is refused is answered as if it were a GET of HTTP/1.1, whatever came before it on this connection, and
    /// nothing comes after it.
    fn refuse(&mut self, refusal: Refusal) -> Broken {
        self.method = Method::Get;
        self.version = Version::Http11;
        self.keep_alive = false;
        Broken::Refused(refusal)
    }

    /// Empty lines before a request line mean nothing (RFC 9112 section 2.2).
    fn skip_empty_lines(&mut self) {
        while !self.search.has_first_line() && self.reader.unread().starts_with(b"\r\n") {
            self.reader.consume(2);
            self.search = HeadEnd::default();
        }
    }

    /// Whether the request's body was read to its end.
    pub fn is_body_read(&mut self) -> bool {
        is_at_end(&mut self.reader, &mut self.decoder)
    }

    /// Drops what has come of a request body that nobody wants; whether that is all of it.
    pub fn drop_body(&mut self) -> bool {
        drop_read(&mut self.reader, &mut self.decoder)
    }

    /// Writes the head of the final response; it leaves with the first bytes of the body, or with a flush. Answers
    /// whether the connection will stay open after it: not if the client, the caller or the framing says so.
    pub fn respond(&mut self, head: &ResponseHead, length: BodyLength, may_keep_alive: bool) -> bool {
        self.has_responded = true;
        let has_no_body = head.has_no_body(self.method);
        let closes_to_end = length == BodyLength::Unknown && self.version == Version::Http10 && !has_no_body;
        // A body that was not asked for to its end would be read as the next request.
        self.keep_alive &= may_keep_alive && !closes_to_end;
        let to = ResponseTo { method: self.method, version: self.version, keep_alive: self.keep_alive };
        encode_response(head, length, to, self.writer.head());
        self.writer.begin(if has_no_body {
            Outgoing::Length(0)
        } else {
            outgoing(length, self.version >= Version::Http11)
        });
        self.keep_alive
    }

    /// Writes an interim response, which HTTP/1.0 does not know (RFC 9110 section 15.2).
    pub fn inform(&mut self, head: &ResponseHead) {
        if self.version >= Version::Http11 {
            let to = ResponseTo { method: self.method, version: self.version, keep_alive: true };
            encode_response(head, BodyLength::None, to, self.writer.head());
        }
    }

    /// Writes the 101 after which the connection is a tunnel.
    pub fn switch(&mut self, fields: &Fields, protocol: &[u8]) {
        self.has_responded = true;
        encode_switching(fields, protocol, self.writer.head());
        self.keep_alive = false;
    }

    /// Whether only the end of the connection ends the response: then one that breaks off looks whole, unless the end is
    /// a reset (RFC 9112 section 8).
    pub fn ends_with_connection(&self) -> bool {
        self.writer.is_until_close()
    }

    /// Ends an exchange: whether the connection can serve another request. Gives buffers back.
    pub fn end_exchange(&mut self) -> bool {
        let reusable = self.keep_alive && self.writer.is_finished() && self.is_body_read();
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

    /// Waits until the client has ended its side of the connection, or broken it. What it sends meanwhile is read as far as there is
    /// room, and kept: what stands behind that shows later.
    pub fn poll_end<S: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, io: &mut S) -> Poll<Broken> {
        while self.reader.make_room(SMALL) {
            match ready!(self.reader.poll_fill(cx, io)) {
                Ok(0) => return Poll::Ready(Broken::Truncated),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Broken::Io(error)),
            }
        }
        Poll::Pending
    }

    /// Sends all that is held back.
    pub fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
    ) -> Poll<Result<(), Broken>> {
        self.writer.poll_flush(cx, io).map_err(Broken::Io)
    }

    /// The connection as both sides of a body.
    pub fn body<'a, S>(&'a mut self, io: &'a mut S) -> ServerBody<'a, S> {
        ServerBody { server: self, io }
    }
}

fn too_large(search: HeadEnd) -> Refusal {
    if search.has_first_line() { Refusal::HeadTooLarge } else { Refusal::UriTooLong }
}

/// Refuses at once what can never become a request: TLS on a port in the clear, HTTP/0.9, binary noise.
fn check_beginning(unread: &[u8], search: &mut HeadEnd) -> Result<(), Refusal> {
    if unread.first().is_some_and(|&first| first != b'\r' && !maitred_http::is_token_byte(first)) {
        return Err(Refusal::Bad("this is not HTTP/1.1"));
    }
    search.take_first_line().map_or(Ok(()), |len| check_first_line(&unread[..len]))
}

/// A client's connection as the source of a request body and the sink of a response body.
#[derive(Debug)]
pub struct ServerBody<'a, S> {
    server: &'a mut Server,
    io: &'a mut S,
}

impl<S: AsyncRead + Unpin> BodySource for ServerBody<'_, S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        let server = &mut *self.server;
        super::body::poll_piece(cx, self.io, &mut server.reader, &mut server.decoder, &mut server.piece)
    }

    fn bytes(&self) -> &[u8] {
        &self.server.reader.unread()[..self.server.piece]
    }

    fn consume(&mut self, n: usize) {
        self.server.reader.consume(n);
        self.server.decoder.took(n);
        self.server.piece -= n;
    }

    fn trailers(&self) -> Option<&Fields> {
        self.server.decoder.trailers()
    }
}

impl<S: AsyncWrite + Unpin> BodySink for ServerBody<'_, S> {
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        self.server.writer.poll_send(cx, self.io, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.server.writer.poll_flush(cx, self.io).map_err(Broken::Io)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        self.server.writer.poll_finish(cx, self.io, trailers)
    }
}
