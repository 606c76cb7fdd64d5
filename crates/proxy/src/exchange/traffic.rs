//! The action of a route with more than one service: deals the request to a variant, has it copied to a mirror, forwards it, and where
//! that fails answers with what stands in for the service.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_http::{RequestHead, ResponseHead};
use maitred_policy::values::View;
use maitred_policy::{Beside, Fault, RequestBody, Side};
use maitred_router::Captures;
use maitred_store::Seat;
use maitred_telemetry::DegradedBy;

use super::forward::keeping::{Keeping, Shelf};
use super::forward::mirror::Copying;
use super::forward::{self, Failed, Upload};
use super::{Body, Exchange};
use crate::action::{Degrade, DegradeStep, Mirror, Service, Target, Traffic, can_be_kept, takes};
use crate::connection::Connection;
use crate::kept::shared::Found;
use crate::kept::{KeptFor, KeptKey, aged};
use crate::local::Heads;

/// Forwards a request that its policies let through.
pub(crate) async fn act(
    exchange: &mut Exchange<'_>,
    traffic: &Traffic,
    connection: &mut Connection,
    heads: &mut Heads,
    body: &mut RequestBody,
    captures: &Captures,
) -> Result<Body, Fault> {
    let (target, cookie) = deal(exchange, traffic, &heads.request);
    if let Some(rewrite) = &traffic.rewrite {
        exchange.facts.remember(&heads.request);
        rewrite.apply(&mut heads.request, &exchange.facts, captures)?;
    }
    let upgrade = forward::prepare(exchange, &target.service.forward, heads, body)?;
    let upgrade = upgrade.as_deref();
    let mut upload = forward::upload(exchange, &target.service.forward, &heads.request, body);
    if upgrade.is_none()
        && let Some(mirror) = &traffic.mirror
    {
        copy(exchange, mirror, &heads.request, &mut upload);
    }
    let settings = &target.service.forward;
    let answered = forward::ask(exchange, (settings, upgrade), connection, heads, &mut upload).await;
    let mut answered = answered.map(|answer| answer.into_body(settings, upload.take()));
    if let Some(degrade) = &traffic.degrade {
        if has_failed(&target.service, &answered, heads.response.status) {
            let mut standing_in = StandingIn { degrade, target, upgrade, upload };
            answered = standing_in.answer(exchange, connection, heads, answered).await;
        } else {
            keep(exchange, degrade, target, heads, &mut answered);
        }
    }
    if answered.is_ok() {
        exchange.cookies.extend(cookie);
    }
    answered.map_err(|failed| failed.fault)
}

/// Which service gets the request, and the cookie that the answer sets.
fn deal<'t>(
    exchange: &mut Exchange<'_>,
    traffic: &'t Traffic,
    request: &RequestHead,
) -> (&'t Target, Option<Vec<u8>>) {
    let Some(split) = &traffic.split else { return (&traffic.targets[0], None) };
    let dealt = split.deal(&View::of_request(request, &exchange.facts), || exchange.worker.random());
    exchange.record.variant = Some(dealt.variant);
    (&traffic.targets[dealt.variant], dealt.cookie)
}

/// Has the request copied, if chance takes it.
fn copy(exchange: &Exchange<'_>, mirror: &Mirror, request: &RequestHead, upload: &mut Upload) {
    if !mirror.sample.takes(u64::from_be_bytes(exchange.worker.random())) {
        return;
    }
    let length = upload.length(exchange.announced.length);
    let Some(copying) = Copying::begin(exchange, mirror, request, length) else { return };
    if length.is_empty() {
        copying.end();
    } else if let Some((bytes, trailers)) = upload.whole() {
        // However often the service is sent it, and by whichever try.
        copying.end_with(bytes, trailers);
    } else {
        upload.copying = Some(copying);
    }
}

