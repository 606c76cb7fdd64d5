//! What a policy may ask for while it is compiled, and where it is written.
//! Nothing here exists at run time.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use maitred_config::{
    Files, Glob, Issuer, Named, PolicyEntry, Problem, Problems, Span, Spanned, Texts, UpstreamRef,
};

use crate::callers::Consumers;
use crate::condition::Condition;
use crate::erased::{CompiledPolicy, DynPolicy};
use crate::ip_lists::IpLists;
use crate::outbound::{NoUpstreams, Outbound, Upstreams};
use crate::resources::MakingResources;
use crate::stores::Stores;
use crate::values::Available;
use maitred_store::{Scope, StoreShared};

/// Where a policy is written. A policy belongs to its place: routes that inherit it share it, and after a reload it is
/// found again by its place and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Among the global `policies`.
    Global,
    /// In a policy set.
    Set(Arc<str>),
    /// On a route.
    Route(Arc<str>),
}

/// The context of one compilation.
pub struct Build<'a> {
    problems: &'a mut Problems,
    span: Span,
    texts: &'a Texts,
    means: Means<'a>,
}

/// What compiling may use beside the document.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// The files that were read, for whoever watches them.
    pub seen: &'a RefCell<Vec<PathBuf>>,
    /// Whom the gateway knows by name.
    pub consumers: &'a Arc<Consumers>,
    /// Who signs tokens.
    pub issuers: &'a Named<Issuer>,
    /// Whether a listener asks clients for certificates.
    pub asks_certificates: bool,
    /// The upstreams that can be asked.
    pub upstreams: &'a dyn Upstreams,
    /// What policies share; none where each makes its own.
    pub resources: Option<&'a MakingResources<'a>>,
    /// The policies that there are, for those that hold others.
    pub kinds: &'a dyn Kinds,
    /// Lists of addresses, by name.
    pub ip_lists: &'a IpLists,
    /// Where is kept what requests share.
    pub stores: &'a Stores,
    /// Where the policy is written, and its name there.
    pub written: Written<'a>,
}

/// Where a policy is written, and its name there, with its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written<'a> {
    /// The place: global, of a set, of a route.
    pub place: &'a str,
    /// The name.
    pub name: &'a str,
}

/// The policies that there are.
pub trait Kinds {
    /// Compiles what is written in `texts`; none if there were problems. `previous` is the policy that this one replaces.
    fn compile(
        &self,
        written: &PolicyEntry,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy>;
}

/// Where no document says who signs tokens.
static NO_ISSUERS: LazyLock<Named<Issuer>> = LazyLock::new(Named::default);

/// Where no document says whom the gateway knows.
static NOBODY: LazyLock<Arc<Consumers>> = LazyLock::new(Arc::default);
/// Where no document has lists of addresses.
static NO_LISTS: LazyLock<IpLists> = LazyLock::new(IpLists::default);
/// Where no document has stores: the default one. Nothing is kept there but by documents that are only looked at.
static NO_STORES: LazyLock<Stores> = LazyLock::new(Stores::default);

impl<'a> Means<'a> {
    /// These files and policies, and neither consumers nor upstreams nor lists, and no listener that asks for certificates.
    pub fn new(files: &'a dyn Files, seen: &'a RefCell<Vec<PathBuf>>, kinds: &'a dyn Kinds) -> Self {
        let (consumers, upstreams, ip_lists) = (&*NOBODY, &NoUpstreams, &*NO_LISTS);
        let issuers = &*NO_ISSUERS;
        let asks_certificates = false;
        Self {
            files,
            seen,
            consumers,
            issuers,
            asks_certificates,
            upstreams,
            resources: None,
            kinds,
            ip_lists,
            stores: &NO_STORES,
            written: Written::default(),
        }
    }
}

impl<'a> Build<'a> {
    /// For a policy written at `span` of `texts`.
    pub fn new(problems: &'a mut Problems, span: Span, texts: &'a Texts, means: Means<'a>) -> Self {
        Self { problems, span, texts, means }
    }

    /// The bytes of a file. That it cannot be read is reported.
    pub fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        match self.try_read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.report(
                    Problem::error(format!("`{}` cannot be read: {error}", path.display())).at(self.span),
                );
                None
            }
        }
    }

    /// The same, and nothing is reported.
    pub fn try_read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.means.seen.borrow_mut().push(path.to_owned());
        self.means.files.read(path)
    }

    /// Whom the gateway knows by name.
    pub fn consumers(&self) -> &Arc<Consumers> {
        self.means.consumers
    }

    /// Who signs tokens.
    pub fn issuers(&self) -> &'a Named<Issuer> {
        self.means.issuers
    }

    /// Whether a listener asks clients for certificates.
    pub fn asks_certificates(&self) -> bool {
        self.means.asks_certificates
    }

    /// The service that a policy asks, by the name of an upstream or by its URL. That there is none is reported.
    pub fn upstream(&mut self, meant: &UpstreamRef) -> Option<Outbound> {
        self.means.upstreams.find(meant).map_err(|problem| self.report(problem)).ok()
    }

    /// What policies share under this name and type: the first that asks makes it, with what there was before the reload at
    /// hand. None where that went wrong, which was reported when it was made.
    pub fn resource<T: Send + Sync + 'static>(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self, Option<&Arc<T>>) -> Option<Arc<T>>,
    ) -> Option<Arc<T>> {
        let Some(resources) = self.means.resources else { return make(self, None) };
        if let Some(made) = resources.made(name) {
            return made;
        }
        let made = make(self, resources.previous(name).as_ref());
        resources.keep(name, made.as_ref());
        made
    }

    /// A policy that this one holds. What is wrong with it is reported.
    pub fn policy(
        &mut self,
        written: &PolicyEntry,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy> {
        self.means.kinds.compile(written, self.texts, self.means, self.problems, previous)
    }

    /// The store of this name, or the default one. That there is none is reported.
    pub fn store(&mut self, name: Option<&Spanned<String>>) -> Option<StoreShared> {
        self.means.stores.find(name).cloned().map_err(|problem| self.report(problem)).ok()
    }

    /// The scope of what this policy keeps in a store: its place and name, behind a word that says what it keeps. The same after a reload, and on all replicas.
    pub fn scope(&self, what: &str) -> Scope {
        let Written { place, name } = self.means.written;
        Scope::new(format!("{what}:{place}/{name}"))
    }

    /// The lists of addresses that the document has.
    pub fn ip_lists(&self) -> &'a IpLists {
        self.means.ip_lists
    }

    /// The files that fit a pattern.
    pub fn find(&self, pattern: &Glob) -> Vec<PathBuf> {
        pattern.find(self.means.files)
    }

    /// A condition on the request, in CEL. What is wrong with it is reported.
    pub fn condition(&mut self, written: &Spanned<String>, available: Available) -> Option<Condition> {
        match Condition::compile(&written.value, available) {
            Ok(condition) => Some(condition),
            Err(why) => {
                self.report(Problem::error(why.message).at(written.span).help_if(why.help));
                None
            }
        }
    }

    /// Where the policy is written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Reports a problem, or a warning.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

impl std::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Build").field("span", &self.span).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Means")
    }
}
