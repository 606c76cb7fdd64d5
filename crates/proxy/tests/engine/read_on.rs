//! Answers whose client goes in the middle of them: read on where a filter wants them for others, and else given up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock, mpsc};

use maitred_config::config_map;
use maitred_http::{Fields, RequestHead};
use maitred_policy::{
    BodyFilter, Build, Catalog, Facts, Fault, Outcome, Phase, Policy, PolicyKind, ResponseCx, Step, Verdict,
};

use crate::document::{options, serve};

/// So much comes before the client goes, and so much behind that.
const FIRST: usize = 1 << 10;
const REST: usize = 32 << 20;

config_map! {
    /// Counts the bytes of answers.
    pub struct CountConfig {
        /// How many it wants although their client has gone.
        most: u64 = 0,
    }
}

struct Count {
    most: u64,
}

/// Where it is told what came.
static TOLD: OnceLock<mpsc::Sender<String>> = OnceLock::new();

fn tell(text: String) {
    TOLD.get().expect("the test listens").send(text).expect("to the end");
}

impl PolicyKind for Count {
    const NAME: &'static str = "count";
    type Config = CountConfig;
    type Compiled = Self;

    fn phase(_: &CountConfig) -> Phase {
        Phase::Lookup
    }

    fn compile(config: CountConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { most: config.most })
    }
}

impl Policy for Count {
    type State = ();
    type Local = ();

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        cx.body.filters.add(Box::new(Counted { most: self.most, bytes: 0 }));
        Step::CONTINUE
    }

    fn on_end(&self, (): &mut (), (): &(), outcome: &Outcome) {
        tell(format!("end {}", outcome.complete));
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

struct Counted {
    most: u64,
    bytes: u64,
}

impl BodyFilter for Counted {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.bytes += piece.len() as u64;
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        tell(format!("{} bytes", self.bytes));
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }

    fn outlives_client(&self) -> bool {
        self.bytes < self.most
    }
}

/// A service that waits in the middle of each answer until it is told to go on. `/broken` ends before the last byte.
fn service(go_on: mpsc::Receiver<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &go_on);
        }
    });
    address
}

fn answer(mut stream: TcpStream, go_on: &mpsc::Receiver<()>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    lines.map_while(Result::ok).find(String::is_empty)?;
    let length = FIRST + REST;
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&[b'x'; FIRST]).ok()?;
    go_on.recv().ok()?;
    let missing = usize::from(first.contains("/broken"));
    stream.write_all(&vec![b'x'; REST - missing]).ok()
}

#[test]
fn what_others_want_is_read_to_its_end() {
    let ((sender, told), (go_on, gone)) = (mpsc::channel(), mpsc::channel());
    TOLD.set(sender).expect("nobody else does");
    let document = format!(
        "
telemetry: {{ access_log: false }}
upstreams: {{ live: {{ endpoints: http://{}, outlier_detection: false }} }}
routes:
  all: {{ match: /all/*, upstream: live, policies: {{ count: {{ most: {} }} }} }}
  some: {{ match: /some, upstream: live, policies: {{ count: {{ most: {FIRST} }} }} }}
  less: {{ match: /less, upstream: live, policies: {{ count: {{ most: {} }} }} }}
",
        service(gone),
        2 * (FIRST + REST),
        FIRST + REST / 8
    );
    let options = options();
    let panics = Arc::clone(&options.panics);
    serve(&document, &Catalog::default().with::<Count>(), options, move |address| {
        let leave = |path: &str| {
            let mut stream = TcpStream::connect(address).expect("the gateway listens");
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).expect("it reads");
            let mut some = [0; FIRST];
            // The head takes some of it, so that something is left unread: that the client goes is told at once.
            stream.read_exact(&mut some).expect("it begins");
            drop(stream);
            go_on.send(()).expect("the service waits");
            told.recv().expect("something comes of it")
        };
        assert_eq!(leave("/all/good"), format!("{} bytes", FIRST + REST));
        assert_eq!(told.recv().expect("it ends"), "end false");
        for path in ["/all/broken", "/some", "/less"] {
            assert_eq!(leave(path), "end false", "{path}");
        }
    });
    assert_eq!(panics.value(), 0);
}
