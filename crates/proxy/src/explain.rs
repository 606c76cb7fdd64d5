//! What would happen to a request, told without sending anything: which route wins and why the others lost, which
//! policies run in which order, and what each would decide.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::SystemTime;

use maitred_http::RequestHead;
use maitred_net::ClientCertificate;
use maitred_policy::{Facts, PathParams, Phase, Reached, RequestId, RouteFacts, TableRef};
use maitred_router::{Captures, Outcome, Reason, Subject, Verdict};

use crate::action::Action;
use crate::exchange::choose;
use crate::greet::facts_of as facts_of_certificate;
use crate::listener::ListenerSettings;
use crate::local::path_names;
use crate::snapshot::{Route, Snapshot};

/// What would happen to a request.
#[derive(Debug)]
pub struct Explained {
    /// Every route, in the order in which they rank for this request.
    pub routes: Vec<ExplainedRoute>,
    /// The name of the route that serves it.
    pub route: String,
    /// The policies that run, in their order.
    pub policies: Vec<ExplainedPolicy>,
    /// What the route does.
    pub action: String,
}

/// What the route table says of one route.
#[derive(Debug)]
pub struct ExplainedRoute {
    /// Its name.
    pub name: String,
    /// Whether it wins.
    pub won: bool,
    /// Why, or why not.
    pub why: String,
}

/// One step of the pipeline.
#[derive(Debug)]
pub struct ExplainedPolicy {
    /// When it runs.
    pub phase: Phase,
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: String,
    /// What it would do.
    pub says: String,
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its address.
    pub client: IpAddr,
    /// The certificate that it shows.
    pub certificate: Option<ClientCertificate>,
}

/// Explains a request that somebody sends to the listener of this name; with none, to the first.
pub fn explain(
    snapshot: &Snapshot,
    request: &RequestHead,
    caller: Caller,
    listener: Option<&str>,
    at: SystemTime,
) -> Option<Explained> {
    let mut listeners = snapshot.listeners.iter();
    let listener = match listener {
        Some(name) => listeners.find(|listener| *listener.name == *name)?,
        None => listeners.next()?,
    };
    let Caller { client, certificate } = caller;
    let certificate = certificate.map(|shown| Rc::new(facts_of_certificate(shown)));
    let facts_of =
        |route: &Route| Facts { certificate: certificate.clone(), ..facts(route, listener, client, at) };
    let unmatched = &snapshot.routes[snapshot.unmatched()];
    let context = facts_of(unmatched);
    let mut subject = Subject {
        head: request,
        client,
        listener: listener.number,
        method: request.method,
        context: &context,
    };
    let mut captures = Captures::default();
    subject.method = choose::routing_method(snapshot, &subject, &mut captures);
    let outcome = snapshot.router.route(&subject, &mut captures);
    let verdicts = snapshot.router.explain(&subject);
    let name = |index: usize| snapshot.routes[index].name.to_string();
    let chosen = match &outcome {
        Outcome::Found(route) => *route,
        Outcome::MethodNotAllowed(_) | Outcome::NotFound => snapshot.unmatched(),
    };
    let route = &snapshot.routes[chosen];
    let mut facts = facts_of(route);
    facts.params = choose::params(&path_names(snapshot), &captures, request);
    let policies = route
        .pipeline
        .policies()
        .iter()
        .map(|instance| {
            let says = instance.policy.explain(request, &facts);
            instance.policy.identify(request, &mut facts);
            let (name, place) = (instance.name.to_string(), instance.place.to_string());
            ExplainedPolicy { phase: instance.phase, name, place, says }
        })
        .collect();
    let told = |verdict: &Verdict| ExplainedRoute {
        name: name(verdict.route),
        won: verdict.won(),
        why: why(snapshot, verdict, &name),
    };
    Some(Explained {
        routes: verdicts.iter().map(told).collect(),
        route: name(chosen),
        policies,
        action: match listener.redirect_https {
            Some(port) => format!("the listener redirects to https, port {port}; no policy runs"),
            None => action(snapshot, route, &outcome, (request, &facts)),
        },
    })
}

/// What would be known of the request, had it come.
pub(crate) fn facts(route: &Route, listener: &ListenerSettings, client: IpAddr, at: SystemTime) -> Facts {
    Facts {
        client,
        peer: client,
        peer_is_trusted: listener.trusts(client),
        scheme: listener.scheme,
        listener: Rc::from(&*listener.name),
        certificate: None,
        consumer: None,
        claims: None,
        token: None,
        decided_by: None,
        is_decided_unseen: false,
        speaks_grpc: false,
        asked: None,
        request_id: RequestId::new(0, [0; 10]),
        received: at,
        route: TableRef::alone(RouteFacts { name: route.name.clone(), methods: route.methods.clone() }),
        params: PathParams::default(),
        upstream: None,
        sent_at: None,
        reached: Reached::Nothing,
        is_once: false,
        body_limit: None,
        has_body: false,
        stores: None,
        is_refresh: false,
    }
}

fn why(snapshot: &Snapshot, verdict: &Verdict, name: &impl Fn(usize) -> String) -> String {
    match verdict.why {
        Reason::Won => "fits, and nothing that fits ranks higher".to_owned(),
        Reason::Outranked { by, rule } => format!("fits, but `{}` {rule}", name(by)),
        Reason::Method => "does not take the method".to_owned(),
        Reason::Condition(number) => match snapshot.routes[verdict.route].conditions.get(number) {
            Some(condition) => format!("its condition on {condition} does not hold"),
            None => "a condition does not hold".to_owned(),
        },
        Reason::Path => "another path".to_owned(),
        Reason::Host => "another host".to_owned(),
    }
}

fn action(
    snapshot: &Snapshot,
    route: &Route,
    outcome: &Outcome,
    (request, facts): (&RequestHead, &Facts),
) -> String {
    match &*route.action {
        Action::Forward(settings, _) => {
            let cluster = &snapshot.upstreams[settings.upstream].cluster;
            format!("forwards to the upstream `{}`", cluster.settings().name)
        }
        Action::Traffic(traffic) => traffic.explain(request, facts),
        Action::Respond(respond) => format!("answers {}", respond.status),
        Action::Redirect(redirect) => format!("redirects with {}", redirect.status),
        Action::Unmatched => match outcome {
            Outcome::MethodNotAllowed(methods) => format!("answers 405, `Allow: {methods}`"),
            _ => "answers 404: no route fits".to_owned(),
        },
    }
}
