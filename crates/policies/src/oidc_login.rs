//! Logs users in by a browser: OpenID Connect, with a session in a cookie or in a store.
//!
//! Who goes to a page without a session is sent to the provider and comes back to where they were. What the provider says of them becomes `claim.NAME`;
//! roles, scopes and groups count for `authorize`, and the consumer with that subject, if there is one, is `consumer.name`. What an access token says
//! besides, if the issuer signed it, counts as well: Keycloak writes roles there. The service is told the subject in `X-User-ID`. Scripts and programs
//! without a session are answered 401, since they can show no login.
//!
//! The paths `callback`, `logout`, and `login` and `backchannel_logout` where they are written, are answered by the policy. They have to come to a route that has it: write it
//! among the global policies, or have its route match them. A document where they go astray is refused.
//!
//! The session is in the cookie itself, sealed with AES-256-GCM, for at most `session.lifetime`; services never get it. Write a `secret`: without one the key is made when the
//! process starts, so that sessions end with it and replicas do not know those of each other. A cookie that cannot be opened, or whose session has ended, is as good
//! as none. An access token is renewed before it expires, where the provider gave a refresh token; if the provider refuses, the session ends, and if it cannot be
//! reached, the session goes on. Large sessions are spread over up to four cookies.
//!
//! With `session.store` sessions are in that store instead, and the cookie has an id alone, sealed as well and new at each login: for tokens that cookies have no room for, and for
//! sessions that are gone when they end. What is in the store is sealed for the id of its session and stands under the SHA-256 of that: who reads the store learns neither tokens nor cookies, and who writes to it
//! begins no session. Each request with a session asks the store once. While it is away, such requests are answered 503, logins and logouts too: nobody is taken for logged out.
//! Who has a session that the store has lost logs in again. An access token is renewed by one replica at a time, so that a provider that takes each refresh token once sees none twice.
//! Users log in again when `session.store` is added, changed or taken away.
//!
//! Logging out ends the session here and at the provider; pages of other sites cannot log users out. Sessions that the provider ends by its back channel, and those that were
//! logged out, are refused from then on, also where somebody has kept their cookies: by all replicas that share the store `default`, or `session.store` if there is one, now and after a restart, which look there once for
//! each session and are told at once of what ends later. While that store is away, sessions in cookies go on. Without such a store it is this process alone that knows: then other replicas are told by the
//! provider if each is registered there, and one that starts anew knows nothing of them: keep `lifetime` short.

use std::sync::Arc;

use maitred_config::{Problem, Secret, Span, Spanned};
use maitred_policy::{Build, Phase, PolicyKind};
use maitred_store::{Ear, Store};
use maitred_token::Rules;

use crate::asking::sha256;
use crate::jwt::issuer::Trusted;
use crate::provider::{self, Client, Described, Endpoint, Provider};

mod attempt;
mod begin;
mod callback;
mod config;
mod cookies;
mod ended;
mod entries;
mod known;
mod leave;
mod navigation;
mod policy;
mod query;
mod renew;
mod replicas;
mod replies;
mod seal;
mod session;
mod shared;
mod stored;
#[cfg(test)]
mod tests;
mod verify;

use config::{ForwardedToken, OidcLoginConfig, OwnPath};
use cookies::Cookies;
use entries::Entries;
use navigation::Navigation;
use replicas::Replicas;
use seal::Seal;
use session::Lifetimes;
use shared::SessionsShared;
use verify::Verifier;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct OidcLogin {
    verifier: Verifier,
    described: Arc<Described>,
    /// Its endpoint for tokens.
    provider: Provider,
    /// What is asked for, with blanks between.
    scopes: Box<str>,
    cookies: Cookies,
    /// What seals sessions, and logins that were begun.
    sessions: Seal,
    logins: Seal,
    shared: Arc<SessionsShared>,
    /// Where sessions are, if not in their cookies.
    entries: Option<Entries>,
    /// Where replicas tell each other what has ended, if they share a store.
    replicas: Option<Replicas>,
    lifetimes: Lifetimes,
    paths: Paths,
    /// Where browsers reach the gateway; none where that is what they ask.
    origin: Option<Box<str>>,
    forward: Option<ForwardedToken>,
    optional: bool,
    navigation: Navigation,
}

/// The paths that it answers, and where they are written.
#[derive(Debug)]
struct Paths {
    callback: Own,
    login: Option<Own>,
    logout: Option<Own>,
    backchannel_logout: Option<Own>,
    after_logout: Box<str>,
}

impl Paths {
    fn new(config: &OidcLoginConfig, build: &Build<'_>) -> Self {
        let own = |written: &Spanned<OwnPath>| Own::new(written, build);
        Self {
            callback: own(&config.callback),
            login: config.login.as_ref().map(own),
            logout: config.logout.on().map(own),
            backchannel_logout: config.backchannel_logout.as_ref().map(own),
            after_logout: config.after_logout.0.as_str().into(),
        }
    }
}

#[derive(Debug)]
struct Own {
    path: Box<str>,
    span: Span,
}

impl Own {
    fn new(written: &Spanned<OwnPath>, build: &Build<'_>) -> Self {
        let span = if written.span.is_none() { build.span() } else { written.span };
        Self { path: written.value.0.as_str().into(), span }
    }
}

