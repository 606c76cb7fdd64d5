//! Checks of services that are scripted byte for byte. Those over time, and by gRPC, are in the tests of the whole program.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use maitred_http::Method;
use maitred_wire::Limits;

use super::*;
use crate::cluster::{ClusterSettings, EndpointHost, EndpointSettings, Transport};
use crate::endpoint::Protocol;
use crate::health::{BodyMatch, CheckFields, CheckKind, HttpCheck};

fn rules(kind: CheckKind) -> HealthCheck {
    HealthCheck {
        kind,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
        unhealthy_after: 3,
        healthy_after: 2,
        jitter: 0,
        port: None,
    }
}

fn http(statuses: &[std::ops::RangeInclusive<u16>], body: Option<BodyMatch>) -> HttpCheck {
    HttpCheck {
        method: Method::Get,
        path: "/healthz".to_owned(),
        query: None,
        sent: CheckFields::default(),
        statuses: statuses.to_vec(),
        body,
    }
}

/// Checks an endpoint at this port.
fn check(rules: &HealthCheck, port: u16) -> Result<(), String> {
    let endpoint = EndpointSettings {
        host: EndpointHost::Tcp { host: "127.0.0.1".into(), port },
        weight: 1,
        is_backup: false,
        protocol: Protocol::Http1,
    };
    let settings = ClusterSettings::new("app".into(), vec![endpoint]);
    let cluster = Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, None);
    let endpoint = cluster.endpoints().list[0].endpoint.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = runtime.block_on(Check::new(rules).ask(&cluster, &endpoint));
    asked.map_err(|failure| failure.to_string())
}

/// A service that takes one request and answers it so: its port, and the head of the request.
fn service(answer: Vec<u8>) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "the request has an end");
            asked.extend_from_slice(&piece[..n]);
        }
        // Who has seen enough may be gone.
        let _ = stream.write_all(&answer);
        String::from_utf8(asked).unwrap()
    });
    (port, asked)
}

fn judged(kind: HttpCheck, answer: impl Into<Vec<u8>>) -> Result<(), String> {
    let (port, asked) = service(answer.into());
    let judged = check(&rules(CheckKind::Http(kind)), port);
    asked.join().unwrap();
    judged
}

#[test]
fn the_status_must_be_one_that_passes() {
    let status = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    let usual = || http(&[200..=299, 300..=399], None);
    assert_eq!(judged(usual(), status("204 No Content")), Ok(()));
    assert_eq!(judged(usual(), status("302 Found")), Ok(()));
    assert_eq!(
        judged(usual(), status("503 Service Unavailable")),
        Err("it answered with status 503".to_owned())
    );
    assert_eq!(judged(http(&[401..=401], None), status("401 Unauthorized")), Ok(()));
    assert_eq!(
        judged(http(&[401..=401], None), status("200 OK")),
        Err("it answered with status 200".to_owned())
    );
}

#[test]
fn a_body_is_read_as_far_as_it_matters() {
    let with = |body: Option<BodyMatch>| http(&[200..=200], body);
    let text = |text: &str| with(Some(BodyMatch::Text(text.to_owned())));
    let regex = |text: &str| with(Some(BodyMatch::Regex(text.to_owned())));
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let missing = Err("its body has not in it what is expected".to_owned());
    assert_eq!(judged(text("\"UP\""), answer("{\"status\":\"UP\"}")), Ok(()));
    assert_eq!(judged(text("UP"), answer("DOWN")), missing);
    assert_eq!(judged(regex("^(up|ready)$"), answer("ready")), Ok(()));
    assert_eq!(judged(regex("^(up|ready)$"), answer("not ready")), missing);
    // What stands too far behind is not looked at, and never waited for.
    let long = |marked: &str| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n";
        format!("{head}{}{marked}", "x".repeat((64 << 10) - 2))
    };
    assert_eq!(judged(text("xok"), long("ok")), Ok(()));
    assert_eq!(judged(text("xok"), long(" ok")), missing);
    assert_eq!(judged(with(None), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Ok(()));
}

#[test]
fn a_request_is_the_one_that_is_wanted() {
    let (port, asked) = service(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_vec());
    let sent = CheckFields {
        host: Some("orders.internal".to_owned()),
        others: vec![("X-Probe".to_owned(), "yes".to_owned())],
    };
    let wanted = HttpCheck {
        method: Method::Head,
        query: Some("deep=1".to_owned()),
        sent,
        ..http(&[200..=200], None)
    };
    // The port is the one of the check, not the endpoint's.
    let rules = HealthCheck { port: Some(port), ..rules(CheckKind::Http(wanted)) };
    assert_eq!(check(&rules, nobody()), Ok(()));
    let asked = asked.join().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("head /healthz?deep=1 http/1.1\r\n"), "{asked}");
    for line in ["host: orders.internal", "x-probe: yes", "user-agent: maitred-health-check"] {
        assert!(asked.lines().any(|told| told == line), "{line} in {asked}");
    }
    let (port, asked) = service(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let rules = HealthCheck { port: Some(port), ..self::rules(CheckKind::Http(http(&[200..=200], None))) };
    assert_eq!(check(&rules, nobody()), Ok(()));
    assert!(asked.join().unwrap().contains(&format!("127.0.0.1:{port}\r\n")));
}

#[test]
fn first_checks_of_many_do_not_come_at_once() {
    let second = Duration::from_secs(1);
    assert!((0..16).all(|number| first_wait(number, 16, second).is_zero()));
    assert_eq!([0, 50, 99].map(|number| first_wait(number, 100, second).as_millis()), [0, 500, 990]);
    assert_eq!(first_wait(50, 100, 3600 * second).as_millis(), 2500, "nobody waits long for the first ones");
}

#[test]
fn of_a_failure_no_more_is_told_than_helps() {
    assert_eq!(cut("é".repeat(300)), "é".repeat(300));
    assert_eq!(cut("é".repeat(301)), format!("{}…", "é".repeat(300)));
}

/// A port at which nobody listens.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn who_is_not_there_or_says_nothing_cannot_serve() {
    let usual = rules(CheckKind::Http(http(&[200..=200], None)));
    for rules in [rules(CheckKind::Tcp), usual.clone()] {
        let why = check(&rules, nobody()).unwrap_err();
        assert!(why.starts_with("it cannot be connected to: "), "{why}");
    }
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let hasty = HealthCheck { timeout: Duration::from_millis(20), ..usual };
    assert_eq!(check(&hasty, port), Err("it took longer than 20ms".to_owned()));
    assert_eq!(check(&rules(CheckKind::Tcp), port), Ok(()), "a connection is enough");
}
