//! Visits to services of HTTP/1.1, scripted byte for byte. Those of HTTP/2 are tested with gRPC's own, in the tests of the whole
//! program.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use maitred_http::Method;

use super::*;
use crate::cluster::{ClusterSettings, EndpointHost, EndpointSettings, Transport};
use crate::endpoint::Protocol;

fn cluster(ports: &[u16], host: HostHeader) -> Cluster {
    let endpoint = |&port: &u16| EndpointSettings {
        host: EndpointHost::Tcp { host: "127.0.0.1".into(), port },
        weight: 1,
        protocol: Protocol::Http1,
        is_backup: false,
    };
    let endpoints = ports.iter().map(endpoint).collect();
    let settings = ClusterSettings { host, ..ClusterSettings::new("keys".into(), endpoints) };
    Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, None)
}

/// A service that answers its first request so, and closes: its port, and what it was asked.
fn service(answer: &'static [u8]) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"the end") {
            let mut piece = [0; 1024];
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "the request has an end");
            asked.extend_from_slice(&piece[..n]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(asked).unwrap()
    });
    (port, asked)
}

/// A port at which nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn request() -> RequestHead {
    let mut request = RequestHead { method: Method::Post, ..RequestHead::default() };
    request.target.set_path("/keys");
    request
}

fn ask(cluster: &Cluster, most: usize) -> Result<Visited, VisitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Visit::new(cluster, &Cell::new(0)).ask(request(), b"the end", most))
}

#[test]
fn a_whole_answer_is_read_from_the_first_that_is_there() {
    let answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    let (port, asked) = service(answer);
    let visited = ask(&cluster(&[nobody(), port], HostHeader::Client), 4).unwrap();
    assert_eq!((visited.head.status, &*visited.body), (200, &b"abcd"[..]));
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("POST /keys HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("127.0.0.1:{port}\r\n")), "nobody else could be named: {asked}");
}

#[test]
fn the_host_is_the_one_that_is_written() {
    let (port, asked) = service(b"HTTP/1.1 204 No Content\r\n\r\n");
    let fixed = HostHeader::Fixed(Arc::from("keys.example"));
    assert_eq!(ask(&cluster(&[port], fixed), 0).unwrap().head.status, 204);
    assert!(asked.join().unwrap().contains("keys.example\r\n"));
}

#[test]
fn what_is_no_whole_answer_says_why() {
    let refused = ask(&cluster(&[nobody()], HostHeader::Client), 4).unwrap_err().to_string();
    assert!(refused.starts_with("it cannot be connected to: "), "{refused}");
    for (answer, says) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"[..], "its answer is too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "the connection broke: "),
        (b"220 smtp.example ESMTP\r\n", "the connection broke: "),
    ] {
        let (port, asked) = service(answer);
        let told = ask(&cluster(&[port], HostHeader::Client), 4).unwrap_err().to_string();
        assert!(told.starts_with(says), "{told}");
        asked.join().unwrap();
    }
}

#[test]
fn an_endpoint_that_nobody_answers_from_is_not_the_first_again() {
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = service(b"HTTP/1.1 204 No Content\r\n\r\n");
    let cluster = cluster(&[silent.local_addr().unwrap().port(), port], HostHeader::Endpoint);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = Cell::new(0);
    runtime.block_on(async {
        let visit = Visit::new(&cluster, &first);
        let was_asked = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = silent.accept().unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            stream
        });
        let _open = tokio::select! {
            _ = visit.ask(request(), b"the end", 0) => panic!("it says nothing"),
            stream = was_asked => stream.unwrap(),
        };
        let visit = Visit::new(&cluster, &first);
        let visited = visit.ask(request(), b"the end", 0);
        let visited = tokio::time::timeout(Duration::from_secs(20), visited).await.expect("somebody answers");
        assert_eq!(visited.unwrap().head.status, 204);
    });
    asked.join().unwrap();
    assert_eq!(first.get(), 1, "it was the right one, and will be the next time");
}
