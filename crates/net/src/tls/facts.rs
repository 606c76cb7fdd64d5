//! What a certificate says of itself: for logs and metrics of our own ones, and as the identity of clients.
//! Read with `x509-cert`: it is maintained, writes names as RFC 4514 wants, and brings five small crates (`x509-parser`
//! brings four times as many; webpki, which verifies, tells neither subjects nor times).

use std::net::IpAddr;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectAltName};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// MD5 and SHA-1 with RSA, DSA and ECDSA.
const WEAK: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];

/// What one of the gateway's own certificates says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Hosts (in lower case, `*.` in front of wildcards) and addresses that it is for.
    pub names: Vec<String>,
    /// Whose it is, as RFC 4514 writes names: `CN=shop.example,O=Shop`.
    pub subject: String,
    /// Who signed it, written likewise.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
    /// The kind of its key: `ECDSA P-256`, `RSA 2048`, `Ed25519`.
    pub key: String,
    /// SHA-256 of its DER form, in hexadecimal digits.
    pub fingerprint: String,
    /// Its serial number, as its DER form has it (RFC 9773 section 4.1).
    pub serial: Vec<u8>,
    /// Which key of its issuer signed it, if it says so (RFC 5280 section 4.2.1.1).
    pub authority_key: Option<Vec<u8>>,
}

/// A client that showed a certificate which was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whose it is, as RFC 4514 writes names: `CN=joe,O=x`.
    pub subject: String,
    /// Its other names: host names, mail addresses and URIs, such as SPIFFE ids. URIs have a colon; of the others only mail addresses have an `@`.
    pub names: Vec<String>,
    /// SHA-256 of its DER form, in hexadecimal digits.
    pub fingerprint: String,
    /// Its DER form.
    pub der: Vec<u8>,
}

/// What compiling needs of a certificate beyond its summary.
pub(super) struct Facts {
    pub(super) summary: CertificateSummary,
    pub(super) hosts: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) rsa_bits: Option<usize>,
    pub(super) is_weakly_signed: bool,
}

impl Facts {
    pub(super) fn read(bytes: &[u8]) -> der::Result<Self> {
        let certificate = Certificate::from_der(bytes)?;
        let signed = certificate.tbs_certificate();
        let names = other_names(&certificate)?;
        let hosts: Vec<String> = names.iter().filter_map(host).collect();
        let addresses: Vec<IpAddr> = names.iter().filter_map(address).collect();
        let rsa_bits = rsa_bits(&certificate)?;
        let shown = addresses.iter().map(ToString::to_string);
        let summary = CertificateSummary {
            names: hosts.iter().cloned().chain(shown).collect(),
            subject: signed.subject().to_string(),
            issuer: signed.issuer().to_string(),
            not_before: signed.validity().not_before.to_system_time(),
            not_after: signed.validity().not_after.to_system_time(),
            key: key(&certificate, rsa_bits),
            fingerprint: fingerprint(bytes),
            serial: signed.serial_number().as_bytes().to_vec(),
            authority_key: authority_key(&certificate)?,
        };
        let is_weakly_signed = WEAK.contains(&certificate.signature_algorithm().oid);
        Ok(Self { summary, hosts, addresses, rsa_bits, is_weakly_signed })
    }
}

impl ClientCertificate {
    /// The first certificate of a file in PEM, as if a client had shown it. Nobody verifies it. None where there is none that can be read.
    pub fn of_pem(pem: &[u8]) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem).ok()?;
        Self::read(&der).ok()
    }

    pub(super) fn read(bytes: &[u8]) -> der::Result<Self> {
        let certificate = Certificate::from_der(bytes)?;
        let names = other_names(&certificate)?;
        Ok(Self {
            subject: certificate.tbs_certificate().subject().to_string(),
            names: names.iter().filter_map(text).collect(),
            fingerprint: fingerprint(bytes),
            der: bytes.to_vec(),
        })
    }
}

