//! The stream below HTTP/2: gives out first what was read before the protocol was known, counts the frames that come, and
//! closes gently. It stops reading a peer that has worn the gateway out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::FrameCount;
use super::vitals::Vitals;
use crate::error::{Reset, ResetBy};
use crate::preface::PREFACE;

#[derive(Debug)]
pub(super) struct Transport<S> {
    stream: S,
    /// What was read before, and how much of it was given out.
    unread: Vec<u8>,
    given: usize,
    /// What is left of the preface that a client must send.
    preface: &'static [u8],
    frames: FrameCount,
    is_shut: bool,
    /// Bytes that are still read, and thrown away, of a client to which everything was said.
    linger: usize,
    vitals: Rc<Vitals>,
}

/// Bytes that a client may send while the connection is closed on it.
const LINGER_BYTES: usize = 1 << 20;

impl<S> Transport<S> {
    /// The stream of a client, of which `unread` was read before.
    pub(super) fn of_client(stream: S, unread: Vec<u8>, vitals: Rc<Vitals>) -> Self {
        let frames = FrameCount::of_client();
        let (preface, linger) = (PREFACE, LINGER_BYTES);
        Self { stream, unread, given: 0, preface, frames, is_shut: false, linger, vitals }
    }

    /// The stream of a service.
    pub(super) fn of_service(stream: S, vitals: Rc<Vitals>) -> Self {
        let frames = FrameCount::of_service();
        let unread = Vec::new();
        Self { stream, unread, given: 0, preface: &[], frames, is_shut: false, linger: 0, vitals }
    }

    fn give_unread(&mut self, room: &mut ReadBuf<'_>) {
        let n = room.remaining().min(self.unread.len() - self.given);
        room.put_slice(&self.unread[self.given..self.given + n]);
        self.given += n;
        if self.given == self.unread.len() {
            self.unread = Vec::new();
            self.given = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> Transport<S> {
    /// Refuses what is no preface. What came with it is read before the connection is closed.
    fn check_preface(&mut self, cx: &mut Context<'_>, came: &[u8]) -> io::Result<()> {
        let len = self.preface.len().min(came.len());
        let (expected, rest) = self.preface.split_at(len);
        if came[..len] == *expected {
            self.preface = rest;
            return Ok(());
        }
        let _ = self.poll_linger(cx);
        let code = Reset::PROTOCOL_ERROR;
        let by = ResetBy::Gateway;
        Err(Reset { code, by, is_connection: true, is_unprocessed: false }.into())
    }

    /// Reads until the peer has closed, too, or has sent too much. Closing a socket with unread bytes in it resets the
    /// connection, and what was sent last, a GOAWAY above all, is lost on its way.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4 << 10];
        while self.linger > 0 {
            let mut room = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room));
            if read.is_err() || room.filled().is_empty() {
                break;
            }
            self.linger = self.linger.saturating_sub(room.filled().len());
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Transport<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.vitals.is_abused() {
            // Nothing more is read of a peer like this. The connection's task looks why once it gets out of the loop that
            // reads here.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = room.filled().len();
        if this.unread.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, room))?;
        } else {
            this.give_unread(room);
        }
        let came = &room.filled()[before..];
        if !this.preface.is_empty() {
            this.check_preface(cx, came)?;
        }
        this.vitals.control_frames(this.frames.pass(came));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.vitals.close();
        if !this.is_shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.is_shut = true;
        }
        this.poll_linger(cx).map(Ok)
    }
}
