//! Runs policies as the engine does, over a request and a made-up answer of the service: no sockets, and a clock that the test
//! moves. For tests only (feature `harness`). Mistakes of a test panic.
//!
//! `Harness::of::<Cors>("{ origins: https://shop.example }").request("GET /x", &[("Origin", "…")]).answer(200, &[])` gives the
//! [`Outcome`]: what the service got and what the client gets.

mod begun;
mod called;
mod course;
mod given;
mod moved;
mod replica;

use std::any::Any;
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use maitred_config::{
    Issuer, Memory, Named, NoEnvironment, Problems, Read as _, Reader, Style, load, load_tree,
};
use maitred_http::{Fields, Method, RequestHead, ResponseHead};
use maitred_telemetry::Measure;

use crate::body::WholeBody;
use crate::build::{Means, Written};
use crate::callers::Consumers;
use crate::catalog::Catalog;
use crate::contract::Policy;
use crate::erased::DynPolicy;
use crate::facts::{Facts, RouteFacts, TableRef};
use crate::fault::Fault;
use crate::fetched::{FetchError, Fetching, Service};
use crate::kind::PolicyKind;
use crate::outbound::CallError;
use crate::phase::Phase;
use crate::runtime::Runtime as _;
use crate::stores::Stores;
use crate::verdict::ReplyBody;

pub use begun::Begun;
pub use called::Called;
pub use given::{facts, request};
pub use moved::Refresh;

use called::TestUpstreams;
use moved::MovedRuntime;

/// Policies, ready to be run. What they own on a worker lives as long as this.
pub struct Harness {
    policies: Vec<Running>,
    facts: Facts,
    around: Around,
    runtime: MovedRuntime,
}

/// What policies are compiled in the midst of.
#[derive(Clone, Default)]
struct Around {
    files: Memory,
    consumers: Arc<Consumers>,
    issuers: Arc<Named<Issuer>>,
    kinds: Arc<Catalog>,
    stores: Stores,
}

struct Running {
    phase: Phase,
    policy: Box<dyn DynPolicy>,
    local: Box<dyn Any>,
}

/// A request that is about to be served.
pub struct Exchange<'h> {
    harness: &'h Harness,
    facts: Facts,
    /// The policy that it begins at.
    first: usize,
    request: RequestHead,
    body: Vec<u8>,
    uploading: Duration,
}

/// What became of a request.
#[derive(Debug)]
pub struct Outcome {
    /// The request as the service got it; none if it got none.
    pub sent: Option<RequestHead>,
    /// The body of that request.
    pub sent_body: Vec<u8>,
    /// What is known of the request in the end.
    pub facts: Facts,
    /// The head of the answer as the client gets it.
    pub response: ResponseHead,
    /// The body of the answer.
    pub body: Bytes,
    /// What comes behind it.
    pub trailers: Option<Fields>,
    /// Who answered.
    pub answered: Answered,
    /// How long it took, by the clock of the test.
    pub took: Duration,
    /// What the gateway itself answers, until it is read.
    own: ReplyBody,
}

/// Who answered a request.
#[derive(Debug)]
pub enum Answered {
    /// The service.
    Service,
    /// A policy, with a reply.
    Policy,
    /// The gateway, because of this fault.
    Fault(Fault),
}

impl Harness {
    /// The policy `K` with this configuration in YAML, as it stands behind the policy's name.
    pub fn of<K: PolicyKind>(yaml: &str) -> Self {
        Self::with_files::<K>(yaml, Memory::new())
    }

    /// The same, where these files are there to be read.
    pub fn with_files<K: PolicyKind>(yaml: &str, files: Memory) -> Self {
        Self::amid::<K>(Around { files, ..Around::default() }, yaml)
    }

    /// The same in a gateway that knows these consumers: what stands behind `consumers:`.
    pub fn knowing<K: PolicyKind>(consumers: &str, yaml: &str) -> Self {
        Self::knowing_with_files::<K>(consumers, yaml, Memory::new())
    }

    /// The same, where these files are there to be read. Consumers may name them in `${file:…}`.
    pub fn knowing_with_files<K: PolicyKind>(consumers: &str, yaml: &str, files: Memory) -> Self {
        let consumers = Arc::new(read_consumers(consumers, &files));
        Self::amid::<K>(Around { files, consumers, ..Around::default() }, yaml)
    }

