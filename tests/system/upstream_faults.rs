//! Services that misbehave: each has its status, a line in the log that says which one and why, and leaves nothing open.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use maitred_tests::{Answer, Fake, Gateway, PATIENCE, Port, curl, eventually, skipped, within};

use crate::to;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

/// Asks, and asserts the status, the fixed public text, and what the log and the access log say.
fn fails(gateway: &Gateway, endpoint: &str, status: u16, outcome: &str, why: &str) {
    let before = gateway.traces();
    let answer = gateway.curl("/fails", &[]);
    is_problem(&answer, status);
    let line = gateway.log().wait_for("what failed", |line| line.contains(why));
    assert!(line.contains(endpoint), "which endpoint: {line}");
    assert!(line.contains("upstream=") && line.contains(&status.to_string()), "{line}");
    let access = gateway.access_to("/fails");
    assert_eq!((access.number("status"), access.text("outcome").as_str()), (u64::from(status), outcome));
    gateway.is_back_to(&before);
}

/// One of the gateway's own answers: the texts are fixed, and no address of the inside is in them.
fn is_problem(answer: &Answer, status: u16) {
    let detail = match status {
        502 => "Bad gateway",
        503 => "Service unavailable",
        504 => "Service timeout",
        _ => panic!("{status}"),
    };
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!((problem["status"].as_u64(), problem["detail"].as_str()), (Some(status.into()), Some(detail)));
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
}

fn with_timeouts(upstream: &str, timeouts: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{upstream}\", timeouts: {timeouts} }} }}\nroutes: {{ app: {{ upstream: app }} }}\n"
    ))
}

#[test]
fn refuses_connections() {
    let port = Port::reserve();
    let endpoint = format!("127.0.0.1:{}", port.number());
    fails(&to(&format!("http://{endpoint}")), &endpoint, 502, "upstream_connect", "refused");
}

#[test]
fn lets_connections_hang() {
    // A socket whose queue of connections is full answers no further one.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _queued: Vec<_> = (0..8)
        .map(|_| {
            let waiting = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            waiting.set_nonblocking(true).unwrap();
            let _ = waiting.connect(&address.into());
            waiting
        })
        .collect();
    let gateway = with_timeouts(&format!("http://{address}"), "{ connect: 300ms }");
    within(Duration::from_millis(290), Duration::from_secs(5), || {
        fails(&gateway, &address.to_string(), 504, "upstream_connect_timeout", "upstream_connect_timeout");
    });
    assert_eq!(gateway.metrics().sum("maitred_upstream_failures_total", &[("kind", "connect_timeout")]), 1);
}

#[test]
fn hangs_before_its_head() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    let gateway = with_timeouts(&service.url(), "{ response: 300ms }");
    within(Duration::from_millis(290), Duration::from_secs(5), || {
        fails(&gateway, &service.port().to_string(), 504, "upstream_timeout", "upstream_timeout");
    });
    assert_eq!(gateway.metrics().sum("maitred_upstream_failures_total", &[("kind", "timeout")]), 1);
}

#[test]
fn is_slow_with_its_head() {
    // Byte by byte, one whenever the test says so, and never to the end: the time for the whole head counts.
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nX-Slow:");
        wire.rest_to_any_end();
    });
    let gateway = with_timeouts(&service.url(), "{ response: 300ms }");
    within(Duration::from_millis(290), Duration::from_secs(5), || {
        fails(&gateway, &service.port().to_string(), 504, "upstream_timeout", "upstream_timeout");
    });
}

#[test]
fn is_silent_in_the_middle_of_a_body() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        wire.rest_to_any_end();
    });
    let gateway = with_timeouts(&service.url(), "{ idle: 300ms }");
    let before = gateway.traces();
    let answer = gateway.curl("/half", &[]);
    assert_eq!((answer.exit, answer.status(), answer.text().as_str()), (18, 200, "half"));
    gateway.log().wait_for("which one hung", |line| {
        line.contains("upstream_timeout") && line.contains(&service.port().to_string())
    });
    assert_eq!(gateway.access_to("/half").text("outcome"), "upstream_timeout");
    gateway.is_back_to(&before);
}

#[test]
fn takes_longer_than_everything_may_together() {
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.rest_to_any_end();
    });
    let gateway = with_timeouts(&service.url(), "{ total: 300ms }");
    within(Duration::from_millis(290), Duration::from_secs(5), || {
        fails(&gateway, &service.port().to_string(), 504, "upstream_timeout", "upstream_timeout");
    });
}

/// The status and the outcome for a service that answers with these bytes, and closes.
fn says(bytes: &'static [u8], outcome: &str, why: &str) {
    let service = Fake::start(move |mut wire, _| {
        wire.head();
        let _ = wire.try_send(bytes);
    });
    fails(&to(&service.url()), &service.port().to_string(), 502, outcome, why);
}