fn other_names(certificate: &Certificate) -> der::Result<Vec<GeneralName>> {
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>()?;
    Ok(found.map_or_else(Vec::new, |(_, names)| names.0))
}

fn authority_key(certificate: &Certificate) -> der::Result<Option<Vec<u8>>> {
    let found = certificate.tbs_certificate().get_extension::<AuthorityKeyIdentifier>()?;
    Ok(found.and_then(|(_, authority)| authority.key_identifier).map(|key| key.as_bytes().to_vec()))
}

fn host(name: &GeneralName) -> Option<String> {
    let GeneralName::DnsName(name) = name else { return None };
    Some(name.as_str().to_ascii_lowercase())
}

fn address(name: &GeneralName) -> Option<IpAddr> {
    let GeneralName::IpAddress(octets) = name else { return None };
    let octets = octets.as_bytes();
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// A name as text, if it is written as those of its kind are (RFC 5280 section 4.2.1.6), so that the text tells the kind: an authority that
/// lets its clients choose names of one kind does not vouch for those of another.
fn text(name: &GeneralName) -> Option<String> {
    let (GeneralName::DnsName(text)
    | GeneralName::Rfc822Name(text)
    | GeneralName::UniformResourceIdentifier(text)) = name
    else {
        return None;
    };
    let text = text.as_str();
    let (has_colon, has_at) = (text.contains(':'), text.contains('@'));
    let is_of_kind = match name {
        GeneralName::DnsName(_) => !has_colon && !has_at && !text.is_empty(),
        GeneralName::Rfc822Name(_) => !has_colon && has_at,
        _ => has_colon,
    };
    is_of_kind.then(|| text.to_owned())
}

/// The size of an RSA key's modulus (RFC 8017 appendix A.1.1); none for other keys.
fn rsa_bits(certificate: &Certificate) -> der::Result<Option<usize>> {
    let public = certificate.tbs_certificate().subject_public_key_info();
    if public.algorithm.oid != RSA {
        return Ok(None);
    }
    let bytes = public.subject_public_key.raw_bytes();
    let modulus_bits = SliceReader::new(bytes)?.sequence(|key| {
        let modulus = UintRef::decode(key)?.as_bytes();
        let _exponent = UintRef::decode(key)?;
        let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        Ok::<_, der::Error>(modulus.len() * 8 - unused)
    })?;
    Ok(Some(modulus_bits))
}

fn key(certificate: &Certificate, rsa_bits: Option<usize>) -> String {
    let algorithm = &certificate.tbs_certificate().subject_public_key_info().algorithm;
    let curve = || algorithm.parameters.as_ref().and_then(|curve| curve.decode_as().ok());
    match (algorithm.oid, rsa_bits) {
        (_, Some(bits)) => format!("RSA {bits}"),
        (ED25519, _) => "Ed25519".to_owned(),
        (EC, _) => match curve() {
            Some(P256) => "ECDSA P-256".to_owned(),
            Some(P384) => "ECDSA P-384".to_owned(),
            Some(P521) => "ECDSA P-521".to_owned(),
            _ => "ECDSA".to_owned(),
        },
        (other, _) => other.to_string(),
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = digest(&SHA256, bytes);
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use x509_cert::der::asn1::Ia5String;

    use super::*;

    #[test]
    fn no_name_passes_for_one_of_another_kind() {
        let kinds = [GeneralName::DnsName, GeneralName::Rfc822Name, GeneralName::UniformResourceIdentifier];
        for (name, told) in [
            ("web.example.org", [true, false, false]),
            ("*.example.org", [true, false, false]),
            ("joe@example.org", [false, true, false]),
            ("spiffe://example.org/db", [false, false, true]),
            ("spiffe://joe@example.org", [false, false, true]),
            ("mailto:joe@example.org", [false, false, true]),
            ("example.org:443", [false, false, true]),
            ("", [false, false, false]),
        ] {
            let shown = kinds.map(|kind| text(&kind(Ia5String::new(name).unwrap())));
            assert_eq!(shown.map(|shown| shown.is_some()), told, "{name}");
        }
    }
}
