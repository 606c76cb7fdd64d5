//! The PROXY protocol: from proxies in front of the gateway, and to services behind it.

use maitred_tests::{Echo, Fake, Gateway, Origin, Wire};

/// A gateway that takes headers from here.
fn behind_a_proxy(origin: &Origin) -> Gateway {
    Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", proxy_protocol: 127.0.0.0/8 }} }}\n\
         routes: {{ app: {{ upstream: \"{}\" }} }}",
        origin.url()
    ))
}

const REQUEST: &str =
    "GET /x HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.9\r\nConnection: close\r\n\r\n";

#[test]
fn the_client_is_whom_the_header_names() {
    let origin = Origin::start();
    let gateway = behind_a_proxy(&origin);
    let header = "PROXY TCP4 203.0.113.7 192.0.2.1 5000 443\r\n";
    let echo = Echo::of(&gateway.connect().ask(&format!("{header}{REQUEST}")));
    assert_eq!(echo.field("X-Real-IP"), Some("203.0.113.7"));
    // What that client says of others is not believed.
    assert_eq!(echo.field("X-Forwarded-For"), Some("203.0.113.7"));
    assert_eq!(gateway.access_to("/x").text("client_ip"), "203.0.113.7");
    // Version 2, over IPv6, in pieces.
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24".to_vec();
    bytes.extend_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
    bytes.extend_from_slice(&"2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    bytes.extend_from_slice(&[0x13, 0x88, 0x01, 0xbb]);
    let mut wire = gateway.connect();
    for byte in bytes {
        wire.send([byte]);
    }
    let echo = Echo::of(&wire.ask(REQUEST));
    assert_eq!(echo.field("X-Real-IP"), Some("2001:db8::7"));
    // A proxy that asks for itself.
    let echo = Echo::of(&gateway.connect().ask(&format!("PROXY UNKNOWN\r\n{REQUEST}")));
    assert_eq!(echo.field("X-Real-IP"), Some("127.0.0.1"));
}

#[test]
fn a_connection_without_a_header_gets_no_answer() {
    let origin = Origin::start();
    let gateway = behind_a_proxy(&origin);
    for start in ["", "PROXY TCP4 203.0.113.7\r\n", "PROXY TCP4 a b 1 2\r\n"] {
        let mut wire = gateway.connect();
        wire.send(format!("{start}{REQUEST}"));
        assert!(wire.rest_to_any_end().0.is_empty(), "{start}");
    }
    assert_eq!(
        gateway.metrics().sum("maitred_connections_refused_total", &[("reason", "proxy_protocol")]),
        3
    );
    // And one that brings a header where none is asked for is no request.
    let gateway = crate::to(origin.url());
    let answer = gateway.connect().ask(&format!("PROXY TCP4 203.0.113.7 192.0.2.1 5000 443\r\n{REQUEST}"));
    assert_eq!(answer.status(), 400);
}

#[test]
fn services_are_told_whom_a_connection_is_for() {
    let service = Fake::start(|mut wire, _| {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(wire.exactly(1));
        }
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line}");
        assert!(wire.head().has("Host"));
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        // It is closed after this request: the next one may be another client's.
        wire.rest_to_any_end();
    });
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{}\", proxy_protocol: v1 }} }}\nroutes: {{ app: {{ upstream: app }} }}",
        service.url()
    ));
    for _ in 0..2 {
        assert_eq!(gateway.curl("/", &[]).status(), 200);
    }
    assert_eq!(service.connections(), 2);
}

#[test]
fn services_are_told_in_version_2_as_well() {
    let service = Fake::start(|mut wire, _| {
        assert_eq!(wire.exactly(12), b"\r\n\r\n\0\r\nQUIT\n");
        // PROXY, TCP over IPv4, twelve bytes of addresses.
        assert_eq!(wire.exactly(4), [0x21, 0x11, 0, 12]);
        let ends = wire.exactly(12);
        assert_eq!(ends[..8], [127, 0, 0, 7, 127, 0, 0, 1]);
        let port = u16::from_be_bytes([ends[8], ends[9]]);
        assert!(wire.head().has("Host"));
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{port:05}"));
        wire.rest_to_any_end();
    });
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{}\", proxy_protocol: v2 }} }}\nroutes: {{ app: {{ upstream: app }} }}",
        service.url()
    ));
    let mut wire = Wire::connect_from([127, 0, 0, 7].into(), ([127, 0, 0, 1], gateway.port("web")).into());
    let answer = wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(answer.text(), format!("{:05}", wire.local().port()));
}
