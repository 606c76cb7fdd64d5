//! The action of a route with an upstream: prepares the request, tries endpoints, and hands the answer on. Retries of requests
//! live here and nowhere else: what calls for one is decided in `again`. What is sent beside them (`aside`: copies for mirrors, calls of policies) is tried again
//! only where a connection was stale.

mod affinity;
mod again;
mod aside;
pub(crate) mod attempt;
pub(crate) mod call;
mod client;
pub(crate) mod deadline;
mod headers;
mod hedge;
pub(crate) mod keeping;
mod kept;
pub(crate) mod mirror;
pub(crate) mod pump;
mod tee;
pub(crate) mod tunnel;
mod upload;

use std::rc::Rc;
use std::time::{Duration, Instant};

use maitred_grpc::is_grpc;
use maitred_http::{BodyLength, Known, RequestHead, ResponseHead};
use maitred_policy::{Facts, Fault, Reached, RequestBody, Retry};
use maitred_telemetry::UpstreamFailure;
use maitred_upstream::{
    AcquireError, Call, Choice, CircuitOpen, Lease, LocalCluster, LocalEndpoint, TryResult,
};
use smallvec::SmallVec;

use self::attempt::Attempt;
pub(crate) use self::attempt::Failed;
use self::deadline::Deadline;
use self::keeping::Keeping;
pub(crate) use self::upload::Upload;
use super::{Body, Exchange};
use crate::action::ForwardSettings;
use crate::connection::Connection;
use crate::local::Heads;

/// A service's answer whose head was read: the rest of it comes from here.
pub(crate) struct Forwarded {
    pub(crate) lease: Lease,
    pub(crate) call: Call,
    pub(crate) length: BodyLength,
    /// The request's body, which may still be on its way.
    pub(crate) upload: Upload,
    /// How long neither side may say anything.
    pub(crate) idle: Duration,
    /// What becomes of a copy of the answer, where it is to be kept.
    pub(crate) keeping: Option<Box<Keeping>>,
}

/// A request on its way to its upstream, over all tries.
struct Forwarding<'f, 'e> {
    exchange: &'f mut Exchange<'e>,
    settings: &'f ForwardSettings,
    cluster: Rc<LocalCluster>,
    upgrade: Option<&'f [u8]>,
    upload: &'f mut Upload,
    choice: Choice<'e>,
    tried: Tried,
    /// What the last try was answered with; its head is in `heads.response`.
    answer: Option<Answer>,
}

/// The endpoints that were tried.
#[derive(Default)]
struct Tried {
    /// Those that are not to be tried again before all others were.
    endpoints: SmallVec<[Rc<LocalEndpoint>; 3]>,
    /// How often one was tried, but for connections that were found closed.
    times: u32,
    /// Whether two were tried at once.
    has_hedged: bool,
}

/// Where the next try goes.
struct Turn {
    endpoint: Rc<LocalEndpoint>,
    /// Whether it needs a connection of its own.
    fresh: bool,
}

/// A try that has ended.
struct Ended {
    /// When the last of the request was sent.
    asked: Instant,
    result: Result<Answer, Failed>,
}

/// What comes behind the head of an answer.
pub(crate) struct Answer {
    lease: Lease,
    call: Call,
    length: BodyLength,
    kind: Kind,
}

/// What kind of an answer it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    /// It goes on for as long as somebody has something to say.
    Stream,
    /// The service agreed to another protocol.
    Tunnel,
}

/// Makes the client's request one of the gateway's, once, whoever is asked with it. Answers with the protocol that it is to change to.
pub(crate) fn prepare(
    exchange: &mut Exchange<'_>,
    settings: &ForwardSettings,
    heads: &mut Heads,
    body: &RequestBody,
) -> Result<Option<Vec<u8>>, Fault> {
    exchange.deadline = Deadline::of(&heads.request, settings.timeouts.total, exchange.started);
    headers::prepare(&mut heads.request, &exchange.facts);
    let upgrade = headers::upgrade(exchange, &settings.upgrades, &mut heads.request)?;
    if body.whole.is_some() {
        // It is here already.
        heads.request.fields.remove_known(Known::Expect);
    }
    Ok(upgrade)
}

/// The body of a request that is prepared, of which as much is kept as another try may need.
pub(crate) fn upload(
    exchange: &Exchange<'_>,
    settings: &ForwardSettings,
    request: &RequestHead,
    body: &mut RequestBody,
) -> Upload {
    let retries = &settings.retries;
    let is_kept = retries.buffer > 0 && retries.repeats_sent() && may_repeat(request, &exchange.facts);
    Upload::new(exchange, body, if is_kept { retries.buffer } else { 0 })
}

/// Begins the body anew for whom the request is sent to next, if all of it is still there.
pub(crate) fn rewind(upload: &mut Upload, request: &mut RequestHead) -> bool {
    if upload.received() > 0 {
        // The client was told to go on already.
        request.fields.remove_known(Known::Expect);
    }
    upload.rewind()
}

