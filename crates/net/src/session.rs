//! A TLS session over a socket, of either side: the handshake, and plain bytes to records and back. While it is idle
//! it holds its keys and one small buffer. Who the peer is and what it must show was decided when it was set up.
//!
//! The socket is read and written here rather than by an adapter of others, because an idle connection must tell
//! tickets from answers, give its buffers back, and send what is left over whenever it is touched.

mod failure;
mod hello;

pub use failure::{TlsCause, TlsFailure, TlsPeer};

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker, ready};

use rustls::Connection;
use tokio::io::ReadBuf;

use crate::socket::Socket;

/// Bytes that are read from the socket at once: one full record.
const READ: usize = 16 << 10;
/// With more plain bytes than this unread, rustls takes no more records.
const UNREAD: usize = 16 << 10;
/// Bytes that are encrypted at once, and so the most that wait for a slow peer.
const UNSENT: usize = 64 << 10;
/// How often a silent connection is read for records without plain bytes before it counts as not silent.
const RECORDS_OF_SILENCE: usize = 4;

#[derive(Debug)]
pub(crate) struct Session {
    socket: Socket,
    tls: Connection,
    /// What was read from the socket while rustls would take no more.
    unfed: Vec<u8>,
    /// What broke the session after bytes that had to be handed over first.
    broken: Option<io::Error>,
    /// Whether the peer has sent anything.
    is_begun: bool,
    /// Whether rustls may hold a larger buffer than an idle session needs.
    is_grown: bool,
}

impl Session {
    pub(crate) fn new(socket: Socket, mut tls: Connection) -> Self {
        tls.set_buffer_limit(Some(UNSENT));
        Self { socket, tls, unfed: Vec::new(), broken: None, is_begun: false, is_grown: false }
    }

    /// What was agreed on.
    pub(crate) fn tls(&self) -> &Connection {
        &self.tls
    }

    /// Tells a peer that does not speak TLS what there is to say, in the clear, if the socket takes that at once.
    pub(crate) fn tell_in_the_clear(&mut self, text: &[u8]) {
        tell(&mut self.socket, text);
    }

    /// The peer, as messages call it.
    fn peer(&self) -> TlsPeer {
        match self.tls {
            Connection::Client(_) => TlsPeer::Service,
            Connection::Server(_) => TlsPeer::Client,
        }
    }

