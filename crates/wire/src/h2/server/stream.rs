//! One request of a client, and the way back for its answer: what an exchange is served on.
//! It is moved by the task of its connection, and polled by a task of its own.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ::h2::server::SendResponse;
use ::h2::{Reason, RecvStream};
use ::http::request::Parts;
use ::http::{Request, Response, StatusCode};
use maitred_http::{BodyLength, Fields, Method, PathRules, RequestHead, ResponseHead, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Broken, Refusal};
use crate::h1::RequestFraming;
use crate::h2::chunk::Chunk;
use crate::h2::errors;
use crate::h2::incoming::Incoming;
use crate::h2::outgoing::{Failure, Outgoing};
use crate::h2::request::read_request;
use crate::h2::response::{is_whole, write_response, write_switch};
use crate::h2::vitals::Vitals;
use crate::limits::Limits;
use crate::stream::{BodySink, BodySource, Piece};

/// A client's stream: one request and its response.
///
/// Dropping it ends it: with `RST_STREAM` and `NO_ERROR` where the answer was sent whole and the request's body was not read to its
/// end (RFC 9113 section 8.1), with `INTERNAL_ERROR` where the answer is not whole, with `REFUSED_STREAM` where the request was not
/// even read.
///
/// It is also the bytes of a tunnel, once it was [switched](Self::switch).
#[derive(Debug)]
pub struct ServerStream {
    /// Until it is read.
    request: Option<Box<Parts>>,
    respond: SendResponse<Chunk>,
    incoming: Incoming,
    outgoing: Outgoing,
    method: Method,
    has_responded: bool,
    /// An extended CONNECT, of which it is not known yet what becomes of it.
    wants_upgrade: bool,
    is_tunnel: bool,
    vitals: Rc<Vitals>,
}

