//! TLS on both sides: what a listener shows its clients and demands of them, and how the gateway meets services.
//!
//! Compiled once from bytes that the caller read, shared by all threads, and laid over a [`Stream`](crate::Stream)
//! that then reads and writes plain bytes. The library behind it shows nowhere: its next version has another face.
//! TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only; no renegotiation; early data only in QUIC.

mod by_name;
mod client;
mod facts;
mod identity;
mod issued;
mod ocsp;
mod problem;
mod proofs;
mod server;
mod tickets;
mod trust;

pub use client::{ClientTls, ClientTlsSettings, Trust};
pub use facts::{CertificateSummary, ClientCertificate};
pub use identity::CertificatePem;
pub use issued::IssuedShared;
pub use problem::{TlsPart, TlsProblem, TlsProblemKind};
pub use proofs::{Proof, ProofError, ProofsShared};
pub use server::{ClientAuth, Handshaken, Issued, ServerTls, ServerTlsSettings};
pub use tickets::TicketKeys;
pub use trust::SystemRoots;

pub(crate) use server::{TlsParts, client_certificate};
pub(crate) use tickets::NoTickets;

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};

/// A protocol that is agreed on during the handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `h2`
    H2,
    /// `http/1.1`
    Http11,
    /// `acme-tls/1`: proves that a name leads here, and carries nothing (RFC 8737).
    AcmeTls1,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246), with AEAD suites and ephemeral keys only.
    #[default]
    V12,
    /// 1.3 (RFC 8446).
    V13,
}

impl Alpn {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H2 => "h2",
            Self::Http11 => "http/1.1",
            Self::AcmeTls1 => "acme-tls/1",
        }
    }

    fn of(name: Option<&[u8]>) -> Option<Self> {
        [Self::H2, Self::Http11, Self::AcmeTls1]
            .into_iter()
            .find(|known| Some(known.as_str().as_bytes()) == name)
    }

    /// As rustls takes a list of them.
    fn list(protocols: &[Self]) -> Vec<Vec<u8>> {
        protocols.iter().map(|protocol| protocol.as_str().as_bytes().to_vec()).collect()
    }
}

impl TlsVersion {
    /// `1.2` or `1.3`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V12 => "1.2",
            Self::V13 => "1.3",
        }
    }

    /// This version and those after it.
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        static NEWEST_FIRST: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::V12 => &NEWEST_FIRST,
            Self::V13 => &NEWEST_FIRST[..1],
        }
    }

    fn of(version: Option<rustls::ProtocolVersion>) -> Self {
        if version == Some(rustls::ProtocolVersion::TLSv1_3) { Self::V13 } else { Self::V12 }
    }
}

/// The cryptography that all of it uses, named here so that no default of the process can change it.
fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    let kx_groups = vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1];
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}
