//! HTTP/3, from aioquic: exchanges whole, early data, what is refused, certificates, and how connections end.

use maitred_tests::{
    Authority, Echo, Fake, Gateway, Http3Client, Origin, eventually, http3, pattern, skipped,
};
use serde_json::{Value, json};

/// A gateway that speaks all three versions as `shop.test`, with `tls` besides.
fn serving(authority: &Authority, upstream: &str, tls: &str) -> Gateway {
    let shop = authority.server(&["shop.test"]);
    let files =
        [("shop.pem", &*shop.certificate), ("shop.key", &*shop.key), ("ca.pem", &authority.certificate())];
    Gateway::start_with(&files, &document("[h1, h2, h3]", upstream, tls))
}

fn document(protocols: &str, upstream: &str, tls: &str) -> String {
    format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", protocols: {protocols}, \
         tls: {{ certificates: {{ cert: shop.pem, key: shop.key }}{tls} }} }} }}\n\
         routes: {{ own: {{ match: /own, respond: hello }}, app: {{ upstream: \"{upstream}\", \
         policies: {{ transform_request: {{ headers: {{ set: {{ X-Certificate: \"{{client.certificate}}\" }} }} }} }} }} }}"
    )
}

/// What one plan got; the test is skipped where the library is missing.
macro_rules! ask {
    ($gateway:expr, $plan:tt) => {
        match http3(&$gateway, &json!($plan)) {
            Some(told) => told,
            None => return skipped(module_path!(), "the Python library aioquic is not installed"),
        }
    };
}

fn echo(answer: &Value) -> Echo {
    Echo::parse(answer["body"].as_str().unwrap())
}

#[test]
fn a_request_and_its_answer_pass() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [
        { "path": "/a?b", "headers": { "x-own": "1", "cookie": "a=1" } },
        { "path": "/own" },
        { "path": "/x", "method": "HEAD", "headers": { "x-ask": "chunks 5" } },
        { "path": "/x", "headers": { "x-ask": "status 204" } },
    ] });
    let answers = &told["answers"];
    let seen = echo(&answers[0]);
    assert_eq!((seen.target(), seen.field("X-Own"), seen.field("Cookie")), ("/a?b", Some("1"), Some("a=1")));
    assert_eq!((seen.field("Via"), seen.field("X-Forwarded-Proto")), (Some("3 maitred"), Some("https")));
    assert!(!seen.has("Early-Data"));
    assert_eq!((&answers[1]["status"], &answers[1]["body"]), (&json!(200), &json!("hello")));
    assert_eq!((&answers[2]["status"], &answers[2]["length"]), (&json!(200), &json!(0)));
    assert_eq!(answers[3]["status"], 204);
    assert_eq!(gateway.access_to("/own").text("protocol"), "HTTP/3");
}

#[test]
fn bodies_go_both_ways_whole() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let file = gateway.folder().join("body");
    for len in [1, 16_384, 3_000_000] {
        let told = ask!(gateway, { "requests": [
            { "path": "/up", "method": "POST", "size": len },
            { "path": "/up", "method": "POST", "size": len, "headers": { "content-length": len.to_string() } },
            { "path": "/down", "headers": { "x-ask": format!("bytes {len}") }, "save": file.to_str().unwrap() },
        ] });
        let answers = &told["answers"];
        assert_eq!((echo(&answers[0]).len(), echo(&answers[1]).len()), (len as u64, len as u64));
        assert!(std::fs::read(&file).unwrap() == pattern(len), "{len}");
    }
}

#[test]
fn trailers_go_both_ways() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [
        { "path": "/x", "method": "POST", "body": "a", "trailers": { "x-sum": "7" } },
        { "path": "/x", "headers": { "x-ask": "trailers 9", "te": "trailers" } },
    ] });
    assert_eq!(echo(&told["answers"][0]).trailer("X-Sum"), Some("7"));
    let trailers = told["answers"][1]["trailers"].as_object().unwrap();
    assert!(trailers.values().any(|value| value == "9"), "{trailers:?}");
}

