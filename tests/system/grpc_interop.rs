//! The public interoperability cases of gRPC, between its own client and server in Go: in the clear and over TLS.

use maitred_tests::{Authority, Folder, Gateway, Peer, run_interop, skipped};

const REASON: &str = "gRPC's cases in Go are not installed";
const CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
];

fn all_pass(arguments: &[&str]) {
    let failed: Vec<_> =
        CASES.iter().filter_map(|case| Some((case, run_interop(case, arguments).err()?))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_case_passes_in_the_clear() {
    let Some(peer) = Peer::interop(&[]) else {
        return skipped("grpc_interop::every_case_passes_in_the_clear", REASON);
    };
    let gateway =
        Gateway::start(&format!("routes: {{ all: {{ upstream: \"grpc://127.0.0.1:{}\" }} }}\n", peer.port()));
    let port = gateway.port("web").to_string();
    all_pass(&["--server_host=127.0.0.1", "--server_port", &port]);
}

#[test]
fn every_case_passes_over_tls() {
    let (authority, folder) = (Authority::default(), Folder::default());
    let signed = authority.server(&["shop.example", "127.0.0.1"]);
    let files =
        [("cert.pem", &*signed.certificate), ("key.pem", &*signed.key), ("ca.pem", &authority.certificate())];
    for (name, text) in files {
        folder.write(name, text);
    }
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name).display().to_string());
    let Some(peer) = Peer::interop(&["--use_tls", "--tls_cert_file", &cert, "--tls_key_file", &key]) else {
        return skipped("grpc_interop::every_case_passes_over_tls", REASON);
    };
    let gateway = Gateway::start_with(
        &files,
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: cert.pem, key: key.pem }} }} }} }}\n\
             upstreams: {{ all: {{ endpoints: \"grpcs://127.0.0.1:{}\", tls: {{ ca: ca.pem }} }} }}\n\
             routes: {{ all: {{ upstream: all }} }}\n",
            peer.port()
        ),
    );
    let (port, ca) = (gateway.port("web").to_string(), gateway.folder().join("ca.pem").display().to_string());
    let tls = ["--use_tls", "--server_host_override=shop.example", "--use_test_ca", "--ca_file", &ca];
    all_pass(&[&["--server_host=127.0.0.1", "--server_port", &port], &tls[..]].concat());
}
