//! What a policy has from elsewhere: fetched in the background, renewed now and then, and swapped in while requests are served.
//! Requests look at what is there and never wait. Who fetches, how often and over which connections is the engine's business;
//! how one asks, and what is made of the answers, is the policy's.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwapOption, Guard};
use maitred_http::{RequestHead, ResponseHead};

use crate::body::WholeBody;

/// An answer that comes later, on the control runtime.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, FetchError>> + 'a>>;

/// Why something could not be fetched. For logs, and never for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError(pub String);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FetchError {}

/// A service that can be asked outside of any request.
pub trait Service {
    /// Sends a whole request, and reads the whole answer, whose body may have `most` bytes. `Host` is filled in.
    fn ask<'a>(
        &'a self,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)>;
}

/// How a thing is fetched.
pub trait Fetch: Send + Sync + 'static {
    /// What it is.
    type Thing: Send + Sync + 'static;

    /// Asks for the thing as it is now. `last` is what is in place; where nothing has changed, the answer is just that. The engine
    /// limits the time of all of it.
    fn fetch<'a>(
        &'a self,
        service: &'a dyn Service,
        last: Option<&'a Arc<Self::Thing>>,
    ) -> Asking<'a, Arc<Self::Thing>>;
}

/// A thing that is fetched, and the place where requests find it. Policies keep it over reloads in which nothing changed that
/// matters to it; it is renewed for as long as a policy has it.
pub struct FetchedShared<F: Fetch> {
    how: F,
    thing: ArcSwapOption<F::Thing>,
    failure: ArcSwapOption<FetchError>,
    is_wanted: AtomicBool,
}

impl<F: Fetch> FetchedShared<F> {
    /// Nothing yet.
    pub fn new(how: F) -> Self {
        let (thing, failure) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self { how, thing, failure, is_wanted: AtomicBool::new(false) }
    }

    /// How it is fetched.
    pub fn how(&self) -> &F {
        &self.how
    }

    /// What is in place now, to look at.
    pub fn now(&self) -> Guard<Option<Arc<F::Thing>>> {
        self.thing.load()
    }

    /// Why the last try failed; none if it did not, or there was none.
    pub fn failure(&self) -> Option<FetchError> {
        self.failure.load().as_deref().cloned()
    }

    /// Says that what is in place seems to be out of date: it is renewed soon, if not at once.
    pub fn want(&self) {
        // Most often it was said already: then the line of memory need not change hands.
        if !self.is_wanted.load(Ordering::Relaxed) {
            self.is_wanted.store(true, Ordering::Relaxed);
        }
    }
}

impl<F: Fetch> fmt::Debug for FetchedShared<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedShared").field("is_there", &self.now().is_some()).finish_non_exhaustive()
    }
}

/// [`FetchedShared`] without its types, as the engine knows it.
pub trait Renew: Send + Sync + 'static {
    /// Fetches it once. The answer tells whether another thing is in place now.
    fn renew<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, bool>;

    /// Notes why the last try failed, be it that it said so or that it took too long.
    fn fail(&self, why: FetchError);

    /// Whether somebody [wants](FetchedShared::want) it to be renewed; that is forgotten when the next try begins.
    fn is_wanted(&self) -> bool;
}

impl<F: Fetch> Renew for FetchedShared<F> {
    fn renew<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, bool> {
        Box::pin(async move {
            self.is_wanted.store(false, Ordering::Relaxed);
            let last = self.thing.load_full();
            let thing = self.how.fetch(service, last.as_ref()).await?;
            let is_new = last.is_none_or(|last| !Arc::ptr_eq(&last, &thing));
            self.thing.store(Some(thing));
            self.failure.store(None);
            Ok(is_new)
        })
    }

    fn fail(&self, why: FetchError) {
        self.failure.store(Some(Arc::new(why)));
    }

    fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }
}
