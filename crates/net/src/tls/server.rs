//! `ServerTls`: what a listener shows its clients and demands of them, and the handshake with one of them.
//! Time limits of the handshake are the caller's, who drops it when it takes too long.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, StoresServerSessions, WebPkiClientVerifier,
};
use rustls::{Connection, HandshakeKind, ServerConfig, ServerConnection};

use super::by_name::{ByName, Names};
use super::facts::{CertificateSummary, ClientCertificate};
use super::identity::{self, CertificatePem, Identity};
use super::issued::{IssuedShared, ShowsIssued};
use super::problem::{TlsPart, TlsProblem, TlsProblemKind};
use super::proofs::{self, ProofsShared};
use super::tickets::{Scope, TicketKeys};
use super::{Alpn, TlsVersion, provider, trust};
use crate::session::{Session, TlsCause, TlsFailure, TlsPeer};
use crate::socket::Socket;
use crate::stream::Stream;

/// What is said of handshakes before there is a certificate.
const NOT_ISSUED: &str = "there is no certificate to show yet";

/// What a listener's TLS is made of.
#[derive(Clone, Debug)]
pub struct ServerTlsSettings {
    /// Certificates with their keys: at least one. Clients that ask for no name, or for one that no certificate has, are
    /// shown the first; clients that connect to an address and ask for no name, the one that has that address.
    pub certificates: Vec<CertificatePem>,
    /// Protocols to agree on (ALPN), the preferred one first. Clients that offer only others are refused, clients
    /// that offer none are not. Empty: none is agreed on.
    pub protocols: Vec<Alpn>,
    /// Whether clients show certificates.
    pub client_auth: Option<ClientAuth>,
    /// The oldest version to speak.
    pub oldest_version: TlsVersion,
    /// What resumption tickets are encrypted with: made once for the process.
    pub tickets: Arc<TicketKeys>,
}

/// How clients show who they are (mutual TLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// The authorities that sign clients' certificates, as PEM.
    pub authorities: Vec<u8>,
    /// Whether a client without a certificate is refused. One with a bad certificate always is.
    pub required: bool,
}

/// A certificate that comes and is replaced while connections come in, in place of those in the settings.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is shown. While there is none, handshakes are refused.
    pub certificate: Arc<IssuedShared>,
    /// The names that are being proved to whoever issues it.
    pub proofs: Arc<ProofsShared>,
}

/// The compiled TLS of a listener. Cheap to clone; all threads share it.
#[derive(Clone, Debug)]
pub struct ServerTls {
    compiled: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    config: Arc<ServerConfig>,
    /// What differs for clients that connected to these addresses.
    by_address: HashMap<IpAddr, Arc<ServerConfig>>,
    asks_clients: bool,
    tickets: Arc<TicketKeys>,
    certificates: Vec<CertificateSummary>,
    /// A certificate that comes from elsewhere, and how its names are proved.
    issued: Option<(Issued, Arc<ServerConfig>)>,
    warnings: Vec<TlsProblem>,
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Handshaken {
    /// The connection, which carries plain bytes from here on.
    pub stream: Stream,
    /// The protocol that was agreed on.
    pub protocol: Option<Alpn>,
    /// The host that the client asked for, in lower case.
    pub server_name: Option<Box<str>>,
    /// Who the client is, if it showed a certificate; it was verified.
    pub client: Option<ClientCertificate>,
    /// The version that was agreed on.
    pub version: TlsVersion,
    /// Whether an earlier session was resumed.
    pub is_resumed: bool,
}

/// What the TLS of a listener is made of, as QUIC needs it.
pub(crate) struct TlsParts<'a> {
    pub(crate) config: &'a ServerConfig,
    /// What differs for clients that connected to these addresses.
    pub(crate) by_address: &'a HashMap<IpAddr, Arc<ServerConfig>>,
    /// Whether clients are asked for certificates.
    pub(crate) asks_clients: bool,
    /// Where sessions are remembered that are resumed with early data.
    pub(crate) sessions: &'a Arc<dyn StoresServerSessions>,
}

