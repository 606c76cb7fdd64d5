//! What a policy has from elsewhere: fetched in the background, renewed now and then, and swapped in while requests are served.
//! Requests look at what is there and never wait. Who fetches, how often and over which connections is the engine's business;
//! how one asks, and what is made of the answers, is the policy's.

use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Guard};
use maitred_config::scalar::{HttpUrl, http_url};
use maitred_http::{RequestHead, ResponseHead};

use crate::body::WholeBody;
use crate::outbound::Outbound;

/// An answer that comes later, on the control runtime.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, FetchError>> + 'a>>;

/// Why something could not be fetched. For logs, and never for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError(Arc<str>);

impl FetchError {
    /// Characters of it that are kept: a service says what it likes, and as much.
    pub const LONGEST: usize = 600;

    /// With this reason, of which what is too long is left out.
    pub fn new(why: impl fmt::Display) -> Self {
        let mut kept = Beginning { text: String::new(), left: Self::LONGEST };
        // It fails where there is more, and that is what it is for.
        let _ = write!(kept, "{why}");
        Self(kept.text.into())
    }
}

/// Takes so many characters, and a sign in place of what comes behind them.
struct Beginning {
    text: String,
    left: usize,
}

impl fmt::Write for Beginning {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if let Some((end, _)) = more.char_indices().nth(self.left) {
            self.text.push_str(&more[..end]);
            self.text.push('…');
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        self.left -= more.chars().count();
        Ok(())
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FetchError {}

/// A service that can be asked outside of any request, and others that it leads to.
pub trait Service {
    /// The time.
    fn now(&self) -> Instant;

    /// Sends a whole request, and reads the whole answer, whose body may have `most` bytes. `Host` is filled in.
    fn ask<'a>(
        &'a self,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)>;

