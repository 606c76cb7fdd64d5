//! Policies and kinds as the engine knows them: without their types.
//! Nobody implements these traits by hand; they follow from those of `contract.rs`.

use std::any::Any;
use std::sync::Arc;

use maitred_config::{Node, PolicyShapes, Problems, Read, Reader, Shape, Texts};
use maitred_http::{RequestHead, ResponseHead};
use maitred_telemetry::Measured;

use crate::body::{RequestBody, ResponseBody};
use crate::build::{Build, Means};
use crate::contract::{Needs, Outcome, Policy, PolicyKind, RequestCx, ResponseCx};
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
    fn wants_body(&self, request: &RequestHead) -> bool;
    fn fetched(&self) -> Vec<Fetching>;
    fn measured(&self) -> Option<Arc<dyn Measured>>;
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
    fn on_end(&self, slot: Slot<'_>, outcome: &Outcome);
    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool;
    fn identify(&self, request: &RequestHead, facts: &mut Facts);
    fn explain(&self, request: &RequestHead, facts: &Facts) -> String;
    fn as_any(&self) -> &dyn Any;
}

const OWN: &str = "a slot is made by the policy that it is given to";

fn typed<P: Policy>(slot: Slot<'_>) -> (&mut P::State, &P::Local) {
    let Slot { state, local, .. } = slot;
    (state.downcast_mut().expect(OWN), local.downcast_ref().expect(OWN))
}

impl<P: Policy> DynPolicy for P {
    fn needs(&self) -> Needs {
        Policy::needs(self)
    }

    fn wants_body(&self, request: &RequestHead) -> bool {
        Policy::wants_body(self, request)
    }

    fn fetched(&self) -> Vec<Fetching> {
        Policy::fetched(self)
    }

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Policy::measured(self)
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
        let runtime = slot.runtime;
        let (state, local) = typed::<P>(slot);
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
        let runtime = slot.runtime;
        let (state, local) = typed::<P>(slot);
        Policy::on_response(self, ResponseCx { response, request, facts, body, state, local, runtime })
    }

    fn on_end(&self, slot: Slot<'_>, outcome: &Outcome) {
        let (state, local) = typed::<P>(slot);
        Policy::on_end(self, state, local, outcome);
    }

    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool {
        Policy::shows(self, request, facts)
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

/// [`PolicyKind`] without its types.
pub trait DynKind: Send + Sync + 'static {
    /// The name in the configuration.
    fn name(&self) -> &'static str;

    /// Whether it is there where a document does not name it.
    fn is_on_by_default(&self) -> bool;

    /// What may stand behind it, for the schema, the reference pages and the long form.
    fn shape(&self) -> Shape;

    /// Reads what users wrote in `texts` and compiles it; none if there were problems.
    fn compile(
        &self,
        node: &Node,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy>;
}

/// A kind as a value, for the catalogue.
#[derive(Debug)]
pub struct KindOf<K>(std::marker::PhantomData<fn() -> K>);

impl<K: PolicyKind> DynKind for KindOf<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn is_on_by_default(&self) -> bool {
        K::ON_BY_DEFAULT
    }

    fn shape(&self) -> Shape {
        K::Config::shape()
    }

    fn compile(
        &self,
        node: &Node,
        texts: &Texts,
        means: Means<'_>,
        problems: &mut Problems,
        previous: Option<&dyn DynPolicy>,
    ) -> Option<CompiledPolicy> {
        let before = problems.error_count();
        let config = K::Config::read(node, &mut Reader::new(texts, problems))?;
        if problems.error_count() > before {
            return None;
        }
        let phase = K::phase(&config);
        let previous = previous.and_then(|policy| policy.as_any().downcast_ref());
        let policy = K::compile(config, &mut Build::new(problems, node.span, means), previous)?;
        Some((phase, Box::new(policy)))
    }
}

/// All kinds of policies that a program has.
#[derive(Default)]
pub struct Catalog {
    kinds: Vec<Box<dyn DynKind>>,
}

impl Catalog {
    /// The same catalogue with one kind more.
    pub fn with<K: PolicyKind>(mut self) -> Self {
        self.kinds.push(Box::new(KindOf::<K>(std::marker::PhantomData)));
        self
    }

    /// The kind of this name.
    pub fn find(&self, name: &str) -> Option<&dyn DynKind> {
        self.kinds.iter().find(|kind| kind.name() == name).map(|kind| &**kind)
    }

    /// All kinds, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &dyn DynKind> {
        self.kinds.iter().map(|kind| &**kind)
    }
}

/// The configuration knows no policy, so it asks for their shapes through this.
impl PolicyShapes for Catalog {
    fn shape(&self, kind: &str) -> Option<Shape> {
        self.find(kind).map(DynKind::shape)
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.iter().map(DynKind::name).collect()
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|kind| kind.name())).finish()
    }
}
