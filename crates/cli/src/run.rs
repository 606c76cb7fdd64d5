//! `maitred run`: the gateway as a service.
//! Log, metrics and name servers are set up here; the rest is the operation's (`maitred_control::Operation`).

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_control::{Operation, Order, Serving, Source, StartError, Stopped, orders_from_signals};
use maitred_http::Scheme;
use maitred_net::ListenAddress;
use maitred_proxy::{Clock, Gateway, GatewayOptions, OverloadShared};
use maitred_telemetry::{LevelFilter, Log, LogFormat, LogOptions, Metrics};
use maitred_upstream::{Addresses, DnsResolver, Resolve, ResolveError, Resolving, Services};
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::mpsc;

use crate::arguments::RunArguments;
use crate::console::{Console, Exit};
use crate::workshop;

/// Threads for work that would hold up the control runtime, such as writing a large metrics page.
const BLOCKING_THREADS: usize = 4;
/// How long the last lines of the log may take.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(2);
/// With fewer file descriptors a gateway runs out of connections soon.
const FEW_DESCRIPTORS: u64 = 4096;

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &RunArguments, console: &mut Console<'_>) -> io::Result<Exit> {
    let clock = Clock::default();
    let workers = match arguments.workers {
        Some(workers) => usize::from(workers.get()),
        None => processors(),
    };
    let metrics = Arc::new(workshop::metrics(workers, &clock));
    let log = install_log(&metrics)?;
    raise_descriptor_limit();
    let source = workshop::on_disk(&arguments.file);
    let mut announced = Announced::new(workers, &arguments.file);
    let runtime = control_runtime()?;
    let ended = runtime.block_on(async {
        let orders = orders_from_signals().map_err(StartError::System)?;
        operate(source, (&metrics, workers), Some(&log), orders, &mut |serving| announced.announce(&serving))
            .await
    });
    // What is on the side waits for files or name servers, and nobody for it.
    runtime.shutdown_background();
    let unwritten = log.close(LAST_LINES);
    if let Err(lines) = unwritten {
        console.error(&format!("{} lines of the log could not be written", lines.0))?;
    }
    tell_end(ended, &arguments.file, console)
}

/// Runs a gateway with the built-in policies. To be called on the control runtime.
pub(crate) async fn operate(
    source: Source<'_>,
    (metrics, workers): (&Arc<Metrics>, usize),
    log: Option<&Log>,
    orders: mpsc::UnboundedReceiver<Order>,
    announce: &mut dyn FnMut(Serving<'_>),
) -> Result<Stopped, StartError> {
    let gateway = GatewayOptions {
        workers,
        clock: Clock::default(),
        resolver: resolver(),
        access_log_dropped: Arc::clone(&metrics.events().access_log_dropped),
        panics: Arc::clone(&metrics.events().panics),
        refreshes_dropped: Arc::clone(&metrics.events().refreshes_dropped),
        overload: Arc::new(OverloadShared::new(workers)),
    };
    let catalog = maitred_policies::catalog();
    Operation { source, catalog: &catalog, metrics: Arc::clone(metrics), gateway, log }
        .run(orders, announce)
        .await
}

/// The name servers of this machine. Where none are configured, as in a bare container, addresses still work.
fn resolver() -> Arc<dyn Resolve> {
    match DnsResolver::from_system() {
        Ok(resolver) => Arc::new(resolver),
        Err(error) => {
            tracing::warn!("names of upstreams cannot be resolved, only addresses work: {error}");
            Arc::new(NoNames(error))
        }
    }
}

/// Knows no name, and says why.
struct NoNames(ResolveError);

impl Resolve for NoNames {
    fn resolve<'a>(&'a self, _name: &'a str) -> Resolving<'a, Addresses> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }

    fn resolve_service<'a>(&'a self, _name: &'a str) -> Resolving<'a, Services> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
}

/// Tells why a gateway did not start, and how the program ends.
pub(crate) fn tell_end(
    ended: Result<Stopped, StartError>,
    file: &Path,
    console: &mut Console<'_>,
) -> io::Result<Exit> {
    match ended {
        Ok(Stopped::Drained | Stopped::CutOff) => Ok(Exit::Fine),
        Ok(Stopped::AtOnce) => Ok(Exit::Problems),
        Err(StartError::Document(loaded)) => {
            console.problems(&loaded, &file.display().to_string())?;
            Ok(Exit::Problems)
        }
        Err(StartError::System(error)) => {
            console.error(&error.to_string())?;
            Ok(Exit::Problems)
        }
    }
}

/// The runtime of everything that serves no request.
pub(crate) fn control_runtime() -> io::Result<LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build_local(LocalOptions::default())
}

/// The log of this process, at `info` until the configuration says otherwise.
pub(crate) fn install_log(metrics: &Metrics) -> io::Result<Log> {
    Log::install(&LogOptions {
        level: LevelFilter::INFO,
        format: LogFormat::for_stderr(),
        now: unix_micros,
        dropped: Arc::clone(&metrics.events().log_dropped),
    })
}

fn unix_micros() -> u64 {
    let since = Clock::default().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// By affinity and the quota of the control group.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Each connection takes a descriptor, and each that is forwarded two.
pub(crate) fn raise_descriptor_limit() {
    match maitred_net::raise_descriptor_limit() {
        Ok(limit) if limit >= FEW_DESCRIPTORS => tracing::debug!(limit, "file descriptors"),
        Ok(limit) => {
            tracing::warn!(limit, "few file descriptors: raise the hard limit (ulimit -Hn, LimitNOFILE=)");
        }
        Err(error) => tracing::warn!("the limit of file descriptors is unknown: {error}"),
    }
}

/// The addresses of a gateway's listeners, by name.
pub(crate) fn addresses(gateway: &Gateway) -> Vec<(String, String)> {
    let address = |scheme: Scheme, address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => format!("{}://{address}", scheme.as_str()),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    };
    let mut addresses: Vec<_> =
        gateway.addresses().map(|(name, scheme, bound)| (name.to_owned(), address(scheme, bound))).collect();
    addresses.sort();
    addresses
}

/// Logs what serves: all of it at the start, after a reload what is new.
struct Announced {
    workers: usize,
    file: String,
    told: Vec<(String, String)>,
}

impl Announced {
    fn new(workers: usize, file: &Path) -> Self {
        Self { workers, file: file.display().to_string(), told: Vec::new() }
    }

    fn announce(&mut self, serving: &Serving<'_>) {
        let mut all = addresses(serving.gateway);
        if let Some(admin) = serving.admin {
            all.push((
                "admin".to_owned(),
                if admin.starts_with("unix:") { admin.to_owned() } else { format!("http://{admin}") },
            ));
        }
        for (listener, address) in all.iter().filter(|address| !self.told.contains(address)) {
            tracing::info!(listener, address, "listening");
        }
        if self.told.is_empty() {
            let (version, file, workers) = (workshop::VERSION, &*self.file, self.workers);
            tracing::info!(version, file, workers, routes = serving.document.routes.len(), "maitred serves");
        }
        self.told = all;
    }
}

#[cfg(test)]
mod tests;
