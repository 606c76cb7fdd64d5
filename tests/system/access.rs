//! Who may pass: consumers and their API keys.

use std::io::Write as _;
use std::process::{Command, Stdio};

use maitred_tests::{Echo, Gateway, Origin, program};

/// `maitred key` with these words, and this on its standard input: what it prints.
fn key(words: &[&str], input: &str) -> String {
    let mut child = Command::new(program())
        .arg("key")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// A new key and its hash.
pub(crate) fn new_key() -> (String, String) {
    let printed = key(&["new"], "");
    let line = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    (line("key: "), line("hash: "))
}

fn document(origin: &Origin, consumers: &str) -> String {
    format!(
        "consumers: {{ {consumers} }}\npolicies: {{ cors: {{ origins: 'https://shop.test' }} }}\nroutes:\n  \
         closed: {{ match: /closed/*, upstream: \"{0}\", policies: {{ api_key: [header.X-API-Key, query.key] }} }}\n  \
         open: {{ match: /open/*, upstream: \"{0}\", policies: {{ api_key: {{ optional: true }} }} }}\n",
        origin.url()
    )
}

#[test]
fn a_key_opens_and_the_service_learns_whose_it_is() {
    let (origin, (shown, hash)) = (Origin::start(), new_key());
    assert_eq!(key(&["hash"], &format!("{shown}\n")).trim_end(), hash);
    let gateway = Gateway::start(&document(
        &origin,
        &format!("acme: {{ groups: [partners, eu], api_keys: '{hash}' }}"),
    ));
    let field = format!("X-API-Key: {shown}");
    for arguments in
        [&["-H", &field][..], &["-H", &field, "-H", "X-Consumer: root", "-H", "X-Consumer-Groups: admins"]]
    {
        let answer = gateway.curl("/closed/1?a=b", arguments);
        let echo = Echo::of(&answer);
        assert_eq!(
            (echo.all("X-Consumer"), echo.all("X-Consumer-Groups")),
            (vec!["acme"], vec!["partners, eu"])
        );
        assert_eq!((echo.field("X-API-Key"), echo.target()), (None, "/closed/1?a=b"));
    }
    let echo = Echo::of(&gateway.curl(&format!("/closed/2?key={shown}&a=b"), &[]));
    assert_eq!((echo.field("X-Consumer"), echo.target()), (Some("acme"), "/closed/2?a=b"));
    let logged = gateway.access_to("/closed/2");
    assert_eq!([logged.text("consumer"), logged.text("query")], ["acme", "a=b"]);
}

#[test]
fn who_shows_nothing_or_something_wrong_is_refused_in_words() {
    let (origin, (_, hash)) = (Origin::start(), new_key());
    let gateway = Gateway::start(&document(&origin, &format!("acme: {{ api_keys: '{hash}' }}")));
    let from_shop = ["-H", "Origin: https://shop.test"];
    let nothing = gateway.curl("/closed/nothing", &from_shop);
    assert_eq!((nothing.status(), nothing.head.field("WWW-Authenticate")), (401, Some("ApiKey")));
    assert_eq!(nothing.json()["detail"], "Missing credentials");
    // Scripts may read why.
    assert_eq!(nothing.head.field("Access-Control-Allow-Origin"), Some("https://shop.test"));
    for path in ["/closed/wrong", "/open/wrong"] {
        let wrong = gateway.curl(path, &["-H", "X-API-Key: mtr_0123"]);
        assert_eq!((wrong.status(), &wrong.json()["detail"]), (401, &"Invalid API key".into()));
        assert_eq!(gateway.access_to(path).text("outcome"), "invalid_credentials");
    }
    assert_eq!(gateway.curl("/closed/query?key=mtr_4567&a=b", &[]).status(), 401);
    assert_eq!(gateway.access_to("/closed/query").text("query"), "a=b");
    let nobody = Echo::of(&gateway.curl("/open/nobody", &["-H", "X-Consumer: acme"]));
    assert_eq!(nobody.field("X-Consumer"), None);
    // A browser asks without a key whether it may ask with one.
    let preflight = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: GET"];
    assert_eq!(gateway.curl("/closed/1", &[&from_shop[..], &preflight].concat()).status(), 204);
}

#[test]
fn groups_and_conditions_decide_who_may() {
    let (origin, (staff, staff_hash), (other, other_hash)) = (Origin::start(), new_key(), new_key());
    let gateway = Gateway::start(&format!(
        "consumers: {{ joe: {{ groups: staff, api_keys: '{staff_hash}' }}, eve: {{ api_keys: '{other_hash}' }} }}\n\
         policies: {{ api_key: true }}\nroutes:\n  \
         staff: {{ match: /staff, upstream: \"{0}\", policies: {{ authorize: {{ groups: staff }} }} }}\n  \
         eve: {{ match: /eve, upstream: \"{0}\", policies: {{ authorize: {{ require: 'consumer.name == \"eve\"' }} }} }}\n",
        origin.url()
    ));
    let ask = |path: &str, key: &str| gateway.curl(path, &["-H", &format!("X-API-Key: {key}")]);
    assert_eq!((ask("/staff", &staff).status(), ask("/eve", &other).status()), (200, 200));
    let refused = ask("/staff", &other);
    assert_eq!((refused.status(), &refused.json()["detail"]), (403, &"Group staff required".into()));
    assert_eq!(ask("/eve", &staff).json()["detail"], "Not permitted");
}

#[test]
fn a_key_is_replaced_without_a_gap() {
    let (origin, (old, old_hash), (new, new_hash)) = (Origin::start(), new_key(), new_key());
    let keys = |hashes: &str| document(&origin, &format!("acme: {{ api_keys: {hashes} }}"));
    let gateway = Gateway::start(&keys(&format!("'{old_hash}'")));
    let mut wire = gateway.connect();
    let mut status = |key: &str| {
        wire.ask(&format!("GET /closed/1 HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\n\r\n")).status()
    };
    assert_eq!((status(&old), status(&new)), (200, 401));
    gateway.reload(&keys(&format!("['{old_hash}', '{new_hash}']")));
    assert_eq!((status(&old), status(&new)), (200, 200));
    gateway.reload(&keys(&format!("'{new_hash}'")));
    assert_eq!((status(&old), status(&new)), (401, 200));
}
