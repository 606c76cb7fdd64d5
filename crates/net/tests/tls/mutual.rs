//! Clients that show certificates.

use maitred_net::{CertificatePem, ClientAuth, ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings};
use rcgen::SanType;
use tokio::io::AsyncReadExt;

use crate::authority::{Authority, Wanted, client, server, showing, wanted};
use crate::link::{linked, meet, run, said};

struct Party {
    root: Authority,
    clients: Authority,
}

impl Party {
    fn new() -> Self {
        Self { root: Authority::new("root"), clients: Authority::new("clients") }
    }

    fn server(&self, required: bool) -> ServerTls {
        server(&self.settings(required))
    }

    fn settings(&self, required: bool) -> ServerTlsSettings {
        let auth = ClientAuth { authorities: self.clients.pem.clone().into_bytes(), required };
        let settings = showing(vec![self.root.issue(&["shop.example"])]);
        ServerTlsSettings { client_auth: Some(auth), ..settings }
    }

    fn client(&self, certificate: Option<CertificatePem>) -> ClientTls {
        client(&ClientTlsSettings { certificate, ..self.root.believed() })
    }

    fn joe(&self) -> CertificatePem {
        let names = vec![
            SanType::URI("spiffe://shop.example/joe".try_into().unwrap()),
            SanType::Rfc822Name("joe@shop.example".try_into().unwrap()),
            SanType::DnsName("joe.shop.example".try_into().unwrap()),
        ];
        self.clients.client("joe", names)
    }
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let party = Party::new();
    let joe = party.client(Some(party.joe()));
    for required in [true, false] {
        run(async {
            let (_, known) = linked(&joe, &party.server(required), "shop.example").await;
            let known = known.client.unwrap();
            assert_eq!(known.subject, r"CN=joe,O=Example\, Inc.");
            assert_eq!(known.names, ["spiffe://shop.example/joe", "joe@shop.example", "joe.shop.example"]);
            let own = &joe.certificate().unwrap().fingerprint;
            assert_eq!((known.fingerprint.len(), &known.fingerprint), (64, own));
            assert!(!known.der.is_empty());
        });
    }
}

#[test]
fn without_a_certificate_a_client_is_refused_only_where_one_is_required() {
    let party = Party::new();
    let nobody = party.client(None);
    run(async {
        let (_, known) = linked(&nobody, &party.server(false), "shop.example").await;
        assert_eq!(known.client, None);
        let (connected, accepted) = meet(&nobody, &party.server(true), "shop.example").await;
        assert_eq!(said(accepted), "no certificate from the client");
        // In TLS 1.3 a client is done before the server has seen its certificate, and hears of it when it reads.
        let (mut stream, _) = connected.unwrap();
        assert_eq!(said(stream.read_u8().await), "the service refused: it demands a certificate");
    });
}

#[test]
fn a_bad_certificate_is_refused_even_where_none_is_required() {
    let party = Party::new();
    let old = Wanted { years: (2020, 2021), ..wanted(&[]) };
    let old = party.clients.sign(old, rcgen::ExtendedKeyUsagePurpose::ClientAuth);
    // Our own settings refuse what has expired; a time at which it had not makes them take it.
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 50 + 24 * 100);
    let settings = ClientTlsSettings { certificate: Some(old), ..party.root.believed() };
    let cases = [
        (
            party.client(Some(party.root.client("joe", vec![]))),
            "is not signed by an authority that is trusted here",
        ),
        (
            party.client(Some(party.clients.issue(&["shop.example"]))),
            "is not meant for this side of a connection",
        ),
        (ClientTls::new(&settings, then).unwrap(), "expired at 2021-01-01T00:00:00Z"),
    ];
    run(async {
        for (client, why) in cases {
            for required in [true, false] {
                let (_, accepted) = meet(&client, &party.server(required), "shop.example").await;
                assert_eq!(said(accepted), format!("the certificate of the client {why}"));
            }
        }
    });
}

/// Resuming skips the certificate: a session that began without one must not open a listener that demands one, though
/// both encrypt tickets with the same keys.
#[test]
fn sessions_do_not_cross_from_one_demand_to_another() {
    let party = Party::new();
    let required = party.settings(true);
    let with = |settings: &ServerTlsSettings, auth: Option<ClientAuth>| ServerTlsSettings {
        client_auth: auth,
        tickets: required.tickets.clone(),
        ..settings.clone()
    };
    let open = server(&with(&required, None));
    let optional = party.settings(false).client_auth;
    let optional = server(&with(&required, optional));
    let others = ClientAuth { authorities: party.root.pem.clone().into_bytes(), required: true };
    let others = server(&with(&required, Some(others)));
    let required = server(&required);
    run(async {
        let nobody = party.client(None);
        for before in [&open, &optional] {
            let (mut stream, known) = linked(&nobody, before, "shop.example").await;
            crate::resumption::take_tickets(&mut stream, known).await;
            let (_, accepted) = meet(&nobody, &required, "shop.example").await;
            assert_eq!(said(accepted), "no certificate from the client");
        }
        let joe = party.client(Some(party.joe()));
        let (mut stream, known) = linked(&joe, &required, "shop.example").await;
        crate::resumption::take_tickets(&mut stream, known).await;
        let (_, accepted) = meet(&joe, &others, "shop.example").await;
        assert!(said(accepted).ends_with("is not signed by an authority that is trusted here"));
    });
}

#[test]
fn a_resumed_session_still_knows_its_client() {
    let party = Party::new();
    let (server, joe) = (party.server(true), party.client(Some(party.joe())));
    run(async {
        let (mut stream, known) = linked(&joe, &server, "shop.example").await;
        let first = known.client.clone();
        crate::resumption::take_tickets(&mut stream, known).await;
        let (_, again) = linked(&joe, &server, "shop.example").await;
        assert!(again.is_resumed && first.is_some());
        assert_eq!(again.client, first);
    });
}
