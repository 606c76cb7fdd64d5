//! TLS: to clients, with the certificate that they ask for, with theirs asked for, and with new ones while it serves; and to
//! services.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use maitred_tests::{Authority, Curl, Echo, Gateway, Origin, WebSocketClient, eventually, websocket_echo};

/// A gateway that speaks TLS as `shop.test`, with `tls` besides, to one service.
fn serving(authority: &Authority, origin: &Origin, tls: &str) -> Gateway {
    let [shop, other] = [authority.server(&["shop.test"]), authority.server(&["*.other.test"])];
    let certificate = "{ cert: shop.pem, key: shop.key }, { cert: other.pem, key: other.key }";
    Gateway::start_with(
        &[
            ("shop.pem", &shop.certificate),
            ("shop.key", &shop.key),
            ("other.pem", &other.certificate),
            ("other.key", &other.key),
            ("ca.pem", &authority.certificate()),
        ],
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: [{certificate}]{tls} }} }} }}\n\
             routes: {{ app: {{ upstream: \"{}\", \
             policies: {{ transform_request: {{ headers: {{ set: {{ X-Certificate: \"{{client.certificate}}\" }} }} }} }} }} }}",
            origin.url()
        ),
    )
}

/// Asks as if the gateway were this host.
fn ask(gateway: &Gateway, host: &str, arguments: &[&str]) -> Curl {
    let port = gateway.port("web");
    let (resolve, url) = (format!("{host}:{port}:127.0.0.1"), format!("https://{host}:{port}/x"));
    let ca = gateway.folder().join("ca.pem");
    let ca = ca.to_str().unwrap();
    maitred_tests::curl(&[&["--resolve", &resolve, "--cacert", ca, &url], arguments].concat())
}

#[test]
fn both_versions_are_spoken_over_tls_and_the_service_learns_of_it() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, "");
    for (version, spoken) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")] {
        for tls in ["--tlsv1.3", "--tls-max=1.2"] {
            let tls: Vec<&str> = tls.split('=').collect();
            let answer = ask(&gateway, "shop.test", &[&[version], tls.as_slice()].concat());
            assert_eq!((answer.exit, answer.head.version()), (0, spoken), "{tls:?}");
            assert_eq!(Echo::of(&answer).field("X-Forwarded-Proto"), Some("https"));
        }
    }
    assert_eq!(ask(&gateway, "shop.test", &["--tls-max", "1.1"]).exit, 35);
}

#[test]
fn who_speaks_http_in_the_clear_is_told_that_it_must_not() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, "");
    let answer = gateway.curl("/x", &[]);
    assert_eq!((answer.exit, answer.status()), (0, 400));
    assert_eq!(answer.body, b"This port speaks HTTPS, and the request came in plain HTTP.\r\n");
    assert_eq!(gateway.metrics().sum("maitred_connections_refused_total", &[("reason", "tls")]), 1);
}

#[test]
fn clients_are_shown_the_certificate_that_they_ask_for() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, "");
    assert_eq!(ask(&gateway, "a.other.test", &[]).status(), 200);
    let metrics = gateway.metrics();
    for name in ["shop.test", "*.other.test"] {
        let labels = [("listener", "web"), ("name", name), ("key", "ECDSA P-256")];
        assert!(metrics.sum("maitred_certificate_expiry_timestamp_seconds", &labels) > 0, "{name}");
    }
    // The first one, which has another name; and a wildcard takes one label.
    assert_eq!(ask(&gateway, "elsewhere.test", &[]).exit, 60);
    assert_eq!(ask(&gateway, "a.b.other.test", &[]).exit, 60);
}

#[test]
fn clients_show_certificates_where_they_are_asked_to() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, ", client_auth: { ca: ca.pem }");
    assert_ne!(ask(&gateway, "shop.test", &[]).exit, 0);
    let refused = || gateway.metrics().sum("maitred_connections_refused_total", &[("reason", "tls")]);
    assert_eq!(refused(), 1);
    // Who looks whether anybody is here is no failure.
    drop(gateway.connect());
    let joe = authority.client("joe");
    gateway.folder().write("joe.pem", &joe.certificate);
    gateway.folder().write("joe.key", &joe.key);
    let (certificate, key) = (gateway.folder().join("joe.pem"), gateway.folder().join("joe.key"));
    let shown = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let answer = ask(&gateway, "shop.test", &shown);
    assert_eq!(Echo::of(&answer).field("X-Certificate"), Some("CN=joe"));
    let stranger = Authority::default().client("joe");
    gateway.folder().write("joe.pem", &stranger.certificate);
    gateway.folder().write("joe.key", &stranger.key);
    assert_ne!(ask(&gateway, "shop.test", &shown).exit, 0);
    assert_eq!(refused(), 2);
}

