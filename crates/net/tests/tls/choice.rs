//! Which certificate and which protocol a client gets.

use maitred_net::{Alpn, ClientTls, ClientTlsSettings, ServerTls, TlsVersion};
use rcgen::ExtendedKeyUsagePurpose::ServerAuth;
use rustls::SignatureScheme;

use crate::authority::{Authority, Wanted, both, client, server, showing, wanted};
use crate::link::{linked, meet, meet_over, run, said, unix_sockets};

/// A server with three certificates, the first for a name that nobody asks for.
fn three(authority: &Authority) -> ServerTls {
    let certificates =
        [&["first.example"][..], &["shop.example", "10.0.0.1"], &["*.Shop.Example", "127.0.0.1"]];
    server(&showing(certificates.iter().map(|names| authority.issue(names)).collect()))
}

/// The names in the certificate that a client is shown which asks for `asked`; only that one, if it is among them.
async fn shown(server: &ServerTls, authority: &Authority, asked: &str) -> String {
    let (connected, _) = meet(&client(&authority.believed()), server, asked).await;
    let Err(error) = connected else { return asked.to_owned() };
    let text = error.to_string();
    // The error for a name that is not there tells those that are.
    let (_, names) = text.split_once("it names ").unwrap_or_else(|| panic!("unexpected: {text}"));
    names.to_owned()
}

#[test]
fn certificates_are_chosen_by_name_and_wildcards_take_one_label() {
    let authority = Authority::new("root");
    let server = three(&authority);
    run(async {
        for (asked, names) in [
            ("shop.example", "shop.example"),
            ("SHOP.example", "SHOP.example"),
            ("a.shop.example", "a.shop.example"),
            ("a.b.shop.example", "first.example"),
            ("example", "first.example"),
            ("else.example", "first.example"),
            ("first.example", "first.example"),
        ] {
            assert_eq!(shown(&server, &authority, asked).await, names, "{asked}");
        }
    });
}

#[test]
fn clients_that_connect_to_an_address_are_shown_its_certificate_or_the_first() {
    let authority = Authority::new("root");
    let with = three(&authority);
    let without =
        server(&showing(vec![authority.issue(&["first.example"]), authority.issue(&["shop.example"])]));
    run(async {
        assert_eq!(shown(&with, &authority, "127.0.0.1").await, "127.0.0.1");
        assert_eq!(shown(&without, &authority, "127.0.0.1").await, "first.example");
        // On a Unix socket there is no address to choose by.
        let (connected, _) =
            meet_over(unix_sockets(), &client(&authority.believed()), &with, "127.0.0.1").await;
        assert!(said(connected).ends_with("it names first.example"));
    });
}

#[test]
fn the_server_knows_the_name_in_lower_case_and_none_for_addresses() {
    let authority = Authority::new("root");
    let (server, client) = (three(&authority), client(&authority.believed()));
    run(async {
        let (_, known) = linked(&client, &server, "A.shop.EXAMPLE").await;
        assert_eq!(known.server_name.as_deref(), Some("a.shop.example"));
        let (_, known) = linked(&client, &server, "[127.0.0.1]").await;
        assert_eq!(known.server_name, None);
    });
}

/// Which schemes a client accepts decides between an RSA and an ECDSA certificate for one name.
#[test]
fn of_several_keys_the_one_that_the_client_understands_is_taken() {
    let authority = Authority::new("root");
    let rsa = Wanted { key: &rcgen::PKCS_RSA_SHA256, ..wanted(&["shop.example"]) };
    let certificates = vec![authority.sign(rsa, ServerAuth), authority.issue(&["shop.example"])];
    let server = server(&showing(certificates));
    let kinds: Vec<String> = server.certificates().into_iter().map(|summary| summary.key).collect();
    assert_eq!(kinds, ["RSA 2048", "ECDSA P-256"]);
    run(async {
        let both = [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256];
        for name in ["shop.example", "else.example"] {
            for (schemes, is_rsa) in [(&both[..], false), (&both[..1], true), (&both[1..], false)] {
                let (shown, _) = raw::certificate(&server, name, schemes).await;
                // The OID of RSA keys, as DER.
                let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
                assert_eq!(
                    shown.windows(oid.len()).any(|window| window == oid),
                    is_rsa,
                    "{name} {schemes:?}"
                );
            }
        }
    });
}

#[test]
fn protocols_are_agreed_on_in_the_order_of_the_server() {
    let authority = Authority::new("root");
    let certificates = vec![authority.issue(&["shop.example"])];
    let offering = |protocols: &[Alpn]| {
        client(&ClientTlsSettings { protocols: protocols.to_vec(), ..authority.believed() })
    };
    let server = server(&showing(certificates.clone()));
    run(async {
        for (offered, agreed) in [
            (&[Alpn::Http11, Alpn::H2][..], Some(Alpn::H2)),
            (&[Alpn::Http11], Some(Alpn::Http11)),
            (&[], None),
        ] {
            let (connected, accepted) = meet(&offering(offered), &server, "shop.example").await;
            assert_eq!(accepted.unwrap().protocol, agreed);
            assert_eq!(connected.unwrap().1, agreed);
        }
        let mut settings = showing(certificates);
        settings.protocols = vec![Alpn::Http11];
        let (connected, accepted) =
            meet(&offering(&[Alpn::H2]), &crate::authority::server(&settings), "shop.example").await;
        assert_eq!(said(accepted), "the client offers no protocol that is spoken here");
        assert_eq!(said(connected), "the service speaks none of the protocols offered to it");
    });
}

