//! What TLS keeps from one snapshot to the next, so that a reload loses no session and cuts no connection.
//! It is made and renewed when a document is compiled.

use std::sync::Arc;

use maitred_net::{Alpn, CertificatePem, ClientTls, SystemRoots, TicketKeys};

/// What TLS has for the whole process, carried from snapshot to snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsKept {
    pub(crate) tickets: Option<Arc<TicketKeys>>,
    pub(crate) roots: Option<SystemRoots>,
    /// What the TLS of services was made of, to see whether that has changed.
    pub(crate) services: Vec<(Arc<ServiceTls>, ClientTls)>,
}

/// What the TLS of a service is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServiceTls {
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) certificate: Option<CertificatePem>,
    pub(crate) server_name: Option<String>,
    pub(crate) verify: bool,
    pub(crate) protocols: Vec<Alpn>,
}
