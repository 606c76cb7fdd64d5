//! Whom to believe: the authorities of a bundle or of the system or, where somebody says so, everybody.
//! Certificates of our own are read elsewhere.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::identity::certificates;
use super::problem::{TlsPart, TlsProblem, TlsProblemKind};

/// The authorities that the operating system trusts. Loaded once, and shared by all that need them.
#[derive(Clone, Debug)]
pub struct SystemRoots {
    pub(super) roots: Arc<RootCertStore>,
}

impl SystemRoots {
    /// Reads the system's list from its files, or from those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn load() -> Result<Self, TlsProblem> {
        let mut roots = RootCertStore::empty();
        // Single files that cannot be read are no reason to trust nobody.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(TlsProblem { part: TlsPart::SystemRoots, kind: TlsProblemKind::NoAuthorities });
        }
        Ok(Self { roots: Arc::new(roots) })
    }
}

/// The authorities in a PEM file. Every one must be readable: one that is skipped would be missed later.
pub(super) fn bundle(pem: &[u8]) -> Result<RootCertStore, TlsProblemKind> {
    let found = certificates(pem).map_err(|kind| match kind {
        TlsProblemKind::NoCertificate => TlsProblemKind::NoAuthorities,
        other => other,
    })?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in found.into_iter().enumerate() {
        roots.add(certificate).map_err(|_| TlsProblemKind::BadCertificate(index + 1))?;
    }
    Ok(roots)
}

/// Believes every service. Only that it holds the key of what it shows is still verified.
#[derive(Debug)]
pub(super) struct BelievesAll {
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for BelievesAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
