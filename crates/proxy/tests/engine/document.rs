//! Documents that are compiled and served with policies of their own.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use maitred_config::{Memory, NoEnvironment, Problems, Style, load};
use maitred_net::ListenAddress;
use maitred_policy::{Catalog, Means};
use maitred_proxy::{Clock, Compiler, Gateway, GatewayOptions, OverloadShared, Snapshot, compile};
use maitred_telemetry::{Metrics, MetricsOptions};
use maitred_upstream::{Addresses, Resolve, ResolveError};

struct NoNames;

impl Resolve for NoNames {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>> {
        Box::pin(async move { Err(ResolveError(format!("nobody knows {name}"))) })
    }
}

/// Compiles a document at a time, behind its version and a listener `web`; the problems as drawn where it has any.
pub(crate) fn compiled(
    document: &str,
    catalog: &Catalog,
    now: SystemTime,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, String> {
    let text = format!("maitred: 1\nlisteners: {{ web: http://127.0.0.1:0 }}\n{document}");
    let loaded = load("maitred.yaml", &Memory::new().with("maitred.yaml", text.as_str()), &NoEnvironment);
    let metrics =
        Metrics::new(MetricsOptions { workers: 1, max_series: 100, version: "", revision: "", started: 0 });
    let (files, seen) = (Memory::new(), RefCell::default());
    let document = loaded.usable().unwrap_or_else(|| {
        panic!("{}", loaded.problems.render(loaded.texts(), Style::Plain));
    });
    let (texts, means) = (loaded.texts(), Means::new(&files, &seen, catalog));
    let compiler = Compiler { document, texts, means, now, catalog, metrics: &metrics, previous };
    let mut problems = Problems::new();
    let snapshot = compile(compiler, &mut problems);
    snapshot.ok_or_else(|| problems.render(texts, Style::Plain))
}

/// What a gateway of one worker is started with.
pub(crate) fn options() -> GatewayOptions {
    GatewayOptions {
        workers: 1,
        clock: Clock::default(),
        resolver: Arc::new(NoNames),
        access_log_dropped: Arc::default(),
        panics: Arc::default(),
        refreshes_dropped: Arc::default(),
        overload: Arc::new(OverloadShared::new(1)),
    }
}

/// Starts a gateway with a document; and where it listens.
pub(crate) async fn start(
    document: &str,
    catalog: &Catalog,
    options: GatewayOptions,
) -> (Gateway, SocketAddr) {
    let snapshot =
        compiled(document, catalog, Clock::default().wall(), None).expect("the test's document compiles");
    let gateway = Gateway::start(options, snapshot).await.expect("the gateway starts");
    let Some((_, _, ListenAddress::Tcp(address))) = gateway.addresses().next() else { panic!("not bound") };
    let address = *address;
    (gateway, address)
}

/// Runs what needs a runtime.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let options = tokio::runtime::LocalOptions::default();
    let runtime = builder.enable_all().build_local(options).expect("a runtime");
    runtime.block_on(future)
}

/// Serves a document while `clients`, who are told where, do what they do on a thread of their own; and drains then.
pub(crate) fn serve<T: Send + 'static>(
    document: &str,
    catalog: &Catalog,
    options: GatewayOptions,
    clients: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> T {
    run(async {
        let (gateway, address) = start(document, catalog, options).await;
        let done =
            tokio::task::spawn_blocking(move || clients(address)).await.expect("the clients are content");
        assert!(gateway.drain().await);
        done
    })
}
