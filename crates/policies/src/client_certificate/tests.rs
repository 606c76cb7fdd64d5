//! Whose certificate is whose, and who passes without.

use std::rc::Rc;

use maitred_config::Memory;
use maitred_policy::harness::{Harness, Outcome, problems_in_document, problems_of};

use super::*;

const CONSUMERS: &str = "{ joe: { groups: staff, certificates: [{ subject: 'CN=joe,O=Example' }, { fingerprint: 'sha256:FINGER' }] }, \
     web: { certificates: { spiffe: 'spiffe://example.org/shop/*' } }, db: { certificates: { spiffe: 'spiffe://example.org/db' } }, \
     both: { certificates: { subject: 'CN=both', san: Both.example } }, mail: { certificates: { san: joe@Example.org } } }";

fn harness(yaml: &str, certificate: Option<(&str, &[&str], &str)>) -> Harness {
    let consumers = CONSUMERS.replace("FINGER", &"ab".repeat(32));
    Harness::knowing::<ClientCertificate>(&consumers, yaml).with_facts(|facts| {
        facts.certificate = certificate.map(|(subject, names, fingerprint)| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Rc::new(CertificateFacts {
                subject: subject.to_owned(),
                names,
                fingerprint: fingerprint.to_owned(),
            })
        });
    })
}

fn ask(yaml: &str, certificate: Option<(&str, &[&str], &str)>) -> Outcome {
    harness(yaml, certificate).request("GET /", &[("X-Consumer", "forged")]).answer(200, &[])
}

#[test]
fn consumers_are_known_by_what_their_certificates_say() {
    let fingerprint = "ab".repeat(32);
    for (subject, names, fingerprint, name) in [
        ("CN=joe,O=Example", &[][..], "", "joe"),
        ("CN=other", &[][..], &*fingerprint, "joe"),
        ("CN=x", &["spiffe://example.org/shop/web"][..], "", "web"),
        ("", &["spiffe://example.org/db", "db.example.org"][..], "", "db"),
        ("CN=both", &["a.example", "both.EXAMPLE"][..], "", "both"),
        ("", &["joe@example.ORG"][..], "", "mail"),
    ] {
        let outcome = ask("true", Some((subject, names, fingerprint)));
        assert_eq!((outcome.response.status, outcome.sent_field("X-Consumer").as_deref()), (200, Some(name)));
    }
    assert_eq!(
        ask("true", Some(("CN=joe,O=Example", &[], ""))).sent_field("X-Consumer-Groups").as_deref(),
        Some("staff")
    );
}

#[test]
fn of_several_that_fit_the_first_counts() {
    let fingerprint = "ab".repeat(32);
    let of = [
        "{ fingerprint: 'sha256:FINGER' }".replace("FINGER", &fingerprint),
        "{ subject: 'CN=x,O=y' }".to_owned(),
        "{ san: x.example }".to_owned(),
        "{ spiffe: 'spiffe://example.org/*' }".to_owned(),
    ];
    for first in 0..of.len() {
        let certificates = of.iter().cycle().skip(first).take(of.len()).enumerate();
        let consumers: String =
            certificates.map(|(at, written)| format!("c{at}: {{ certificates: {written} }}, ")).collect();
        let harness = Harness::knowing::<ClientCertificate>(&format!("{{ {consumers} }}"), "true");
        let harness = harness.with_facts(|facts| {
            let names = ["x.example", "spiffe://example.org/x"].map(str::to_owned).into();
            let subject = "O=y,CN=x".to_owned();
            let fingerprint = fingerprint.clone();
            facts.certificate = Some(Rc::new(CertificateFacts { subject, names, fingerprint }));
        });
        let told = harness.request("GET /", &[]).answer(200, &[]).sent_field("X-Consumer");
        assert_eq!(told.as_deref(), Some("c0"), "{consumers}");
    }
}

#[test]
fn those_of_strangers_never_pass() {
    for (subject, names) in [
        ("CN=joe", &[][..]),
        ("CN=joe2,O=Example", &[][..]),
        ("O=x\\,CN=joe\\,O=Example", &[][..]),
        ("CN=both", &[][..]),
        ("CN=x", &["both.example"][..]),
        ("CN=x", &["spiffe://example.org/shop/"][..]),
        ("CN=x", &["spiffe://example.org/shop"][..]),
        ("CN=x", &["spiffe://example.org/shopper/web"][..]),
        ("CN=x", &["spiffe://example.org/db/x"][..]),
        ("CN=x", &["spiffe://example.org/shop/../x"][..]),
        ("CN=x", &["spiffe://example.org/db", "spiffe://example.org/shop/web"][..]),
        ("CN=x", &["Joe@example.org"][..]),
        ("CN=x", &["example.org"][..]),
        ("CN=x", &["mailto:joe@example.org"][..]),
    ] {
        for yaml in ["true", "{ optional: true }"] {
            let outcome = ask(yaml, Some((subject, names, "")));
            assert_eq!(
                (outcome.response.status, outcome.cause()),
                (401, Some("invalid_credentials")),
                "{subject} {names:?}"
            );
        }
    }
}

#[test]
fn who_shows_none_passes_where_that_is_optional() {
    let refused = ask("true", None);
    assert_eq!((refused.response.status, refused.cause()), (401, Some("missing_credentials")));
    assert_eq!(refused.field("WWW-Authenticate").as_deref(), Some("Certificate"));
    let passed = ask("{ optional: true }", None);
    assert_eq!((passed.response.status, passed.sent_field("X-Consumer")), (200, None));
}

#[test]
fn what_can_let_nobody_in_is_told() {
    let told = problems_of::<ClientCertificate>("true");
    assert!(told.contains("no consumer has a certificate") && told.contains("no listener asks"), "{told}");
}

#[test]
fn what_is_neither_host_nor_mailbox_is_no_name() {
    let told = |san: &str| {
        let document = format!("maitred: 1\nconsumers: {{ a: {{ certificates: {{ san: '{san}' }} }} }}\n");
        problems_in_document::<ClientCertificate>(&document, "true", &Memory::new())
    };
    for san in ["spiffe://example.org/db", "urn:db", "mailto:joe@example.org", "::1"] {
        assert!(
            told(san).contains("error: this is neither the name of a host nor a mailbox"),
            "{}",
            told(san)
        );
    }
    for san in ["db.example.org", "joe@example.org", "*.example.org"] {
        assert!(!told(san).contains("error"), "{}", told(san));
    }
}

#[test]
fn it_is_explained_by_the_subject() {
    for (certificate, told) in [
        (None, "refuses it: the client shows no certificate"),
        (Some(("CN=x", &[][..], "")), "refuses it: no consumer has a certificate of `CN=x`"),
        (Some(("CN=joe,O=Example", &[][..], "")), "finds joe in the certificate of `CN=joe,O=Example`"),
    ] {
        assert_eq!(harness("true", certificate).request("GET /", &[]).explain(), [told]);
    }
}
