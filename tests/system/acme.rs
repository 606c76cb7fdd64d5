//! Certificates by ACME, from Pebble: ordered, proved in both ways, kept, renewed; and what is told where none is issued.

mod faults;

use std::io::{BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use maitred_tests::{Authority, Curl, Folder, Gateway, Pebble, Port, eventually, program, skipped};

/// An authority, the ports at which it looks for proofs, and a folder that outlives gateways.
struct Place {
    http: Port,
    tls: Port,
    pebble: Pebble,
    state: Folder,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let (http, tls) = (Port::reserve(), Port::reserve());
        let Some(pebble) = Pebble::start(&http, &tls) else {
            skipped(test, "Pebble is not installed");
            return None;
        };
        Some(Self { http, tls, pebble, state: Folder::default() })
    }

    /// A document with a listener in the clear and `web`, which gets a certificate for these hosts.
    fn document(&self, hosts: &str, acme: &str, tls: &str) -> String {
        self.document_of(&[self.listener("web", &self.tls, hosts, acme, tls)])
    }

    fn document_of(&self, listeners: &[String]) -> String {
        format!(
            "listeners:\n  plain: {{ address: \"127.0.0.1:{}\", redirect: https }}\n{}routes: {{ app: {{ respond: hello }} }}\n",
            self.http.number(),
            listeners.concat()
        )
    }

    fn listener(&self, name: &str, port: &Port, hosts: &str, acme: &str, tls: &str) -> String {
        let (directory, ca) = (self.pebble.directory(), self.pebble.ca().display().to_string());
        let (port, state) = (port.number(), self.state.path().display());
        format!(
            "  {name}: {{ address: \"127.0.0.1:{port}\", tls: {{ acme: {{ hosts: [{hosts}], agree_terms: true, \
             directory: \"{directory}\", ca: \"{ca}\", state: \"{state}\"{acme} }}{tls} }} }}\n"
        )
    }

    /// Asks the listener with TLS as this host, and believes the authority alone.
    fn ask(&self, host: &str, arguments: &[&str]) -> Curl {
        self.ask_at(&self.tls, host, arguments)
    }

    fn ask_at(&self, port: &Port, host: &str, arguments: &[&str]) -> Curl {
        let port = port.number();
        let (resolve, url) = (format!("{host}:{port}:127.0.0.1"), format!("https://{host}:{port}/x"));
        let root = self.pebble.root();
        let root = root.to_str().unwrap();
        maitred_tests::curl(&[&["--resolve", &resolve, "--cacert", root, &url], arguments].concat())
    }

    /// Files of the only account, by the end of their names.
    fn kept(&self, end: &str) -> PathBuf {
        let mut accounts = std::fs::read_dir(self.state.path()).unwrap();
        let account = accounts.next().unwrap().unwrap().path();
        assert!(accounts.next().is_none());
        let entries = std::fs::read_dir(account).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.display().to_string().ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{end}: {found:?}");
        found.remove(0)
    }
}

/// Waits until a certificate for this host is shown and kept.
fn is_issued(gateway: &Gateway, host: &str) {
    gateway.log().wait_for("it is issued", |line| line.contains("certificate issued") && line.contains(host));
}

fn orders(gateway: &Gateway, result: &str) -> i64 {
    gateway.metrics().sum("maitred_acme_orders_total", &[("result", result)])
}

