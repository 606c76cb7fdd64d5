//! What the gateway tells services of clients, what it takes from neither side, and what it turns in answers.

use std::net::{IpAddr, SocketAddr};

use maitred_tests::{Echo, Fake, Gateway, Origin, Wire};

use crate::to;

#[test]
fn a_service_is_told_who_asks() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let echo = Echo::of(&gateway.connect().ask("GET /a HTTP/1.1\r\nHost: shop.example:81\r\n\r\n"));
    let host = "shop.example:81";
    assert_eq!(echo.field("Host"), Some(host));
    assert_eq!(echo.field("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(echo.field("X-Forwarded-Proto"), Some("http"));
    assert_eq!(echo.field("X-Forwarded-Host"), Some(host));
    assert_eq!(echo.field("X-Real-IP"), Some("127.0.0.1"));
    assert_eq!(echo.field("Forwarded"), Some("for=127.0.0.1;host=\"shop.example:81\";proto=http"));
    assert_eq!(echo.field("Via"), Some("1.1 maitred"));
}

const SPOOFED: &str = "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
    X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 10.9.9.9\r\nForwarded: for=10.9.9.9;proto=https\r\n";

#[test]
fn what_anybody_says_of_himself_is_not_believed() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let echo = Echo::of(&gateway.connect().ask(&format!("GET /a HTTP/1.1\r\nHost: test\r\n{SPOOFED}\r\n")));
    assert_eq!(echo.field("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(echo.field("X-Forwarded-Proto"), Some("http"));
    assert_eq!(echo.field("X-Forwarded-Host"), Some("test"));
    assert_eq!(echo.field("X-Real-IP"), Some("127.0.0.1"));
    assert_eq!(echo.field("Forwarded"), Some("for=127.0.0.1;host=\"test\";proto=http"));
    for gone in ["X-Forwarded-Port", "X-Forwarded-Prefix"] {
        assert!(!echo.has(gone), "{gone}");
    }
    assert_eq!(gateway.access_to("/a").text("client_ip"), "127.0.0.1");
}

#[test]
fn what_trusted_proxies_say_is_believed_and_added_to() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", trusted_proxies: [127.0.0.0/8, 10.0.0.0/8, \"2001:db8:1::/48\"] }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let ask = |path: &str, fields: &str| {
        Echo::of(&gateway.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")))
    };
    // The client is the last address that is no trusted proxy: what stands before it may be made up.
    let echo = ask(
        "/a",
        "X-Forwarded-For: 1.2.3.4, 203.0.113.7, 10.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n",
    );
    assert_eq!(echo.field("X-Forwarded-For"), Some("1.2.3.4, 203.0.113.7, 10.0.0.2, 127.0.0.1"));
    assert_eq!(echo.field("X-Forwarded-Proto"), Some("https"));
    assert_eq!(echo.field("X-Forwarded-Host"), Some("shop.example"));
    assert_eq!(echo.field("X-Real-IP"), Some("203.0.113.7"));
    assert_eq!(gateway.access_to("/a").text("client_ip"), "203.0.113.7");
    // In the form of RFC 7239, with an address of IPv6.
    let echo = ask("/b", "Forwarded: for=\"[2001:db8::7]:4711\";proto=https, for=\"[2001:db8:1::2]\"\r\n");
    assert_eq!(echo.field("X-Real-IP"), Some("2001:db8::7"));
    assert_eq!(
        echo.field("Forwarded"),
        Some(
            "for=\"[2001:db8::7]:4711\";proto=https, for=\"[2001:db8:1::2]\", for=127.0.0.1;host=\"test\";proto=http"
        )
    );
    assert_eq!(gateway.access_to("/b").text("client_ip"), "2001:db8::7");
    // What is no address ends the search.
    let echo = ask("/c", "X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.2\r\n");
    assert_eq!(echo.field("X-Real-IP"), Some("10.0.0.2"));
    // Several lines are one list.
    let echo = ask("/d", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 203.0.113.8\r\n");
    assert_eq!(echo.field("X-Forwarded-For"), Some("1.2.3.4, 203.0.113.8, 127.0.0.1"));
    assert_eq!(echo.field("X-Real-IP"), Some("203.0.113.8"));
}

#[test]
fn a_proxy_that_is_not_trusted_is_a_client() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", trusted_proxies: 127.0.0.2 }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    for (from, client) in [("127.0.0.2", "10.9.9.9"), ("127.0.0.3", "127.0.0.3")] {
        let address = SocketAddr::from(([127, 0, 0, 1], gateway.port("web")));
        let mut wire = Wire::connect_from(from.parse().unwrap(), address);
        let echo = Echo::of(&wire.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\n{SPOOFED}\r\n")));
        assert_eq!(echo.field("X-Real-IP"), Some(client), "from {from}");
        assert_eq!(echo.has("X-Forwarded-Port"), from == "127.0.0.2");
    }
}

#[test]
fn addresses_of_ipv6_stand_in_brackets_and_quotes() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"[::1]:PORT_web\" }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let address = SocketAddr::new("::1".parse::<IpAddr>().unwrap(), gateway.port("web"));
    let host = format!("[::1]:{}", gateway.port("web"));
    let echo = Echo::of(&Wire::connect_to(address).ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")));
    assert_eq!(echo.field("X-Forwarded-For"), Some("::1"));
    assert_eq!(echo.field("X-Real-IP"), Some("::1"));
    assert_eq!(echo.field("Forwarded"), Some(format!("for=\"[::1]\";host=\"{host}\";proto=http").as_str()));
}

#[test]
fn a_socket_for_both_families_names_clients_of_ipv4_as_such() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"[::]:PORT_web\" }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    let echo = Echo::of(&gateway.connect().ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    assert_eq!(echo.field("X-Real-IP"), Some("127.0.0.1"));
}

