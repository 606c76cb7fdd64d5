//! Sockets, time and memory: listening, connecting, streams in the clear and encrypted, QUIC, the timers of a worker. It knows
//! nothing of HTTP. Floor 1; the only crate with `unsafe`, each with its proof.

mod connect;
mod descriptors;
mod listen;
mod memory;
mod quic;
mod session;
mod socket;
mod stream;
mod timer;
mod tls;

pub use connect::{ConnectError, ConnectTo, connect};
pub use descriptors::raise_descriptor_limit;
pub use listen::{Accepted, Bound, ListenAddress, Listener, bind};
pub use memory::release_memory;
pub use quic::{QuicConnection, QuicIncoming, QuicListener, QuicServer, QuicSettings, QuicSocket};
pub use session::{TlsCause, TlsFailure, TlsPeer};
pub use stream::{PeerAddress, Stream};
pub use timer::{Timer, Timers};
pub use tls::{
    Alpn, CertificatePem, CertificateSummary, ClientAuth, ClientCertificate, ClientTls, ClientTlsSettings,
    Handshaken, Issued, IssuedShared, Proof, ProofError, ProofsShared, ServerTls, ServerTlsSettings,
    SystemRoots, TicketKeys, TlsPart, TlsProblem, TlsProblemKind, TlsVersion, Trust,
};
