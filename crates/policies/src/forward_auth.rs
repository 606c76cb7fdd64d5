//! Asks a service whether a request may pass, and lets it answer in place of the gateway where not: a login page, for example.
//!
//! The service gets a `GET` of `path` with the header fields of the request (or those that `send` names, and no others) and with what was asked for:
//! `X-Forwarded-Method`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Uri`, `X-Forwarded-For` and `X-Original-URI`; what a client itself says
//! there does not reach it, nor what it says of who it is (`X-Consumer`, `X-Consumer-Groups`, `X-User-ID`). The body does not, nor do the fields that speak of it.
//!
//! An answer with 2xx lets the request pass. The fields in `copy_headers` are taken over from it into the request; what the client says there is removed,
//! also where the answer has none. One with 3xx or 4xx is the answer to the client, with its fields and its body (up to 64 KiB). All else, and silence, is
//! answered 502.
//!
//! `X-User-ID` and `X-Consumer-Groups` among `copy_headers` tell who asks: `authorize`, conditions and limits go by them, as by the claim `sub` and by
//! groups. Where a policy before has told that already, it stays so.
//!
//! With `cache` an answer with 2xx counts for a while, for requests that would be asked for with the very same fields; each worker remembers up to 4096 of them.
//! Without a `send` that is hardly ever so for two clients, nor for two kinds of content. `Cache-Control: no-store` or `no-cache` in an answer keeps it from being remembered.

use std::rc::Rc;
use std::time::Duration;

use maitred_config::{CheckPath, HeaderName, OneOrMany, Problem, Spanned, UpstreamRef, config_map};
use maitred_http::{FieldName, Fields, Known, PathRules, RequestHead, ResponseHead, list_items};
use maitred_policy::identity::{self, Claims};
use maitred_policy::{
    Build, CallLimits, Facts, Fault, Outbound, Phase, Policy, PolicyKind, RequestCx, Runtime, Step, Verdict,
    WholeBody,
};

use crate::asking::{self, Remembered};

