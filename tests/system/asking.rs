//! Policies that ask services whether a request may pass: real ones, and such as are down, slow, or say too much.

use std::sync::mpsc;

use maitred_tests::{Echo, Fake, Folder, Gateway, Origin, PATIENCE, Peer, Port, eventually, skipped};

/// A page that knows the cookie `user`, and sends everybody else to sign in.
fn sign_in() -> Fake {
    Fake::start(|mut wire, _| {
        while let Some(request) = wire.request() {
            assert_eq!((request.head.start.as_str(), request.body.len()), ("GET /verify HTTP/1.1", 0));
            let told = |name: &str| request.head.field(name).unwrap_or("nothing").to_owned();
            let who = told("Cookie").strip_prefix("user=").map(str::to_owned);
            let answer = match who {
                Some(user) => format!(
                    "HTTP/1.1 200 OK\r\nX-User-ID: {user}\r\nX-Consumer-Groups: staff\r\nX-Asked: {} {} {}\r\nContent-Length: 2\r\n\r\nOK",
                    told("X-Forwarded-Method"),
                    told("X-Forwarded-Uri"),
                    told("X-Forwarded-Host"),
                ),
                None => "HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                    Content-Length: 7\r\n\r\nsign in"
                    .to_owned(),
            };
            if wire.try_send(answer).is_err() {
                return;
            }
        }
    })
}

fn forward_auth(auth: &str, origin: &Origin) -> String {
    format!(
        "upstreams: {{ auth: {{ endpoints: \"{auth}\" }} }}\n\
         policies: {{ forward_auth: {{ upstream: auth, path: /verify, copy_headers: [X-User-ID, X-Consumer-Groups, X-Asked], timeout: 200ms }} }}\n\
         routes:\n  all: {{ match: /*, upstream: \"{0}\" }}\n  \
         staff: {{ match: /staff, upstream: \"{0}\", policies: {{ authorize: {{ groups: staff }} }} }}\n  \
         bosses: {{ match: /bosses, upstream: \"{0}\", policies: {{ authorize: {{ groups: bosses }} }} }}\n",
        origin.url()
    )
}

#[test]
fn a_service_lets_in_or_answers_itself() {
    let (origin, auth) = (Origin::start(), sign_in());
    let gateway = Gateway::start(&forward_auth(&auth.url(), &origin));
    let refused = gateway.curl("/page", &[]);
    assert_eq!((refused.status(), refused.text().as_str()), (302, "sign in"));
    assert_eq!(refused.head.field("Location"), Some("https://login.test/"));
    assert_eq!(refused.head.all("Set-Cookie"), ["a=1", "b=2"]);
    let logged = gateway.access_to("/page");
    assert_eq!([logged.text("outcome"), logged.text("policy")], ["refused_by_service", "forward_auth"]);
    let labels = [("policy", "forward_auth"), ("cause", "refused_by_service")];
    assert_eq!(gateway.metrics().sum("maitred_policy_refused_total", &labels), 1);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let arguments = [version, "-H", "Cookie: user=u-1", "-H", "X-User-ID: root", "-d", "the body"];
        let echo = Echo::of(&gateway.curl("/staff?a=b", &arguments));
        assert_eq!((echo.field("X-User-ID"), echo.field("X-Consumer-Groups")), (Some("u-1"), Some("staff")));
        let asked = format!("POST /staff?a=b 127.0.0.1:{}", gateway.port("web"));
        assert_eq!((echo.field("X-Asked"), echo.len()), (Some(asked.as_str()), 8));
    }
    assert_eq!(gateway.curl("/bosses", &["-H", "Cookie: user=u-1"]).status(), 403);
    // A connection for each worker at most, whose use is counted.
    let opened = gateway.metrics().sum("maitred_upstream_connections_opened_total", &[("upstream", "auth")]);
    assert_eq!(usize::try_from(opened).unwrap(), auth.connections());
    let reused = gateway.metrics().sum("maitred_upstream_connections_reused_total", &[("upstream", "auth")]);
    assert_eq!(opened + reused, 4);
}

