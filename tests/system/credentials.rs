//! What consumers show besides API keys: passwords, certificates, signatures.

use std::io::Write as _;
use std::process::{Command, Stdio};

use maitred_tests::{Authority, Curl, Echo, Gateway, Origin, installed, program, run_python, skipped};

/// What a program prints that gets this on its standard input.
fn printed(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn hash(password: &str) -> String {
    printed(Command::new(program()).args(["key", "password"]), password)
}

#[test]
fn who_knows_the_password_passes_and_the_service_learns_who_it_is() {
    let origin = Origin::start();
    let document = |password: &str| {
        format!(
            "consumers: {{ bob: {{ groups: staff, password: '{}' }} }}\npolicies: {{ basic_auth: {{ realm: shop }} }}\n\
             routes: {{ app: {{ upstream: \"{}\" }} }}\n",
            hash(password),
            origin.url()
        )
    };
    let gateway = Gateway::start(&document("öpen:sesame"));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let answer = gateway.curl("/x", &[version, "-u", "bob:öpen:sesame", "-H", "X-Consumer: root"]);
        let echo = Echo::of(&answer);
        assert_eq!((echo.all("X-Consumer"), echo.all("X-Consumer-Groups")), (vec!["bob"], vec!["staff"]));
        assert_eq!(echo.field("Authorization"), None);
    }
    let nothing = gateway.curl("/nothing", &[]);
    assert_eq!((nothing.status(), &nothing.json()["detail"]), (401, &"Missing credentials".into()));
    assert_eq!(nothing.head.field("WWW-Authenticate"), Some("Basic realm=\"shop\", charset=\"UTF-8\""));
    let ask = |login: &str| gateway.curl("/x", &["-u", login]);
    for login in ["bob:open:sesame", "eve:öpen:sesame"] {
        assert_eq!((ask(login).status(), &ask(login).json()["detail"]), (401, &"Invalid credentials".into()));
    }
    // A new password counts at once, and the old one no more, though it was right a moment ago.
    gateway.reload(&document("another"));
    assert_eq!((ask("bob:öpen:sesame").status(), ask("bob:another").status()), (401, 200));
}

#[test]
fn users_of_htpasswd_pass_and_a_changed_file_counts() {
    if installed("htpasswd").is_none() {
        return skipped("users_of_htpasswd_pass_and_a_changed_file_counts", "htpasswd is not installed");
    }
    let output = Command::new("htpasswd").args(["-nbB", "bob", "hush"]).output().unwrap();
    let file = String::from_utf8(output.stdout).unwrap();
    let origin = Origin::start();
    let gateway = Gateway::start_with(
        &[("users", &file)],
        &format!(
            "routes: {{ app: {{ upstream: \"{}\", policies: {{ basic_auth: users }} }} }}\n",
            origin.url()
        ),
    );
    let ask = |login: &str| gateway.curl("/x", &["-u", login]);
    assert_eq!(Echo::of(&ask("bob:hush")).field("X-Consumer"), Some("bob"));
    assert_eq!(ask("bob:x").status(), 401);
    let path = gateway.folder().join("users");
    let status =
        Command::new("htpasswd").args(["-bB"]).arg(&path).args(["eve", "sesame"]).output().unwrap().status;
    assert!(status.success());
    maitred_tests::eventually("the new user passes", || (ask("eve:sesame").status() == 200).then_some(()));
}

#[test]
fn many_wrong_passwords_hold_up_no_other_request() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "consumers: {{ bob: {{ password: '{0}' }} }}\nroutes:\n  \
         closed: {{ match: /closed, upstream: \"{1}\", policies: {{ basic_auth: true }} }}\n  open: {{ upstream: \"{1}\" }}\n",
        hash("hush"),
        origin.url()
    ));
    let mut guesses: Vec<_> = (0..300)
        .map(|guess| {
            let mut wire = gateway.connect();
            // `bob:000` and so on, in base64.
            let login = printed(Command::new("base64").arg("-w0"), &format!("bob:{guess:03}"));
            wire.send(format!("GET /closed HTTP/1.1\r\nHost: test\r\nAuthorization: Basic {login}\r\n\r\n"));
            wire
        })
        .collect();
    assert_eq!(gateway.curl("/open", &[]).status(), 200);
    let late = guesses.last_mut().unwrap().answer();
    assert_eq!((late.status(), late.head.field("Retry-After")), (503, Some("1")));
    // Nothing is hashed for clients that have gone: who comes after them is served.
    drop(guesses);
    let ask = || (gateway.curl("/closed", &["-u", "bob:hush"]).status() == 200).then_some(());
    maitred_tests::eventually("the queue is empty", ask);
}