    /// The same of a policy that may hold others, of these kinds.
    pub fn holding<K: PolicyKind>(kinds: Catalog, consumers: &str, yaml: &str) -> Self {
        let consumers = Arc::new(read_consumers(consumers, &Memory::new()));
        Self::amid::<K>(Around { consumers, kinds: Arc::new(kinds), ..Around::default() }, yaml)
    }

    /// The same in a gateway that has this document: its consumers, plans and issuers count. It may name the files.
    pub fn in_document<K: PolicyKind>(document: &str, yaml: &str, files: &Memory) -> Self {
        Self::amid::<K>(of_document(document, files), yaml)
    }

    fn amid<K: PolicyKind>(around: Around, yaml: &str) -> Self {
        let (facts, runtime) = (facts(), MovedRuntime::default());
        Self { policies: Vec::new(), facts, around, runtime }.and::<K>(yaml)
    }

    /// The same with one policy more, written behind the others.
    pub fn and<K: PolicyKind>(mut self, yaml: &str) -> Self {
        self.add::<K>(yaml, None);
        self
    }

    /// The only policy of this one with another configuration, as after a reload. The clock is the same.
    pub fn reloaded<K: PolicyKind>(&self, yaml: &str) -> Self {
        let [previous] = &self.policies[..] else { panic!("there is one policy") };
        let (facts, runtime) = (self.facts.clone(), self.runtime.clone());
        let around = self.around.clone();
        let mut reloaded = Self { policies: Vec::new(), facts, around, runtime };
        reloaded.add::<K>(yaml, Some(&*previous.policy));
        reloaded
    }

    fn add<K: PolicyKind>(&mut self, yaml: &str, previous: Option<&dyn DynPolicy>) {
        let (phase, policy) = match compile::<K>(yaml, &self.around, previous) {
            (Some(compiled), _) => compiled,
            (None, problems) => panic!("{}: {yaml} is no good:\n{problems}", K::NAME),
        };
        let local = policy.new_local();
        self.policies.push(Running { phase, policy, local });
        self.policies.sort_by_key(|running| running.phase);
    }

    /// The same with other chances: two of the same seed are alike.
    pub fn seeded(self, seed: u64) -> Self {
        self.runtime.seed(seed);
        self
    }

    /// The same, where services that policies ask answer so. None: with silence. Without this, a test in which somebody is asked panics.
    pub fn answering(
        self,
        answer: impl FnMut(&Called) -> Option<Result<(ResponseHead, WholeBody), CallError>> + 'static,
    ) -> Self {
        self.runtime.answer_with(Box::new(answer));
        self
    }

    /// The calls to services so far, in their order.
    pub fn calls(&self) -> Vec<Called> {
        self.runtime.calls()
    }

    /// Calls that are waited for.
    pub fn open_calls(&self) -> usize {
        self.runtime.open_calls()
    }

    /// The time that it is.
    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// The policy of type `P`; the first if there are several.
    pub fn policy<P: Policy>(&self) -> &P {
        let mut all = self.policies.iter().filter_map(|running| running.policy.as_any().downcast_ref());
        all.next().expect("the harness has such a policy")
    }

    /// What the policies measure.
    pub fn measures(&self) -> Vec<Measure> {
        let measured = self.policies.iter().filter_map(|running| running.policy.measured());
        measured.flat_map(|measured| measured.measures()).collect()
    }

    /// Has what policies hand over to other threads wait until [`work`](Self::work) is called, and more than so many at a time refused.
    /// Else each job is done at once.
    pub fn hold_jobs(self, most: usize) -> Self {
        self.runtime.hold_jobs(most);
        self
    }

    /// Does the job that has waited longest; false if none waits.
    pub fn work(&self) -> bool {
        self.runtime.work()
    }

    /// How many jobs were done; those whose client had gone count.
    pub fn jobs_done(&self) -> usize {
        self.runtime.jobs_done()
    }

    /// Moves the clock. What waits for it notices when it is looked at; what goes on beside requests does at once.
    pub fn advance(&self, by: Duration) {
        self.runtime.advance(by);
        self.runtime.go_on();
    }

