//! One request and its response, to be read once, downwards:
//! route → pipeline down → action → pipeline up → respond → record.
//!
//! Nothing here names a policy, a header or a protocol version.

pub(crate) mod bodies;
pub(crate) mod choose;
mod filtered;
pub(crate) mod forward;
mod identify;
mod record;
pub(crate) mod respond;
mod traffic;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;
use std::time::Instant;

use maitred_http::{Method, ResponseHead};
use maitred_policy::values::View;
use maitred_policy::{Facts, Fault, Pieces, Reached, Reply, ReplyBody, RequestBody, ResponseBody, Verdict};
use maitred_router::Captures;
use maitred_wire::h1::RequestFraming;

use self::choose::Chosen;
use self::forward::Forwarded;
use self::forward::attempt::client_fault;
use self::forward::call::Serving;
use self::forward::deadline::Deadline;
use self::forward::tunnel::Tunnel;
use self::record::Record;
use crate::action::Action;
use crate::connection::Connection;
use crate::listener::ListenerSettings;
use crate::local::{Heads, LocalRoute, LocalSnapshot};
use crate::pipeline::{Down, Run};
use crate::refreshes::Again;
use crate::worker::Worker;

/// What an exchange has at hand besides its heads and its connection.
pub(crate) struct Exchange<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) snapshot: &'a Rc<LocalSnapshot>,
    pub(crate) listener: &'a ListenerSettings,
    pub(crate) route: &'a LocalRoute,
    pub(crate) facts: Facts,
    /// The request's body and what its head says of the connection.
    pub(crate) announced: RequestFraming,
    pub(crate) started: Instant,
    /// When it must be over.
    pub(crate) deadline: Deadline,
    /// What to tell of it when it is over.
    pub(crate) record: Record,
    /// Cookies that the gateway sets of its own. They are added behind all policies: what one of them keeps of an answer is for others, too.
    pub(crate) cookies: Vec<Vec<u8>>,
}

/// The body of an answer, and where it comes from. The head is among the heads of the exchange.
pub(crate) enum Body {
    /// The gateway made it.
    Own(bytes::Bytes),
    /// A service sent it before.
    Kept(bytes::Bytes),
    /// A policy has it, piece by piece.
    Pieces(Box<dyn Pieces>),
    /// A service sends it.
    Stream(Box<Forwarded>),
    /// The service agreed to another protocol.
    Tunnel(Box<Forwarded>),
}

/// What became of an answer.
pub(crate) enum Sent {
    /// The client got all of it.
    Whole { keep_alive: bool },
    /// It broke off, and the client can see that.
    Broken,
    /// It was the last one of this protocol.
    Switched(Box<Tunnel>),
}

/// What becomes of a connection after a request.
pub(crate) enum After {
    /// It serves the next one.
    Wait,
    /// It is closed once the client has read its answer.
    Close,
    /// It is closed at once: the answer broke off, and must not look whole.
    Abort,
    /// It carries another protocol from now on.
    Tunnel(Box<Tunnel>),
    /// It carries many exchanges at once, each on a stream; this was read of it already.
    Streams(Vec<u8>),
}

/// Serves one request whose head was read, or one that is asked anew.
pub(crate) async fn serve(
    worker: &Worker,
    snapshot: &Rc<LocalSnapshot>,
    listener: &ListenerSettings,
    connection: &mut Connection,
    heads: &mut Heads,
    (announced, again): (RequestFraming, Option<Box<Again>>),
) -> After {
    let started = worker.clock.now();
    let (mut captures, first) = (Captures::default(), again.as_ref().map_or(0, |again| again.first));

    // Route.
    let mut facts;
    let chosen = match again {
        None => {
            facts = identify::facts(worker, snapshot, listener, connection, (heads, &announced), started);
            choose::route(snapshot, listener, &heads.request, &mut facts, &mut captures)
        }
        Some(again) => {
            Again { facts, captures, .. } = *again;
            Chosen::again(&facts)
        }
    };
    let route = &snapshot.routes[chosen.route];
    let serving = Serving { worker, snapshot, captures: &captures, turn: Cell::new(0) };
    let mut run = Run::new((&route.pipeline, first), &snapshot.locals, serving);
    let (deadline, record, cookies) = Default::default();
    let mut exchange =
        Exchange { worker, snapshot, listener, route, facts, announced, started, deadline, record, cookies };

    // Pipeline down.
    let (mut sent, mut answer) = (RequestBody::default(), ResponseBody::default());
    let verdict = match listener.answer(&heads.request) {
        Some(reply) => Verdict::Respond(Box::new(reply)),
        None => go_down(&mut run, &mut exchange, connection, heads, &mut sent).await,
    };

    // Action.
    let mut body = match verdict {
        Verdict::Continue => {
            match act(&mut exchange, connection, heads, &mut sent, (&chosen, &captures)).await {
                Ok(body) => body,
                Err(fault) => exchange.fault(&mut heads.response, &heads.request, &fault),
            }
        }
        Verdict::Respond(reply) => {
            run.withhold(&mut heads.request, &mut exchange.facts);
            Body::of(*reply, &mut heads.response)
        }
        Verdict::Fail(fault) => {
            run.withhold(&mut heads.request, &mut exchange.facts);
            exchange.fault(&mut heads.response, &heads.request, &fault)
        }
    };

    // Pipeline up.
    if sent.wants_whole_response {
        body = bodies::read_answer(&mut exchange, connection, heads, body, &mut answer).await;
    }
    loop {
        // What takes the place of an answer has neither its body nor its filters.
        match run.up(&mut heads.response, &heads.request, &exchange.facts, &mut answer).await {
            Verdict::Continue => break,
            Verdict::Respond(reply) => {
                (body, answer) = (Body::of(*reply, &mut heads.response), ResponseBody::default());
            }
            Verdict::Fail(fault) => {
                body = exchange.fault(&mut heads.response, &heads.request, &fault);
                answer = ResponseBody::default();
            }
        }
    }

    // Respond.
    let body = bodies::settle(&mut exchange, heads, body, &mut answer);
    let sent = respond::send(&mut exchange, connection, &mut heads.response, body, answer.filters).await;

    // Record.
    run.outcome = record::record(&exchange, &heads.request, &heads.response, &sent);
    connection.since = started + run.outcome.duration;
    after(sent)
}

