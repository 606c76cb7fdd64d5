//! Opens connections to services. Names were resolved before: nothing here asks a name server.
//! What is sent then, and for how long to wait, is not its business.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::{TcpStream, UnixStream};

use crate::stream::Stream;

/// Why no connection came about.
pub type ConnectError = io::Error;

/// Where to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectTo<'a> {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(&'a Path),
}

/// Opens a connection. Time limits are the caller's.
pub async fn connect(to: ConnectTo<'_>) -> Result<Stream, ConnectError> {
    match to {
        ConnectTo::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            // A request leaves in one write; waiting for more would only delay it.
            stream.set_nodelay(true)?;
            Ok(stream.into())
        }
        ConnectTo::Unix(path) => UnixStream::connect(path).await.map(Stream::from),
    }
}
