//! One reload: load → compile → bind → put in place, or nothing at all. What serves keeps serving until the new
//! configuration has passed every step that can fail.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use maitred_config::{Document, Loaded, LogLevel, Tree, Watched};
use maitred_policy::Catalog;
use maitred_proxy::{Clock, Gateway, Snapshot};
use maitred_telemetry::{LevelFilter, Log, Metrics};

use crate::acme::Accounts;
use crate::admin::AdminListener;
use crate::changes::RouteChanges;
use crate::overload::OverloadWatch;
use crate::report::log_problems;
use crate::source::Source;
use crate::watch::Watch;

/// What serves, told at the start and after every reload.
pub struct Serving<'s> {
    /// The configuration.
    pub document: &'s Document,
    /// The gateway, for the addresses of its listeners.
    pub gateway: &'s Gateway,
    /// Where the admin listener is: `127.0.0.1:9180`, or `unix:/path`; nothing if there is none.
    pub admin: Option<&'s str>,
}

impl std::fmt::Debug for Serving<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let routes = self.document.routes.len();
        f.debug_struct("Serving").field("routes", &routes).field("admin", &self.admin).finish_non_exhaustive()
    }
}

/// What a configuration is made with.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) catalog: &'a Catalog,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) log: Option<&'a Log>,
}

/// What serves now, and what is needed to replace it.
pub(crate) struct Reloader<'a> {
    pub(crate) workshop: Workshop<'a>,
    pub(crate) gateway: Gateway,
    pub(crate) admin: AdminListener,
    pub(crate) accounts: Accounts,
    overload: OverloadWatch,
    pub(crate) watch: Option<Watch>,
    /// What `watch` watches.
    watched: Vec<Watched>,
    document: Document,
    /// What it was loaded from.
    origin: Origin,
    /// What the last one that was refused was loaded from, to be told of once.
    refused: Option<Origin>,
    /// Something may have changed between a load and the watch that was set up after it.
    recheck: bool,
}

/// What a configuration was loaded from: texts, and what the files hold that it names (certificates, keys).
#[derive(Debug)]
struct Origin {
    tree: Tree,
    contents: Vec<(PathBuf, Option<u64>)>,
}

/// Why it is loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody asked for it, who wants an answer in any case.
    Order,
    /// A file changed.
    Change,
    /// To be sure.
    Recheck,
}

/// Why a configuration is not put in place.
#[derive(Debug)]
enum Refusal {
    /// Its problems say it.
    Problems,
    /// An address or a file.
    System(io::Error),
}

impl<'a> Reloader<'a> {
    /// For a gateway that was started with this document.
    pub(crate) fn new(
        workshop: Workshop<'a>,
        (gateway, admin, accounts, overload): (Gateway, AdminListener, Accounts, OverloadWatch),
        (document, tree): (Document, Tree),
        watch: Option<Watch>,
    ) -> Self {
        let watched = watched(&tree, gateway.current());
        // What policies have read is only known by now.
        let watch = if watched == tree.watched { watch } else { workshop.watch(&watched) };
        let contents = workshop.contents(&tree, gateway.current());
        let origin = Origin { tree, contents };
        Self {
            workshop,
            gateway,
            admin,
            accounts,
            overload,
            watch,
            watched,
            document,
            origin,
            refused: None,
            recheck: true,
        }
    }

