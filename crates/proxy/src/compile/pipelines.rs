//! Policies into pipelines. A policy is compiled once for the place where it is written, or once for each upstream there where it
//! is made for one; routes that inherit it share it, and routes with the same policies share the pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use maitred_config::{Document, EffectivePolicy, PolicyMap, Route};
use maitred_config::{NamedEntry, Node, Problem, Problems};
use maitred_policy::{Means, Written};

use super::Compiler;
use crate::pipeline::{Pipeline, PolicyInstance};

/// All instances of policies, and the pipelines made of them so far.
pub(super) struct Pipelines<'a> {
    compiler: &'a Compiler<'a>,
    instances: Vec<Arc<PolicyInstance>>,
    /// None where the policy was no good.
    known: HashMap<Key, Option<Arc<PolicyInstance>>>,
    /// By the numbers of their instances.
    pipelines: HashMap<Vec<usize>, Arc<Pipeline>>,
    old: HashMap<Key, &'a PolicyInstance>,
    /// A policy was left out because it is made for one upstream, and there is none.
    is_left_out: bool,
}

/// What tells instances apart: where they are written, their name there, and the upstream where they are made for one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    place: String,
    name: String,
    upstream: Option<Arc<str>>,
}

impl<'a> Pipelines<'a> {
    pub(super) fn new(compiler: &'a Compiler<'a>) -> Self {
        let old = compiler
            .previous
            .iter()
            .flat_map(|snapshot| &snapshot.policies)
            .map(|instance| (Key::of(instance), &**instance))
            .collect();
        Self {
            compiler,
            instances: Vec::new(),
            known: HashMap::new(),
            pipelines: HashMap::new(),
            old,
            is_left_out: false,
        }
    }

    /// The pipeline of a route, with the upstream that it has; without a route, that of what no route takes.
    pub(super) fn of(
        &mut self,
        route: Option<&NamedEntry<Route>>,
        upstream: Option<&Arc<str>>,
        problems: &mut Problems,
    ) -> Arc<Pipeline> {
        let document = self.compiler.document;
        let mut instances = Vec::new();
        if route.is_none_or(|route| !route.value.policies.none) {
            instances.extend(self.defaults(document, route, upstream, problems));
        }
        for policy in document.effective_policies(route, self.compiler.catalog) {
            self.is_left_out = false;
            instances.extend(self.instance(&policy, upstream, problems));
            if self.is_left_out
                && let Some(route) = route.filter(|route| route.value.split.is_some())
            {
                problems.push(of_one_service(&policy, route));
            }
        }
        let key: Vec<usize> = instances.iter().map(|instance| instance.number).collect();
        Arc::clone(self.pipelines.entry(key).or_insert_with(|| Arc::new(Pipeline::new(instances))))
    }

    /// The policies that are on although the document does not name them.
    fn defaults(
        &mut self,
        document: &Document,
        route: Option<&NamedEntry<Route>>,
        upstream: Option<&Arc<str>>,
        problems: &mut Problems,
    ) -> Vec<Arc<PolicyInstance>> {
        let catalog = self.compiler.catalog;
        let defaults = catalog.iter().filter(|kind| kind.is_on_by_default());
        let unnamed = defaults.filter(|kind| !names_policy(document, route, kind.name()));
        let mut instances = Vec::new();
        for kind in unnamed {
            let (place, name) = (DEFAULT_PLACE.to_owned(), kind.name().to_owned());
            let key = Key { place, name, upstream: upstream.cloned() };
            instances.extend(self.make(key, kind.name(), &Node::bool(true), problems));
        }
        instances
    }

