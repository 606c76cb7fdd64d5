//! Certificates that listeners get from authorities (ACME, RFC 8555): ordered where there is none, and renewed in time.
//! For each account there is one task on the control runtime, which does one thing after the other; what a document wants was
//! compiled before, and a new certificate is shown from the next handshake on.

mod client;
mod failure;
mod keep;
mod order;
mod schedule;
mod session;
mod state;
mod turns;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use maitred_proxy::{AcmeAccount, Clock, Snapshot};
use maitred_telemetry::Metrics;
use maitred_upstream::Resolve;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::client::Wish;
use self::keep::{Keeper, Wanted};
use self::schedule::Backoff;
use self::turns::Turns;

/// The accounts of a gateway. Dropped, it orders nothing more.
pub(crate) struct Accounts {
    clock: Clock,
    metrics: Arc<Metrics>,
    random: fastrand::Rng,
    resolver: Arc<dyn Resolve>,
    turns: Turns,
    /// By the folder in which they are kept.
    running: HashMap<PathBuf, Running>,
}

#[derive(Debug)]
struct Running {
    wanted: watch::Sender<Wanted>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Accounts {
    /// None yet. `random` spreads times, so that many gateways do not ask at once.
    pub(crate) fn new(
        clock: Clock,
        metrics: Arc<Metrics>,
        random: fastrand::Rng,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        Self { clock, metrics, random, resolver, turns: Turns::default(), running: HashMap::new() }
    }

    /// Sees to the certificates that this snapshot wants, and to no others. To be called on the control runtime.
    pub(crate) fn adopt(&mut self, snapshot: &Snapshot) {
        let acme = snapshot.acme();
        let is_wanted = |folder: &PathBuf| acme.accounts.iter().any(|account| account.folder == *folder);
        self.running.retain(|folder, running| is_wanted(folder) && !running.task.is_finished());
        for account in &acme.accounts {
            tell_missing(account);
            if let Some(running) = self.running.get(&account.folder) {
                running.wanted.send_modify(|wanted| wanted.account = Arc::clone(account));
                continue;
            }
            let (wanted, told) = watch::channel(Wanted { account: Arc::clone(account), tries: 0 });
            let keeper = Keeper {
                clock: self.clock,
                metrics: Arc::clone(&self.metrics),
                random: self.random.fork(),
                proofs: Arc::clone(&acme.proofs),
                tokens: Arc::clone(&acme.tokens),
                resolver: Arc::clone(&self.resolver),
                turns: self.turns.clone(),
                wish: Wish::default(),
                backoff: Backoff::default(),
            };
            let task = tokio::spawn(keeper.keep(told)).abort_handle();
            self.running.insert(account.folder.clone(), Running { wanted, task });
        }
    }

    /// Tries again at once what failed and waits for its next try.
    pub(crate) fn try_now(&self) {
        for running in self.running.values() {
            running.wanted.send_modify(|wanted| wanted.tries += 1);
        }
    }
}

/// What a gateway lacks that serves already, a line for each certificate.
pub(crate) fn missing(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.acme().accounts.iter().flat_map(|account| &account.certificates);
    let missing = all.filter(|certificate| certificate.issued.is_missing());
    missing
        .map(|certificate| {
            format!(
                "no certificate yet for {} (listener {})",
                certificate.names(),
                certificate.listeners.join(", ")
            )
        })
        .collect()
}

fn tell_missing(account: &AcmeAccount) {
    for certificate in account.certificates.iter().filter(|certificate| certificate.issued.is_missing()) {
        let (hosts, listener) = (certificate.names(), certificate.listeners.join(", "));
        tracing::warn!(
            hosts,
            listener,
            "there is no certificate yet: handshakes are refused until one is issued"
        );
    }
}
