//! Policies as the engine knows them: without their types.
//! Nobody implements this trait by hand; it follows from that of `contract.rs`.

use std::any::Any;
use std::sync::Arc;

use maitred_http::{RequestHead, ResponseHead};
use maitred_telemetry::Measured;

use crate::admin::AdminResource;
use crate::body::{RequestBody, ResponseBody};
use crate::contract::{Needs, Outcome, OwnRequest, Policy, RequestCx, ResponseCx};
use crate::facts::Facts;
use crate::fetched::Fetching;
use crate::phase::Phase;
use crate::runtime::Runtime;
use crate::verdict::{Step, Verdict};

/// A policy's memory of one exchange, what it owns on the worker, and the worker.
pub struct Slot<'a> {
    /// Its [`Policy::State`].
    pub state: &'a mut dyn Any,
    /// Its [`Policy::Local`].
    pub local: &'a dyn Any,
    /// The worker.
    pub runtime: &'a dyn Runtime,
}

impl std::fmt::Debug for Slot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

/// [`Policy`] without its types.
#[expect(missing_docs, reason = "each method is the one of Policy")]
pub trait DynPolicy: Send + Sync + 'static {
    fn needs(&self) -> Needs;
    fn wants_body(&self, request: &RequestHead, facts: &Facts) -> Option<u64>;
    fn fetched(&self) -> Vec<Fetching>;
    fn own_requests(&self) -> Vec<OwnRequest>;
    fn measured(&self) -> Option<Arc<dyn Measured>>;
    fn admin(&self) -> Option<Arc<dyn AdminResource>>;
    fn new_state(&self) -> Box<dyn Any>;
    fn new_local(&self) -> Box<dyn Any>;
    fn on_request<'a>(
        &'a self,
        request: &'a mut RequestHead,
        facts: &'a mut Facts,
        body: &'a mut RequestBody,
        slot: Slot<'a>,
    ) -> Step<'a, Verdict>;
    fn on_response<'a>(
        &'a self,
        response: &'a mut ResponseHead,
        request: &'a RequestHead,
        facts: &'a Facts,
        body: &'a mut ResponseBody,
        slot: Slot<'a>,
    ) -> Step<'a, Verdict>;
    fn on_end(&self, state: &mut dyn Any, local: &dyn Any, outcome: &Outcome);
    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool;
    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts);
    fn identify(&self, request: &RequestHead, facts: &mut Facts);
    fn explain(&self, request: &RequestHead, facts: &Facts) -> String;
    fn as_any(&self) -> &dyn Any;
}

const OWN: &str = "a slot is made by the policy that it is given to";

fn typed<'a, P: Policy>(state: &'a mut dyn Any, local: &'a dyn Any) -> (&'a mut P::State, &'a P::Local) {
    (state.downcast_mut().expect(OWN), local.downcast_ref().expect(OWN))
}

impl<P: Policy> DynPolicy for P {
    fn needs(&self) -> Needs {
        Policy::needs(self)
    }

    fn wants_body(&self, request: &RequestHead, facts: &Facts) -> Option<u64> {
        Policy::wants_body(self, request, facts)
    }

    fn fetched(&self) -> Vec<Fetching> {
        Policy::fetched(self)
    }

    fn own_requests(&self) -> Vec<OwnRequest> {
        Policy::own_requests(self)
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Policy::measured(self)
    }

    fn admin(&self) -> Option<Arc<dyn AdminResource>> {
        Policy::admin(self)
    }

    fn new_state(&self) -> Box<dyn Any> {
        Box::new(P::State::default())
    }

    fn new_local(&self) -> Box<dyn Any> {
        Box::new(P::Local::default())
    }

    fn on_request<'a>(
        &'a self,
        request: &'a mut RequestHead,
        facts: &'a mut Facts,
        body: &'a mut RequestBody,
        slot: Slot<'a>,
    ) -> Step<'a, Verdict> {
        let Slot { state, local, runtime } = slot;
        let (state, local) = typed::<P>(state, local);
        Policy::on_request(self, RequestCx { request, facts, body, state, local, runtime })
    }

    fn on_response<'a>(
        &'a self,
        response: &'a mut ResponseHead,
        request: &'a RequestHead,
        facts: &'a Facts,
        body: &'a mut ResponseBody,
        slot: Slot<'a>,
    ) -> Step<'a, Verdict> {
        let Slot { state, local, runtime } = slot;
        let (state, local) = typed::<P>(state, local);
        Policy::on_response(self, ResponseCx { response, request, facts, body, state, local, runtime })
    }

    fn on_end(&self, state: &mut dyn Any, local: &dyn Any, outcome: &Outcome) {
        let (state, local) = typed::<P>(state, local);
        Policy::on_end(self, state, local, outcome);
    }

    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool {
        Policy::shows(self, request, facts)
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        Policy::withhold(self, request, facts);
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        Policy::identify(self, request, facts);
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        Policy::explain(self, request, facts)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A policy that was compiled, and when it runs.
pub type CompiledPolicy = (Phase, Box<dyn DynPolicy>);
