//! What is told of certificates, keys and authorities before any connection.

use std::time::{Duration, SystemTime};

use maitred_net::{
    CertificatePem, ClientAuth, ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings, TlsProblem, Trust,
};
use proptest::prelude::*;
use rcgen::ExtendedKeyUsagePurpose::ServerAuth;
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::der::Decode;

use crate::authority::{Authority, Wanted, now, server, showing, wanted};
use crate::choice::raw;
use crate::link::run;

fn texts(problems: &[TlsProblem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// What is told of a server with these certificates.
fn told(certificates: Vec<CertificatePem>) -> Vec<String> {
    texts(&ServerTls::new(&showing(certificates), now()).unwrap_err())
}

fn pem(label: &str, body: &str) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes()
}

#[test]
fn unusable_files_are_told_apart() {
    let authority = Authority::new("root");
    let good = authority.issue(&["shop.example"]);
    let with =
        |chain: &[u8], key: &[u8]| CertificatePem { chain: chain.to_vec(), key: key.to_vec(), ocsp: None };
    let key = "the private key cannot be used (RSA, ECDSA on P-256, P-384 or P-521, and Ed25519 can)";
    for (certificate, problem) in [
        (with(b"", &good.key), "there is no certificate in it"),
        (with(&good.key, &good.key), "there is no certificate in it"),
        (with(b"-----BEGIN CERTIFICATE-----\n", &good.key), "this is not PEM"),
        (with(&pem("CERTIFICATE", "@@@@"), &good.key), "this is not PEM"),
        (with(&pem("CERTIFICATE", "MAA="), &good.key), "certificate 1 of the file cannot be read"),
        (with(&good.chain, b""), "there is no private key in it"),
        (with(&good.chain, &good.chain), "there is no private key in it"),
        (with(&good.chain, &pem("PRIVATE KEY", "@@@@")), "this is not PEM"),
        (with(&good.chain, &pem("PRIVATE KEY", "MAA=")), key),
        (
            with(&good.chain, &pem("ENCRYPTED PRIVATE KEY", "MAA=")),
            "the private key is encrypted; store it without a passphrase",
        ),
    ] {
        assert_eq!(told(vec![certificate]), [format!("certificate 1: {problem}")]);
    }
    assert_eq!(told(vec![]), ["there is no certificate to show"]);
}

#[test]
fn a_key_must_belong_to_the_first_certificate() {
    let authority = Authority::new("root");
    let (one, other) = (authority.issue(&["shop.example"]), authority.issue(&["else.example"]));
    let mixed = CertificatePem { chain: one.chain.clone(), ..other.clone() };
    assert_eq!(told(vec![mixed]), ["certificate 1: the private key belongs to another certificate"]);
    let turned = CertificatePem { chain: [authority.pem.as_bytes(), &other.chain].concat(), ..other };
    let first = "certificate 2: the private key belongs to certificate 2 of the file; it must come first";
    assert_eq!(told(vec![one, turned]), [first]);
}

#[test]
fn certificates_out_of_their_time_are_refused() {
    let authority = Authority::new("root");
    let sign = |years| authority.sign(Wanted { years, ..wanted(&["shop.example"]) }, ServerAuth);
    let (expired, early) = (sign((2020, 2024)), sign((2090, 2096)));
    assert_eq!(
        told(vec![expired.clone(), early.clone()]),
        [
            "certificate 1: it expired at 2024-01-01T00:00:00Z",
            "certificate 2: it is not valid before 2090-01-01T00:00:00Z"
        ]
    );
    let then = |years: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(years * 8766);
    assert!(ServerTls::new(&showing(vec![expired]), then(52)).is_ok());
    assert!(ServerTls::new(&showing(vec![early]), then(122)).is_ok());
}

#[test]
fn every_problem_is_told_at_once() {
    let authority = Authority::new("root");
    let good = authority.issue(&["shop.example"]);
    let settings = ServerTlsSettings {
        client_auth: Some(ClientAuth { authorities: Vec::new(), required: true }),
        ..showing(vec![CertificatePem::default(), good, CertificatePem::default()])
    };
    assert_eq!(
        texts(&ServerTls::new(&settings, now()).unwrap_err()),
        [
            "certificate 1: there is no private key in it",
            "certificate 1: there is no certificate in it",
            "certificate 3: there is no private key in it",
            "certificate 3: there is no certificate in it",
            "authorities for clients: there are none",
        ]
    );
    let settings = ClientTlsSettings {
        trust: Trust::Bundle(pem("CERTIFICATE", "MAA=")),
        certificate: Some(CertificatePem::default()),
        server_name: Some("not a name".to_owned()),
        ..authority.believed()
    };
    assert_eq!(
        texts(&ClientTls::new(&settings, now()).unwrap_err()),
        [
            "authorities for services: certificate 1 of the file cannot be read",
            "certificate: there is no private key in it",
            "certificate: there is no certificate in it",
            "server name: neither a host name nor an address",
        ]
    );
}

#[test]
fn warnings_stop_nothing() {
    let authority = Authority::new("root");
    let old = Authority::new("old").sign(Wanted { years: (2020, 2024), ..wanted(&[]) }, ServerAuth);
    let nameless = authority.sign(wanted(&[]), ServerAuth);
    let chained = authority.issue(&["shop.example"]);
    let chained = CertificatePem { chain: [&chained.chain[..], &old.chain].concat(), ..chained };
    let server = server(&showing(vec![nameless, chained]));
    assert_eq!(
        texts(server.warnings()),
        [
            "certificate 1: it names no host (subjectAltName), so no client can accept it for one",
            "certificate 2: certificate 2 of the file expired at 2024-01-01T00:00:00Z",
        ]
    );
    let unverified = ClientTlsSettings { trust: Trust::Unverified, ..authority.believed() };
    let unverified = ClientTls::new(&unverified, now()).unwrap();
    assert_eq!(
        texts(unverified.warnings()),
        [
            "authorities for services: certificates of services are not verified: whoever is between can read and \
          change all"
        ]
    );
}

#[test]
fn a_certificate_says_what_it_is() {
    let authority = Authority::new("root");
    let names = ["Shop.example", "*.shop.example", "10.0.0.1", "::1"];
    let wanted = Wanted { key: &rcgen::PKCS_ED25519, common_name: "a \"quoted\" name", ..wanted(&names) };
    let server = server(&showing(vec![authority.sign(wanted, ServerAuth)]));
    let [summary] = &server.certificates()[..] else { panic!("one certificate was given") };
    assert_eq!(summary.names, ["shop.example", "*.shop.example", "10.0.0.1", "::1"]);
    assert_eq!(summary.subject, r#"CN=a \"quoted\" name,O=Example\, Inc."#);
    assert!(summary.issuer.starts_with("CN=root"), "{}", summary.issuer);
    assert_eq!(summary.key, "Ed25519");
    // 2096-01-01
    assert_eq!(summary.not_after, SystemTime::UNIX_EPOCH + Duration::from_hours(1_104_504));
    assert_eq!(summary.fingerprint.len(), 64);
}

#[test]
fn keys_are_not_shown_by_debug() {
    let certificate = Authority::new("root").client("joe", vec![]);
    let key = String::from_utf8(certificate.key.clone()).unwrap();
    let settings = ClientTlsSettings { certificate: Some(certificate), ..Authority::new("root").believed() };
    let shown = format!("{settings:?}");
    assert!(!shown.contains(&format!("{:?}", &key.as_bytes()[30..40]).trim_matches(['[', ']']).to_owned()));
    assert!(shown.contains("CertificatePem { ocsp: false, .. }"), "{shown}");
}

/// DER by hand: a tag, and what is in it.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut whole = vec![tag];
    match u8::try_from(body.len()).unwrap() {
        short @ ..128 => whole.push(short),
        long => whole.extend([0x81, long]),
    }
    whole.extend(body);
    whole
}

/// An OCSP response (RFC 6960 section 4.2.1) about a serial number: its status (0x80 good, 0xa1 revoked), and until when.
fn ocsp(serial: &[u8], status: &[u8], until: &str) -> Vec<u8> {
    let time = |text: &str| tlv(0x18, &[text.as_bytes()]);
    let algorithm = tlv(0x30, &[&tlv(0x06, &[&[0x2b, 0x0e, 0x03, 0x02, 0x1a]])]);
    let hash = tlv(0x04, &[&[7; 20]]);
    let id = tlv(0x30, &[&algorithm, &hash, &hash, &tlv(0x02, &[serial])]);
    let next = tlv(0xa0, &[&time(until)]);
    let single = tlv(0x30, &[&id, status, &time("20200101000000Z"), &next]);
    let responder = tlv(0xa2, &[&hash]);
    let answers = tlv(0x30, &[&responder, &time("20200101000000Z"), &tlv(0x30, &[&single])]);
    let basic = tlv(0x30, &[&answers, &algorithm, &tlv(0x03, &[&[0, 1]])]);
    let kind = tlv(0x06, &[&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]]);
    let bytes = tlv(0xa0, &[&tlv(0x30, &[&kind, &tlv(0x04, &[&basic])])]);
    tlv(0x30, &[&tlv(0x0a, &[&[0]]), &bytes])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Files that are broken anywhere are problems or not, and never a panic.
    #[test]
    fn broken_files_are_no_panics(which in 0..3_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let good = made_once();
        let mut files = [good.chain.clone(), good.key.clone(), good.ocsp.clone().unwrap()];
        let file = &mut files[which];
        let at = at.index(file.len());
        if cut {
            file.truncate(at);
        } else {
            file[at] = byte;
        }
        let [chain, key, ocsp] = files;
        // What the certificate says is DER under the PEM: broken there, too.
        let mut der = CertificateDer::from_pem_slice(&good.chain).unwrap().to_vec();
        let at = at % der.len();
        der[at] = byte;
        let der = pem("CERTIFICATE", &base64(&der));
        for (chain, key, ocsp) in [(chain, key, ocsp.clone()), (der, good.key.clone(), ocsp)] {
            let _ = ServerTls::new(&showing(vec![CertificatePem { chain, key, ocsp: Some(ocsp) }]), now());
        }
    }
}