    /// The same, with other facts of the requests to come.
    pub fn with_facts(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// The same for requests from this address.
    pub fn client(self, address: &str) -> Self {
        let address = address.parse().expect("the test names an address");
        self.with_facts(|facts| facts.client = address)
    }

    /// The same on a route that takes only these methods.
    pub fn route_methods(self, methods: &[&str]) -> Self {
        let parse = |method: &&str| Method::parse(method.as_bytes()).expect("the test names methods");
        let methods: Arc<[Method]> = methods.iter().map(parse).collect();
        self.with_facts(|facts| {
            facts.route = TableRef::alone(RouteFacts { methods: Some(methods), ..(*facts.route).clone() });
        })
    }

    /// Fetches once what the policies have from elsewhere, as the engine does in the background: whether there is something new.
    pub fn fetch(&self, service: &dyn Service) -> Result<bool, FetchError> {
        let fetched = self.policies.iter().flat_map(|running| running.policy.fetched());
        let mut tried = fetched.map(|Fetching { thing, .. }| {
            let made = at_once(Arc::clone(&thing).ask(service)).and_then(|making| making());
            made.inspect_err(|why| thing.fail(why.clone()))
        });
        tried.try_fold(false, |any, made| Ok(any | made?.is_new))
    }

    /// Whether a policy wants something fetched anew.
    pub fn is_wanted(&self) -> bool {
        let mut fetched = self.policies.iter().flat_map(|running| running.policy.fetched());
        fetched.any(|Fetching { thing, .. }| thing.is_wanted())
    }

    /// A request, `METHOD TARGET`, with these fields.
    pub fn request(&self, line: &str, fields: &[(&str, &str)]) -> Exchange<'_> {
        let (body, uploading) = (Vec::new(), Duration::ZERO);
        let (facts, request) = (self.facts.clone(), request(line, fields));
        Exchange { harness: self, facts, first: 0, request, body, uploading }
    }

    /// Takes the requests that policies have wanted asked anew so far, in their order.
    pub fn refreshes(&self) -> Vec<Refresh> {
        self.runtime.take_refreshes()
    }

    /// One of them, as the engine asks it: it begins at the policy that has wanted it.
    pub fn refresh(&self, refresh: Refresh) -> Exchange<'_> {
        let Refresh { request, facts, first } = refresh;
        Exchange { harness: self, facts, first, request, body: Vec::new(), uploading: Duration::ZERO }
    }

    /// Refuses refreshes, as an engine that has no room for more.
    pub fn without_refreshes(self) -> Self {
        self.runtime.refuse_refreshes();
        self
    }
}

impl<'h> Exchange<'h> {
    /// What the policies say for `maitred explain`, in the order in which they run.
    pub fn explain(&self) -> Vec<String> {
        let policies = self.harness.policies.iter();
        policies.map(|running| running.policy.explain(&self.request, &self.facts)).collect()
    }

    /// The same with this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same of a client that takes so long to send it.
    pub fn uploading(mut self, time: Duration) -> Self {
        self.uploading = time;
        self
    }

    /// Serves the request; the service would answer so, with a body and trailers.
    pub fn answer_with(
        self,
        status: u16,
        fields: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
        trailers: &[(&str, &str)],
    ) -> Outcome {
        let mut behind = Fields::default();
        for (name, value) in trailers {
            behind.append_bytes(name.as_bytes(), value.as_bytes());
        }
        let trailers = (!behind.is_empty()).then_some(behind);
        self.answer_whole(status, fields, WholeBody { bytes: body.into(), trailers })
    }

    /// Serves the request; the service would answer so.
    pub fn answer(self, status: u16, fields: &[(&str, &str)]) -> Outcome {
        self.answer_whole(status, fields, WholeBody::default())
    }

    fn answer_whole(self, status: u16, fields: &[(&str, &str)], body: WholeBody) -> Outcome {
        let mut response = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in fields {
            response.fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        self.serve(Ok((response, body)))
    }

    /// Serves the request; the service could not be reached or the like.
    pub fn fail(self, fault: Fault) -> Outcome {
        self.serve(Err(fault))
    }

    /// Lets the request come, and looks how far it gets: for what happens while others are under way.
    pub fn begin(self) -> Begun<'h> {
        Begun::new(self)
    }

    fn serve(self, action: Result<(ResponseHead, WholeBody), Fault>) -> Outcome {
        self.begin().finish_with(action)
    }
}

impl Outcome {
    /// The field of the answer, its values joined by ` | `; none if it has none.
    pub fn field(&self, name: &str) -> Option<String> {
        values(&self.response.fields, name)
    }

    /// The field of the request that the service got.
    pub fn sent_field(&self, name: &str) -> Option<String> {
        values(&self.sent.as_ref().expect("the service got a request").fields, name)
    }

    /// Path and query of the request that the service got.
    pub fn sent_target(&self) -> &str {
        self.sent.as_ref().expect("the service got a request").target.as_str()
    }