impl ServerTls {
    /// Compiles settings, as of `now`. Every problem is told at once; warnings stop nothing and are found in
    /// [`warnings`](Self::warnings).
    pub fn new(settings: &ServerTlsSettings, now: SystemTime) -> Result<Self, Vec<TlsProblem>> {
        let provider = provider();
        let mut problems = Vec::new();
        let identities = identities(&settings.certificates, now, &provider, &mut problems);
        let verifier = verifier(settings.client_auth.as_ref(), &provider, &mut problems);
        let Some(verified) = verifier.filter(|_| problems.iter().all(TlsProblem::is_warning)) else {
            return Err(problems);
        };
        let names = Arc::new(Names::of(&identities));
        let config = match config(settings, provider, verified, Arc::new(ByName::or_first(&names))) {
            Ok(config) => config,
            Err(error) => return Err(refused(problems, &error)),
        };
        let by_address = ByName::or_by_address(&names).map(|(address, resolver)| {
            let mut config = config.clone();
            config.cert_resolver = Arc::new(resolver);
            (address, Arc::new(config))
        });
        let by_address = by_address.collect();
        let certificates = identities.into_iter().map(|identity| identity.summary).collect();
        let (config, warnings) = (Arc::new(config), problems);
        let asks_clients = settings.client_auth.is_some();
        let tickets = Arc::clone(&settings.tickets);
        let compiled =
            Compiled { config, by_address, asks_clients, tickets, certificates, issued: None, warnings };
        Ok(Self { compiled: Arc::new(compiled) })
    }

    /// Compiles settings without certificates, for one that is issued while the gateway runs.
    pub fn with_issued(settings: &ServerTlsSettings, issued: Issued) -> Result<Self, Vec<TlsProblem>> {
        let provider = provider();
        let mut problems = Vec::new();
        let Some(verified) = verifier(settings.client_auth.as_ref(), &provider, &mut problems) else {
            return Err(problems);
        };
        let shown = Arc::new(ShowsIssued(Arc::clone(&issued.certificate)));
        let configs = config(settings, provider, verified, shown)
            .and_then(|config| Ok((config, proofs::config(&issued.proofs)?)));
        let (config, proving) = match configs {
            Ok((config, proving)) => (Arc::new(config), Arc::new(proving)),
            Err(error) => return Err(refused(problems, &error)),
        };
        let compiled = Compiled {
            config,
            by_address: HashMap::new(),
            asks_clients: settings.client_auth.is_some(),
            tickets: Arc::clone(&settings.tickets),
            certificates: Vec::new(),
            issued: Some((issued, proving)),
            warnings: problems,
        };
        Ok(Self { compiled: Arc::new(compiled) })
    }

    /// What users should know, though it stops nothing.
    pub fn warnings(&self) -> &[TlsProblem] {
        &self.compiled.warnings
    }

    /// What the certificates say, in the order of the settings; what is issued, as it is now.
    pub fn certificates(&self) -> Vec<CertificateSummary> {
        let issued = self.compiled.issued.iter().filter_map(|(issued, _)| issued.certificate.summary());
        self.compiled.certificates.iter().cloned().chain(issued).collect()
    }

    /// Does the handshake with a client that has just connected. Dropping the future closes the connection. An error
    /// says what failed in words for a log ([`TlsFailure`] is within, unless the socket failed). Where
    /// [`Alpn::AcmeTls1`] was agreed on, all is done and the connection is to be closed. A client that does not speak TLS
    /// is told `in_the_clear`, since it would understand nothing else.
    pub async fn accept(&self, stream: Stream, in_the_clear: &[u8]) -> io::Result<Handshaken> {
        let socket = stream.into_socket()?;
        let mut session = match &self.compiled.issued {
            Some((issued, proving)) if issued.proofs.is_any() => {
                let choose = |socket: &Socket, hello: &ClientHello<'_>| {
                    Arc::clone(if proofs::is_wanted(hello) { proving } else { self.config_for(socket) })
                };
                Box::new(self.explain(Session::after_hello(socket, in_the_clear, choose).await)?)
            }
            _ => {
                let config = Arc::clone(self.config_for(&socket));
                let own = |error: rustls::Error| TlsFailure::of(TlsPeer::Client, &error);
                let connection = ServerConnection::new(config).map_err(own)?;
                Box::new(Session::new(socket, connection.into()))
            }
        };
        let done = poll_fn(|cx| session.poll_handshake(cx)).await;
        let failure = done.as_ref().err().and_then(TlsFailure::in_error);
        if failure.is_some_and(|failure| *failure.cause() == TlsCause::NotTls) {
            session.tell_in_the_clear(in_the_clear);
        }
        self.explain(done)?;
        let tls = session.tls();
        let server_name = match tls {
            Connection::Server(server) => server.server_name().map(Into::into),
            Connection::Client(_) => None,
        };
        Ok(Handshaken {
            protocol: Alpn::of(tls.alpn_protocol()),
            server_name,
            client: tls.peer_certificates().and_then(<[_]>::first).map(client_certificate).transpose()?,
            version: TlsVersion::of(tls.protocol_version()),
            is_resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            stream: session.into(),
        })
    }

    /// What it is made of, for QUIC.
    pub(crate) fn parts(&self) -> TlsParts<'_> {
        let Compiled { config, by_address, asks_clients, tickets, .. } = &*self.compiled;
        TlsParts { config, by_address, asks_clients: *asks_clients, sessions: tickets.early() }
    }

    /// Says that there is no certificate where that is why a handshake failed on this side.
    fn explain<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let failure = TlsFailure::in_error(&error);
            let is_own = failure.is_some_and(|failure| matches!(failure.cause(), TlsCause::Own(_)));
            let is_missing = |(issued, _): &(Issued, _)| issued.certificate.is_missing();
            if is_own && self.compiled.issued.as_ref().is_some_and(is_missing) {
                return TlsFailure::new(TlsPeer::Client, TlsCause::Own(NOT_ISSUED.into())).into();
            }
            error
        })
    }

    fn config_for(&self, socket: &Socket) -> &Arc<ServerConfig> {
        let Compiled { config, by_address, .. } = &*self.compiled;
        if by_address.is_empty() {
            return config;
        }
        socket.local_ip().and_then(|address| by_address.get(&address)).unwrap_or(config)
    }
}