#[test]
fn both_versions_are_spoken_unless_the_older_is_not_wanted() {
    let authority = Authority::new("root");
    let mut settings = showing(vec![authority.issue(&["shop.example"])]);
    run(async {
        assert_eq!(raw::version(&server(&settings), &rustls::version::TLS12).await.unwrap(), TlsVersion::V12);
        assert_eq!(raw::version(&server(&settings), &rustls::version::TLS13).await.unwrap(), TlsVersion::V13);
        settings.oldest_version = TlsVersion::V13;
        let refused = raw::version(&server(&settings), &rustls::version::TLS12).await;
        assert_eq!(said(refused), "the client offers no version of TLS that is spoken here");
    });
}

#[test]
fn unix_sockets_carry_tls_too_and_no_session_lies_over_another() {
    let (server, client) = both();
    run(async {
        let (connected, accepted) = meet_over(unix_sockets(), &client, &server, "shop.example").await;
        let (stream, _) = connected.unwrap();
        assert!(stream.is_encrypted() && accepted.unwrap().stream.is_encrypted());
        assert_eq!(
            said(client.connect(stream, "shop.example").await),
            "this connection is encrypted already"
        );
    });
}

#[test]
fn a_service_is_verified_by_name_and_authority_unless_told_otherwise() {
    let (authority, other) = (Authority::new("root"), Authority::new("other"));
    let server = server(&showing(vec![authority.issue(&["shop.example", "127.0.0.1"])]));
    let unverified = ClientTlsSettings { trust: maitred_net::Trust::Unverified, ..authority.believed() };
    let unverified = client(&unverified);
    assert_eq!(unverified.warnings().len(), 1);
    run(async {
        let verdict = async |client: &ClientTls, name: &str| said(meet(client, &server, name).await.0);
        let client_of = |authority: &Authority| client(&authority.believed());
        assert_eq!(
            verdict(&client_of(&authority), "else.example").await,
            "the certificate of the service is not valid for else.example: it names shop.example, 127.0.0.1"
        );
        assert_eq!(
            verdict(&client_of(&other), "shop.example").await,
            "the certificate of the service is not signed by an authority that is trusted here"
        );
        assert_eq!(
            verdict(&client_of(&authority), "not a name").await,
            "the service has no name that TLS can verify"
        );
        let (connected, _) = meet(&unverified, &server, "else.example").await;
        assert!(connected.is_ok());
    });
}

/// A client of the library below, for what our own does not offer.
pub mod raw {
    use std::io;
    use std::sync::{Arc, OnceLock};

    use maitred_net::{ServerTls, TlsVersion};
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{
        ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
        SupportedProtocolVersion,
    };
    use tokio::net::UnixStream;

    /// Believes everybody, and keeps what it was shown.
    #[derive(Debug)]
    struct Keeps {
        schemes: Vec<SignatureScheme>,
        /// The certificate, and the OCSP response with it.
        shown: OnceLock<(Vec<u8>, Vec<u8>)>,
    }

    impl ServerCertVerifier for Keeps {
        fn verify_server_cert(
            &self,
            certificate: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            ocsp: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            self.shown.set((certificate.to_vec(), ocsp.to_vec())).unwrap();
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.schemes.clone()
        }
    }

    async fn shake(
        server: &ServerTls,
        name: &str,
        schemes: &[SignatureScheme],
        version: &'static SupportedProtocolVersion,
    ) -> (io::Result<TlsVersion>, (Vec<u8>, Vec<u8>)) {
        let keeps = Arc::new(Keeps { schemes: schemes.to_vec(), shown: OnceLock::new() });
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(keeps.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let (mut ours, theirs) = {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            theirs.set_nonblocking(true).unwrap();
            (ours, UnixStream::from_std(theirs).unwrap())
        };
        let client = tokio::task::spawn_blocking(move || {
            let _ = tls.complete_io(&mut ours);
            ours
        });
        let accepted = server.accept(theirs.into(), b"").await;
        let version = accepted.map(|accepted| accepted.version);
        let _ = client.await.unwrap();
        let shown = keeps.shown.get().cloned().unwrap_or_default();
        (version, shown)
    }

    /// The certificate that a client is shown which accepts these schemes, and the OCSP response with it.
    pub async fn certificate(
        server: &ServerTls,
        name: &str,
        schemes: &[SignatureScheme],
    ) -> (Vec<u8>, Vec<u8>) {
        shake(server, name, schemes, &rustls::version::TLS13).await.1
    }

    /// The version that the server agrees on with a client of one version.
    pub async fn version(
        server: &ServerTls,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<TlsVersion> {
        shake(server, "shop.example", &[SignatureScheme::ECDSA_NISTP256_SHA256], version).await.0
    }
}
