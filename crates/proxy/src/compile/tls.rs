//! TLS on listeners and to services: the files that the document names, read and compiled.
//! What is wrong with them is told where they are named. What has not changed since the last snapshot goes on.

mod acme;

use std::path::Path;
use std::sync::Arc;

use maitred_config::{FilePath, OneOrMany, UpstreamProtocol, UpstreamTls};
use maitred_config::{
    Listener, ListenerTls, NamedEntry, Problem, Problems, Protocol, Span, TlsVersion as Written,
};
use maitred_net::{
    Alpn, CertificatePem, ClientAuth, ClientTls, ClientTlsSettings, QuicServer, QuicSettings, ServerTls,
    ServerTlsSettings, SystemRoots, TicketKeys, TlsPart, TlsProblem, TlsVersion, Trust,
};

use self::acme::Compiling;
use super::Compiler;
use crate::acme::{Acme, TokensShared};
use crate::tls::{ServiceTls, TlsKept};

/// Compiles TLS, and keeps what the next snapshot needs.
pub(super) struct TlsCompiler<'a, 'p> {
    compiler: &'a Compiler<'a>,
    problems: &'p mut Problems,
    before: TlsKept,
    kept: TlsKept,
    /// What the previous snapshot wanted of authorities.
    acme_before: Acme,
    /// What is wanted of them now, but for the accounts.
    acme: Acme,
    /// Accounts with authorities, as far as listeners were gone through.
    accounts: Vec<Compiling>,
}

impl<'a, 'p> TlsCompiler<'a, 'p> {
    pub(super) fn new(compiler: &'a Compiler<'a>, problems: &'p mut Problems) -> Self {
        let before = compiler.previous.map(|snapshot| snapshot.tls.clone()).unwrap_or_default();
        let acme_before = compiler.previous.map(|snapshot| snapshot.acme.clone()).unwrap_or_default();
        // Proofs that are going on stay known.
        let acme = Acme { accounts: Vec::new(), ..acme_before.clone() };
        let kept =
            TlsKept { tickets: before.tickets.clone(), roots: before.roots.clone(), services: Vec::new() };
        Self { compiler, problems, before, kept, acme_before, acme, accounts: Vec::new() }
    }

    /// Goes on with services alone, after what there was before was put together with [`into_parts`](Self::into_parts).
    pub(super) fn going_on(compiler: &'a Compiler<'a>, kept: TlsKept, problems: &'p mut Problems) -> Self {
        Self { kept, ..Self::new(compiler, problems) }
    }

    /// What the next snapshot needs, and what is wanted of authorities.
    pub(super) fn into_parts(self) -> (TlsKept, Acme) {
        let accounts = self.accounts.into_iter().map(|compiled| Arc::new(compiled.account));
        (self.kept, Acme { accounts: accounts.collect(), ..self.acme })
    }

    /// The tokens that a listener in the clear answers, where some listener proves its names.
    pub(super) fn tokens(&self, listener: &Listener) -> Option<Arc<TokensShared>> {
        let proves =
            |entry: &NamedEntry<Listener>| entry.value.tls.as_ref().is_some_and(|tls| tls.acme.is_some());
        let is_asked = listener.tls.is_none() && self.compiler.document.listeners.iter().any(proves);
        is_asked.then(|| Arc::clone(&self.acme.tokens))
    }