#[test]
fn bodies_may_come_in_any_frames() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [
        { "path": "/x", "method": "POST", "size": 60_000, "frames": 7 },
        // Of a GET, whose first bytes come before its length is known.
        { "path": "/x", "body": "abc", "headers": { "content-length": "3" } },
        { "path": "/x", "body": "abcd", "headers": { "content-length": "3" } },
        // With an empty one among them; and one that its stream ends in.
        { "path": "/x", "method": "POST", "raw_body": "0002616200000000000163" },
        { "path": "/x", "method": "POST", "raw_body": "000a68656c6c6f" },
        { "path": "/own" },
    ] });
    let answers = &told["answers"];
    assert_eq!((echo(&answers[0]).len(), echo(&answers[1]).len(), echo(&answers[3]).len()), (60_000, 3, 3));
    assert_eq!((&answers[2]["status"], &answers[4]["status"]), (&json!(400), &json!(400)), "{told}");
    assert_eq!(answers[5]["status"], 200);
    assert_eq!(gateway.metrics().sum("maitred_panics_total", &[]), 0);
}

#[test]
fn trailers_frame_nothing() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [
        { "path": "/x", "method": "POST", "body": "a", "trailers": { "x-sum": "7", "content-length": "7", "host": "b" } },
        { "path": "/x", "method": "POST", "body": "a", "trailers": { "transfer-encoding": "chunked" } },
    ] });
    let seen = echo(&told["answers"][0]);
    assert_eq!(
        (seen.trailer("X-Sum"), seen.trailer("Content-Length"), seen.trailer("Host")),
        (Some("7"), None, None)
    );
    assert_eq!(told["answers"][1]["status"], 400);
}

#[test]
fn interim_answers_come_when_they_are_sent() {
    let authority = Authority::default();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let service = Fake::start(move |mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n");
        wait.lock().unwrap().recv_timeout(maitred_tests::PATIENCE).unwrap();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        wire.rest_to_any_end();
    });
    let gateway = serving(&authority, &service.url(), "");
    let plan = json!({ "requests": [{ "path": "/", "say_interim": true }] });
    let Some(mut client) = Http3Client::start(&gateway, &plan) else {
        return skipped(module_path!(), "the Python library aioquic is not installed");
    };
    assert_eq!(client.said()["interim"], 103);
    go.send(()).unwrap();
    assert_eq!(client.told()["answers"][0]["body"], "ok");
}

#[test]
fn a_client_may_move_and_is_whom_the_handshake_was_done_with() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told =
        ask!(gateway, { "requests": [{ "path": "/a" }, { "path": "/b", "moves": true }, { "path": "/c" }] });
    for answer in told["answers"].as_array().unwrap() {
        assert_eq!(echo(answer).field("X-Real-IP"), Some("127.0.0.1"));
    }
}

#[test]
fn who_cancels_all_that_it_asks_for_is_closed() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let requests: Vec<_> =
        (0..600).map(|_| json!({ "path": "/x", "method": "POST", "reset": true })).collect();
    let told = ask!(gateway, { "requests": requests, "until_closed": true });
    // H3_EXCESSIVE_LOAD, of the connection.
    assert_eq!(told["closed"], 0x107);
}

#[test]
fn clients_of_other_versions_are_told() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["answers"][0]["headers"].get("alt-svc"), None);
    let port = gateway.port("web");
    let url = format!("https://127.0.0.1:{port}/own");
    for version in ["--http1.1", "--http2"] {
        let answer = maitred_tests::curl(&["-k", version, &url]);
        assert_eq!(answer.head.field("Alt-Svc"), Some(&*format!("h3=\":{port}\"; ma=86400")), "{version}");
    }
}

#[test]
fn many_streams_share_a_connection() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let requests: Vec<_> = (0..300)
        .map(|number| json!({ "path": format!("/{number}"), "headers": { "x-ask": "bytes 20000" } }))
        .collect();
    let told = ask!(gateway, { "together": true, "requests": requests });
    let whole = |answer: &&Value| answer["status"] == 200 && answer["length"] == 20_000;
    assert_eq!(told["answers"].as_array().unwrap().iter().filter(whole).count(), 300);
    let connections = || gateway.metrics().sum("maitred_connections", &[("listener", "web")]);
    eventually("the connection is gone", || (connections() == 0).then_some(()));
}

#[test]
fn what_came_early_is_marked_where_it_may_be_repeated_and_waits_where_not() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "early": true, "requests": [
        { "path": "/a", "headers": { "early-data": "forged" } },
        { "path": "/b", "method": "POST", "body": "b" },
    ] });
    assert_eq!(told["early_accepted"], true);
    assert_eq!(echo(&told["answers"][0]).all("Early-Data"), ["1"]);
    assert_eq!(echo(&told["answers"][1]).all("Early-Data"), Vec::<&str>::new());
}

