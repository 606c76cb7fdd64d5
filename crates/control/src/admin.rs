//! The admin listener: health pages, metrics, the admin API. On the control runtime, apart from all listeners of
//! clients, and bounded in connections, heads and times.
//!
//! A reload may move it, open it, close it and change its token: `prepare` binds what is new and can fail, `put` cannot.

mod address;
mod collections;
mod connection;
mod guard;
mod pages;
mod problem;
mod upstreams;
mod words;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use maitred_config::{Document, Toggle, Tree, scalar::ListenAddress};
use maitred_proxy::{Clock, Gateway, OverloadShared};
use maitred_telemetry::Metrics;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::address::BoundAdmin;
use self::collections::Collections;
use self::guard::Guard;
use self::pages::Pages;
use self::upstreams::Shown;
use crate::life::Life;

/// What a document says of the admin pages.
#[derive(Debug, Default)]
struct AdminSettings {
    guard: Guard,
    /// Where the metrics are; nowhere if there is no such page.
    metrics_path: Option<String>,
}

/// The admin listener of a gateway, open or not.
#[derive(Debug)]
pub(crate) struct AdminListener {
    pages: Pages,
    settings: watch::Sender<Arc<AdminSettings>>,
    shown: watch::Sender<Option<Arc<Shown>>>,
    collections: watch::Sender<Arc<Collections>>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// As it is written; the port that was chosen for 0 is in `actual`.
    wanted: ListenAddress,
    actual: String,
    accepting: AbortHandle,
}

/// What `put` is to do with the listener.
#[derive(Debug)]
pub(crate) enum PreparedAdmin {
    /// It stays where it is, open or closed.
    Keep,
    Close,
    Open(ListenAddress, BoundAdmin),
}

impl AdminListener {
    /// A listener that is not open yet.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        life: watch::Receiver<Life>,
        overload: Arc<OverloadShared>,
    ) -> Self {
        let (settings, read) = watch::channel(Arc::default());
        let (shown, serving) = watch::channel(None);
        let (collections, kept) = watch::channel(Arc::default());
        let pages = Pages { life, metrics, overload, settings: read, serving, collections: kept };
        Self { pages, settings, shown, collections, open: None }
    }

    /// Where it listens: `127.0.0.1:9180`, or `unix:/path`; nothing while it is closed.
    pub(crate) fn address(&self) -> Option<&str> {
        self.open.as_ref().map(|open| &*open.actual)
    }

    /// Binds what this document asks for, if it is not bound yet. Nothing changes before [`AdminListener::put`].
    pub(crate) fn prepare(&self, document: &Document) -> io::Result<PreparedAdmin> {
        let Toggle::On(admin) = &document.admin else { return Ok(PreparedAdmin::Close) };
        let wanted = &admin.address.value;
        if self.open.as_ref().is_some_and(|open| open.wanted == *wanted) {
            return Ok(PreparedAdmin::Keep);
        }
        let bound = BoundAdmin::bind(wanted).map_err(|error| self.explain(wanted, error))?;
        Ok(PreparedAdmin::Open(wanted.clone(), bound))
    }

    /// The old socket is closed only once the new one is there, so `127.0.0.1:9180` cannot become `0.0.0.0:9180` in one step.
    fn explain(&self, wanted: &ListenAddress, error: io::Error) -> io::Error {
        let own: Option<SocketAddr> = self.address().and_then(|address| address.parse().ok());
        if let (Some(own), ListenAddress::Tcp(wanted)) = (own, wanted)
            && own.port() == wanted.port()
            && error.kind() == ErrorKind::AddrInUse
        {
            let hint = "the port is its own, at another address: take another port, or restart the gateway";
            return io::Error::new(error.kind(), format!("{error}; {hint}"));
        }
        error
    }

    /// Shows what serves from now on, and the tree that it was made from.
    pub(crate) fn show(&self, gateway: &Gateway, tree: &Tree, clock: Clock) {
        let shown = Shown::new(gateway.current(), tree, clock);
        let collections = Collections::new(gateway.current(), gateway.store_clock());
        self.shown.send_replace(Some(Arc::new(shown)));
        self.collections.send_replace(Arc::new(collections));
    }

    /// Puts what was prepared in place of what is there. Connections that are open stay, under the new settings.
    pub(crate) fn put(&mut self, prepared: PreparedAdmin, document: &Document) {
        self.settings.send_replace(Arc::new(AdminSettings::of(document)));
        if matches!(prepared, PreparedAdmin::Keep) {
            return;
        }
        if let Some(open) = self.open.take() {
            open.accepting.abort();
        }
        if let PreparedAdmin::Open(wanted, bound) = prepared {
            let actual = bound.to_string();
            let accepting = tokio::spawn(connection::accept(bound, self.pages.clone())).abort_handle();
            self.open = Some(Open { wanted, actual, accepting });
        }
    }
}

impl AdminSettings {
    fn of(document: &Document) -> Self {
        let guard = match &document.admin {
            Toggle::On(admin) => Guard::new(admin.token.clone()),
            Toggle::Off => Guard::default(),
        };
        let metrics_path = match &document.telemetry.metrics {
            Toggle::On(metrics) => Some(metrics.path.clone()),
            Toggle::Off => None,
        };
        Self { guard, metrics_path }
    }
}

#[cfg(test)]
mod tests;