#[test]
fn speaks_garbage() {
    says(b"SSH-2.0-OpenSSH_9.2\r\n", "upstream_protocol", "not HTTP");
    says(b"\x16\x03\x01\x02\x00\x01\x00", "upstream_protocol", "not HTTP");
    says(b"HTTP/1.1 abc\r\n\r\n", "upstream_protocol", "upstream_protocol");
    says(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "upstream_protocol", "upstream_protocol");
    says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nOK", "upstream_protocol", "upstream_protocol");
    says(
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        "upstream_protocol",
        "upstream_protocol",
    );
    says(b"HTTP/1.1 99 Low\r\n\r\n", "upstream_protocol", "upstream_protocol");
    says(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "upstream_protocol", "upstream_protocol");
}

#[test]
fn frames_its_body_in_two_ways() {
    says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
        "upstream_protocol",
        "exclude each other",
    );
    says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nOK",
        "upstream_protocol",
        "twice",
    );
    says(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nOK", "upstream_protocol", "upstream_protocol");
    says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nOK", "upstream_protocol", "upstream_protocol");
}

#[test]
fn has_too_large_a_head() {
    let head = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(40_000));
    let service = Fake::answering(head);
    fails(&to(&service.url()), &service.port().to_string(), 502, "upstream_protocol", "too large");
}

#[test]
fn closes_at_once() {
    let service = Fake::start(|_, _| {});
    fails(&to(&service.url()), &service.port().to_string(), 502, "upstream_reset", "upstream_reset");
    let service = Fake::start(|mut wire, _| {
        wire.head();
        wire.reset();
    });
    fails(&to(&service.url()), &service.port().to_string(), 502, "upstream_reset", "upstream_reset");
}

#[test]
fn closes_in_its_head() {
    says(b"HTTP/1.1 200 OK\r\nX-Half", "upstream_reset", "in the middle");
}

/// A body that the service breaks off must look broken to the client, whatever its framing.
#[test]
fn breaks_off_in_its_body() {
    for (framing, body) in [("Content-Length: 10", "half"), ("Transfer-Encoding: chunked", "4\r\nhalf\r\n")] {
        for resets in [false, true] {
            let service = Fake::start(move |mut wire, _| {
                wire.head();
                wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}"));
                if resets {
                    wire.reset();
                }
            });
            let gateway = to(&service.url());
            let before = gateway.traces();
            let answer = gateway.curl("/half", &[]);
            assert!([18, 56].contains(&answer.exit), "curl ended with {} for {framing}", answer.exit);
            assert_eq!(answer.status(), 200);
            gateway.log().wait_for("which one broke off", |line| {
                line.contains("upstream_reset") && line.contains(&service.port().to_string())
            });
            let access = gateway.access_to("/half");
            assert_eq!((access.number("status"), access.text("outcome").as_str()), (200, "upstream_reset"));
            gateway.is_back_to(&before);
            // For a client of HTTP/1.0 the end of the connection is the end of the body: only a reset tells the difference.
            if framing.starts_with("Transfer") {
                let mut wire = gateway.connect();
                wire.send("GET /half HTTP/1.0\r\n\r\n");
                let (seen, was_reset) = wire.rest_to_any_end();
                assert!(was_reset, "it looks whole: {:?}", String::from_utf8_lossy(&seen));
            }
        }
    }
}

#[test]
fn sends_a_malformed_chunk() {
    let service = Fake::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\nzz\r\n");
    let gateway = to(&service.url());
    let before = gateway.traces();
    let answer = gateway.curl("/chunk", &[]);
    assert_eq!((answer.exit, answer.status()), (18, 200));
    assert_eq!(gateway.access_to("/chunk").text("outcome"), "upstream_protocol");
    gateway.is_back_to(&before);
}

#[test]
fn sends_more_than_it_announced() {
    // What is left over could be taken for the answer to the next request: such a connection is not used again.
    let service = Fake::start(|mut wire, number| {
        while wire.request().is_some() {
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
        }
    });
    let gateway = to(&service.url());
    let before = gateway.traces();
    let mut wire = gateway.connect();
    for number in 0..5 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!((answer.status(), answer.text()), (200, number.to_string()));
    }
    drop(wire);
    gateway.is_back_to(&before);
}

#[test]
fn sends_a_body_where_there_is_none() {
    for (method, status) in [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")] {
        let service = Fake::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\npoison"));
        let gateway = to(&service.url());
        let mut wire = gateway.connect();
        for _ in 0..3 {
            wire.send(format!("{method} / HTTP/1.1\r\nHost: test\r\n\r\n"));
            let answer = wire.answer_to(method);
            assert_eq!(answer.head.start, format!("HTTP/1.1 {status}"));
        }
        assert_eq!(service.connections(), 3, "{method} {status}");
    }
}

