//! JSON to gRPC by what the service says of itself: gRPC's own reflection server, in both versions, late, gone and changed.

use maitred_tests::{Authority, Curl, Folder, Gateway, Peer, Port, eventually, skipped};
use serde_json::json;

const REASON: &str = "the Python library grpcio-reflection is not installed";
const POLICY: &str = "grpc_json: { reflection: true, services: kinds.v1.Kinds }";

fn document(port: impl std::fmt::Display, policies: &str) -> String {
    format!(
        "upstreams: {{ kinds: \"grpc://127.0.0.1:{port}\" }}\npolicies: {{ {policies} }}\n\
         routes: {{ kinds: {{ match: /*, upstream: kinds }}, own: {{ match: /own, respond: own }} }}"
    )
}

/// The answer once the service has described itself: a slow machine serves before that.
fn described(gateway: &Gateway, path: &str) -> Curl {
    eventually("the service has described itself", || {
        let answer = gateway.curl(path, &[]);
        (answer.status() != 503).then_some(answer)
    })
}

#[test]
fn a_service_describes_itself_in_either_version() {
    for version in ["v1", "v1alpha"] {
        let Some(peer) = Peer::kinds("kinds.proto", &["--reflection", version]) else {
            return skipped("grpc_reflection::a_service_describes_itself_in_either_version", REASON);
        };
        // All services, as the service lists them.
        let gateway = Gateway::start(&document(peer.port(), "grpc_json: { reflection: true }"));
        let told = described(&gateway, "/v1/shelves/low?item.count=2");
        assert_eq!((told.status(), told.json()), (200, json!({ "shelf": "low", "item": { "count": 2 } })));
        let path = "/grpc.health.v1.Health/Check";
        let healthy = gateway.curl(path, &["-d", r#"{"service": "kinds.v1.Kinds"}"#]);
        assert_eq!(healthy.json(), json!({ "status": "SERVING" }), "{version}");
        // A route without a service has nothing to be described.
        assert_eq!(gateway.curl("/own", &[]).text(), "own");
    }
}

#[test]
fn a_service_is_asked_over_tls_where_that_is_spoken() {
    let (authority, folder) = (Authority::default(), Folder::default());
    let signed = authority.server(&["127.0.0.1"]);
    folder.write("cert.pem", &signed.certificate);
    folder.write("key.pem", &signed.key);
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    let arguments = ["--reflection", "v1", "--tls", &cert, &key];
    let Some(peer) = Peer::kinds("kinds.proto", &arguments) else {
        return skipped("grpc_reflection::a_service_is_asked_over_tls_where_that_is_spoken", REASON);
    };
    let gateway = Gateway::start_with(
        &[("ca.pem", &authority.certificate())],
        &document(peer.port(), POLICY).replace(
            &format!("\"grpc://127.0.0.1:{}\"", peer.port()),
            &format!("{{ endpoints: \"grpcs://127.0.0.1:{}\", tls: {{ ca: ca.pem }} }}", peer.port()),
        ),
    );
    assert_eq!(described(&gateway, "/v1/count/1").json(), json!({ "value": "1" }));
}

#[test]
fn a_service_may_come_later_go_and_come_back_as_another() {
    let port = Port::reserve();
    let number = port.number().to_string();
    let start = |proto: &str| Peer::kinds(proto, &["--reflection", "v1", "--port", &number]);
    let gateway = Gateway::start(&document(port.number(), POLICY));
    let early = gateway.curl("/v1/count/1", &[]);
    assert_eq!((early.status(), early.head.field("Content-Type")), (503, Some("application/problem+json")));
    assert_eq!(early.json()["detail"], "The service has not described its calls yet");
    gateway.log().wait_for("why there is nothing yet", |line| {
        line.contains("cannot fetch what the policy needs: it cannot be connected to")
            && line.contains("kinds")
    });

    let Some(first) = start("kinds.proto") else {
        return skipped("grpc_reflection::a_service_may_come_later_go_and_come_back_as_another", REASON);
    };
    eventually("the service is asked", || (gateway.curl("/v1/count/1", &[]).status() == 200).then_some(()));
    drop(first);
    // What it said holds while it is away: this is the service's absence, and not that nothing is known.
    assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 502);

    let _second = start("later.proto").unwrap();
    // A path that is not known has it asked again, and so does a call that it does not know any more.
    eventually("the service is asked again", || {
        let answer = gateway.curl("/v1/double/21", &[]);
        (answer.status() == 200).then(|| assert_eq!(answer.json(), json!({ "value": "42" })))
    });
    assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 404);
}

