//! gRPC through the gateway, between gRPC's own client and server: all kinds of calls, statuses, deadlines.

use maitred_tests::{Gateway, GrpcPeer, skipped};
use serde_json::json;

fn in_front_of(peer: &GrpcPeer) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ peer: \"grpc://127.0.0.1:{}\" }}\nroutes: {{ peer: {{ match: /peer.Echo/*, upstream: peer }} }}",
        peer.port()
    ))
}

#[test]
fn every_kind_of_call_passes() {
    let Some(peer) = GrpcPeer::start() else {
        return skipped("grpc::every_kind_of_call_passes", "the Python library grpcio is not installed");
    };
    let gateway = in_front_of(&peer);
    assert_eq!(
        peer.call(gateway.port("web")),
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
