//! What a listener with TLS shows, and asks of its clients.
//! Only paths: the files are read, and told apart from ones that do not fit, when the document is compiled.

use super::Acme;
use crate::problem::Problem;
use crate::read::{Fields, FilePath, OneOrMany, Reader};
use crate::{config_map, config_words};

config_map! {
    /// How a listener speaks TLS: with `certificates` from files, or with those that `acme` gets.
    #[check = check_source]
    pub struct ListenerTls {
        /// Certificates from files, read again when these change. Each client is shown the one that has the name that it asks for
        /// (SNI): the name itself before `*.`; the first if none has it.
        certificates: Option<OneOrMany<Certificate>>,
        /// Gets certificates from a certificate authority, and renews them (ACME, RFC 8555).
        acme: Option<Acme>,
        /// Asks clients for a certificate (mutual TLS).
        client_auth: Option<ClientAuth>,
        /// The oldest version of TLS that is spoken; over `h3` it is 1.3 in any case.
        min_version: TlsVersion = "1.2",
    }
}

config_map! {
    /// A certificate and its key, in PEM.
    pub struct Certificate {
        /// The file with the certificate, and behind it those that lead to the root.
        cert: FilePath,
        /// The file with its private key.
        key: FilePath,
        /// The file with the authority's word that it is not revoked, in DER (OCSP stapling).
        ocsp: Option<FilePath>,
    }
}

config_map! {
    /// The certificates that clients have to show.
    pub struct ClientAuth {
        /// The file with the authorities that sign clients' certificates, in PEM.
        #[main]
        ca: FilePath,
        /// Whether clients without one are turned away; if not, only those with a wrong one are.
        required: bool = true,
    }
}

config_words! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// TLS 1.2 (RFC 5246).
        V12 = "1.2",
        /// TLS 1.3 (RFC 8446).
        V13 = "1.3",
    }
}

/// Certificates come from one place.
fn check_source(_: &ListenerTls, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    match (fields.has("certificates"), fields.has("acme")) {
        (true, true) => reader.problem(
            Problem::error("certificates come from files or from `acme`, not from both")
                .label(fields.key_span("acme"), "and these")
                .label(fields.key_span("certificates"), "these")
                .help("make two listeners of it, or leave one out"),
        ),
        (false, false) if !fields.has_unknown() => {
            let problem = Problem::error("TLS needs a certificate").at(fields.place());
            reader.problem(problem.help(
                "name the files: `certificates: { cert: FILE, key: FILE }`; or have one made: \
                 `acme: { hosts: NAME, agree_terms: true }`",
            ));
        }
        _ => {}
    }
}
