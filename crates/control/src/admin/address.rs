//! Binding the admin listener: one socket for the whole process, over TCP or a Unix socket.
//! It is not shared among workers or processes, so that a second gateway with the same address is told.

use std::fmt;
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use maitred_config::scalar::ListenAddress;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Who may use the admin socket in the file system: the owner and the group.
const SOCKET_MODE: u32 = 0o660;

/// The bound admin listener.
#[derive(Debug)]
pub(crate) enum BoundAdmin {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A Unix socket whose file is removed with it.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// A connection of either kind.
pub(super) enum AdminStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl BoundAdmin {
    /// Binds the address. The error names it and says what is in the way.
    pub(super) fn bind(address: &ListenAddress) -> io::Result<Self> {
        let bound = match address {
            ListenAddress::Tcp(address) => bind_tcp(*address).map(Self::Tcp),
            ListenAddress::Unix(path) => bind_unix(Path::new(path)).map(Self::Unix),
        };
        bound.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => ": another program listens there",
                ErrorKind::AddrNotAvailable => ": this machine has no such address",
                _ => "",
            };
            io::Error::new(
                error.kind(),
                format!("the admin listener cannot listen at {address}{hint} ({error})"),
            )
        })
    }

    pub(super) async fn accept(&self) -> io::Result<AdminStream> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| AdminStream::Tcp(stream)),
            Self::Unix(socket) => socket.listener.accept().await.map(|(stream, _)| AdminStream::Unix(stream)),
        }
    }
}

impl fmt::Display for BoundAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "an unknown address ({error})"),
            },
            Self::Unix(socket) => write!(f, "unix:{}", socket.path.display()),
        }
    }
}

/// Unlike the listeners of clients it is not shared with other processes (`SO_REUSEPORT`): a second gateway is told.
fn bind_tcp(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A socket file that nobody listens on any more is left over from a process that died; it is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixSocket> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let socket = UnixSocket { listener, path: path.to_owned() };
    std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(socket)
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = std::fs::remove_file(&self.path);
    }
}
