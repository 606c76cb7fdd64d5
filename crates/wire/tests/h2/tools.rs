//! The tools that people use: curl, nghttp and h2load, against a small server on a real socket. What is not installed is skipped.

use std::io::Write as _;
use std::process::{Command, Output};

use maitred_http::{BodyLength, ResponseHead};
use maitred_wire::h2::ServerStream;
use maitred_wire::{BodySource, Limits};
use tokio::net::TcpListener;

use crate::gateway::{Control, head_of, read_body, run, send_body, serve_connection};

/// Whether a tool can be run; what is missing is told.
fn is_there(tool: &str, test: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        // Not a macro: those are caught by the test harness, and this is to be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {tool} is not installed");
    }
    found
}

/// Answers with the body of the request, or with as many bytes as the path says.
async fn serve(mut stream: ServerStream) {
    let Ok((head, announced)) = head_of(&mut stream) else { return };
    if announced.expects_continue {
        stream.inform(&ResponseHead { status: 100, ..ResponseHead::default() });
    }
    let body = match head.target.path()[1..].parse::<usize>() {
        Ok(len) => vec![b'x'; len],
        Err(_) => match read_body(&mut stream).await {
            Ok((body, _)) => body,
            Err(_) => return,
        },
    };
    stream.drop_body();
    let mut answer = ResponseHead::default();
    answer.fields.append_bytes(b"X-Method", head.method.as_str().as_bytes());
    stream.respond(&answer, BodyLength::Known(body.len() as u64));
    let body = if head.method == maitred_http::Method::Head { &[][..] } else { &body };
    let _ = send_body(&mut stream, body, None).await;
    debug_assert!(stream.trailers().is_none());
}

/// Runs a tool against the server; `{url}` in its arguments becomes the server's.
fn with_server(tool: &'static str, arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accept = tokio::task::spawn_local(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let control = Control::default();
                tokio::task::spawn_local(serve_connection(socket, Limits::default(), control, serve));
            }
        });
        let output = tokio::task::spawn_blocking(move || {
            let arguments = arguments.iter().map(|text| text.replace("{url}", &url));
            Command::new(tool).args(arguments).output().unwrap()
        })
        .await
        .unwrap();
        accept.abort();
        output
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn curl_gets_and_posts() {
    if !is_there("curl", "h2_curl") {
        return;
    }
    let curl = |more: &[&str]| {
        let output =
            with_server("curl", &[&["-sS", "--max-time", "20", "--http2-prior-knowledge"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(curl(&["-w", " %{http_version} %{http_code}", "{url}/5"]), "xxxxx 2 200");
    assert_eq!(curl(&["-d", "hello", "{url}/echo"]), "hello");
    assert!(curl(&["-I", "{url}/7"]).contains("content-length: 7"));
    assert_eq!(curl(&["-H", "Expect: 100-continue", "-d", "hello", "{url}/echo"]), "hello");
    assert_eq!(curl(&["{url}/300000"]).len(), 300_000);
}

#[test]
fn nghttp_gets_and_posts() {
    if !is_there("nghttp", "h2_nghttp") {
        return;
    }
    let output = with_server("nghttp", &["-nv", "{url}/100000", "{url}/0"]);
    let log = text(&output.stdout);
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches(":status: 200").count(), 2, "{log}");
    assert!(log.contains("SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1"), "{log}");
    assert!(log.contains("SETTINGS_MAX_HEADER_LIST_SIZE(0x06):32768"), "{log}");
    assert!(log.contains("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):128"), "{log}");
    assert!(!log.contains("RST_STREAM"), "{log}");
    let file = std::env::temp_dir().join(format!("maitred-h2-{}", std::process::id()));
    std::fs::write(&file, vec![b'y'; 200_000]).unwrap();
    let output =
        with_server("nghttp", &["-d", file.to_str().unwrap(), "--trailer", "x-tag: 1", "{url}/echo"]);
    std::fs::remove_file(file).unwrap();
    assert_eq!(output.stdout.len(), 200_000);
}

#[test]
fn h2load_loads() {
    if !is_there("h2load", "h2_h2load") {
        return;
    }
    let output = with_server("h2load", &["-n", "3000", "-c", "4", "-m", "50", "{url}/1000"]);
    let log = text(&output.stdout);
    assert!(
        log.contains("3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored"),
        "{log}"
    );
}
