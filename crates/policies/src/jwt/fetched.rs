//! The keys of an issuer who publishes them: a JWK Set at a URL, or where his description says (`OpenID` Connect Discovery 1.0, RFC 8414).
//! Fetched beside the requests; what was fetched last counts for as long as the issuer cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_http::{Known, Method, RequestHead, ResponseHead, list_items};
use maitred_policy::{Asking, Fetch, FetchError, Service, WholeBody, follow};
use maitred_token::{Algorithm, KeySet, object};
use serde_json::Value;

use crate::asking::sha256;

/// Bytes that a description or a set of keys may have.
const MOST: usize = 256 * 1024;

/// How long a set of keys holds at least, whatever is said: keys change seldom.
const SHORTEST: Duration = Duration::from_secs(30);

/// How the keys of an issuer are fetched.
#[derive(Debug, PartialEq)]
pub(super) struct PublishedKeys {
    /// What his description has to have as `issuer`: who describes himself as another is not believed.
    pub(super) issuer: Box<str>,
    pub(super) at: Published,
    /// Algorithms that count; without any, those that the keys are for.
    pub(super) algorithms: Vec<Algorithm>,
    /// Whose signatures count where they are fetched over TLS (PEM); none for those that the system trusts.
    pub(super) bundle: Option<Vec<u8>>,
}

/// Where an issuer publishes.
#[derive(Debug, PartialEq)]
pub(super) enum Published {
    /// A description, which says where the keys are.
    Description(HttpUrl),
    /// The keys.
    Keys(HttpUrl),
}

/// Keys that were fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The SHA-256 of what they are made of.
    hash: [u8; 32],
    pub(super) keys: Arc<KeySet>,
}

/// A set of keys as it came, and how long it holds.
pub(super) struct Told {
    body: Vec<u8>,
    holds: Option<Duration>,
}

impl PublishedKeys {
    /// What is asked first.
    pub(super) fn first(&self) -> &HttpUrl {
        match &self.at {
            Published::Description(url) | Published::Keys(url) => url,
        }
    }

    /// A page of JSON.
    async fn page(
        &self,
        service: &dyn Service,
        url: &HttpUrl,
    ) -> Result<(ResponseHead, WholeBody), FetchError> {
        let mut request = RequestHead { method: Method::Get, ..RequestHead::default() };
        request.fields.append_known(Known::Accept, b"application/json");
        let (head, body) = service.visit(url, self.bundle.as_deref(), request, b"", MOST).await?;
        match head.status {
            200 => Ok((head, body)),
            status => Err(FetchError::new(format_args!("{url} answered {status}"))),
        }
    }

    /// Where the description at `url` says that the keys are.
    async fn described(&self, service: &dyn Service, url: &HttpUrl) -> Result<HttpUrl, FetchError> {
        let (_, body) = self.page(service, url).await?;
        let wrong = |what: &str| FetchError::new(format_args!("{url} {what}"));
        let described = object::parse(&body.bytes).ok_or_else(|| wrong("is no JSON object"))?;
        let text = |name: &str| described.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&*self.issuer) {
            return Err(wrong("describes another issuer"));
        }
        follow(url, text("jwks_uri").ok_or_else(|| wrong("says not where the keys are (`jwks_uri`)"))?)
    }
}

impl Fetch for PublishedKeys {
    type Told = Told;
    type Thing = Fetched;

    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Told> {
        Box::pin(async move {
            let url = match &self.at {
                Published::Keys(url) => url.clone(),
                Published::Description(url) => self.described(service, url).await?,
            };
            let (head, body) = self.page(service, &url).await?;
            Ok(Told { holds: max_age(&head), body: body.bytes })
        })
    }

    fn holds(&self, told: &Told) -> Option<Duration> {
        told.holds.map(|holds| holds.max(SHORTEST))
    }

    fn make(&self, told: Told, last: Option<&Arc<Fetched>>) -> Result<Arc<Fetched>, FetchError> {
        let hash = sha256(&told.body);
        if let Some(last) = last.filter(|last| last.hash == hash) {
            return Ok(Arc::clone(last));
        }
        let keys = KeySet::of_jwks(&told.body).map_err(FetchError::new)?.only_public();
        let keys = if self.algorithms.is_empty() { keys } else { keys.only_for(&self.algorithms) };
        if keys.is_empty() {
            let unused = keys.unused().join("; ");
            return Err(FetchError::new(format_args!(
                "there is no key that tokens could be checked with: {unused}"
            )));
        }
        Ok(Arc::new(Fetched { hash, keys: Arc::new(keys) }))
    }
}

/// How long an answer is fresh, if it says so (RFC 9111 section 5.2.2.1).
fn max_age(head: &ResponseHead) -> Option<Duration> {
    let lines = head.fields.all_known(Known::CacheControl);
    let seconds = lines.flat_map(list_items).find_map(|item| {
        let (name, value) = item.split_at_checked(b"max-age=".len())?;
        name.eq_ignore_ascii_case(b"max-age=").then(|| str::from_utf8(value).ok()?.parse().ok())?
    });
    seconds.map(Duration::from_secs)
}
