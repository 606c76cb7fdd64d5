//! QUIC (RFC 9000), for HTTP/3: the UDP socket of a listener, its handshakes, and what a connection may cost. What is spoken
//! on a connection is the caller's business.
//!
//! A listener has one socket, in one worker: packets of a connection that moves to another address still reach it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, Incoming, TokioRuntime, TransportConfig};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};

use crate::tls::{ClientCertificate, NoTickets, ServerTls, TlsParts, client_certificate};

/// What the kernel may hold of packets that nobody has taken yet. It gives as much of this as it is allowed to.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Connections that wait to be looked at, which happens at once, and bytes of each.
const MOST_INCOMING: usize = 1024;
const INCOMING: u64 = 16 << 10;
/// Streams that a client may open beside those of requests: control, the two of QPACK, and as many that have no meaning yet.
const CONTROL_STREAMS: u32 = 8;

/// What one connection may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicSettings {
    /// Requests at once.
    pub streams: u32,
    /// Bytes of a body that a client may send ahead of whom it is for.
    pub stream_window: u32,
    /// The same for all bodies of a connection together.
    pub connection_window: u32,
    /// Bytes that are kept for a client until it has them.
    pub unsent: u64,
    /// Time without any packet after which a connection is forgotten.
    pub idle_timeout: Duration,
}

impl QuicSettings {
    fn transport(&self) -> Arc<TransportConfig> {
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(self.streams.max(1).into())
            .max_concurrent_uni_streams(CONTROL_STREAMS.into())
            .stream_receive_window(self.stream_window.into())
            .receive_window(self.connection_window.into())
            .send_window(self.unsent)
            .max_idle_timeout(self.idle_timeout.try_into().ok())
            // Nothing here is carried by datagrams (RFC 9221).
            .datagram_receive_buffer_size(None);
        Arc::new(transport)
    }
}

/// How a listener speaks QUIC, compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QuicServer {
    config: Arc<quinn::ServerConfig>,
    /// What differs for clients that connected to these addresses.
    by_address: Arc<HashMap<IpAddr, Arc<quinn::ServerConfig>>>,
    /// Whether clients are asked for certificates: then nothing is served before the handshake is done.
    asks_clients: bool,
}

impl QuicServer {
    /// Speaks with the certificates and the demands of a listener's TLS, and agrees on `h3`. Sessions are resumed with early data
    /// where clients are not asked for certificates: each once. Fails where the cryptography lacks what QUIC needs.
    pub fn new(tls: &ServerTls, settings: &QuicSettings) -> io::Result<Self> {
        let TlsParts { config, by_address, asks_clients, sessions } = tls.parts();
        let transport = settings.transport();
        let of = |config: &ServerConfig| -> io::Result<_> {
            let mut tls = config.clone();
            tls.alpn_protocols = vec![b"h3".to_vec()];
            if !asks_clients {
                tls.ticketer = Arc::new(NoTickets);
                tls.session_storage = Arc::clone(sessions);
                // All or nothing: how much, the windows say (RFC 9001 section 4.6.1).
                tls.max_early_data_size = u32::MAX;
            }
            let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
            let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
            config.transport_config(Arc::clone(&transport));
            Ok(Arc::new(config))
        };
        let by_address: io::Result<_> =
            by_address.iter().map(|(address, config)| Ok((*address, of(config)?))).collect();
        Ok(Self { config: of(config)?, by_address: Arc::new(by_address?), asks_clients })
    }
}

/// A bound UDP socket that is not part of an event loop yet.
#[derive(Debug)]
pub struct QuicSocket {
    socket: Socket,
    address: SocketAddr,
}

