//! Chooses the route of a request, and answers for the built-in one of what matches none.
//! Step 1 of an exchange.

use std::rc::Rc;

use bytes::Bytes;
use maitred_http::{Known, Method, RequestHead};
use maitred_policy::{Facts, Fault, PathNames, PathParams, TableRef};
use maitred_router::{Captures, Outcome, Subject};

use super::Body;
use crate::listener::ListenerSettings;
use crate::local::LocalSnapshot;
use crate::snapshot::Snapshot;

/// What the route table said.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The number of the route; of the built-in one where none matched.
    pub(crate) route: usize,
    /// The methods of the routes that would have matched, had it been one of them.
    allow: Option<String>,
}

impl Chosen {
    /// The route that was chosen before.
    pub(crate) fn again(facts: &Facts) -> Self {
        Self { route: facts.route.number(), allow: None }
    }
}

/// Chooses the route, and tells it to `facts`.
pub(crate) fn route(
    snapshot: &LocalSnapshot,
    listener: &ListenerSettings,
    request: &RequestHead,
    facts: &mut Facts,
    captures: &mut Captures,
) -> Chosen {
    let table = &snapshot.shared;
    let mut subject = Subject {
        head: request,
        client: facts.client,
        listener: listener.number,
        method: request.method,
        context: facts,
    };
    subject.method = routing_method(table, &subject, captures);
    let chosen = match table.router.route(&subject, captures) {
        Outcome::Found(route) => Chosen { route, allow: None },
        Outcome::MethodNotAllowed(methods) => {
            Chosen { route: table.unmatched(), allow: Some(methods.to_string()) }
        }
        Outcome::NotFound => Chosen { route: table.unmatched(), allow: None },
    };
    facts.route = TableRef::new(&snapshot.route_facts, chosen.route);
    facts.params = params(&snapshot.path_names, captures, request);
    chosen
}

/// What the parameters of the path matched, of which the names by pattern are `names`.
pub(crate) fn params(names: &Rc<[PathNames]>, captures: &Captures, request: &RequestHead) -> PathParams {
    let values: Vec<_> = captures.parts(request.target.path()).map(|part| part.map(Into::into)).collect();
    match captures.pattern() {
        Some(pattern) if !values.is_empty() => PathParams::new(TableRef::new(names, pattern), values),
        _ => PathParams::default(),
    }
}

/// The method to route by: of a CORS preflight the one that it asks about, where the route for that answers preflights.
pub(crate) fn routing_method(table: &Snapshot, subject: &Subject<'_>, captures: &mut Captures) -> Method {
    let Some(asked) = preflight_of(subject.head) else { return subject.method };
    match table.router.route(&Subject { method: asked, ..*subject }, captures) {
        Outcome::Found(route) if table.routes[route].pipeline.answers_preflights => asked,
        _ => subject.method,
    }
}

/// The method that a CORS preflight asks about (Fetch standard, CORS protocol).
fn preflight_of(request: &RequestHead) -> Option<Method> {
    if request.method != Method::Options || !request.fields.has(Known::Origin) {
        return None;
    }
    Method::parse(request.fields.known(Known::AccessControlRequestMethod)?).ok()
}

/// Answers what matched no route.
pub(crate) fn no_route(request: &RequestHead, chosen: &Chosen) -> Result<Body, Fault> {
    if request.target.is_asterisk() {
        // `OPTIONS *` asks about the server as a whole (RFC 9110 section 9.3.7): it is there.
        return Ok(Body::Own(Bytes::new()));
    }
    Err(match &chosen.allow {
        Some(methods) => Fault::client(405, "method_not_allowed", "Method not allowed")
            .field(Known::Allow.as_str().as_bytes(), methods.as_bytes()),
        None => Fault::client(404, "route_not_found", "Route not found"),
    })
}
