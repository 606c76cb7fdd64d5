//! `TlsFailure`: why a handshake did not come about, or a session broke, in words for a log. Never what was sent.
//! The words that a library gives for it are turned into ours here, and nowhere else.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use x509_cert::der::DateTime;

/// Names of a certificate that a message lists at most.
const LISTED: usize = 5;

/// Which side of the gateway the other end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPeer {
    /// It connected to the gateway.
    Client,
    /// The gateway connected to it.
    Service,
}

/// What went wrong with a TLS connection. It travels inside an [`io::Error`]; [`TlsFailure::in_error`] finds it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    peer: TlsPeer,
    cause: TlsCause,
}

/// The kinds of failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsCause {
    /// The peer began with something else, such as HTTP in the clear.
    NotTls,
    /// No version of TLS in common.
    Version,
    /// No cipher suite, group or signature scheme in common.
    Algorithms,
    /// No protocol in common (ALPN, RFC 7301).
    Protocol,
    /// The peer showed no certificate, and had to.
    NoCertificate,
    /// The peer's certificate was not accepted: why.
    Certificate(Cow<'static, str>),
    /// The peer ended it with an alert: what it says.
    Refused(Cow<'static, str>),
    /// The peer closed the connection during the handshake.
    Closed,
    /// The connection ended without the end of the session, so that bytes may be missing.
    CutOff,
    /// The peer broke the rules of the protocol: how.
    Malformed(Cow<'static, str>),
    /// This side could not go on: why.
    Own(Cow<'static, str>),
}

impl TlsCause {
    /// The kind in one word, for metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::Version => "version",
            Self::Algorithms => "algorithms",
            Self::Protocol => "protocol",
            Self::NoCertificate => "no_certificate",
            Self::Certificate(_) => "certificate",
            Self::Refused(_) => "refused",
            Self::Closed => "closed",
            Self::CutOff => "cut_off",
            Self::Malformed(_) => "malformed",
            Self::Own(_) => "own",
        }
    }
}

impl TlsFailure {
    pub(crate) fn new(peer: TlsPeer, cause: TlsCause) -> Self {
        Self { peer, cause }
    }

    /// In our words, what rustls says.
    pub(crate) fn of(peer: TlsPeer, error: &Error) -> Self {
        let cause = match error {
            Error::PeerIncompatible(reason) => incompatible(reason),
            Error::NoApplicationProtocol => TlsCause::Protocol,
            Error::NoCertificatesPresented => TlsCause::NoCertificate,
            Error::InvalidCertificate(reason) => TlsCause::Certificate(certificate(reason)),
            Error::AlertReceived(alert) => alerted(*alert),
            Error::DecryptError => TlsCause::Malformed("a record cannot be decrypted".into()),
            Error::PeerSentOversizedRecord => TlsCause::Malformed("a record is too large".into()),
            Error::InvalidMessage(_)
            | Error::PeerMisbehaved(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. } => TlsCause::Malformed(error.to_string().into()),
            other => TlsCause::Own(other.to_string().into()),
        };
        Self { peer, cause }
    }

    /// The failure that an error of a TLS connection carries, if it is one.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Which side the peer is on.
    pub fn peer(&self) -> TlsPeer {
        self.peer
    }

    /// What went wrong.
    pub fn cause(&self) -> &TlsCause {
        &self.cause
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_client = self.peer == TlsPeer::Client;
        let peer = if is_client { "client" } else { "service" };
        match &self.cause {
            TlsCause::NotTls => write!(f, "the {peer} does not speak TLS"),
            TlsCause::Version => write!(f, "the {peer} offers no version of TLS that is spoken here"),
            TlsCause::Algorithms => {
                write!(
                    f,
                    "the {peer} has no cipher suite, group or signature scheme in common with this side"
                )
            }
            TlsCause::Protocol if is_client => {
                f.write_str("the client offers no protocol that is spoken here")
            }
            TlsCause::Protocol => f.write_str("the service speaks none of the protocols offered to it"),
            TlsCause::NoCertificate => write!(f, "no certificate from the {peer}"),
            TlsCause::Certificate(why) => write!(f, "the certificate of the {peer} {why}"),
            TlsCause::Refused(why) => write!(f, "the {peer} refused: {why}"),
            TlsCause::Closed => write!(f, "the {peer} closed the connection during the handshake"),
            TlsCause::CutOff => write!(f, "the {peer} closed the connection without ending the session"),
            TlsCause::Malformed(how) => write!(f, "the {peer} broke the rules of TLS: {how}"),
            TlsCause::Own(why) => write!(f, "TLS with the {peer} cannot go on: {why}"),
        }
    }
}

impl std::error::Error for TlsFailure {}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        let kind = match failure.cause {
            TlsCause::Closed | TlsCause::CutOff => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, failure)
    }
}

fn incompatible(reason: &PeerIncompatible) -> TlsCause {
    match reason {
        // Before TLS 1.2 there was no such extension.
        PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired => TlsCause::Version,
        _ => TlsCause::Algorithms,
    }
}

/// What an alert of the peer means (RFC 8446 section 6.2).
fn alerted(alert: AlertDescription) -> TlsCause {
    let what = match alert {
        AlertDescription::ProtocolVersion => return TlsCause::Version,
        AlertDescription::NoApplicationProtocol => return TlsCause::Protocol,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            return TlsCause::Algorithms;
        }
        AlertDescription::UnknownCA => "it does not know who signed the certificate shown to it",
        AlertDescription::CertificateExpired => "the certificate shown to it has expired",
        AlertDescription::CertificateRevoked => "the certificate shown to it is revoked",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => "it does not accept the certificate shown to it",
        AlertDescription::CertificateRequired => "it demands a certificate",
        AlertDescription::UnrecognisedName => "it does not know the name that it was asked for",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::InternalError => "it met an error of its own",
        AlertDescription::UserCanceled => "it gave up",
        other => return TlsCause::Refused(format!("alert {other:?}").into()),
    };
    TlsCause::Refused(what.into())
}

/// What is wrong with a certificate, as the end of a sentence.
fn certificate(reason: &CertificateError) -> Cow<'static, str> {
    match reason {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired at {}", time(not_after.as_secs())).into()
        }
        CertificateError::Expired => "has expired".into(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", time(not_before.as_secs())).into()
        }
        CertificateError::NotValidYet => "is not valid yet".into(),
        CertificateError::UnknownIssuer => "is not signed by an authority that is trusted here".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let listed: Vec<&str> = presented.iter().take(LISTED).map(|name| without_kind(name)).collect();
            let more = if presented.len() > LISTED { " and others" } else { "" };
            let names = if listed.is_empty() { "no name".to_owned() } else { listed.join(", ") + more };
            format!("is not valid for {}: it names {names}", expected.to_str()).into()
        }
        CertificateError::NotValidForName => "is not valid for the name of the service".into(),
        CertificateError::BadSignature => "carries a signature that is wrong".into(),
        CertificateError::BadEncoding => "cannot be read".into(),
        CertificateError::Revoked => "is revoked".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not meant for this side of a connection".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed with an algorithm that is not accepted".into()
        }
        other => format!("is not accepted: {other}").into(),
    }
}

/// `a.example` of `DnsName("a.example")`, which is how the library lists names.
fn without_kind(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')').trim_matches('"'))
}

fn time(unix_seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(unix_seconds))
        .map_or_else(|_| format!("second {unix_seconds} of Unix time"), |time| time.to_string())
}
