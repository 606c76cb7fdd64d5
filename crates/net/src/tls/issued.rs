//! A certificate that an authority issues while the gateway runs (ACME, RFC 8555): none at first, and another now and then.
//! A handshake shows what there is when it begins; who orders certificates, and when, is not known here.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::facts::CertificateSummary;
use super::identity::{self, CertificatePem, Identity};
use super::problem::{TlsPart, TlsProblem};
use super::provider;

/// The certificate that listeners show which were compiled with it. It is replaced without them.
#[derive(Debug, Default)]
pub struct IssuedShared {
    current: ArcSwapOption<Identity>,
}

impl IssuedShared {
    /// Shows another certificate from the next handshake on, if it is good as of `now`; otherwise nothing changes, and
    /// every problem is told.
    pub fn replace(&self, pem: &CertificatePem, now: SystemTime) -> Result<(), Vec<TlsProblem>> {
        let mut problems = Vec::new();
        let part = TlsPart::Certificate(0);
        let Some(identity) = identity::compile(pem, part, now, &provider(), &mut problems) else {
            return Err(problems);
        };
        self.current.store(Some(Arc::new(identity)));
        Ok(())
    }

    /// What the certificate says; none while there is none.
    pub fn summary(&self) -> Option<CertificateSummary> {
        self.current.load().as_ref().map(|identity| identity.summary.clone())
    }

    /// Whether there is none yet.
    pub fn is_missing(&self) -> bool {
        self.current.load().is_none()
    }
}

/// Shows it to every client, whatever name that asks for.
#[derive(Debug)]
pub(super) struct ShowsIssued(pub(super) Arc<IssuedShared>);

impl ResolvesServerCert for ShowsIssued {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.current.load().as_ref().map(|identity| Arc::clone(&identity.key))
    }
}