#[test]
fn a_call_that_the_service_lacks_has_it_asked_again() {
    let port = Port::reserve();
    let number = port.number().to_string();
    let start = |proto: &str| Peer::kinds(proto, &["--reflection", "v1alpha", "--port", &number]);
    let Some(first) = start("kinds.proto") else {
        return skipped("grpc_reflection::a_call_that_the_service_lacks_has_it_asked_again", REASON);
    };
    let gateway = Gateway::start(&document(port.number(), POLICY));
    assert_eq!(described(&gateway, "/v1/count/1").status(), 200);
    drop(first);
    let _second = start("later.proto").unwrap();
    let mut seen = Vec::new();
    eventually("the call is gone", || {
        seen.push(gateway.curl("/v1/count/1", &[]).status());
        (seen.last() == Some(&404)).then_some(())
    });
    assert!(seen.contains(&501), "the service says that it does not know the call: {seen:?}");
}

#[test]
fn what_was_told_is_kept_over_reloads() {
    let Some(peer) = Peer::kinds("kinds.proto", &["--reflection", "v1"]) else {
        return skipped("grpc_reflection::what_was_told_is_kept_over_reloads", REASON);
    };
    let gateway = Gateway::start(&document(peer.port(), POLICY));
    assert_eq!(described(&gateway, "/v1/count/1").status(), 200);
    drop(peer);
    // Nothing about it has changed: it is known, although nobody can be asked.
    gateway.reload(&document("PORT_gone", POLICY));
    assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 502);
    // Other services are to be described: that is another thing.
    gateway.reload(&document("PORT_gone", "grpc_json: { reflection: true, services: a.B }"));
    assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 503);
}

#[test]
fn a_service_without_reflection_is_named_in_the_log() {
    let Some(peer) = Peer::kinds("kinds.proto", &[]) else {
        return skipped("grpc_reflection::a_service_without_reflection_is_named_in_the_log", REASON);
    };
    let gateway = Gateway::start(&document(peer.port(), POLICY));
    assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 503);
    gateway.log().wait_for("that it has none", |line| line.contains("the service does not offer reflection"));
}

#[test]
fn routes_that_inherit_it_ask_their_own_services() {
    let Some(first) = Peer::kinds("kinds.proto", &["--reflection", "v1"]) else {
        return skipped("grpc_reflection::routes_that_inherit_it_ask_their_own_services", REASON);
    };
    let second = Peer::kinds("later.proto", &["--reflection", "v1alpha"]).unwrap();
    let gateway = Gateway::start(&format!(
        "policies: {{ {POLICY} }}\n\
         routes:\n  first: {{ match: /v1/count/*, upstream: \"grpc://127.0.0.1:{}\" }}\n  \
         second: {{ match: /v1/double/*, upstream: \"grpc://127.0.0.1:{}\" }}",
        first.port(),
        second.port()
    ));
    assert_eq!(described(&gateway, "/v1/count/1").json(), json!({ "value": "1" }));
    assert_eq!(described(&gateway, "/v1/double/4").json(), json!({ "value": "8" }));
    // What no route takes has no service either.
    assert_eq!(gateway.curl("/elsewhere", &[]).json()["detail"], "Route not found");
}

#[test]
fn a_service_that_says_too_much_costs_little() {
    for (what, says) in [
        ("messages", "too many files, services, messages or fields"),
        ("words", "the server refused the file with kinds.v1.Kinds: UNKNOWN: no! no! "),
    ] {
        let Some(peer) = Peer::odd_reflection(what) else {
            return skipped("grpc_reflection::a_service_that_says_too_much_costs_little", REASON);
        };
        let gateway = Gateway::start(&document(peer.port(), POLICY));
        let told = gateway.log().wait_for(what, |line| line.contains(says));
        assert!(told.len() < 1000, "{what}: {} bytes", told.len());
        assert_eq!(gateway.curl("/v1/count/1", &[]).status(), 503);
        let detail = gateway.access_to("/v1/count/1");
        assert!(format!("{detail:?}").len() < 2000, "{what}: {detail:?}");
        let peak = gateway.peak_memory();
        assert!(peak < 400 << 20, "{what}: {peak} bytes");
    }
}
