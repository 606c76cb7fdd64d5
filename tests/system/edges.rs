//! Who and what is turned away at the edge: by address, by country, by the page that sends a request, by its name, by its JSON,
//! and by tricks of spelling.

#[path = "../../crates/policies/src/ip/tests/mmdb.rs"]
mod mmdb;

use std::fs;
use std::sync::mpsc::channel;

use maitred_tests::{
    Answer, Browser, Curl, Echo, Fake, Gateway, Origin, curl_with, eventually, skipped, websocket_echo,
};
use serde_json::json;

/// A listener that believes who clients say that they are.
const WEB: &str = "listeners: { web: { address: '127.0.0.1:PORT_web', trusted_proxies: 127.0.0.0/8 } }\n";

/// Asks as a client at this address.
fn from(gateway: &Gateway, client: &str) -> Curl {
    gateway.curl("/", &["-H", &format!("X-Forwarded-For: {client}")])
}

#[test]
fn lists_are_files_that_are_read_again() {
    let origin = Origin::start();
    let document = |policy: &str| {
        format!(
            "{WEB}ip_lists: {{ offices: {{ networks: 192.0.2.7, files: offices.txt }} }}\n\
             routes: {{ app: {{ upstream: \"{}\", policies: {{ ip: {policy} }} }} }}\n",
            origin.url()
        )
    };
    // A hundred thousand networks, each second one of four addresses.
    let address = |i: u32| std::net::Ipv4Addr::from_bits(0x0a00_0000 + i * 8).to_string();
    let long = (0..100_000).map(address).collect::<Vec<_>>().join("/30\n");
    let gateway = Gateway::start_with(&[("offices.txt", &long)], &document("{ allow: offices }"));
    for (client, expected) in [
        ("10.0.0.3", 200),
        ("10.0.0.4", 403),
        ("10.12.0.1", 200),
        ("10.12.0.5", 403),
        ("192.0.2.7", 200),
        ("::ffff:10.0.0.1", 200),
    ] {
        assert_eq!(from(&gateway, client).status(), expected, "{client}");
    }
    assert_eq!(from(&gateway, "203.0.113.9").json()["detail"], "Address not allowed");
    gateway.folder().write("offices.txt", "203.0.113.0/24   # the new office\n");
    eventually("it is read again", || (from(&gateway, "203.0.113.9").status() == 200).then_some(()));
    assert_eq!(from(&gateway, "10.0.0.3").status(), 403);
    gateway.folder().write("offices.txt", "203.0.113.0/24\n203.0.113.0/240\n");
    let told = gateway.log().wait_for("which line", |line| line.contains("offices.txt:2"));
    assert!(told.contains("no prefix length") && told.contains("maitred.yaml:"), "{told}");
    assert_eq!(from(&gateway, "203.0.113.9").status(), 200, "the one from before serves on");
}

