//! What only shows when the whole document is seen: names that stand for nothing, addresses taken twice, what is not used.
//! Runs once, after all sections are read. Which of two routes wins is the router's business.

use std::collections::{HashMap, HashSet};

use super::{AcmeChallenge, Document, PolicyMap, UpstreamRef};
use crate::node::{Node, Value};
use crate::problem::Problem;
use crate::read::{Fields, Named, Reader, Spanned};
use crate::scalar::nearest::nearest;
use crate::scalar::{ListenAddress, quote};

/// The route that takes what no other takes; its name is in logs and metrics.
const UNMATCHED: &str = "unmatched";

/// How many unknown names are compared with all that are known: more than anybody reads.
const SUGGESTIONS: usize = 100;

/// Checks a whole document.
pub(super) fn document(document: &Document, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    listeners(document, fields, reader);
    challenges(document, reader);
    upstreams(document, reader);
    super::issuer::check(&document.issuers, reader);
    super::store::check(&document.stores, reader);
    super::plan::check(&document.plans, reader);
    super::consumer::check(&document.consumers, reader);
    super::plain::check(document, reader);
    super::ip_list::check(&document.ip_lists, reader);
    let mut unknown = UnknownNames { suggestions_left: SUGGESTIONS };
    consumers(document, &mut unknown, reader);
    policies(document, &mut unknown, reader);
    routes(document, &mut unknown, fields, reader);
    unused(document, reader);
}

fn listeners(document: &Document, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if document.listeners.names().next().is_none() {
        let problem = Problem::error("there is no listener").at(fields.key_span("listeners"));
        reader.problem(problem.help("leave `listeners` out for `http://0.0.0.0:8080`"));
    }
    let admin = document.admin.on().map(|admin| &admin.address);
    let addresses = document.listeners.iter().map(|entry| &entry.value.address).chain(admin);
    let mut taken: HashMap<&ListenAddress, &Spanned<ListenAddress>> = HashMap::new();
    for address in addresses {
        // Port 0 is a different port each time.
        if matches!(&address.value, ListenAddress::Tcp(address) if address.port() == 0) {
            continue;
        }
        if let Some(first) = taken.insert(&address.value, address) {
            let problem = Problem::error("this address is taken twice");
            reader.problem(if address.span.is_none() {
                problem.label(first.span, "the admin API listens at it unless told otherwise")
            } else {
                problem.label(address.span, "again here").label(first.span, "first here")
            });
        }
    }
}

/// Warns of a challenge that nobody can answer.
fn challenges(document: &Document, reader: &mut Reader<'_>) {
    if document.listeners.iter().any(|listener| listener.value.tls.is_none()) {
        return;
    }
    for listener in &document.listeners {
        let acme = listener.value.tls.as_ref().and_then(|tls| tls.acme.as_ref());
        if acme.is_some_and(|acme| acme.challenge.iter().all(|challenge| *challenge == AcmeChallenge::Http01))
        {
            let problem = Problem::warning("no listener answers `http-01`: all of them speak TLS");
            reader.problem(problem.at(listener.span).help(
                "add one in the clear, `plain: { address: 0.0.0.0:80, redirect: https }`, or leave `challenge` out",
            ));
        }
    }
}

fn upstreams(document: &Document, reader: &mut Reader<'_>) {
    for upstream in document.upstreams.iter().filter(|upstream| upstream.name.contains([':', '/'])) {
        reader.problem(
            Problem::error("the name of an upstream has no `:` and no `/`")
                .at(upstream.span)
                .help("a text with one of them is the URL of a service"),
        );
    }
}

/// Plans and issuers that consumers name.
fn consumers(document: &Document, unknown: &mut UnknownNames, reader: &mut Reader<'_>) {
    let plans: HashSet<&str> = document.plans.names().collect();
    let issuers: HashSet<&str> = document.issuers.names().collect();
    for consumer in &document.consumers {
        if let Some(plan) = consumer.value.plan.as_ref().filter(|plan| !plans.contains(plan.as_str())) {
            reader.problem(unknown.problem("plan", plan, document.plans.names()).at(plan.span));
        }
        for subject in &consumer.value.subject {
            match &subject.issuer {
                Some(issuer) if !issuers.contains(issuer.as_str()) => {
                    let problem = unknown.problem("issuer", issuer, document.issuers.names());
                    reader.problem(problem.at(issuer.span));
                }
                None if issuers.is_empty() => {
                    let problem =
                        Problem::warning("no issuer is defined whose tokens could have this subject");
                    reader.problem(problem.at(subject.subject.span));
                }
                None if issuers.len() > 1 => {
                    let problem =
                        Problem::warning("there are several issuers, and each could have this subject");
                    let help = "say which is meant: `subject: { issuer: NAME, subject: … }`";
                    reader.problem(problem.at(subject.subject.span).help(help));
                }
                _ => {}
            }
        }
    }
}