    /// What serves now.
    pub(crate) fn serving(&self) -> Serving<'_> {
        Serving { document: &self.document, gateway: &self.gateway, admin: self.admin.address() }
    }

    /// Loads the configuration again, and puts it in place if it is new and good. To be dropped while it waits only where the gateway
    /// stops: requests still see the old one then, but logs of the new one are open, and what it fetches may be on its way.
    /// Answers whether something was put in place.
    pub(crate) async fn reload(&mut self, cause: Cause) -> bool {
        let mut is_new = self.reload_once(cause).await;
        while std::mem::take(&mut self.recheck) {
            is_new |= self.reload_once(Cause::Recheck).await;
        }
        is_new
    }

    async fn reload_once(&mut self, cause: Cause) -> bool {
        let started = self.workshop.clock.now();
        if cause == Cause::Change {
            // A folder that was exchanged is another folder: watched before it is read, nothing is missed.
            self.watch = self.workshop.watch(&self.watched);
        }
        let loaded = self.workshop.source.load();
        let watched = watched(&loaded.tree, self.gateway.current());
        if watched != self.watched {
            self.watched = watched;
            self.watch = self.workshop.watch(&self.watched);
            self.recheck = true;
        }
        let contents = self.workshop.contents(&loaded.tree, self.gateway.current());
        if self.origin.is_of(&loaded.tree, &contents) {
            self.refused = None;
            if cause == Cause::Order {
                tracing::info!("the configuration is unchanged");
            }
            return false;
        }
        let is_known = self.refused.as_ref().is_some_and(|refused| refused.is_of(&loaded.tree, &contents));
        if is_known && cause != Cause::Order {
            return false;
        }
        self.replace(loaded, contents, started).await
    }

    /// Compiles what was loaded and puts it in place, or tells why not.
    async fn replace(
        &mut self,
        mut loaded: Loaded,
        contents: Vec<(PathBuf, Option<u64>)>,
        started: Instant,
    ) -> bool {
        let placed = self.put(&mut loaded).await;
        log_problems(&loaded);
        let file = self.workshop.source.path.display();
        match placed {
            Ok(document) => {
                let RouteChanges { added, removed, changed } =
                    RouteChanges::between(&self.document, &document);
                let routes = document.routes.len();
                let took = self.workshop.clock.now().duration_since(started);
                tracing::info!(%file, routes, added, removed, changed, ?took, "configuration reloaded");
                self.workshop.change_level(&document);
                self.workshop.note_loaded();
                self.workshop.metrics.events().reloads_succeeded.inc();
                // The new one may have other files; what they held at the time of the load is known of those that it names itself.
                let now = self.workshop.contents(&loaded.tree, self.gateway.current());
                self.recheck |=
                    now != contents || watched(&loaded.tree, self.gateway.current()) != self.watched;
                (self.document, self.refused) = (document, None);
                self.origin = Origin { tree: loaded.tree, contents: now };
                return true;
            }
            Err(Refusal::System(error)) => {
                tracing::error!(%file, "{error}; the configuration from before serves on");
            }
            Err(Refusal::Problems) => {
                let errors = loaded.problems.error_count();
                tracing::error!(%file, errors, "the configuration has errors; the one from before serves on");
            }
        }
        self.workshop.metrics.events().reloads_failed.inc();
        self.refused = Some(Origin { tree: loaded.tree, contents });
        false
    }

    async fn put(&mut self, loaded: &mut Loaded) -> Result<Document, Refusal> {
        let current = Arc::clone(self.gateway.current());
        let snapshot = self.workshop.compile(loaded, Some(&current)).ok_or(Refusal::Problems)?;
        // The gateway drops it when nobody uses it any more, and counts this as a use.
        drop(current);
        let document = loaded.document.take().ok_or(Refusal::Problems)?;
        let admin = self.admin.prepare(&document).map_err(Refusal::System)?;
        self.gateway.apply(snapshot).await.map_err(Refusal::System)?;
        self.admin.put(admin, &document);
        self.admin.show(&self.gateway, &loaded.tree, self.workshop.clock);
        self.overload.adopt(&document);
        Ok(document)
    }
}

impl Workshop<'_> {
    pub(crate) fn compile(&self, loaded: &mut Loaded, previous: Option<&Snapshot>) -> Option<Snapshot> {
        self.source.compile(loaded, self.clock.wall(), self.catalog, &self.metrics, previous)
    }

    /// What the files hold that a configuration names, as numbers to compare; none of those that cannot be read.
    fn contents(&self, tree: &Tree, snapshot: &Snapshot) -> Vec<(PathBuf, Option<u64>)> {
        let content = |path: &Path| {
            let bytes = self.source.files.read(path).ok()?;
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            Some(hasher.finish())
        };
        let named = tree.named_files.iter().map(PathBuf::as_path).chain(snapshot.files());
        let mut contents: Vec<_> = named.map(|path| (path.to_owned(), content(path))).collect();
        contents.sort();
        contents.dedup();
        contents
    }

    /// Watches these files, if they are to be watched and the system can.
    pub(crate) fn watch(&self, watched: &[Watched]) -> Option<Watch> {
        if !self.source.is_watched {
            return None;
        }
        match Watch::new(watched) {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::warn!(
                    "changes of the configuration's files are not noticed, send SIGHUP instead: {error}"
                );
                None
            }
        }
    }

    /// Notes the time at which the configuration that serves was loaded.
    pub(crate) fn note_loaded(&self) {
        let since = self.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.metrics.events().last_reload.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    }

    pub(crate) fn change_level(&self, document: &Document) {
        let Some(log) = self.log else { return };
        log.change_level(match document.telemetry.log.level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        });
    }
}

/// Whether two loads read the same bytes, and `${…}` brought in the same.
impl Origin {
    /// Whether that is what this was loaded from.
    fn is_of(&self, tree: &Tree, contents: &[(PathBuf, Option<u64>)]) -> bool {
        let texts = |tree: &Tree| {
            tree.texts.files().map(|file| (file.path.clone(), Arc::clone(&file.text))).collect::<Vec<_>>()
        };
        self.contents == contents && texts(tree) == texts(&self.tree) && tree.root == self.tree.root
    }
}

/// All that is to be watched: what was looked at to load it, and to compile it.
fn watched(tree: &Tree, snapshot: &Snapshot) -> Vec<Watched> {
    let files = snapshot.files().map(|path| Watched::File(path.to_owned()));
    let mut watched: Vec<Watched> = tree.watched.iter().cloned().chain(files).collect();
    let mut seen = Vec::new();
    watched.retain(|one| {
        let is_new = !seen.contains(one);
        seen.push(one.clone());
        is_new
    });
    watched
}