impl ServerStream {
    pub(super) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Chunk>,
        most_fields: usize,
        vitals: &Rc<Vitals>,
    ) -> Box<Self> {
        let (parts, body) = request.into_parts();
        vitals.begin();
        Box::new(Self {
            request: Some(Box::new(parts)),
            respond,
            incoming: Incoming::new(body, most_fields, Rc::clone(vitals)),
            outgoing: Outgoing::new(Rc::clone(vitals)),
            method: Method::Get,
            has_responded: false,
            wants_upgrade: false,
            is_tunnel: false,
            vitals: Rc::clone(vitals),
        })
    }

    /// Reads the request's head into `head`, which must have been cleared; to be called once.
    ///
    /// `Host` becomes the first field, with what `:authority` says where there is one. An extended CONNECT for a `WebSocket` (RFC
    /// 8441) becomes the GET of RFC 6455 section 4.1: `wants_upgrade` is set and `Upgrade` is `websocket`, and its length is that of no
    /// body; but there is neither `Connection` nor `Sec-WebSocket-Key`, which the connection to the service gets from who
    /// opens it. The version is HTTP/2 in any case.
    ///
    /// What is refused is to be answered, as a GET; the connection goes on. What the library has found malformed never comes
    /// here: it is reset with `PROTOCOL_ERROR` (RFC 9113 section 8.1.1), among that fields that belong to a connection of HTTP/1.1,
    /// or answered 431 where it is too large.
    pub fn read_head(
        &mut self,
        limits: &Limits,
        paths: PathRules,
        head: &mut RequestHead,
    ) -> Result<RequestFraming, Refusal> {
        let parts = self.request.take().ok_or(Refusal::Bad("the head was read already"))?;
        let announced = read_request(&parts, Version::H2, self.incoming.is_at_end(), limits, paths, head)?;
        self.method = head.method;
        self.wants_upgrade = announced.wants_upgrade;
        Ok(announced)
    }

    /// The method of the request; GET where it was refused.
    pub fn request_method(&self) -> Method {
        self.method
    }

    /// Whether the head of a final response was sent.
    pub fn has_responded(&self) -> bool {
        self.has_responded
    }

    /// Drops the request's body, which nobody wants: what came of it and what will come. Whether it was all there.
    pub fn drop_body(&mut self) -> bool {
        let was_whole = self.wants_upgrade || self.incoming.is_at_end();
        self.incoming.drop_rest();
        was_whole
    }

    /// Sends the head of the final response, and ends the stream with it where no body follows. What cannot be sent is told to
    /// who sends the body.
    ///
    /// A `WebSocket` that the service did not want must not look as if it did: any 2xx would open it (RFC 8441 section 5). A
    /// client gets 502 then.
    pub fn respond(&mut self, head: &ResponseHead, length: BodyLength) {
        self.has_responded = true;
        let is_whole = is_whole(head, length, self.method);
        let response = write_response(head, length, self.method).map(|mut response| {
            if self.wants_upgrade && response.status().is_success() {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
            }
            response
        });
        self.send_head(response, length, is_whole);
    }

    /// Sends an interim response (RFC 9110 section 15.2). 101 is none in HTTP/2.
    pub fn inform(&mut self, head: &ResponseHead) {
        if head.status == 101 || self.has_responded {
            return;
        }
        if let Ok(response) = write_response(head, BodyLength::None, self.method) {
            // Where it fails the stream has ended, and the final response tells.
            let _ = self.respond.send_informational(response);
        }
    }

    /// Answers an extended CONNECT with 200: from here on the stream carries the bytes of a tunnel.
    pub fn switch(&mut self, fields: &Fields) {
        self.has_responded = true;
        self.wants_upgrade = false;
        self.is_tunnel = true;
        self.send_head(write_switch(fields), BodyLength::Unknown, false);
    }

    fn send_head(&mut self, response: Result<Response<()>, Refusal>, length: BodyLength, is_whole: bool) {
        self.vitals.advance();
        let response = match response {
            Ok(response) => response,
            Err(refusal) => return self.outgoing.fail(Failure::Unsayable(refusal)),
        };
        if let Ok(stream) = self.respond.send_response(response, is_whole) {
            self.outgoing.begin(stream, length, is_whole);
        } else {
            let ended = self.reset_code().map(errors::of_code);
            self.outgoing.fail(Failure::Ended(ended));
        }
    }

    /// Ends an exchange: whether the answer was sent whole. Gives the memory of the request's body back.
    pub fn end_exchange(&mut self) -> bool {
        self.incoming.drop_rest();
        self.outgoing.is_ended()
    }

    /// Waits until the client resets the stream, or its connection ends: nobody waits for the answer any more.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        if self.has_responded {
            return self.outgoing.poll_reset(cx);
        }
        self.respond.poll_reset(cx).map(errors::of_wait)
    }

    /// Waits until a tunnel has something to read, or its end, without taking it.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.incoming.poll_piece(cx).map(|piece| piece.map(|_| ()).map_err(Into::into))
    }

    /// With what code the client, or the library because of it, has ended the stream.
    fn reset_code(&mut self) -> Option<Reason> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.respond.poll_reset(&mut cx) {
            Poll::Ready(Ok(reason)) => Some(reason),
            _ => None,
        }
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        if self.outgoing.is_ended() {
            // What is left of the request the library resets with NO_ERROR.
            self.vitals.answered();
        } else if self.reset_code().is_some() {
            self.vitals.cancelled();
        } else {
            self.respond.send_reset(match (&self.request, self.is_tunnel) {
                (Some(_), _) => Reason::REFUSED_STREAM,
                (None, true) => Reason::CANCEL,
                (None, false) => Reason::INTERNAL_ERROR,
            });
        }
        self.vitals.end();
    }
}

impl BodySource for ServerStream {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        if self.wants_upgrade {
            return Poll::Ready(Ok(Piece::End));
        }
        self.incoming.poll_piece(cx)
    }

    fn bytes(&self) -> &[u8] {
        self.incoming.bytes()
    }

    fn consume(&mut self, n: usize) {
        self.incoming.consume(n);
    }

    fn trailers(&self) -> Option<&Fields> {
        if self.wants_upgrade { None } else { self.incoming.trailers() }
    }
}

impl BodySink for ServerStream {
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        self.outgoing.poll_send(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.outgoing.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        self.outgoing.poll_finish(cx, trailers)
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let incoming = &mut self.get_mut().incoming;
        if ready!(incoming.poll_piece(cx))? == Piece::Bytes {
            let taken = incoming.bytes().len().min(room.remaining());
            room.put_slice(&incoming.bytes()[..taken]);
            incoming.consume(taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outgoing = &mut self.get_mut().outgoing;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let taken = ready!(outgoing.poll_send(cx, bytes))?;
        // Who writes to a socket does not flush it either.
        ready!(outgoing.poll_flush(cx))?;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_flush(cx).map_err(Into::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outgoing.poll_finish(cx, None).map_err(Into::into)
    }
}
