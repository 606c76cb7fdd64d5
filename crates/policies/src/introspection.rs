//! Identifies callers by tokens that only their issuer can read: it is asked what each says (RFC 7662).
//!
//! A request shows its token as `Authorization: Bearer …`, or where `from` says. The issuer says whether it is `active`, and what it says; that is then
//! `claim.NAME`, its roles, scopes and groups count for `authorize`, and the consumer that has its subject, if there is one, is `consumer.name`. The service
//! is told the subject in `X-User-ID`; what a client itself says there is removed. With `issuer`, the `audience` and the `claims` of that issuer in the
//! document hold for what it answers.
//!
//! A request without a token is answered 401, unless `optional` lets it pass as that of nobody; one with a token that is not active, or that is not for access, always is:
//! "Invalid token". The log has the reason. Where the issuer cannot be asked, or does not know the gateway, the answer is 503: nobody passes by that. A token that can be
//! read here (a JWT) is asked for as any other.
//!
//! What the issuer says counts for as long as `cache` says, and never longer than the token: within that time a token that was revoked still
//! passes. That a token is not active counts for 5 s at most. Each worker keeps up to 4 MiB of answers, and asks once for a token that several requests show at the
//! same time.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maitred_config::scalar::{HttpUrl, ValueName};
use maitred_config::{Problem, Secret, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::identity::{self, Claims, Consumer, Consumers, ShownToken};
use maitred_policy::{
    Build, Facts, Fault, Fetching, Phase, Policy, PolicyKind, RequestCx, Runtime, Step, Verdict,
};
use maitred_token::LONGEST;

use crate::asking::sha256;
use crate::claims::Paths;
use crate::provider::{self, Client, ClientAuthentication, Denied, Form, Provider, Written, bearer};
use crate::shown::{self, Shown};
use crate::single_flight::{Busy, Key, SingleFlight};

mod answer;

use answer::{Inactive, Rules, Said};

config_map! {
    /// Who is asked, and what is made of the answers.
    pub struct IntrospectionConfig {
        /// The issuer, by its name in the document: its description tells where it is asked, and its `audience` and `claims` hold for what it answers.
        issuer: Option<Spanned<String>>,
        /// Where it is asked, if its description does not tell.
        endpoint: Option<HttpUrl>,
        /// As whom the gateway asks.
        client_id: String,
        /// The secret of that client.
        client_secret: Secret,
        /// How the secret is shown.
        client_auth: ClientAuthentication = "client_secret_basic",
        /// Where a token is looked for: `header.NAME`, `query.NAME` or `cookie.NAME`. Of several the first that a request has counts. In
        /// `header.Authorization` it stands behind `Bearer`. Queries stand in the logs of many programs: prefer headers.
        from: Vec<Spanned<ValueName>> = "[header.Authorization]",
        /// How long an answer counts; at most `1h`. With `0s`, each request asks.
        cache: Spanned<Duration> = "30s",
        /// Members that every answer has to have.
        require: Vec<String>,
        /// How long the issuer may take.
        timeout: Duration = "5s",
        /// Whether the service gets the token, too.
        forward: bool = true,
        /// Whether a request without a token passes, as that of nobody. One with a bad token never does.
        optional: bool = false,
    }
}

/// For how long nobody need hear that a token was revoked.
const LONGEST_CACHE: Duration = Duration::from_hours(1);
/// How long it counts that a token is not active.
const LONGEST_INACTIVE: Duration = Duration::from_secs(5);

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Introspection {
    provider: Provider,
    from: Box<[Shown]>,
    rules: Rules,
    paths: Paths,
    consumers: Arc<Consumers>,
    cache: Duration,
    timeout: Duration,
    forward: bool,
    optional: bool,
}

/// What is known of a token by asking.
#[derive(Clone)]
pub(crate) enum Known {
    Active(Rc<Active>),
    Inactive(Inactive),
    /// It could not be asked.
    Unknown(Rc<Denied>),
}

/// A token that is good.
pub(crate) struct Active {
    /// As it was shown.
    token: ShownToken,
    claims: Rc<Claims>,
    consumer: Option<Arc<Consumer>>,
    expires: Option<SystemTime>,
    weight: u64,
}

/// What a request shows.
enum Found<'a> {
    Nothing,
    /// Nobody need be asked.
    Bad(&'a Shown, Inactive),
    /// It was asked for before.
    Known(Known),
    Token(&'a Shown, Key, ShownToken),
}

impl PolicyKind for Introspection {
    const NAME: &'static str = "introspection";
    type Config = IntrospectionConfig;
    type Compiled = Self;

    fn phase(_: &IntrospectionConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: IntrospectionConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let from = Shown::compile_all(&config.from, "token", "header.Authorization", build);
        if config.cache.value > LONGEST_CACHE {
            let problem = Problem::error("for that long, tokens that were revoked would pass");
            build.report(problem.at(config.cache.span).help("write at most `1h`"));
            return None;
        }
        let secret = Some(config.client_secret.expose());
        let written = Written {
            issuer: config.issuer.as_ref(),
            endpoint: config.endpoint.as_ref(),
            key: "endpoint",
            wanted: |endpoints| endpoints.introspection.as_ref(),
            client: Client::new(&config.client_id, secret, config.client_auth),
        };
        let provider = Provider::compile(written, build)?;
        let entry = config.issuer.as_ref().and_then(|name| provider::issuer(name, build));
        let issuer = entry.map(|entry| &entry.value);
        let texts = |all: &[String]| all.iter().map(|text| text.as_str().into()).collect();
        let rules = Rules {
            name: entry.map_or(Self::NAME, |entry| &entry.name).into(),
            issuer: issuer.map(|issuer| issuer.issuer.as_str().into()),
            audience: issuer.map(|issuer| texts(&issuer.audience)).unwrap_or_default(),
            required: texts(&config.require),
        };
        Some(Self {
            provider,
            from: from?,
            rules,
            paths: issuer.map_or_else(Paths::usual, |issuer| Paths::new(&issuer.claims)),
            consumers: Arc::clone(build.consumers()),
            cache: config.cache.value,
            timeout: config.timeout,
            forward: config.forward,
            optional: config.optional,
        })
    }
}

impl Introspection {
    /// What this request shows; `known` tells what is known of tokens by their SHA-256.
    fn find(&self, request: &RequestHead, known: impl FnOnce(&Key) -> Option<Known>) -> Found<'_> {
        for shown in &self.from {
            let all = shown.all(request);
            let Some(token) = all.iter().find_map(|value| shown.token(value)) else { continue };
            // Services may read another one than we do.
            if all.len() > 1 {
                return Found::Bad(shown, Inactive::Several);
            }
            let Some(token) = str::from_utf8(token).ok().filter(|token| is_token(token)) else {
                return Found::Bad(shown, Inactive::Malformed);
            };
            let key = sha256(token.as_bytes());
            return known(&key)
                .map_or_else(|| Found::Token(shown, key, ShownToken::new(token)), Found::Known);
        }
        Found::Nothing
    }

    /// What is known of a token, which the issuer is asked for where nothing is.
    async fn known(
        &self,
        key: Key,
        token: &ShownToken,
        received: SystemTime,
        known: &SingleFlight<Known>,
        runtime: &dyn Runtime,
    ) -> Result<Known, Busy> {
        known
            .ask(key, async || {
                let known = self.ask(token, received, runtime).await;
                let holds = match &known {
                    Known::Active(active) => {
                        active.left(received).map_or(self.cache, |left| left.min(self.cache))
                    }
                    Known::Inactive(_) => self.cache.min(LONGEST_INACTIVE),
                    Known::Unknown(_) => Duration::ZERO,
                };
                (known, (!holds.is_zero()).then(|| runtime.now() + holds))
            })
            .await
    }

    async fn ask(&self, token: &ShownToken, received: SystemTime, runtime: &dyn Runtime) -> Known {
        let form = Form::default().field("token", token.expose()).field("token_type_hint", "access_token");
        let answer = match self.provider.ask(form, runtime, self.timeout, true).await {
            Ok(answer) => answer.into_map(),
            Err(why) => return Known::Unknown(Rc::new(why)),
        };
        match self.rules.read(answer, received) {
            Ok(Said { all, expires, weight }) => {
                let plan = self.consumers.plan(self.paths.plan(&all)).map(Into::into);
                let claims = Claims { plan, ..self.paths.read(&self.rules.name, all) };
                let subject = claims.subject.as_deref();
                let consumer =
                    subject.and_then(|subject| self.consumers.of_subject(&self.rules.name, subject));
                let consumer = consumer.map(Arc::clone);
                let weight = weight + token.expose().len() as u64;
                let token = token.clone();
                Known::Active(Rc::new(Active { token, claims: Rc::new(claims), consumer, expires, weight }))
            }
            Err(why) => Known::Inactive(why),
        }
    }

    /// Decides by what is known of the token.
    fn decide(&self, known: Known, request: &mut RequestHead, facts: &mut Facts) -> Verdict {
        match known {
            Known::Inactive(why) => refused(why).into(),
            Known::Unknown(why) => {
                let place = self.provider.place();
                bearer::unreachable(format!("{place}: {why}")).into()
            }
            Known::Active(active) => {
                facts.claims = Some(Rc::clone(&active.claims));
                facts.token = Some(active.token.clone());
                if let Some(consumer) = &active.consumer {
                    facts.consumer = Some(Arc::clone(consumer));
                }
                identity::tell(request, facts);
                Verdict::Continue
            }
        }
    }
}

impl Active {
    /// How long it is still good.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        self.expires.map(|expires| expires.duration_since(now).unwrap_or_default())
    }
}

