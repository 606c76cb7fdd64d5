//! What is done about servers that are away, beside requests: they are found out anew, and asked until they are well. It runs on the control
//! runtime.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::node::NodeShared;
use super::servers::ServersShared;
use super::watch::STAYED;

/// Between two tries: this long at first, and twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// So many answers in a row, each within the time-out of commands, and a server that was away is well.
const ANSWERS: usize = 3;

/// Mends what requests tell of, for ever.
pub(super) async fn mend(servers: &ServersShared, prefix: &str) {
    let (mut pause, mut is_told) = (FIRST_PAUSE, false);
    let mut is_well = begin(servers, &mut is_told).await;
    loop {
        if is_well {
            is_told = false;
            let since = Instant::now();
            servers.watch.wanted.notified().await;
            if since.elapsed() >= STAYED {
                pause = FIRST_PAUSE;
            }
        }
        // A server that hangs is not waited for before the others are found.
        let (is_found, is_back) = tokio::join!(find(servers, &mut is_told), probe(servers, prefix));
        is_well = is_found && is_back;
        // Also after it went well, so that a server that comes and goes is not asked all the time.
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Finds all servers at first. Requests wait for that, but none for those who do not answer.
async fn begin(servers: &ServersShared, is_told: &mut bool) -> bool {
    let mut finding = std::pin::pin!(find(servers, is_told));
    let found = tokio::time::timeout(servers.timeout, &mut finding).await;
    if found.is_err() {
        servers.sought();
    }
    let is_well = match found {
        Ok(is_well) => is_well,
        Err(_) => finding.await,
    };
    servers.sought();
    is_well
}

/// Finds out which servers there are. Whether that went well; where it did not, the log has it once.
async fn find(servers: &ServersShared, is_told: &mut bool) -> bool {
    let before = servers.topology.load_full();
    match servers.finder.find(&before).await {
        Ok(None) => true,
        Ok(Some(topology)) => {
            if !before.nodes.is_empty() {
                servers.watch.found(topology.nodes.iter().map(|node| &node.place));
            }
            servers.topology.store(Arc::new(topology));
            servers.changed.notify_waiters();
            true
        }
        Err(error) => {
            if !std::mem::replace(is_told, true) {
                servers.watch.unknown(&error);
            }
            false
        }
    }
}

/// Asks all servers that are away. Whether all of them are well now.
async fn probe(servers: &ServersShared, prefix: &str) -> bool {
    // It changes nothing, but only a server that lets write answers it.
    let mut command = redis::cmd("PEXPIRE");
    command.arg(format!("{prefix}probe")).arg(1);
    let mut probes = JoinSet::new();
    for node in servers.topology.load().nodes.iter().filter(|node| node.is_open()) {
        let (node, link, command) = (Arc::clone(node), Arc::clone(&servers.finder.link), command.clone());
        probes.spawn(async move {
            let said = link.ask_briskly(&node.place, &command, ANSWERS).await;
            // What belongs to another server of a cluster is refused by one that is well.
            let is_well = said.map_or_else(|error| error.redirect_node().is_some(), |_| true);
            if is_well {
                node.close();
            }
            is_well
        });
    }
    probes.join_all().await.into_iter().all(|is_well| is_well)
}

/// A server that can be asked, if there is one.
pub(super) fn any(servers: &ServersShared) -> Option<Arc<NodeShared>> {
    servers.topology.load().nodes.iter().find(|node| !node.is_open()).cloned()
}
