//! Proxies of others that speak the PROXY protocol: `HAProxy` in front of the gateway, nginx and `HAProxy` behind it.

use maitred_tests::{Authority, Echo, Gateway, Origin, Server, curl, skipped};

/// Another address of loopback, so that a client can be told from its proxy.
const CLIENT: &str = "127.0.0.9";

/// Asks as that client, and over HTTP/2 as well.
fn ask(url: &str, arguments: &[&str]) -> maitred_tests::Curl {
    curl(&[arguments, &["--interface", CLIENT, url]].concat())
}

#[test]
fn haproxy_tells_whom_a_connection_is_for() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let shop = authority.server(&["shop.test"]);
    let gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key), ("ca.pem", &authority.certificate())],
        &format!(
            "listeners:\n  web: {{ address: \"127.0.0.1:PORT_web\", proxy_protocol: 127.0.0.1 }}\n  \
             tls: {{ address: \"127.0.0.1:PORT_tls\", proxy_protocol: 127.0.0.1, tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }}\n\
             routes: {{ app: {{ upstream: \"{}\" }} }}",
            origin.url()
        ),
    );
    for version in ["send-proxy", "send-proxy-v2"] {
        for (listener, tls) in [("web", false), ("tls", true)] {
            let proxy = Server::haproxy(&format!(
                "listen front\n  mode tcp\n  bind 127.0.0.1:PORT\n  server gateway 127.0.0.1:{} {version}\n",
                gateway.port(listener)
            ));
            let Some(proxy) = proxy else {
                return skipped(
                    "proxies::haproxy_tells_whom_a_connection_is_for",
                    "haproxy is not installed",
                );
            };
            let path = format!("/{version}/{listener}");
            let answer = if tls {
                let (port, ca) = (proxy.port(), gateway.folder().join("ca.pem"));
                let resolve = format!("shop.test:{port}:127.0.0.1");
                let trusted = ["--resolve", &resolve, "--cacert", ca.to_str().unwrap()];
                ask(&format!("https://shop.test:{port}{path}"), &trusted)
            } else {
                ask(&format!("{}{path}", proxy.url()), &["--http2-prior-knowledge"])
            };
            let echo = Echo::of(&answer);
            assert_eq!(answer.head.version(), "HTTP/2", "{path}");
            assert_eq!(echo.field("X-Real-IP"), Some(CLIENT), "{path}");
            assert_eq!(echo.field("X-Forwarded-For"), Some(CLIENT), "{path}");
            assert_eq!(gateway.access_to(&path).text("client_ip"), CLIENT);
        }
    }
}

#[test]
fn haproxy_asks_for_itself_whether_the_gateway_is_well() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", proxy_protocol: 127.0.0.1 }} }}\n\
         routes:\n  app: {{ upstream: \"{}\" }}\n  v1: {{ match: /v1, respond: OK }}\n  v2: {{ match: /v2, respond: OK }}\n",
        origin.url()
    ));
    for (version, path) in [("send-proxy", "/v1"), ("send-proxy-v2", "/v2")] {
        let proxy = Server::haproxy(&format!(
            "listen front\n  mode http\n  bind 127.0.0.1:PORT\n  option httpchk GET {path}\n  \
             server gateway 127.0.0.1:{} {version} check inter 100ms\n",
            gateway.port("web")
        ));
        let Some(proxy) = proxy else {
            let test = "proxies::haproxy_asks_for_itself_whether_the_gateway_is_well";
            return skipped(test, "haproxy is not installed");
        };
        // Such a connection is for nobody (UNKNOWN, LOCAL): the peer is the client.
        let asked = gateway.access_to(path);
        assert_eq!((asked.text("client_ip").as_str(), asked.number("status")), ("127.0.0.1", 200));
        // It is well, so that clients are sent to it.
        assert_eq!(Echo::of(&ask(&proxy.url(), &[])).field("X-Real-IP"), Some(CLIENT));
    }
}

/// Of each connection nginx says who it is for, `HAProxy` puts that into a field.
#[test]
fn nginx_and_haproxy_learn_whom_a_connection_is_for() {
    let origin = Origin::start();
    let nginx = Server::nginx(
        "server { listen 127.0.0.1:PORT reuseport proxy_protocol; \
         location / { return 200 \"$proxy_protocol_addr $remote_addr $connection\"; } }",
    );
    let haproxy = Server::haproxy(&format!(
        "frontend front\n  mode http\n  bind 127.0.0.1:PORT accept-proxy\n  http-request set-header X-Source %[src]\n  \
         default_backend back\nbackend back\n  mode http\n  server origin {}\n",
        origin.authority()
    ));
    let (Some(nginx), Some(haproxy)) = (nginx, haproxy) else {
        let test = "proxies::nginx_and_haproxy_learn_whom_a_connection_is_for";
        return skipped(test, "nginx or haproxy is not installed");
    };
    for version in ["v1", "v2"] {
        let gateway = Gateway::start(&format!(
            "upstreams:\n  nginx: {{ endpoints: \"{}\", proxy_protocol: {version} }}\n  \
             haproxy: {{ endpoints: \"{}\", proxy_protocol: {version} }}\n\
             routes:\n  nginx: {{ match: /nginx, upstream: nginx }}\n  haproxy: {{ match: /haproxy, upstream: haproxy }}\n",
            nginx.url(),
            haproxy.url()
        ));
        let mut connections = Vec::new();
        for client in ["127.0.0.9", "127.0.0.10", "127.0.0.9"] {
            let from = ["--interface", client];
            let told = gateway.curl("/nginx", &from).text();
            let words: Vec<&str> = told.split(' ').collect();
            assert_eq!(words[..2], [client, "127.0.0.1"], "{version}");
            // No connection is another client's.
            assert!(!connections.contains(&words[2].to_owned()), "{told} {connections:?}");
            connections.push(words[2].to_owned());
            let echo = Echo::of(&gateway.curl("/haproxy", &from));
            assert_eq!(echo.field("X-Source"), Some(client), "{version}");
        }
    }
}

#[test]
fn nginx_takes_a_header_before_tls() {
    let authority = Authority::default();
    let shop = authority.server(&["shop.test"]);
    let folder = maitred_tests::Folder::default();
    folder.write("shop.pem", &shop.certificate);
    folder.write("shop.key", &shop.key);
    let nginx = Server::nginx(&format!(
        "server {{ listen 127.0.0.1:PORT reuseport ssl http2 proxy_protocol; server_name shop.test; \
         ssl_certificate {0}/shop.pem; ssl_certificate_key {0}/shop.key; \
         location / {{ return 200 \"$proxy_protocol_addr $server_protocol\"; }} }}",
        folder.path().display()
    ));
    let Some(nginx) = nginx else {
        return skipped("proxies::nginx_takes_a_header_before_tls", "nginx is not installed");
    };
    let gateway = Gateway::start_with(
        &[("ca.pem", &authority.certificate())],
        &format!(
            "upstreams:\n  nginx: {{ endpoints: \"https://127.0.0.1:{}\", proxy_protocol: v2, tls: {{ ca: ca.pem, server_name: shop.test }} }}\n\
             routes: {{ nginx: {{ upstream: nginx }} }}\n",
            nginx.port()
        ),
    );
    // Over HTTP/2, too, a connection has one client.
    for client in ["127.0.0.9", "127.0.0.10"] {
        let answer = gateway.curl("/", &["--interface", client]);
        assert_eq!(answer.text(), format!("{client} HTTP/2.0"));
    }
}
