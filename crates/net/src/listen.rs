//! Listening sockets. Every worker has one of its own for each address (`SO_REUSEPORT`), and the kernel deals new
//! connections out among them, so that accepting crosses no threads.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::stream::{PeerAddress, Stream};

/// Connections that wait in the kernel to be accepted, for each socket.
const BACKLOG: i32 = 4096;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An address and port; the unspecified IPv6 address takes IPv4 too.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A bound socket that is not part of an event loop yet.
#[derive(Debug)]
pub struct Bound {
    socket: Arc<Socket>,
    address: ListenAddress,
}

/// A listening socket in a worker's event loop.
#[derive(Debug)]
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// Over a Unix socket.
    Unix(UnixListener),
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub stream: Stream,
    /// Who opened it.
    pub peer: PeerAddress,
}

/// Binds `count` sockets to one address, one for each worker. On a Unix socket, which knows no sharing, they are the
/// same one. A port of 0 is chosen once and is the same for all.
///
/// Sockets that share an address share it with those of every program of the same user. Unless this process `holds` the
/// address already, it is therefore tried without sharing first, so that two gateways do not halve each other's clients.
pub fn bind(address: &ListenAddress, count: usize, holds: bool) -> io::Result<Vec<Bound>> {
    match address {
        ListenAddress::Unix(path) => {
            let socket = Arc::new(bind_unix(path)?);
            Ok((0..count).map(|_| Bound { socket: Arc::clone(&socket), address: address.clone() }).collect())
        }
        ListenAddress::Tcp(wanted) => {
            let mut wanted = *wanted;
            if !holds && wanted.port() != 0 {
                drop(bind_tcp(wanted, false)?);
            }
            let mut sockets = Vec::with_capacity(count);
            for _ in 0..count {
                let socket = bind_tcp(wanted, true)?;
                if let Some(actual) = socket.local_addr()?.as_socket() {
                    wanted.set_port(actual.port());
                }
                sockets.push(Bound { socket: Arc::new(socket), address: ListenAddress::Tcp(wanted) });
            }
            Ok(sockets)
        }
    }
}

fn bind_tcp(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    // Accepted sockets inherit these: no waiting for more to send, and peers that vanished are found out.
    socket.set_tcp_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(Duration::from_mins(1)).with_interval(Duration::from_secs(15));
    socket.set_tcp_keepalive(&probes)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A socket file that nobody listens on any more is left over from a process that died; it is replaced.
fn bind_unix(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket {
        let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        if probe.connect(&address).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

impl Bound {
    /// The address that it is bound to, with the port that was chosen.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Puts the socket into the event loop of the calling worker.
    pub fn listen(&self) -> io::Result<Listener> {
        let socket = self.socket.try_clone()?;
        Ok(match self.address {
            ListenAddress::Tcp(_) => Listener::Tcp(TcpListener::from_std(socket.into())?),
            ListenAddress::Unix(_) => Listener::Unix(UnixListener::from_std(socket.into())?),
        })
    }
}

impl Listener {
    /// Waits for the next connection.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, peer)| Accepted { stream: stream.into(), peer: PeerAddress::Tcp(peer) }),
            Self::Unix(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, _)| Accepted { stream: stream.into(), peer: PeerAddress::Unix }),
        }
    }

    /// Waits for the next connection.
    pub async fn accept(&self) -> io::Result<Accepted> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port_of(bound: &[Bound]) -> u16 {
        match bound[0].address() {
            ListenAddress::Tcp(address) => address.port(),
            ListenAddress::Unix(_) => 0,
        }
    }

    #[test]
    fn workers_share_a_port_and_nobody_else_does() {
        let address = |port: u16| ListenAddress::Tcp(([127, 0, 0, 1], port).into());
        let first = bind(&address(0), 3, false).unwrap();
        assert!(first.iter().all(|bound| bound.address() == first[0].address()));
        let port = port_of(&first);
        assert_ne!(port, 0);
        assert_eq!(bind(&address(port), 1, false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(bind(&address(port), 1, true).is_ok());
        drop(first);
        assert!(bind(&address(port), 1, false).is_ok());
    }

    #[test]
    fn a_socket_file_that_is_in_use_stays_and_one_left_over_is_replaced() {
        let path = std::env::temp_dir().join(format!("maitred-listen-{}.sock", std::process::id()));
        let address = ListenAddress::Unix(path.clone());
        let first = bind(&address, 2, false).unwrap();
        assert_eq!(bind(&address, 1, false).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(path.exists());
        assert!(bind(&address, 1, false).is_ok());
        std::fs::remove_file(path).unwrap();
    }
}
