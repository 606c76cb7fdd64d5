//! Certificates that come while connections come in, and proofs that names lead here.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_net::{
    Alpn, ClientAuth, ClientTls, ClientTlsSettings, Handshaken, Issued, IssuedShared, Proof, ProofsShared,
    ServerTls, Stream, Trust,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, client, now, showing};
use crate::link::{expect, linked, listen, meet, meet_over, run, said, send, sockets};
use crate::peers::has;

/// A listener whose certificate is issued while it runs.
fn listener(issued: &Issued, client_auth: Option<ClientAuth>) -> ServerTls {
    let settings = maitred_net::ServerTlsSettings { client_auth, ..showing(Vec::new()) };
    ServerTls::with_issued(&settings, issued.clone()).unwrap()
}

fn issued() -> Issued {
    Issued { certificate: Arc::default(), proofs: Arc::default() }
}

fn begin(issued: &Issued, host: &str) -> Proof {
    issued.proofs.begin(host, &[7; 32]).unwrap()
}

/// Asks for a proof as an authority does, with OpenSSL: it shows nothing, and believes anybody. Answers with what it was
/// shown, and what this side says of it.
async fn prove(server: &ServerTls, name: &'static str) -> (String, io::Result<Handshaken>) {
    let (listener, port) = listen();
    let visit = tokio::task::spawn_blocking(move || {
        let shown = Command::new("openssl")
            .args(["s_client", "-alpn", "acme-tls/1", "-servername", name, "-connect"])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut read = Command::new("openssl")
            .args(["x509", "-noout", "-text"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        read.stdin.take().unwrap().write_all(&shown.stdout).unwrap();
        let text = read.wait_with_output().unwrap().stdout;
        String::from_utf8_lossy(&shown.stdout).into_owned() + &String::from_utf8_lossy(&text)
    });
    let serve = async {
        let mut accepted = server.accept(listener.accept().await.unwrap().stream, b"").await?;
        accepted.stream.shutdown().await?;
        Ok(accepted)
    };
    let (shown, served) = tokio::join!(visit, serve);
    (shown.unwrap(), served)
}

fn offering(protocols: &[Alpn]) -> ClientTls {
    let believed = Authority::new("nobody").believed();
    client(&ClientTlsSettings { trust: Trust::Unverified, protocols: protocols.to_vec(), ..believed })
}

#[test]
fn handshakes_are_refused_until_there_is_a_certificate() {
    run(async {
        let (authority, issued) = (Authority::new("root"), issued());
        let (server, client) = (listener(&issued, None), client(&authority.believed()));
        assert!(server.certificates().is_empty() && issued.certificate.is_missing());
        let (refused, why) = meet(&client, &server, "shop.example").await;
        assert_eq!(said(refused), "the service refused: access denied");
        assert_eq!(said(why), "TLS with the client cannot go on: there is no certificate to show yet");
        issued.certificate.replace(&authority.issue(&["shop.example"]), now()).unwrap();
        linked(&client, &server, "shop.example").await;
        assert_eq!(server.certificates()[0].names, ["shop.example"]);
    });
}

#[test]
fn another_certificate_is_shown_and_connections_go_on() {
    run(async {
        let ([old, new], issued) = ([Authority::new("old"), Authority::new("new")], issued());
        let server = listener(&issued, None);
        let [old_client, new_client] = [&old, &new].map(|authority| client(&authority.believed()));
        issued.certificate.replace(&old.issue(&["shop.example"]), now()).unwrap();
        let (mut open, mut accepted) = linked(&old_client, &server, "shop.example").await;
        issued.certificate.replace(&new.issue(&["shop.example"]), now()).unwrap();
        linked(&new_client, &server, "shop.example").await;
        send(&mut open, b"still here").await;
        expect(&mut accepted.stream, b"still here").await;
    });
}

#[test]
fn a_bad_certificate_changes_nothing_and_is_told() {
    let (authority, certificate) = (Authority::new("root"), IssuedShared::default());
    let good = authority.issue(&["shop.example"]);
    certificate.replace(&good, now()).unwrap();
    let before = certificate.summary();
    let mut other = authority.issue(&["shop.example"]);
    other.key.clone_from(&good.key);
    let problems = certificate.replace(&other, now()).unwrap_err();
    assert_eq!(problems[0].to_string(), "certificate 1: the private key belongs to another certificate");
    let late = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 200);
    assert!(certificate.replace(&good, late).is_err());
    assert_eq!(certificate.summary(), before);
}

#[test]
fn what_names_a_certificate_to_its_authority_is_known() {
    let certificate = IssuedShared::default();
    certificate.replace(&Authority::new("root").issue(&["shop.example"]), now()).unwrap();
    let summary = certificate.summary().unwrap();
    assert!(!summary.serial.is_empty() && summary.authority_key.is_none(), "{summary:?}");
}

#[test]
fn a_name_is_proved_to_those_who_ask_for_it_alone() {
    if !has("openssl", "a_name_is_proved_to_those_who_ask_for_it_alone") {
        return;
    }
    run(async {
        let (authority, issued) = (Authority::new("root"), issued());
        // Whoever wants a proof has no certificate, and needs none.
        let auth = ClientAuth { authorities: authority.pem.clone().into_bytes(), required: true };
        let server = listener(&issued, Some(auth));
        let (shop, other) = (begin(&issued, "Shop.example"), begin(&issued, "other.example"));
        for name in ["shop.example", "other.example"] {
            let (shown, accepted) = prove(&server, name).await;
            let accepted = accepted.unwrap();
            assert_eq!((accepted.protocol, accepted.client), (Some(Alpn::AcmeTls1), None));
            let critical = "1.3.6.1.5.5.7.1.31: critical";
            for told in ["ALPN protocol: acme-tls/1", critical, &format!("DNS:{name}\n")] {
                assert!(shown.contains(told), "{told}: {shown}");
            }
        }
        assert!(prove(&server, "www.shop.example").await.1.is_err(), "it is not being proved");
        drop(shop);
        assert!(prove(&server, "shop.example").await.1.is_err());
        assert!(prove(&server, "other.example").await.1.is_ok());
        drop(other);
        issued.certificate.replace(&authority.issue(&["shop.example"]), now()).unwrap();
        let (_, refused) = prove(&server, "shop.example").await;
        assert_eq!(said(refused), "the client offers no protocol that is spoken here");
    });
}

#[test]
fn clients_do_not_notice_that_a_name_is_being_proved() {
    run(async {
        let (authority, issued) = (Authority::new("root"), issued());
        let server = listener(&issued, None);
        let _proof = begin(&issued, "shop.example");
        // Nobody is shown the proof by mistake, also before there is a certificate.
        let both = offering(&[Alpn::Http11, Alpn::AcmeTls1]);
        for client in [&both, &offering(&[])] {
            let (_, refused) = meet(client, &server, "shop.example").await;
            assert!(said(refused).ends_with("there is no certificate to show yet"));
        }
        issued.certificate.replace(&authority.issue(&["shop.example"]), now()).unwrap();
        let believing = ClientTlsSettings { protocols: vec![Alpn::H2], ..authority.believed() };
        let (mut stream, mut accepted) = linked(&client(&believing), &server, "shop.example").await;
        assert_eq!(accepted.protocol, Some(Alpn::H2));
        send(&mut stream, b"hello").await;
        expect(&mut accepted.stream, b"hello").await;
        assert_eq!(linked(&both, &server, "shop.example").await.1.protocol, Some(Alpn::Http11));
    });
}

#[test]
fn it_does_not_matter_how_the_first_message_is_cut() {
    run(async {
        let issued = issued();
        let server = listener(&issued, None);
        let _proof = begin(&issued, "shop.example");
        issued.certificate.replace(&Authority::new("root").issue(&["shop.example"]), now()).unwrap();
        for protocol in [Alpn::Http11, Alpn::H2] {
            let ((connected, near), (far, accepted)) = (sockets().await, sockets().await);
            let forward = tokio::spawn(forward(near, far));
            let (stream, server_side) =
                meet_over((connected, accepted), &offering(&[protocol]), &server, "shop.example").await;
            assert_eq!(server_side.unwrap().protocol, Some(protocol));
            drop(stream.unwrap());
            forward.abort();
        }
    });
}

/// Hands on what a client says, one byte at a time, and the answers.
async fn forward(mut near: Stream, mut far: Stream) {
    let (mut asked, mut answered) = ([0], [0; 4096]);
    loop {
        tokio::select! {
            Ok(1) = near.read(&mut asked) => far.write_all(&asked).await.unwrap(),
            Ok(read @ 1..) = far.read(&mut answered) => near.write_all(&answered[..read]).await.unwrap(),
            else => return,
        }
    }
}

#[test]
fn what_is_no_tls_is_told_while_a_name_is_being_proved() {
    run(async {
        let issued = issued();
        let server = listener(&issued, None);
        let _proof = begin(&issued, "shop.example");
        for (sent, told) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "the client does not speak TLS"),
            (b"", "the client closed the connection during the handshake"),
            (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "the client broke the rules of TLS"),
        ] {
            let (mut connected, accepted) = sockets().await;
            send(&mut connected, sent).await;
            connected.shutdown().await.unwrap();
            let told_now = said(server.accept(accepted, b"").await);
            assert!(told_now.starts_with(told), "{told_now}");
        }
    });
}

#[test]
fn many_proofs_at_once_leave_nothing() {
    let proofs = Arc::new(ProofsShared::default());
    let all: Vec<Proof> = (0..20).map(|n| proofs.begin(&format!("{n}.example"), &[1; 32]).unwrap()).collect();
    drop(all);
    assert!(!format!("{proofs:?}").contains(".example"));
    assert!(proofs.begin("not a\u{e9} name", &[1; 32]).is_err());
}