impl QuicSocket {
    /// Binds a socket. The unspecified IPv6 address takes IPv4 too, as with TCP. No other program may have the port; another
    /// socket of this process may, at another address, where it `holds` the port already: packets go to the closer of both.
    pub fn bind(address: SocketAddr, holds: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if let SocketAddr::V6(v6) = address {
            socket.set_only_v6(!v6.ip().is_unspecified())?;
        }
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(holds)?;
        socket.bind(&address.into())?;
        socket.set_reuse_address(true)?;
        let address = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self { socket, address })
    }

    /// Where it is bound to, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts the socket into the event loop of the calling worker. `server` serves until each connection is
    /// [accepted](QuicIncoming::accept) with what is in force then.
    pub fn listen(self, server: &QuicServer) -> io::Result<QuicListener> {
        let mut config = (*server.config).clone();
        // What comes before it is looked at: a packet or two of each.
        config
            .max_incoming(MOST_INCOMING)
            .incoming_buffer_size(INCOMING)
            .incoming_buffer_size_total(MOST_INCOMING as u64 * INCOMING);
        let config = Some(config);
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), config, self.socket.into(), runtime)?;
        Ok(QuicListener { endpoint })
    }
}

/// A socket in a worker's event loop. Who wants to connect must be told something as long as it is there: a socket whose listener
/// is gone goes on refusing.
#[derive(Debug)]
pub struct QuicListener {
    endpoint: Endpoint,
}

impl QuicListener {
    /// Waits for the next connection; none when there will be none.
    pub async fn accept(&self) -> Option<QuicIncoming> {
        self.endpoint.accept().await.map(QuicIncoming)
    }
}

/// A connection that a client wants to open. Dropping it refuses it.
#[derive(Debug)]
pub struct QuicIncoming(Incoming);

impl QuicIncoming {
    /// Who opens it, or says so: see [`is_proven`](Self::is_proven).
    pub fn peer(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Whether the client has shown that it can be reached where it says it is.
    pub fn is_proven(&self) -> bool {
        self.0.remote_address_validated() || !self.0.may_retry()
    }

    /// Has the client come again with a proof of its address (RFC 9000 section 8.1.2). Nothing of it is kept meanwhile.
    pub fn ask_for_proof(self) {
        if let Err(error) = self.0.retry() {
            error.into_incoming().refuse();
        }
    }

    /// Refuses it.
    pub fn refuse(self) {
        self.0.refuse();
    }

    /// Begins the handshake. Where clients are asked for certificates, or are to be, it is waited for; otherwise what
    /// clients send at once, before it is done, can be served at once: see [`QuicConnection::handshake`].
    /// `port` is that of the socket.
    pub async fn accept(self, server: &QuicServer, port: u16) -> io::Result<QuicConnection> {
        let local = self.0.local_ip().map(|address| address.to_canonical());
        let config = local.and_then(|address| server.by_address.get(&address)).unwrap_or(&server.config);
        let ends = local.map(|local| (self.peer(), SocketAddr::new(local, port)));
        let connecting = self.0.accept_with(Arc::clone(config))?;
        if !server.asks_clients {
            return match connecting.into_0rtt() {
                Ok((connection, handshake)) => {
                    Ok(QuicConnection { connection, handshake: Some(handshake), client: None, ends })
                }
                Err(connecting) => {
                    let connection = connecting.await?;
                    Ok(QuicConnection { connection, handshake: None, client: None, ends })
                }
            };
        }
        let connection = connecting.await?;
        let shown = connection.peer_identity().and_then(|shown| shown.downcast().ok());
        let shown: Option<Box<Vec<CertificateDer<'static>>>> = shown;
        let client = shown.as_deref().and_then(|shown| shown.first()).map(client_certificate).transpose()?;
        Ok(QuicConnection { connection, handshake: None, client, ends })
    }
}

/// A connection, which carries streams.
#[expect(missing_debug_implementations, reason = "the library's part of it has none")]
pub struct QuicConnection {
    /// The connection.
    pub connection: quinn::Connection,
    /// Ends with the handshake, where that goes on. What came before may be repeated by somebody else, and the client's
    /// address is not certain (RFC 9001 section 9.2).
    pub handshake: Option<quinn::ZeroRttAccepted>,
    /// Who the client is, if it showed a certificate; it was verified.
    pub client: Option<ClientCertificate>,
    /// The addresses of both sides, the client's first, where the system tells them.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}
