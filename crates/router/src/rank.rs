//! All routes in the order in which they are preferred: one list for the whole table, so that "which of these fits
//! best" is a comparison of two numbers when a request comes.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::condition::Condition;
use crate::host::HostSpec;
use crate::index::number;
use crate::methods::MethodSet;
use crate::path::PathSpec;
use crate::rule::{Rule, differs};
use crate::spec::RouteSpec;

/// The routes of a table, what they are made of, and their order.
#[derive(Debug)]
pub(crate) struct Ranking {
    routes: Vec<Route>,
    hosts: Vec<HostSpec>,
    paths: Vec<PathSpec>,
    candidates: Vec<Candidate>,
}

/// One route without its hosts and paths.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) methods: MethodSet,
    pub(crate) conditions: Vec<Condition>,
    /// Whether a condition may ask for the parts of the path.
    pub(crate) reads_path: bool,
    priority: i32,
}

/// One way to a route: one of its hosts with one of its paths. Its place in the ranking is its rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) route: u32,
    pub(crate) host: u32,
    pub(crate) path: u32,
}

impl Ranking {
    pub(crate) fn new(specs: Vec<RouteSpec>) -> Self {
        let mut ranking =
            Self { routes: Vec::new(), hosts: Vec::new(), paths: Vec::new(), candidates: Vec::new() };
        let mut known_hosts = HashMap::new();
        for spec in specs {
            ranking.add(spec, &mut known_hosts);
        }
        let mut candidates = std::mem::take(&mut ranking.candidates);
        // A stable sort: of two ways to one route with equal rank the first written wins.
        candidates.sort_by(|one, two| ranking.decide(one, two).map_or(Ordering::Equal, |(order, _)| order));
        ranking.candidates = candidates;
        ranking
    }

    fn add(&mut self, mut spec: RouteSpec, known_hosts: &mut HashMap<HostSpec, u32>) {
        if spec.hosts.is_empty() {
            spec.hosts.push(HostSpec::any());
        }
        if spec.paths.is_empty() {
            spec.paths.push(PathSpec::every());
        }
        let route = number(self.routes.len());
        let paths = number(self.paths.len())..number(self.paths.len() + spec.paths.len());
        for host in spec.hosts {
            let host = *known_hosts.entry(host).or_insert_with_key(|host| {
                self.hosts.push(host.clone());
                number(self.hosts.len() - 1)
            });
            self.candidates.extend(paths.clone().map(|path| Candidate { route, host, path }));
        }
        self.paths.append(&mut spec.paths);
        self.routes.push(Route {
            methods: MethodSet::of_route(spec.methods.as_deref()),
            reads_path: spec.conditions.iter().any(|condition| matches!(condition, Condition::When(_))),
            conditions: spec.conditions,
            priority: spec.priority,
        });
    }

    /// Which of two candidates is preferred where both fit, and by which rule; none where they rank equally.
    pub(crate) fn decide(&self, one: &Candidate, two: &Candidate) -> Option<(Ordering, Rule)> {
        let (a, b) = (self.route(one.route), self.route(two.route));
        differs(b.priority.cmp(&a.priority), Rule::Priority)
            .or_else(|| differs(self.host(one.host).rank(self.host(two.host)), Rule::Host))
            .or_else(|| self.path(one.path).rank(self.path(two.path)))
            .or_else(|| differs(b.conditions.len().cmp(&a.conditions.len()), Rule::MoreConditions))
            .or_else(|| differs(a.methods.is_all().cmp(&b.methods.is_all()), Rule::NamedMethods))
    }

    /// All candidates, the preferred first.
    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn hosts(&self) -> &[HostSpec] {
        &self.hosts
    }

    pub(crate) fn route(&self, at: u32) -> &Route {
        &self.routes[at as usize]
    }

    pub(crate) fn host(&self, at: u32) -> &HostSpec {
        &self.hosts[at as usize]
    }

    pub(crate) fn paths(&self) -> &[PathSpec] {
        &self.paths
    }

    pub(crate) fn path(&self, at: u32) -> &PathSpec {
        &self.paths[at as usize]
    }
}