#[test]
fn sends_more_when_nobody_asks() {
    // The same, but the surplus comes only when the connection waits for the next request.
    let (told, heard) = std::sync::mpsc::channel::<()>();
    let heard = std::sync::Mutex::new(heard);
    let service = Fake::start(move |mut wire, number| {
        wire.request();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
        if number == 0 {
            heard.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        }
        wire.rest_to_any_end();
    });
    let gateway = to(&service.url());
    assert_eq!(gateway.curl("/", &[]).text(), "0");
    told.send(()).unwrap();
    eventually("the connection is given up", || {
        (gateway.metrics().sum("maitred_upstream_connections", &[]) == 0).then_some(())
    });
    assert_eq!(gateway.curl("/", &[]).text(), "1");
}

/// Serves one request on each connection, then closes it when the second one has come: as a server does whose idle
/// connections time out just now.
fn forgetful() -> Fake {
    Fake::start(|mut wire, _| {
        wire.request();
        wire.send(OK);
        wire.head();
    })
}

#[test]
fn closes_an_idle_connection_just_now() {
    let service = forgetful();
    let gateway = to(&service.url());
    let mut wire = gateway.connect();
    for number in 0..6 {
        // What cannot have an effect twice is sent again, on a connection of its own.
        let method = ["GET", "DELETE", "OPTIONS"][number % 3];
        let answer = wire.ask(&format!("{method} /{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(answer.status(), 200, "{method} {number}");
        assert_eq!(
            gateway.access_to(&format!("/{number}")).number("attempts"),
            if number == 0 { 1 } else { 2 }
        );
    }
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 5);
    // A POST may have had its effect.
    let answer = wire.ask("POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    is_problem(&answer, 502);
    assert_eq!(gateway.access_to("/post").number("attempts"), 1);
}

#[test]
fn closed_its_idle_connections_a_while_ago() {
    // Nothing is sent to a connection that is known to be closed, so that a POST is safe too.
    let service = Fake::start(|mut wire, _| {
        wire.request();
        wire.send(OK);
    });
    let gateway = to(&service.url());
    for _ in 0..3 {
        let answer = gateway.curl("/", &["-X", "POST"]);
        assert_eq!(answer.status(), 200);
        eventually("the connection is given up", || {
            (gateway.metrics().sum("maitred_upstream_connections", &[]) == 0).then_some(())
        });
    }
    assert_eq!(gateway.metrics().sum("maitred_upstream_retries_total", &[]), 0);
}

#[test]
fn says_that_it_closes() {
    let service = Fake::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK");
    let gateway = to(&service.url());
    let before = gateway.traces();
    for _ in 0..3 {
        let answer = gateway.curl("/", &[]);
        assert_eq!((answer.status(), answer.head.has("Connection")), (200, false));
    }
    assert_eq!(service.connections(), 3);
    gateway.is_back_to(&before);
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn is_killed_in_the_middle() {
    // A real process, killed while it sends, and while it is to answer.
    let script = "import http.server, os, threading\n\
        class H(http.server.BaseHTTPRequestHandler):\n\
        \x20   protocol_version = 'HTTP/1.1'\n\
        \x20   def do_GET(self):\n\
        \x20       if self.path == '/body':\n\
        \x20           self.send_response(200); self.send_header('Content-Length', '1000'); self.end_headers()\n\
        \x20           self.wfile.write(b'x' * 500); self.wfile.flush()\n\
        \x20       os.write(1, (self.path + '\\n').encode()); threading.Event().wait()\n\
        \x20   def log_message(self, *_): pass\n\
        s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)\n\
        print(s.server_port, flush=True); s.serve_forever()\n";
    let child = Command::new("python3").args(["-c", script]).stdout(Stdio::piped()).spawn();
    let Ok(child) = child else { return skipped("is_killed_in_the_middle", "python3 is not installed") };
    let mut child = Killed(child);
    let said = maitred_tests::Lines::follow(child.0.stdout.take().unwrap());
    let port = said.wait_for("its port", |line| line.parse::<u16>().is_ok());
    let gateway = to(&format!("http://127.0.0.1:{port}"));
    let before = gateway.traces();
    let (body, head) = std::thread::scope(|scope| {
        let ask = |path: &str| {
            let url = gateway.url(path);
            scope.spawn(move || curl(&[url]))
        };
        let (body, head) = (ask("/body"), ask("/head"));
        said.wait_for_many("both requests", 2, |line| line.starts_with('/'));
        child.0.kill().unwrap();
        (body.join().unwrap(), head.join().unwrap())
    });
    child.0.wait().unwrap();
    assert!([18, 56].contains(&body.exit), "curl ended with {}", body.exit);
    assert_eq!((body.status(), body.body.len()), (200, 500));
    is_problem(&head, 502);
    gateway.log().wait_for_many("both", 2, |line| line.contains("upstream_reset") && line.contains(&port));
    // Now nobody listens there.
    is_problem(&gateway.curl("/gone", &[]), 502);
    assert_eq!(gateway.access_to("/gone").text("outcome"), "upstream_connect");
    gateway.is_back_to(&before);
}
