//! Ways around a route that asks who it is. Requests like those that it protects, but not quite, are taken to the route table: where
//! another route wins that asks nobody, and the same service gets the same path, that is a way around.
//!
//! Looked for are other methods, other hosts, requests without the conditions of the route, a slash more or less at the end, prefixes
//! that are stripped or added, and routes that outrank it. Not looked for are paths in other cases, since `/*` in the open beside `/admin/*`
//! is what most gateways have.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use maitred_config::scalar::HostPattern;
use maitred_config::{Problem, Problems, Route as WrittenRoute};
use maitred_http::{Method, PathRules, RequestHead};
use maitred_router::{Captures, Outcome, Router, Subject};

use super::{Judged, paths};
use crate::compile::routes::name_of;
use crate::explain;
use crate::listener::ListenerSettings;
use crate::pipeline::PolicyInstance;
use crate::snapshot::Route;

/// Of this many routes that change paths it is asked, for each upstream, whether they lead around another.
const MOST_CHANGING: usize = 64;

/// Of this many requests it is told what becomes of them: what a load takes is bounded, also with ten thousand routes.
const MOST_PROBES: usize = 100_000;

/// Methods that change something (RFC 9110 section 9.2.1): who may read may be told apart from who may write, but hardly the other
/// way round.
const UNSAFE: [Method; 4] = [Method::Post, Method::Put, Method::Patch, Method::Delete];

/// How a request differs from those that the route protects.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Method,
    Host,
    Conditions,
    Slash,
    Path,
    Rank,
}

/// A request to be tried.
struct Probe {
    way: Way,
    method: Method,
    host: String,
    path: String,
    /// The path that the service would get by the route that asks.
    sent: String,
}

/// Warns of ways around the routes that ask.
pub(super) fn ways_around(
    judged: &[Judged<'_>],
    router: &Router,
    routes: &[Route],
    listeners: &[Arc<ListenerSettings>],
    problems: &mut Problems,
) {
    let mut changing: HashMap<Arc<str>, Vec<&WrittenRoute>> = HashMap::new();
    for open in judged.iter().filter(|one| one.is_open()) {
        for upstream in open.entry.value.forwards_to() {
            let known = changing.entry(name_of(upstream)).or_default();
            if known.len() < MOST_CHANGING {
                known.push(&open.entry.value);
            }
        }
    }
    let mut tried = 0;
    for asking in judged.iter().filter(|one| one.asks) {
        let Some(listener) = listener_of(&asking.entry.value, listeners) else { continue };
        let mut told = HashSet::new();
        for probe in probes(&asking.entry.value, &changing) {
            tried += 1;
            if tried > MOST_PROBES {
                return;
            }
            let Some(winner) = probe.winner(asking, router, routes, listener) else { continue };
            let open = &judged[winner];
            if open.is_open() && probe.leads_around(asking, open) && told.insert(winner) {
                problems.push(warning(asking, open, &probe));
            }
        }
    }
}

impl Judged<'_> {
    /// Whether it lets anybody pass and does not find out who it is.
    fn is_open(&self) -> bool {
        let refuses = |instance: &Arc<PolicyInstance>| instance.policy.needs().identity;
        let forwards = self.entry.value.forwards_to().next().is_some();
        forwards && self.identify.is_empty() && !self.route.pipeline.policies().iter().any(refuses)
    }

    /// Whether it says itself that it does without what `other` asks.
    fn says_so(&self, other: &Self) -> bool {
        let own = &self.entry.value.policies;
        let is_off = |name: &str| {
            own.entries.iter().any(|entry| *entry.name() == *name && entry.node.as_bool() == Some(false))
        };
        own.none || other.identify.iter().any(|name| is_off(name))
    }
}

/// A listener where a route is.
pub(in crate::compile) fn listener_of<'l>(
    route: &WrittenRoute,
    listeners: &'l [Arc<ListenerSettings>],
) -> Option<&'l ListenerSettings> {
    let named = &route.r#match.listener;
    let takes = |listener: &&Arc<ListenerSettings>| {
        named.is_empty() || named.iter().any(|name| *name.value == *listener.name)
    };
    listeners.iter().find(takes).map(|listener| &**listener)
}

/// A host that a pattern takes.
pub(in crate::compile) fn sample_host(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Below(host) => format!("{}.{host}", paths::ANY),
    }
}