    fn instance(
        &mut self,
        policy: &EffectivePolicy,
        upstream: Option<&Arc<str>>,
        problems: &mut Problems,
    ) -> Option<Arc<PolicyInstance>> {
        let (place, name) = (policy.written_at.to_string(), policy.name());
        let key = Key { place, name, upstream: upstream.cloned() };
        if let Some(known) = self.known(&key) {
            return known.clone();
        }
        if self.compiler.catalog.find(&policy.kind).is_none() {
            problems.push(self.compiler.catalog.unknown(&policy.kind).at(policy.span));
            self.known.insert(key.for_any(), None);
            return None;
        }
        self.make(key, &policy.kind, &policy.node, problems)
    }

    /// The instance that is there already, be it made for this upstream or for any.
    fn known(&self, key: &Key) -> Option<&Option<Arc<PolicyInstance>>> {
        self.known.get(&key.clone().for_any()).or_else(|| self.known.get(key))
    }

    /// Compiles a policy for the upstream of `key`. Where it needs none, it is the one for all.
    fn make(
        &mut self,
        key: Key,
        kind: &str,
        node: &Node,
        problems: &mut Problems,
    ) -> Option<Arc<PolicyInstance>> {
        if let Some(known) = self.known(&key) {
            return known.clone();
        }
        let kind = self.compiler.catalog.find(kind)?;
        let old = self.old.get(&key.clone().for_any()).or_else(|| self.old.get(&key));
        let previous = old.map(|old| &*old.policy);
        let written = Written { place: &key.place, name: &key.name };
        let means = Means { written, ..self.compiler.means };
        let compiled = kind.compile(node, self.compiler.texts, means, problems, previous);
        let is_for_one = compiled.as_ref().is_some_and(|(_, policy)| policy.needs().upstream);
        if is_for_one && key.upstream.is_none() {
            // The route has none. Others, which have one, get their own.
            self.is_left_out = true;
            return None;
        }
        let key = if is_for_one { key } else { key.for_any() };
        let instance = compiled.map(|compiled| {
            let (written, upstream) = ((&*key.place, &*key.name), key.upstream.clone());
            Arc::new(PolicyInstance::new(
                written,
                upstream,
                self.instances.len(),
                compiled,
                self.compiler.metrics,
            ))
        });
        if let Some(measured) = instance.as_ref().and_then(|instance| instance.policy.measured()) {
            let mut labels = vec![("place", &*key.place), ("policy", &*key.name)];
            labels.extend(key.upstream.as_deref().map(|upstream| ("upstream", upstream)));
            self.compiler.metrics.measure(&labels, &measured);
        }
        self.instances.extend(instance.clone());
        self.known.insert(key, instance.clone());
        instance
    }

    pub(super) fn into_instances(self) -> Vec<Arc<PolicyInstance>> {
        self.instances
    }
}

impl Key {
    fn of(instance: &PolicyInstance) -> Self {
        let (place, name) = (instance.place.to_string(), instance.name.to_string());
        Self { place, name, upstream: instance.upstream.clone() }
    }

    /// The key of the instance that is the same for all upstreams.
    fn for_any(self) -> Self {
        Self { upstream: None, ..self }
    }
}

fn of_one_service(policy: &EffectivePolicy, route: &NamedEntry<Route>) -> Problem {
    let name = policy.name();
    Problem::error(format!("`{name}` is made for one service, and a route with `split` has several"))
        .label(policy.span, "this policy")
        .label(route.span, "the route")
        .help(format!("write `{name}: false` among its policies, or make a route for each service"))
}

/// Whether a document says something of a policy for this route, if only that it is not wanted.
fn names_policy(document: &Document, route: Option<&NamedEntry<Route>>, kind: &str) -> bool {
    let own = route.map(|route| &route.value.policies);
    let uses = [Some(&document.policies), own].into_iter().flatten().flat_map(|policies| &policies.uses);
    let sets = uses.filter_map(|name| document.policy_sets.get(name));
    let names = |policies: &PolicyMap| policies.entries.iter().any(|entry| &*entry.kind == kind);
    names(&document.policies) || own.is_some_and(names) || sets.into_iter().any(names)
}

/// Where policies are written that no document names.
const DEFAULT_PLACE: &str = "defaults";
