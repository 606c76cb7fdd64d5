//! The body that a stream sends: held back until a frame is full or nothing more comes at the moment, and taken only as far as
//! the peer's window and the limits of what may wait allow.

use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ::h2::SendStream;
use maitred_http::{BodyLength, Fields};

use super::chunk::Chunk;
use super::errors;
use super::fields::header_map;
use super::vitals::{Place, Vitals};
use crate::buffer::{Buffer, FRAME};
use crate::error::{Broken, Refusal, Reset};
use crate::h1::NOT_IN_TRAILERS;

#[derive(Debug)]
pub(super) struct Outgoing {
    /// None before the head was sent.
    stream: Option<SendStream<Chunk>>,
    held: Buffer,
    held_len: usize,
    /// Bytes that were announced and have not been taken; none where nothing was announced.
    left: Option<u64>,
    /// Room in the peer's window that was asked for and not used.
    asked: usize,
    is_ended: bool,
    /// Why the head could not be sent.
    failure: Option<Failure>,
    place: Option<Place>,
    vitals: Rc<Vitals>,
}

/// Why a head could not be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// The protocol has no way to say it.
    Unsayable(Refusal),
    /// The stream had ended before.
    Ended(Option<Reset>),
}

impl Outgoing {
    pub(super) fn new(vitals: Rc<Vitals>) -> Self {
        Self {
            stream: None,
            held: Buffer::none(),
            held_len: 0,
            left: None,
            asked: 0,
            is_ended: false,
            failure: None,
            place: None,
            vitals,
        }
    }

    /// The head was sent, and its stream sends a body of this length; `is_ended` where it ended with the head.
    pub(super) fn begin(&mut self, stream: SendStream<Chunk>, length: BodyLength, is_ended: bool) {
        self.stream = Some(stream);
        self.is_ended = is_ended;
        self.left = match length {
            BodyLength::Unknown if !is_ended => None,
            BodyLength::Known(length) if !is_ended => Some(length),
            _ => Some(0),
        };
    }

    /// The head could not be sent: whoever sends the body is told.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// Whether all of the message was handed over.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Broken>> {
        self.check()?;
        if let Some(left) = self.left
            && bytes.len() as u64 > left
        {
            // More bytes came than were announced.
            return Poll::Ready(Err(Broken::Truncated));
        }
        if self.held_len == FRAME {
            self.push(false)?;
        }
        let wanted = bytes.len().min(FRAME - self.held_len);
        let taken = ready!(self.poll_room(cx, wanted))?.min(wanted);
        if self.held.is_empty() {
            self.held = Buffer::frame();
        }
        self.held.bytes_mut()[self.held_len..self.held_len + taken].copy_from_slice(&bytes[..taken]);
        self.held_len += taken;
        if let Some(left) = &mut self.left {
            *left -= taken as u64;
        }
        if self.held_len == FRAME {
            self.push(false)?;
        }
        Poll::Ready(Ok(taken))
    }

    pub(super) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.check()?;
        if self.held_len > 0 {
            self.push(false)?;
        }
        self.rest();
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_finish(
        &mut self,
        _: &mut Context<'_>,
        trailers: Option<&Fields>,
    ) -> Poll<Result<(), Broken>> {
        self.check()?;
        if self.left.is_some_and(|left| left > 0) {
            // Fewer bytes came than were announced: the peer must see a broken message, not a short one.
            return Poll::Ready(Err(Broken::Truncated));
        }
        if self.is_ended {
            return Poll::Ready(Ok(()));
        }
        match trailers {
            Some(trailers) if !trailers.is_empty() => self.push_trailers(trailers)?,
            _ => self.push(true)?,
        }
        self.is_ended = true;
        self.rest();
        Poll::Ready(Ok(()))
    }

    fn check(&self) -> Result<(), Broken> {
        match self.failure {
            Some(Failure::Unsayable(refusal)) => Err(refusal.into()),
            Some(Failure::Ended(Some(reset))) => Err(reset.into()),
            None if self.stream.is_some() => Ok(()),
            // Without a head there is no stream to send a body on.
            Some(Failure::Ended(None)) | None => Err(Broken::Truncated),
        }
    }

    /// Waits until some of `wanted` bytes can be taken beyond those that are held, and tells how many.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Broken>> {
        ready!(self.vitals.poll_room(cx, &mut self.place));
        loop {
            let Some(stream) = &mut self.stream else { return Poll::Ready(Err(Broken::Truncated)) };
            stream.reserve_capacity(self.held_len + wanted);
            self.asked = self.held_len + wanted;
            let room = stream.capacity();
            if room > self.held_len {
                return Poll::Ready(Ok(room - self.held_len));
            }
            // There is none for more: what is held must not wait for it.
            if self.held_len > 0 {
                self.push(false)?;
                continue;
            }
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(errors::of_stream(error))),
                None => return Poll::Ready(Err(self.why_closed())),
            }
        }
    }

    /// Hands over what is held as one frame.
    fn push(&mut self, is_last: bool) -> Result<(), Broken> {
        let Some(stream) = &mut self.stream else { return Err(Broken::Truncated) };
        let chunk = Chunk::of(&mut self.held, self.held_len, &self.vitals);
        self.asked = self.asked.saturating_sub(self.held_len);
        self.held_len = 0;
        stream.send_data(chunk, is_last).map_err(|_| self.why_closed())
    }

    fn push_trailers(&mut self, trailers: &Fields) -> Result<(), Broken> {
        if self.held_len > 0 {
            self.push(false)?;
        }
        let map = header_map(trailers, NOT_IN_TRAILERS)?;
        let Some(stream) = &mut self.stream else { return Err(Broken::Truncated) };
        stream.send_trailers(map).map_err(|_| self.why_closed())
    }

    /// Nothing more comes at the moment: gives back the buffer, and the room that other streams may need.
    fn rest(&mut self) {
        self.held = Buffer::none();
        if std::mem::take(&mut self.asked) > 0
            && let Some(stream) = &mut self.stream
        {
            stream.reserve_capacity(0);
        }
    }

    /// Why the stream takes nothing any more.
    fn why_closed(&mut self) -> Broken {
        let mut cx = Context::from_waker(Waker::noop());
        match self.poll_reset(&mut cx) {
            Poll::Ready(broken) => broken,
            Poll::Pending => Broken::Truncated,
        }
    }

    /// Waits until the peer resets the stream.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        match &mut self.stream {
            None => Poll::Pending,
            Some(stream) => stream.poll_reset(cx).map(errors::of_wait),
        }
    }
}
