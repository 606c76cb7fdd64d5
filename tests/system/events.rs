//! Answers that come bit by bit: events (SSE) and long polling. What a service says is passed on before it says more, and silence
//! has its own limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use maitred_tests::frames::{DATA, END_STREAM, Frame, HEADERS, RST_STREAM, RawHttp2, request};
use maitred_tests::{Fake, Gateway, PATIENCE, open_websocket, websocket_echo, within};

use crate::to;

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// A service that answers each request with a body of this kind, and says of it what it is told to say, when it is told to.
fn told(kind: &str) -> (Fake, Sender<&'static str>) {
    let (say, said) = channel();
    let (said, kind) = (Mutex::new(said), kind.to_owned());
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            ));
            loop {
                let text: &str = said.lock().unwrap().recv_timeout(PATIENCE).unwrap_or_default();
                if wire.try_send(format!("{:x}\r\n{text}\r\n", text.len())).is_err() {
                    return;
                }
                if text.is_empty() {
                    break;
                }
            }
        }
    });
    (service, say)
}

/// curl, whose output is read as it comes.
struct Listener {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Listener {
    fn start(gateway: &Gateway, version: &str) -> Self {
        let url = gateway.url("/events");
        let mut child = Command::new("curl")
            .args(["--silent", "--no-buffer", "--max-time", "30", version, &url])
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl is installed: `cargo xtask test` sees to it");
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// What came until the end, and curl's exit code.
    fn rest(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code())
    }
}

#[test]
fn each_event_arrives_before_the_next_one_is_sent() {
    let (service, say) = told("text/event-stream");
    let gateway = to(&service.url());
    for version in VERSIONS {
        let mut listener = Listener::start(&gateway, version);
        for event in ["data: 1\n", "data: 2\n", "data: 3\n"] {
            say.send(event).unwrap();
            assert_eq!(listener.line(), event, "{version}");
        }
        say.send("").unwrap();
        assert_eq!(listener.rest(), (String::new(), Some(0)), "{version}");
    }
}

#[test]
fn what_is_polled_for_arrives_as_far_as_it_was_said() {
    let (service, say) = told("application/json");
    let gateway = to(&service.url());
    // HTTP/1.1: the head is there before the first byte of the body is.
    let mut wire = gateway.connect();
    for _ in 0..2 {
        wire.send("GET /poll HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(wire.head().status(), 200);
        for piece in ["[1", ",2", ""] {
            say.send(piece).unwrap();
            assert_eq!(wire.chunk(), piece.as_bytes());
        }
        assert!(wire.trailers().is_empty());
    }
    // HTTP/2: the same, on a stream beside others.
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    client.send(&[Frame::get(1, "/poll")]);
    assert_eq!(client.find("the head", |frame| frame.kind == HEADERS).status(), 200);
    for piece in ["[1", ",2", ""] {
        say.send(piece).unwrap();
        let frame = client.find("the piece", |frame| frame.kind == DATA);
        assert_eq!(
            (frame.payload.as_slice(), frame.flags & END_STREAM != 0),
            (piece.as_bytes(), piece.is_empty())
        );
    }
}

/// Silence of an answer may last 200 ms, that of a stream as long as is said here; `/own` has a limit of its own.
fn silent(service: &Fake, stream_idle: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: \"{}\", timeouts: {{ idle: 200ms, stream_idle: {stream_idle} }} }} }}\n\
         routes:\n  app: {{ upstream: app }}\n  own: {{ match: /own, upstream: app, timeouts: {{ stream_idle: 200ms }} }}\n",
        service.url()
    ))
}

const LEAST: Duration = Duration::from_millis(150);
const MOST: Duration = Duration::from_secs(10);

#[test]
fn events_may_be_silent_for_longer_than_other_answers() {
    let (service, say) = told("text/event-stream");
    let gateway = silent(&service, "20s");
    let mut listener = Listener::start(&gateway, VERSIONS[0]);
    say.send("data: 1\n").unwrap();
    assert_eq!(listener.line(), "data: 1\n");
    // Another answer begins only now, and is cut off because of its silence.
    let (other, other_say) = told("text/plain");
    let others = silent(&other, "20s");
    other_say.send("a").unwrap();
    assert_eq!(within(LEAST, MOST, || others.curl("/", &[]).exit), 18);
    // So the events have been silent for longer.
    say.send("data: 2\n").unwrap();
    assert_eq!(listener.line(), "data: 2\n");
    say.send("").unwrap();
    assert_eq!(listener.rest().1, Some(0));
}

#[test]
fn events_that_are_silent_for_too_long_end() {
    let (service, say) = told("text/event-stream; charset=utf-8");
    for (gateway, path) in [(silent(&service, "200ms"), "/"), (silent(&service, "20s"), "/own")] {
        for (version, cut_off) in VERSIONS.into_iter().zip([18, 92]) {
            say.send("data: 1\n").unwrap();
            let answer = within(LEAST, MOST, || gateway.curl(path, &[version]));
            assert_eq!((answer.exit, answer.text().as_str()), (cut_off, "data: 1\n"), "{version}");
            // The script goes on to the next request.
            say.send("").unwrap();
        }
    }
}

#[test]
fn tunnels_that_are_silent_for_too_long_end() {
    let service = websocket_echo();
    let gateway = silent(&service, "200ms");
    let before = gateway.traces();
    within(LEAST, MOST, || assert!(open_websocket(&gateway).read().is_err()));
    // A stream of HTTP/2 that became a tunnel (RFC 8441).
    within(LEAST, MOST, || {
        let mut client = RawHttp2::begin(gateway.connect(), &[]);
        let protocol = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
        client.send(&[Frame::head(1, 0, &[&request("CONNECT", "/")[..], &protocol].concat())]);
        assert_eq!(client.find("the head", |frame| frame.kind == HEADERS).status(), 200);
        client.find("the end", |frame| frame.kind == RST_STREAM || frame.flags & END_STREAM != 0);
    });
    gateway.is_back_to(&before);
}

#[test]
fn tunnels_are_not_held_to_the_silence_of_answers() {
    let service = websocket_echo();
    let gateway = silent(&service, "20s");
    let mut socket = open_websocket(&gateway);
    // As long as it takes another one to be cut off.
    let other = silent(&service, "200ms");
    assert!(open_websocket(&other).read().is_err());
    socket.send(tungstenite::Message::text("still there")).unwrap();
    assert_eq!(socket.read().unwrap().to_text().unwrap(), "still there");
}
