//! Requests that policies answer themselves, such as what a login comes back to: each has to come to a route that has the policy, on every
//! host where that is. Where one goes astray nobody could log in, and it would be seen late: it is an error.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use maitred_config::{Problem, Problems, Route as WrittenRoute};
use maitred_http::{PathRules, RequestHead};
use maitred_policy::OwnRequest;
use maitred_router::{Captures, Outcome, Router, Subject};

use super::Compiler;
use super::access::{listener_of, sample_host};
use crate::explain;
use crate::listener::ListenerSettings;
use crate::snapshot::Route;

/// Where routes are looked for.
struct Table<'a> {
    router: &'a Router,
    /// Those of the document, in its order, and behind them the built-in one.
    routes: &'a [Route],
}

/// A request of somebody who is on a route.
struct Asked<'a> {
    request: &'a OwnRequest,
    host: &'a str,
    listener: &'a ListenerSettings,
    client: IpAddr,
}

/// Checks the requests of all policies that have some. None where one goes astray.
pub(super) fn check(
    compiler: &Compiler<'_>,
    (router, routes): (&Router, &[Route]),
    listeners: &[Arc<ListenerSettings>],
    problems: &mut Problems,
) -> Option<()> {
    let table = Table { router, routes };
    let written = compiler.document.routes.iter().map(|entry| Some(&entry.value)).chain([None]);
    let (mut tried, mut told) = (HashSet::new(), HashSet::new());
    for (route, written) in routes.iter().zip(written) {
        for instance in route.pipeline.policies() {
            let own = instance.policy.own_requests();
            let Some(listener) = listener(written, listeners).filter(|_| !own.is_empty()) else { continue };
            for host in hosts(written) {
                if !tried.insert((instance.number, host.clone(), listener.number)) {
                    continue;
                }
                for request in &own {
                    let asked = Asked { request, host: &host, listener, client: client(written) };
                    let Some(winner) = table.winner(&asked) else { continue };
                    let comes_here =
                        winner.pipeline.policies().iter().any(|one| one.number == instance.number);
                    if !comes_here && told.insert((instance.number, request.path.clone())) {
                        problems.push(astray(&instance.name, &asked, route, winner));
                    }
                }
            }
        }
    }
    told.is_empty().then_some(())
}

impl Table<'_> {
    /// The route that takes a request; none where it cannot be one.
    fn winner(&self, asked: &Asked<'_>) -> Option<&Route> {
        let Asked { request, host, listener, client } = asked;
        let mut head = RequestHead { method: request.method, ..RequestHead::default() };
        head.authority.parse(host.as_bytes()).ok()?;
        head.target.parse(request.path.as_bytes(), PathRules::Raw).ok()?;
        let unmatched = self.routes.last()?;
        let context = explain::facts(unmatched, listener, *client, SystemTime::UNIX_EPOCH);
        let (method, listener) = (request.method, listener.number);
        let subject = Subject { head: &head, client: *client, listener, method, context: &context };
        match self.router.route(&subject, &mut Captures::default()) {
            Outcome::Found(winner) => self.routes.get(winner),
            Outcome::NotFound | Outcome::MethodNotAllowed(_) => Some(unmatched),
        }
    }
}

/// Hosts on which a route is; of the built-in one any.
fn hosts(route: Option<&WrittenRoute>) -> Vec<String> {
    let hosts = route.map(|route| &route.r#match.host[..]).unwrap_or_default();
    if hosts.is_empty() {
        return vec!["localhost".to_owned()];
    }
    hosts.iter().map(|host| sample_host(&host.value)).collect()
}

fn listener<'l>(
    route: Option<&WrittenRoute>,
    listeners: &'l [Arc<ListenerSettings>],
) -> Option<&'l ListenerSettings> {
    match route {
        Some(route) => listener_of(route, listeners),
        None => listeners.first().map(|listener| &**listener),
    }
}

fn client(route: Option<&WrittenRoute>) -> IpAddr {
    let networks = route.map(|route| &route.r#match.client[..]).unwrap_or_default();
    networks.first().map_or(IpAddr::from([192, 0, 2, 1]), IpNet::addr)
}

fn astray(policy: &str, asked: &Asked<'_>, route: &Route, winner: &Route) -> Problem {
    let OwnRequest { method, path, span } = asked.request;
    let taken = if winner.path.is_empty() {
        "no route takes it".to_owned()
    } else {
        format!("the route `{}` takes it, which does not have this policy", winner.name)
    };
    let on = if route.path.is_empty() {
        "everywhere".to_owned()
    } else {
        format!("on the route `{}`", route.name)
    };
    Problem::error(format!("`{policy}` answers `{method} {path}` {on}, and {taken}"))
        .at(*span)
        .help("choose a path that comes to a route with this policy, have the route match this one too, or write the policy for all routes")
}
