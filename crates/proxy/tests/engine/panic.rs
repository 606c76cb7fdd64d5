//! A policy that panics takes down its own exchange and nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use maitred_config::config_map;
use maitred_http::RequestHead;
use maitred_policy::{Build, Catalog, Facts, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use crate::document::{options, serve};

config_map! {
    /// Panics where the path says so.
    pub struct TripConfig {
        /// Where.
        path: String = "/trip",
    }
}

struct Trip {
    path: String,
}

impl PolicyKind for Trip {
    const NAME: &'static str = "trip";
    type Config = TripConfig;
    type Compiled = Self;

    fn phase(_: &TripConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: TripConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { path: config.path })
    }
}

impl Policy for Trip {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        assert_ne!(cx.request.target.path(), self.path, "tripped");
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        format!("panics at {}", self.path)
    }
}

const DOCUMENT: &str = "
telemetry: { access_log: false }
policies: { trip: true }
routes: { all: { match: /*, respond: fine } }
";

fn ask(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    stream.write_all(requests.as_bytes()).expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the gateway answers in text");
    answer
}

#[test]
fn an_exchange_that_panics_answers_500_and_the_worker_goes_on() {
    let options = options();
    let panics = Arc::clone(&options.panics);
    let answers = serve(DOCUMENT, &Catalog::default().with::<Trip>(), options, |address| {
        let trip = "GET /trip HTTP/1.1\r\nHost: a\r\n\r\n";
        let close = "GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let three = format!("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n{trip}{close}");
        [trip, close, &three].map(|requests| ask(address, requests))
    });
    assert!(answers[0].starts_with("HTTP/1.1 500 "), "{}", answers[0]);
    assert!(answers[0].contains("\r\nConnection: close\r\n"), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 200 ") && answers[1].ends_with("fine"), "{}", answers[1]);
    // Of three at once the second panics: the connection ends there.
    assert_eq!(answers[2].matches("HTTP/1.1 200 ").count(), 1, "{}", answers[2]);
    assert_eq!(answers[2].matches("HTTP/1.1 500 ").count(), 1, "{}", answers[2]);
    assert_eq!(panics.value(), 2);
}
