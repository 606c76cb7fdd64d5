//! Providers of `OAuth` 2.0 and OpenID Connect, as their clients ask them: where their endpoints are, how a client shows who it is, and
//! how they answer (RFC 6749). What is asked for, and what becomes of it, is each policy's business.

use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_config::{Problem, Spanned, UpstreamRef, config_words};
use maitred_policy::{Build, CallLimits, FetchError, Fetching, Runtime, Service};

mod answer;
pub(crate) mod bearer;
mod client;
mod discovery;
mod form;
mod issuer;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use answer::{Answer, Denied};
pub(crate) use client::Client;
pub(crate) use discovery::{Described, Endpoints};
pub(crate) use form::Form;
pub(crate) use issuer::{bundle, described, issuer};

config_words! {
    /// How a client shows its secret to a provider (RFC 6749 section 2.3.1).
    pub enum ClientAuthentication {
        /// As user and password in `Authorization`.
        Basic = "client_secret_basic",
        /// In the form, beside what is asked for.
        Post = "client_secret_post",
    }
}

/// Bytes that an answer may have: tokens with many claims are large, and no answer is larger than some of these.
pub(crate) const MOST: usize = 256 << 10;

/// An endpoint of a provider, and the client that asks there.
#[derive(Debug, PartialEq)]
pub(crate) struct Provider {
    endpoint: Endpoint,
    client: Client,
}

/// How a policy says which provider it asks, and as whom.
pub(crate) struct Written<'c> {
    /// The issuer whose description tells where.
    pub(crate) issuer: Option<&'c Spanned<String>>,
    /// Where that is, if it is written.
    pub(crate) endpoint: Option<&'c HttpUrl>,
    /// The key that says so.
    pub(crate) key: &'static str,
    /// The endpoint in the description.
    pub(crate) wanted: Wanted,
    /// The client.
    pub(crate) client: Client,
}

/// Where a provider is asked.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// There: that is written.
    Written(HttpUrl),
    /// Where its description says.
    Described(std::sync::Arc<Described>, Wanted),
}

/// One of the endpoints that a provider describes.
pub(crate) type Wanted = fn(&Endpoints) -> Option<&HttpUrl>;

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Written(one), Self::Written(other)) => one == other,
            // Of one kind of policy, which wants the same of both.
            (Self::Described(one, _), Self::Described(other, _)) => one.how() == other.how(),
            _ => false,
        }
    }
}

impl Endpoint {
    /// Where it is, if that is known by now.
    pub(crate) fn url(&self) -> Result<HttpUrl, Denied> {
        match self {
            Self::Written(url) => Ok(url.clone()),
            Self::Described(described, wanted) => {
                let endpoints = described.now();
                let Some(endpoints) = &*endpoints else {
                    let why = described.failure().map(|why| format!(": {why}")).unwrap_or_default();
                    return Err(Denied::failed(format_args!("its description was not fetched yet{why}")));
                };
                wanted(endpoints).cloned().ok_or_else(|| Denied::failed("it does not offer this"))
            }
        }
    }

    /// The same outside of any request, where the description is fetched first.
    async fn find(&self, service: &dyn Service) -> Result<HttpUrl, FetchError> {
        match self {
            Self::Written(url) => Ok(url.clone()),
            Self::Described(described, wanted) => {
                let endpoints = described.how().fetch(service).await?;
                wanted(&endpoints).cloned().ok_or_else(|| FetchError::new("the provider does not offer this"))
            }
        }
    }

    /// What has to be fetched for it.
    pub(crate) fn fetching(&self) -> Option<Fetching> {
        match self {
            Self::Written(_) => None,
            Self::Described(described, _) => Some(described.how().fetching(described)),
        }
    }

    /// The first page that is asked for.
    fn first(&self) -> &HttpUrl {
        match self {
            Self::Written(url) => url,
            Self::Described(described, _) => described.how().url(),
        }
    }
}

impl Provider {
    /// Compiles what is written. What is wrong with it is reported.
    pub(crate) fn compile(written: Written<'_>, build: &mut Build<'_>) -> Option<Self> {
        let entry = written.issuer.map(|name| issuer(name, build));
        let endpoint = match (written.endpoint, entry) {
            (_, Some(None)) => return None,
            (Some(url), _) => Endpoint::Written(url.clone()),
            (None, Some(Some(entry))) => Endpoint::Described(described(entry, build)?, written.wanted),
            (None, None) => {
                let help = format!("write `issuer: NAME` of one in the document, or `{}: URL`", written.key);
                build.report(Problem::error("nothing says who is asked").at(build.span()).help(help));
                return None;
            }
        };
        if !written.client.has_secret() {
            let problem = Problem::error("the client has no secret").at(build.span());
            build.report(problem.help("write `client_secret: \"${NAME}\"`; an empty one is none"));
            return None;
        }
        if endpoint.first().is_clear() {
            let problem = Problem::warning("secrets and tokens are sent to this provider in the clear");
            let help = format!("write an `https://` URL of the issuer, or in `{}`", written.key);
            build.report(problem.at(build.span()).help(help));
        }
        Self::new(endpoint, written.client, build)
    }

    /// A client of this endpoint. Workers keep connections to the first page that is asked for: those of an upstream that is there and nowhere
    /// else, or of one more. Where a description leads to another place, that one is asked over connections of its own.
    pub(crate) fn new(endpoint: Endpoint, client: Client, build: &mut Build<'_>) -> Option<Self> {
        let origin = Spanned { value: endpoint.first().origin().clone(), span: build.span() };
        build.upstream(&UpstreamRef::Url(origin))?;
        Some(Self { endpoint, client })
    }

    /// Asks while a request waits. `may_repeat`: nothing changes by being asked twice.
    pub(crate) async fn ask(
        &self,
        form: Form,
        runtime: &dyn Runtime,
        timeout: Duration,
        may_repeat: bool,
    ) -> Result<Answer, Denied> {
        let url = self.endpoint.url()?;
        let (request, body) = self.client.question(form);
        let limits = CallLimits { most: MOST, deadline: runtime.now() + timeout, may_repeat };
        let (head, body) = runtime.call_url(&url, request, body, limits).await.map_err(Denied::failed)?;
        Answer::read(&head, &body.bytes)
    }

    /// Asks beside all requests.
    pub(crate) async fn ask_beside(&self, form: Form, service: &dyn Service) -> Result<Answer, FetchError> {
        let url = self.endpoint.find(service).await?;
        let (request, body) = self.client.question(form);
        let (head, body) = service.visit(&url, None, request, &body, MOST).await?;
        Answer::read(&head, &body.bytes).map_err(FetchError::new)
    }

    /// The first page that is asked for: the endpoint, or the description that tells where it is.
    pub(crate) fn first(&self) -> &HttpUrl {
        self.endpoint.first()
    }

    /// The same, for people.
    pub(crate) fn place(&self) -> &str {
        self.first().as_str()
    }

    /// The id of the client.
    pub(crate) fn client(&self) -> &str {
        self.client.id()
    }

    /// What has to be fetched before it can be asked.
    pub(crate) fn fetching(&self) -> Option<Fetching> {
        self.endpoint.fetching()
    }
}

#[cfg(test)]
mod tests;
