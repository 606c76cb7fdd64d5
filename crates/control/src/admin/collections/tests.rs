//! Policies that show operators what they have: who is asked, with what, and what becomes of their answers.

#![expect(clippy::disallowed_types, reason = "a test's notes are on no path of a request")]

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use maitred_policy::AdminServing;
use maitred_proxy::Clock;
use serde_json::json;

use super::*;

/// Notes that operators leave. It is asked on one thread, and waits in between.
struct Notes(&'static str, Mutex<Vec<String>>);

impl AdminResource for Notes {
    fn collection(&self) -> &'static str {
        "notes"
    }

    fn allowed(&self) -> &'static str {
        "GET, HEAD, PUT"
    }

    fn serve<'a>(&'a self, request: AdminRequest<'a>) -> AdminServing<'a> {
        Box::pin(async move {
            let here = std::rc::Rc::new(request.moment.steady);
            tokio::task::yield_now().await;
            let mut notes = self.1.lock().unwrap();
            let (status, json) = match request.method {
                _ if request.rest == "away" => (503, json!({ "error": "the store is away" })),
                _ if !["", self.0].contains(&request.rest) => (404, Value::Null),
                Method::Get => (200, json!({ "notes": *notes, "query": request.query })),
                Method::Put => {
                    notes.push(String::from_utf8_lossy(request.body).into_owned());
                    (200, json!(*here >= 1_000_000))
                }
                _ => (405, Value::Null),
            };
            AdminReply { status, json }
        })
    }
}

fn collections() -> Collections {
    let listed = |place: &str, holds| Listed {
        place: place.into(),
        policy: "notes".into(),
        resource: Arc::new(Notes(holds, Mutex::default())),
    };
    let clock = Clock::default();
    let began = clock.now().checked_sub(Duration::from_secs(1)).unwrap();
    let all = vec![listed("policies", "alice"), listed("routes.orders.policies", "bob/1 ü")];
    Collections { all, clock: Some(StoreClock::new(clock, began)) }
}

/// Status, `Allow` and body of the answer to `METHOD TARGET`.
fn ask_with(collections: &Collections, line: &str, kind: &str, body: &str) -> (u16, String, Value) {
    let (method, target) = line.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(target).header("Content-Type", kind);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build_local(tokio::runtime::LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let answer = collections.page(request).await;
        let (head, body) = answer.into_parts();
        let allow = head.headers.get("Allow").map(|allow| allow.to_str().unwrap().to_owned());
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), allow.unwrap_or_default(), serde_json::from_slice(&body).unwrap())
    })
}

fn ask(collections: &Collections, line: &str) -> (u16, Value) {
    let (status, _, body) = ask_with(collections, line, "", "");
    (status, body)
}

#[test]
fn all_that_have_it_tell_their_part() {
    let collections = collections();
    let (status, all) = ask(&collections, "GET /notes?limit=2&name=a%26b+c");
    let query = json!([["limit", "2"], ["name", "a&b c"]]);
    let part = |place| json!({ "place": place, "policy": "notes", "notes": [], "query": query });
    assert_eq!((status, all), (200, json!([part("policies"), part("routes.orders.policies")])));
    let (status, one) = ask(&collections, "HEAD /notes/bob%2F1%20%C3%BC");
    assert_eq!(
        (status, &one[0]["place"], one.as_array().unwrap().len()),
        (200, &json!("routes.orders.policies"), 1)
    );
}

#[test]
fn one_can_be_named() {
    let collections = collections();
    let put = |target: &str, body| ask_with(&collections, &format!("PUT {target}"), "application/json", body);
    let (status, _, told) = put("/notes?place=routes.orders.policies&policy=notes", "[1]");
    let told_one = json!([{ "place": "routes.orders.policies", "policy": "notes", "value": true }]);
    assert_eq!((status, told), (200, told_one));
    assert_eq!(put("/notes", "[2]").2.as_array().unwrap().len(), 2);
    let (_, all) = ask(&collections, "GET /notes?policy=notes");
    assert_eq!((&all[0]["notes"], &all[1]["notes"]), (&json!(["[2]"]), &json!(["[1]", "[2]"])));
    assert_eq!(all[0]["query"], json!([]));
    assert_eq!(put("/notes?place=elsewhere", "[3]").0, 404);
}

#[test]
fn what_is_not_there_or_not_taken_is_a_problem() {
    let collections = collections();
    for line in ["GET /other", "GET /notes/carol", "GET /", "GET /notes/%ff", "GET /Notes"] {
        assert_eq!(ask(&collections, line).0, 404, "{line}");
    }
    let (status, allow, _) = ask_with(&collections, "DELETE /notes/alice", "", "");
    assert_eq!((status, &*allow), (405, "GET, HEAD, PUT"));
    assert_eq!(ask_with(&collections, "PUT /notes", "text/plain", "[1]").0, 415);
    assert_eq!(ask_with(&collections, "PUT /notes", "application/json", &"1".repeat(MAX_BODY + 1)).0, 413);
    assert_eq!(ask(&Collections::default(), "GET /notes").0, 404, "before anything serves");
    let (status, all) = ask(&collections, "GET /notes/away");
    assert_eq!((status, &all[1]["error"]), (503, &json!("the store is away")));
}