config_map! {
    /// Who is asked, and what is made of the answer.
    pub struct ForwardAuthConfig {
        /// The service: the name of an upstream, or a URL.
        #[main]
        upstream: UpstreamRef,
        /// What is asked for there, perhaps with a query.
        path: CheckPath = "/",
        /// Fields of an answer with 2xx that the request gets.
        copy_headers: Vec<Spanned<HeaderName>>,
        /// The fields of the request that the service gets. Without it all, but those of the connection and of the body.
        send: Option<OneOrMany<HeaderName>>,
        /// How long an answer with 2xx counts for the same request. Without it each one is asked for.
        cache: Option<Duration>,
        /// How long the service may take.
        timeout: Duration = "5s",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ForwardAuth {
    service: Outbound,
    /// Method and target of the question.
    question: RequestHead,
    /// But for those that tell who asks.
    copied: Box<[FieldName]>,
    tells_subject: bool,
    tells_groups: bool,
    send: Option<Box<[FieldName]>>,
    cache: Option<Duration>,
    timeout: Duration,
}

/// Bytes of an answer's body.
const MOST: usize = 64 << 10;
const SUBJECT: &str = "X-User-ID";
const GROUPS: &str = "X-Consumer-Groups";

/// What an answer with 2xx has said.
#[derive(Default)]
pub(crate) struct Allowed {
    fields: Fields,
    claims: Option<Rc<Claims>>,
}

impl PolicyKind for ForwardAuth {
    const NAME: &'static str = "forward_auth";
    type Config = ForwardAuthConfig;
    type Compiled = Self;

    fn phase(_: &ForwardAuthConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: ForwardAuthConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let service = build.upstream(&config.upstream);
        let mut question = RequestHead::default();
        if question.target.parse(config.path.0.as_bytes(), PathRules::Raw).is_err() {
            let problem = Problem::error("`path` is no path that can be asked for").at(build.span());
            build.report(problem.help("write it like `/verify`"));
            return None;
        }
        let mut is_good = true;
        for name in config.copy_headers.iter().filter(|name| asking::is_of_framing(name.value.0.as_bytes())) {
            let problem = Problem::error(format!("`{}` cannot be copied", name.value.0)).at(name.span);
            build.report(problem.help("it says how the request is sent, and is the gateway's to write"));
            is_good = false;
        }
        let field = |name: &HeaderName| FieldName::parse(&name.0).ok();
        let copied = || config.copy_headers.iter().map(|name| &name.value);
        let tells = |told: &str| copied().any(|name| name.0.eq_ignore_ascii_case(told));
        let (tells_subject, tells_groups) = (tells(SUBJECT), tells(GROUPS));
        let is_told = |name: &FieldName| name.matches(SUBJECT.as_bytes()) || name.matches(GROUPS.as_bytes());
        let copied = copied().filter_map(field).filter(|name| !is_told(name)).collect();
        let send = config.send.as_ref().map(|names| names.iter().filter_map(field).collect());
        let (cache, timeout, service) = (config.cache, config.timeout, service?);
        is_good.then_some(Self {
            service,
            question,
            copied,
            tells_subject,
            tells_groups,
            send,
            cache,
            timeout,
        })
    }
}

impl ForwardAuth {
    /// What the service is asked about a request.
    fn question(&self, request: &RequestHead, facts: &Facts) -> RequestHead {
        let mut question = self.question.clone();
        for (name, value) in &request.fields {
            let is_sent = match &self.send {
                Some(send) => send.iter().any(|sent| sent.matches(name)) && !asking::is_of_framing(name),
                None => !asking::is_of_framing(name) && !asking::is_of_body(name),
            };
            if is_sent && !is_told(name) {
                question.fields.append_bytes(name, value);
            }
        }
        let asked = facts.asked.as_ref();
        let (method, target) =
            asked.map_or((request.method, &request.target), |asked| (asked.method, asked.told()));
        let told = |known| request.fields.known(known).filter(|_| facts.peer_is_trusted);
        let host = told(Known::XForwardedHost).unwrap_or(request.authority.as_str().as_bytes());
        let fields = &mut question.fields;
        fields.append_bytes(b"X-Forwarded-Method", method.as_str().as_bytes());
        fields.append_known(Known::XForwardedProto, facts.scheme.as_str().as_bytes());
        fields.append_known(Known::XForwardedHost, host);
        fields.append_bytes(b"X-Forwarded-Uri", target.as_str().as_bytes());
        fields.append_known(Known::XForwardedFor, facts.client.to_string().as_bytes());
        fields.append_bytes(b"X-Original-URI", target.as_str().as_bytes());
        question
    }

    async fn ask(
        &self,
        question: RequestHead,
        runtime: &dyn Runtime,
    ) -> Result<(ResponseHead, WholeBody), Fault> {
        let deadline = runtime.now() + self.timeout;
        let limits = CallLimits { most: MOST, deadline, may_repeat: true };
        let answer = runtime.call(&self.service, question, Vec::new(), limits).await;
        let (head, body) = answer.map_err(|error| self.failed(error))?;
        match head.status {
            200..500 => Ok((head, body)),
            status => Err(self.failed(format!("it answered {status}"))),
        }
    }

    fn failed(&self, why: impl std::fmt::Display) -> Fault {
        let name = self.service.name();
        Fault::bad_gateway("forward_auth").source(format!("`{name}` was asked: {why}"))
    }

    /// What an answer with 2xx says.
    fn allowed(&self, answer: &ResponseHead) -> Result<Allowed, Fault> {
        let mut fields = Fields::default();
        for name in &self.copied {
            let mut values = answer.fields.all(name);
            if name.known() == Some(Known::Authorization) && values.by_ref().count() > 1 {
                return Err(self.failed("it gave several `Authorization`, of which a request has one"));
            }
            answer.fields.all(name).for_each(|value| fields.append(name, value));
        }
        Ok(Allowed { fields, claims: self.claims(answer).map(Rc::new) })
    }

    /// Who asks, if the answer says so.
    fn claims(&self, answer: &ResponseHead) -> Option<Claims> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let all = |told: &'static str| {
            let lines =
                answer.fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(told.as_bytes()));
            lines.map(|(_, value)| value)
        };
        let subject = all(SUBJECT).next().map(text).filter(|told| self.tells_subject && !told.is_empty());
        let groups = all(GROUPS).filter(|_| self.tells_groups).flat_map(list_items).map(text);
        let groups: Vec<String> = groups.filter(|group| !group.is_empty()).collect();
        if subject.is_none() && groups.is_empty() {
            return None;
        }
        let mut claims = Claims { issuer: ForwardAuth::NAME.into(), ..Claims::default() };
        if let Some(subject) = subject {
            claims.all.insert("sub".to_owned(), subject.as_str().into());
            claims.subject = Some(subject.into());
        }
        claims.all.insert("groups".to_owned(), groups.clone().into());
        claims.groups = groups.into_iter().map(Into::into).collect();
        Some(claims)
    }

    /// What tells requests apart that pass: the fields that the service goes by, where they are named, and those that it gives.
    fn decided_by(&self, request: &RequestHead, allowed: &Allowed) -> Fields {
        let mut fields = allowed.fields.clone();
        for name in self.send.iter().flatten() {
            request.fields.all(name).for_each(|value| fields.append(name, value));
        }
        fields
    }

    /// Lets a request pass, with what the service has said of it.
    fn allow(&self, request: &mut RequestHead, facts: &mut Facts, allowed: &Allowed) {
        asking::note(facts, &self.decided_by(request, allowed));
        // Without a list it is shown whatever a client may be known by.
        facts.is_decided_unseen |= self.send.is_none();
        if facts.claims.is_none() {
            facts.claims.clone_from(&allowed.claims);
        }
        identity::tell(request, facts);
        request.fields.remove_where(|name| {
            self.copied.iter().any(|copied| identity::is_read_as(name, copied.as_str().as_bytes()))
        });
        for (name, value) in &allowed.fields {
            request.fields.append_bytes(name, value);
        }
    }
}

