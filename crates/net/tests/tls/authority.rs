//! Certificates for tests, and the settings that use them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_net::{
    Alpn, CertificatePem, ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings, TicketKeys, TlsVersion,
    Trust,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SignatureAlgorithm, date_time_ymd,
};

/// The time at which settings are compiled in tests.
pub fn now() -> SystemTime {
    // 2030-01-01: later than the clock that handshakes look at, so that what was made just now is valid.
    SystemTime::UNIX_EPOCH + Duration::from_hours(525_960)
}

/// Somebody who signs certificates.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that is wanted.
pub struct Wanted {
    pub names: Vec<SanType>,
    pub common_name: &'static str,
    pub key: &'static SignatureAlgorithm,
    pub years: (i32, i32),
}

/// A wanted certificate for these hosts and addresses.
pub fn wanted(names: &[&str]) -> Wanted {
    let names = names.iter().map(|name| match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    });
    let names = names.collect();
    Wanted { names, common_name: "test", key: &rcgen::PKCS_ECDSA_P256_SHA256, years: (2020, 2096) }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2096, 1, 1);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a server.
    pub fn issue(&self, names: &[&str]) -> CertificatePem {
        self.sign(wanted(names), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    pub fn client(&self, common_name: &'static str, names: Vec<SanType>) -> CertificatePem {
        let wanted = Wanted { names, common_name, ..wanted(&[]) };
        self.sign(wanted, ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub fn sign(&self, wanted: Wanted, purpose: ExtendedKeyUsagePurpose) -> CertificatePem {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, wanted.common_name);
        params.subject_alt_names = wanted.names;
        params.extended_key_usages = vec![purpose];
        params.not_before = date_time_ymd(wanted.years.0, 1, 1);
        params.not_after = date_time_ymd(wanted.years.1, 1, 1);
        let key = KeyPair::generate_for(wanted.key).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        CertificatePem {
            chain: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
            ocsp: None,
        }
    }

    /// Settings of a client that believes this authority only.
    pub fn believed(&self) -> ClientTlsSettings {
        ClientTlsSettings {
            trust: Trust::Bundle(self.pem.clone().into_bytes()),
            certificate: None,
            server_name: None,
            protocols: Vec::new(),
            oldest_version: TlsVersion::V12,
        }
    }
}

/// Settings of a listener that shows these certificates.
pub fn showing(certificates: Vec<CertificatePem>) -> ServerTlsSettings {
    ServerTlsSettings {
        certificates,
        protocols: vec![Alpn::H2, Alpn::Http11],
        client_auth: None,
        oldest_version: TlsVersion::V12,
        tickets: keys(),
    }
}

pub fn keys() -> Arc<TicketKeys> {
    TicketKeys::new().unwrap()
}

pub fn server(settings: &ServerTlsSettings) -> ServerTls {
    ServerTls::new(settings, now()).unwrap()
}

pub fn client(settings: &ClientTlsSettings) -> ClientTls {
    ClientTls::new(settings, now()).unwrap()
}

/// Both sides, ready to meet at `shop.example`.
pub fn both() -> (ServerTls, ClientTls) {
    let authority = Authority::new("root");
    (server(&showing(vec![authority.issue(&["shop.example"])])), client(&authority.believed()))
}