impl PolicyKind for OidcLogin {
    const NAME: &'static str = "oidc_login";
    type Config = OidcLoginConfig;
    type Compiled = Self;

    fn phase(_: &OidcLoginConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: OidcLoginConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let entry = provider::issuer(&config.issuer, build)?;
        if entry.value.description_url().is_none() {
            let problem = Problem::error(format!("the issuer `{}` does not describe itself", entry.name));
            let problem = problem.at(config.issuer.span).label(entry.span, "its keys are told here");
            build.report(
                problem.help("write its URL alone, `issuers: { NAME: https://… }`, or `discovery: URL`"),
            );
            return None;
        }
        let named: Box<str> = entry.value.issuer.as_str().into();
        let described = provider::described(entry, build)?;
        let client = Client::new(
            &config.client_id,
            config.client_secret.as_ref().map(Secret::expose),
            config.client_auth,
        );
        let endpoint = Endpoint::Described(Arc::clone(&described), |endpoints| endpoints.token.as_ref());
        let provider = Provider::new(endpoint, client, build)?;
        let client_id: Box<str> = config.client_id.as_str().into();
        let required = ["exp", "iat", "sub"].map(Into::into).into();
        let audience = [client_id.clone()].into();
        let rules = Rules { issuer: named.clone(), audience, required, ..Rules::default() };
        let trusted = Trusted::with_rules(entry, rules, build)?;
        let realm = format!("{named} {client_id}");
        let shared = build.resource(&realm, |_, previous| {
            let begin = || Arc::new(SessionsShared::new(sha256(realm.as_bytes())));
            Some(previous.map_or_else(begin, Arc::clone))
        })?;
        let store = build.store(config.session.store.as_ref())?;
        warn(&config, &*store, build);
        let replicas = store.is_shared().then(|| Replicas::new(Arc::clone(&store)));
        let paths = Paths::new(&config, build);
        let seal = |purpose| seal(purpose, &config, &[&named, &client_id], &shared);
        let (sessions, logins) = (seal("sessions"), seal("logins"));
        let entries = config.session.store.as_ref().map(|_| Entries::new(store, seal("ids")));
        if let Some(replicas) = &replicas {
            listen(replicas, &shared, previous);
        }
        let consumers = Arc::clone(build.consumers());
        let lifetimes = Lifetimes { whole: config.session.lifetime, idle: config.session.idle };
        Some(Self {
            verifier: Verifier { trusted, client_id, consumers },
            described,
            provider,
            scopes: scopes(&config.scopes).into(),
            cookies: Cookies::new(&config.cookie.value),
            sessions,
            logins,
            shared,
            entries,
            replicas,
            lifetimes,
            paths,
            origin: config.origin.map(|origin| origin.value.as_str().trim_end_matches('/').into()),
            forward: config.forward,
            optional: config.optional,
            navigation: Navigation::default(),
        })
    }
}

/// Has these sessions hear what replicas tell, unless they do already.
fn listen(replicas: &Replicas, shared: &Arc<SessionsShared>, previous: Option<&OidcLogin>) {
    let store = &replicas.store;
    let same = |previous: &OidcLogin| {
        let is_store = |replicas: &Replicas| Arc::ptr_eq(&replicas.store, store);
        Arc::ptr_eq(&previous.shared, shared) && previous.replicas.as_ref().is_some_and(is_store)
    };
    if !previous.is_some_and(same) {
        let ear: Arc<dyn Ear> = Arc::clone(shared) as _;
        store.listen(replicas::CHANNEL, Arc::downgrade(&ear));
    }
}

/// What seals sessions, their ids, or logins that were begun, at this provider as this client.
fn seal(purpose: &str, config: &OidcLoginConfig, about: &[&str], shared: &SessionsShared) -> Seal {
    let about = [&[purpose], about].concat().join("\0");
    let mut secrets: Vec<_> = config.secrets().map(|secret| secret.value.expose().as_bytes()).collect();
    if secrets.is_empty() {
        secrets.push(&shared.own_secret);
    }
    Seal::new(secrets.into_iter(), &[about.as_bytes()])
}

/// The scopes as they are asked for; `openid` makes it a login (OpenID Connect Core 1.0 section 3.1.2.1).
fn scopes(written: &[String]) -> String {
    let openid = (!written.iter().any(|scope| scope == "openid")).then_some("openid");
    openid.into_iter().chain(written.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// Warns where sessions end with the process.
fn warn(config: &OidcLoginConfig, store: &dyn Store, build: &mut Build<'_>) {
    let end = "sessions end with the process, and replicas do not share them";
    if let Some(name) = config.session.store.as_ref().filter(|_| !store.is_shared()) {
        let problem = Problem::warning(format!("this store is in memory: {end}")).at(name.span);
        build.report(problem.help("name one that is a server, such as Redis"));
    } else if config.secrets().next().is_none() {
        let problem = Problem::warning(format!("without a `secret`, {end}")).at(build.span());
        build.report(
            problem.help("write `secret: \"${SESSION_SECRET}\"`; `openssl rand -base64 48` makes a good one"),
        );
    }
}
