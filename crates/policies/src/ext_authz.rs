//! Asks a service of gRPC whether a request may pass, in Envoy's words: `envoy.service.auth.v3.Authorization/Check`.
//!
//! The service is told who sent the request (address, and what a client's certificate says), when, and what: id, method, scheme, host, path with query, protocol, size and
//! header fields, of which those are left out that are for the connection; with `context`, some words of yours; with `body`, the body, too. A longer body than that is
//! answered 413.
//!
//! Where the status of its answer is OK the request passes, with the header fields and query parameters that the answer sets, appends to or removes, and the response gets
//! those that it adds. Metadata in an answer (`dynamic_metadata`) become claims: `authorize` and conditions go by `sub`, `groups`, `roles` and `scope` in them, unless a policy
//! before has told who asks. Any other status refuses the request, with the status (403 if there is none), fields and body of the answer.
//!
//! What is no such answer, and silence, is answered 502; with `failure_mode_allow` the request passes then, as that of nobody. How often that happens is counted
//! (`maitred_ext_authz_failure_mode_allowed_total`), and the log says why when it begins.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::Scheme;
use maitred_config::{ByteSize, Named, Problem, UpstreamRef, config_map};
use maitred_grpc::{Code, FrameReader, GRPC_CONTENT_TYPE, Status, format_timeout, push_frame};
use maitred_http::{Known, Method, PathRules, RequestHead, ResponseHead};
use maitred_policy::{
    Build, CallLimits, Facts, Fault, Needs, Outbound, Phase, Policy, PolicyKind, RequestCx, ResponseCx,
    Runtime, Step, Verdict, WholeBody, identity,
};
use maitred_telemetry::{Measure, Measured, SharedCounter};
use prost::Message as _;

mod answer;
mod messages;
mod question;
#[cfg(test)]
mod tests;

use self::answer::{Changes, Decision};
use self::messages::CheckResponse;
use self::question::question;

use crate::asking;

