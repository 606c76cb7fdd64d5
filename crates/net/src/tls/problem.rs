//! `TlsProblem`: what is wrong with certificates, keys and authorities before any connection is made with them.
//! Which file and which line of the configuration that was, the caller knows.

use std::fmt;
use std::time::SystemTime;

use x509_cert::der::DateTime;

/// Something wrong with what was given, or, if it [is a warning](Self::is_warning), something that users should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProblem {
    /// What it is about.
    pub part: TlsPart,
    /// What is wrong with it.
    pub kind: TlsProblemKind,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// A server's certificate, its key or its OCSP response: which in the list, from 0.
    Certificate(usize),
    /// The certificate that the gateway shows services, or its key.
    OwnCertificate,
    /// The authorities that sign clients' certificates.
    ClientAuthorities,
    /// The authorities that sign services' certificates.
    ServiceAuthorities,
    /// The system's list of authorities.
    SystemRoots,
    /// The name that a service's certificate must have.
    ServerName,
    /// The settings as a whole.
    Settings,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProblemKind {
    /// A file is not PEM.
    BadPem,
    /// There is no certificate in it.
    NoCertificate,
    /// There is no private key in it.
    NoKey,
    /// The private key is encrypted with a passphrase.
    EncryptedKey,
    /// A certificate cannot be read: which in its file, from 1.
    BadCertificate(usize),
    /// A private key of a kind that is not supported, or broken.
    BadKey,
    /// The key belongs to another certificate.
    KeyMismatch,
    /// The key belongs to a later certificate of the file: which, from 1.
    NotFirst(usize),
    /// It was valid until then.
    Expired(SystemTime),
    /// It is valid from then on.
    NotYetValid(SystemTime),
    /// An RSA key of so many bits can neither sign here nor be trusted.
    ShortKey(usize),
    /// An OCSP response cannot be read.
    BadOcsp,
    /// An OCSP response that says only that it failed.
    FailedOcsp,
    /// An OCSP response about another certificate.
    OtherOcsp,
    /// Warning: an OCSP response that was valid until then; it is not sent.
    ExpiredOcsp(SystemTime),
    /// Warning: the OCSP response says that the certificate is revoked.
    Revoked,
    /// Warning: a certificate is signed with SHA-1 or MD5, which peers refuse: which in its file, from 1.
    WeakSignature(usize),
    /// Warning: a further certificate of the chain was valid until then: which in its file, from 1.
    ChainExpired(usize, SystemTime),
    /// Warning: no name that a client could ask for.
    NoNames,
    /// No certificates at all.
    NoCertificates,
    /// No authorities.
    NoAuthorities,
    /// Neither a host name nor an address.
    BadName,
    /// Warning: services' certificates are not verified.
    Unverified,
    /// The library refuses the settings: its words.
    Refused(String),
}

impl TlsProblem {
    /// Whether it stops nothing.
    pub fn is_warning(&self) -> bool {
        matches!(
            self.kind,
            TlsProblemKind::ExpiredOcsp(_)
                | TlsProblemKind::Revoked
                | TlsProblemKind::WeakSignature(_)
                | TlsProblemKind::ChainExpired(..)
                | TlsProblemKind::NoNames
                | TlsProblemKind::Unverified
        )
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            TlsPart::Certificate(index) => write!(f, "certificate {}: ", index + 1)?,
            TlsPart::OwnCertificate => f.write_str("certificate: ")?,
            TlsPart::ClientAuthorities => f.write_str("authorities for clients: ")?,
            TlsPart::ServiceAuthorities => f.write_str("authorities for services: ")?,
            TlsPart::SystemRoots => f.write_str("authorities of the system: ")?,
            TlsPart::ServerName => f.write_str("server name: ")?,
            TlsPart::Settings => {}
        }
        self.kind.fmt(f)
    }
}

impl std::error::Error for TlsProblem {}

impl fmt::Display for TlsProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::BadPem => "this is not PEM",
            Self::NoCertificate => "there is no certificate in it",
            Self::NoKey => "there is no private key in it",
            Self::EncryptedKey => "the private key is encrypted; store it without a passphrase",
            Self::BadCertificate(at) => return write!(f, "certificate {at} of the file cannot be read"),
            Self::BadKey => {
                "the private key cannot be used (RSA, ECDSA on P-256, P-384 or P-521, and Ed25519 can)"
            }
            Self::KeyMismatch => "the private key belongs to another certificate",
            Self::NotFirst(at) => {
                return write!(
                    f,
                    "the private key belongs to certificate {at} of the file; it must come first"
                );
            }
            Self::Expired(at) => return write!(f, "it expired at {}", shown(*at)),
            Self::NotYetValid(from) => return write!(f, "it is not valid before {}", shown(*from)),
            Self::ShortKey(bits) => {
                return write!(f, "its RSA key has {bits} bits; at least 2048 are needed");
            }
            Self::BadOcsp => "the OCSP response cannot be read (DER is expected)",
            Self::FailedOcsp => "the OCSP response says only that the request for it failed",
            Self::OtherOcsp => "the OCSP response is about another certificate",
            Self::ExpiredOcsp(at) => {
                return write!(f, "the OCSP response was valid until {}; it is not sent", shown(*at));
            }
            Self::Revoked => "the OCSP response says that it is revoked",
            Self::WeakSignature(at) => {
                return write!(
                    f,
                    "certificate {at} of the file is signed with SHA-1 or MD5, which peers refuse"
                );
            }
            Self::ChainExpired(at, time) => {
                return write!(f, "certificate {at} of the file expired at {}", shown(*time));
            }
            Self::NoNames => "it names no host (subjectAltName), so no client can accept it for one",
            Self::NoCertificates => "there is no certificate to show",
            Self::NoAuthorities => "there are none",
            Self::BadName => "neither a host name nor an address",
            Self::Unverified => {
                "certificates of services are not verified: whoever is between can read and change all"
            }
            Self::Refused(words) => return write!(f, "cannot be used: {words}"),
        };
        f.write_str(text)
    }
}

fn shown(time: SystemTime) -> String {
    DateTime::from_system_time(time)
        .map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string())
}