fn identities(
    certificates: &[CertificatePem],
    now: SystemTime,
    provider: &CryptoProvider,
    problems: &mut Vec<TlsProblem>,
) -> Vec<Identity> {
    let mut identities = Vec::new();
    for (index, pem) in certificates.iter().enumerate() {
        let part = TlsPart::Certificate(index);
        let Some(identity) = identity::compile(pem, part, now, provider, problems) else { continue };
        if identity.summary.names.is_empty() {
            problems.push(TlsProblem { part, kind: TlsProblemKind::NoNames });
        }
        identities.push(identity);
    }
    if certificates.is_empty() {
        problems.push(TlsProblem { part: TlsPart::Settings, kind: TlsProblemKind::NoCertificates });
    }
    identities
}

/// Who verifies clients' certificates, and what tells sessions under this demand from those under others.
fn verifier(
    auth: Option<&ClientAuth>,
    provider: &Arc<CryptoProvider>,
    problems: &mut Vec<TlsProblem>,
) -> Option<(Arc<dyn ClientCertVerifier>, Scope)> {
    let Some(auth) = auth else { return Some((WebPkiClientVerifier::no_client_auth(), Scope::default())) };
    let mut tell = |kind| problems.push(TlsProblem { part: TlsPart::ClientAuthorities, kind });
    let roots = trust::bundle(&auth.authorities).map_err(&mut tell).ok()?;
    let mut scope = Context::new(&SHA256);
    scope.update(&[u8::from(auth.required)]);
    for root in &roots.roots {
        for part in [&*root.subject, &*root.subject_public_key_info] {
            scope.update(&part.len().to_be_bytes());
            scope.update(part);
        }
    }
    let scope = Scope::try_from(scope.finish().as_ref()).expect("SHA-256 has 32 bytes");
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if auth.required { builder } else { builder.allow_unauthenticated() };
    let built = builder.build().map_err(|error| tell(TlsProblemKind::Refused(error.to_string())));
    built.ok().map(|verifier| (verifier, scope))
}

fn config(
    settings: &ServerTlsSettings,
    provider: Arc<CryptoProvider>,
    (verifier, scope): (Arc<dyn ClientCertVerifier>, Scope),
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(settings.oldest_version.and_later())?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates);
    config.alpn_protocols = Alpn::list(&settings.protocols);
    // All suites are strong, and clients on which one of them is slow have become rare: the order is ours, because
    // scanners call anything else a weakness.
    config.ignore_client_order = true;
    config.ticketer = settings.tickets.within(scope);
    // Sessions are in the tickets: nothing is kept here, and no lock is taken.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// The library's words among the problems.
fn refused(mut problems: Vec<TlsProblem>, error: &rustls::Error) -> Vec<TlsProblem> {
    let kind = TlsProblemKind::Refused(error.to_string());
    problems.push(TlsProblem { part: TlsPart::Settings, kind });
    problems
}

pub(crate) fn client_certificate(certificate: &CertificateDer<'_>) -> io::Result<ClientCertificate> {
    ClientCertificate::read(certificate).map_err(|error| {
        let cause = TlsCause::Certificate(format!("cannot be read: {error}").into());
        TlsFailure::new(TlsPeer::Client, cause).into()
    })
}