#[test]
fn countries_are_those_of_a_database_that_is_read_again() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!("{WEB}routes: {{ app: {{ upstream: \"{}\" }} }}\n", origin.url()));
    let database = gateway.folder().join("world.mmdb");
    fs::write(
        &database,
        mmdb::countries(&[("81.0.0.0/8", "DE"), ("2a00::/16", "CH"), ("84.208.0.0/13", "NO")]),
    )
    .unwrap();
    gateway.reload(&format!(
        "{WEB}routes: {{ app: {{ upstream: \"{}\", policies: {{ ip: {{ deny: 81.6.6.6, geo: {{ database: world.mmdb, allow: [DE, CH] }} }} }} }} }}\n",
        origin.url()
    ));
    for (client, expected) in
        [("81.1.2.3", 200), ("2a00:1::1", 200), ("84.208.0.1", 403), ("81.6.6.6", 403), ("10.0.0.1", 403)]
    {
        assert_eq!(from(&gateway, client).status(), expected, "{client}");
    }
    assert_eq!(from(&gateway, "84.208.0.1").json()["detail"], "Not available in your country");
    // A new edition, in the way in which programs that fetch them put it in place.
    let edition = gateway.folder().join("world.mmdb.new");
    fs::write(&edition, mmdb::countries(&[("81.0.0.0/8", "NO"), ("84.208.0.0/13", "CH")])).unwrap();
    fs::rename(edition, &database).unwrap();
    eventually("it is read again", || (from(&gateway, "84.208.0.1").status() == 200).then_some(()));
    assert_eq!(from(&gateway, "81.1.2.3").status(), 403);
    fs::write(&database, "no database").unwrap();
    gateway.log().wait_for("that it is none", |line| line.contains("no database of countries"));
    assert_eq!(from(&gateway, "84.208.0.1").status(), 200);
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "policies: {{ csrf: {{ trusted_origins: 'https://partner.test' }} }}\nroutes:\n  app: {{ match: /app, upstream: \"{0}\" }}\n  \
         hook: {{ match: /hook, upstream: \"{0}\", policies: {{ csrf: false }} }}\n",
        origin.url()
    ));
    let own = format!("Origin: http://127.0.0.1:{}", gateway.port("web"));
    let post = |path: &str, says: &[&str]| {
        let says = says.iter().flat_map(|field| ["-H", field]);
        gateway
            .curl(path, &["-d", "a=b", "-H", "Cookie: session=1"].into_iter().chain(says).collect::<Vec<_>>())
    };
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let refused = gateway.curl("/app", &[version, "-X", "POST", "-H", "Origin: https://evil.test"]);
        assert_eq!(
            (refused.status(), &refused.json()["detail"]),
            (403, &"Cross-site request refused".into())
        );
    }
    assert_eq!(post("/app", &["Sec-Fetch-Site: cross-site"]).status(), 403);
    assert_eq!(post("/app", &["Sec-Fetch-Site: same-site", &own]).status(), 403);
    for says in [
        &[][..],
        &[&*own],
        &["Sec-Fetch-Site: same-origin"],
        &["Sec-Fetch-Site: cross-site", "Origin: https://partner.test"],
    ] {
        assert_eq!(post("/app", says).status(), 200, "{says:?}");
    }
    assert_eq!(post("/hook", &["Origin: https://evil.test"]).status(), 200);
    assert_eq!(
        gateway.curl("/app", &["-H", "Origin: https://evil.test"]).status(),
        200,
        "it changes nothing"
    );
    let handshake = |origin: &str| {
        let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
        gateway
            .connect()
            .ask(&format!("GET /app HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\nOrigin: {origin}\r\n\r\n"))
            .status()
    };
    assert_eq!((handshake("http://evil.test"), handshake("http://shop.test")), (403, 200));
}

/// A page that asks the site it came from, and then the one that the part behind `#` names, by each way that needs no leave.
const PAGE: &str = r#"<!DOCTYPE html><title>loading</title><script>
const other = location.hash.slice(1), told = {};
const socket = (host) => new Promise((resolve) => {
  const socket = new WebSocket(`ws://${host}/chat`);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
});
async function main() {
  told.own = [(await fetch("/app/own", { method: "POST", body: "a=b" })).status, await socket(location.host)];
  await fetch(`http://${other}/app/foreign`, { method: "POST", mode: "no-cors", credentials: "include", body: "a=b" });
  told.other = await socket(other);
}
main().catch((error) => { told.error = String(error); }).then(() => { document.title = JSON.stringify(told); });
</script>"#;

#[test]
fn a_browser_on_a_page_of_another_site_changes_nothing() {
    let Some(browser) = Browser::start(&[]) else {
        skipped(
            "edges::a_browser_on_a_page_of_another_site_changes_nothing",
            "chromium and chromedriver are not installed",
        );
        return;
    };
    let (origin, chat) = (Origin::start(), websocket_echo());
    let page = Fake::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{PAGE}",
        PAGE.len()
    ));
    let gateway = Gateway::start(&format!(
        "policies: {{ csrf: true }}\nroutes:\n  page: {{ match: /page, upstream: \"{}\" }}\n  \
         app: {{ match: /app/*, upstream: \"{}\" }}\n  chat: {{ match: /chat, upstream: \"{}\" }}\n",
        page.url(),
        origin.url(),
        chat.url()
    ));
    let port = gateway.port("web");
    // To a browser, the name and the address are two sites.
    browser.open(&format!("http://localhost:{port}/page#127.0.0.1:{port}"));
    let told: serde_json::Value = serde_json::from_str(&browser.title_after("loading")).unwrap();
    assert_eq!(told, json!({ "own": [200, "open"], "other": "refused" }));
    // The gateway waits for what is open at its end.
    drop(browser);
    assert_eq!(gateway.access_to("/app/foreign").text("outcome"), "cross_site_request");
}