fn ready(gateway: &Gateway) -> String {
    let admin = format!("http://127.0.0.1:{}/readyz", gateway.port("admin"));
    let answer = maitred_tests::curl(&[admin]);
    assert_eq!(answer.status(), 200);
    answer.text()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_is_ordered_by_http_and_kept_for_the_owner_alone() {
    let Some(place) = Place::new("a certificate by http-01") else { return };
    let gateway =
        Gateway::start(&place.document("shop.test", ", challenge: http-01, email: ops@shop.test", ""));
    is_issued(&gateway, "shop.test");
    assert_eq!(place.ask("shop.test", &["--http2"]).text(), "hello");
    assert!(gateway.log().all().iter().any(|line| line.contains("no certificate yet")));
    assert_eq!([mode(&place.kept("account.json")), mode(&place.kept("shop.test.pem"))], [0o600, 0o600]);
    assert!(std::fs::read_to_string(place.kept("account.json")).unwrap().contains("ops@shop.test"));
    // What is not being proved is a request like any other.
    let port = place.http.number();
    let answer = maitred_tests::curl(&[format!("http://127.0.0.1:{port}/.well-known/acme-challenge/x")]);
    assert_eq!(answer.status(), 308);
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (1, 0));
    eventually("the metrics know it", || {
        let labels = [("listener", "web"), ("name", "shop.test"), ("key", "ECDSA P-256")];
        let until = gateway.metrics().sum("maitred_certificate_expiry_timestamp_seconds", &labels);
        // It was written just now, and Pebble's are valid for months at least.
        let written = std::fs::metadata(place.kept("shop.test.pem")).unwrap().modified().unwrap();
        let now = written.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        (until > i64::try_from(now).unwrap() + 7 * 86_400).then_some(())
    });
    eventually("nothing is missing", || (ready(&gateway) == "ready\n").then_some(()));
}

#[test]
fn a_certificate_is_ordered_by_tls_alone_though_clients_must_show_theirs() {
    let Some(place) = Place::new("a certificate by tls-alpn-01") else { return };
    let (clients, files) = (Authority::default(), Folder::default());
    let joe = clients.client("joe");
    files.write("joe.pem", &joe.certificate);
    files.write("joe.key", &joe.key);
    let (certificate, key) = (files.join("joe.pem"), files.join("joe.key"));
    let shown = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let (acme, tls) = (", challenge: tls-alpn-01", ", client_auth: { ca: clients.pem }");
    let gateway = Gateway::start_with(
        &[("clients.pem", &clients.certificate())],
        &place.document("shop.test, www.shop.test", acme, tls),
    );
    is_issued(&gateway, "www.shop.test");
    for host in ["shop.test", "www.shop.test"] {
        for version in ["--http1.1", "--http2"] {
            assert_eq!(place.ask(host, &[&shown[..], &[version]].concat()).text(), "hello");
        }
        assert_ne!(place.ask(host, &[]).exit, 0, "clients still have to show theirs");
    }
    assert_eq!(orders(&gateway, "issued"), 1, "one for both names");
    // The protocol of proofs is spoken to nobody else.
    let output = Command::new("openssl")
        .args(["s_client", "-alpn", "acme-tls/1", "-servername", "shop.test", "-connect"])
        .arg(format!("127.0.0.1:{}", place.tls.number()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("BEGIN CERTIFICATE"));
}

#[test]
fn a_certificate_survives_a_restart_without_an_order() {
    let Some(mut place) = Place::new("a certificate survives a restart") else { return };
    let document = place.document("shop.test", "", "");
    let mut gateway = Gateway::start(&document);
    is_issued(&gateway, "shop.test");
    let before = std::fs::read(place.kept("shop.test.pem")).unwrap();
    assert!(gateway.stop().success());
    let account = std::fs::read(place.kept("account.json")).unwrap();
    place.pebble.stop();
    let gateway = Gateway::start(&document);
    assert_eq!(place.ask("shop.test", &[]).text(), "hello", "it is shown from the first connection on");
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (0, 0));
    assert_eq!(std::fs::read(place.kept("shop.test.pem")).unwrap(), before);
    assert_eq!(std::fs::read(place.kept("account.json")).unwrap(), account);
}

