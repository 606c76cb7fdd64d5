//! What a document wants of certificate authorities (ACME, RFC 8555): which certificates, for which listeners, and where they
//! are kept. Compiled like all else; ordering is done by whoever operates the gateway, and only there.

mod places;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use maitred_net::{CertificatePem, ClientTls, IssuedShared, ProofsShared, TlsProblem};

pub(crate) use self::places::Places;
pub use self::tokens::{TokenProof, TokensShared};

/// All that is wanted, and where proofs are given.
#[derive(Debug, Clone, Default)]
pub struct Acme {
    /// The accounts that certificates are ordered with.
    pub accounts: Vec<Arc<AcmeAccount>>,
    /// Proofs by TLS.
    pub proofs: Arc<ProofsShared>,
    /// Proofs by HTTP.
    pub tokens: Arc<TokensShared>,
}

/// An account with an authority: one for each directory and folder of state.
#[derive(Debug)]
pub struct AcmeAccount {
    /// Where the authority is.
    pub directory: String,
    /// Where account and certificates are kept.
    pub folder: PathBuf,
    /// How the authority is met.
    pub tls: ClientTls,
    /// Where it may write to, each once.
    pub emails: Vec<String>,
    /// The certificates, of which no two are for the same hosts.
    pub certificates: Vec<AcmeCertificate>,
}

/// A certificate that is wanted.
#[derive(Debug, Clone)]
pub struct AcmeCertificate {
    /// The names that it is for, in lower case and in order.
    pub hosts: Vec<String>,
    /// How they are proved, in the order in which it is tried. Never empty.
    pub challenges: Vec<ChallengeKind>,
    /// Who shows it.
    pub listeners: Vec<Arc<str>>,
    /// The file of chain and key.
    pub file: PathBuf,
    /// What is shown now, if there is any.
    pub issued: Arc<IssuedShared>,
}

/// How it is proved that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// By TLS (RFC 8737).
    TlsAlpn01,
    /// By HTTP (RFC 8555 section 8.3).
    Http01,
}

impl ChallengeKind {
    /// `tls-alpn-01` or `http-01`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        }
    }
}

impl AcmeCertificate {
    /// The hosts as a text, not all of them where they are many.
    pub fn names(&self) -> String {
        const LISTED: usize = 5;
        let listed = self.hosts.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.hosts.len().saturating_sub(LISTED) {
            0 => listed,
            more => format!("{listed} and {more} more"),
        }
    }

    /// Shows a certificate from the next handshake on.
    ///
    /// # Errors
    ///
    /// If it is not good as of `now`, or not for every host: why, in words. Nothing changes then.
    pub fn show(&self, pem: &CertificatePem, now: SystemTime) -> Result<(), String> {
        let told = |problems: Vec<TlsProblem>| {
            let errors = problems.iter().filter(|problem| !problem.is_warning());
            errors.map(|problem| problem.kind.to_string()).collect::<Vec<_>>().join("; ")
        };
        let new = IssuedShared::default();
        new.replace(pem, now).map_err(told)?;
        let names = new.summary().map(|summary| summary.names).unwrap_or_default();
        if let Some(host) =
            self.hosts.iter().find(|host| !names.iter().any(|name| name.eq_ignore_ascii_case(host)))
        {
            return Err(format!("it is for other names: {host} is not among them"));
        }
        self.issued.replace(pem, now).map_err(told)
    }
}
