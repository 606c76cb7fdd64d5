//! Answers that policies give piece by piece: framing, filters, what breaks off, and clients that do not keep up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use maitred_config::config_map;
use maitred_http::{Fields, Method, RequestHead};
use maitred_policy::{
    BodyFilter, Build, Catalog, Facts, Fault, Phase, Pieces, Policy, PolicyKind, Reply, ReplyBody, RequestCx,
    ResponseCx, Step, Verdict,
};

use crate::document::{options, serve};

config_map! {
    /// Answers with as many bytes as the path says.
    pub struct PourConfig {
        /// What the body passes: `nothing`, `looking` or `twice`.
        through: String = "nothing",
    }
}

struct Pour {
    through: String,
}

impl PolicyKind for Pour {
    const NAME: &'static str = "pour";
    type Config = PourConfig;
    type Compiled = Self;

    fn phase(_: &PourConfig) -> Phase {
        Phase::Lookup
    }

    fn compile(config: PourConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { through: config.through })
    }
}

/// So many bytes, in pieces of many sizes, each of which is waited for.
struct Poured {
    announced: Option<u64>,
    left: u64,
    piece: usize,
    has_waited: bool,
    then: Then,
}

/// What comes behind the bytes.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    End,
    Fault,
    Silence,
}

/// Bytes that were poured for a client that did not read.
static UNREAD: AtomicU64 = AtomicU64::new(0);

impl Pieces for Poured {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        if !std::mem::replace(&mut self.has_waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_waited = false;
        if self.left == 0 {
            return match self.then {
                Then::End => Poll::Ready(None),
                Then::Fault => Poll::Ready(Some(Err(Fault::bad_gateway("spilt")))),
                Then::Silence => Poll::Pending,
            };
        }
        self.piece = if self.piece > 100_000 { 0 } else { self.piece * 3 + 1 };
        let piece = self.left.min(self.piece as u64);
        self.left -= piece;
        if self.announced.is_some_and(|announced| announced > 1 << 30) {
            UNREAD.fetch_add(piece, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(Bytes::from(vec![b'x'; usize::try_from(piece).expect("it is small")]))))
    }

    fn length(&self) -> Option<u64> {
        self.announced
    }
}

impl Policy for Pour {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let mut words = cx.request.target.path().split('/').skip(2);
        let kind = words.next().expect("the test says what");
        let left: u64 = words.next().and_then(|number| number.parse().ok()).expect("and how much");
        let (announced, then) = match kind {
            "known" => (Some(left), Then::End),
            "long" => (Some(left - 1), Then::End),
            "short" => (Some(left + 1), Then::End),
            "spilt" => (None, Then::Fault),
            "silent" => (None, Then::Silence),
            _ => (None, Then::End),
        };
        let poured = Poured { announced, left, piece: 0, has_waited: false, then };
        // Nothing of it may be asked for where it is not sent.
        let poured = if cx.request.method == Method::Head {
            Poured { then: Then::Fault, left: 0, ..poured }
        } else {
            poured
        };
        let poured: Box<dyn Pieces> = Box::new(poured);
        Step::respond(Reply { body: ReplyBody::from(poured), ..Reply::new(200) })
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        match self.through.as_str() {
            "looking" => cx.body.filters.add(Box::new(Looking)),
            "twice" => cx.body.filters.add(Box::new(Twice)),
            _ => {}
        }
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

/// Lets a body pass as it is.
struct Looking;

impl BodyFilter for Looking {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }
}

/// Says each byte twice.
struct Twice;

impl BodyFilter for Twice {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend(piece.iter().flat_map(|&byte| [byte, byte]));
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        Ok(trailers)
    }
}

