//! What a provider says of itself: where its endpoints are (`OpenID` Connect Discovery 1.0 section 4, RFC 8414). Fetched beside requests, once
//! for all policies that ask this provider.

use std::sync::Arc;

use maitred_config::scalar::HttpUrl;
use maitred_http::RequestHead;
use maitred_policy::{Asking, Fetch, FetchError, FetchedShared, Fetching, Origin, Service, follow};
use maitred_token::object;
use serde_json::{Map, Value};

use super::MOST;

/// The endpoints of a provider, renewed now and then.
pub(crate) type Described = FetchedShared<Discovery>;

/// Where a provider describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Discovery {
    issuer: Box<str>,
    url: HttpUrl,
    /// Whose signatures count where it is fetched over TLS (PEM); none for those that the system trusts.
    bundle: Option<Vec<u8>>,
}

/// Where a provider is asked for what; none of what it does not offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Where users log in (`authorization_endpoint`).
    pub(crate) authorization: Option<HttpUrl>,
    /// Where tokens are given (`token_endpoint`).
    pub(crate) token: Option<HttpUrl>,
    /// Where it is told what a token says (`introspection_endpoint`).
    pub(crate) introspection: Option<HttpUrl>,
    /// Where users log out (`end_session_endpoint`).
    pub(crate) end_session: Option<HttpUrl>,
    /// Where tokens are revoked (`revocation_endpoint`).
    pub(crate) revocation: Option<HttpUrl>,
    /// Whether it says in the answers that browsers bring who gives them (RFC 9207).
    pub(crate) names_itself: bool,
}

impl Discovery {
    /// The provider that has to call itself so, and its description.
    pub(crate) fn new(issuer: &str, url: HttpUrl, bundle: Option<Vec<u8>>) -> Self {
        Self { issuer: issuer.into(), url, bundle }
    }

    /// Where the description is.
    pub(crate) fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// What the engine has to fetch.
    pub(crate) fn fetching(&self, described: &Arc<Described>) -> Fetching {
        Fetching { thing: Arc::clone(described) as _, from: Origin::Urls(self.url.clone()) }
    }

    /// Fetches the description.
    pub(crate) async fn fetch(&self, service: &dyn Service) -> Result<Endpoints, FetchError> {
        let (head, body) =
            service.visit(&self.url, self.bundle.as_deref(), RequestHead::default(), &[], MOST).await?;
        if head.status != 200 {
            return Err(FetchError::new(format_args!("{} answered {}", self.url, head.status)));
        }
        let described = object::parse(&body.bytes)
            .ok_or_else(|| FetchError::new(format_args!("{} is no JSON object", self.url)))?;
        self.read(&described)
    }

    pub(super) fn read(&self, described: &Map<String, Value>) -> Result<Endpoints, FetchError> {
        // Else one provider could speak for another (section 4.3).
        let said = described.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if said != &*self.issuer {
            return Err(FetchError::new(format_args!(
                "{} describes the issuer {said:?}, and not {:?}",
                self.url, self.issuer
            )));
        }
        let endpoint = |name: &str| {
            let named = described.get(name).and_then(Value::as_str);
            named.map(|named| follow(&self.url, named)).transpose()
        };
        Ok(Endpoints {
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
            introspection: endpoint("introspection_endpoint")?,
            end_session: endpoint("end_session_endpoint")?,
            revocation: endpoint("revocation_endpoint")?,
            names_itself: described.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

impl Fetch for Discovery {
    type Told = Endpoints;
    type Thing = Endpoints;

    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Endpoints> {
        Box::pin(self.fetch(service))
    }

    fn make(&self, told: Endpoints, last: Option<&Arc<Endpoints>>) -> Result<Arc<Endpoints>, FetchError> {
        Ok(last.filter(|last| ***last == told).map_or_else(|| Arc::new(told), Arc::clone))
    }
}
