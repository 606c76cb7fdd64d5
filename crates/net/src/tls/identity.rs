//! A certificate of ours with its key: from PEM to what rustls signs with, and every problem on the way.
//! Which of several a client is shown is decided elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};

use super::facts::{CertificateSummary, Facts};
use super::ocsp;
use super::problem::{TlsPart, TlsProblem, TlsProblemKind};

/// RSA keys below this are refused by peers, and cannot sign here.
const LEAST_RSA_BITS: usize = 2048;

/// A certificate and its key, as read from files.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CertificatePem {
    /// The certificate, and after it those of the authorities between it and a root, as PEM.
    pub chain: Vec<u8>,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1), as PEM. It may stand in the same file.
    pub key: Vec<u8>,
    /// An OCSP response about it to show clients, as DER.
    pub ocsp: Option<Vec<u8>>,
}

impl fmt::Debug for CertificatePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificatePem").field("ocsp", &self.ocsp.is_some()).finish_non_exhaustive()
    }
}

/// A certificate that can be shown.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) summary: CertificateSummary,
    /// Host names that it is for, in lower case; wildcards begin with `*.`.
    pub(super) hosts: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
}

/// Reads a certificate and its key. Problems and warnings are added to `problems`; without an identity, at least one
/// of them is no warning.
pub(super) fn compile(
    pem: &CertificatePem,
    part: TlsPart,
    now: SystemTime,
    provider: &CryptoProvider,
    problems: &mut Vec<TlsProblem>,
) -> Option<Identity> {
    let first = problems.len();
    let mut tell = |kind| problems.push(TlsProblem { part, kind });
    let key = private_key(&pem.key).map_err(&mut tell).ok();
    let chain = certificates(&pem.chain).map_err(&mut tell).ok()?;
    let facts = facts(&chain, now, &mut tell)?;
    let short = facts.rsa_bits.filter(|bits| *bits < LEAST_RSA_BITS);
    if let Some(bits) = short {
        tell(TlsProblemKind::ShortKey(bits));
    }
    let signing = match provider.key_provider.load_private_key(key?) {
        Ok(signing) => Some(signing),
        // A key that is too short was told of.
        Err(_) if short.is_some() => None,
        Err(_) => {
            tell(TlsProblemKind::BadKey);
            None
        }
    }?;
    check_match(&chain, &signing, &mut tell);
    let mut certified = CertifiedKey::new(chain, signing);
    if let Some(response) = &pem.ocsp {
        match ocsp::judge(response, &facts.summary.serial, now) {
            Ok(warning) => {
                let is_expired = matches!(warning, Some(TlsProblemKind::ExpiredOcsp(_)));
                certified.ocsp = Some(response.clone()).filter(|_| !is_expired);
                warning.into_iter().for_each(&mut tell);
            }
            Err(problem) => tell(problem),
        }
    }
    if problems[first..].iter().any(|problem| !problem.is_warning()) {
        return None;
    }
    let Facts { summary, hosts, addresses, .. } = facts;
    Some(Identity { key: Arc::new(certified), summary, hosts, addresses })
}

/// Every certificate in a PEM file, in order: at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsProblemKind> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|_| TlsProblemKind::BadPem)?;
    if found.is_empty() { Err(TlsProblemKind::NoCertificate) } else { Ok(found) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsProblemKind> {
    let has = |words: &[u8]| pem.windows(words.len()).any(|window| window == words);
    let is_encrypted = has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED");
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        _ if is_encrypted => Err(TlsProblemKind::EncryptedKey),
        Some(Ok(key)) => Ok(key),
        Some(Err(_)) => Err(TlsProblemKind::BadPem),
        None => Err(TlsProblemKind::NoKey),
    }
}

/// What the first certificate says. All of the chain are looked at.
fn facts(
    chain: &[CertificateDer<'_>],
    now: SystemTime,
    tell: &mut impl FnMut(TlsProblemKind),
) -> Option<Facts> {
    let mut own = None;
    for (index, certificate) in chain.iter().enumerate() {
        let Ok(facts) = Facts::read(certificate) else {
            tell(TlsProblemKind::BadCertificate(index + 1));
            return None;
        };
        let CertificateSummary { not_before, not_after, subject, issuer, .. } = &facts.summary;
        let is_own = index == 0;
        if *not_after < now {
            let expired = TlsProblemKind::Expired(*not_after);
            tell(if is_own { expired } else { TlsProblemKind::ChainExpired(index + 1, *not_after) });
        }
        if is_own && *not_before > now {
            tell(TlsProblemKind::NotYetValid(*not_before));
        }
        // Nobody looks at the signature of a root.
        if facts.is_weakly_signed && (is_own || subject != issuer) {
            tell(TlsProblemKind::WeakSignature(index + 1));
        }
        own.get_or_insert(facts);
    }
    own
}

fn check_match(
    chain: &[CertificateDer<'static>],
    key: &Arc<dyn SigningKey>,
    tell: &mut impl FnMut(TlsProblemKind),
) {
    let belongs = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(key)).keys_match()
    };
    match chain.iter().position(|certificate| belongs(certificate).is_ok()) {
        Some(0) => {}
        Some(index) => tell(TlsProblemKind::NotFirst(index + 1)),
        None => match chain.first().map(belongs) {
            Some(Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))) => {
                tell(TlsProblemKind::KeyMismatch);
            }
            Some(Err(error)) => tell(TlsProblemKind::Refused(error.to_string())),
            _ => {}
        },
    }
}