const DOCUMENT: &str = "
telemetry: { access_log: false }
upstreams: { none: { endpoints: \"http://127.0.0.1:1\", timeouts: { idle: 20ms } } }
routes:
  plain: { match: /plain/*, upstream: none, policies: { pour: true } }
  looking: { match: /looking/*, upstream: none, policies: { pour: { through: looking } } }
  twice: { match: /twice/*, upstream: none, policies: { pour: { through: twice } } }
";

fn catalog() -> Catalog {
    Catalog::default().with::<Pour>()
}

/// An answer as it came: its head, and what came behind.
fn ask(address: SocketAddr, line: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    stream.write_all(format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it ends");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("there is a head") + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).expect("heads are text"), body)
}

/// The bytes of a body in chunks, and whether its last one came.
fn dechunk(mut body: &[u8]) -> (usize, bool) {
    let mut len = 0;
    loop {
        let Some(end) = body.windows(2).position(|bytes| bytes == b"\r\n") else { return (len, false) };
        let size = std::str::from_utf8(&body[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        if size == 0 {
            return (len, true);
        }
        assert_eq!(&body[end + 2 + size..][..2], b"\r\n");
        len += size;
        body = &body[end + 4 + size..];
    }
}

#[test]
fn they_are_framed_as_their_length_is_known() {
    serve(DOCUMENT, &catalog(), options(), |address| {
        for len in [0, 1, 16_384, 1_000_000] {
            let told = format!("\r\nContent-Length: {len}\r\n");
            for path in ["plain", "looking"] {
                let (head, body) = ask(address, &format!("GET /{path}/known/{len} HTTP/1.1"));
                assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&told), "{head}");
                assert!(body.len() == len && body.iter().all(|&byte| byte == b'x'));
            }
            for (path, times) in [("/plain/unknown", 1), ("/looking/unknown", 1), ("/twice/known", 2)] {
                let (head, body) = ask(address, &format!("GET {path}/{len} HTTP/1.1"));
                assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
                assert_eq!(dechunk(&body), (len * times, true), "{path}");
            }
            let (head, body) = ask(address, &format!("HEAD /plain/known/{len} HTTP/1.1"));
            assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&told) && body.is_empty(), "{head}");
            let (head, body) = ask(address, &format!("GET /plain/unknown/{len} HTTP/1.0"));
            assert!(!head.contains("Content-Length") && body.len() == len, "{head}");
        }
    });
}

#[test]
fn the_connection_serves_on() {
    serve(DOCUMENT, &catalog(), options(), |address| {
        let pipelined = "HEAD /plain/known/9 HTTP/1.1\r\nHost: a\r\n\r\n\
            GET /plain/known/3 HTTP/1.1\r\nHost: a\r\n\r\nGET /plain/unknown/2 HTTP/1.1\r\nHost: a\r\n\r\nGET /plain/known/1 HTTP/1.1";
        let (_, rest) = ask(address, pipelined);
        let rest = String::from_utf8(rest).expect("all is text");
        assert_eq!(rest.matches("HTTP/1.1 200 ").count(), 3, "{rest}");
        assert!(rest.contains("\r\n\r\nxxxHTTP/1.1") && rest.ends_with("\r\n\r\nx"), "{rest}");
    });
}

#[test]
fn what_breaks_off_shows() {
    serve(DOCUMENT, &catalog(), options(), |address| {
        for kind in ["spilt", "silent"] {
            for (path, times) in [("plain", 1), ("twice", 2)] {
                let (head, body) = ask(address, &format!("GET /{path}/{kind}/1000 HTTP/1.1"));
                assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                assert_eq!(dechunk(&body), (1000 * times, false), "{path} {kind}");
            }
        }
        let (head, body) = ask(address, "GET /plain/short/1000 HTTP/1.1");
        assert!(head.contains("Content-Length: 1001\r\n") && body.len() == 1000, "{head}");
        let (head, body) = ask(address, "GET /plain/long/1000 HTTP/1.1");
        assert!(head.contains("Content-Length: 999\r\n") && body.len() < 999, "{head}");
    });
}

#[test]
fn nothing_is_asked_for_that_the_client_does_not_take() {
    serve(DOCUMENT, &catalog(), options(), |address| {
        let mut stream = TcpStream::connect(address).expect("the gateway listens");
        let request = format!("GET /plain/known/{} HTTP/1.1\r\nHost: a\r\n\r\n", 4_u64 << 30);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut some = vec![0; 1 << 20];
        stream.read_exact(&mut some).expect("it begins");
    });
    let unread = UNREAD.load(Ordering::Relaxed);
    assert!((1 << 20..1 << 28).contains(&unread), "{unread}");
}