fn probes(route: &WrittenRoute, changing: &HashMap<Arc<str>, Vec<&WrittenRoute>>) -> Vec<Probe> {
    let matching = &route.r#match;
    let methods: Vec<Method> =
        matching.methods.iter().filter_map(|method| Method::parse(method.0.as_bytes()).ok()).collect();
    let method = methods.first().copied().unwrap_or(Method::Get);
    let host = matching.host.first().map_or_else(|| "localhost".to_owned(), |host| sample_host(&host.value));
    let has_conditions = !matching.headers.is_empty()
        || !matching.query.is_empty()
        || !matching.cookies.is_empty()
        || matching.when.is_some();
    let mut probes = Vec::new();
    for pattern in matching.path.iter().map(|path| path.value.text.as_str()) {
        for path in paths::samples(pattern) {
            let Some(sent) = paths::sent(route, &path) else { continue };
            let probe = |way, method, host: &str, path: &str, sent: &str| {
                let (host, path, sent) = (host.to_owned(), path.to_owned(), sent.to_owned());
                Probe { way, method, host, path, sent }
            };
            if has_conditions {
                probes.push(probe(Way::Conditions, method, &host, &path, &sent));
            } else {
                probes.push(probe(Way::Rank, method, &host, &path, &sent));
                let others =
                    UNSAFE.into_iter().filter(|other| !methods.is_empty() && !methods.contains(other));
                probes.extend(others.map(|other| probe(Way::Method, other, &host, &path, &sent)));
            }
            if !matching.host.is_empty() {
                probes.push(probe(Way::Host, method, "another.invalid", &path, &sent));
            }
            if paths::is_exact(pattern) && path != "/" {
                let toggled =
                    |path: &str| path.strip_suffix('/').map_or_else(|| format!("{path}/"), ToOwned::to_owned);
                probes.push(probe(Way::Slash, method, &host, &toggled(&path), &toggled(&sent)));
            }
            for other in route.forwards_to().filter_map(|upstream| changing.get(&name_of(upstream))).flatten()
            {
                let own = other.r#match.host.first().map(|host| sample_host(&host.value));
                let host = own.as_deref().unwrap_or(&host);
                let asked = paths::asked(other, &sent).into_iter().filter(|asked| *asked != path);
                probes.extend(asked.map(|asked| probe(Way::Path, method, host, &asked, &sent)));
            }
        }
    }
    probes
}

impl Probe {
    /// The number of the route of the document that takes the request.
    fn winner(
        &self,
        asking: &Judged<'_>,
        router: &Router,
        routes: &[Route],
        listener: &ListenerSettings,
    ) -> Option<usize> {
        let mut head = RequestHead { method: self.method, ..RequestHead::default() };
        head.authority.parse(self.host.as_bytes()).ok()?;
        head.target.parse(self.path.as_bytes(), PathRules::Raw).ok()?;
        let client =
            asking.entry.value.r#match.client.first().map_or(IpAddr::from([192, 0, 2, 1]), IpNet::addr);
        let context = explain::facts(routes.last()?, listener, client, SystemTime::UNIX_EPOCH);
        let (method, listener) = (self.method, listener.number);
        let subject = Subject { head: &head, client, listener, method, context: &context };
        match router.route(&subject, &mut Captures::default()) {
            Outcome::Found(winner) if winner != asking.number => Some(winner),
            _ => None,
        }
    }

    fn leads_around(&self, asking: &Judged<'_>, open: &Judged<'_>) -> bool {
        let (asks, opens) = (&asking.entry.value, &open.entry.value);
        let path_of = |entry: &WrittenRoute| {
            entry.r#match.path.iter().map(|path| path.value.text.clone()).collect::<Vec<_>>()
        };
        let is_same_place = || {
            let upstreams: Vec<_> = asks.forwards_to().map(name_of).collect();
            let is_same = opens.forwards_to().any(|upstream| upstreams.contains(&name_of(upstream)));
            is_same && paths::sent(opens, &self.path).is_some_and(|sent| sent == self.sent)
        };
        let is_broader = || opens.r#match.path.iter().any(|path| !paths::is_exact(&path.value.text));
        let fits = match self.way {
            Way::Method => {
                let is_same_match = path_of(asks) == path_of(opens)
                    && asks.r#match.host.iter().map(|host| &host.value).eq(opens
                        .r#match
                        .host
                        .iter()
                        .map(|host| &host.value));
                is_same_match || is_same_place()
            }
            Way::Host => opens.r#match.host.is_empty() && is_same_place(),
            Way::Conditions | Way::Path => is_same_place(),
            Way::Slash => is_broader() && is_same_place(),
            Way::Rank => {
                let is_regex = opens.r#match.path.iter().any(|path| path.value.text.starts_with('~'));
                (is_regex || opens.priority > asks.priority) && is_same_place()
            }
        };
        fits && !open.says_so(asking)
    }
}

fn warning(asking: &Judged<'_>, open: &Judged<'_>, probe: &Probe) -> Problem {
    let (asks, opens) = (&asking.entry.name, &open.entry.name);
    let Probe { way, method, path, .. } = probe;
    let why = match way {
        Way::Method => "takes the method",
        Way::Host => "takes other hosts",
        Way::Conditions => "takes requests without what the other matches by",
        Way::Slash => "takes the path with a slash more or less",
        Way::Path => "leads to the same path of the service",
        Way::Rank => "outranks the other",
    };
    let policy = asking.identify.first().map_or("", |name| &**name);
    Problem::warning(format!("`{opens}` is a way around `{asks}`: nobody asks who sends `{method} {path}`"))
        .label(open.entry.span, why)
        .label(asking.entry.span, "asks who it is")
        .help(format!(
            "write the same policies on `{opens}`; where it is meant, say so there: `{policy}: false`"
        ))
}
