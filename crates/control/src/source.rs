//! Where the configuration comes from, and the one way from there to a snapshot: load, then compile.
//! `run`, `check`, `explain` and `demo` all go it, so that they agree about every problem.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::SystemTime;

use maitred_config::{Environment, Files, Loaded, load};
use maitred_policy::{Catalog, Means};
use maitred_proxy::{Compiler, Snapshot, compile};
use maitred_telemetry::Metrics;

/// A configuration that can be loaded again and again.
pub struct Source<'a> {
    /// The file to begin with.
    pub path: PathBuf,
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// Where `${NAME}` is read from.
    pub environment: &'a dyn Environment,
    /// Whether the files are on disk, so that changes of them can be noticed.
    pub is_watched: bool,
}

impl Source<'_> {
    /// Loads the configuration with all its problems.
    pub fn load(&self) -> Loaded {
        load(&self.path, self.files, self.environment)
    }

    /// Compiles what was loaded, as of `now`. Problems are added to those of the load, in the order of their places; with an error
    /// among them there is no snapshot. A document that could be read in spite of errors is compiled too, so that all problems are
    /// told at once.
    pub fn compile(
        &self,
        loaded: &mut Loaded,
        now: SystemTime,
        catalog: &Catalog,
        metrics: &Metrics,
        previous: Option<&Snapshot>,
    ) -> Option<Snapshot> {
        let document = loaded.document.as_ref()?;
        let (texts, seen) = (&loaded.tree.texts, RefCell::default());
        let means = Means::new(self.files, &seen, catalog);
        let compiler = Compiler { document, texts, means, now, catalog, metrics, previous };
        let snapshot = compile(compiler, &mut loaded.problems);
        loaded.problems.sort();
        snapshot.filter(|_| !loaded.problems.has_errors())
    }
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.path.display())
    }
}