#[test]
fn who_decides_nothing_keeps_requests_out() {
    let origin = Origin::start();
    let closed = Port::reserve();
    let silent = Fake::start(|mut wire, _| {
        wire.request();
        wire.rest_to_any_end();
    });
    let huge = format!("HTTP/1.1 403 No\r\nContent-Length: {0}\r\n\r\n{1}", 80 << 10, "x".repeat(80 << 10));
    let answers = [
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        &huge,
        "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nx",
        "nonsense\r\n\r\n",
    ];
    let fakes = answers.map(|answer| {
        let answer = answer.to_owned();
        Fake::start(move |mut wire, _| {
            wire.request();
            let _ = wire.try_send(&answer);
        })
    });
    let urls = [format!("http://127.0.0.1:{}", closed.number()), silent.url()];
    for (number, auth) in urls.into_iter().chain(fakes.iter().map(Fake::url)).enumerate() {
        let gateway = Gateway::start(&forward_auth(&auth, &origin));
        let before = gateway.traces();
        let path = format!("/{number}");
        let answer = gateway.curl(&path, &["-H", "Cookie: user=u-1"]);
        assert_eq!((answer.status(), &answer.json()["detail"]), (502, &"Bad gateway".into()), "{number}");
        assert_eq!(gateway.access_to(&path).text("outcome"), "forward_auth");
        assert_eq!(gateway.metrics().sum("maitred_route_requests_total", &[("upstream", "auth")]), 0);
        gateway.is_back_to(&before);
    }
}

#[test]
fn a_question_is_given_up_with_its_client() {
    let (seen, asked) = mpsc::channel();
    let auth = Fake::start(move |mut wire, _| {
        wire.request();
        seen.send("asked").unwrap();
        wire.is_closed();
        seen.send("given up").unwrap();
    });
    let document = forward_auth(&auth.url(), &Origin::start()).replace("200ms", "1h");
    let document = document.replace(
        &format!("endpoints: \"{}\"", auth.url()),
        &format!("endpoints: \"{}\", timeouts: {{ response: 1h }}", auth.url()),
    );
    let gateway = Gateway::start(&document);
    let before = gateway.traces();
    for reset in [false, true] {
        let mut client = gateway.connect();
        client.send("GET /page HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(asked.recv_timeout(PATIENCE), Ok("asked"));
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        assert_eq!(asked.recv_timeout(PATIENCE), Ok("given up"));
    }
    gateway.is_back_to(&before);
}

#[test]
fn a_service_that_fails_is_left_alone_while_its_circuit_is_open() {
    let (origin, auth) = (Origin::start(), Fake::answering("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"));
    let breaker = format!("endpoints: \"{}\", circuit_breaker: {{ failures: 2, open_for: 1h }}", auth.url());
    let gateway = Gateway::start(&forward_auth("AUTH", &origin).replace("endpoints: \"AUTH\"", &breaker));
    let status = || gateway.curl("/page", &[]).status();
    assert_eq!([status(), status(), status(), status()], [502; 4]);
    let failures = |kind| {
        let labels = [("upstream", "auth"), ("kind", kind)];
        gateway.metrics().sum("maitred_upstream_failures_total", &labels)
    };
    assert_eq!(failures("circuit_open"), 2);
}

#[test]
fn a_service_that_fails_does_not_fill_the_log() {
    let (origin, auth) = (Origin::start(), Fake::answering("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"));
    let document = forward_auth(&auth.url(), &origin);
    let gateway = Gateway::start(&document);
    let mut client = gateway.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("GET /page HTTP/1.1\r\nHost: test\r\n\r\n").status(), 502);
    }
    let log = gateway.log();
    let told = |line: &str| line.contains("level=warn") && line.contains("forward_auth");
    let first = log.wait_for("why", told);
    assert!(first.contains("policy=forward_auth") && first.contains("it answered 503"), "{first}");
    log.wait_for("the others", |line| line.contains("suppressed=") && !line.contains("suppressed=0"));
}

const RULES: &str = r#"package shop

allow if input.method == "GET"

allow if {
	input.method == "POST"
	input.path == ["orders", "a b"]
	input.query.reason == ["x y"]
	"partners" in input.groups
	input.consumer.name == "acme"
	not input.headers["x-api-key"]
	startswith(input.client.ip, "127.")
}

full := {"allow": true, "why": "always"}

odd := "yes"
"#;

