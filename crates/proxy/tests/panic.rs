//! A policy that panics takes down its own exchange and nothing else.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use maitred_config::{Memory, NoEnvironment, Problems, config_map, load};
use maitred_http::RequestHead;
use maitred_net::ListenAddress;
use maitred_policy::{Build, Catalog, Facts, Means, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};
use maitred_proxy::{Clock, Compiler, Gateway, GatewayOptions, OverloadShared, compile};
use maitred_telemetry::{Metrics, MetricsOptions, SharedCounter};
use maitred_upstream::{Addresses, Resolve, ResolveError};

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

struct NoNames;

impl Resolve for NoNames {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>> {
        Box::pin(async move { Err(ResolveError(format!("nobody knows {name}"))) })
    }
}

const DOCUMENT: &str = "
maitred: 1
listeners: { web: http://127.0.0.1:0 }
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loaded = load("maitred.yaml", &Memory::new().with("maitred.yaml", DOCUMENT), &NoEnvironment);
        let catalog = Catalog::default().with::<Trip>();
        let metrics = Metrics::new(MetricsOptions {
            workers: 1,
            max_series: 100,
            version: "",
            revision: "",
            started: 0,
        });
        let (files, seen) = (Memory::new(), RefCell::default());
        let compiler = Compiler {
            document: loaded.usable().unwrap(),
            texts: loaded.texts(),
            means: Means { files: &files, seen: &seen },
            now: Clock::default().wall(),
            catalog: &catalog,
            metrics: &metrics,
            previous: None,
        };
        let snapshot = compile(compiler, &mut Problems::new()).unwrap();
        let panics = Arc::new(SharedCounter::default());
        let options = GatewayOptions {
            workers: 1,
            clock: Clock::default(),
            resolver: Arc::new(NoNames),
            access_log_dropped: Arc::default(),
            panics: Arc::clone(&panics),
            overload: Arc::new(OverloadShared::new(1)),
        };
        let gateway = Gateway::start(options, snapshot).await.unwrap();
        let Some((_, _, ListenAddress::Tcp(address))) = gateway.addresses().next() else {
            panic!("not bound")
        };
        let address = *address;
        let answers = tokio::task::spawn_blocking(move || {
            let close = "GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            [
                ask(address, "GET /trip HTTP/1.1\r\nHost: a\r\n\r\n"),
                ask(address, close),
                ask(
                    address,
                    &format!(
                        "GET /fine HTTP/1.1\r\nHost: a\r\n\r\nGET /trip HTTP/1.1\r\nHost: a\r\n\r\n{close}"
                    ),
                ),
            ]
        })
        .await
        .unwrap();
        assert!(answers[0].starts_with("HTTP/1.1 500 "), "{}", answers[0]);
        assert!(answers[0].contains("\r\nConnection: close\r\n"), "{}", answers[0]);
        assert!(answers[1].starts_with("HTTP/1.1 200 ") && answers[1].ends_with("fine"), "{}", answers[1]);
        // Of three at once the second panics: the connection ends there.
        assert_eq!(answers[2].matches("HTTP/1.1 200 ").count(), 1, "{}", answers[2]);
        assert_eq!(answers[2].matches("HTTP/1.1 500 ").count(), 1, "{}", answers[2]);
        assert_eq!(panics.value(), 2);
        assert!(gateway.drain().await);
    });
}
