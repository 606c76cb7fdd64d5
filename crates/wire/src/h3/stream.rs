//! One request of a client, and the way back for its answer: what an exchange is served on.
//! It comes from the task of its connection, and is polled by a task of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::h3::error::{Code, StreamError};
use ::h3::server::{RequestResolver, RequestStream};
use ::http::Request;
use ::http::request::Parts;
use bytes::Bytes;
use maitred_http::{BodyLength, Fields, Method, PathRules, RequestHead, ResponseHead, Version};

use super::errors;
use super::handshake::Handshake;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::transport::{Arrived, BidiStream, Later, Transport};
use crate::error::{Broken, Refusal};
use crate::h1::RequestFraming;
use crate::h2::fields::check_fields;
use crate::h2::request::read_request;
use crate::h2::response::{is_whole, write_response};
use crate::h2::vitals::Vitals;
use crate::limits::Limits;
use crate::stream::{BodySink, BodySource, Piece};

/// What `h3` makes of the first frame of a stream.
type Resolved = Result<(Request<()>, RequestStream<BidiStream<Bytes>, Bytes>), StreamError>;

/// A client's stream: one request and its response. [`poll_head`](Self::poll_head) comes first.
///
/// Dropping it ends it: the answer is reset where it is not whole, and the rest of a request that nobody has read is refused
/// with `H3_NO_ERROR` (RFC 9114 section 4.1).
pub struct ServerStream {
    progress: Progress,
    arrived: Arrived,
    handshake: Rc<Handshake>,
    method: Method,
    has_responded: bool,
    /// The client has all of the answer, or wants no more of it.
    is_over: bool,
    most_fields: usize,
    vitals: Rc<Vitals>,
}

enum Progress {
    /// The head is on its way.
    Resolving(Later<Resolved>),
    /// The head has come.
    Open(Box<Open>),
    /// There is no request.
    Broken,
}