#[test]
fn listeners_share_certificates_and_the_account() {
    let Some(place) = Place::new("listeners share certificates") else { return };
    let (same, other) = (Port::reserve(), Port::reserve());
    let first = place.listener("web", &place.tls, "shop.test, www.shop.test", "", "");
    let gateway = Gateway::start(&place.document_of(std::slice::from_ref(&first)));
    is_issued(&gateway, "shop.test");
    let account = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(place.kept("account.json")).unwrap()).unwrap()
    };
    let before = account();
    assert_eq!(before["emails"], serde_json::json!([]));
    gateway.reload(&place.document_of(&[
        first,
        place.listener("same", &same, "www.shop.test, shop.test", "", ""),
        place.listener("other", &other, "other.test", ", email: ops@shop.test", ""),
    ]));
    assert_eq!(place.ask_at(&same, "www.shop.test", &[]).text(), "hello", "there is one for these names");
    is_issued(&gateway, "other.test");
    assert_eq!(place.ask_at(&other, "other.test", &[]).text(), "hello");
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (2, 0));
    assert_eq!(account()["credentials"], before["credentials"]);
    assert_eq!(account()["emails"], serde_json::json!(["ops@shop.test"]));
}

#[test]
fn a_certificate_is_renewed_when_the_authority_says_so_and_no_connection_ends() {
    let Some(place) = Place::new("a certificate is renewed") else { return };
    let document = place.document("shop.test", "", "");
    let mut gateway = Gateway::start(&document);
    is_issued(&gateway, "shop.test");
    let before = std::fs::read_to_string(place.kept("shop.test.pem")).unwrap();
    assert!(gateway.stop().success());
    let gateway = Gateway::start(&document);
    let mut open = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", "shop.test", "-alpn", "http/1.1", "-connect"])
        .arg(format!("127.0.0.1:{}", place.tls.number()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut requests, answers) = (open.stdin.take().unwrap(), open.stdout.take().unwrap());
    let mut answers = BufReader::new(answers);
    ask(&mut requests, "/before");
    assert!(answers_until(&mut answers, "\r\n").contains("200"));
    place.pebble.wants_renewal(&before);
    gateway.signal("HUP");
    let after = eventually("another is kept", || {
        let now = std::fs::read_to_string(place.kept("shop.test.pem")).ok()?;
        (now != before).then_some(now)
    });
    is_issued(&gateway, "shop.test");
    assert!(after.matches("PRIVATE KEY").count() == 2 && place.ask("shop.test", &[]).text() == "hello");
    assert_eq!(orders(&gateway, "issued"), 1);
    // The connection from before goes on: the rest of the first answer, and another.
    let rest = answers_until(&mut answers, "hello");
    assert!(rest.contains("hello"), "{rest}");
    ask(&mut requests, "/after");
    let rest = answers_until(&mut answers, "hello");
    assert!(rest.contains("200"), "{rest}");
    gateway.access_to("/after");
    open.kill().unwrap();
    open.wait().unwrap();
    place.pebble.log().wait_for("it learns what is replaced", |line| line.contains("marked as replaced"));
}

fn ask(requests: &mut impl Write, path: &str) {
    write!(requests, "GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
}

/// What comes up to these bytes.
fn answers_until(answers: &mut impl Read, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        answers.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn a_refused_order_tells_why_and_the_rest_serves() {
    let Some(place) = Place::new("a refused order") else { return };
    let gateway = Gateway::start(&place.document(place.pebble.refused(), "", ""));
    let line = gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    for told in ["refused.test", "rejectedIdentifier", "the authority says", "listener=web", "next="] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (0, 1));
    assert_eq!(ready(&gateway), "ready\nno certificate yet for refused.test (listener web)\n");
    assert_eq!(place.ask("refused.test", &[]).exit, 35, "the handshake is refused");
    let plain = format!("http://127.0.0.1:{}/", place.http.number());
    assert_eq!(maitred_tests::curl(&[plain]).status(), 308);
}

#[test]
fn what_one_challenge_does_not_prove_the_next_does() {
    let Some(place) = Place::new("the next challenge") else { return };
    // The authority looks at the port of `place.tls`, where nobody listens.
    let elsewhere = Port::reserve();
    let listener = place.listener("web", &elsewhere, "shop.test", "", "");
    let gateway = Gateway::start(&place.document_of(&[listener]));
    let line = gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    assert!(line.contains("shop.test was not proved by tls-alpn-01"), "{line}");
    is_issued(&gateway, "shop.test");
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (1, 1));
}

#[test]
fn what_is_damaged_on_disk_is_told_and_replaced() {
    let Some(place) = Place::new("damaged state") else { return };
    let document = place.document("shop.test", "", "");
    let mut gateway = Gateway::start(&document);
    is_issued(&gateway, "shop.test");
    let files = ["account.json", "shop.test.pem"].map(|end| place.kept(end));
    assert!(gateway.stop().success());
    for file in &files {
        std::fs::write(file, "half a fi").unwrap();
    }
    let gateway = Gateway::start(&document);
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        gateway.log().wait_for(name, |line| line.contains(name) && line.contains("level=warn"));
    }
    is_issued(&gateway, "shop.test");
}

