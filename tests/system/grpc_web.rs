//! gRPC-Web in front of gRPC's own server: with its own client under Node, and byte for byte.

use maitred_tests::{Gateway, Peer, curl_with, run_node, skipped};
use serde_json::json;

fn start(test: &str) -> Option<(Peer, Gateway)> {
    let Some(peer) = Peer::echo() else {
        skipped(&format!("grpc_web::{test}"), "the Python library grpcio is not installed");
        return None;
    };
    let gateway = Gateway::start(&format!(
        "upstreams: {{ peer: \"grpc://127.0.0.1:{}\" }}\npolicies: {{ grpc_web: true }}\n\
         routes: {{ peer: {{ match: /peer.Echo/*, upstream: peer }} }}",
        peer.port()
    ));
    Some((peer, gateway))
}

#[test]
fn its_own_client_calls_in_both_formats() {
    let Some((_peer, gateway)) = start("its_own_client_calls_in_both_formats") else { return };
    for format in ["binary", "text"] {
        let Some(told) = run_node("grpc_web_client.js", &[&gateway.url(""), format]) else {
            return skipped(
                "grpc_web::its_own_client_calls_in_both_formats",
                "the npm package grpc-web is not installed",
            );
        };
        assert_eq!(told["unary"]["answer"], "hello", "{format}: {told}");
        assert_eq!(told["unary"]["seen"], "o", "{format}: {told}");
        assert_eq!(told["unary"]["status"], json!([0, "t"]), "{format}: {told}");
        assert_eq!(told["large"], 100_000, "{format}: {told}");
        assert_eq!(told["fail"]["code"], 9, "{format}: {told}");
        assert_eq!(told["fail"]["message"], "not in this state: é", "{format}: {told}");
        assert_eq!(told["unknown"], 12, "{format}: {told}");
        if format == "text" {
            assert_eq!(told["stream"], json!({ "messages": ["0", "1", "2"], "status": 0 }));
        }
    }
}

/// Sends a request to `path` with this type and body.
fn call(gateway: &Gateway, path: &str, kind: &str, body: &[u8]) -> maitred_tests::Curl {
    let kind = format!("Content-Type: {kind}");
    curl_with(&["--data-binary", "@-", "-H", &kind, &gateway.url(path)], body)
}

#[test]
fn the_bytes_are_those_of_the_protocol() {
    let Some((_peer, gateway)) = start("the_bytes_are_those_of_the_protocol") else { return };
    let answer = call(&gateway, "/peer.Echo/Unary", "application/grpc-web", b"\0\0\0\0\x02hi");
    assert_eq!((answer.status(), answer.head.field("Content-Type")), (200, Some("application/grpc-web")));
    let (message, trailers) = answer.body.split_at(7);
    assert_eq!(message, b"\0\0\0\0\x02hi");
    assert_eq!(trailers[0], 0x80, "the frame of trailers");
    assert_eq!(u32::from_be_bytes(trailers[1..5].try_into().unwrap()) as usize, trailers.len() - 5);
    let trailers = String::from_utf8(trailers[5..].to_vec()).unwrap();
    assert!(trailers.contains("grpc-status:0\r\n") || trailers.contains("grpc-status: 0\r\n"), "{trailers}");
    // In text: AAAAAAJoaQ== is the same message.
    let answer = call(&gateway, "/peer.Echo/Unary", "application/grpc-web-text+proto", b"AAAAAAJoaQ==");
    assert!(answer.head.field("Content-Type").unwrap().starts_with("application/grpc-web-text"));
    assert!(answer.text().starts_with("AAAAAAJoa"), "{}", answer.text());
    // No call of gRPC-Web: the service answers in its own words.
    let answer = call(&gateway, "/peer.Echo/Unary", "application/grpc-web", b"no frame");
    assert_ne!(answer.head.field("grpc-status"), Some("0"));
}
