//! Asks Open Policy Agent whether a request may pass: what it is told, and what its answers mean.
//! Whatever is not plainly a yes keeps the request out.

use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_config::{Spanned, UpstreamRef, config_map};
use maitred_http::{Known, Method, PathRules, RequestHead, percent_decode, query_pairs};
use maitred_policy::identity::ShownToken;
use maitred_policy::{
    Build, CallError, CallLimits, Facts, Fault, Outbound, RequestCx, Runtime, Step, Verdict,
};
use serde_json::{Map, Value, json};

use super::{Authorize, not_permitted};
use crate::asking::{Remembered, sha256};

config_map! {
    /// Which policy of OPA is asked.
    pub struct OpaConfig {
        /// The rule, at the data API: `http://localhost:8181/v1/data/shop/allow`.
        #[main]
        url: Spanned<HttpUrl>,
        /// Whether it is told the token by which the caller was found, and the fields `Authorization`, `Proxy-Authorization`, `Cookie` and `X-API-Key`.
        credentials: bool = false,
        /// How long an answer counts for requests of which it is told the same. Without it each one is asked for.
        cache: Option<Duration>,
        /// How long it may take.
        timeout: Duration = "1s",
    }
}

/// Bytes of an answer: a yes or a no, with what a rule says besides.
const MOST: usize = 64 << 10;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Opa {
    service: Outbound,
    question: RequestHead,
    url: HttpUrl,
    credentials: bool,
    cache: Option<Duration>,
    timeout: Duration,
}

impl Opa {
    pub(super) fn compile(config: OpaConfig, build: &mut Build<'_>) -> Option<Self> {
        let Spanned { value: url, span } = config.url;
        let service = build.upstream(&UpstreamRef::Url(Spanned { value: url.origin().clone(), span }))?;
        let mut question = RequestHead { method: Method::Post, ..RequestHead::default() };
        // What its grammar lets through is a target.
        question.target.parse(url.target().as_bytes(), PathRules::Raw).ok()?;
        question.fields.append_known(Known::ContentType, b"application/json");
        question.fields.append_known(Known::Accept, b"application/json");
        let OpaConfig { credentials, cache, timeout, .. } = config;
        Some(Self { service, question, url, credentials, cache, timeout })
    }

    /// Asks, unless the answer is known.
    pub(super) fn decide<'a>(&'a self, cx: RequestCx<'a, Authorize>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, local, runtime, .. } = cx;
        let body = json!({ "input": self.input(request, facts) }).to_string().into_bytes();
        let key = self.cache.map(|_| sha256(&body));
        if let Some(may) = key.and_then(|key| local.find(&key, runtime.now())) {
            return Step::Ready(verdict(may));
        }
        Step::Later(Box::pin(self.ask(body, key, local, runtime)))
    }

    async fn ask(
        &self,
        body: Vec<u8>,
        key: Option<[u8; 32]>,
        local: &Remembered<bool>,
        runtime: &dyn Runtime,
    ) -> Verdict {
        let deadline = runtime.now() + self.timeout;
        let limits = CallLimits { most: MOST, deadline, may_repeat: true };
        let answer = runtime.call(&self.service, self.question.clone(), body, limits).await;
        let may = match answer {
            Ok((head, body)) if head.status == 200 => allows(&body.bytes).map_err(str::to_owned),
            Ok((head, _)) => Err(format!("it answered {}", head.status)),
            Err(CallError::Timeout) => {
                return Fault::timeout("opa").source(self.told("it took too long")).into();
            }
            Err(error) => Err(error.to_string()),
        };
        match may {
            Ok(may) => {
                if let Some((key, cache)) = key.zip(self.cache) {
                    local.keep(key, runtime.now() + cache, may);
                }
                verdict(may)
            }
            Err(why) => Fault::bad_gateway("opa").source(self.told(&why)).into(),
        }
    }

    fn told(&self, why: &str) -> String {
        format!("`{}` was asked: {why}", self.url)
    }

    pub(super) fn explain(&self) -> String {
        format!("asks {} whether it may pass", self.url)
    }

    /// What a policy is told of a request. What is not known of it is left out, and undefined there.
    fn input(&self, request: &RequestHead, facts: &Facts) -> Value {
        let mut input = Map::new();
        let mut tell = |name: &str, value: Value| input.insert(name.to_owned(), value);
        tell("method", request.method.as_str().into());
        tell("scheme", facts.scheme.as_str().into());
        tell("host", request.authority.as_str().into());
        let path = request.target.path();
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        let segments = segments.map(|segment| text(&percent_decode(segment, false)));
        tell("path", segments.collect::<Vec<_>>().into());
        let decoded = |part: &str| text(&percent_decode(part, true));
        let token = facts.token.as_ref().filter(|_| !self.credentials).map(ShownToken::expose);
        // Where it was shown is the business of the policy that has found it.
        let is_told = |(_, value): &(String, String)| token.is_none_or(|token| !value.contains(token));
        let pairs = query_pairs(request.target.query().unwrap_or_default());
        let pairs = pairs.map(|(name, value)| (decoded(name), decoded(value)));
        tell("query", listed(pairs.filter(is_told)));
        let fields = request.fields.iter().filter(|(name, _)| self.credentials || !is_credential(name));
        let fields = fields.map(|(name, value)| (text(&name.to_ascii_lowercase()), text(value)));
        tell("headers", listed(fields.filter(is_told)));
        tell("client", json!({ "ip": facts.client.to_string() }));
        tell("route", (*facts.route.name).into());
        if let Some(consumer) = &facts.consumer {
            tell("consumer", json!({ "name": consumer.name, "groups": consumer.groups }));
        }
        if let Some(claims) = &facts.claims {
            tell("issuer", (*claims.issuer).into());
            tell("claims", claims.all.clone().into());
            tell("roles", json!(claims.roles));
            tell("scopes", json!(claims.scopes));
        }
        if let Some(plan) = facts.plan() {
            tell("plan", plan.into());
        }
        tell("groups", facts.groups().collect::<Vec<_>>().into());
        if let Some(shown) = &facts.certificate {
            let told =
                json!({ "subject": shown.subject, "names": shown.names, "fingerprint": shown.fingerprint });
            tell("certificate", told);
        }
        input.into()
    }
}

/// Whether a field is known to carry what is nobody else's business.
fn is_credential(name: &[u8]) -> bool {
    matches!(Known::find(name), Some(Known::Authorization | Known::ProxyAuthorization | Known::Cookie))
        || name.eq_ignore_ascii_case(b"X-API-Key")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Names with a list of values each, as they may be there several times.
fn listed(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut all = Map::new();
    for (name, value) in pairs {
        let values = all.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.into());
        }
    }
    all.into()
}

/// What an answer of the data API means: a rule that is `true`, or whose `allow` is. One that is undefined for this request has no result,
/// and is a no.
fn allows(answer: &[u8]) -> Result<bool, &'static str> {
    let Ok(Value::Object(answer)) = serde_json::from_slice(answer) else {
        return Err("what it answered is no JSON object");
    };
    match answer.get("result") {
        None => Ok(false),
        Some(Value::Bool(may)) => Ok(*may),
        Some(Value::Object(rules)) => match rules.get("allow") {
            None => Ok(false),
            Some(Value::Bool(may)) => Ok(*may),
            Some(_) => Err("`allow` is neither true nor false"),
        },
        Some(_) => Err("the rule is neither true nor false, and has no `allow`"),
    }
}

fn verdict(may: bool) -> Verdict {
    if may { Verdict::Continue } else { not_permitted("Not permitted").into() }
}

#[cfg(test)]
mod tests;
