//! What routes say together of who may pass: ways around what one of them protects, and policies that go by what nobody has found
//! out. All of it is warnings, for `maitred check` and the log; nothing here stops a load.
//!
//! A route asks who it is where it has a policy that identifies and is not `optional`.

mod believed;
mod paths;
mod probe;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use maitred_config::{EffectivePolicy, NamedEntry, Node, Problem, Problems, Route as WrittenRoute};
use maitred_policy::Phase;
use maitred_router::Router;

pub(super) use self::probe::{listener_of, sample_host};
use super::Compiler;
use crate::listener::ListenerSettings;
use crate::pipeline::PolicyInstance;
use crate::snapshot::Route;

/// A route, and what is known of who may take it.
struct Judged<'a> {
    number: usize,
    entry: &'a NamedEntry<WrittenRoute>,
    route: &'a Route,
    /// The names of its policies that identify.
    identify: Vec<Arc<str>>,
    /// Whether one of them refuses those who show nothing.
    asks: bool,
}

/// Warns of what is wrong between routes and policies. `routes` begins with those of the document, in its order.
pub(super) fn check(
    compiler: &Compiler<'_>,
    (router, routes): (&Router, &[Route]),
    listeners: &[Arc<ListenerSettings>],
    problems: &mut Problems,
) {
    let mut policies = Policies { compiler, optional: HashMap::new() };
    let judged: Vec<Judged<'_>> = compiler
        .document
        .routes
        .iter()
        .zip(routes)
        .enumerate()
        .map(|(number, (entry, route))| policies.judge(number, entry, route))
        .collect();
    let mut looked_at = HashSet::new();
    for one in judged.iter().filter(|one| one.identify.is_empty()) {
        // What is believed hangs on who may say it, and that on the route.
        let can_be_said = believed::can_be_said(one, listeners);
        let unseen = |instance: &&Arc<PolicyInstance>| looked_at.insert((instance.number, can_be_said));
        let unseen: Vec<_> = one.route.pipeline.policies().iter().filter(unseen).collect();
        if !unseen.is_empty() {
            let written = policies.of(one.entry);
            for instance in unseen {
                let Some(policy) = written.iter().find(|policy| *policy.name() == *instance.name) else {
                    continue;
                };
                let is_known = looked_at.contains(&(instance.number, !can_be_said));
                if instance.policy.needs().identity && !is_known {
                    problems.push(nobody_passes(policy, one));
                }
                if can_be_said {
                    believed::policy(policy, one, problems);
                }
            }
        }
        if can_be_said {
            believed::matching(one, problems);
        }
    }
    probe::ways_around(&judged, router, routes, listeners, problems);
}

/// Knows the policies of routes as they are written.
struct Policies<'a> {
    compiler: &'a Compiler<'a>,
    /// Whether those who show nothing pass, by the number of the instance.
    optional: HashMap<usize, bool>,
}

impl Policies<'_> {
    fn of(&self, entry: &NamedEntry<WrittenRoute>) -> Vec<EffectivePolicy> {
        self.compiler.document.effective_policies(Some(entry), self.compiler.catalog)
    }

    fn judge<'a>(
        &mut self,
        number: usize,
        entry: &'a NamedEntry<WrittenRoute>,
        route: &'a Route,
    ) -> Judged<'a> {
        let all = route.pipeline.policies();
        let identifying: Vec<_> = all.iter().filter(|instance| instance.phase == Phase::Identify).collect();
        if identifying.iter().any(|instance| !self.optional.contains_key(&instance.number)) {
            let written = self.of(entry);
            for instance in &identifying {
                let policy = written.iter().find(|policy| *policy.name() == *instance.name);
                self.optional.insert(instance.number, policy.is_some_and(|policy| is_optional(&policy.node)));
            }
        }
        let asks = identifying.iter().any(|instance| self.optional.get(&instance.number) == Some(&false));
        let identify = identifying.iter().map(|instance| Arc::clone(&instance.name)).collect();
        Judged { number, entry, route, identify, asks }
    }
}

/// Whether a policy lets those pass who show nothing: it says so itself, or one that it holds does.
fn is_optional(node: &Node) -> bool {
    let says = |node: &Node| node.get("optional").is_some_and(|optional| optional.as_bool() == Some(true));
    says(node) || node.as_map().is_some_and(|map| map.entries.iter().any(|entry| says(&entry.value)))
}

fn nobody_passes(policy: &EffectivePolicy, on: &Judged<'_>) -> Problem {
    let name = policy.name();
    Problem::warning(format!("`{name}` lets nobody pass on `{}`: nothing finds out who asks", on.entry.name))
        .label(policy.span, "it goes by who asks")
        .label(on.entry.span, "no policy of this route identifies")
        .help(format!("write a policy that identifies beside it, such as `api_key: true`, or `{name}: false` on this route"))
}