/// A certificate with everything, made once.
fn made_once() -> &'static CertificatePem {
    static MADE: std::sync::OnceLock<CertificatePem> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let certificate = Authority::new("root").issue(&["shop.example", "*.shop.example", "10.0.0.1"]);
        CertificatePem { ocsp: Some(ocsp(&[1, 2, 3], &[0x80, 0], "20960101000000Z")), ..certificate }
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let mut padded = [0; 4];
        padded[1..=three.len()].copy_from_slice(three);
        let number = u32::from_be_bytes(padded);
        let digit = move |place: usize| match place {
            _ if place > three.len() => '=',
            _ => char::from(DIGITS[(number >> (18 - 6 * place)) as usize & 63]),
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[test]
fn ocsp_responses_are_stapled_if_they_are_about_the_certificate() {
    const GOOD: [u8; 2] = [0x80, 0];
    let authority = Authority::new("root");
    let certificate = authority.issue(&["shop.example"]);
    let parsed = CertificateDer::from_pem_slice(&certificate.chain).unwrap();
    let parsed = x509_cert::Certificate::from_der(&parsed).unwrap();
    let serial = parsed.tbs_certificate().serial_number().as_bytes().to_vec();
    let with = |ocsp: &[u8]| vec![CertificatePem { ocsp: Some(ocsp.to_vec()), ..certificate.clone() }];
    let revoked = tlv(0xa1, &[&tlv(0x18, &[b"20200101000000Z"])]);
    let good = ocsp(&serial, &GOOD, "20960101000000Z");

    let failed = tlv(0x30, &[&tlv(0x0a, &[&[3]])]);
    for (response, problem) in [
        (ocsp(&[1, 2, 3], &GOOD, "20960101000000Z"), "the OCSP response is about another certificate"),
        (failed, "the OCSP response says only that the request for it failed"),
        (good[..good.len() - 1].to_vec(), "the OCSP response cannot be read (DER is expected)"),
        (b"-----BEGIN OCSP RESPONSE-----".to_vec(), "the OCSP response cannot be read (DER is expected)"),
        (Vec::new(), "the OCSP response cannot be read (DER is expected)"),
    ] {
        assert_eq!(told(with(&response)), [format!("certificate 1: {problem}")]);
    }

    run(async {
        for (response, warning, is_sent) in [
            (good, None, true),
            (
                ocsp(&serial, &revoked, "20960101000000Z"),
                Some("the OCSP response says that it is revoked"),
                true,
            ),
            (
                ocsp(&serial, &GOOD, "20210101000000Z"),
                Some("the OCSP response was valid until 2021-01-01T00:00:00Z; it is not sent"),
                false,
            ),
        ] {
            let server = server(&showing(with(&response)));
            let expected: Vec<String> = warning.iter().map(|text| format!("certificate 1: {text}")).collect();
            assert_eq!(texts(server.warnings()), expected);
            let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256];
            let (_, stapled) = raw::certificate(&server, "shop.example", &schemes).await;
            assert_eq!(stapled == response, is_sent);
            assert_eq!(stapled.is_empty(), !is_sent);
        }
    });
}
