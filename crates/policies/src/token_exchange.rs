//! Exchanges the token of a caller for one that is for the service (RFC 8693): the service learns for whom the gateway asks, and gets nothing that is good
//! elsewhere.
//!
//! The token is the one by which another policy of the route has found who asks: `jwt`, `introspection`, or `oidc_login` with `forward: access_token`. It does not matter whether the first two forward it. The issuer gives another
//! for it, for the `audience`, `resource` or `scopes` that are written, and the service gets that as `Authorization: Bearer …` in place of what the client says there, or in
//! the field that `header` names.
//!
//! What was given is used again for requests with the same token until it expires; each worker keeps up to 4 MiB of these, and asks once for a token that several requests
//! show at the same time. A request without a token is answered 401, unless `optional` lets it pass as it is. Where the issuer gives nothing for this caller, the answer is 403,
//! which counts for 5 s; where it cannot be asked, or does not let the gateway exchange anything, 503.

use std::rc::Rc;
use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_config::{HeaderName, OneOrMany, Secret, Spanned, config_map, config_words};
use maitred_http::RequestHead;
use maitred_policy::identity::ShownToken;
use maitred_policy::{
    Build, Facts, Fault, Fetching, Phase, Policy, PolicyKind, RequestCx, Runtime, Step, Verdict,
};

use crate::asking::sha256;
use crate::provider::bearer::{self, BearerField, bearer, margin};
use crate::provider::{Client, ClientAuthentication, Denied, Form, Provider, Written};
use crate::single_flight::{Busy, Key, SingleFlight, Weighed};

config_words! {
    /// A kind of token (RFC 8693 section 3).
    pub enum TokenKind {
        /// One for access.
        Access = "access_token",
        /// One for access that is signed.
        Jwt = "jwt",
        /// One that tells who somebody is.
        Id = "id_token",
    }
}

config_map! {
    /// Who exchanges, and for what.
    pub struct TokenExchangeConfig {
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
        /// Whom the token is to be for, by the name that the issuer has for it.
        audience: Option<OneOrMany<String>>,
        /// The same by the URL of the service.
        resource: Option<OneOrMany<HttpUrl>>,
        /// What it is to be good for.
        scopes: Option<OneOrMany<String>>,
        /// What kind of token it is to be. Without it, the issuer chooses.
        requested_token_type: Option<TokenKind>,
        /// The field in which the service is shown it, behind `Bearer`.
        header: Spanned<HeaderName> = "Authorization",
        /// How long the issuer may take.
        timeout: Duration = "5s",
        /// Whether a request without a token passes as it is, but for what it says in a `header` that is not `Authorization`.
        optional: bool = false,
    }
}

/// How long it counts that a token is not exchanged.
const REFUSED: Duration = Duration::from_secs(5);
/// How long a token is kept whose issuer does not say how long it is good.
const UNTOLD: Duration = Duration::from_secs(30);

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct TokenExchange {
    provider: Provider,
    /// But for the caller's token.
    form: Form,
    header: BearerField,
    timeout: Duration,
    optional: bool,
}

/// What was given for a token.
#[derive(Clone)]
pub(crate) enum Exchanged {
    /// This, as it stands in the field.
    Given(Rc<[u8]>),
    /// Nothing.
    Denied(Rc<Denied>),
}

impl Weighed for Exchanged {
    fn weight(&self) -> u64 {
        match self {
            Self::Given(value) => value.len() as u64,
            Self::Denied(_) => 256,
        }
    }
}

impl TokenKind {
    /// Its name on the wire.
    fn urn(self) -> String {
        format!("urn:ietf:params:oauth:token-type:{}", self.word())
    }
}

impl PolicyKind for TokenExchange {
    const NAME: &'static str = "token_exchange";
    type Config = TokenExchangeConfig;
    type Compiled = Self;

