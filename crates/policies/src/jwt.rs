//! Identifies callers by signed tokens (JWT).
//!
//! A request shows its token as `Authorization: Bearer …`, or where `from` says. The token's `iss` tells which of the `issuers` it is of, and only that issuer's
//! keys count. Signature, `exp`, `nbf`, `iat`, `aud` and `typ` have to be good; what the token says is then `claim.NAME`, its roles, scopes and
//! groups count for `authorize`, and the consumer that has its subject, if there is one, is `consumer.name`. The service is told the subject in
//! `X-User-ID`; what a client itself says there is removed.
//!
//! A request without a token is answered 401, unless `optional` lets it pass as that of nobody; one with a bad token always is: "Token expired" or
//! "Invalid token". The log has the reason. The service gets the token, too, unless `forward` says otherwise.
//!
//! Keys that an issuer publishes are fetched beside the requests, renewed now and then, and kept while the issuer is down. A token that names a key which
//! is not known yet waits up to two seconds for it. Where no key was ever fetched, the answer is 503.
//!
//! No algorithm `none`, no key that the token brings along or points to, no token inside a token, and none above 16 KiB. A request with two tokens in one
//! place is refused: services could read the other one.

use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use maitred_config::scalar::ValueName;
use maitred_config::{FilePath, Problem, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::{
    Build, Facts, Fault, Fetching, Phase, Policy, PolicyKind, RequestCx, Step, Verdict, identity,
};
use maitred_token::Refusal;

use crate::provider::{self, bearer};
use crate::shown::{self, Shown};

mod fetched;
pub(crate) mod issuer;
mod known;
mod revoked;
mod verify;

use known::{Known, Verified, Waiting};
use verify::{Missing, Rejected, Verifier};

config_map! {
    /// Which tokens are good, and where they are shown.
    pub struct JwtConfig {
        /// The issuers, by their names in the document, whose tokens are taken. Without it, those of every issuer.
        #[main]
        issuers: Vec<Spanned<String>>,
        /// Where a token is looked for: `header.NAME`, `query.NAME` or `cookie.NAME`. Of several the first that a request has counts. In
        /// `header.Authorization` it stands behind `Bearer`. Queries stand in the logs of many programs: prefer headers.
        from: Vec<Spanned<ValueName>> = "[header.Authorization]",
        /// By how much the clocks of issuers may differ from ours; at most `10m`.
        leeway: Spanned<Duration> = "30s",
        /// Claims that every token has to have.
        require: Vec<String> = "[exp]",
        /// What tokens may be by their header, `at+jwt` for one. Without it: `JWT`, `at+jwt`, or nothing said. What calls itself something else in its claims
        /// than a token for access, a token of identity for one (`ID`), is taken only if that is written here, too.
        typ: Vec<String>,
        /// A file of tokens that are no longer good, though they have not expired: the `jti` of each on a line of its own. It is read again when it changes.
        /// With `jti` in `require`, no token passes that cannot be named there.
        revoked: Option<Spanned<FilePath>>,
        /// Whether the service gets the token, too.
        forward: bool = true,
        /// Whether a request without a token passes, as that of nobody. One with a bad token never does.
        optional: bool = false,
    }
}

/// How long a request waits for a key that its token was signed with and that is not known yet, and how often it looks.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// A clock that is wrong by more than this makes `exp` meaningless.
const LONGEST_LEEWAY: Duration = Duration::from_mins(10);

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Jwt {
    from: Box<[Shown]>,
    verifier: Verifier,
    forward: bool,
    optional: bool,
}

/// What a request shows.
enum Found<'a> {
    Nothing,
    Bad(&'a Shown, Rejected),
    Good(&'a Shown, Rc<Verified>),
}

impl PolicyKind for Jwt {
    const NAME: &'static str = "jwt";
    type Config = JwtConfig;
    type Compiled = Self;

    fn phase(_: &JwtConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: JwtConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let from = Shown::compile_all(&config.from, "token", "header.Authorization", build);
        if config.leeway.value > LONGEST_LEEWAY {
            let problem =
                Problem::error("with this much leeway, tokens hardly expire").at(config.leeway.span);
            build.report(problem.help("write at most `10m`"));
            return None;
        }
        let revoked = match &config.revoked {
            Some(file) => Some(revoked::read(file, &config.require, build)?),
            None => None,
        };
        let issuers = issuers(&config, build)?;
        let verifier =
            Verifier::new(issuers, config.leeway.value, revoked, std::sync::Arc::clone(build.consumers()));
        let (forward, optional) = (config.forward, config.optional);
        Some(Self { from: from?, verifier, forward, optional })
    }
}

/// The issuers that are named, or all.
fn issuers(config: &JwtConfig, build: &mut Build<'_>) -> Option<Vec<issuer::Trusted>> {
    let all = build.issuers();
    if all.is_empty() {
        let problem = Problem::error("there are no issuers whose tokens could be good").at(build.span());
        build.report(problem.help(
            "write `issuers: { NAME: { issuer: URL, jwks: URL or FILE } }` at the top of the document",
        ));
        return None;
    }
    let named: Vec<_> = config.issuers.iter().filter_map(|name| provider::issuer(name, build)).collect();
    let wanted = if config.issuers.is_empty() { all.iter().collect() } else { named };
    let expected = wanted.len().max(config.issuers.len());
    let compiled: Vec<_> =
        wanted.into_iter().filter_map(|entry| issuer::Trusted::compile(entry, config, build)).collect();
    (compiled.len() == expected).then_some(compiled)
}

impl Jwt {
    /// Waits a moment for the key that is missing: issuers sign with new keys at once. Whatever keys come next, that was it.
    async fn wait<'a>(&'a self, cx: RequestCx<'a, Self>, missing: Missing, _waiting: Waiting<'a>) -> Verdict {
        let until = cx.runtime.now() + LONGEST_WAIT;
        while !self.verifier.has_published_since(missing) && cx.runtime.now() < until {
            cx.runtime.sleep_until(cx.runtime.now() + LOOK).await;
        }
        let found = self.find(cx.request, cx.facts, Some(cx.local));
        self.decide(found, cx.request, cx.facts)
    }

    fn decide(&self, found: Found<'_>, request: &mut RequestHead, facts: &mut Facts) -> Verdict {
        match found {
            Found::Nothing if self.optional => {}
            Found::Nothing => return bearer::missing().into(),
            Found::Bad(_, rejected) => {
                self.withhold(request, facts);
                return refused(rejected.refusal).into();
            }
            Found::Good(_, verified) => {
                self.withhold(request, facts);
                verified.tell(facts);
            }
        }
        identity::tell(request, facts);
        Verdict::Continue
    }

    /// What this request shows. Tokens that were found good on this worker before are `known`.
    fn find(&self, request: &RequestHead, facts: &Facts, known: Option<&Known>) -> Found<'_> {
        for shown in &self.from {
            let all = shown.all(request);
            let mut tokens = all.iter().filter_map(|value| shown.token(value));
            let Some(token) = tokens.next() else { continue };
            // Services may read another one than we do.
            if all.len() > 1 {
                return Found::Bad(shown, Refusal::Malformed("there are several in one place").into());
            }
            let now = facts.received.duration_since(UNIX_EPOCH).unwrap_or_default();
            return match self.verifier.check(token, now, known) {
                Ok(verified) => Found::Good(shown, verified),
                Err(rejected) => Found::Bad(shown, rejected),
            };
        }
        Found::Nothing
    }
}

