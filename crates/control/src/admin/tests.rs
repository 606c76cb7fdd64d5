//! The admin listener over real sockets: pages, token, names, reloads.

use maitred_config::{Memory, load};
use maitred_telemetry::MetricsOptions;

use super::*;
use crate::life::Stage;

fn document(admin: &str) -> Document {
    let text = format!(
        "maitred: 1\nadmin: {admin}\ntelemetry: {{ metrics: /numbers }}\nroutes: {{ a: {{ respond: OK }} }}\n"
    );
    let files = Memory::new().with("a.yaml", text);
    let loaded = load("a.yaml", &files, &|name: &str| Some(format!("value of {name}")));
    loaded.usable().unwrap_or_else(|| panic!("{:?}", loaded.problems)).clone()
}

fn metrics() -> Arc<Metrics> {
    let max_series = MetricsOptions::MAX_SERIES;
    Arc::new(Metrics::new(MetricsOptions {
        workers: 1,
        max_series,
        version: "1.2.3",
        revision: "",
        started: 0,
    }))
}

fn listener() -> (AdminListener, watch::Sender<Life>) {
    let (life, told) = watch::channel(Life::START);
    (AdminListener::new(metrics(), told, Arc::new(OverloadShared::new(1))), life)
}

fn put(admin: &mut AdminListener, settings: &str) -> String {
    let document = document(settings);
    let prepared = admin.prepare(&document).unwrap();
    admin.put(prepared, &document);
    admin.address().unwrap_or_default().to_owned()
}

/// What is answered to these bytes, until the connection ends.
async fn exchange(address: &str, request: &str) -> String {
    let (address, request) = (address.to_owned(), request.to_owned());
    let blocking = move || {
        let mut answer = String::new();
        let mut talk = |stream: &mut dyn ReadWrite| {
            stream.write_all(request.as_bytes()).unwrap();
            stream.read_to_string(&mut answer).unwrap();
        };
        match address.strip_prefix("unix:") {
            Some(path) => talk(&mut std::os::unix::net::UnixStream::connect(path).unwrap()),
            None => talk(&mut std::net::TcpStream::connect(&address).unwrap()),
        }
        answer
    };
    tokio::task::spawn_blocking(blocking).await.unwrap()
}

trait ReadWrite: io::Read + io::Write {}
impl<T: io::Read + io::Write> ReadWrite for T {}