/// Sends a request that is prepared to an upstream, and reads the head of the answer into `heads.response`: tries until an answer or a
/// fault is to be passed on. `upload` is left with what there still is of the body.
pub(crate) async fn ask(
    exchange: &mut Exchange<'_>,
    (settings, upgrade): (&ForwardSettings, Option<&[u8]>),
    connection: &mut Connection,
    heads: &mut Heads,
    upload: &mut Upload,
) -> Result<Answer, Failed> {
    let mut now = exchange.worker.clock.now();
    let mut forwarding = Forwarding::begin(exchange, (settings, upgrade), &heads.request, upload, now)?;
    let (endpoint, _) = choose(&forwarding.cluster, &mut forwarding.tried, &forwarding.choice, false)
        .ok_or_else(|| no_endpoint(&forwarding.cluster))?;
    let mut turn = Turn { endpoint, fresh: false };
    // Beside `answer`, what the client gets if there is no other try after all.
    let mut failed: Option<Failed> = None;
    loop {
        let call = match Call::begin(&forwarding.cluster, &turn.endpoint, now) {
            Ok(call) => call,
            Err(open) => {
                // What came before it tells more than that the circuit is open by now.
                if forwarding.answer.is_none() && failed.is_none() {
                    failed = Some(circuit_open(&forwarding.cluster, open).into());
                }
                break;
            }
        };
        if forwarding.record(&turn.endpoint) > 1 {
            forwarding.start_over(heads, now);
        }
        failed = if let Some(second) = forwarding.second(now, connection, heads) {
            Box::pin(forwarding.race(&mut turn, call, now, second, connection, heads)).await
        } else {
            let mut attempt = forwarding.attempt(now);
            let result = attempt.run(&turn.endpoint, turn.fresh, connection, heads).await;
            let asked = attempt.now;
            forwarding.keep(ended(forwarding.exchange, (call, asked), result, &heads.response))
        };
        forwarding.remember(failed.as_ref(), heads.response.status);
        if failed.is_none() && !settings.retries.on.has(TryResult::Status(heads.response.status)) {
            break;
        }
        let Some(next) = Box::pin(forwarding.again(failed.as_ref(), &turn, connection, heads)).await else {
            break;
        };
        turn = next;
        now = forwarding.exchange.worker.clock.now();
    }
    forwarding.end(failed)
}

impl Answer {
    /// The body that comes behind the head, while the request's may still be on its way.
    #[inline]
    pub(crate) fn into_body(self, settings: &ForwardSettings, upload: Upload) -> Body {
        let Self { lease, call, length, kind } = self;
        let timeouts = &settings.timeouts;
        let idle = if kind == Kind::Usual { timeouts.idle } else { timeouts.stream_idle };
        let forwarded = Box::new(Forwarded { lease, call, length, upload, idle, keeping: None });
        if kind == Kind::Tunnel { Body::Tunnel(forwarded) } else { Body::Stream(forwarded) }
    }
}

impl<'f, 'e> Forwarding<'f, 'e> {
    #[inline]
    fn begin(
        exchange: &'f mut Exchange<'e>,
        (settings, upgrade): (&'f ForwardSettings, Option<&'f [u8]>),
        request: &RequestHead,
        upload: &'f mut Upload,
        now: Instant,
    ) -> Result<Self, Fault> {
        let cluster = Rc::clone(&exchange.snapshot.clusters[settings.upstream]);
        exchange.facts.upstream = Some(Rc::clone(&exchange.snapshot.names[settings.upstream]));
        exchange.record.upstream_started.get_or_insert(now);
        if exchange.deadline.is_over(now) {
            return Err(Fault::timeout("upstream_timeout"));
        }
        if settings.retries.budget.is_some() {
            cluster.count_for_retries(now);
        }
        let choice = affinity::choice(exchange, settings.upstream, &cluster, request, now);
        let tried = Tried::default();
        Ok(Self { exchange, settings, cluster, upgrade, upload, choice, tried, answer: None })
    }