#[test]
fn scanners_that_say_so_are_turned_away() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "policies: {{ bot_filter: {{ deny: '~^BadBot/[0-9]' }} }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
        origin.url()
    ));
    for (name, expected) in
        [("curl/8", 200), ("sqlmap/1.9", 403), ("badbot/1", 403), ("Not a BadBot/1", 200), ("", 200)]
    {
        let answer = gateway.curl("/", &["-H", &format!("User-Agent: {name}")]);
        assert_eq!(answer.status(), expected, "{name}");
        assert!(expected == 200 || answer.json()["detail"] == "Automated client refused");
    }
}

/// Sends JSON: what comes back.
fn post(gateway: &Gateway, arguments: &[&str], body: &str) -> Curl {
    let url = gateway.url("/");
    let always = ["--data-binary", "@-", "-H", "Content-Type: application/json", &url];
    curl_with(&[arguments, &always].concat(), body.as_bytes())
}

fn json_limits(upstream: &str, policy: &str) -> Gateway {
    Gateway::start(&format!(
        "policies: {{ json_limits: {policy} }}\nroutes: {{ app: {{ upstream: \"{upstream}\" }} }}\n"
    ))
}

#[test]
fn json_that_is_too_much_is_refused_and_all_other_passes_untouched() {
    let origin = Origin::start();
    let gateway = json_limits(origin.url(), "{ depth: 3, unique_keys: true }");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for (body, status, detail) in [
            ("[[[[1]]]]", 413, "JSON nested too deep"),
            (r#"{"a": 1, "a": 2}"#, 400, "JSON object with a key twice"),
            (r#"{"a": 1"#, 400, "Malformed JSON"),
            ("{}{}", 400, "Malformed JSON"),
        ] {
            let refused = post(&gateway, &[version], body);
            assert_eq!(
                (refused.status(), &refused.json()["detail"]),
                (status, &detail.into()),
                "{version} {body}"
            );
        }
        let body = json!({ "items": [{ "text": "x".repeat(200_000) }] }).to_string();
        let echo = Echo::of(&post(&gateway, &[version], &body));
        assert_eq!(echo.len(), body.len() as u64);
        // A service that reads lengths still gets one.
        assert_eq!(echo.field("Content-Length"), Some(&*body.len().to_string()));
        let echo = Echo::of(&post(&gateway, &[version, "-H", "Transfer-Encoding: chunked"], "[1]"));
        assert_eq!(echo.len(), 3);
        let nothing = Echo::of(&gateway.curl("/", &[version, "-H", "Content-Type: application/json"]));
        assert_eq!((nothing.len(), nothing.has("Transfer-Encoding")), (0, false));
    }
    let coded = post(&gateway, &["-H", "Content-Encoding: gzip"], "{}");
    assert_eq!((coded.status(), coded.head.field("Accept-Encoding")), (415, Some("identity")));
}

#[test]
fn a_refusal_in_the_middle_reaches_the_client_and_the_service_sees_it_break_off() {
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let service = Fake::start(move |mut wire, _| {
        let tell = tell.lock().unwrap().clone();
        let head = wire.head();
        assert!(head.has("Transfer-Encoding"));
        let first = wire.chunk();
        tell.send(first).unwrap();
        tell.send(wire.rest_to_any_end().0).unwrap();
    });
    let gateway = json_limits(&service.url(), "{ depth: 3 }");
    let mut wire = gateway.connect();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[[1,\r\n");
    assert_eq!(told.recv_timeout(maitred_tests::PATIENCE).unwrap(), b"[[1,");
    wire.send("9\r\n2],[[[3]]]\r\n");
    let refused: Answer = wire.answer();
    assert_eq!((refused.status(), &refused.json()["detail"]), (413, &"JSON nested too deep".into()));
    let rest = told.recv_timeout(maitred_tests::PATIENCE).unwrap();
    assert_eq!(rest, b"", "neither what was refused nor an end");
    assert_eq!(gateway.access_to("/").text("outcome"), "json_too_large");
}

#[test]
fn json_is_judged_before_it_becomes_something_else() {
    let Some(peer) = maitred_tests::Peer::kinds("kinds.proto", &[]) else {
        skipped(
            "edges::json_is_judged_before_it_becomes_something_else",
            "the Python library grpcio-tools is not installed",
        );
        return;
    };
    let gateway = Gateway::start(&format!(
        "upstreams: {{ kinds: \"grpc://127.0.0.1:{}\" }}\n\
         policies: {{ grpc_json: {{ protos: \"{}\" }}, json_limits: {{ strings: 4B }} }}\n\
         routes: {{ kinds: {{ match: /*, upstream: kinds }} }}",
        peer.port(),
        maitred_tests::peer_file("kinds.proto").display()
    ));
    let echo = |body: &str| {
        let url = gateway.url("/v1/echo");
        curl_with(&["--data-binary", "@-", "-H", "Content-Type: application/json", &url], body.as_bytes())
    };
    assert_eq!(echo(r#"{"note": "four"}"#).json(), json!({ "note": "four" }));
    let refused = echo(r#"{"note": "fifth"}"#);
    assert_eq!((refused.status(), &refused.json()["detail"]), (413, &"JSON string too long".into()));
}

#[test]
fn nobody_borrows_an_identity_by_a_trick_of_spelling() {
    let origin = Origin::start();
    // Of the key `test`.
    let hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let gateway = Gateway::start(&format!(
        "consumers: {{ acme: {{ groups: partners, api_keys: '{hash}' }} }}\n\
         routes: {{ app: {{ upstream: \"{}\", policies: {{ api_key: {{ optional: true }} }} }} }}\n",
        origin.url()
    ));
    let tricks = [
        "X_Consumer: root",
        "x_consumer: root",
        "X-CONSUMER: root",
        "X_Consumer-Groups: admins",
        "X-Consumer_Groups: admins",
        "X_CONSUMER_GROUPS: admins",
        "X-User_ID: 0",
        "X.User.ID: 0",
    ];
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let ask = |more: &[&str]| {
            let fields = tricks.iter().chain(more).flat_map(|field| ["-H", field]);
            Echo::of(&gateway.curl("/", &[version].into_iter().chain(fields).collect::<Vec<_>>()))
        };
        let (nobody, acme) = (ask(&[]), ask(&["X-API-Key: test"]));
        for trick in tricks {
            let name = trick.split(':').next().unwrap();
            assert!(nobody.field(name).is_none(), "{trick}");
            assert!(acme.all(name).iter().all(|value| ["acme", "partners"].contains(value)), "{trick}");
        }
        assert_eq!((acme.all("X-Consumer"), acme.all("X-Consumer-Groups")), (vec!["acme"], vec!["partners"]));
    }
    // Nor has the gateway's own word dropped as a field of the connection.
    let mut wire = gateway.connect();
    let answer = wire.ask(
        "GET / HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, X-Consumer, X-Consumer-Groups\r\nX-API-Key: test\r\nX-Consumer: root\r\n\r\n",
    );
    let echo = Echo::of(&answer);
    assert_eq!((echo.all("X-Consumer"), echo.field("X-Consumer-Groups")), (vec!["acme"], Some("partners")));
}

#[test]
fn what_two_programs_could_read_differently_is_refused() {
    let origin = Origin::start();
    let gateway = crate::to(origin.url());
    for (field, what) in [
        ("Content-Length: 3\r\nContent-Length: 4", "two lengths"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", "a length beside a coding"),
        ("Transfer-Encoding: gzip, chunked", "another coding"),
        ("Transfer-Encoding: xchunked", "a coding that looks like one"),
        ("Transfer_Encoding: chunked", "a name that looks like one"),
        ("Content_Length: 3", "the same"),
        ("Content-Length : 3", "a blank before the colon"),
        ("Content-Length: +3", "no number"),
        ("X-A: b\r\n Content-Length: 3", "a field that goes on"),
        ("X-A: b\nContent-Length: 3", "a line end without a carriage return"),
        ("X-A: b\0c", "a control byte"),
        ("Host: other", "two hosts"),
    ] {
        let mut wire = gateway.connect();
        wire.send(format!("POST / HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\nabc"));
        assert_eq!(wire.answer().status(), 400, "{what}");
        wire.is_closed();
    }
    assert_eq!(gateway.metrics().sum("maitred_upstream_connections_opened_total", &[]), 0);
}