    fn phase(_: &TokenExchangeConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(config: TokenExchangeConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
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
        let mut form = Form::default()
            .field("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            .field("subject_token_type", &TokenKind::Access.urn());
        for audience in config.audience.iter().flat_map(|all| all.iter()) {
            form = form.field("audience", audience);
        }
        for resource in config.resource.iter().flat_map(|all| all.iter()) {
            form = form.field("resource", resource.as_str());
        }
        let form = form
            .field_if("scope", config.scopes.as_ref().map(|scopes| scopes.join(" ")).as_deref())
            .field_if("requested_token_type", config.requested_token_type.map(TokenKind::urn).as_deref());
        let (timeout, optional) = (config.timeout, config.optional);
        Some(Self { provider, form, header: header?, timeout, optional })
    }
}

impl TokenExchange {
    /// What is given for a token.
    async fn exchange(
        &self,
        key: Key,
        token: &ShownToken,
        known: &SingleFlight<Exchanged>,
        runtime: &dyn Runtime,
    ) -> Result<Exchanged, Busy> {
        known
            .ask(key, async || {
                let asked = runtime.now();
                match self.ask(token, runtime).await {
                    Ok((value, holds)) => (Exchanged::Given(value), asked.checked_add(holds)),
                    Err(why) => {
                        let until = is_of_caller(&why).then(|| runtime.now() + REFUSED);
                        (Exchanged::Denied(Rc::new(why)), until)
                    }
                }
            })
            .await
    }

    /// Asks for another token, and how long it may be used from then on.
    async fn ask(&self, token: &ShownToken, runtime: &dyn Runtime) -> Result<(Rc<[u8]>, Duration), Denied> {
        let form = self.form.clone().field("subject_token", token.expose());
        let answer = self.provider.ask(form, runtime, self.timeout, true).await?;
        let holds = answer.lifetime().map_or(UNTOLD, |lifetime| lifetime.saturating_sub(margin(lifetime)));
        Ok((bearer(answer.bearer()?).into(), holds))
    }

    fn decide(&self, exchanged: &Exchanged, request: &mut RequestHead) -> Verdict {
        match exchanged {
            Exchanged::Given(value) => {
                self.header.show(request, value);
                Verdict::Continue
            }
            Exchanged::Denied(why) if is_of_caller(why) => {
                Fault::client(403, "exchange_refused", "Not permitted").source(self.told(why)).into()
            }
            Exchanged::Denied(why) => bearer::unreachable(self.told(why)).into(),
        }
    }

    fn told(&self, why: &Denied) -> String {
        format!("{}: {why}", self.provider.place())
    }
}

/// Whether nothing is given for this token, while it may be for others (RFC 8693 section 2.2.2, RFC 6749 section 5.2); the rest is about the gateway.
fn is_of_caller(why: &Denied) -> bool {
    let words = [
        "invalid_request",
        "invalid_grant",
        "invalid_target",
        "invalid_scope",
        "invalid_token",
        "access_denied",
    ];
    matches!(why, Denied::Refused { error, .. } if words.contains(&&**error))
}

impl Policy for TokenExchange {
    type State = ();
    type Local = SingleFlight<Exchanged>;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, local, runtime, .. } = cx;
        let Some(token) = facts.token.clone() else {
            if !self.optional {
                return Step::fail(bearer::missing());
            }
            // The service takes what is there for ours.
            if !self.header.is_of_clients() {
                self.header.clear(request);
            }
            return Step::CONTINUE;
        };
        let key = sha256(token.expose().as_bytes());
        if let Some(exchanged) = local.find(&key, runtime.now()) {
            return Step::Ready(self.decide(&exchanged, request));
        }
        Step::Later(Box::pin(async move {
            match self.exchange(key, &token, local, runtime).await {
                Ok(exchanged) => self.decide(&exchanged, request),
                Err(Busy) => Fault::shed("too_many_exchanges").into(),
            }
        }))
    }

    fn fetched(&self) -> Vec<Fetching> {
        self.provider.fetching().into_iter().collect()
    }

    fn explain(&self, _: &RequestHead, facts: &Facts) -> String {
        let place = self.provider.place();
        match (&facts.token, self.optional) {
            (Some(_), _) => format!("has the caller's token exchanged by {place}"),
            (None, true) => "lets it through as it is: no policy before has found a token".to_owned(),
            (None, false) => "refuses it: no policy before has found a token".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