    /// The fault that was answered.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.answered {
            Answered::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// The cause of the fault that was answered.
    pub fn cause(&self) -> Option<&'static str> {
        self.fault().map(Fault::cause)
    }
}

/// What is drawn for the user when the configuration of policy `K` has problems or warnings; empty if it has none.
pub fn problems_of<K: PolicyKind>(yaml: &str) -> String {
    problems_with_files::<K>(yaml, &Memory::new())
}

/// The same where the configuration names these files.
pub fn problems_with_files<K: PolicyKind>(yaml: &str, files: &Memory) -> String {
    compile::<K>(yaml, &Around { files: files.clone(), ..Around::default() }, None).1
}

/// The same of a policy that may hold others, of these kinds.
pub fn problems_holding<K: PolicyKind>(kinds: Catalog, yaml: &str) -> String {
    compile::<K>(yaml, &Around { kinds: Arc::new(kinds), ..Around::default() }, None).1
}

/// The same in a gateway that has this document, which may name the files, too.
pub fn problems_in_document<K: PolicyKind>(document: &str, yaml: &str, files: &Memory) -> String {
    compile::<K>(yaml, &of_document(document, files), None).1
}

fn of_document(text: &str, files: &Memory) -> Around {
    let written = files.clone().with("document.yaml", text);
    let loaded = load("document.yaml", &written, &NoEnvironment);
    let document = loaded.document.filter(|_| !loaded.problems.has_errors());
    let document =
        document.unwrap_or_else(|| panic!("{}", loaded.problems.render(&loaded.tree.texts, Style::Plain)));
    let consumers = Arc::new(Consumers::with_plans(&document.consumers, &document.plans));
    Around { files: files.clone(), consumers, issuers: Arc::new(document.issuers), ..Around::default() }
}

/// Consumers as they are written behind `consumers:`, with these files for `${file:…}`.
fn read_consumers(consumers: &str, files: &Memory) -> Consumers {
    let text = format!("consumers: {consumers}\n");
    let files = files.clone().with("consumers.yaml", text.as_str());
    let mut problems = Problems::new();
    let tree = load_tree("consumers.yaml".as_ref(), &files, &NoEnvironment, &mut problems);
    let node = tree.root.get("consumers").expect("it was just written");
    let written = Named::read(node, &mut Reader::new(&tree.texts, &mut problems));
    assert!(problems.is_empty(), "{}", problems.render(&tree.texts, Style::Plain));
    Consumers::new(&written.expect("what has no problems is read"))
}

type Compiled = (Phase, Box<dyn DynPolicy>);

fn compile<K: PolicyKind>(
    yaml: &str,
    around: &Around,
    previous: Option<&dyn DynPolicy>,
) -> (Option<Compiled>, String) {
    let text = if yaml.trim().contains('\n') {
        yaml.lines().fold(format!("{}:\n", K::NAME), |text, line| text + "  " + line + "\n")
    } else {
        format!("{}: {yaml}\n", K::NAME)
    };
    let mut problems = Problems::new();
    let seen = RefCell::default();
    let Around { files, consumers, issuers, kinds, stores } = around;
    let written = Written { place: "global", name: K::NAME };
    let upstreams = &TestUpstreams;
    let means =
        Means { consumers, issuers, upstreams, stores, written, ..Means::new(files, &seen, &**kinds) };
    let files = files.clone().with("policy.yaml", text.as_str());
    let tree = load_tree("policy.yaml".as_ref(), &files, &NoEnvironment, &mut problems);
    let catalog = Catalog::default().with::<K>();
    let kind = catalog.find(K::NAME).expect("it was just added");
    let node = tree.root.get(K::NAME);
    let compiled = node.and_then(|node| kind.compile(node, &tree.texts, means, &mut problems, previous));
    let compiled = compiled.filter(|_| !problems.has_errors());
    (compiled, problems.render(&tree.texts, Style::Plain))
}

fn values(fields: &Fields, name: &str) -> Option<String> {
    let all: Vec<_> = fields
        .iter()
        .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect();
    (!all.is_empty()).then(|| all.join(" | "))
}

/// What is there at once.
fn at_once<T>(later: impl Future<Output = T>) -> T {
    match pin!(later).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a policy that waits for somebody needs a test with a runtime"),
    }
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.policies.iter().map(|running| running.phase)).finish()
    }
}

impl std::fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.request.fmt(f)
    }
}

#[cfg(test)]
mod tests;
