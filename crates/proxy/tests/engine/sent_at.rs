//! What policies are told of the wait for a service: since when it had the request, and nothing where the answer is not its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use maitred_config::config_map;
use maitred_http::RequestHead;
use maitred_policy::{Build, Catalog, Facts, Phase, Policy, PolicyKind, ResponseCx, Step, Verdict};

use crate::document::{options, serve};

config_map! {
    /// Tells the client what it is told.
    pub struct TellConfig {
        /// The field that tells it.
        field: String = "X-Sent",
    }
}

struct Tell {
    field: String,
}

impl PolicyKind for Tell {
    const NAME: &'static str = "tell";
    type Config = TellConfig;
    type Compiled = Self;

    fn phase(_: &TellConfig) -> Phase {
        Phase::Admit
    }

    fn compile(config: TellConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { field: config.field })
    }
}

impl Policy for Tell {
    type State = ();
    type Local = ();

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let told: &[u8] = if cx.facts.sent_at.is_some() { b"yes" } else { b"no" };
        cx.response.fields.append_bytes(self.field.as_bytes(), told);
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        String::new()
    }
}

/// A service that answers with the status that the path names, and with nothing where it names none.
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
        lines.by_ref().map_while(Result::ok).find(String::is_empty)?;
        let status = first.split_whitespace().nth(1)?.rsplit('/').next()?.parse::<u16>();
        let Ok(status) = status else { continue };
        stream.write_all(format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n").as_bytes()).ok()?;
    }
    Some(())
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the gateway answers in text");
    let told = answer.lines().find_map(|line| line.strip_prefix("X-Sent: ")).unwrap_or("nothing");
    format!("{} {told}", &answer[9..12])
}

/// A route for each way in which a request is answered.
fn document(live: SocketAddr, closed: SocketAddr) -> String {
    format!(
        "
telemetry: {{ access_log: false }}
upstreams:
  live: {{ endpoints: http://{live} }}
  mute: {{ endpoints: http://{live}, timeouts: {{ response: 20ms }} }}
  closed: {{ endpoints: http://{closed} }}
policies: {{ tell: true }}
routes:
  live: {{ match: /live/*, upstream: live }}
  mute: {{ match: /mute, upstream: mute }}
  closed: {{ match: /closed, upstream: closed }}
  own: {{ match: /own, respond: fine }}
  default: {{ match: /default/*, upstream: live, degrade: [{{ respond: fine }}] }}
  instead: {{ match: /instead, upstream: mute, degrade: [{{ respond: fine }}] }}
  other: {{ match: /other/*, upstream: closed, degrade: [{{ upstream: live }}, {{ respond: fine }}] }}
  in_vain: {{ match: /in_vain/*, upstream: live, degrade: [{{ upstream: closed }}] }}
"
    )
}

#[test]
fn policies_know_since_when_the_service_was_awaited() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).unwrap();
    serve(&document(service(), closed), &Catalog::default().with::<Tell>(), options(), |address| {
        for (path, told) in [
            ("/live/200", "200 yes"),
            ("/live/503", "503 yes"),
            ("/mute", "504 yes"),
            ("/closed", "502 no"),
            ("/own", "200 no"),
            ("/default/200", "200 yes"),
            ("/default/503", "200 no"),
            ("/instead", "200 no"),
            ("/other/201", "201 yes"),
            ("/other/503", "200 no"),
            ("/in_vain/503", "503 yes"),
        ] {
            assert_eq!(ask(address, path), told, "{path}");
        }
    });
}
