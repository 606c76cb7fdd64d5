//! Whom it believes over TLS, and how much it reads. What is asked in the clear is in `tests/engine/asking.rs`.

use std::net::SocketAddr;

use maitred_config::scalar::http_url;
use maitred_net::{CertificatePem, ServerTls, ServerTlsSettings, TicketKeys};
use maitred_upstream::{Addresses, ResolveError, Resolving};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Knows that everything under `test` is here.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let found = match name.strip_suffix(".test") {
            Some(_) => {
                Ok(Addresses { list: vec![[127, 0, 0, 1].into()], ttl: std::time::Duration::from_mins(1) })
            }
            None => Err(ResolveError("unknown".to_owned())),
        };
        Box::pin(std::future::ready(found))
    }
}

/// A service with a certificate of its own for `a.test`, which answers everybody with this. Its address, and the certificate as a bundle.
async fn service(answer: &'static str) -> (SocketAddr, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let chain = certificate.pem().into_bytes();
    let pem = CertificatePem { chain: chain.clone(), key: key.serialize_pem().into_bytes(), ocsp: None };
    let settings = ServerTlsSettings {
        certificates: vec![pem],
        protocols: vec![Alpn::Http11],
        client_auth: None,
        oldest_version: TlsVersion::V12,
        tickets: TicketKeys::new().unwrap(),
    };
    let tls = ServerTls::new(&settings, Clock::default().wall()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not believe it leaves.
            let Ok(mut met) = tls.accept(stream.into(), b"").await else { continue };
            let mut read = [0; 1024];
            let asked = met.stream.read(&mut read).await.unwrap();
            assert!(read[..asked].starts_with(b"GET /keys?a=b HTTP/1.1\r\nHost: a.test:"));
            let _ = met.stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, chain)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build_local(tokio::runtime::LocalOptions::default()).unwrap().block_on(future)
}

async fn ask(host: &str, port: u16, bundle: Option<&[u8]>) -> Result<String, CallError> {
    let abroad = Abroad::new(Arc::new(Here), Clock::default());
    let url = http_url::parse(&format!("https://{host}:{port}/keys?a=b")).unwrap();
    let (head, body) = abroad.ask(&url, bundle, RequestHead::default(), b"", 5).await?;
    Ok(format!("{} {}", head.status, String::from_utf8(body.bytes).unwrap()))
}

#[test]
fn only_who_shows_a_certificate_that_counts_is_believed() {
    run(async {
        let (address, bundle) = service("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntold").await;
        let port = address.port();
        assert_eq!(ask("a.test", port, Some(&bundle)).await.unwrap(), "200 told");
        let other = CertificateParams::new(["a.test".to_owned()]).unwrap();
        let other = other.self_signed(&KeyPair::generate().unwrap()).unwrap().pem().into_bytes();
        // Another name, another authority, and those of the system.
        let refused =
            [("b.test", Some(bundle.as_slice())), ("a.test", Some(other.as_slice())), ("a.test", None)];
        for (host, bundle) in refused {
            let why = ask(host, port, bundle).await.unwrap_err();
            assert!(matches!(why, CallError::Connect(_)), "{host}: {why}");
        }
        let nonsense = ask("a.test", port, Some(b"no certificate")).await.unwrap_err();
        assert!(matches!(nonsense, CallError::Connect(_)), "{nonsense}");
        assert_eq!(
            ask("a.nowhere", port, Some(&bundle)).await,
            Err(CallError::Unavailable("no address of it is known"))
        );
    });
}

#[test]
fn no_redirect_is_followed_and_not_more_is_read_than_may_be() {
    run(async {
        let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let (address, bundle) = service(redirect).await;
        assert_eq!(ask("a.test", address.port(), Some(&bundle)).await.unwrap(), "302 ");
        let (address, bundle) = service("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456").await;
        assert_eq!(ask("a.test", address.port(), Some(&bundle)).await, Err(CallError::TooLarge));
    });
}
