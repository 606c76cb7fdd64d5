//! Policies into pipelines. A policy is compiled once for the place where it is written; routes that inherit it share it,
//! and routes with the same policies share the pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use maitred_config::scalar::nearest;
use maitred_config::{Document, EffectivePolicy, PolicyMap, PolicyShapes, Route};
use maitred_config::{NamedEntry, Node, Problem, Problems};

use super::Compiler;
use crate::pipeline::{Pipeline, PolicyInstance};

/// All instances of policies, and the pipelines made of them so far.
pub(super) struct Pipelines<'a> {
    compiler: &'a Compiler<'a>,
    instances: Vec<Arc<PolicyInstance>>,
    /// By where they are written and their name; none where the policy was no good.
    known: HashMap<(String, String), Option<Arc<PolicyInstance>>>,
    /// By the numbers of their instances.
    pipelines: HashMap<Vec<usize>, Arc<Pipeline>>,
    old: HashMap<(&'a str, &'a str), &'a PolicyInstance>,
}

impl<'a> Pipelines<'a> {
    pub(super) fn new(compiler: &'a Compiler<'a>) -> Self {
        let old = compiler
            .previous
            .iter()
            .flat_map(|snapshot| &snapshot.policies)
            .map(|instance| ((&*instance.place, &*instance.name), &**instance))
            .collect();
        Self { compiler, instances: Vec::new(), known: HashMap::new(), pipelines: HashMap::new(), old }
    }

    /// The pipeline of a route; without one, that of what no route takes.
    pub(super) fn of(&mut self, route: Option<&NamedEntry<Route>>, problems: &mut Problems) -> Arc<Pipeline> {
        let document = self.compiler.document;
        let mut instances = Vec::new();
        if route.is_none_or(|route| !route.value.policies.none) {
            instances.extend(self.defaults(document, route, problems));
        }
        for policy in document.effective_policies(route, self.compiler.catalog) {
            instances.extend(self.instance(&policy, problems));
        }
        let key: Vec<usize> = instances.iter().map(|instance| instance.number).collect();
        Arc::clone(self.pipelines.entry(key).or_insert_with(|| Arc::new(Pipeline::new(instances))))
    }

    /// The policies that are on although the document does not name them.
    fn defaults(
        &mut self,
        document: &Document,
        route: Option<&NamedEntry<Route>>,
        problems: &mut Problems,
    ) -> Vec<Arc<PolicyInstance>> {
        let catalog = self.compiler.catalog;
        let defaults = catalog.iter().filter(|kind| kind.is_on_by_default());
        let unnamed = defaults.filter(|kind| !names_policy(document, route, kind.name()));
        let mut instances = Vec::new();
        for kind in unnamed {
            let key = (DEFAULT_PLACE.to_owned(), kind.name().to_owned());
            instances.extend(self.make(key, kind.name(), &Node::bool(true), problems));
        }
        instances
    }

    fn instance(&mut self, policy: &EffectivePolicy, problems: &mut Problems) -> Option<Arc<PolicyInstance>> {
        let key = (policy.written_at.to_string(), policy.name());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.compiler.catalog.find(&policy.kind).is_none() {
            let names = self.compiler.catalog.kinds();
            let help = nearest::nearest(&policy.kind, names.iter().copied()).map_or_else(
                || format!("there are {}", names.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            let problem = Problem::error(format!("there is no policy `{}`", policy.kind)).at(policy.span);
            problems.push(problem.help(help));
            self.known.insert(key, None);
            return None;
        }
        self.make(key, &policy.kind, &policy.node, problems)
    }

    fn make(
        &mut self,
        key: (String, String),
        kind: &str,
        node: &Node,
        problems: &mut Problems,
    ) -> Option<Arc<PolicyInstance>> {
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let kind = self.compiler.catalog.find(kind)?;
        let previous = self.old.get(&(&*key.0, &*key.1)).map(|old| &*old.policy);
        let compiled = kind.compile(node, self.compiler.texts, self.compiler.means, problems, previous);
        let instance = compiled.map(|(phase, policy)| {
            let (place, name) = (Arc::from(&*key.0), Arc::from(&*key.1));
            Arc::new(PolicyInstance::new(place, name, phase, self.instances.len(), policy))
        });
        self.instances.extend(instance.clone());
        self.known.insert(key, instance.clone());
        instance
    }

    pub(super) fn into_instances(self) -> Vec<Arc<PolicyInstance>> {
        self.instances
    }
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