#[test]
fn what_came_early_on_a_handshake_that_fails_is_not_served_where_it_may_not_be_repeated() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    ask!(gateway, { "early": true, "abandon": true, "requests": [{ "path": "/b", "method": "POST", "body": "b" }] });
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["answers"][0]["status"], 200);
    gateway.access_to("/own");
    assert!(
        gateway
            .access(1, |line| line.text("path") == "/b" || line.text("path") == "/own")
            .iter()
            .all(|line| line.text("path") == "/own")
    );
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [
        { "path": "/own", "headers": { "connection": "x" } },
        { "path": "/own", "headers": { "te": "gzip" } },
        { "path": "/own", "headers": { "x": "a".repeat(40_000) } },
        { "path": "/own", "method": "CONNECT" },
        { "path": "/x", "method": "POST", "body": "abc", "headers": { "content-length": "4" } },
        { "path": "/x", "method": "POST", "body": "abc", "headers": { "content-length": "2" } },
        { "path": "/own", "host": "a b" },
        { "path": "/own" },
    ] });
    let statuses: Vec<_> =
        told["answers"].as_array().unwrap().iter().map(|answer| answer["status"].as_u64()).collect();
    let expected = [400, 400, 431, 405, 400, 400].map(Some);
    assert_eq!(statuses[..6], expected);
    // H3_MESSAGE_ERROR, of the stream alone.
    assert_eq!((statuses[6], &told["answers"][6]["reset"], statuses[7]), (None, &json!(0x10e), Some(200)));
}

#[test]
fn a_frame_without_end_is_not_waited_for() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    // HEADERS, and a frame without meaning (RFC 9114 section 7.2.8), of a gigabyte each.
    let told = ask!(gateway, { "requests": [
        { "raw": "0180ffffffffffff", "size": 1_000_000 },
        { "raw": "2180ffffffffffff", "size": 1_000_000 },
        { "path": "/own" },
    ] });
    let answers = &told["answers"];
    // H3_EXCESSIVE_LOAD, of the stream alone.
    assert_eq!((&answers[0]["reset"], &answers[1]["reset"]), (&json!(0x107), &json!(0x107)), "{told}");
    assert_eq!(answers[2]["status"], 200);
}

#[test]
fn clients_show_where_they_are_while_many_begin() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["retried"], false);
    let told = ask!(gateway, { "requests": [{ "path": "/own" }], "half_open": 80 });
    assert_eq!((&told["retried"], &told["answers"][0]["status"]), (&json!(true), &json!(200)));
}

#[test]
fn an_answer_that_breaks_off_is_seen_to() {
    let authority = Authority::default();
    let service = Fake::start(|mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nnot a");
    });
    let gateway = serving(&authority, &service.url(), "");
    let told = ask!(gateway, { "requests": [{ "path": "/" }, { "path": "/own" }] });
    // H3_INTERNAL_ERROR, of the stream alone.
    assert_eq!((&told["answers"][0]["reset"], &told["answers"][1]["status"]), (&json!(0x102), &json!(200)));
    assert_eq!(gateway.access_to("/").text("outcome"), "upstream_reset");
}

#[test]
fn a_request_that_is_given_up_is_given_up_at_the_service() {
    let authority = Authority::default();
    let (told, gone) = std::sync::mpsc::channel();
    let service = Fake::start(move |mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        wire.rest_to_any_end();
        told.send(()).unwrap();
    });
    let gateway = serving(&authority, &service.url(), "");
    let told = ask!(gateway, { "requests": [{ "path": "/a", "give_up": true }, { "path": "/own" }] });
    assert_eq!((&told["answers"][0]["status"], &told["answers"][1]["status"]), (&json!(200), &json!(200)));
    gone.recv_timeout(maitred_tests::PATIENCE).unwrap();
    assert_eq!(gateway.access_to("/a").text("outcome"), "client_closed");
}

#[test]
fn an_answer_that_is_given_up_midway_is_not_laid_to_the_service() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let ask = json!({ "path": "/x", "headers": { "x-ask": "bytes 30000000" }, "give_up": true });
    let told = ask!(gateway, { "requests": [ask, ask, ask, { "path": "/own" }] });
    assert_eq!(told["answers"][3]["status"], 200);
    for line in gateway.access(3, |line| line.text("path") == "/x") {
        assert_eq!(line.text("outcome"), "client_closed");
    }
}

