//! `maitred demo`: sample services and the gateway in one process, and requests to paste.
//! It needs nothing else: the configuration is compiled in, ports of services are chosen by the system.

mod guide;
mod services;

use std::io;
use std::path::Path;
use std::sync::Arc;

use maitred_config::Memory;
use maitred_control::{Order, Serving, Source, StartError, Stopped, orders_from_signals};
use maitred_proxy::Clock;
use maitred_telemetry::{Log, Metrics};
use tokio::sync::mpsc;

use self::guide::Guide;
use self::services::Services;
use crate::arguments::DemoArguments;
use crate::console::{Console, Exit};
use crate::{run, workshop};

/// The configuration of the demo.
const SHOP: &str = include_str!("../../../examples/shop.yaml");
/// Under this name it appears in messages.
const SHOP_FILE: &str = "examples/shop.yaml";
/// What the service that speaks gRPC offers, which it names.
const INVENTORY: &str = include_str!("../../../examples/protos/inventory.proto");
/// Two, so that what happens between workers can be seen, and a laptop stays cool.
const WORKERS: usize = 2;

/// Runs the demo until it is told to stop.
pub(crate) fn demo(arguments: &DemoArguments, console: &mut Console<'_>) -> io::Result<Exit> {
    let metrics = Arc::new(workshop::metrics(WORKERS, &Clock::default()));
    let log = run::install_log(&metrics)?;
    let services = Services::start()?;
    let mut told = Ok(());
    let runtime = run::control_runtime()?;
    let ended = runtime.block_on(async {
        let orders = orders_from_signals().map_err(StartError::System)?;
        serve(arguments, &services, (&metrics, Some(&log)), orders, &mut |guide| {
            told = console.print(&guide.to_string());
        })
        .await
    });
    runtime.shutdown_background();
    // Lines that could not be written are lost with the process, and of no use after it.
    let _ = log.close(run::LAST_LINES);
    told?;
    if let Err(StartError::System(error)) = &ended
        && error.kind() == io::ErrorKind::AddrInUse
    {
        console.error(&error.to_string())?;
        console.error("choose other ports: `maitred demo --port 8090 --admin-port 9190` (`--port` takes the next one too)")?;
        return Ok(Exit::Problems);
    }
    run::tell_end(ended, Path::new(SHOP_FILE), console)
}

/// Runs the gateway in front of these services, and tells how to use it once it serves.
async fn serve(
    arguments: &DemoArguments,
    services: &Services,
    (metrics, log): (&Arc<Metrics>, Option<&Log>),
    orders: mpsc::UnboundedReceiver<Order>,
    tell: &mut dyn FnMut(&Guide),
) -> Result<Stopped, StartError> {
    let files = Memory::new().with(SHOP_FILE, SHOP).with("examples/protos/inventory.proto", INVENTORY);
    // Only what is set here: the demo does not depend on the environment it is tried in.
    let environment = |name: &str| match name {
        "PORT" => Some(arguments.port.to_string()),
        "INTERNAL_PORT" => Some(internal_port(arguments.port).to_string()),
        "ADMIN_PORT" => Some(arguments.admin_port.to_string()),
        _ => services.url(name.strip_suffix("_URL")?),
    };
    let source =
        Source { path: SHOP_FILE.into(), files: &files, environment: &environment, is_watched: false };
    let mut announce = |serving: Serving<'_>| tell(&Guide::of(&serving, services));
    run::operate(source, (metrics, WORKERS), log, orders, &mut announce).await
}

/// The next port; for the last one, and for 0, the system chooses.
fn internal_port(port: u16) -> u16 {
    if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) }
}

#[cfg(test)]
mod tests;
