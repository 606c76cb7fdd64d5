//! The stream below HTTP/2: gives out first what was read before the protocol was known, and counts the frames that come.
//! It stops reading a peer that has worn the gateway out.

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
    vitals: Rc<Vitals>,
}

/// Bytes that are thrown away of a client that speaks something else.
const MOST_FOREIGN: usize = 64 << 10;

impl<S> Transport<S> {
    /// The stream of a client, of which `unread` was read before.
    pub(super) fn of_client(stream: S, unread: Vec<u8>, vitals: Rc<Vitals>) -> Self {
        Self { stream, unread, given: 0, preface: PREFACE, frames: FrameCount::of_client(), vitals }
    }

    /// The stream of a service.
    pub(super) fn of_service(stream: S, vitals: Rc<Vitals>) -> Self {
        let frames = FrameCount::of_service();
        Self { stream, unread: Vec::new(), given: 0, preface: &[], frames, vitals }
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
    /// Refuses what is no preface. A socket that is closed with unread bytes in it resets the connection, which can look like
    /// an accident; so what has come is read first.
    fn check_preface(&mut self, cx: &mut Context<'_>, came: &[u8]) -> io::Result<()> {
        let len = self.preface.len().min(came.len());
        let (expected, rest) = self.preface.split_at(len);
        if came[..len] == *expected {
            self.preface = rest;
            return Ok(());
        }
        let mut scratch = [0; 4 << 10];
        for _ in 0..MOST_FOREIGN / scratch.len() {
            let mut room = ReadBuf::new(&mut scratch);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut room);
            if !matches!(read, Poll::Ready(Ok(()))) || room.filled().is_empty() {
                break;
            }
        }
        let code = Reset::PROTOCOL_ERROR;
        let by = ResetBy::Gateway;
        Err(Reset { code, by, is_connection: true, is_unprocessed: false }.into())
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Transport<S> {
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
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