#[test]
fn clients_show_certificates_where_they_are_asked_to() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), ", client_auth: { ca: ca.pem }");
    let told = ask!(gateway, { "requests": [{ "path": "/x" }] });
    assert_ne!(told["answers"][0]["status"], 200, "{told}");
    let joe = authority.client("joe");
    gateway.folder().write("joe.pem", &joe.certificate);
    gateway.folder().write("joe.key", &joe.key);
    let (certificate, key) = (gateway.folder().join("joe.pem"), gateway.folder().join("joe.key"));
    let told = ask!(gateway, {
        "requests": [{ "path": "/x" }],
        "certificate": [certificate.to_str().unwrap(), key.to_str().unwrap()],
    });
    assert_eq!(echo(&told["answers"][0]).field("X-Certificate"), Some("CN=joe"));
}

/// A client that was answered and stays, where the library is installed.
fn staying(gateway: &Gateway) -> Option<Http3Client> {
    let plan = json!({ "requests": [{ "path": "/own" }], "say": true, "until_closed": true });
    let mut client = Http3Client::start(gateway, &plan)?;
    assert_eq!(client.said()["answers"][0]["status"], 200);
    Some(client)
}

#[test]
fn a_reload_keeps_connections_and_one_that_ends_the_protocol_ends_them_gently() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let plan = json!({ "requests": [{ "path": "/own" }], "say": true, "again": true, "until_closed": true });
    let Some(mut client) = Http3Client::start(&gateway, &plan) else {
        return skipped(module_path!(), "the Python library aioquic is not installed");
    };
    assert_eq!(client.said()["answers"][0]["status"], 200);
    gateway.reload(&document("[h1, h2, h3]", origin.url(), ", min_version: \"1.3\""));
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["answers"][0]["status"], 200);
    client.go();
    assert_eq!(client.said()["again"]["status"], 200);
    gateway.reload(&document("[h1, h2]", origin.url(), ""));
    // H3_NO_ERROR.
    assert_eq!(client.told()["closed"], 0x100);
    let url = format!("https://127.0.0.1:{}/own", gateway.port("web"));
    assert_eq!(maitred_tests::curl(&["-k", &url]).head.field("Alt-Svc"), None);
    // And it may come back.
    gateway.reload(&document("[h1, h2, h3]", origin.url(), ""));
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["answers"][0]["status"], 200);
}

#[test]
fn a_listener_may_be_renamed_and_moved() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let Some(_client) = staying(&gateway) else {
        return skipped(module_path!(), "the Python library aioquic is not installed");
    };
    let document = document("[h1, h2, h3]", origin.url(), "");
    // Others before it give it another number, and with that another worker.
    let first = "listeners: { first: { address: \"127.0.0.1:PORT_first\" }, ";
    for text in [
        document.replace("listeners: { web: ", "listeners: { shop: "),
        document.replace("listeners: { web: ", &format!("{first}web: ")),
        document.replace("127.0.0.1:PORT_web", "0.0.0.0:PORT_web"),
        document.clone(),
    ] {
        gateway.reload(&text);
        let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
        assert_eq!(told["answers"][0]["status"], 200, "{text}");
    }
    gateway.reload(&document.replace("PORT_web", "PORT_other"));
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert!(told["error"].is_string(), "the old address refuses: {told}");
}

#[test]
fn a_stop_ends_connections_gently() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let mut gateway = serving(&authority, origin.url(), "");
    let Some(client) = staying(&gateway) else {
        return skipped(module_path!(), "the Python library aioquic is not installed");
    };
    assert!(gateway.stop().success());
    assert_eq!(client.told()["closed"], 0x100);
}

#[test]
fn a_new_certificate_is_shown_without_a_new_document() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let gateway = serving(&authority, origin.url(), "");
    let told = ask!(gateway, { "requests": [{ "path": "/own" }] });
    assert_eq!(told["answers"][0]["status"], 200);
    // From an authority that the client does not know.
    let other = Authority::default().server(&["shop.test"]);
    gateway.folder().write("shop.pem", &other.certificate);
    gateway.folder().write("shop.key", &other.key);
    eventually("the new certificate is shown", || {
        let told = http3(&gateway, &json!({ "requests": [{ "path": "/own" }] }))?;
        (told["answers"][0]["status"] != 200).then_some(())
    });
}
