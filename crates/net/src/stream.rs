//! A connection, whatever carries it: a socket, or a TLS session over one.
//! The rest of the gateway asks only whether there is something to read, and reads and writes.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::session::Session;
use crate::socket::Socket;

/// A connection. It belongs to one task at a time: whoever reads it also sends what an encrypted one holds back.
#[derive(Debug)]
pub struct Stream {
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Plain(Socket),
    // Boxed, because most of a session is only looked at within.
    Tls(Box<Session>),
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A process on this machine.
    Unix,
}

impl PeerAddress {
    /// The address; a peer on a Unix socket counts as 127.0.0.1. IPv4 addresses that came through an IPv6
    /// socket are IPv4 again, so that rules about them hold.
    pub fn ip(self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip().to_canonical(),
            Self::Unix => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self { carrier: Carrier::Plain(Socket::Tcp(stream)) }
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self { carrier: Carrier::Plain(Socket::Unix(stream)) }
    }
}

impl From<Box<Session>> for Stream {
    fn from(session: Box<Session>) -> Self {
        Self { carrier: Carrier::Tls(session) }
    }
}

impl Stream {
    /// Waits until there is something to read, or the end of the stream, without holding a buffer for it. What is
    /// encrypted is decrypted, so that records that carry nothing to read wake nobody.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(socket) => socket.poll_readable(cx),
            Carrier::Tls(session) => session.poll_readable(cx),
        }
    }

    /// Has the connection end with a reset when it is dropped, so that the peer does not take what it got for all there is.
    /// A Unix socket knows none.
    pub fn reset_on_close(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.reset_on_close(),
            Carrier::Tls(session) => session.reset_on_close(),
        }
    }

    /// Whether an idle connection is still of use: nothing to read, and not closed. Where the event loop was told of
    /// something since, it is looked at: records of a TLS session may carry nothing to read.
    pub fn is_quiet(&mut self) -> bool {
        match &mut self.carrier {
            Carrier::Plain(socket) => socket.is_quiet(),
            Carrier::Tls(session) => session.is_quiet(),
        }
    }

    /// Both ends of the connection, the peer's first; none of one that has no addresses of the network.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.ends(),
            Carrier::Tls(session) => session.ends(),
        }
    }

    /// Whether what is written is encrypted on its way.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.carrier, Carrier::Tls(_))
    }

    /// The socket below, for a session to be laid over it; one that carries a session already cannot carry another.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        match self.carrier {
            Carrier::Plain(socket) => Ok(socket),
            Carrier::Tls(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "this connection is encrypted already"))
            }
        }
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => socket.poll_read(cx, room),
            Carrier::Tls(session) => session.poll_read(cx, room),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => socket.poll_write(cx, bytes),
            Carrier::Tls(session) => session.poll_write(cx, &[IoSlice::new(bytes)]),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => socket.poll_write_vectored(cx, bytes),
            Carrier::Tls(session) => session.poll_write(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Sends what an encrypted connection took and could not send yet. A socket holds nothing back.
    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(_) => Poll::Ready(Ok(())),
            Carrier::Tls(session) => session.poll_flush(cx),
        }
    }

    /// Says that nothing more comes: on an encrypted connection with a `close_notify` before.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().carrier {
            Carrier::Plain(socket) => socket.poll_shutdown(cx),
            Carrier::Tls(session) => session.poll_shutdown(cx),
        }
    }
}