    /// The TLS of a listener; none where it has none, or where there is a problem with it.
    pub(super) fn listener(&mut self, entry: &NamedEntry<Listener>) -> Option<ServerTls> {
        let listener = &entry.value;
        let tls = listener.tls.as_ref()?;
        let issued = match &tls.acme {
            Some(acme) => Some(self.issued(entry, acme)?),
            None => None,
        };
        let certificates = self.certificates(tls, entry.span)?;
        let client_auth = match &tls.client_auth {
            None => None,
            Some(auth) => {
                let authorities = self.read(&auth.ca, entry.span)?;
                Some(ClientAuth { authorities, required: auth.required })
            }
        };
        let settings = ServerTlsSettings {
            certificates,
            protocols: alpn(&entry.value.protocols),
            client_auth,
            oldest_version: version(tls.min_version),
            tickets: self.tickets(entry.span)?,
        };
        let compiled = match issued {
            Some(issued) => ServerTls::with_issued(&settings, issued),
            None => ServerTls::new(&settings, self.compiler.now),
        };
        let found = match &compiled {
            Ok(compiled) => compiled.warnings(),
            Err(problems) => problems,
        };
        let written = tls.certificates.as_deref().unwrap_or_default();
        for problem in found {
            let file = match problem.part {
                TlsPart::Certificate(index) => written.get(index).map(|certificate| &certificate.cert),
                TlsPart::ClientAuthorities => tls.client_auth.as_ref().map(|auth| &auth.ca),
                _ => None,
            };
            self.tell(problem, file, entry.span);
        }
        compiled.ok()
    }

    /// The same for QUIC, where the listener speaks HTTP/3.
    pub(super) fn quic(
        &mut self,
        entry: &NamedEntry<Listener>,
        tls: &ServerTls,
        settings: &QuicSettings,
    ) -> Option<QuicServer> {
        if !entry.value.protocols.contains(&Protocol::H3) {
            return None;
        }
        let compiled = QuicServer::new(tls, settings);
        compiled
            .map_err(|error| {
                self.problems.push(Problem::error(format!("cannot speak HTTP/3: {error}")).at(entry.span));
            })
            .ok()
    }

    fn certificates(&mut self, tls: &ListenerTls, at: Span) -> Option<Vec<CertificatePem>> {
        let written = tls.certificates.as_deref().unwrap_or_default();
        let read: Vec<_> = written
            .iter()
            .map(|certificate| {
                let chain = self.read(&certificate.cert, at);
                let key = self.read(&certificate.key, at);
                let ocsp = certificate.ocsp.as_ref().map(|ocsp| self.read(ocsp, at));
                let ocsp = match ocsp {
                    None => None,
                    Some(read) => Some(read?),
                };
                Some(CertificatePem { chain: chain?, key: key?, ocsp })
            })
            .collect();
        read.into_iter().collect()
    }

    /// The TLS of a service with these settings, or with the usual ones.
    pub(super) fn service(
        &mut self,
        tls: &UpstreamTls,
        protocols: Option<&OneOrMany<UpstreamProtocol>>,
        at: Span,
    ) -> Option<ClientTls> {
        let offered = |protocol: &UpstreamProtocol| match protocol {
            UpstreamProtocol::H1 => Alpn::Http11,
            UpstreamProtocol::H2 => Alpn::H2,
        };
        let protocols = match protocols {
            Some(protocols) => protocols.iter().map(offered).collect(),
            None => vec![Alpn::H2, Alpn::Http11],
        };
        self.written(tls, protocols, at)
    }

    /// The TLS of the servers of a store, which have no protocol to agree on.
    pub(super) fn store(&mut self, tls: &UpstreamTls, at: Span) -> Option<ClientTls> {
        self.written(tls, Vec::new(), at)
    }

    fn written(&mut self, tls: &UpstreamTls, protocols: Vec<Alpn>, at: Span) -> Option<ClientTls> {
        let authorities = match &tls.ca {
            Some(ca) if tls.verify => Some(self.read(ca, at)?),
            _ => None,
        };
        let certificate = match (&tls.cert, &tls.key) {
            (Some(cert), Some(key)) => {
                Some(CertificatePem { chain: self.read(cert, at)?, key: self.read(key, at)?, ocsp: None })
            }
            _ => None,
        };
        let server_name = tls.server_name.as_ref().map(|name| name.0.clone());
        let made_of = ServiceTls { authorities, certificate, server_name, verify: tls.verify, protocols };
        self.client_tls(made_of, tls.cert.as_ref(), tls.ca.as_ref(), at)
    }