    /// Does the handshake. Everything that belongs to it has left this side when it is ready.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Err(error) = ready!(self.poll_drain(cx)) {
                // The peer may have said why it does not listen any more.
                return match self.poll_fill(cx) {
                    Poll::Ready(Err(reason)) => Poll::Ready(Err(reason)),
                    _ => Poll::Ready(Err(error)),
                };
            }
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(TlsFailure::new(self.peer(), TlsCause::Closed).into()));
            }
        }
    }

    /// Ready once there are plain bytes, or their end.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.push(cx);
            if self.has_news() {
                return Poll::Ready(Ok(()));
            }
            let Poll::Ready(filled) = self.poll_fill(cx) else {
                self.shrink();
                return Poll::Pending;
            };
            filled?;
        }
    }

    /// Whether an idle session is still of use: no plain bytes, not closed by either layer. Records without plain bytes,
    /// such as tickets, are taken in passing.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..RECORDS_OF_SILENCE {
            if self.has_news() {
                return false;
            }
            if self.unfed.is_empty() && self.socket.is_quiet() {
                self.push(&mut cx);
                self.shrink();
                return true;
            }
            match self.poll_fill(&mut cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return false,
                Poll::Pending => return self.socket.is_quiet(),
            }
        }
        false
    }

    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.socket.ends()
    }

    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        self.socket.reset_on_close()
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        self.push(cx);
        while room.remaining() > 0 {
            match self.tls.reader().into_first_chunk() {
                Ok([]) => break,
                Ok(chunk) => {
                    let taken = chunk.len().min(room.remaining());
                    room.put_slice(&chunk[..taken]);
                    io::BufRead::consume(&mut self.tls.reader(), taken);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) if room.filled().len() > before => break,
                Err(error) => return Poll::Ready(Err(self.cut_off(error))),
            }
            if let Some(error) = self.broken.take() {
                return Poll::Ready(Err(error));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) if room.filled().len() > before => {
                    self.broken = Some(error);
                    break;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if room.filled().len() > before => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts as much as may wait at once, and sends what the socket takes of it. The rest leaves when the session is
    /// next written, flushed, or read.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        let taken = io::Write::write_vectored(&mut self.tls.writer(), bytes)?;
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken)),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_drain(cx)
    }

    /// Says that nothing more comes, on both layers (RFC 8446 section 6.1).
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        ready!(self.poll_drain(cx))?;
        self.socket.poll_shutdown(cx)
    }

    /// Whether reading would give plain bytes, their end, or an error, without the socket.
    fn has_news(&mut self) -> bool {
        let nothing = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.broken.is_some() || !self.tls.reader().into_first_chunk().is_err_and(nothing)
    }

    /// Takes what the socket has, up to a limit, and decrypts it. Answers how many bytes came: none at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.unfed.is_empty() {
            let unfed = std::mem::take(&mut self.unfed);
            return Poll::Ready(self.feed(&unfed).map(|()| unfed.len()));
        }
        let mut room = [MaybeUninit::uninit(); READ];
        let mut room = ReadBuf::uninit(&mut room);
        ready!(self.socket.poll_read(cx, &mut room))?;
        let bytes = room.filled();
        if let Some(first) = bytes.first().filter(|_| !self.is_begun) {
            if !begins_tls(*first) {
                return Poll::Ready(Err(TlsFailure::new(self.peer(), TlsCause::NotTls).into()));
            }
            self.is_begun = true;
        }
        if bytes.is_empty() {
            // Tells rustls of the end.
            self.tls.read_tls(&mut io::empty())?;
        }
        Poll::Ready(self.feed(bytes).map(|()| bytes.len()))
    }

    fn feed(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.is_grown = true;
            if self.tls.read_tls(&mut bytes)? == 0 {
                // What follows the end of a session counts for nothing.
                return Ok(());
            }
            let state = match self.tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // The peer is told why, if the socket takes that at once.
                    self.push(&mut Context::from_waker(Waker::noop()));
                    return Err(TlsFailure::of(self.peer(), &error).into());
                }
            };
            if state.plaintext_bytes_to_read() > UNREAD {
                self.unfed = bytes.to_vec();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends what waits to be sent.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Outlet { socket: &mut self.socket, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what can be sent now. An error is left for the next write to meet: what the peer sent before it broke
    /// off is to be read.
    fn push(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_drain(cx);
    }

    /// Has rustls give back what it holds beyond its smallest buffer, as it does before it reads.
    fn shrink(&mut self) {
        if std::mem::take(&mut self.is_grown) {
            let _ = self.tls.read_tls(&mut NothingYet);
        }
    }

    /// The end of the socket without the end of the session: somebody may have cut off the rest.
    fn cut_off(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return TlsFailure::new(self.peer(), TlsCause::CutOff).into();
        }
        error
    }
}

/// Whether a peer's first byte begins a record that TLS can begin with: handshake, or an alert.
fn begins_tls(first: u8) -> bool {
    matches!(first, 0x15 | 0x16)
}

/// Sends a few last bytes, if the socket takes them at once.
fn tell(socket: &mut Socket, bytes: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = io::Write::write(&mut Outlet { socket, cx: &mut cx }, bytes);
}

/// The socket as rustls writes to it.
struct Outlet<'a, 'b> {
    socket: &'a mut Socket,
    cx: &'a mut Context<'b>,
}

impl io::Write for Outlet<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        at_once(self.socket.poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        at_once(self.socket.poll_write_vectored(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn at_once(result: Poll<io::Result<usize>>) -> io::Result<usize> {
    match result {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A source that has nothing yet.
struct NothingYet;

impl Read for NothingYet {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