/// The halves of a stream, and the head until it is read.
struct Open {
    request: Option<Parts>,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl ServerStream {
    pub(super) fn new(
        resolver: RequestResolver<Transport, Bytes>,
        arrived: Arrived,
        handshake: Rc<Handshake>,
        most_fields: usize,
        vitals: &Rc<Vitals>,
    ) -> Self {
        vitals.begin();
        Self {
            progress: Progress::Resolving(Box::pin(resolver.resolve_request())),
            arrived,
            handshake,
            method: Method::Get,
            has_responded: false,
            is_over: false,
            most_fields,
            vitals: Rc::clone(vitals),
        }
    }

    /// Waits for the head of the request, which can be read then. A request that must not be repeated, and came before
    /// the handshake was done, waits for that (RFC 8470 section 3).
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Progress::Resolving(resolving) = &mut self.progress {
            let fate = &self.arrived.fate;
            let resolved = match fate.wants_too_much(|| resolving.as_mut().poll(cx)) {
                Ok(resolved) => ready!(resolved),
                Err(refusal) => {
                    fate.reset_with(Code::H3_EXCESSIVE_LOAD);
                    self.progress = Progress::Broken;
                    return Poll::Ready(Err(refusal.into()));
                }
            };
            self.progress = Progress::Broken;
            let (request, stream) = resolved.map_err(errors::of_stream)?;
            let (send, recv) = stream.split();
            let (fate, vitals) = (&self.arrived.fate, &self.vitals);
            self.progress = Progress::Open(Box::new(Open {
                request: Some(request.into_parts().0),
                incoming: Incoming::new(recv, self.most_fields, Arc::clone(fate), Rc::clone(vitals)),
                outgoing: Outgoing::new(send, fate, Rc::clone(vitals)),
            }));
        }
        let Progress::Open(open) = &mut self.progress else {
            return Poll::Ready(Err(Broken::Truncated));
        };
        if let Some(parts) = &open.request {
            if self.arrived.is_early && !parts.method.is_safe() {
                ready!(self.handshake.poll_done(cx))?;
            }
            // Whether a body follows is seen only when it does. Where there is none as a rule, it is worth the wait.
            if matches!(parts.method, ::http::Method::GET | ::http::Method::HEAD) {
                ready!(open.incoming.poll_piece(cx))?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the request's head into `head`, which must have been cleared; to be called once, after
    /// [`poll_head`](Self::poll_head). `Host` becomes the first field, with what `:authority` says where there is one. A request that
    /// somebody may be repeating is marked so for the service (`Early-Data`, RFC 8470 section 5.1).
    ///
    /// What is refused is to be answered, as a GET; the connection goes on.
    pub fn read_head(
        &mut self,
        limits: &Limits,
        paths: PathRules,
        head: &mut RequestHead,
    ) -> Result<RequestFraming, Refusal> {
        const NONE: Refusal = Refusal::Bad("there is no head to read");
        let Progress::Open(open) = &mut self.progress else { return Err(NONE) };
        let parts = open.request.take().ok_or(NONE)?;
        check_fields(&parts.headers)?;
        let announced = read_request(&parts, Version::H3, open.incoming.is_at_end(), limits, paths, head)?;
        open.incoming.announce(announced.length)?;
        self.method = head.method;
        if self.arrived.is_early && !self.handshake.is_done() {
            head.fields.remove_bytes(b"early-data");
            head.fields.append_bytes(b"Early-Data", b"1");
        }
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
        let Progress::Open(open) = &mut self.progress else { return true };
        let was_whole = open.incoming.is_at_end();
        open.incoming.drop_rest();
        was_whole
    }

    /// Sends the head of the final response, and ends the stream with it where no body follows. What cannot be sent is told to
    /// who sends the body.
    pub fn respond(&mut self, head: &ResponseHead, length: BodyLength) {
        self.has_responded = true;
        let response = write_response(head, length, self.method);
        if let Progress::Open(open) = &mut self.progress {
            open.outgoing.begin(response, length, is_whole(head, length, self.method));
        }
    }

    /// Sends an interim response (RFC 9110 section 15.2). There is no 101 in HTTP/3.
    pub fn inform(&mut self, head: &ResponseHead) {
        if head.status == 101 || self.has_responded {
            return;
        }
        if let (Progress::Open(open), Ok(response)) =
            (&mut self.progress, write_response(head, BodyLength::None, self.method))
        {
            open.outgoing.inform(response);
        }
    }

    /// Ends an exchange: whether the answer was sent whole. Gives the memory of the request's body back.
    pub fn end_exchange(&mut self) -> bool {
        let Progress::Open(open) = &mut self.progress else { return false };
        open.incoming.drop_rest();
        open.outgoing.is_ended()
    }

    /// Waits until the client wants no answer any more, or its connection ends.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        if self.is_over {
            return Poll::Pending;
        }
        let stopped = ready!(self.arrived.stopped.as_mut().poll(cx));
        self.is_over = true;
        let Some(broken) = errors::of_stop(stopped) else { return Poll::Pending };
        self.arrived.fate.cancel();
        Poll::Ready(broken)
    }

    /// Waits until the client has all of the answer, or wants no more of it. As long as the stream is not dropped, its
    /// connection is not closed under it.
    pub fn poll_delivered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Progress::Open(open) = &mut self.progress else { return Poll::Ready(()) };
        let outgoing = &mut open.outgoing;
        if self.is_over || !outgoing.is_ended() || ready!(outgoing.poll_flush(cx)).is_err() {
            return Poll::Ready(());
        }
        // However it ended, there is nothing more to wait for.
        self.is_over = self.arrived.stopped.as_mut().poll(cx).is_ready();
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        let fate = &self.arrived.fate;
        match &self.progress {
            Progress::Open(_) if fate.is_cancelled() => self.vitals.cancelled(),
            Progress::Open(open) if open.outgoing.is_ended() => self.vitals.answered(),
            Progress::Open(open) if open.request.is_some() => fate.reset_with(Code::H3_REQUEST_REJECTED),
            Progress::Open(_) => {}
            Progress::Resolving(_) => {
                fate.reset_with(Code::H3_REQUEST_REJECTED);
                self.vitals.cancelled();
            }
            // What was to be said of a stream without a request, the library has said.
            Progress::Broken => self.vitals.cancelled(),
        }
        self.vitals.end();
    }
}

impl std::fmt::Debug for ServerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerStream")
            .field("method", &self.method)
            .field("has_responded", &self.has_responded)
            .finish_non_exhaustive()
    }
}

impl BodySource for ServerStream {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        match &mut self.progress {
            Progress::Open(open) => open.incoming.poll_piece(cx),
            _ => Poll::Ready(Ok(Piece::End)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.progress {
            Progress::Open(open) => open.incoming.bytes(),
            _ => &[],
        }
    }

    fn consume(&mut self, n: usize) {
        if let Progress::Open(open) = &mut self.progress {
            open.incoming.consume(n);
        }
    }

    fn trailers(&self) -> Option<&Fields> {
        match &self.progress {
            Progress::Open(open) => open.incoming.trailers(),
            _ => None,
        }
    }
}

impl BodySink for ServerStream {
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        match &mut self.progress {
            Progress::Open(open) => open.outgoing.poll_send(cx, bytes),
            _ => Poll::Ready(Err(Broken::Truncated)),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match &mut self.progress {
            Progress::Open(open) => open.outgoing.poll_flush(cx),
            _ => Poll::Ready(Err(Broken::Truncated)),
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: Option<&Fields>) -> Poll<Result<(), Broken>> {
        match &mut self.progress {
            Progress::Open(open) => open.outgoing.poll_finish(cx, trailers),
            _ => Poll::Ready(Err(Broken::Truncated)),
        }
    }
}