impl crate::single_flight::Weighed for Known {
    fn weight(&self) -> u64 {
        if let Self::Active(active) = self { active.weight } else { 0 }
    }
}

/// Whether a text can be a token (RFC 6750 section 2.1, and what issuers make beyond that).
fn is_token(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is answered to a request whose token is bad.
fn refused(why: Inactive) -> Fault {
    if why == Inactive::Expired { bearer::expired(why) } else { bearer::invalid(why) }
}

impl Policy for Introspection {
    type State = ();
    type Local = SingleFlight<Known>;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, local, runtime, .. } = cx;
        let received = facts.received;
        let is_current = |known: &Known| match known {
            Known::Active(active) => active.left(received).is_none_or(|left| !left.is_zero()),
            _ => true,
        };
        let found = self.find(request, |key| local.find(key, runtime.now()).filter(is_current));
        self.withhold(request, facts);
        let (key, token) = match found {
            Found::Nothing if self.optional => {
                identity::tell(request, facts);
                return Step::CONTINUE;
            }
            Found::Nothing => return Step::fail(bearer::missing()),
            Found::Bad(_, why) => return Step::fail(refused(why)),
            Found::Known(known) => return Step::Ready(self.decide(known, request, facts)),
            Found::Token(_, key, token) => (key, token),
        };
        Step::Later(Box::pin(async move {
            match self.known(key, &token, received, local, runtime).await {
                Ok(known) => self.decide(known, request, facts),
                Err(Busy) => Fault::shed("too_many_introspections").into(),
            }
        }))
    }

    fn fetched(&self) -> Vec<Fetching> {
        self.provider.fetching().into_iter().collect()
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        shown::shows_token(&self.from, request)
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        shown::withhold(&self.from, self.forward, request, facts);
    }

    /// Nobody is asked to explain: only that there is a token is known.
    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Found::Token(_, _, token) = self.find(request, |_| None) {
            facts.token = Some(token);
        }
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        match self.find(request, |_| None) {
            Found::Nothing if self.optional => {
                "finds no token, and lets it through as that of nobody".to_owned()
            }
            Found::Nothing => {
                let places: Vec<&str> = self.from.iter().map(|shown| &*shown.text).collect();
                format!("refuses it: no token in {}", places.join(", "))
            }
            Found::Bad(shown, why) => format!("refuses it: the token in {} is no good: {why}", shown.text),
            Found::Known(_) => unreachable!("nothing is known where nobody is asked"),
            Found::Token(shown, ..) => {
                format!("asks {} what the token in {} says", self.provider.place(), shown.text)
            }
        }
    }
}

impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Active").field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