#[test]
fn open_policy_agent_decides() {
    let folder = Folder::default();
    folder.write("shop.rego", RULES);
    let Some(opa) = Peer::opa(&folder.join("shop.rego")) else {
        return skipped("asking::open_policy_agent_decides", "OPA is not installed");
    };
    let origin = Origin::start();
    let route = |name: &str| {
        format!(
            "  {name}: {{ match: /{name}/*, strip_prefix: /{name}, upstream: \"{}\", policies: {{ authorize: {{ opa: \"http://127.0.0.1:{}/v1/data/shop/{name}\" }} }} }}\n",
            origin.url(),
            opa.port()
        )
    };
    let gateway = Gateway::start(&format!(
        "consumers: {{ acme: {{ groups: partners, api_keys: \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" }} }}\n\
         policies: {{ api_key: {{ optional: true, forward: true }} }}\nroutes:\n{}{}{}{}  \
         orders: {{ match: /orders/*, upstream: \"{}\", policies: {{ authorize: {{ opa: \"http://127.0.0.1:{}/v1/data/shop/allow\" }} }} }}\n",
        route("allow"),
        route("full"),
        route("odd"),
        route("undefined"),
        origin.url(),
        opa.port()
    ));
    let status = |path: &str, arguments: &[&str]| gateway.curl(path, arguments).status();
    assert_eq!(status("/allow/1", &[]), 200);
    assert_eq!(status("/allow/1", &["-X", "DELETE"]), 403);
    assert_eq!([status("/full/", &[]), status("/odd/", &[]), status("/undefined/", &[])], [200, 502, 403]);
    let post = ["-d", "x", "-H", "X-API-Key: test"];
    assert_eq!(status("/orders/a%20b?reason=x+y", &post), 200);
    assert_eq!(status("/orders/a%20b?reason=x+y", &post[..2]), 403);
    assert_eq!(status("/orders/other?reason=x+y", &post), 403);
    drop(opa);
    let gone = gateway.curl("/allow/gone", &[]);
    assert_eq!((gone.status(), &gone.json()["detail"]), (502, &"Bad gateway".into()));
}

#[test]
fn a_service_of_ext_authz_decides() {
    let Some(peer) = Peer::ext_authz() else {
        return skipped(
            "asking::a_service_of_ext_authz_decides",
            "the Python library xds-protos is not installed",
        );
    };
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "upstreams: {{ authz: \"grpc://127.0.0.1:{}\" }}\n\
         policies: {{ ext_authz: {{ upstream: authz, body: 16B, context: {{ shop: one }}, timeout: 2s }} }}\n\
         routes:\n  all: {{ match: /*, upstream: \"{1}\", policies: {{ authorize: {{ groups: staff }} }} }}\n  \
         open: {{ match: /open, upstream: \"{1}\", policies: {{ ext_authz: {{ failure_mode_allow: true }} }} }}\n  \
         soon: {{ match: /soon, upstream: \"{1}\", policies: {{ ext_authz: {{ timeout: 100ms }} }} }}\n",
        peer.port(),
        origin.url()
    ));
    let fields = ["-H", "Authorization: x", "-H", "X-More: first", "-H", "X-User-ID: root", "-d", "the body"];
    let answer = gateway.curl("/a?token=t&b=c", &fields);
    assert_eq!(answer.head.field("X-Checked"), Some("yes"));
    let echo = Echo::of(&answer);
    assert_eq!(echo.target(), "/a?b=c&tenant=a%20b");
    assert_eq!((echo.field("Authorization"), echo.all("X-More")), (None, vec!["first", "second"]));
    assert_eq!((echo.field("X-User-ID"), echo.field("X-Consumer-Groups")), (Some("u-1"), Some("staff")));
    let told =
        ["source", "destination", "method", "path", "scheme", "protocol", "size", "body", "context", "time"]
            .map(|name| echo.field(&format!("x-{name}")).unwrap_or_default());
    let expected =
        ["127.0.0.1", "web", "POST", "/a?token=t&b=c", "http", "HTTP/1.1", "8", "the body", "one", "True"];
    assert_eq!(told, expected);
    let ask = |path: &str, what: &str| gateway.curl(path, &["-H", &format!("X-Do: {what}")]);
    let denied = ask("/a", "deny");
    assert_eq!(
        (denied.status(), denied.text().as_str(), denied.head.field("WWW-Authenticate")),
        (401, "sign in", Some("Bearer"))
    );
    assert_eq!(ask("/a", "bare").status(), 403);
    for what in ["fail", "large"] {
        assert_eq!(ask("/a", what).status(), 502, "{what}");
    }
    assert_eq!(ask("/soon", "hang").status(), 502);
    assert_eq!(ask("/open", "fail").status(), 200);
    assert_eq!(gateway.curl("/a", &["-d", "more than 16 bytes"]).status(), 413);
    drop(peer);
    eventually("the service is gone", || (ask("/a", "").status() == 502).then_some(()));
    assert_eq!(ask("/open", "").status(), 200);
}