    /// One try.
    #[inline]
    fn attempt(&mut self, now: Instant) -> Attempt<'_> {
        Attempt {
            exchange: &*self.exchange,
            cluster: &self.cluster,
            settings: self.settings,
            upgrade: self.upgrade,
            upload: &mut *self.upload,
            now,
        }
    }

    /// What there is to be passed on.
    #[inline]
    fn end(&mut self, failed: Option<Failed>) -> Result<Answer, Failed> {
        match (self.answer.take(), failed) {
            (Some(answer), _) => {
                self.upload.settle();
                if let Some(endpoint) = &self.exchange.record.endpoint {
                    let cookie = affinity::cookie(self.exchange, &self.cluster, endpoint, self.choice.cookie);
                    self.exchange.cookies.extend(cookie);
                }
                Ok(answer)
            }
            (None, Some(failed)) => Err(failed),
            (None, None) => Err(Fault::gateway("answer").into()),
        }
    }

    /// Keeps an answer; a failure is handed on.
    #[inline]
    fn keep(&mut self, Ended { asked, result }: Ended) -> Option<Failed> {
        let failed = result.map(|answer| self.answer = Some(answer)).err();
        let is_awaited = failed.as_ref().is_none_or(|failed| failed.result == Some(TryResult::Timeout));
        self.exchange.facts.sent_at = is_awaited.then_some(asked);
        failed
    }

    /// Remembers how far a try has come. What a service has not done with this one, it may have done with an earlier one.
    #[inline]
    fn remember(&mut self, failed: Option<&Failed>, status: u16) {
        match failed {
            None => self.exchange.facts.reached = Reached::Answered(status),
            Some(failed) if self.upload.is_sent && failed.fault.retry_allowed() != Retry::Safe => {
                self.exchange.facts.reached = Reached::Sent;
            }
            Some(_) => {}
        }
    }

    /// Notes a try for the access log. Answers how many that makes.
    fn record(&mut self, endpoint: &Rc<LocalEndpoint>) -> u32 {
        let record = &mut self.exchange.record;
        record.attempts += 1;
        record.endpoint = Some(Rc::clone(endpoint));
        if record.attempts > 1 {
            self.cluster.counts().retries.inc();
        }
        record.attempts
    }
}

/// The endpoint whose turn it is, and whether it was not tried yet. Where all were, those before the last one begin anew if
/// they are to be tried `again`.
fn choose(
    cluster: &LocalCluster,
    tried: &mut Tried,
    choice: &Choice<'_>,
    again: bool,
) -> Option<(Rc<LocalEndpoint>, bool)> {
    let before = tried.endpoints.len();
    loop {
        let kept = tried.endpoints.len();
        if let Some(endpoint) = cluster.next(&tried.endpoints, choice) {
            return Some((endpoint, kept == before));
        }
        match kept {
            0 => return None,
            _ if !again => return None,
            1 => tried.endpoints.clear(),
            _ => drop(tried.endpoints.drain(..kept - 1)),
        }
    }
}

/// Tells how a try ended, as far as that is known when its answer begins.
#[inline]
fn ended(
    exchange: &Exchange<'_>,
    (mut call, asked): (Call, Instant),
    result: Result<(Lease, BodyLength), Failed>,
    response: &ResponseHead,
) -> Ended {
    let result = match result {
        Ok((lease, length)) => {
            call.heard(asked, || exchange.worker.clock.now());
            let kind = match response.status {
                101 => Kind::Tunnel,
                _ if is_stream(response) => Kind::Stream,
                _ => Kind::Usual,
            };
            if kind != Kind::Usual || response.status >= 400 || call.is_trial() {
                call.tell(TryResult::Status(response.status), exchange.worker.clock.now());
            }
            Ok(Answer { lease, call, length, kind })
        }
        Err(failed) => {
            if let Some(result) = failed.result {
                call.tell(result, exchange.worker.clock.now());
            }
            Err(failed)
        }
    };
    Ended { asked, result }
}

/// Whether an answer goes on for as long as somebody has something to say: events (SSE), gRPC, another protocol.
pub(crate) fn is_stream(response: &ResponseHead) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let kind = response.fields.known(Known::ContentType).unwrap_or_default();
    let is_events = || kind.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS));
    response.status == 101 || is_events() || is_grpc(kind)
}

/// Whether a request may be sent twice: what it does is the same then, by its method or because the service sees to it by a key
/// (draft-ietf-httpapi-idempotency-key-header). Where a policy does that in place of the service, the service may not know keys.
fn may_repeat(request: &RequestHead, facts: &Facts) -> bool {
    let has_key = || request.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"Idempotency-Key"));
    request.method.is_idempotent() || !facts.is_once && has_key()
}

fn no_endpoint(cluster: &LocalCluster) -> Fault {
    cluster.counts().failures(UpstreamFailure::NoEndpoint).inc();
    Fault::unavailable("no_endpoint").field(b"Retry-After", b"1")
}

fn circuit_open(cluster: &LocalCluster, open: CircuitOpen) -> Fault {
    cluster.counts().failures(UpstreamFailure::CircuitOpen).inc();
    let seconds = open.retry_after.as_millis().div_ceil(1000).max(1);
    Fault::unavailable("circuit_open").field(b"Retry-After", seconds.to_string().as_bytes())
}

/// What the failure to get a connection is to the client, and in the counts.
fn acquire_fault(cluster: &LocalCluster, error: AcquireError) -> Fault {
    match error {
        AcquireError::Full => {
            cluster.counts().failures(UpstreamFailure::ConnectionLimit).inc();
            Fault::unavailable("upstream_connections").field(b"Retry-After", b"1").source(AcquireError::Full)
        }
        AcquireError::Tls(error) => {
            cluster.counts().failures(UpstreamFailure::Tls).inc();
            Fault::bad_gateway("upstream_tls").source(AcquireError::Tls(error)).retry(Retry::Safe)
        }
        AcquireError::Connect(error) => {
            cluster.counts().failures(UpstreamFailure::Connect).inc();
            Fault::bad_gateway("upstream_connect").source(error).retry(Retry::Safe)
        }
    }
}