#[test]
fn clients_may_go_without_a_certificate_where_none_is_required() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, ", client_auth: { ca: ca.pem, required: false }");
    let answer = ask(&gateway, "shop.test", &[]);
    assert!(answer.status() == 200 && !Echo::of(&answer).has("X-Certificate"));
}

#[test]
fn old_versions_are_refused_where_the_listener_says_so() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, ", min_version: \"1.3\"");
    assert_eq!(ask(&gateway, "shop.test", &["--tls-max", "1.2"]).exit, 35);
    assert_eq!(ask(&gateway, "shop.test", &[]).status(), 200);
}

#[test]
fn a_new_certificate_is_shown_without_a_new_document() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, &origin, "");
    assert_eq!(ask(&gateway, "new.test", &[]).exit, 60);
    let new = authority.server(&["shop.test", "new.test"]);
    gateway.folder().write("shop.pem", &new.certificate);
    gateway.folder().write("shop.key", &new.key);
    eventually("the new certificate is shown", || (ask(&gateway, "new.test", &[]).exit == 0).then_some(()));
    // One that does not fit changes nothing.
    gateway.folder().write("shop.key", &authority.server(&["x.test"]).key);
    gateway.log().wait_for("the key is refused", |line| line.contains("shop.pem"));
    assert_eq!(ask(&gateway, "new.test", &[]).exit, 0);
}

/// Makes load over HTTP/2 until `is_over`, each time on new connections; answers how many requests there were.
fn load(gateway: &Gateway, is_over: &AtomicBool) -> usize {
    let url = format!("https://127.0.0.1:{}/x", gateway.port("web"));
    let mut asked = 0;
    while !is_over.load(Ordering::SeqCst) {
        let output = Command::new("h2load").args(["-n", "200", "-c", "4", "-m", "10", &url]).output();
        let output = output.expect("h2load is installed: `cargo xtask test` sees to it");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
        asked += 200;
    }
    asked
}

#[test]
fn new_certificates_under_load_drop_nobody() {
    let (authority, origin, chat) = (Authority::default(), Origin::start(), websocket_echo());
    let old = authority.server(&["shop.test"]);
    let gateway = Gateway::start_with(
        &[("shop.pem", &old.certificate), ("shop.key", &old.key), ("ca.pem", &authority.certificate())],
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }} }}\n\
             routes:\n  app: {{ upstream: \"{}\" }}\n  chat: {{ match: /chat, upstream: \"{}\" }}\n",
            origin.url(),
            chat.url()
        ),
    );
    let ca = gateway.folder().join("ca.pem");
    // Where they are not installed the tests of WebSockets say so.
    let libraries = ["websockets", "h2"];
    let open = |library| WebSocketClient::open(library, gateway.port("web"), Some(&ca));
    let mut sockets: Vec<_> = libraries.into_iter().filter_map(open).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(&gateway, &is_over));
        for number in 0..5 {
            let name = format!("new-{number}.test");
            let new = authority.server(&["shop.test", &name]);
            gateway.folder().write("shop.key", &new.key);
            gateway.folder().write("shop.pem", &new.certificate);
            eventually("the new certificate is shown", || {
                (loading.is_finished() || ask(&gateway, &name, &[]).exit == 0).then_some(())
            });
            for socket in &mut sockets {
                assert_eq!(socket.exchange(&name), name);
            }
        }
        is_over.store(true, Ordering::SeqCst);
        assert!(loading.join().unwrap() > 0);
    });
    for socket in sockets {
        assert_eq!(socket.close(), 1000);
    }
}

#[test]
fn services_are_verified() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let inner = serving(&authority, &origin, "");
    let outer = |tls: &str| {
        let tls = format!("tls: {tls}");
        Gateway::start_with(
            &[("ca.pem", &authority.certificate()), ("other.pem", &Authority::default().certificate())],
            &format!(
                "upstreams: {{ inner: {{ endpoints: \"https://127.0.0.1:{}\", {tls} }} }}\nroutes: {{ app: {{ upstream: inner }} }}",
                inner.port("web")
            ),
        )
    };
    let gateway = outer("{ ca: ca.pem, server_name: shop.test }");
    let answer = gateway.curl("/x", &[]);
    assert_eq!(answer.status(), 200, "{}", gateway.log().all().join("\n"));
    assert_eq!(inner.access_to("/x").text("protocol"), "HTTP/2");
    let gateway = outer("{ ca: ca.pem, server_name: shop.test }, protocols: h1");
    assert_eq!(gateway.curl("/old", &[]).status(), 200);
    assert_eq!(inner.access_to("/old").text("protocol"), "HTTP/1.1");
    for tls in ["{ ca: other.pem, server_name: shop.test }", "{ ca: ca.pem, server_name: other.test }"] {
        let gateway = outer(tls);
        assert_eq!(gateway.curl("/y", &[]).status(), 502, "{tls}");
        assert_eq!(gateway.access_to("/y").text("outcome"), "upstream_tls");
    }
}