#[test]
fn a_certificate_that_somebody_brings_back_is_not_ordered() {
    let Some(mut place) = Place::new("a certificate brought back") else { return };
    let document = place.document("shop.test", "", "");
    let mut gateway = Gateway::start(&document);
    is_issued(&gateway, "shop.test");
    let file = place.kept("shop.test.pem");
    assert!(gateway.stop().success());
    let saved = file.with_extension("saved");
    std::fs::rename(&file, &saved).unwrap();
    place.pebble.stop();
    let gateway = Gateway::start(&document);
    let line = gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    assert!(line.contains("cannot be asked: 127.0.0.1:") && line.contains(": Connection refused"), "{line}");
    assert_eq!(place.ask("shop.test", &[]).exit, 35);
    std::fs::rename(&saved, &file).unwrap();
    gateway.signal("HUP");
    eventually("it is shown", || (place.ask("shop.test", &[]).exit == 0).then_some(()));
    assert_eq!(orders(&gateway, "failed"), 1, "nothing more was tried");
}

#[test]
fn what_is_kept_is_shown_if_it_is_for_every_name() {
    let Some(mut place) = Place::new("a certificate for other names") else { return };
    let document = place.document("shop.test", "", "");
    let mut gateway = Gateway::start(&document);
    is_issued(&gateway, "shop.test");
    let file = place.kept("shop.test.pem");
    assert!(gateway.stop().success());
    place.pebble.stop();
    let authority = Authority::default();
    for (names, missing) in [
        (&["shop.test", "www.shop.test"][..], ""),
        (&["www.shop.test"], "no certificate yet for shop.test (listener web)\n"),
    ] {
        let own = authority.server(names);
        std::fs::write(&file, format!("{}{}", own.certificate, own.key)).unwrap();
        let gateway = Gateway::start(&document);
        assert_eq!(ready(&gateway), format!("ready\n{missing}"));
        let is_told = gateway.log().all().iter().any(|line| line.contains("shop.test is not among them"));
        assert_eq!(is_told, !missing.is_empty());
    }
}

#[test]
fn an_authority_that_forgot_the_account_is_given_another() {
    // With the order it is noticed, or before, when the authority is told of an address.
    for acme in ["", ", email: ops@shop.test"] {
        let Some(mut place) = Place::new("a forgotten account") else { return };
        let mut gateway = Gateway::start(&place.document("shop.test", "", ""));
        is_issued(&gateway, "shop.test");
        let account = std::fs::read(place.kept("account.json")).unwrap();
        let certificate = place.kept("shop.test.pem");
        assert!(gateway.stop().success());
        place.pebble.forget_everything();
        std::fs::remove_file(certificate).unwrap();
        let gateway = Gateway::start(&place.document("shop.test", acme, ""));
        is_issued(&gateway, "shop.test");
        assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (1, 0));
        assert_ne!(std::fs::read(place.kept("account.json")).unwrap(), account);
    }
}

#[test]
fn checking_a_document_orders_nothing() {
    let folder = Folder::default();
    folder.write(
        "maitred.yaml",
        "maitred: 1\n\
         listeners: { web: { address: 127.0.0.1:8443, tls: { acme: { hosts: shop.test, agree_terms: true, \
         directory: \"https://127.0.0.1:1/dir\" } } } }\n\
         routes: { app: { respond: hello } }\n",
    );
    let output = Command::new(program()).arg("check").arg(folder.join("maitred.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.join("acme").exists());
}