#[test]
fn certificates_say_who_asks() {
    let (authority, origin) = (Authority::default(), Origin::start());
    let shop = authority.server(&["shop.test"]);
    let gateway = Gateway::start_with(
        &[("shop.pem", &shop.certificate), ("shop.key", &shop.key), ("ca.pem", &authority.certificate())],
        &format!(
            "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: shop.pem, key: shop.key }}, \
             client_auth: {{ ca: ca.pem, required: false }} }} }} }}\n\
             consumers: {{ joe: {{ groups: staff, certificates: {{ subject: CN=joe }} }} }}\n\
             policies: {{ client_certificate: true }}\nroutes: {{ app: {{ upstream: \"{}\" }} }}\n",
            origin.url()
        ),
    );
    let ask = |arguments: &[&str]| -> Curl {
        let port = gateway.port("web");
        let (resolve, url) = (format!("shop.test:{port}:127.0.0.1"), format!("https://shop.test:{port}/x"));
        let ca = gateway.folder().join("ca.pem");
        maitred_tests::curl(
            &[&["--resolve", &resolve, "--cacert", ca.to_str().unwrap(), &url], arguments].concat(),
        )
    };
    let show = |name: &str| {
        let client = authority.client(name);
        gateway.folder().write("client.pem", &client.certificate);
        gateway.folder().write("client.key", &client.key);
        let [certificate, key] = ["client.pem", "client.key"].map(|file| gateway.folder().join(file));
        ask(&[
            "--cert",
            certificate.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
            "-H",
            "X-Consumer: root",
        ])
    };
    let echo = Echo::of(&show("joe"));
    assert_eq!((echo.all("X-Consumer"), echo.all("X-Consumer-Groups")), (vec!["joe"], vec!["staff"]));
    let stranger = show("joe2");
    assert_eq!((stranger.status(), &stranger.json()["detail"]), (401, &"Unknown certificate".into()));
    let nobody = ask(&[]);
    assert_eq!((nobody.status(), &nobody.json()["detail"]), (401, &"Missing credentials".into()));
}

#[test]
fn requests_that_another_library_signs_are_verified() {
    let origin = Origin::start();
    let gateway = Gateway::start_with(
        &[("key", "a key of some length that nobody else knows")],
        &format!(
            "consumers: {{ acme: {{ hmac_keys: {{ acme-1: '${{file:key}}' }} }} }}\npolicies: {{ hmac_signature: true }}\n\
             routes: {{ app: {{ upstream: \"{}\" }} }}\n",
            origin.url()
        ),
    );
    let url = format!("http://127.0.0.1:{}/orders/7?a=b&c=d%20e", gateway.port("web"));
    let arguments = [&*url, "acme-1", "a key of some length that nobody else knows"];
    let Some(answers) = run_python("signing_client.py", "http-message-signatures", &arguments) else {
        return skipped(
            "requests_that_another_library_signs_are_verified",
            "http-message-signatures is not installed",
        );
    };
    for (case, status, detail) in [
        ("get", 200, None),
        ("parts", 200, None),
        ("body", 200, None),
        ("old", 401, Some("Signature expired")),
        ("unknown key", 401, Some("Invalid signature")),
        ("other body", 401, Some("Invalid signature")),
        ("other method", 401, Some("Invalid signature")),
        ("other query", 401, Some("Invalid signature")),
        ("other field", 401, Some("Invalid signature")),
    ] {
        assert_eq!(answers[case], serde_json::json!([status, detail]), "{case}");
    }
    let unsigned = gateway.curl("/orders/7", &["-d", "x"]);
    assert_eq!((unsigned.status(), &unsigned.json()["detail"]), (401, &"Missing credentials".into()));
}