/// What is answered to a request whose token is bad.
fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoKeys => bearer::unreachable(refusal),
        Refusal::Expired => bearer::expired(refusal),
        _ => bearer::invalid(refusal),
    }
}

impl Verified {
    fn tell(&self, facts: &mut Facts) {
        facts.claims = Some(Rc::clone(&self.claims));
        facts.token = Some(self.token.clone());
        if let Some(consumer) = &self.consumer {
            facts.consumer = Some(std::sync::Arc::clone(consumer));
        }
    }
}

impl Policy for Jwt {
    type State = ();
    type Local = Known;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let found = self.find(cx.request, cx.facts, Some(cx.local));
        if let Found::Bad(_, Rejected { missing: Some(missing), .. }) = found
            && let Some(waiting) = cx.local.wait()
        {
            return Step::Later(Box::pin(self.wait(cx, missing, waiting)));
        }
        Step::Ready(self.decide(found, cx.request, cx.facts))
    }

    fn fetched(&self) -> Vec<Fetching> {
        self.verifier.fetched()
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        shown::shows_token(&self.from, request)
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        shown::withhold(&self.from, self.forward, request, facts);
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Found::Good(_, verified) = self.find(request, facts, None) {
            verified.tell(facts);
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.find(request, facts, None) {
            Found::Nothing if self.optional => {
                "finds no token, and lets it through as that of nobody".to_owned()
            }
            Found::Nothing => {
                let places: Vec<&str> = self.from.iter().map(|shown| &*shown.text).collect();
                format!("refuses it: no token in {}", places.join(", "))
            }
            Found::Bad(shown, Rejected { refusal, .. }) => {
                format!("refuses it: the token in {} is no good: {refusal}", shown.text)
            }
            Found::Good(shown, verified) => {
                let subject = verified.claims.subject.as_deref().unwrap_or("nobody in particular");
                let subject = subject.escape_debug();
                format!("finds the token of {subject} by {} in {}", verified.claims.issuer, shown.text)
            }
        }
    }
}

#[cfg(test)]
mod tests;