#[test]
fn fields_of_the_connection_stay_on_it() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let echo = Echo::of(&gateway.connect().ask(
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: secret\r\n\
         Proxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: example/2\r\nProxy-Authorization: Basic eDp5\r\nX-Public: yes\r\n\r\n",
    ));
    for gone in ["Connection", "Keep-Alive", "X-Private", "Proxy-Connection", "TE", "Upgrade"] {
        assert!(!echo.has(gone), "{gone}");
    }
    assert_eq!(echo.field("X-Public"), Some("yes"));

    let service = Fake::answering(
        "HTTP/1.1 200 OK\r\nConnection: X-Private, keep-alive\r\nX-Private: secret\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: close\r\nUpgrade: h2c\r\nVia: 1.1 inside\r\nServer: nginx\r\nX-Public: yes\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = to(&service.url());
    let answer = gateway.curl("/", &[]);
    for gone in ["Connection", "X-Private", "Keep-Alive", "Proxy-Connection", "Upgrade", "Via"] {
        assert!(!answer.head.has(gone), "{gone}");
    }
    assert_eq!(answer.head.field("X-Public"), Some("yes"));
}

#[test]
fn connection_cannot_take_away_what_the_gateway_says() {
    // A client that names them as fields of its connection would else hide who it is from the service.
    let origin = Origin::start();
    let gateway = to(origin.url());
    let echo = Echo::of(&gateway.connect().ask(
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: X-Forwarded-For, X-Real-IP, Forwarded, Host, X-Request-ID, Via\r\n\r\n",
    ));
    for there in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Host", "X-Request-ID", "Via"] {
        assert!(echo.has(there), "{there}");
    }
}

#[test]
fn equal_fields_stay_apart_and_in_their_order() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let mut wire = gateway.connect();
    let echo = Echo::of(
        &wire.ask("GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nCookie: a=b\r\nX-A: 2\r\nX-A: \r\n\r\n"),
    );
    assert_eq!(echo.all("X-A"), ["1", "2", ""]);
    let answer =
        wire.ask("GET / HTTP/1.1\r\nHost: test\r\nX-Ask: fields Set-Cookie=a=1&Set-Cookie=b=2\r\n\r\n");
    assert_eq!(answer.head.all("Set-Cookie"), ["a=1", "b=2"]);
}

#[test]
fn the_host_that_is_sent() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "upstreams:\n  client: \"{0}\"\n  endpoint: {{ endpoints: \"{0}\", host: endpoint }}\n  named: {{ endpoints: \"{0}\", host: inside.example }}\n\
         routes:\n  a: {{ match: /client, upstream: client }}\n  b: {{ match: /endpoint, upstream: endpoint }}\n  c: {{ match: /named, upstream: named }}\n",
        origin.url()
    ));
    for (path, host) in
        [("/client", "shop.example"), ("/endpoint", origin.authority()), ("/named", "inside.example")]
    {
        let echo =
            Echo::of(&gateway.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n")));
        assert_eq!(echo.all("Host"), [host], "{path}");
        assert_eq!(echo.field("X-Forwarded-Host"), Some("shop.example"), "{path}");
    }
}

#[test]
fn a_redirect_to_the_endpoint_leads_to_the_gateway() {
    let origin = Origin::start();
    let gateway = to(origin.url());
    let inside = origin.url();
    for (location, turned) in [
        (format!("{inside}/a?b=c"), "http://shop.example:81/a?b=c".to_owned()),
        (inside.to_owned(), "http://shop.example:81".to_owned()),
        ("/relative".to_owned(), "/relative".to_owned()),
        ("https://elsewhere.example/".to_owned(), "https://elsewhere.example/".to_owned()),
        (format!("{inside}.evil.example/"), format!("{inside}.evil.example/")),
        (format!("http://user@{}/", origin.authority()), format!("http://user@{}/", origin.authority())),
    ] {
        let answer = gateway
            .connect()
            .ask(&format!("GET / HTTP/1.1\r\nHost: shop.example:81\r\nX-Ask: location {location}\r\n\r\n"));
        assert_eq!((answer.status(), answer.head.field("Location")), (302, Some(turned.as_str())));
    }
}

#[test]
fn every_request_has_an_id() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "routes:\n  app: {{ match: /app, upstream: \"{0}\" }}\n\
         \x20 trusting: {{ match: /trusting, upstream: \"{0}\", policies: {{ request_id: {{ header: X-Request-ID, trust: true }} }} }}\n\
         \x20 mine: {{ match: /mine, upstream: \"{0}\", policies: {{ request_id: {{ header: X-Request-ID, trust: false }} }} }}\n",
        origin.url()
    ));
    let ask = |path: &str| {
        let answer = gateway
            .connect()
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nX-Request-ID: client-7\r\n\r\n"));
        let told = Echo::of(&answer).field("X-Request-ID").unwrap().to_owned();
        let logged = gateway.access_to(path).text("request_id");
        (told, logged, answer.head.field("X-Request-ID").map(str::to_owned))
    };
    let (told, logged, answered) = ask("/trusting");
    assert_eq!(
        (told.as_str(), logged.as_str(), answered.as_deref()),
        ("client-7", "client-7", Some("client-7"))
    );
    let (told, logged, answered) = ask("/mine");
    assert_eq!((&told, Some(&told)), (&logged, answered.as_ref()));
    // A UUID of version 7 (RFC 9562).
    assert!(told.len() == 36 && told.as_bytes()[14] == b'7', "{told}");
    let (told, logged, _) = ask("/app");
    assert_eq!(told, logged);
}
