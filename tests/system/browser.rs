//! A browser: Chromium loads a page through the gateway over HTTP/2 and over HTTP/3, and the page does what pages do.

use std::io::Write as _;
use std::process::{Command, Stdio};

use maitred_tests::{Authority, Browser, Fake, Gateway, Origin, skipped, websocket_echo};
use serde_json::json;

/// Asks for JSON, opens a WebSocket and listens to events; then its title says what came of it.
const PAGE: &str = r#"<!DOCTYPE html><title>loading</title><script>
const told = { protocol: performance.getEntriesByType("navigation")[0].nextHopProtocol };
async function main() {
  const answer = await fetch("/json", { method: "POST", body: "a body" });
  const echo = await answer.json();
  told.json = [answer.status, echo.method, echo.length];
  told.socket = await new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/chat`), heard = [];
    socket.onopen = () => socket.send("first");
    socket.onmessage = (message) => {
      heard.push(message.data);
      heard.length < 2 ? socket.send("second") : socket.close(1000);
    };
    socket.onclose = (end) => resolve([...heard, end.code]);
    socket.onerror = () => reject("the socket failed");
  });
  told.events = await new Promise((resolve) => {
    const events = new EventSource("/events"), heard = [];
    events.onmessage = (event) => {
      heard.push(event.data);
      if (heard.length == 2) { events.close(); resolve(heard); }
      else fetch("/events/say", { method: "POST" });
    };
  });
}
main().catch((error) => { told.error = String(error); }).then(() => { document.title = JSON.stringify(told); });
</script>"#;

/// A service of events: the second is sent once the browser has told, by another request, that the first is there.
fn events() -> Fake {
    let (say, said) = std::sync::mpsc::channel::<()>();
    let said = std::sync::Mutex::new(said);
    Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            if request.head.start.starts_with("POST /events/say ") {
                say.send(()).unwrap();
                wire.send("HTTP/1.1 204 No Content\r\n\r\n");
                continue;
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n");
            said.lock().unwrap().recv_timeout(maitred_tests::PATIENCE).unwrap();
            wire.send("data: two\n\n");
            wire.rest_to_any_end();
            return;
        }
    })
}

/// A gateway, as `localhost`, in front of the page and of what it asks for.
struct Site {
    gateway: Gateway,
    certificate: String,
    _services: (Fake, Origin, Fake, Fake),
}

fn site() -> Site {
    let (authority, origin, chat, events) =
        (Authority::default(), Origin::start(), websocket_echo(), events());
    let shop = authority.server(&["localhost"]);
    let page = Fake::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{PAGE}",
        PAGE.len()
    ));
    let gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key)],
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", protocols: [h1, h2, h3], \
             tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }} }}\n\
             routes:\n  page: {{ match: /page, upstream: \"{}\" }}\n  json: {{ match: /json, upstream: \"{}\" }}\n  \
             chat: {{ match: /chat, upstream: \"{}\" }}\n  events: {{ match: /events/*, upstream: \"{}\" }}\n",
            page.url(),
            origin.url(),
            chat.url(),
            events.url()
        ),
    );
    Site { gateway, certificate: shop.certificate, _services: (page, origin, chat, events) }
}

impl Site {
    /// Loads the page, and sees that it did what it is to do.
    fn does_what_pages_do(&self, browser: &Browser, protocol: &str) {
        browser.open(&format!("https://localhost:{}/page", self.gateway.port("web")));
        let told = browser.title_after("loading");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&told)
                .unwrap_or_else(|error| panic!("{error}: {told}")),
            json!({
                "protocol": protocol,
                "json": [200, "POST", 6],
                "socket": ["first", "second", 1000],
                "events": ["one", "two"],
            })
        );
    }
}

#[test]
fn a_page_does_what_pages_do() {
    let Some(browser) = Browser::start(&[]) else {
        return skipped("browser::a_page_does_what_pages_do", "chromium or chromedriver is not installed");
    };
    let site = site();
    site.does_what_pages_do(&browser, "h2");
    // The socket, too, was a stream of the same connection (RFC 8441).
    assert_eq!(site.gateway.access_to("/chat").text("protocol"), "HTTP/2");
}

/// The hash of a certificate's public key, by which Chromium can be told to trust it: over QUIC it takes no other that no public
/// authority has signed.
fn key_hash(certificate: &str) -> String {
    let script = "openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
    let mut shell =
        Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(certificate.as_bytes()).unwrap();
    String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn it_does_the_same_over_http3() {
    let site = site();
    let force = format!("--origin-to-force-quic-on=localhost:{}", site.gateway.port("web"));
    let trust = format!("--ignore-certificate-errors-spki-list={}", key_hash(&site.certificate));
    let resolve = "--host-resolver-rules=MAP localhost 127.0.0.1";
    let Some(browser) = Browser::start(&[&force, &trust, resolve]) else {
        return skipped("browser::it_does_the_same_over_http3", "chromium or chromedriver is not installed");
    };
    site.does_what_pages_do(&browser, "h3");
}