fn after(sent: Sent) -> After {
    match sent {
        Sent::Whole { keep_alive: true } => After::Wait,
        Sent::Whole { keep_alive: false } => After::Close,
        Sent::Broken => After::Abort,
        Sent::Switched(tunnel) => After::Tunnel(tunnel),
    }
}

/// Runs the request hooks, and reads the body in between where one of them needs it. A client that ends its side of the connection
/// while one of them waits has gone.
async fn go_down(
    run: &mut Run<'_, Serving<'_>>,
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    heads: &mut Heads,
    body: &mut RequestBody,
) -> Verdict {
    loop {
        let gone = |cx: &mut Context<'_>| {
            connection.client.poll_gone(cx).map(|gone| Verdict::Fail(client_fault(gone)))
        };
        let down = run.down(&mut heads.request, &mut exchange.facts, body, gone).await;
        match down {
            Down::Decided(verdict) => return verdict,
            Down::Refused(policy, fault) => {
                policy.refusals.at(exchange.worker.index).refused(fault.cause()).inc();
                return Verdict::Fail(fault);
            }
            Down::NeedsBody(most) => {
                let total = exchange.route.action.total();
                exchange.deadline = Deadline::of(&heads.request, total, exchange.started);
                match bodies::read_request(exchange, connection, &mut body.filters, most).await {
                    Ok(whole) => body.whole = Some(Box::new(whole)),
                    Err(fault) => return Verdict::Fail(fault),
                }
            }
        }
    }
}

/// What the route does with a request that its policies let through.
async fn act(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    heads: &mut Heads,
    body: &mut RequestBody,
    (chosen, captures): (&Chosen, &Captures),
) -> Result<Body, Fault> {
    let reply = match &*exchange.route.action {
        Action::Forward(settings, rewrite) => {
            if let Some(rewrite) = rewrite {
                exchange.facts.remember(&heads.request);
                rewrite.apply(&mut heads.request, &exchange.facts, captures)?;
            }
            let upgrade = forward::prepare(exchange, settings, heads, body)?;
            let mut upload = forward::upload(exchange, settings, &heads.request, body);
            let asked = (settings, upgrade.as_deref());
            let asked = forward::ask(exchange, asked, connection, heads, &mut upload).await;
            let answer = asked.map_err(|failed| failed.fault)?;
            return Ok(answer.into_body(settings, upload));
        }
        Action::Traffic(steered) => {
            // In a box, so that the exchanges of all other routes stay small.
            return Box::pin(traffic::act(exchange, steered, connection, heads, body, captures)).await;
        }
        Action::Respond(respond) => respond.reply(&heads.request, &exchange.facts),
        Action::Redirect(redirect) => redirect.reply(&heads.request, &exchange.facts)?,
        Action::Unmatched => return choose::no_route(&heads.request, chosen),
    };
    Ok(Body::of(reply, &mut heads.response))
}

impl Body {
    /// Takes a reply as the answer.
    fn of(reply: Reply, response: &mut ResponseHead) -> Self {
        *response = reply.head;
        match reply.body {
            ReplyBody::Whole(bytes) => Self::Own(bytes),
            ReplyBody::Pieces(pieces) => Self::Pieces(pieces),
        }
    }
}

impl Exchange<'_> {
    /// Takes the answer to a fault, and remembers what went wrong.
    fn fault(
        &mut self,
        response: &mut ResponseHead,
        request: &maitred_http::RequestHead,
        fault: &Fault,
    ) -> Body {
        self.record.outcome = fault.cause();
        self.cookies.clear();
        self.record.policy = fault.policy().map(Into::into);
        if let Reached::Answered(status) = self.facts.reached {
            self.facts.reached = Reached::Withheld(status);
        }
        respond::log_fault(self, request.method, fault);
        let view = View::of_request(request, &self.facts);
        Body::of(self.route.errors.reply(fault, &view), response)
    }

    /// The method of the request, which decides about bodies.
    pub(crate) fn is_upgrade(&self, method: Method) -> bool {
        self.announced.wants_upgrade && method == Method::Get
    }
}
