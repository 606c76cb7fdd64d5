//! Makes a connection to an endpoint: the socket, the header of the PROXY protocol, TLS, and HTTP/2 where that is spoken.
//! Who may have it, and for how long, is decided in `pool`.

use std::io;
use std::net::SocketAddr;

use maitred_http::Scheme;
use maitred_net::{Alpn, Stream, connect};
use maitred_wire::h2::{ClientConnection, ClientDriver};
use maitred_wire::{Broken, proxy_protocol};
use tokio::io::AsyncWriteExt as _;

use crate::cluster::Cluster;
use crate::endpoint::{Endpoint, Protocol};

/// A connection that was made.
pub(crate) enum Opened {
    Http1(Stream),
    Http2(ClientConnection, Box<ClientDriver<Stream>>),
}

/// What failed.
pub(crate) enum OpenError {
    Connect(io::Error),
    Tls(io::Error),
}

/// Connects to the first address of the endpoint that answers, and begins to speak HTTP.
pub(crate) async fn open(
    cluster: &Cluster,
    endpoint: &Endpoint,
    ends: Option<(SocketAddr, SocketAddr)>,
) -> Result<Opened, OpenError> {
    let (stream, is_http2) = reach(cluster, endpoint, ends).await?;
    if !is_http2 {
        return Ok(Opened::Http1(stream));
    }
    let scheme = if endpoint.protocol == Protocol::Tls { Scheme::Https } else { Scheme::Http };
    match ClientConnection::handshake(stream, scheme, &cluster.transport().limits).await {
        Ok((connection, driver)) => Ok(Opened::Http2(connection, Box::new(driver))),
        Err(Broken::Io(error)) => Err(OpenError::Connect(error)),
        Err(broken) => Err(OpenError::Connect(io::Error::other(broken.to_string()))),
    }
}

/// The same without a word of HTTP: whether that would be HTTP/2 is told beside.
pub(crate) async fn reach(
    cluster: &Cluster,
    endpoint: &Endpoint,
    ends: Option<(SocketAddr, SocketAddr)>,
) -> Result<(Stream, bool), OpenError> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in &*endpoint.addresses {
        match connect(address.connect_to()).await {
            Ok(stream) => return greet(cluster, endpoint, stream, ends).await,
            Err(error) => last = error,
        }
    }
    Err(OpenError::Connect(last))
}

async fn greet(
    cluster: &Cluster,
    endpoint: &Endpoint,
    mut stream: Stream,
    ends: Option<(SocketAddr, SocketAddr)>,
) -> Result<(Stream, bool), OpenError> {
    if let Some(version) = cluster.settings().proxy_protocol {
        let mut header = Vec::new();
        proxy_protocol::write(version, ends, &mut header);
        stream.write_all(&header).await.map_err(OpenError::Connect)?;
    }
    match endpoint.protocol {
        Protocol::Http1 => Ok((stream, false)),
        Protocol::Http2 => Ok((stream, true)),
        Protocol::Tls => {
            let missing = || io::Error::other("no TLS settings");
            let tls = cluster.transport().tls.as_ref().ok_or_else(|| OpenError::Tls(missing()))?;
            let name = host_of(&endpoint.authority);
            let (stream, agreed) = tls.connect(stream, name).await.map_err(OpenError::Tls)?;
            Ok((stream, agreed == Some(Alpn::H2)))
        }
    }
}

/// The host of `host:port`, IPv6 without its brackets.
fn host_of(authority: &str) -> &str {
    let host = without_port(authority);
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// The same, IPv6 in its brackets.
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_is_told() {
        for (authority, host) in [
            ("a.example", "a.example"),
            ("localhost", "localhost"),
            ("a.example:8443", "a.example"),
            ("10.0.0.1:1", "10.0.0.1"),
            ("[2001:db8::1]:8443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(host_of(authority), host);
        }
        assert_eq!(without_port("[::]:80"), "[::]");
        assert_eq!(without_port("[::]"), "[::]");
    }
}
