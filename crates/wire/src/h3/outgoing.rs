//! What a stream sends: heads, a body in frames of at most 16 KiB, and trailers. The library's functions for it are futures; each
//! takes the stream's half along and gives it back, and the next one waits for it.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::h3::error::{Code, StreamError};
use ::h3::server::RequestStream;
use ::http::{HeaderMap, Response};
use bytes::Bytes;
use maitred_http::{BodyLength, Fields};

use super::errors;
use super::transport::{Fate, Later, SendStream};
use crate::buffer::FRAME;
use crate::error::{Broken, Refusal};
use crate::h1::NOT_IN_TRAILERS;
use crate::h2::fields::header_map;
use crate::h2::vitals::Vitals;

/// The half of a request's stream that the gateway sends.
pub(super) type Half = RequestStream<SendStream<Bytes>, Bytes>;

type Sent = (Half, Result<(), StreamError>);

pub(super) struct Outgoing {
    state: State,
    /// Bytes that were announced and have not been taken; none where nothing was announced.
    left: Option<u64>,
    has_begun: bool,
    is_ended: bool,
    /// The protocol has no way to say what was to be said.
    unsayable: Option<Refusal>,
    vitals: Rc<Vitals>,
}

enum State {
    Ready(Box<Half>),
    Sending(Later<Sent>),
    Broken,
}

/// What is to be sent.
enum Part {
    Head(Response<()>),
    Body(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Outgoing {
    /// The half of a stream that is reset with an error, should it be dropped before its end.
    pub(super) fn new(half: Half, fate: &Fate, vitals: Rc<Vitals>) -> Self {
        fate.reset_with(Code::H3_INTERNAL_ERROR);
        let state = State::Ready(Box::new(half));
        Self { state, left: None, has_begun: false, is_ended: false, unsayable: None, vitals }
    }

    /// Sends an interim response.
    pub(super) fn inform(&mut self, response: Response<()>) {
        self.send(Part::Head(response));
    }

    /// Sends the head of the final response, with which the stream ends if it `is_whole`.
    pub(super) fn begin(
        &mut self,
        response: Result<Response<()>, Refusal>,
        length: BodyLength,
        is_whole: bool,
    ) {
        self.has_begun = true;
        self.left = match length {
            BodyLength::Unknown if !is_whole => None,
            BodyLength::Known(length) if !is_whole => Some(length),
            _ => Some(0),
        };
        match response {
            Ok(response) => self.send(Part::Head(response)),
            Err(refusal) => self.unsayable = Some(refusal),
        }
        if is_whole && self.unsayable.is_none() {
            self.send(Part::End);
            self.is_ended = true;
        }
    }

    /// Whether all of the message was handed over.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        ready!(self.poll_sent(cx))?;
        let taken = bytes.len().min(FRAME);
        if let Some(left) = &mut self.left {
            // More bytes came than were announced.
            *left = left.checked_sub(taken as u64).ok_or(Broken::Truncated)?;
        }
        self.send(Part::Body(Bytes::copy_from_slice(&bytes[..taken])));
        // It begins to be sent now; the rest of it is waited for next time.
        if let Poll::Ready(sent) = self.poll_rest(cx) {
            sent?;
        }
        Poll::Ready(Ok(taken))
    }

    /// Sends what was said so far, be it an interim response alone.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.unsayable {
            Some(refusal) => Poll::Ready(Err(refusal.into())),
            None => self.poll_rest(cx),
        }
    }

    pub(super) fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        trailers: Option<&Fields>,
    ) -> Poll<Result<(), Broken>> {
        ready!(self.poll_sent(cx))?;
        if self.left.is_some_and(|left| left > 0) {
            // Fewer bytes came than were announced: the client must see a broken message, not a short one.
            return Poll::Ready(Err(Broken::Truncated));
        }
        if !self.is_ended {
            if let Some(trailers) = trailers.filter(|trailers| !trailers.is_empty()) {
                self.send(Part::Trailers(header_map(trailers, NOT_IN_TRAILERS)?));
            }
            self.send(Part::End);
            self.is_ended = true;
        }
        self.poll_sent(cx)
    }

    /// Waits until what was given to the stream before is with QUIC.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Some(refusal) = self.unsayable {
            return Poll::Ready(Err(refusal.into()));
        }
        if !self.has_begun {
            return Poll::Ready(Err(Broken::Truncated));
        }
        self.poll_rest(cx)
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match &mut self.state {
            State::Ready(_) => Poll::Ready(Ok(())),
            State::Broken => Poll::Ready(Err(gone())),
            State::Sending(sending) => {
                let (half, sent) = ready!(sending.as_mut().poll(cx));
                self.vitals.advance();
                self.state = State::Ready(Box::new(half));
                if let Err(error) = sent {
                    self.state = State::Broken;
                    self.is_ended = false;
                    return Poll::Ready(Err(match errors::of_stream(error) {
                        Broken::Truncated => gone(),
                        broken => broken,
                    }));
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Sends a part once those before it are sent.
    fn send(&mut self, part: Part) {
        self.state = match std::mem::replace(&mut self.state, State::Broken) {
            State::Ready(half) => State::Sending(Box::pin(send(*half, part))),
            State::Sending(before) => State::Sending(Box::pin(async move {
                match before.await {
                    (half, Ok(())) => send(half, part).await,
                    failed => failed,
                }
            })),
            State::Broken => State::Broken,
        };
    }
}

/// The stream has ended on the client's side. What is [`Broken::Truncated`] here is the sender's fault, who announced another length.
fn gone() -> Broken {
    Broken::Io(std::io::ErrorKind::BrokenPipe.into())
}

async fn send(mut half: Half, part: Part) -> Sent {
    let sent = match part {
        Part::Head(response) => half.send_response(response).await,
        Part::Body(bytes) => half.send_data(bytes).await,
        Part::Trailers(trailers) => half.send_trailers(trailers).await,
        Part::End => half.finish().await,
    };
    (half, sent)
}