fn policies(document: &Document, unknown: &mut UnknownNames, reader: &mut Reader<'_>) {
    let sets: HashSet<&str> = document.policy_sets.names().collect();
    let places = document.routes.iter().map(|route| &route.value.policies);
    for place in std::iter::once(&document.policies).chain(places) {
        for name in place.uses.iter().filter(|name| !sets.contains(name.as_str())) {
            reader.problem(unknown.problem("policy set", name, document.policy_sets.names()).at(name.span));
        }
    }
    for set in &document.policy_sets {
        if let Some(name) = set.value.uses.first() {
            let problem = Problem::error("a set does not use other sets").at(name.span);
            reader.problem(problem.help("let the route use both: `use: [a, b]`"));
        }
        if set.value.none {
            let problem = Problem::error("a set is a map of policies, not `false`").at(set.span);
            reader.problem(problem.help("`policies: false` stands on a route"));
        }
    }
}

fn routes(document: &Document, unknown: &mut UnknownNames, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if document.routes.names().next().is_none() && !fields.has_unknown() {
        let problem = Problem::warning("there are no routes").at(fields.key_span("routes"));
        reader.problem(problem.help(
            "every request is answered 404; write `routes: { app: { upstream: http://localhost:3000 } }`",
        ));
    }
    let upstreams: HashSet<&str> = document.upstreams.names().collect();
    let listeners: HashSet<&str> = document.listeners.names().collect();
    for route in &document.routes {
        if &*route.name == UNMATCHED {
            let problem =
                Problem::error(format!("`{UNMATCHED}` is the name of what no route takes")).at(route.span);
            reader.problem(problem.help("give the route another name"));
        }
        for named in route.value.upstreams() {
            if let UpstreamRef::Name(name) = named
                && !upstreams.contains(name.as_str())
            {
                reader.problem(unknown.problem("upstream", name, document.upstreams.names()).at(name.span));
            }
        }
        for name in route.value.r#match.listener.iter().filter(|name| !listeners.contains(name.as_str())) {
            reader.problem(unknown.problem("listener", name, document.listeners.names()).at(name.span));
        }
    }
}

/// Tells of names that stand for nothing.
struct UnknownNames {
    suggestions_left: usize,
}

impl UnknownNames {
    /// The problem with such a name: the nearest known one, or all of them if they are few.
    fn problem<'a>(
        &mut self,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Problem {
        const FEW: usize = 10;
        let problem = Problem::error(format!("there is no {what} {}", quote(name)));
        let some: Vec<String> = known.clone().take(FEW + 1).map(|name| format!("`{name}`")).collect();
        if some.is_empty() {
            return problem.help(format!("no {what} is defined"));
        }
        let meant = if self.suggestions_left > 0 { nearest(name, known) } else { None };
        self.suggestions_left = self.suggestions_left.saturating_sub(1);
        match meant {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None if some.len() <= FEW => problem.help(format!("known here: {}", some.join(", "))),
            None => problem,
        }
    }
}

/// Warns of what is defined and named nowhere.
fn unused(document: &Document, reader: &mut Reader<'_>) {
    let mut used: HashSet<&str> = HashSet::new();
    let maps = || {
        let of_routes = document.routes.iter().map(|route| &route.value.policies);
        let of_sets = document.policy_sets.iter().map(|set| &set.value);
        std::iter::once(&document.policies).chain(of_routes).chain(of_sets)
    };
    let sets: HashSet<&str> =
        maps().flat_map(|map: &PolicyMap| &map.uses).map(|name| name.as_str()).collect();
    warn_unused(&document.policy_sets, "policy set", &sets, reader);
    for route in &document.routes {
        for named in route.value.upstreams() {
            if let UpstreamRef::Name(name) = named {
                used.insert(name);
            }
        }
    }
    // A policy may name an upstream or a list anywhere in its configuration.
    for entry in maps().flat_map(|map| &map.entries) {
        collect_texts(&entry.node, &mut used);
    }
    warn_unused(&document.upstreams, "upstream", &used, reader);
    warn_unused(&document.ip_lists, "list of addresses", &used, reader);
}

fn warn_unused<T>(defined: &Named<T>, what: &str, used: &HashSet<&str>, reader: &mut Reader<'_>) {
    for entry in defined.iter().filter(|entry| !used.contains(&*entry.name)) {
        let message = format!("nothing uses the {what} {}", quote(&entry.name));
        reader.problem(Problem::warning(message).at(entry.span));
    }
}

fn collect_texts<'d>(node: &'d Node, texts: &mut HashSet<&'d str>) {
    match &node.value {
        Value::Scalar(scalar) => _ = texts.insert(&scalar.text),
        Value::List(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Map(map) => map.entries.iter().for_each(|entry| collect_texts(&entry.value, texts)),
    }
}
