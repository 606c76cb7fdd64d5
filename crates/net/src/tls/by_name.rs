//! Which certificate a client is shown: by the name that it asks for (SNI, RFC 6066 section 3), and among several for
//! one name by the signatures that it understands. One look-up by the whole name, one by what follows its first label.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// Certificates for the same name, the one to prefer first. Never empty.
type Keys = Vec<Arc<CertifiedKey>>;

/// All certificates by their names.
#[derive(Debug, Default)]
pub(super) struct Names {
    hosts: HashMap<Box<str>, Keys>,
    /// Under what follows `*.`.
    wildcards: HashMap<Box<str>, Keys>,
    addresses: HashMap<IpAddr, Keys>,
    /// The first certificate, and others for the same names.
    first: Keys,
}

/// Chooses among [`Names`].
#[derive(Debug)]
pub(super) struct ByName {
    names: Arc<Names>,
    /// For clients that ask for no name.
    unnamed: Keys,
}

impl Names {
    /// Sorts certificates by their names, of which there must be at least one.
    pub(super) fn of(identities: &[Identity]) -> Self {
        let mut names = Self::default();
        for identity in identities {
            for host in &identity.hosts {
                match host.strip_prefix("*.") {
                    Some(rest) => names.wildcards.entry(rest.into()),
                    None => names.hosts.entry(host.as_str().into()),
                }
                .or_default()
                .push(Arc::clone(&identity.key));
            }
            for address in &identity.addresses {
                names.addresses.entry(address.to_canonical()).or_default().push(Arc::clone(&identity.key));
            }
        }
        if let Some(first) = identities.first() {
            let alike = identities.iter().filter(|other| other.summary.names == first.summary.names);
            names.first = alike.map(|identity| Arc::clone(&identity.key)).collect();
        }
        let all =
            names.hosts.values_mut().chain(names.wildcards.values_mut()).chain(names.addresses.values_mut());
        for keys in all.chain([&mut names.first]) {
            // Signing with RSA takes a server some twenty times as long.
            keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
            keys.dedup_by(|a, b| Arc::ptr_eq(a, b));
        }
        names
    }

    fn find(&self, name: &str) -> Option<&Keys> {
        self.hosts.get(name).or_else(|| {
            let (label, rest) = name.split_once('.')?;
            self.wildcards.get(rest).filter(|_| !label.is_empty())
        })
    }
}

impl ByName {
    /// Shows the first certificate where no name decides.
    pub(super) fn or_first(names: &Arc<Names>) -> Self {
        Self { names: Arc::clone(names), unnamed: names.first.clone() }
    }

    /// One for each address that certificates name: clients that connected to it ask for no name, and are shown the
    /// certificate for the address.
    pub(super) fn or_by_address(names: &Arc<Names>) -> impl Iterator<Item = (IpAddr, Self)> {
        let of = |keys: &Keys| Self { names: Arc::clone(names), unnamed: keys.clone() };
        names.addresses.iter().map(move |(address, keys)| (*address, of(keys)))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = match hello.server_name() {
            Some(name) => self.names.find(name).unwrap_or(&self.names.first),
            None => &self.unnamed,
        };
        let understood =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        match keys.as_slice() {
            [only] => Some(only),
            // Where none fits, the handshake tells the client so.
            several => several.iter().find(understood).or(several.first()),
        }
        .cloned()
    }
}
