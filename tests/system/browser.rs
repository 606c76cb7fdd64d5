//! A browser: Chromium loads a page through the gateway over TLS and HTTP/2, and the page does what pages do.

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

#[test]
fn a_page_does_what_pages_do() {
    let Some(browser) = Browser::start() else {
        return skipped("browser::a_page_does_what_pages_do", "chromium or chromedriver is not installed");
    };
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
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: shop.pem, key: shop.key }} }} }} }}\n\
             routes:\n  page: {{ match: /page, upstream: \"{}\" }}\n  json: {{ match: /json, upstream: \"{}\" }}\n  \
             chat: {{ match: /chat, upstream: \"{}\" }}\n  events: {{ match: /events/*, upstream: \"{}\" }}\n",
            page.url(),
            origin.url(),
            chat.url(),
            events.url()
        ),
    );
    browser.open(&format!("https://localhost:{}/page", gateway.port("web")));
    let told = browser.title_after("loading");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&told).unwrap_or_else(|error| panic!("{error}: {told}")),
        json!({
            "protocol": "h2",
            "json": [200, "POST", 6],
            "socket": ["first", "second", 1000],
            "events": ["one", "two"],
        })
    );
    // The socket, too, was a stream of the same connection (RFC 8441).
    assert_eq!(gateway.access_to("/chat").text("protocol"), "HTTP/2");
}
