//! Proofs by TLS that a name leads here (RFC 8737): while one is going on, whoever asks for the name with the protocol
//! `acme-tls/1` and no other is shown a certificate that only proves. Such a connection carries nothing else.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Alpn, TlsVersion, provider};

/// The names that are being proved right now: as many as whoever orders certificates has begun and not ended.
#[derive(Debug, Default)]
pub struct ProofsShared {
    /// What is shown for each, by the name in lower case.
    going_on: ArcSwap<HashMap<Box<str>, Arc<CertifiedKey>>>,
}

/// A proof that is going on. Dropped, it is over.
#[derive(Debug)]
pub struct Proof {
    among: Arc<ProofsShared>,
    host: Box<str>,
    key: Arc<CertifiedKey>,
}

/// Why no proof can be given.
#[derive(Debug)]
pub struct ProofError(String);

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate that proves cannot be made: {}", self.0)
    }
}

impl std::error::Error for ProofError {}

impl ProofsShared {
    /// Begins to prove that `host` leads here, in place of what is being shown for it, by the SHA-256 of the key authorization (RFC 8737 section 3).
    ///
    /// # Errors
    ///
    /// If the host is no name, or the library makes no key.
    pub fn begin(self: &Arc<Self>, host: &str, digest: &[u8; 32]) -> Result<Proof, ProofError> {
        let host: Box<str> = host.to_ascii_lowercase().into();
        let key = certificate(&host, digest)?;
        self.going_on.rcu(|going_on| {
            let mut going_on = HashMap::clone(going_on);
            going_on.insert(host.clone(), Arc::clone(&key));
            going_on
        });
        Ok(Proof { among: Arc::clone(self), host, key })
    }

    /// Whether any is going on: only then clients are looked at before they are answered.
    pub(super) fn is_any(&self) -> bool {
        !self.going_on.load().is_empty()
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.among.going_on.rcu(|going_on| {
            let mut going_on = HashMap::clone(going_on);
            // Another may have taken its place since.
            if going_on.get(&self.host).is_some_and(|shown| Arc::ptr_eq(shown, &self.key)) {
                going_on.remove(&self.host);
            }
            going_on
        });
    }
}

/// Whether a client wants a proof: it offers this protocol, and no other.
pub(super) fn is_wanted(hello: &ClientHello<'_>) -> bool {
    let wanted = Alpn::AcmeTls1.as_str().as_bytes();
    hello.alpn().is_some_and(|mut offered| offered.next() == Some(wanted) && offered.next().is_none())
}

/// How those are answered who want one: nothing is asked of them, and no session can be resumed.
pub(super) fn config(proofs: &Arc<ProofsShared>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(TlsVersion::V12.and_later())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ShowsProof(Arc::clone(proofs))));
    config.alpn_protocols = Alpn::list(&[Alpn::AcmeTls1]);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[derive(Debug)]
struct ShowsProof(Arc<ProofsShared>);

impl ResolvesServerCert for ShowsProof {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.going_on.load().get(hello.server_name()?).map(Arc::clone)
    }
}

/// A certificate for this name alone, signed by itself, with the digest in it.
fn certificate(host: &str, digest: &[u8; 32]) -> Result<Arc<CertifiedKey>, ProofError> {
    let make = || {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let key = KeyPair::generate()?;
        Ok((params.self_signed(&key)?, key))
    };
    let (certificate, key) = make().map_err(|error: rcgen::Error| ProofError(error.to_string()))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let key = provider().key_provider.load_private_key(key.into());
    let key = key.map_err(|error| ProofError(error.to_string()))?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}
