//! The way of a request through policies in a test: down, up, and what becomes of bodies. The order is that of the engine, which has it
//! in `pipeline` and `exchange`.

use maitred_http::{Known, RequestHead, ResponseHead};

use super::begun::Run;
use super::{Answered, Outcome};
use crate::body::{BodyFilter as _, Filters, RequestBody, ResponseBody, WholeBody};
use crate::facts::Reached;
use crate::fault::Fault;
use crate::phase::{Phase, rising};
use crate::verdict::{ReplyBody, Step, Verdict};

impl Outcome {
    pub(super) async fn go_down(
        &mut self,
        run: &mut Run<'_>,
        request: &mut RequestHead,
        body: &mut RequestBody,
        bytes: Vec<u8>,
    ) {
        let mut streamed = Some(WholeBody { bytes, trailers: None });
        for running in &run.policies[run.first..] {
            if running.policy.needs().request_body
                && body.whole.is_none()
                && let Some(most) = running.policy.wants_body(request, &self.facts)
            {
                if streamed.as_ref().is_some_and(|whole| whole.bytes.len() as u64 > most) {
                    let fault = Fault::client(413, "body_too_large", "Request body too large");
                    return self.take(Verdict::Fail(fault), &mut ResponseBody::default());
                }
                let passed = streamed.take().map(|whole| filtered(&mut body.filters, whole)).transpose();
                match passed {
                    Ok(whole) => body.whole = whole.map(Box::new),
                    Err(fault) => return self.take(Verdict::Fail(fault), &mut ResponseBody::default()),
                }
                body.filters = Filters::default();
            }
            run.ran += 1;
            let slot = run.slot(run.ran - 1);
            let verdict = finish(running.policy.on_request(request, &mut self.facts, body, slot)).await;
            if !matches!(verdict, Verdict::Continue) {
                return self.take(verdict, &mut ResponseBody::default());
            }
        }
        let whole = body.whole.take().map(|whole| *whole).or(streamed).unwrap_or_default();
        self.sent_body =
            filtered(&mut body.filters, whole).expect("the test's body passes its filters").bytes;
    }

    /// The answer's body as the client gets it; whether that is all of it.
    pub(super) async fn finish_answer(
        &mut self,
        mut answer: ResponseBody,
        streamed: Option<WholeBody>,
    ) -> bool {
        let from_service = matches!(self.answered, Answered::Service).then_some(streamed).flatten();
        let (own, broken) = gather(std::mem::take(&mut self.own)).await;
        let whole = answer.whole.take().map(|whole| *whole).or(from_service).unwrap_or(own);
        let passed = match broken {
            // The filters are not told of an end.
            Some(fault) => {
                self.body = whole.bytes.into();
                Err(fault)
            }
            None => filtered(&mut answer.filters, whole),
        };
        match passed {
            Ok(whole) => {
                (self.body, self.trailers) = (whole.bytes.into(), whole.trailers);
                true
            }
            Err(fault) => {
                self.answered = Answered::Fault(fault);
                false
            }
        }
    }

    pub(super) async fn go_up(&mut self, run: &mut Run<'_>, request: &RequestHead, body: &mut ResponseBody) {
        let (policies, ran) = (run.policies, run.ran);
        let rising = rising(policies.iter().map(|running| running.phase));
        let (mut turn, mut risen, mut answered) = (0, 0, Vec::new());
        while let Some(&index) = rising.get(turn) {
            let running = &policies[index];
            let renders = running.phase == Phase::Render || running.policy.needs().every_answer;
            let had_its_turn = turn < risen;
            turn += 1;
            if (had_its_turn || index >= ran) && !renders
                || had_its_turn && answered.contains(&index)
                || index < run.first
            {
                continue;
            }
            risen = risen.max(turn);
            let slot = run.slot(index);
            let step = running.policy.on_response(&mut self.response, request, &self.facts, body, slot);
            let verdict = finish(step).await;
            if !matches!(verdict, Verdict::Continue) {
                answered.push(index);
                turn = 0;
            }
            self.take(verdict, body);
        }
    }

    pub(super) fn take(&mut self, verdict: Verdict, body: &mut ResponseBody) {
        if !matches!(verdict, Verdict::Continue) {
            *body = ResponseBody::default();
        }
        match verdict {
            Verdict::Continue => {}
            Verdict::Respond(reply) => {
                (self.response, self.own) = (reply.head, reply.body);
                self.answered = Answered::Policy;
            }
            Verdict::Fail(fault) => {
                if let Reached::Answered(status) = self.facts.reached {
                    self.facts.reached = Reached::Withheld(status);
                }
                self.response = ResponseHead { status: fault.status(), ..ResponseHead::default() };
                self.response.fields.append_known(Known::ContentType, b"application/problem+json");
                for (name, value) in fault.fields() {
                    self.response.fields.append_bytes(name, value);
                }
                self.own = ReplyBody::default();
                if let Some((head, body)) = fault.answer() {
                    (self.response, self.own) = (head.clone(), body.clone().into());
                }
                self.answered = Answered::Fault(fault);
            }
        }
    }
}

/// A body as far as it comes, and the fault that broke it off.
async fn gather(body: ReplyBody) -> (WholeBody, Option<Fault>) {
    let mut pieces = match body {
        ReplyBody::Whole(bytes) => return (WholeBody { bytes: bytes.into(), trailers: None }, None),
        ReplyBody::Pieces(pieces) => pieces,
    };
    let (announced, mut whole) = (pieces.length(), WholeBody::default());
    loop {
        match std::future::poll_fn(|cx| pieces.poll_next(cx)).await {
            Some(Ok(piece)) => whole.bytes.extend_from_slice(&piece),
            Some(Err(fault)) => return (whole, Some(fault)),
            None => break,
        }
    }
    let is_as_announced = announced.is_none_or(|announced| announced == whole.bytes.len() as u64);
    assert!(is_as_announced, "{announced:?} bytes were announced, and {} came", whole.bytes.len());
    (whole, None)
}

/// A body that has passed filters, in pieces of one byte and then the rest.
fn filtered(filters: &mut Filters, body: WholeBody) -> Result<WholeBody, Fault> {
    if filters.is_empty() {
        return Ok(body);
    }
    let mut bytes = Vec::new();
    let (first, rest) = body.bytes.split_at(body.bytes.len().min(1));
    for piece in [first, rest].into_iter().filter(|piece| !piece.is_empty()) {
        filters.push(piece, &mut bytes)?;
    }
    let trailers = filters.finish(body.trailers, &mut bytes)?;
    Ok(WholeBody { bytes, trailers })
}

async fn finish(step: Step<'_, Verdict>) -> Verdict {
    match step {
        Step::Ready(verdict) => verdict,
        Step::Later(later) => later.await,
    }
}
