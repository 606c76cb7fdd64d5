//! What a policy implements: its hooks, and what they see. How it is made stands in `kind.rs`.
//! Policies see these types; the engine sees them without their types (`erased.rs`).

use std::sync::Arc;
use std::time::Duration;

use maitred_config::Span;
use maitred_http::{Method, RequestHead, ResponseHead};
use maitred_telemetry::Measured;

use crate::admin::AdminResource;
use crate::body::{RequestBody, ResponseBody};
use crate::facts::Facts;
use crate::fetched::Fetching;
use crate::runtime::Runtime;
use crate::verdict::{Step, Verdict};

/// One behaviour, compiled. Hooks run on a worker's thread, and must neither block nor lock.
pub trait Policy: Sized + Send + Sync + 'static {
    /// What it remembers of one exchange between its hooks. `()` costs nothing.
    type State: Default + 'static;
    /// What it owns on each worker. `()` costs nothing.
    type Local: Default + 'static;

    /// What it needs from the engine.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether it needs the body of this request, where [`needs`](Self::needs) says that it may: so many bytes at the most. A longer
    /// one is refused with 413.
    fn wants_body(&self, _request: &RequestHead, _facts: &Facts) -> Option<u64> {
        Some(u64::MAX)
    }

    /// What it has from elsewhere, to be fetched in the background.
    fn fetched(&self) -> Vec<Fetching> {
        Vec::new()
    }

    /// The requests that it answers itself, by their paths. They have to come to a route that has it: a document where they do not is refused.
    fn own_requests(&self) -> Vec<OwnRequest> {
        Vec::new()
    }

    /// What it measures, for the metrics: told with its place and name for as long as it lives.
    fn measured(&self) -> Option<Arc<dyn Measured>> {
        None
    }

    /// What operators see of it on the admin listener, and may change there.
    fn admin(&self) -> Option<Arc<dyn AdminResource>> {
        None
    }

    /// On the way down. Runs unless something before it answered.
    fn on_request<'a>(&'a self, _cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        Step::CONTINUE
    }

    /// On the way up: for each policy whose request hook ran, last first, and in the phase Render, which has its turn behind Lookup, for every answer. Where a policy
    /// puts another answer in the place of the one that it is shown, those that have had their turn stay out, but for those that are
    /// to see [every answer](Needs::every_answer).
    fn on_response<'a>(&'a self, _cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        Step::CONTINUE
    }

    /// Once at the end of every exchange in which the policy ran, whatever happened to it.
    fn on_end(&self, _state: &mut Self::State, _local: &Self::Local, _outcome: &Outcome) {}

    /// Whether a request shows what this policy identifies by, be it right or wrong: `any_of` goes by that.
    fn shows(&self, _request: &RequestHead, _facts: &Facts) -> bool {
        false
    }

    /// Takes out of a request what this policy identifies by, where its request hook does not run: something before it has
    /// answered, or another policy of an `any_of` took the request. Then neither the service nor a log sees the credential.
    fn withhold(&self, _request: &mut RequestHead, _facts: &mut Facts) {}

    /// Who asks, as this request shows it, for `maitred explain`: policies behind this one are explained by that.
    fn identify(&self, _request: &RequestHead, _facts: &mut Facts) {}

    /// What it would do with this request, in one line for `maitred explain`.
    fn explain(&self, request: &RequestHead, facts: &Facts) -> String;
}

/// What the request hook sees.
#[derive(Debug)]
pub struct RequestCx<'a, P: Policy> {
    /// The request; changes reach the service.
    pub request: &'a mut RequestHead,
    /// What else is known of it.
    pub facts: &'a mut Facts,
    /// Its body.
    pub body: &'a mut RequestBody,
    /// The policy's memory of this exchange.
    pub state: &'a mut P::State,
    /// What the policy owns on this worker.
    pub local: &'a P::Local,
    /// The worker itself.
    pub runtime: &'a dyn Runtime,
}

/// What the response hook sees.
#[derive(Debug)]
pub struct ResponseCx<'a, P: Policy> {
    /// The response; changes reach the client.
    pub response: &'a mut ResponseHead,
    /// The request, as it was sent to the service.
    pub request: &'a RequestHead,
    /// What else is known of the request.
    pub facts: &'a Facts,
    /// The body of the response.
    pub body: &'a mut ResponseBody,
    /// The policy's memory of this exchange.
    pub state: &'a mut P::State,
    /// What the policy owns on this worker.
    pub local: &'a P::Local,
    /// The worker itself.
    pub runtime: &'a dyn Runtime,
}

/// What a policy needs from the engine, told when the pipeline is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// It answers CORS preflights: OPTIONS requests are routed by the method that they ask about.
    pub preflights: bool,
    /// Its response hook runs on every answer, as in the phase Render but in its own place: also where something before it
    /// answered and its request hook never ran, and again where another answer takes the place of the one that it has seen.
    pub every_answer: bool,
    /// The whole body of the request is read before its request hook runs, if it [wants](Policy::wants_body) that. A body above the limit of buffered bodies, or
    /// above what an earlier policy allows, is refused with 413.
    pub request_body: bool,
    /// It is made for one upstream: routes that inherit it share it only where they have the same one, and it does not run on
    /// routes that have none.
    pub upstream: bool,
    /// It goes by who asks: where nothing identifies, it lets nobody pass.
    pub identity: bool,
}

/// A request that a policy answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRequest {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: Box<str>,
    /// Where the path is written.
    pub span: Span,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status that the client got; 0 if it got none.
    pub status: u16,
    /// Whether the response reached the client to its last byte.
    pub complete: bool,
    /// From the head of the request to the end of the response.
    pub duration: Duration,
}
