//! Requests that a policy has asked anew, without a client: where they begin, what becomes of their answers, and how many there may be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock, mpsc};

use maitred_config::config_map;
use maitred_http::{Fields, RequestHead};
use maitred_policy::{
    BodyFilter, Build, Catalog, Facts, Fault, Outcome, Phase, Policy, PolicyKind, Reply, RequestCx,
    ResponseCx, Step, Verdict,
};

use crate::document::{options, serve};

config_map! {
    /// Answers by itself, and has what it answered asked anew.
    pub struct StaleConfig {
        /// What it answers.
        text: String = "stale",
    }
}

struct Stale {
    text: String,
}

/// Where it is told what became of refreshes.
static TOLD: OnceLock<mpsc::Sender<String>> = OnceLock::new();

fn tell(text: String) {
    TOLD.get().expect("the test listens").send(text).expect("to the end");
}

impl PolicyKind for Stale {
    const NAME: &'static str = "stale";
    type Config = StaleConfig;
    type Compiled = Self;

    fn phase(_: &StaleConfig) -> Phase {
        Phase::Lookup
    }

    fn compile(config: StaleConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { text: config.text })
    }
}

impl Policy for Stale {
    type State = bool;
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        *cx.state = cx.facts.is_refresh;
        let (request, facts) = (cx.request.clone(), cx.facts.clone());
        if cx.facts.is_refresh {
            assert_ne!(cx.request.target.path(), "/api/trip", "tripped");
            assert!(!cx.runtime.refresh(request, facts), "a refresh wants no other");
            return Step::CONTINUE;
        }
        let room = if cx.runtime.refresh(request, facts) { "room" } else { "none" };
        let body = format!("{} {room}", self.text).into_bytes();
        Step::respond(Reply { body: body.into(), ..Reply::new(200) })
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if cx.facts.is_refresh {
            cx.body.filters.add(Box::new(Stored { status: cx.response.status, bytes: Vec::new() }));
        }
        Step::CONTINUE
    }

    fn on_end(&self, state: &mut bool, (): &(), outcome: &Outcome) {
        if *state {
            tell(format!("end {} {}", outcome.status, outcome.complete));
        }
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

/// Tells a body, once it is whole.
struct Stored {
    status: u16,
    bytes: Vec<u8>,
}

impl BodyFilter for Stored {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.bytes.extend_from_slice(piece);
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        tell(format!("{} {}", self.status, String::from_utf8_lossy(&self.bytes)));
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }
}

config_map! {
    /// Counts requests that pass it, in a field.
    pub struct PassConfig {
        /// The field.
        field: String = "X-Passed",
        /// Whether it passes them early.
        early: bool = false,
    }
}

struct Pass(PassConfig);

impl PolicyKind for Pass {
    const NAME: &'static str = "pass";
    type Config = PassConfig;
    type Compiled = Self;

    fn phase(config: &PassConfig) -> Phase {
        if config.early { Phase::Admit } else { Phase::Prepare }
    }

    fn compile(config: PassConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self(config))
    }
}

impl Policy for Pass {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        cx.request.fields.append_bytes(self.0.field.as_bytes(), b"once");
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

/// A service that answers with what it was asked; `/hang` not at all, and `/broken` with half an answer.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    while let Some(Ok(first)) = lines.next() {
        let fields: Vec<String> =
            lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let passed = fields.iter().filter(|line| line.starts_with("X-")).map(String::as_str);
        let body =
            std::iter::once(first.trim_end_matches(" HTTP/1.1")).chain(passed).collect::<Vec<_>>().join(", ");
        let length = match &*first {
            "GET /hang HTTP/1.1" => continue,
            "GET /broken HTTP/1.1" => body.len() * 2,
            _ => body.len(),
        };
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
            .ok()?;
        (length == body.len()).then_some(())?;
    }
    Some(())
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the gateway answers in text");
    answer.split_once("\r\n\r\n").expect("there is a head").1.to_owned()
}

#[test]
fn policies_have_requests_asked_anew() {
    let (sender, told) = mpsc::channel();
    TOLD.set(sender).expect("nobody else does");
    let document = format!(
        "
telemetry: {{ access_log: false }}
upstreams: {{ live: {{ endpoints: http://{} }} }}
policies: {{ pass/early: {{ field: X-Early, early: true }}, stale: true, pass: true }}
routes: {{ api: {{ match: /api/*, upstream: live, strip_prefix: true }} }}
",
        service()
    );
    let catalog = Catalog::default().with::<Stale>().with::<Pass>();
    let options = options();
    let (panics, dropped) = (Arc::clone(&options.panics), Arc::clone(&options.refreshes_dropped));
    serve(&document, &catalog, options, move |address| {
        let told = || told.recv().expect("the gateway goes on");
        assert_eq!(ask(address, "/api/one?x=1"), "stale room");
        let passed = "X-Own: 1, X-Early: once, X-Passed: once";
        let asked = told();
        assert!(asked.starts_with("200 GET /one?x=1, ") && asked.contains(passed), "{asked}");
        assert_eq!(told(), "end 200 true");

        // What breaks off is not stored.
        assert_eq!(ask(address, "/api/broken"), "stale room");
        assert_eq!(told(), "end 200 false");
        // A panic hurts nobody else, and the policy hears of its end.
        assert_eq!(ask(address, "/api/trip"), "stale room");
        assert_eq!(told(), "end 0 false");
        assert_eq!(ask(address, "/api/two"), "stale room");
        assert!(told().starts_with("200 GET /two, "));
        assert_eq!(told(), "end 200 true");

        // There is room for so many; draining waits for none of them.
        let answers: Vec<String> = (0..70).map(|_| ask(address, "/api/hang")).collect();
        assert_eq!(answers.iter().filter(|answer| *answer == "stale room").count(), 64);
        assert_eq!(answers.iter().filter(|answer| *answer == "stale none").count(), 6);
    });
    assert_eq!((panics.value(), dropped.value()), (1, 6));
}
