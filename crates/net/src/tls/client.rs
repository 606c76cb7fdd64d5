//! `ClientTls`: how the gateway meets services: whom it believes, what it shows, and the handshake with one of them.
//! Time limits of the handshake are the caller's, who drops it when it takes too long.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection};

use super::facts::CertificateSummary;
use super::identity::{self, CertificatePem};
use super::problem::{TlsPart, TlsProblem, TlsProblemKind};
use super::trust::{self, BelievesAll, SystemRoots};
use super::{Alpn, TlsVersion, provider};
use crate::session::{Session, TlsFailure, TlsPeer};
use crate::stream::Stream;

/// Sessions that are kept for resumption, of all services that these settings meet.
const SESSIONS: usize = 256;

/// How services are met.
#[derive(Clone, Debug)]
pub struct ClientTlsSettings {
    /// Whose signatures under a service's certificate count.
    pub trust: Trust,
    /// What the gateway shows a service that asks for it (mutual TLS).
    pub certificate: Option<CertificatePem>,
    /// The host name or address that the service's certificate must have, and that it is asked for, in place of the one
    /// that it was connected to by.
    pub server_name: Option<String>,
    /// Protocols to offer (ALPN), the preferred one first. Empty: none is agreed on.
    pub protocols: Vec<Alpn>,
    /// The oldest version to speak.
    pub oldest_version: TlsVersion,
}

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of the system's authorities.
    System(SystemRoots),
    /// Those of these authorities, as PEM, and of nobody else.
    Bundle(Vec<u8>),
    /// Any: the service may be anybody. What is sent can be read and changed on its way.
    Unverified,
}

/// Compiled settings, with the sessions that can be resumed. Cheap to clone; all threads share it.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    certificate: Option<Arc<CertificateSummary>>,
    warnings: Arc<[TlsProblem]>,
}

impl ClientTls {
    /// Compiles settings, as of `now`. Every problem is told at once; warnings stop nothing and are found in
    /// [`warnings`](Self::warnings).
    pub fn new(settings: &ClientTlsSettings, now: SystemTime) -> Result<Self, Vec<TlsProblem>> {
        let provider = provider();
        let mut problems = Vec::new();
        let verifier = verifier(&settings.trust, &provider, &mut problems);
        let own = settings.certificate.as_ref();
        let part = TlsPart::OwnCertificate;
        let own = own.and_then(|pem| identity::compile(pem, part, now, &provider, &mut problems));
        let server_name = settings.server_name.as_deref().and_then(|name| {
            let parsed = parse_name(name);
            if parsed.is_none() {
                problems.push(TlsProblem { part: TlsPart::ServerName, kind: TlsProblemKind::BadName });
            }
            parsed
        });
        let Some(verifier) = verifier.filter(|_| problems.iter().all(TlsProblem::is_warning)) else {
            return Err(problems);
        };
        let key = own.as_ref().map(|own| Arc::clone(&own.key));
        let config = match config(settings, provider, verifier, key) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                let kind = TlsProblemKind::Refused(error.to_string());
                problems.push(TlsProblem { part: TlsPart::Settings, kind });
                return Err(problems);
            }
        };
        let certificate = own.map(|own| Arc::new(own.summary));
        Ok(Self { config, server_name, certificate, warnings: problems.into() })
    }

    /// Whether it is the same one, and not only an equal one.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }

    /// What users should know, though it stops nothing.
    pub fn warnings(&self) -> &[TlsProblem] {
        &self.warnings
    }

    /// What the gateway's own certificate says.
    pub fn certificate(&self) -> Option<&CertificateSummary> {
        self.certificate.as_deref()
    }

    /// Does the handshake with a service that was just connected to, which is known by `name`: a host name or address, as
    /// in its URL. Dropping the future closes the connection. An error says what failed in words for a log
    /// ([`TlsFailure`] is within, unless the socket failed).
    pub async fn connect(&self, stream: Stream, name: &str) -> io::Result<(Stream, Option<Alpn>)> {
        let socket = stream.into_socket()?;
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => parse_name(name).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "the service has no name that TLS can verify")
            })?,
        };
        let own = |error: rustls::Error| TlsFailure::of(TlsPeer::Service, &error);
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(own)?;
        let mut session = Box::new(Session::new(socket, connection.into()));
        poll_fn(|cx| session.poll_handshake(cx)).await?;
        let protocol = Alpn::of(session.tls().alpn_protocol());
        Ok((session.into(), protocol))
    }
}

/// Who verifies services' certificates; none where that cannot be set up as it was asked for.
fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
    problems: &mut Vec<TlsProblem>,
) -> Option<Arc<dyn ServerCertVerifier>> {
    let mut tell = |kind| problems.push(TlsProblem { part: TlsPart::ServiceAuthorities, kind });
    let roots = match trust {
        Trust::System(system) => Arc::clone(&system.roots),
        Trust::Bundle(pem) => Arc::new(trust::bundle(pem).map_err(&mut tell).ok()?),
        Trust::Unverified => {
            tell(TlsProblemKind::Unverified);
            return Some(Arc::new(BelievesAll { provider: Arc::clone(provider) }));
        }
    };
    match WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build() {
        Ok(verifier) => Some(verifier),
        Err(error) => {
            tell(TlsProblemKind::Refused(error.to_string()));
            None
        }
    }
}

/// A host name, or an address with or without brackets.
fn parse_name(name: &str) -> Option<ServerName<'static>> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(bare.to_owned()).ok()
}

fn config(
    settings: &ClientTlsSettings,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    key: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(settings.oldest_version.and_later())?
        .dangerous() // rustls calls so whatever names its verifier
        .with_custom_certificate_verifier(verifier);
    let mut config = match key {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = Alpn::list(&settings.protocols);
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}