config_map! {
    /// Who is asked, and what about.
    pub struct ExtAuthzConfig {
        /// The service: the name of an upstream, or a URL such as `grpc://localhost:9001`.
        #[main]
        upstream: UpstreamRef,
        /// Bytes of the request's body that the service gets. Without it none.
        body: Option<ByteSize>,
        /// Words that the service gets with each question (`context_extensions`).
        context: Named<String>,
        /// Whether requests pass while the service cannot be asked. Then nobody decides about them.
        failure_mode_allow: bool = false,
        /// How long the service may take.
        timeout: Duration = "1s",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ExtAuthz {
    service: Outbound,
    call: RequestHead,
    context: Vec<(String, String)>,
    body: Option<usize>,
    /// Whether requests pass while the service decides nothing, and how many have.
    failure_mode_allow: Option<Arc<PassedShared>>,
    timeout: Duration,
}

/// Requests about which nobody has decided. Kept over reloads.
#[derive(Debug, Default)]
struct PassedShared(SharedCounter);

/// Whether the service has decided nothing the last time that this worker asked.
#[derive(Debug, Default)]
pub(crate) struct Failing(Cell<bool>);

/// Bytes of an answer.
const MOST: usize = 256 << 10;
const PATH: &[u8] = b"/envoy.service.auth.v3.Authorization/Check";

impl PolicyKind for ExtAuthz {
    const NAME: &'static str = "ext_authz";
    type Config = ExtAuthzConfig;
    type Compiled = Self;

    fn phase(_: &ExtAuthzConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: ExtAuthzConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let service = build.upstream(&config.upstream)?;
        if !service.speaks_http2() {
            build.report(needs_http2(&config.upstream));
            return None;
        }
        let mut call = RequestHead { method: Method::Post, ..RequestHead::default() };
        call.target.parse(PATH, PathRules::Raw).ok()?;
        call.fields.append_known(Known::ContentType, GRPC_CONTENT_TYPE.as_bytes());
        call.fields.append_known(Known::Te, b"trailers");
        call.fields.append_known(Known::GrpcTimeout, format_timeout(config.timeout).as_bytes());
        let context = config.context.iter().map(|entry| (entry.name.to_string(), entry.value.clone()));
        let body = config.body.map(|most| usize::try_from(most.0).unwrap_or(usize::MAX));
        let before = || previous.and_then(|previous| previous.failure_mode_allow.clone());
        let failure_mode_allow = config.failure_mode_allow.then(|| before().unwrap_or_default());
        let (context, timeout) = (context.collect(), config.timeout);
        Some(Self { service, call, context, body, failure_mode_allow, timeout })
    }
}

impl ExtAuthz {
    async fn ask(&self, message: Vec<u8>, runtime: &dyn Runtime) -> Result<Decision, String> {
        let mut body = Vec::with_capacity(message.len() + 5);
        push_frame(&mut body, &message).map_err(|error| error.to_string())?;
        let deadline = runtime.now() + self.timeout;
        let limits = CallLimits { most: MOST, deadline, may_repeat: true };
        let answer = runtime.call(&self.service, self.call.clone(), body, limits).await;
        let (head, body) = answer.map_err(|error| error.to_string())?;
        Decision::of(read(&head, &body)?)
    }

    /// The service has decided nothing.
    fn failed(&self, why: &str, failing: &Failing) -> Verdict {
        let name = self.service.name();
        if let Some(passed) = &self.failure_mode_allow {
            passed.0.inc();
            // One line for all in a row: each would be load of its own.
            if !failing.0.replace(true) {
                tracing::warn!(upstream = name, "ext_authz lets requests pass undecided: {why}");
            }
            return Verdict::Continue;
        }
        Fault::bad_gateway("ext_authz").source(format!("`{name}` was asked: {why}")).into()
    }
}

fn needs_http2(service: &UpstreamRef) -> Problem {
    let problem = Problem::error("gRPC needs HTTP/2");
    match service {
        UpstreamRef::Url(url) if url.value.scheme == Scheme::Http => {
            problem.at(url.span).help("write `grpc://` in place of `http://`")
        }
        UpstreamRef::Url(url) => problem.at(url.span).help("make an upstream of it that has `protocols: h2`"),
        UpstreamRef::Name(name) => {
            let name_of = &name.value;
            let problem = problem.label(name.span, format!("HTTP/1.1 is spoken to `{name_of}`"));
            problem.help("write `grpc://` for its endpoints, or for sockets `protocols: h2`")
        }
    }
}

/// The message of an answer.
fn read(head: &ResponseHead, body: &WholeBody) -> Result<CheckResponse, String> {
    let told = Status::read(&head.fields).or_else(|| body.trailers.as_ref().and_then(Status::read));
    let status = told.unwrap_or_else(|| Status::missing(head.status));
    if status.code != Code::Ok {
        return Err(format!("{}: {}", status.code, status.message));
    }
    let mut bytes = body.bytes.as_slice();
    let message = FrameReader::new(MOST).take(&mut bytes).map_err(|error| error.to_string())?;
    match message {
        Some(message) if bytes.is_empty() => {
            CheckResponse::decode(message.as_slice()).map_err(|error| error.to_string())
        }
        _ => Err("it gave no answer, or several".to_owned()),
    }
}

impl Policy for ExtAuthz {
    /// What the response gets.
    type State = Option<Box<Changes>>;
    type Local = Failing;

    fn needs(&self) -> Needs {
        Needs { request_body: self.body.is_some(), ..Needs::default() }
    }

    fn wants_body(&self, _: &RequestHead, _: &Facts) -> Option<u64> {
        self.body.map(|most| most as u64)
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        self.failure_mode_allow.clone().map(|passed| passed as Arc<dyn Measured>)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, body, state, local, runtime } = cx;
        let whole = body.whole.as_ref().filter(|_| self.body.is_some());
        if whole.zip(self.body).is_some_and(|(whole, most)| whole.bytes.len() > most) {
            return Step::fail(Fault::client(413, "body_too_large", "Content too large"));
        }
        let whole = whole.map(|whole| whole.bytes.as_slice());
        // The service must not take what the client says of itself for the gateway's word either.
        identity::tell(request, facts);
        let message = question(request, facts, whole, &self.context).encode_to_vec();
        // It is shown whatever a client may be known by, and need not tell what that was.
        facts.is_decided_unseen = true;
        Step::Later(Box::pin(async move {
            let decision = match self.ask(message, runtime).await {
                Ok(decision) => decision,
                Err(why) => return self.failed(&why, local),
            };
            local.0.set(false);
            let allowed = match decision {
                Decision::Denied(fault) => return fault.into(),
                Decision::Allowed(allowed) => allowed,
            };
            if let Some(claims) = allowed.claims.filter(|_| facts.claims.is_none()) {
                facts.claims = Some(claims);
            }
            identity::tell(request, facts);
            asking::note(facts, &allowed.request.as_fields());
            allowed.request.apply(&mut request.fields);
            allowed.query.apply(request, facts);
            *state = Some(allowed.response).filter(|changes| !changes.is_empty()).map(Box::new);
            Verdict::Continue
        }))
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if let Some(changes) = cx.state.take() {
            changes.apply(&mut cx.response.fields);
        }
        Step::CONTINUE
    }

    fn shows(&self, _: &RequestHead, _: &Facts) -> bool {
        true
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        let with = if self.body.is_some() { ", with its body" } else { "" };
        let else_way =
            if self.failure_mode_allow.is_some() { "; it passes while that cannot be asked" } else { "" };
        format!("asks the upstream `{}` whether it may pass{with}{else_way}", self.service.name())
    }
}

impl Measured for PassedShared {
    fn measures(&self) -> Vec<Measure> {
        vec![Measure {
            family: "maitred_ext_authz_failure_mode_allowed_total",
            help: "Requests that passed because the service of ext_authz decided nothing.",
            is_counter: true,
            label: None,
            value: self.0.value(),
        }]
    }
}
