//! Making sockets: connections from chosen addresses, listeners with a long queue.
//! They are set up before the measuring begins.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The receive buffer of a slow client, in bytes: the kernel must not read what the client does not.
const SLOW_BUFFER: usize = 4096;
/// The segments that a slow client takes, in bytes: those of a real network, not the 64 KiB of loopback, of which a
/// sender's kernel would keep ten.
const SLOW_SEGMENT: u32 = 1400;

/// How long the other side may take to accept, or to answer a client that waits for nothing else.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How a connection is made.
#[derive(Clone, Copy)]
pub struct Dial {
    /// Where to.
    pub target: SocketAddr,
    /// From how many addresses (127.0.1.1 and on), in turn; 0: the kernel's choice.
    pub sources: usize,
    /// With buffers so small that not reading is felt at the other end.
    pub slow: bool,
}

impl Dial {
    /// Connection number `index`, without delay of small writes, blocking.
    pub fn connect(&self, index: usize) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        if self.slow {
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
            socket.set_tcp_mss(SLOW_SEGMENT)?;
        }
        if self.sources > 0 {
            socket.bind(&SocketAddr::from((source(index % self.sources), 0)).into())?;
        }
        socket.connect_timeout(&self.target.into(), PATIENCE)?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    }
}

fn source(index: usize) -> Ipv4Addr {
    let low = u8::try_from(index % 250 + 1).expect("at most 250");
    let high = u8::try_from(index / 250 % 250 + 1).expect("at most 250");
    Ipv4Addr::new(127, 0, high, low)
}

/// A listener that does not block.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Lets the kernel take only so many bytes of an answer before the other side has room for them.
pub fn limit_unsent(stream: &TcpStream, bytes: u32) -> io::Result<()> {
    SockRef::from(stream).set_tcp_notsent_lowat(bytes)
}