    /// The same to where a URL leads: method and fields are those of `request`, the target is the URL's. Its host is resolved then. The
    /// authorities whose signatures count are those of the bundle (PEM), or else the system's; an upstream of the snapshot that is that
    /// place alone is asked with its own settings, unless a bundle is given. No redirect is followed: it is the answer.
    fn visit<'a>(
        &'a self,
        url: &'a HttpUrl,
        bundle: Option<&'a [u8]>,
        request: RequestHead,
        body: &'a [u8],
        most: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)>;
}

/// The URL that a document names which was fetched from `from`. What came over TLS must not lead to where anybody on the way can
/// answer.
pub fn follow(from: &HttpUrl, named: &str) -> Result<HttpUrl, FetchError> {
    let to = http_url::parse(named).map_err(|problem| FetchError::new(problem.message))?;
    if from.is_tls() && !to.is_tls() {
        return Err(FetchError::new(format_args!("{from} leads to {to}, which is not `https`")));
    }
    Ok(to)
}

/// Something that a policy has from elsewhere, and who is asked for it.
#[derive(Clone)]
pub struct Fetching {
    /// What. Where several policies have the same one, it is fetched once.
    pub thing: Arc<dyn Renew>,
    /// Where from.
    pub from: Origin,
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Who is asked by [`Service::ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The upstream that the policy is [made for](crate::Needs::upstream).
    Route,
    /// This one.
    Upstream(Outbound),
    /// Nobody: all that is asked are URLs, which begin at this one.
    Urls(HttpUrl),
}

/// How a thing is fetched: first the service is asked, then the thing is made of what it has told.
pub trait Fetch: Send + Sync + 'static {
    /// What the service tells, as it came.
    type Told: Send + 'static;
    /// What is made of it.
    type Thing: Send + Sync + 'static;

    /// Asks for the thing as it is now. The engine limits the time of all of it, but nobody else's turn comes while an answer is
    /// looked at: what takes long is for [`make`](Self::make).
    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Self::Told>;

    /// How long what was told holds, if it says so: then it is renewed. The engine keeps that within bounds.
    fn holds(&self, _told: &Self::Told) -> Option<Duration> {
        None
    }

    /// Makes the thing, on a thread that may take its time. `last` is what is in place; where nothing has changed, the result is
    /// just that.
    fn make(&self, told: Self::Told, last: Option<&Arc<Self::Thing>>)
    -> Result<Arc<Self::Thing>, FetchError>;
}

/// A thing that is fetched, and the place where requests find it. Policies keep it over reloads in which nothing changed that
/// matters to it; it is renewed for as long as a policy has it.
pub struct FetchedShared<F: Fetch> {
    how: F,
    thing: ArcSwapOption<F::Thing>,
    failure: ArcSwapOption<FetchError>,
    is_wanted: AtomicBool,
    times: AtomicU64,
}

impl<F: Fetch> FetchedShared<F> {
    /// Nothing yet.
    pub fn new(how: F) -> Self {
        let (thing, failure) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self { how, thing, failure, is_wanted: AtomicBool::new(false), times: AtomicU64::new(0) }
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

    /// How often it was fetched. Who reads that before [`now`](Self::now) misses nothing that comes later.
    pub fn times(&self) -> u64 {
        self.times.load(Ordering::Acquire)
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

/// What puts a thing in place once the service has told it: work that may take long, for a thread of its own.
pub type Making = Box<dyn FnOnce() -> Result<Made, FetchError> + Send>;

/// A thing was put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Whether it is another than before.
    pub is_new: bool,
    /// How long it [holds](Fetch::holds), where that was told.
    pub holds: Option<Duration>,
}

/// [`FetchedShared`] without its types, as the engine knows it.
pub trait Renew: Send + Sync + 'static {
    /// Asks for it once. The answer is what is left to do with it.
    fn ask(self: Arc<Self>, service: &dyn Service) -> Asking<'_, Making>;

    /// Notes why the last try failed, be it that it said so or that it took too long.
    fn fail(&self, why: FetchError);

    /// Whether somebody [wants](FetchedShared::want) it to be renewed; that is forgotten when the next try begins.
    fn is_wanted(&self) -> bool;
}

impl<F: Fetch> Renew for FetchedShared<F> {
    fn ask(self: Arc<Self>, service: &dyn Service) -> Asking<'_, Making> {
        Box::pin(async move {
            self.is_wanted.store(false, Ordering::Relaxed);
            let told = self.how.ask(service).await?;
            let making = move || {
                let last = self.thing.load_full();
                let holds = self.how.holds(&told);
                let thing = self.how.make(told, last.as_ref())?;
                let is_new = last.is_none_or(|last| !Arc::ptr_eq(&last, &thing));
                self.thing.store(Some(thing));
                self.times.fetch_add(1, Ordering::Release);
                self.failure.store(None);
                Ok(Made { is_new, holds })
            };
            Ok(Box::new(making) as Making)
        })
    }

    fn fail(&self, why: FetchError) {
        self.failure.store(Some(Arc::new(why)));
    }

    fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_over_tls_leads_nowhere_else() {
        let leads =
            |from: &str, to: &str| follow(&http_url::parse(from).unwrap(), to).map_err(|why| why.to_string());
        assert_eq!(leads("https://a/b", "https://c/d").unwrap().as_str(), "https://c/d");
        assert_eq!(leads("http://a/b", "http://c/d").unwrap().as_str(), "http://c/d");
        assert_eq!(leads("http://a/b", "https://c/d").unwrap().as_str(), "https://c/d");
        assert_eq!(
            leads("https://a/b", "http://c/d").unwrap_err(),
            "https://a/b leads to http://c/d, which is not `https`"
        );
        leads("https://a/b", "/keys").unwrap_err();
        leads("https://a/b", "file:///etc/passwd").unwrap_err();
    }

    #[test]
    fn of_a_long_reason_the_beginning_is_kept() {
        for (len, kept) in [(0, 0), (599, 599), (600, 600), (601, 601), (1_000_000, 601)] {
            let why = FetchError::new(format_args!("{}{}", "é".repeat(len / 2), "x".repeat(len - len / 2)));
            assert_eq!(why.to_string().chars().count(), kept, "{len}");
            assert_eq!(why.to_string().ends_with('…'), len > FetchError::LONGEST, "{len}");
        }
    }
}
