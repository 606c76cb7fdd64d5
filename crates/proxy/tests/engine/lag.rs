//! A worker that is late with what is due takes no new requests until it is on time again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use maitred_config::config_map;
use maitred_http::RequestHead;
use maitred_policy::{Build, Catalog, Facts, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use crate::document::{options, serve};

config_map! {
    /// Does what no policy may: it keeps the worker busy.
    pub struct HogConfig {
        /// For how long.
        time: Duration = "100ms",
    }
}

struct Hog(Duration);

impl PolicyKind for Hog {
    const NAME: &'static str = "hog";
    type Config = HogConfig;
    type Compiled = Self;

    fn phase(_: &HogConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: HogConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self(config.time))
    }
}

impl Policy for Hog {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let until = cx.runtime.now() + self.0;
        while cx.runtime.now() < until {}
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        "keeps everybody waiting".to_owned()
    }
}

const DOCUMENT: &str = "
telemetry: { access_log: false }
limits: { overload: { memory: false, lag: 20ms } }
policies: { hog: true }
routes: { all: { match: /*, respond: fine } }
";

/// Far more than it takes, for a test that hangs to end.
const MANY: usize = 3000;

/// Asks until the answer begins so.
fn ask_until(address: SocketAddr, begins: &str) -> String {
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(address).expect("the gateway listens");
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("the gateway reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the gateway answers in text");
        if answer.starts_with(begins) {
            return answer;
        }
    }
    panic!("no answer begins with {begins}");
}

#[test]
fn a_late_worker_refuses_until_it_is_on_time() {
    let options = options();
    let overload = Arc::clone(&options.overload);
    let refused = serve(DOCUMENT, &Catalog::default().with::<Hog>(), options, |address| {
        // Two, so that there is always something to do.
        let other = std::thread::spawn(move || ask_until(address, "HTTP/1.1 503 "));
        let refused = ask_until(address, "HTTP/1.1 503 ");
        other.join().unwrap();
        ask_until(address, "HTTP/1.1 200 ");
        refused
    });
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
    assert!(!overload.is_everywhere());
}
