//! gRPC through the gateway, between gRPC's own client and server: all kinds of calls, statuses, deadlines.

use maitred_tests::{Gateway, Peer, Port, run_python, skipped};
use serde_json::json;

fn in_front_of(peer: &Peer) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ peer: \"grpc://127.0.0.1:{}\" }}\nroutes: {{ peer: {{ match: /peer.Echo/*, upstream: peer }} }}",
        peer.port()
    ))
}

#[test]
fn every_kind_of_call_passes() {
    let Some(peer) = Peer::echo() else {
        return skipped("grpc::every_kind_of_call_passes", "the Python library grpcio is not installed");
    };
    let gateway = in_front_of(&peer);
    assert_eq!(
        run_python("grpc_peer.py", "grpcio", &["call", &gateway.port("web").to_string()]).unwrap(),
        json!({
            "unary": ["a", "o", "t"],
            "empty": "",
            "large": true,
            "fail": ["FAILED_PRECONDITION", "not in this state: é"],
            "slow": "DEADLINE_EXCEEDED",
            "unknown": "UNIMPLEMENTED",
            "no_route": ["UNIMPLEMENTED", "Route not found"],
            "server_stream": ["0", "1", "2"],
            "client_stream": "3",
            "both_stream": ["M0", "M1", "M2"],
            "cancel": "CANCELLED",
        })
    );
}

#[test]
fn a_service_that_is_not_there_is_unavailable() {
    let gateway = Gateway::start(
        "upstreams: { peer: \"grpc://127.0.0.1:PORT_none\" }\nroutes: { peer: { upstream: peer } }",
    );
    let answer = gateway.curl("/peer.Echo/Unary", &["-X", "POST", "-H", "Content-Type: application/grpc"]);
    assert_eq!((answer.status(), answer.head.field("grpc-status")), (200, Some("14")));
    assert_eq!(answer.head.field("Content-Type"), Some("application/grpc"));
}

#[test]
fn health_is_told_through_the_gateway() {
    let Some(peer) = Peer::kinds("kinds.proto", &[]) else {
        return skipped(
            "grpc::health_is_told_through_the_gateway",
            "the Python library grpcio-health-checking is not installed",
        );
    };
    let gateway =
        Gateway::start(&format!("routes: {{ all: {{ upstream: \"grpc://127.0.0.1:{}\" }} }}", peer.port()));
    assert_eq!(
        run_python("health_client.py", "grpcio-health-checking", &[&gateway.port("web").to_string()])
            .unwrap(),
        json!({
            "": "SERVING",
            "kinds.v1.Kinds": "SERVING",
            "kinds.v1.Gone": "NOT_SERVING",
            "kinds.v1.Nobody": "NOT_FOUND",
            "watched": "SERVING",
        })
    );
}

const PROTO: &str = r#"
syntax = "proto3";
package shop;
import "google/api/annotations.proto";
message Item { string sku = 1; }
service Stock { rpc Get(Item) returns (Item) { option (google.api.http) = { get: "/stock/{sku}" }; } }
"#;

/// JSON in front of whoever listens at this port; no policy runs above the translation.
fn json_for(port: u16) -> Gateway {
    Gateway::start_with(
        &[("shop.proto", PROTO)],
        &format!(
            "upstreams: {{ stock: \"grpc://127.0.0.1:{port}\" }}\npolicies: {{ request_id: false, security_headers: true, grpc_json: {{ protos: shop.proto }} }}\n\
             routes: {{ stock: {{ match: /stock/*, upstream: stock }} }}"
        ),
    )
}

#[test]
fn a_status_of_the_service_is_told_as_json() {
    // A gateway answers calls that no route takes with a status in the head.
    let inner = Gateway::start("routes: { other: { match: /other, respond: hello } }");
    let gateway = json_for(inner.port("web"));
    let answer = gateway.curl("/stock/7", &[]);
    assert_eq!((answer.status(), answer.head.field("Content-Type")), (501, Some("application/problem+json")));
    let problem = answer.json();
    assert_eq!((&problem["code"], &problem["detail"]), (&json!("UNIMPLEMENTED"), &json!("Route not found")));
    // It is an answer like others, with what is put on all of them.
    assert_eq!(answer.head.field("X-Frame-Options"), Some("SAMEORIGIN"));
    assert_eq!(gateway.access_to("/stock/7").text("method"), "GET");
}

#[test]
fn who_asked_in_json_is_answered_in_json_whatever_fails() {
    let gone = Port::reserve();
    let gateway = json_for(gone.number());
    let answer = gateway.curl("/stock/7", &[]);
    assert_eq!((answer.status(), answer.json()["detail"].as_str()), (502, Some("Bad gateway")));
    assert_eq!(answer.head.field("Content-Type"), Some("application/problem+json"));
}