/// Whether the service failed, as far as something may stand in for it: not where the client is at fault.
fn has_failed(service: &Service, answered: &Result<Body, Failed>, status: u16) -> bool {
    match answered {
        Err(Failed { result: Some(result), .. }) => service.failures.has(*result),
        // It was not asked, or cannot be blamed; the client is not answered either way.
        Err(Failed { fault, result: None }) => fault.side() == Side::Upstream,
        Ok(Body::Stream(_)) => service.fails_with(status),
        Ok(Body::Own(_) | Body::Kept(_) | Body::Pieces(_) | Body::Tunnel(_)) => false,
    }
}

/// What a kept answer to this request is found by.
fn key(exchange: &Exchange<'_>, target: &Target, request: &RequestHead) -> KeptKey {
    let facts = &exchange.facts;
    let certificate = facts.certificate.as_ref().map(|shown| shown.fingerprint.as_str());
    let (route, upstream) = (&*facts.route.name, &*target.service.upstream);
    let consumer = facts.consumer.as_ref().map(|consumer| &*consumer.name);
    let (claims, decided_by) = (facts.claims.as_deref(), facts.decided_by.as_deref());
    let scheme = facts.scheme;
    let whose = KeptFor { route, upstream, scheme, certificate, consumer, claims, decided_by };
    KeptKey::new(whose, request)
}

/// Has a good answer kept for when the service fails.
fn keep(
    exchange: &Exchange<'_>,
    degrade: &Degrade,
    target: &Target,
    heads: &Heads,
    answered: &mut Result<Body, Failed>,
) {
    let (Some(kept), Ok(Body::Stream(forwarded))) = (&degrade.kept, answered) else { return };
    let is_for_one = exchange.facts.certificate.is_some() || exchange.facts.is_identified();
    let request_body = forwarded.upload.length(exchange.announced.length);
    let key = || key(exchange, target, &heads.request);
    let shelf = || {
        let beside = || Rc::clone(&exchange.worker.beside) as Rc<dyn Beside>;
        let shared = degrade.shared.as_ref().map(|store| (Arc::clone(store), beside()));
        Shelf { kept: Arc::clone(kept), shared }
    };
    forwarded.keeping = Keeping::begin(shelf, key, heads, (request_body, &**forwarded), is_for_one);
}

/// A service that failed, and what stands in for it.
struct StandingIn<'t> {
    degrade: &'t Degrade,
    target: &'t Target,
    upgrade: Option<&'t [u8]>,
    /// The request's body, as far as it is still here.
    upload: Upload,
}

