//! A worker that is late with what is due takes no new requests until it is on time again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use maitred_config::config_map;
use maitred_http::RequestHead;
use maitred_policy::{Build, Catalog, Facts, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};
use maitred_proxy::Clock;

use crate::document::{compiled, options, run, start};

config_map! {
    /// Does what no policy may: it keeps the worker busy.
    pub struct HogConfig {
        /// For how long: no part of the second after which a worker looks whether it is late, else it might be on time for each.
        time: Duration = "230ms",
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

/// A document with these bounds.
fn document(overload: &str) -> String {
    format!(
        "telemetry: {{ access_log: false }}\nlimits: {{ overload: {overload} }}\npolicies: {{ hog: true }}\n\
         routes: {{ all: {{ match: /*, respond: fine }} }}\n"
    )
}

/// Far more than it takes, for a test that hangs to end.
const MANY: usize = 3000;

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the gateway answers in text");
    answer
}

/// Asks until the answer begins so: it, and how many did not.
fn ask_until(address: SocketAddr, begins: &str) -> (String, usize) {
    for others in 0..MANY {
        let answer = ask(address);
        if answer.starts_with(begins) {
            return (answer, others);
        }
    }
    panic!("no answer begins with {begins}");
}

/// Runs this twice at once, so that there is always something to do.
async fn by_two<T: Send + 'static>(run: impl Fn() -> T + Clone + Send + 'static) -> [T; 2] {
    let begin = || tokio::task::spawn_blocking(run.clone());
    let (one, other) = (begin(), begin());
    [one.await, other.await].map(|ended| ended.expect("it does not panic"))
}

#[test]
fn a_late_worker_refuses_until_it_is_on_time_or_may_be_late() {
    run(async {
        let (catalog, options) = (Catalog::default().with::<Hog>(), options());
        let overload = Arc::clone(&options.overload);
        let bounded = document("{ memory: false, lag: 20ms }");
        let (mut gateway, address) = start(&bounded, &catalog, options).await;
        let [(refused, before), (_, beside)] = by_two(move || ask_until(address, "HTTP/1.1 503 ")).await;
        assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
        assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
        let _ = by_two(move || ask_until(address, "HTTP/1.1 200 ")).await;
        assert!(!overload.is_everywhere());

        // As much again, and half of it, makes nobody late where that has no bound.
        for unbounded in ["{ memory: false, lag: false }", "false"] {
            let (now, previous) = (Clock::default().wall(), Some(&**gateway.current()));
            let snapshot = compiled(&document(unbounded), &catalog, now, previous).unwrap();
            gateway.apply(snapshot).await.unwrap();
            let _ = by_two(move || ask_until(address, "HTTP/1.1 200 ")).await;
            let requests = before.max(beside) * 3 / 2 + 1;
            let answers = by_two(move || (0..requests).map(|_| ask(address)).collect::<Vec<_>>()).await;
            let is_fine = |answer: &String| answer.starts_with("HTTP/1.1 200 ");
            assert!(answers.iter().flatten().all(is_fine), "{unbounded}: {answers:?}");
        }
        assert!(gateway.drain().await);
    });
}
