//! One request to a service, and its response: sent on a stream, read from it, and told apart by how it failed.
//! Whether it is sent again is not decided here.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ::h2::client::ResponseFuture;
use ::http::Response;
use maitred_http::{BodyLength, Fields, Method, RequestHead, ResponseHead};

use super::Shared;
use crate::error::Broken;
use crate::h2::errors;
use crate::h2::incoming::Incoming;
use crate::h2::outgoing::Outgoing;
use crate::h2::request::write_request;
use crate::h2::response::read_response;
use crate::limits::Limits;
use crate::stream::{BodySink, BodySource, Piece};

/// A stream to a service: one request and its response. Dropping it before both are whole resets it with CANCEL.
#[derive(Debug)]
pub struct ClientStream {
    shared: Rc<Shared>,
    answer: Answer,
    incoming: Incoming,
    outgoing: Outgoing,
    method: Method,
    heard: bool,
}

/// How far the answer has come.
#[derive(Debug)]
enum Answer {
    /// Nothing was asked yet.
    None,
    /// The request could not be sent.
    Failed(Broken),
    /// Its final head has not been read.
    Awaited(ResponseFuture),
    /// Its final head was read.
    Begun,
}

impl ClientStream {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        shared.vitals.begin();
        let incoming = Incoming::none(Rc::clone(&shared.vitals));
        let outgoing = Outgoing::new(Rc::clone(&shared.vitals));
        Self { shared, answer: Answer::None, incoming, outgoing, method: Method::Get, heard: false }
    }

    /// Sends a request's head, and ends the stream with it where no body follows. Its authority is what `Host` says. What cannot be
    /// sent is told with the response.
    pub fn request(&mut self, head: &RequestHead, length: BodyLength) {
        self.method = head.method;
        self.heard = false;
        let sent =
            write_request(head, self.shared.scheme, length).map_err(Broken::from).and_then(|request| {
                let mut send = self.shared.send.borrow_mut();
                let mut cx = Context::from_waker(Waker::noop());
                if send.poll_ready(&mut cx).is_pending() {
                    // The handle waits for a stream of its own to be opened; a new one need not.
                    *send = send.clone();
                }
                send.send_request(request, length.is_empty()).map_err(errors::of_stream)
            });
        self.answer = match sent {
            Ok((response, stream)) => {
                self.outgoing.begin(stream, length, length.is_empty());
                Answer::Awaited(response)
            }
            Err(broken) => Answer::Failed(broken),
        };
    }

    /// Reads the next response head into `head`, which must have been cleared: an interim one (1xx) or the final one, after
    /// which there is no other. Answers with the announced length of its body.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        limits: &Limits,
        head: &mut ResponseHead,
    ) -> Poll<Result<BodyLength, Broken>> {
        let response = match &mut self.answer {
            Answer::Awaited(response) => response,
            Answer::None | Answer::Begun => return Poll::Ready(Err(Broken::Truncated)),
            Answer::Failed(_) => {
                let Answer::Failed(broken) = std::mem::replace(&mut self.answer, Answer::None) else {
                    return Poll::Ready(Err(Broken::Truncated));
                };
                return Poll::Ready(Err(broken));
            }
        };
        if let Some(interim) = ready!(response.poll_informational(cx)) {
            let parts = interim.map_err(errors::of_stream)?.into_parts().0;
            self.heard = true;
            read_response(&parts, false, self.method, limits, head)?;
            return Poll::Ready(Ok(BodyLength::None));
        }
        let (parts, body) =
            ready!(Pin::new(response).poll(cx)).map(Response::into_parts).map_err(errors::of_stream)?;
        self.heard = true;
        self.answer = Answer::Begun;
        let is_whole = body.is_end_stream();
        self.incoming = Incoming::new(body, self.shared.most_fields, Rc::clone(&self.shared.vitals));
        self.shared.vitals.advance();
        Poll::Ready(read_response(&parts, is_whole, self.method, limits, head).map_err(Broken::from))
    }

    /// Whether any of a response has come: if not, and the service says nothing else, it may or may not have seen the request.
    pub fn has_heard(&self) -> bool {
        self.heard
    }

    /// Ends an exchange: whether the request was sent and its response read, both to their ends.
    pub fn end_exchange(&mut self) -> bool {
        matches!(self.answer, Answer::Begun) && self.outgoing.is_ended() && self.incoming.is_at_end()
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        // The library resets what is not whole.
        self.shared.vitals.end();
    }
}

impl BodySource for ClientStream {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        self.incoming.poll_piece(cx)
    }

    fn bytes(&self) -> &[u8] {
        self.incoming.bytes()
    }

    fn consume(&mut self, n: usize) {
        self.incoming.consume(n);
    }

    fn trailers(&self) -> Option<&Fields> {
        self.incoming.trailers()
    }
}

impl BodySink for ClientStream {
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