async fn ask(address: &str, request: &str, fields: &str) -> String {
    exchange(address, &format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"))
        .await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn the_health_pages_follow_the_life_of_the_gateway() {
    let (mut admin, life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let both = async || {
        let health = ask(&address, "GET /healthz", "").await;
        let readiness = ask(&address, "GET /readyz", "").await;
        (status(&health).to_owned(), status(&readiness).to_owned())
    };
    assert_eq!(both().await, ("200".into(), "503".into()), "before the first configuration serves");
    life.send_modify(|life| life.stage = Stage::Serving);
    assert_eq!(both().await, ("200".into(), "200".into()));
    life.send_modify(|life| life.is_alive = false);
    assert_eq!(both().await, ("503".into(), "200".into()), "a worker has ended");
    life.send_modify(|life| life.is_alive = true);
    admin.pages.overload.set_memory(true);
    assert_eq!(both().await, ("200".into(), "503".into()), "overloaded, and alive");
    admin.pages.overload.set_memory(false);
    assert_eq!(both().await, ("200".into(), "200".into()));
    life.send_replace(Life { stage: Stage::Draining, ..Life::START });
    assert_eq!(both().await, ("200".into(), "503".into()));
}

#[tokio::test]
async fn metrics_are_at_the_path_that_the_document_says() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let page = ask(&address, "GET /numbers?x=1", "").await;
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("maitred_build_info{version=\"1.2.3\""), "{page}");
    let head = ask(&address, "HEAD /numbers", "").await;
    assert_eq!((status(&head), head.ends_with("\r\n\r\n")), ("200", true));
    assert_eq!(status(&ask(&address, "GET /metrics", "").await), "404");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let answer = ask(&address, "GET /secrets", "").await;
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(
        answer.ends_with(
            r#"{"detail":"Page not found","status":404,"title":"Not Found","type":"about:blank"}"#
        ),
        "{answer}"
    );
    for path in ["/healthz", "/numbers"] {
        let answer = ask(&address, &format!("POST {path}"), "").await;
        assert_eq!(status(&answer), "405", "{answer}");
        assert!(
            answer.contains("allow: GET,HEAD") && answer.contains("application/problem+json"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_token_guards_all_but_the_health_pages() {
    let (mut admin, life) = listener();
    life.send_modify(|life| life.stage = Stage::Serving);
    let address = put(&mut admin, r#"{ address: "127.0.0.1:0", token: "${TOKEN}" }"#);
    let shown = "Authorization: Bearer value of TOKEN\r\n";
    for (path, open, guarded) in [
        ("/healthz", "200", "200"),
        ("/readyz", "200", "200"),
        ("/numbers", "401", "200"),
        ("/x", "401", "404"),
    ] {
        let request = format!("GET {path}");
        let without = ask(&address, &request, "").await;
        assert_eq!(status(&without), open, "{path}");
        assert_eq!(without.contains("www-authenticate: Bearer"), open == "401");
        assert_eq!(status(&ask(&address, &request, shown).await), guarded, "{path}");
    }
}

#[tokio::test]
async fn names_of_other_machines_are_refused_without_a_token() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let request = "GET /numbers HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(&address, request).await), "403");
    let origin = "Origin: http://evil.example\r\n";
    assert_eq!(status(&ask(&address, "GET /numbers", origin).await), "403");
}

#[tokio::test]
async fn a_reload_moves_closes_and_opens_it_and_changes_the_token() {
    let (mut admin, _life) = listener();
    let first = put(&mut admin, "127.0.0.1:0");
    let same = put(&mut admin, r#"{ address: "127.0.0.1:0", token: "${TOKEN}" }"#);
    assert_eq!(first, same, "the address is the same as before");
    assert_eq!(status(&ask(&first, "GET /numbers", "").await), "401");
    let path = std::env::temp_dir().join(format!("maitred-admin-{}.sock", std::process::id()));
    let moved = put(&mut admin, &format!("\"unix:{}\"", path.display()));
    assert_eq!(moved, format!("unix:{}", path.display()));
    assert_eq!(status(&ask(&moved, "GET /numbers", "").await), "200");
    assert_eq!(put(&mut admin, "false"), "");
    // The listener's task was told to end, and ends when the runtime comes to it.
    while path.exists() {
        tokio::task::yield_now().await;
    }
    assert!(std::net::TcpStream::connect(&first).is_err());
}

#[tokio::test]
async fn an_address_in_use_is_told_and_changes_nothing() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wanted = taken.local_addr().unwrap();
    let error = admin.prepare(&document(&format!("\"{wanted}\""))).unwrap_err();
    let told = format!("the admin listener cannot listen at {wanted}: another program listens there");
    assert!(error.to_string().starts_with(&told), "{error}");
    assert_eq!(admin.address(), Some(&*address));
    assert_eq!(status(&ask(&address, "GET /numbers", "").await), "200");
}

#[tokio::test]
async fn its_own_port_at_another_address_is_told() {
    let (mut admin, _life) = listener();
    let port = put(&mut admin, "127.0.0.1:0").replace("127.0.0.1:", "");
    let everywhere = document(&format!("{{ address: '0.0.0.0:{port}', token: '${{TOKEN}}' }}"));
    let error = admin.prepare(&everywhere).unwrap_err().to_string();
    assert!(error.contains("the port is its own, at another address"), "{error}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    let answer = ask(&address, "GET /numbers", &format!("X-Large: {}\r\n", "x".repeat(20 << 10))).await;
    assert_eq!(status(&answer), "431");
}

#[tokio::test]
async fn before_the_first_configuration_serves_there_are_no_upstreams_to_tell_of() {
    let (mut admin, _life) = listener();
    let address = put(&mut admin, "127.0.0.1:0");
    for request in ["GET /upstreams", "GET /upstreams/app"] {
        let answer = ask(&address, request, "").await;
        assert_eq!(status(&answer), "503", "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    let kind = "Content-Type: application/json; charset=utf-8\r\nContent-Length: 0\r\n";
    let answer = ask(&address, "POST /upstreams/app/circuit", kind).await;
    assert_eq!(status(&answer), "400", "{answer}");
}
