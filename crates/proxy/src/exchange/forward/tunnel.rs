//! A connection that carries another protocol: bytes flow both ways until one side ends. A tunnel holds no snapshot, so
//! that reloads neither cut it nor are kept alive by it, and no buffer while nothing flows.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maitred_net::Stream;
use maitred_upstream::{Call, Lease};
use maitred_wire::ServerSide;
use maitred_wire::buffer::Buffer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::Connection;
use crate::worker::Worker;

/// The service's half of a tunnel.
pub(crate) struct Tunnel {
    pub(crate) lease: Lease,
    /// The try that it goes on from, under way for as long as it lasts.
    pub(crate) _call: Call,
    /// What each side sent behind its head.
    pub(crate) from_client: Vec<u8>,
    pub(crate) from_service: Vec<u8>,
    /// How long nothing may flow.
    pub(crate) idle: Duration,
}

/// One direction.
#[derive(Default)]
struct Flow {
    buffer: Buffer,
    start: usize,
    end: usize,
    is_read: bool,
    is_over: bool,
    moved: u64,
}

impl Tunnel {
    /// Carries bytes until both sides have ended, one breaks, or nothing flows for too long.
    pub(crate) async fn run(mut self: Box<Self>, worker: &Rc<Worker>, mut connection: Box<Connection>) {
        let mut up = Flow::begin(&self.from_client);
        let mut down = Flow::begin(&self.from_service);
        let mut seen = None;
        std::future::poll_fn(|cx| {
            // Only a connection of HTTP/1 to a service becomes a tunnel.
            let Some((_, service)) = self.lease.client().as_http1() else { return Poll::Ready(()) };
            let client = &mut connection.client;
            let ended = up.poll(cx, client, service).is_err() | down.poll(cx, service, client).is_err();
            if ended || (up.is_over && down.is_over) {
                return Poll::Ready(());
            }
            if seen != Some(up.moved + down.moved) {
                seen = Some(up.moved + down.moved);
                connection.timer.set(worker.clock.now() + self.idle);
            }
            connection.timer.poll_fired(cx)
        })
        .await;
    }
}

/// One end of a tunnel: a socket, or a client's stream of HTTP/2.
trait Half: AsyncRead + AsyncWrite + Unpin {
    /// Waits until there is something to read, without taking it.
    fn poll_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl Half for Stream {
    fn poll_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_readable(cx)
    }
}

impl Half for ServerSide<Stream> {
    fn poll_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_readable(cx, Stream::poll_readable)
    }
}

impl Flow {
    fn begin(first: &[u8]) -> Self {
        let mut flow = Self::default();
        if !first.is_empty() {
            flow.buffer = Buffer::exactly(first.len());
            flow.buffer.bytes_mut().copy_from_slice(first);
            flow.end = first.len();
        }
        flow
    }

    /// Moves what can be moved now.
    fn poll(&mut self, cx: &mut Context<'_>, from: &mut impl Half, to: &mut impl Half) -> io::Result<()> {
        match self.poll_move(cx, from, to) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Half,
        to: &mut impl Half,
    ) -> Poll<io::Result<()>> {
        while !self.is_over {
            while self.start < self.end {
                let n =
                    ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer.bytes()[self.start..self.end]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.start += n;
                self.moved += n as u64;
            }
            if self.is_read {
                // One side ends: the other is told, and may still speak.
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.is_over = true;
                break;
            }
            if self.poll_read(cx, from)?.is_pending() {
                self.buffer = Buffer::none();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, from: &mut impl Half) -> Result<Poll<()>, io::Error> {
        if from.poll_to_read(cx)?.is_pending() {
            return Ok(Poll::Pending);
        }
        if self.buffer.is_empty() {
            self.buffer = Buffer::small();
        }
        let mut room = ReadBuf::new(self.buffer.bytes_mut());
        if Pin::new(from).poll_read(cx, &mut room)?.is_pending() {
            return Ok(Poll::Pending);
        }
        (self.start, self.end) = (0, room.filled().len());
        self.is_read = self.end == 0;
        Ok(Poll::Ready(()))
    }
}