    /// How a service is met, the same as before where nothing changed. The files are those that problems are told of.
    fn client_tls(
        &mut self,
        made_of: ServiceTls,
        cert: Option<&FilePath>,
        ca: Option<&FilePath>,
        at: Span,
    ) -> Option<ClientTls> {
        let same = |(known, _): &&(Arc<ServiceTls>, ClientTls)| **known == made_of;
        if let Some((_, client)) = self.kept.services.iter().find(same) {
            return Some(client.clone());
        }
        if let Some(kept) = self.before.services.iter().find(same).cloned() {
            self.kept.services.push(kept.clone());
            return Some(kept.1);
        }
        self.new_client_tls(made_of, cert, ca, at)
    }

    fn new_client_tls(
        &mut self,
        made_of: ServiceTls,
        cert: Option<&FilePath>,
        ca: Option<&FilePath>,
        at: Span,
    ) -> Option<ClientTls> {
        let trust = match &made_of.authorities {
            _ if !made_of.verify => Trust::Unverified,
            Some(bundle) => Trust::Bundle(bundle.clone()),
            None => Trust::System(self.roots(at)?),
        };
        let settings = ClientTlsSettings {
            trust,
            certificate: made_of.certificate.clone(),
            server_name: made_of.server_name.clone(),
            protocols: made_of.protocols.clone(),
            oldest_version: TlsVersion::V12,
        };
        let compiled = ClientTls::new(&settings, self.compiler.now);
        let found = match &compiled {
            Ok(compiled) => compiled.warnings(),
            Err(problems) => problems,
        };
        // That nothing is verified was told where it is written.
        for problem in found.iter().filter(|problem| problem.kind != maitred_net::TlsProblemKind::Unverified)
        {
            let file = match problem.part {
                TlsPart::OwnCertificate => cert,
                TlsPart::ServiceAuthorities => ca,
                _ => None,
            };
            self.tell(problem, file, at);
        }
        let client = compiled.ok()?;
        self.kept.services.push((Arc::new(made_of), client.clone()));
        Some(client)
    }

    fn tickets(&mut self, at: Span) -> Option<Arc<TicketKeys>> {
        if self.kept.tickets.is_none() {
            match TicketKeys::new() {
                Ok(tickets) => self.kept.tickets = Some(tickets),
                Err(error) => {
                    let problem =
                        Problem::error(format!("no keys for resumption tickets can be made: {error}"));
                    self.problems.push(problem.at(at));
                }
            }
        }
        self.kept.tickets.clone()
    }

    fn roots(&mut self, at: Span) -> Option<SystemRoots> {
        if self.kept.roots.is_none() {
            match SystemRoots::load() {
                Ok(roots) => self.kept.roots = Some(roots),
                Err(problem) => self.tell(&problem, None, at),
            }
        }
        self.kept.roots.clone()
    }

    fn read(&mut self, file: &FilePath, at: Span) -> Option<Vec<u8>> {
        match self.compiler.means.files.read(file.as_path()) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", shown(file.as_path()));
                self.problems.push(Problem::error(message).at(at));
                None
            }
        }
    }

    fn refuse(&mut self, message: &str, help: &str, at: Span) {
        self.problems.push(Problem::error(message).at(at).help(help));
    }

    fn tell(&mut self, problem: &TlsProblem, file: Option<&FilePath>, at: Span) {
        let message = match file {
            Some(file) => format!("{}: {problem}", shown(file.as_path())),
            None => problem.to_string(),
        };
        let drawn = if problem.is_warning() { Problem::warning(message) } else { Problem::error(message) };
        self.problems.push(drawn.at(at));
    }
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

fn version(version: Written) -> TlsVersion {
    match version {
        Written::V12 => TlsVersion::V12,
        Written::V13 => TlsVersion::V13,
    }
}

/// HTTP/2 first: who offers both can use it better.
fn alpn(protocols: &[Protocol]) -> Vec<Alpn> {
    let known = [(Protocol::H2, Alpn::H2), (Protocol::H1, Alpn::Http11)];
    known.into_iter().filter(|(written, _)| protocols.contains(written)).map(|(_, alpn)| alpn).collect()
}
