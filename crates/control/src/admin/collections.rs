//! What policies show operators: `/COLLECTION` and what is below, for the policies of the snapshot that serves. All that have the
//! collection are asked, or the one that `?place=…&policy=…` names, and each tells its part.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use maitred_http::{Method, percent_decode, query_pairs};
use maitred_policy::{AdminReply, AdminRequest, AdminResource};
use maitred_proxy::{Snapshot, StoreClock};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::problem::problem;
use super::upstreams::{is_json, told};

/// Bytes of a body.
const MAX_BODY: usize = 64 << 10;

/// The resources of the policies that serve.
#[derive(Default)]
pub(super) struct Collections {
    all: Vec<Listed>,
    /// None before the first configuration serves.
    clock: Option<StoreClock>,
}

/// A resource, and the policy that it belongs to.
#[derive(Clone)]
struct Listed {
    place: Box<str>,
    policy: Box<str>,
    resource: Arc<dyn AdminResource>,
}

/// What is asked, as it came.
struct Asked {
    method: Method,
    rest: String,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Collections {
    pub(super) fn new(snapshot: &Snapshot, clock: StoreClock) -> Self {
        let listed = |(place, policy, resource): (&str, &str, _)| Listed {
            place: place.into(),
            policy: policy.into(),
            resource,
        };
        Self { all: snapshot.admin_resources().map(listed).collect(), clock: Some(clock) }
    }

    /// Answers for a path that no other page has.
    pub(super) async fn page(&self, request: Request) -> Response {
        let path = request.uri().path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (collection, rest) = path.split_once('/').unwrap_or((path, ""));
        let mut listed = self.all.clone();
        listed.retain(|listed| listed.resource.collection() == collection);
        let (Some(clock), Some(rest), false) = (self.clock, decoded(rest, false), listed.is_empty()) else {
            return problem(StatusCode::NOT_FOUND, "Page not found");
        };
        let mut query = pairs(request.uri().query().unwrap_or_default());
        let place: Vec<_> = query.extract_if(.., |(name, _)| name == "place").collect();
        let policy: Vec<_> = query.extract_if(.., |(name, _)| name == "policy").collect();
        listed.retain(|listed| {
            place.iter().all(|(_, place)| **place == *listed.place)
                && policy.iter().all(|(_, policy)| **policy == *listed.policy)
        });
        if listed.is_empty() {
            return problem(StatusCode::NOT_FOUND, "No policy of this place and name has this");
        }
        let (method, body) = match take(request).await {
            Ok(taken) => taken,
            Err(refused) => return *refused,
        };
        // What stores answer stays on the thread on which they were asked.
        let (sender, replies) = oneshot::channel();
        let asked = Asked { method, rest, query, body };
        tokio::task::spawn_local(async move {
            // Who has asked may be gone.
            let _ = sender.send(ask(&listed, &asked, clock).await);
        });
        replies.await.unwrap_or_else(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal error"))
    }
}

/// Method and body of a request. A body is to be JSON: that is no simple request, which pages of other sites could have a browser send
/// unasked (Fetch standard, CORS-safelisted request headers).
async fn take(request: Request) -> Result<(Method, Bytes), Box<Response>> {
    let refused = |status, why| Err(Box::new(problem(status, why)));
    let method = match Method::parse(request.method().as_str().as_bytes()) {
        Ok(Method::Head) => Method::Get,
        Ok(method) => method,
        Err(_) => return refused(StatusCode::NOT_IMPLEMENTED, "Unknown method"),
    };
    let is_json = is_json(request.headers());
    match to_bytes(request.into_body(), MAX_BODY).await {
        Ok(body) if body.is_empty() || is_json => Ok((method, body)),
        Ok(_) => refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type has to be application/json"),
        Err(_) => refused(StatusCode::PAYLOAD_TOO_LARGE, "The body has more than 64 KiB, or broke off"),
    }
}

/// Asks each of them, and tells what all have said: those that do not have it stay out of it.
async fn ask(listed: &[Listed], asked: &Asked, clock: StoreClock) -> Response {
    let Asked { method, rest, query, body } = asked;
    let (mut status, mut all) = (StatusCode::OK, Vec::new());
    for Listed { place, policy, resource } in listed {
        let request = AdminRequest { method: *method, rest, query, body, moment: clock.moment() };
        let AdminReply { status: replied, json } = resource.serve(request).await;
        match StatusCode::from_u16(replied).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR) {
            StatusCode::NOT_FOUND => continue,
            StatusCode::METHOD_NOT_ALLOWED => {
                let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
                let allowed = HeaderValue::from_static(resource.allowed());
                answer.headers_mut().insert(header::ALLOW, allowed);
                return answer;
            }
            failed if failed.is_client_error() || failed.is_server_error() => status = status.max(failed),
            _ => {}
        }
        let mut told = Map::new();
        told.insert("place".into(), (**place).into());
        told.insert("policy".into(), (**policy).into());
        match json {
            Value::Object(said) => told.extend(said),
            said => _ = told.insert("value".into(), said),
        }
        all.push(Value::Object(told));
    }
    if all.is_empty() {
        return problem(StatusCode::NOT_FOUND, "No policy has this");
    }
    let mut answer = told(&Value::Array(all));
    *answer.status_mut() = status;
    answer
}

/// The pairs of a query, decoded; those that are no text stay out.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query_pairs(query);
    pairs.filter_map(|(name, value)| Some((decoded(name, true)?, decoded(value, true)?))).collect()
}

fn decoded(text: &str, plus: bool) -> Option<String> {
    String::from_utf8(percent_decode(text, plus).into_owned()).ok()
}

impl std::fmt::Debug for Collections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|listed| listed.resource.collection())).finish()
    }
}

#[cfg(test)]
mod tests;
