//! JSON to gRPC and back, in front of gRPC's own server: fields of all kinds, errors, streams.

use maitred_tests::{Gateway, Peer, curl_with, peer_file, skipped};
use serde_json::{Value, json};

const REASON: &str = "the Python library grpcio-tools is not installed";

fn start(test: &str) -> Option<(Peer, Gateway)> {
    let Some(peer) = Peer::kinds("kinds.proto", &[]) else {
        skipped(&format!("grpc_json::{test}"), REASON);
        return None;
    };
    let (port, proto) = (peer.port(), peer_file("kinds.proto"));
    let gateway = Gateway::start(&format!(
        "upstreams: {{ kinds: \"grpc://127.0.0.1:{port}\" }}\n\
         policies: {{ grpc_json: {{ protos: \"{}\" }} }}\n\
         routes: {{ kinds: {{ match: /*, upstream: kinds }} }}",
        proto.display()
    ));
    Some((peer, gateway))
}

fn post(gateway: &Gateway, path: &str, body: &str) -> maitred_tests::Curl {
    let url = gateway.url(path);
    curl_with(&["--data-binary", "@-", "-H", "Content-Type: application/json", &url], body.as_bytes())
}

#[test]
fn fields_of_every_kind_survive_the_way() {
    let Some((_peer, gateway)) = start("fields_of_every_kind_survive_the_way") else { return };
    let everything = json!({
        "large": "-9007199254740993",
        "larger": "18446744073709551615",
        "ratio": 0.5,
        "colour": "RED",
        "raw": "AP8=",
        "at": "2026-11-21T12:44:05.123Z",
        "after": "1.500s",
        "note": "a note",
        "free": { "any": ["thing", 1, null] },
        "mask": "large,items",
        "counts": { "a": 1 },
        "items": [{ "sku": "A-7", "count": 2 }],
        "text": "either",
    });
    let answer = post(&gateway, "/v1/echo", &everything.to_string());
    assert_eq!((answer.status(), answer.json()), (200, everything));
    // The other forms that may be written.
    let answer = post(&gateway, "/v1/echo", r#"{"large": 7, "colour": 1, "raw": "_w", "ratio": "NaN"}"#);
    assert_eq!(answer.json(), json!({ "large": "7", "colour": "RED", "raw": "/w==", "ratio": "NaN" }));
}

#[test]
fn path_query_and_body_make_one_message() {
    let Some((_peer, gateway)) = start("path_query_and_body_make_one_message") else { return };
    let url = gateway.url("/v1/shelves/top%20left/items/A-7?tags=a&tags=b&dry_run=true");
    let answer = curl_with(&["-X", "PUT", "--data-binary", "@-", &url], br#"{"count": 3}"#);
    let placed = json!({
        "shelf": "top left",
        "item": { "sku": "A-7", "count": 3 },
        "tags": ["a", "b"],
        "dryRun": true,
    });
    assert_eq!((answer.status(), answer.json()), (200, placed));
    let answer = gateway.curl("/v1/shelves/low?item.count=2", &[]);
    assert_eq!(answer.json(), json!({ "shelf": "low", "item": { "count": 2 } }));
    // What the client sent is what is counted, and not what became of it.
    let body = r#"{"large": "1"}"#;
    assert_eq!(post(&gateway, "/kinds.v1.Kinds/Echo", body).json(), json!({ "large": "1" }));
    let told = gateway.access_to("/kinds.v1.Kinds/Echo");
    assert_eq!(told.number("bytes_in"), body.len() as u64);
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let Some((_peer, gateway)) = start("what_does_not_fit_is_told_with_its_place") else { return };
    for (body, place) in [
        (r#"{"items": [{"sku": "A"}, {"count": "many"}]}"#, "/items/1/count"),
        (r#"{"at": "yesterday"}"#, "/at"),
        (r#"{"colour": "BLUE"}"#, "/colour"),
        (r#"{"colr": 1}"#, "colr"),
        (r#"{"large": 1"#, "body"),
    ] {
        let answer = post(&gateway, "/v1/echo", body);
        assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"), "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status() == 400 && detail.contains(place), "{body}: {detail}");
    }
    let answer = gateway.curl("/v1/shelves/low?item.count=x", &[]);
    assert!(answer.status() == 400 && answer.text().contains("item.count"), "{}", answer.text());
    let answer = gateway.curl("/v1/echo", &[]);
    assert_eq!((answer.status(), answer.head.field("Allow")), (405, Some("POST")));
    assert_eq!(gateway.curl("/v2/echo", &[]).status(), 404);
}

#[test]
fn errors_are_problems_with_details() {
    let Some((_peer, gateway)) = start("errors_are_problems_with_details") else { return };
    for (code, name, status) in [
        (3, "INVALID_ARGUMENT", 400),
        (5, "NOT_FOUND", 404),
        (8, "RESOURCE_EXHAUSTED", 429),
        (14, "UNAVAILABLE", 503),
    ] {
        let answer = gateway.curl(&format!("/v1/fail/{code}"), &[]);
        assert_eq!(answer.status(), status, "{name}");
        assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["detail"]), (&json!(name), &json!("as was asked: 100 % é")));
        assert_eq!(
            problem["details"],
            json!([{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "code", "description": "was asked for" }],
            }])
        );
    }
}

#[test]
fn streams_are_lines_or_events() {
    let Some((_peer, gateway)) = start("streams_are_lines_or_events") else { return };
    let answer = gateway.curl("/v1/count/3", &[]);
    assert_eq!((answer.status(), answer.head.field("Content-Type")), (200, Some("application/x-ndjson")));
    assert_eq!(answer.text(), "{\"value\":\"1\"}\n{\"value\":\"2\"}\n{\"value\":\"3\"}\n");
    let answer = gateway.curl("/v1/count/2", &["-H", "Accept: text/event-stream"]);
    assert_eq!(answer.head.field("Content-Type"), Some("text/event-stream"));
    assert_eq!(answer.text(), "data: {\"value\":\"1\"}\n\ndata: {\"value\":\"2\"}\n\n");
    // An error behind messages is the last line.
    let answer = gateway.curl("/v1/count/1?code=10", &[]);
    let text = answer.text();
    let (first, last) = text.trim_end().split_once('\n').unwrap();
    assert_eq!(first, r#"{"value":"1"}"#);
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["error"]["code"], &last["error"]["message"]), (&json!(10), &json!("enough")));
    // A client that streams: a list, or lines.
    assert_eq!(
        post(&gateway, "/v1/sum", r#"[{"value": 1}, {"value": "41"}]"#).json(),
        json!({ "value": "42" })
    );
    let lines = ["-H", "Content-Type: application/x-ndjson", "--data-binary", "@-", &gateway.url("/v1/sum")];
    let answer = curl_with(&lines, b"{\"value\": 2}\n{\"value\": 3}\n");
    assert_eq!(answer.json(), json!({ "value": "5" }));
}
