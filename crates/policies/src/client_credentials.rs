//! Shows services a token of the gateway's own, which it gets from their issuer (RFC 6749 section 4.4).
//!
//! The token is fetched beside the requests, before the first of them where it can be, and anew once three quarters of its time have passed: no request waits for
//! it. It goes to the service as `Authorization: Bearer …`, or in the field that `header` names, in place of what the client says there. Where a service answers 401 to it, another one
//! is fetched soon, at most every five seconds.
//!
//! While there is no token that is good (the issuer has been down for longer than the last one lasted), requests are answered 503; the log says why.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maitred_config::scalar::HttpUrl;
use maitred_config::{HeaderName, OneOrMany, Secret, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::{
    Asking, Build, Facts, Fault, Fetch, FetchError, FetchedShared, Fetching, Origin, Phase, Policy,
    PolicyKind, RequestCx, ResponseCx, Service, Step, Verdict,
};

use crate::provider::bearer::{self, BearerField, bearer, margin};
use crate::provider::{Answer, Client, ClientAuthentication, Form, Provider, Written};

config_map! {
    /// Who gives the token, and for what.
    pub struct ClientCredentialsConfig {
        /// The issuer, by its name in the document: its description tells where tokens are given.
        issuer: Option<Spanned<String>>,
        /// Where tokens are given, if its description does not tell.
        token_endpoint: Option<HttpUrl>,
        /// As whom the gateway asks.
        client_id: String,
        /// The secret of that client.
        client_secret: Secret,
        /// How the secret is shown.
        client_auth: ClientAuthentication = "client_secret_basic",
        /// What the token is to be good for; without it, what the issuer gives.
        scopes: Option<OneOrMany<String>>,
        /// Whom it is for, where the issuer wants to be told so.
        audience: Option<String>,
        /// The field in which the service is shown it, behind `Bearer`.
        header: Spanned<HeaderName> = "Authorization",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ClientCredentials {
    token: Arc<FetchedShared<Grant>>,
    header: BearerField,
}

/// How the token is fetched.
#[derive(Debug, PartialEq)]
pub(crate) struct Grant {
    provider: Provider,
    form: Form,
}

/// A token of the gateway.
pub(crate) struct Granted {
    /// As it stands in the field.
    value: Box<[u8]>,
    /// When it is no longer shown; none where the issuer does not say how long it is good.
    until: Option<Instant>,
}

/// A token as it was given, and when that was asked for.
pub(crate) struct Told {
    answer: Answer,
    asked: Instant,
}

impl PolicyKind for ClientCredentials {
    const NAME: &'static str = "client_credentials";
    type Config = ClientCredentialsConfig;
    type Compiled = Self;

    fn phase(_: &ClientCredentialsConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(
        config: ClientCredentialsConfig,
        build: &mut Build<'_>,
        previous: Option<&Self>,
    ) -> Option<Self> {
        let header = BearerField::compile(&config.header, build);
        let secret = Some(config.client_secret.expose());
        let written = Written {
            issuer: config.issuer.as_ref(),
            endpoint: config.token_endpoint.as_ref(),
            key: "token_endpoint",
            wanted: |endpoints| endpoints.token.as_ref(),
            client: Client::new(&config.client_id, secret, config.client_auth),
        };
        let provider = Provider::compile(written, build)?;
        let form = Form::default()
            .field("grant_type", "client_credentials")
            .field_if("scope", config.scopes.as_ref().map(|scopes| scopes.join(" ")).as_deref())
            .field_if("audience", config.audience.as_deref());
        let grant = Grant { provider, form };
        let token = match previous.filter(|previous| *previous.token.how() == grant) {
            Some(previous) => Arc::clone(&previous.token),
            None => Arc::new(FetchedShared::new(grant)),
        };
        Some(Self { token, header: header? })
    }
}

impl Fetch for Grant {
    type Told = Told;
    type Thing = Granted;

    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Told> {
        Box::pin(async move {
            let asked = service.now();
            let answer = self.provider.ask_beside(self.form.clone(), service).await?;
            Ok(Told { answer, asked })
        })
    }

    fn holds(&self, told: &Told) -> Option<Duration> {
        told.answer.lifetime().map(|lifetime| lifetime / 4 * 3)
    }

    fn make(&self, told: Told, _: Option<&Arc<Granted>>) -> Result<Arc<Granted>, FetchError> {
        let value = bearer(told.answer.bearer().map_err(FetchError::new)?);
        let until = told.answer.lifetime().map(|lifetime| {
            let shown = lifetime.saturating_sub(margin(lifetime));
            told.asked.checked_add(shown)
        });
        Ok(Arc::new(Granted { value, until: until.flatten() }))
    }
}

impl ClientCredentials {
    /// There is no token that could be shown.
    fn missing(&self) -> Fault {
        let why = self.token.failure().map_or_else(|| "it was not fetched yet".into(), |why| why.to_string());
        let place = self.token.how().provider.place();
        bearer::unreachable(format!("no token of the gateway by {place}: {why}"))
    }
}

impl Policy for ClientCredentials {
    /// What the service was shown.
    type State = Option<Arc<Granted>>;
    type Local = ();

    fn fetched(&self) -> Vec<Fetching> {
        let first = self.token.how().provider.first().clone();
        vec![Fetching { thing: Arc::clone(&self.token) as _, from: Origin::Urls(first) }]
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let now = cx.runtime.now();
        let token = self.token.now().clone();
        let Some(token) = token.filter(|token| token.until.is_none_or(|until| now < until)) else {
            self.token.want();
            return Step::fail(self.missing());
        };
        self.header.show(cx.request, &token.value);
        *cx.state = Some(token);
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if cx.response.status == 401
            && let Some(shown) = &*cx.state
            && self.token.now().as_ref().is_some_and(|now| Arc::ptr_eq(now, shown))
        {
            self.token.want();
        }
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        let provider = &self.token.how().provider;
        format!("shows the service a token that {} gets from {}", provider.client(), provider.place())
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
