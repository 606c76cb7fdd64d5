//! An upstream that is named by records of SRV, from the line of the document to the services that are asked.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use maitred_policy::Catalog;
use maitred_proxy::GatewayOptions;
use maitred_upstream::{Addresses, Resolve, ResolveError, Resolving, ServiceRecord, Services};

use crate::document::{options, serve};

const TTL: Duration = Duration::from_mins(5);

/// A name server that knows one service, whose hosts are all this machine.
struct Zone(Vec<ServiceRecord>);

impl Resolve for Zone {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let known = name.ends_with(".internal").then(|| vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let answer = known.map(|list| Addresses { list, ttl: TTL });
        Box::pin(std::future::ready(answer.ok_or_else(|| ResolveError(format!("nobody knows {name}")))))
    }

    fn resolve_service<'a>(&'a self, name: &'a str) -> Resolving<'a, Services> {
        let known = (name == "_http._tcp.users.internal").then(|| self.0.clone());
        let answer = known.map(|list| Services { list, ttl: TTL });
        Box::pin(std::future::ready(answer.ok_or_else(|| ResolveError(format!("nobody knows {name}")))))
    }
}

const DOCUMENT: &str = "
telemetry: { access_log: false }
upstreams: { users: { endpoints: srv:_http._tcp.users.internal, host: endpoint } }
routes: { all: { match: /*, upstream: users } }
";

/// Answers each connection once, with the host that it was asked for and its own port, which it tells.
fn service() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let request = head(&mut stream);
            let host = request.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
            let body = format!("{host} at {port}");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).expect("the gateway reads");
        }
    });
    port
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the gateway asks");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the gateway answers in text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
}

#[test]
fn the_services_of_a_name_are_asked_those_of_the_first_priority_first() {
    let record = |name: &str, priority| ServiceRecord {
        priority,
        weight: 1,
        target: format!("{name}.internal"),
        port: service(),
    };
    let zone = Zone(vec![record("later", 20), record("one", 10), record("two", 10)]);
    let told = |record: &ServiceRecord| format!("{}:{1} at {1}", record.target, record.port);
    let wanted: BTreeSet<String> = zone.0[1..].iter().map(told).collect();
    let options = GatewayOptions { resolver: Arc::new(zone), ..options() };
    let asked = serve(DOCUMENT, &Catalog::default(), options, |address| {
        (0..6).map(|_| ask(address)).collect::<BTreeSet<_>>()
    });
    assert_eq!(asked, wanted);
}
