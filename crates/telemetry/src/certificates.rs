//! Until when the certificates of listeners are valid: told as a whole whenever that may have changed, and read by scrapes.
//! What is in a certificate is not known here.

#![expect(
    clippy::disallowed_types,
    reason = "told about once a second and asked by scrapes, not by requests"
)]

use std::sync::{Arc, Mutex, PoisonError};

/// A certificate of a listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateExpiry {
    /// The name of the listener.
    pub listener: Arc<str>,
    /// What it is for: the first of its names.
    pub name: String,
    /// The kind of its key: `ECDSA P-256`.
    pub key: String,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: u64,
}

/// All that are shown.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Mutex<Vec<CertificateExpiry>>);

impl Certificates {
    /// Of those that nothing tells apart, the one is kept that expires first.
    pub(crate) fn replace(&self, mut all: Vec<CertificateExpiry>) {
        all.sort();
        all.dedup_by(|later, first| {
            (&later.listener, &later.name, &later.key) == (&first.listener, &first.name, &first.key)
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    pub(crate) fn all(&self) -> Vec<CertificateExpiry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_sees_each_certificate_once_with_its_first_end() {
        let one = |name: &str, key: &str, not_after| CertificateExpiry {
            listener: "web".into(),
            name: name.to_owned(),
            key: key.to_owned(),
            not_after,
        };
        let certificates = Certificates::default();
        certificates.replace(vec![one("old", "RSA 2048", 1)]);
        let told = vec![
            one("b", "RSA 2048", 9),
            one("a", "RSA 2048", 7),
            one("a", "RSA 2048", 5),
            one("a", "ECDSA P-256", 8),
        ];
        certificates.replace(told);
        let expected = [one("a", "ECDSA P-256", 8), one("a", "RSA 2048", 5), one("b", "RSA 2048", 9)];
        assert_eq!(certificates.all(), expected);
    }
}
