//! A worker that is late with what is due takes no new requests until it is on time again.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use maitred_config::{Memory, NoEnvironment, Problems, config_map, load};
use maitred_http::RequestHead;
use maitred_net::ListenAddress;
use maitred_policy::{Build, Catalog, Facts, Means, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};
use maitred_proxy::{Clock, Compiler, Gateway, GatewayOptions, OverloadShared, Snapshot, compile};
use maitred_telemetry::{Metrics, MetricsOptions};
use maitred_upstream::{Addresses, Resolve, ResolveError};

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

struct NoNames;

impl Resolve for NoNames {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>> {
        Box::pin(async move { Err(ResolveError(format!("nobody knows {name}"))) })
    }
}

/// A document with these bounds.
fn document(overload: &str) -> String {
    format!(
        "maitred: 1\nlisteners: {{ web: http://127.0.0.1:0 }}\ntelemetry: {{ access_log: false }}\n\
         limits: {{ overload: {overload} }}\npolicies: {{ hog: true }}\nroutes: {{ all: {{ match: /*, respond: fine }} }}\n"
    )
}

/// Compiles it, after what was in force before.
fn compiled(document: &str, metrics: &Metrics, previous: Option<&Snapshot>) -> Snapshot {
    let loaded = load("maitred.yaml", &Memory::new().with("maitred.yaml", document), &NoEnvironment);
    let catalog = Catalog::default().with::<Hog>();
    let (files, seen) = (Memory::new(), RefCell::default());
    let compiler = Compiler {
        document: loaded.usable().expect("the document is right"),
        texts: loaded.texts(),
        means: Means { files: &files, seen: &seen },
        now: Clock::default().wall(),
        catalog: &catalog,
        metrics,
        previous,
    };
    compile(compiler, &mut Problems::new()).expect("it compiles")
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = MetricsOptions { workers: 1, max_series: 100, version: "", revision: "", started: 0 };
        let metrics = Metrics::new(options);
        let bounded = document("{ memory: false, lag: 20ms }");
        let overload = Arc::new(OverloadShared::new(1));
        let options = GatewayOptions {
            workers: 1,
            clock: Clock::default(),
            resolver: Arc::new(NoNames),
            access_log_dropped: Arc::default(),
            panics: Arc::default(),
            overload: Arc::clone(&overload),
        };
        let mut gateway = Gateway::start(options, compiled(&bounded, &metrics, None)).await.unwrap();
        let Some((_, _, ListenAddress::Tcp(address))) = gateway.addresses().next() else {
            panic!("not bound")
        };
        let address = *address;
        let [(refused, before), (_, beside)] = by_two(move || ask_until(address, "HTTP/1.1 503 ")).await;
        assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
        assert!(refused.contains("\r\nConnection: close\r\n"), "{refused}");
        let _ = by_two(move || ask_until(address, "HTTP/1.1 200 ")).await;
        assert!(!overload.is_everywhere());

        // As much again, and half of it, makes nobody late where that has no bound.
        for unbounded in ["{ memory: false, lag: false }", "false"] {
            let snapshot = compiled(&document(unbounded), &metrics, Some(gateway.current()));
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