/// Whether a service may read a field as one in which the gateway tells something: who may say so is the gateway's decision.
fn is_told(name: &[u8]) -> bool {
    identity::begins_as(name, b"X-Forwarded-")
        || identity::begins_as(name, b"X-Original-")
        || identity::is_read_as(name, b"Forwarded")
        || identity::is_read_as(name, b"X-Real-IP")
}

/// The service's answer to the client.
fn refused(mut head: ResponseHead, body: WholeBody) -> Fault {
    head.fields.remove_where(|name| asking::is_of_framing(name) || Known::find(name) == Some(Known::Via));
    let head = ResponseHead { status: head.status, fields: head.fields, ..ResponseHead::default() };
    asking::refused(head, body.bytes)
}

/// Whether an answer may be remembered.
fn is_kept(answer: &ResponseHead) -> bool {
    let says = |token| answer.fields.has_item(Known::CacheControl, token);
    !says("no-store") && !says("no-cache")
}

impl Policy for ForwardAuth {
    type State = ();
    type Local = Remembered<Rc<Allowed>>;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, local, runtime, .. } = cx;
        // The service must not take what the client says of itself for the gateway's word either.
        identity::tell(request, facts);
        let question = self.question(request, facts);
        let key = self.cache.map(|_| asking::digest_of(&question.fields));
        if let Some(allowed) = key.and_then(|key| local.find(&key, runtime.now())) {
            self.allow(request, facts, &allowed);
            return Step::CONTINUE;
        }
        Step::Later(Box::pin(async move {
            let (head, body) = match self.ask(question, runtime).await {
                Ok(answer) => answer,
                Err(fault) => return fault.into(),
            };
            if head.status >= 300 {
                return refused(head, body).into();
            }
            let allowed = match self.allowed(&head) {
                Ok(allowed) => Rc::new(allowed),
                Err(fault) => return fault.into(),
            };
            self.allow(request, facts, &allowed);
            if let Some((key, cache)) = key.zip(self.cache).filter(|_| is_kept(&head)) {
                local.keep(key, runtime.now() + cache, allowed);
            }
            Verdict::Continue
        }))
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        self.send.as_ref().is_none_or(|send| send.iter().any(|name| request.fields.contains(name)))
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let question = self.question(request, facts);
        let mut sent: Vec<String> = Vec::new();
        for (name, _) in question.fields.iter().filter(|(name, _)| !is_told(name)) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !sent.contains(&name) {
                sent.push(name);
            }
        }
        let with = if sent.is_empty() { String::new() } else { format!(", with {}", sent.join(", ")) };
        let (to, path) = (self.service.name(), question.target.as_str());
        format!("asks the upstream `{to}` whether it may pass: {} {path}{with}", question.method.as_str())
    }
}

#[cfg(test)]
mod tests;