impl StandingIn<'_> {
    /// Answers with the first that can; with what the service said, where none can.
    async fn answer(
        &mut self,
        exchange: &mut Exchange<'_>,
        connection: &mut Connection,
        heads: &mut Heads,
        mut failed: Result<Body, Failed>,
    ) -> Result<Body, Failed> {
        let head = std::mem::take(&mut heads.response);
        let (sent_at, cookies) = (exchange.facts.sent_at, std::mem::take(&mut exchange.cookies));
        self.swap_upload(&mut failed);
        for step in &self.degrade.steps {
            // What stands in is not what the service was asked for, unless this is another service's answer.
            exchange.facts.sent_at = None;
            let stood_in = match step {
                DegradeStep::Cache(ttl) => self.find_kept(exchange, heads, *ttl).await,
                DegradeStep::Upstream(service) => self.ask(exchange, service, connection, heads).await?,
                DegradeStep::Respond(respond, methods) if takes(methods, heads.request.method) => {
                    let reply = respond.reply(&heads.request, &exchange.facts);
                    Some(Body::of(reply, &mut heads.response))
                }
                DegradeStep::Respond(..) => None,
            };
            if let Some(body) = stood_in {
                self.record(exchange, step.by(), &mut heads.response, (&failed, head.status));
                return Ok(body);
            }
        }
        self.swap_upload(&mut failed);
        (heads.response, exchange.facts.sent_at, exchange.cookies) = (head, sent_at, cookies);
        failed
    }

    /// Takes the request's body from an answer that may not be used, or gives it back.
    fn swap_upload(&mut self, failed: &mut Result<Body, Failed>) {
        if let Ok(Body::Stream(forwarded)) = failed {
            std::mem::swap(&mut self.upload, &mut forwarded.upload);
        }
    }

    /// An answer from before: from memory, or else from where replicas keep theirs.
    async fn find_kept(&self, exchange: &Exchange<'_>, heads: &mut Heads, ttl: Duration) -> Option<Body> {
        let kept = self.degrade.kept.as_ref()?;
        let asks_with_more =
            self.upgrade.is_some() || !self.upload.length(exchange.announced.length).is_empty();
        if asks_with_more || !can_be_kept(heads.request.method) {
            return None;
        }
        let key = key(exchange, self.target, &heads.request);
        let now = exchange.worker.clock.now();
        if let Some((head, body)) = kept.find(key, &heads.request, ttl, now) {
            heads.response = head;
            return Some(Body::Kept(body));
        }
        let asked = (Seat::Worker(exchange.worker.index), exchange.worker.moment());
        let found = self.degrade.shared.as_ref()?.find(asked, key, &heads.request, ttl).await?;
        let Found { head, body, age, place } = found;
        heads.response = aged(head.clone(), age);
        // The next one need not ask for it. It is not put back where it came from.
        if let Some(at) = now.checked_sub(age) {
            kept.keep(place, (head, body.clone()), at, Some(now));
        }
        Some(Body::Kept(body))
    }

    /// Asks another service, if that cannot have an effect twice and the body is still here.
    async fn ask(
        &mut self,
        exchange: &mut Exchange<'_>,
        service: &Service,
        connection: &mut Connection,
        heads: &mut Heads,
    ) -> Result<Option<Body>, Failed> {
        let may_ask = !self.upload.is_sent || heads.request.method.is_safe();
        if !may_ask || !forward::rewind(&mut self.upload, &mut heads.request) {
            return Ok(None);
        }
        let before = (exchange.facts.upstream.clone(), exchange.record.endpoint.clone(), exchange.deadline);
        // All its waits begin now: those of the service that failed are over. A deadline of the client's is not.
        let now = exchange.worker.clock.now();
        exchange.deadline = exchange.deadline.anew(service.forward.timeouts.total, now);
        let attempts = std::mem::take(&mut exchange.record.attempts);
        let settings = (&service.forward, self.upgrade);
        let answered = forward::ask(exchange, settings, connection, heads, &mut self.upload).await;
        let mut answered = answered.map(|answer| answer.into_body(&service.forward, self.upload.take()));
        exchange.record.attempts += attempts;
        if !has_failed(service, &answered, heads.response.status) {
            return answered.map(Some);
        }
        self.swap_upload(&mut answered);
        exchange.cookies.clear();
        // What is told of the exchange is told of the service that failed, and not of one that was asked in vain.
        (exchange.facts.upstream, exchange.record.endpoint, exchange.deadline) = before;
        Ok(None)
    }

    /// Tells of an answer that something else than the service gave.
    fn record(
        &self,
        exchange: &mut Exchange<'_>,
        by: DegradedBy,
        response: &mut ResponseHead,
        (failed, status): (&Result<Body, Failed>, u16),
    ) {
        response.fields.remove_bytes(b"X-Degraded");
        response.fields.append_bytes(b"X-Degraded", by.label().as_bytes());
        let worker = exchange.worker;
        self.degrade.counts.at(worker.index).answers(by).inc();
        exchange.record.outcome = "degraded";
        let (route, upstream) = (&*exchange.facts.route.name, &*self.target.service.upstream);
        if let Some(suppressed) = worker.logs_degraded(route, worker.clock.now()) {
            let (by, id) = (by.label(), exchange.facts.request_id.as_str());
            let why = match failed {
                Err(failed) => failed.fault.to_string(),
                Ok(_) => format!("it answered {status}"),
            };
            tracing::warn!(route, upstream, by, suppressed, request_id = id, "degraded: {why}");
        }
    }
}
