//! Requests that are split between variants, and copied to mirrors.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use maitred_tests::{
    Answer, Echo, Fake, GRPC_ANSWER, Gateway, Origin, PATIENCE, Port, Wire, eventually, pattern,
};
use socket2::{Domain, Socket, Type};

/// Two versions of a service, and a gateway that splits between them so.
struct Versions {
    gateway: Gateway,
    old: Origin,
    new: Origin,
}

impl Versions {
    fn start(split: &str) -> Self {
        let (old, new) = (Origin::named("old"), Origin::named("new"));
        Self { gateway: Gateway::start(&Self::document(&old, &new, split)), old, new }
    }

    fn document(old: &Origin, new: &Origin, split: &str) -> String {
        let (old, new) = (old.url(), new.url());
        format!(
            "upstreams: {{ v1: \"{old}\", v2: \"{new}\" }}\nroutes: {{ checkout: {{ split: {split} }} }}\n"
        )
    }

    fn reload(&self, split: &str) {
        self.gateway.reload(&Self::document(&self.old, &self.new, split));
    }

    /// Asks with these fields, each with its line end, and tells which version answered.
    fn ask(wire: &mut Wire, fields: &str) -> (String, Answer) {
        let answer = wire.ask(&format!("GET /cart HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        (Echo::of(&answer).name().to_owned(), answer)
    }

    /// Which version each of many users gets.
    fn users(&self) -> BTreeMap<String, String> {
        let mut wire = self.gateway.connect();
        let users = (0..300).map(|number| format!("u-{number}")).chain(["alice".to_owned()]);
        users
            .map(|user| {
                let (version, answer) = Self::ask(&mut wire, &format!("X-User-ID: {user}\r\n"));
                assert!(!answer.head.has("Set-Cookie"));
                (user, version)
            })
            .collect()
    }
}

const BY_USER: &str = "{ by: header.X-User-ID, variants: { A: { weight: 90, upstream: v1 }, B: { weight: 10, upstream: v2 } } }";

#[test]
fn a_user_has_the_same_variant_whatever_restarts() {
    let first = Versions::start(BY_USER);
    let users = first.users();
    // These never change, whatever the version: they are the first bytes of `printf 'checkout\0alice' | sha256sum`.
    for (user, version) in [("u-1", "old"), ("u-2", "old"), ("u-17", "old"), ("alice", "new")] {
        assert_eq!(users[user], version, "{user}");
    }
    let new = users.values().filter(|version| *version == "new").count();
    assert!((10..=60).contains(&new), "{new} of 301 got the version for a tenth");
    assert_eq!(first.users(), users, "on other connections");
    drop(first);
    let second = Versions::start(BY_USER);
    assert_eq!(second.users(), users, "in another process");

    // A larger share takes users, and gives none back; the others stay.
    second.reload(&BY_USER.replace("90", "50").replace("10", "50"));
    let after = second.users();
    assert!(users.iter().all(|(user, version)| version == "old" || after[user] == "new"));
    assert!(after.values().filter(|version| *version == "new").count() > new);
}

#[test]
fn splits_of_one_experiment_deal_alike_and_of_another_anew() {
    let versions = Versions::start(BY_USER);
    let of_route = versions.users();
    let with = |experiment: &str| {
        versions.reload(&BY_USER.replace("{ by:", &format!("{{ experiment: {experiment}, by:")));
        versions.users()
    };
    let other = with("prices");
    assert_ne!(other, of_route);
    // These never change either: they are the first bytes of `printf 'prices\0alice' | sha256sum`.
    for (user, version) in [("u-1", "old"), ("u-7", "new"), ("u-17", "new"), ("alice", "old")] {
        assert_eq!(other[user], version, "{user}");
    }
    assert_eq!(with("checkout"), of_route, "what it is unless it is written");
}

#[test]
fn chance_deals_by_weight_without_a_key() {
    let versions =
        Versions::start("{ variants: { A: { weight: 4, upstream: v1 }, B: { weight: 1, upstream: v2 } } }");
    let mut wire = versions.gateway.connect();
    let all = (0..2000).map(|_| Versions::ask(&mut wire, "").0);
    let new = all.filter(|version| version == "new").count();
    // 400, give or take six deviations.
    assert!((292..=508).contains(&new), "{new} of 2000");
    let metrics = versions.gateway.metrics();
    let count = |variant| {
        let labels = [("route", "checkout"), ("variant", variant), ("status", "2xx")];
        metrics.sum("maitred_variant_requests_total", &labels)
    };
    assert_eq!((count("A"), count("B")), (2000 - i64::try_from(new).unwrap(), i64::try_from(new).unwrap()));
    assert_eq!(
        metrics.sum("maitred_requests_total", &[("route", "checkout"), ("upstream", "v2")]),
        count("B")
    );
}

#[test]
fn a_cookie_keeps_anonymous_users_with_their_variant() {
    let versions = Versions::start(
        "{ by: header.X-User-ID, sticky: { cookie: ab, max_age: 1h }, variants: { A: { weight: 1, upstream: v1 }, B: { weight: 1, upstream: v2 } } }",
    );
    let mut wire = versions.gateway.connect();
    let mut seen = BTreeMap::new();
    for _ in 0..60 {
        let (version, answer) = Versions::ask(&mut wire, "");
        let cookie = answer.head.field("Set-Cookie").expect("a cookie").to_owned();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
        assert!(pair.starts_with("ab=") && pair.len() == "ab=".len() + 22, "{pair}");
        let (again, answer) = Versions::ask(&mut wire, &format!("Cookie: x=y; {pair}\r\n"));
        assert_eq!((again.as_str(), answer.head.has("Set-Cookie")), (version.as_str(), false));
        seen.insert(pair.to_owned(), version);
    }
    assert_eq!(seen.len(), 60, "everybody has a key of their own");
    assert!(["old", "new"].iter().all(|version| seen.values().any(|seen| seen == version)));
    // Who is known needs none.
    let (_, answer) = Versions::ask(&mut wire, "X-User-ID: alice\r\n");
    assert!(!answer.head.has("Set-Cookie"));
}

#[test]
fn without_a_key_the_heaviest_answers_and_testers_choose() {
    let split = BY_USER.replace("by:", "override: header.X-Variant, by:");
    let versions = Versions::start(&split);
    let mut wire = versions.gateway.connect();
    for (fields, version, variant) in [
        ("", "old", "A"),
        ("X-Variant: B\r\n", "new", "B"),
        ("X-Variant: b\r\nX-User-ID: alice\r\n", "new", "B"),
        ("X-Variant: A\r\nX-User-ID: alice\r\n", "old", "A"),
    ] {
        for _ in 0..10 {
            assert_eq!(Versions::ask(&mut wire, fields).0, version, "{fields}");
        }
        versions.gateway.access(10, |access| access.text("variant") == variant);
    }
    versions.reload(BY_USER);
    for _ in 0..10 {
        assert_eq!(Versions::ask(&mut wire, "X-Variant: B\r\n").0, "old", "off unless written");
    }
}

#[test]
fn a_ramp_ends_with_everybody() {
    let ramped = |ramp: &str| {
        format!(
            "{{ variants: {{ A: {{ weight: 1, upstream: v1 }}, B: {{ weight: {ramp}, upstream: v2 }} }} }}"
        )
    };
    let versions =
        Versions::start(&ramped("{ from: 0%, to: 100%, over: 1h, starting: 2026-01-01T00:00:00Z }"));
    let mut wire = versions.gateway.connect();
    assert!((0..50).all(|_| Versions::ask(&mut wire, "").0 == "new"), "it has long ended");
    versions.reload(&ramped("{ from: 0%, to: 100%, over: 1h, starting: 2999-01-01T00:00:00Z }"));
    assert!((0..50).all(|_| Versions::ask(&mut wire, "").0 == "old"), "it has not begun");
    // It begins now.
    versions.reload(&ramped("{ from: 0%, to: 100%, over: 1ms }"));
    eventually("it has ended", || (Versions::ask(&mut wire, "").0 == "new").then_some(()));
    assert!((0..50).all(|_| Versions::ask(&mut wire, "").0 == "new"));
    versions.reload(&ramped("{ from: 0%, to: 50%, over: 1000h }"));
    assert!((0..50).all(|_| Versions::ask(&mut wire, "").0 == "old"), "another ramp begins anew");
}

/// A mirror that tells what it got, and answers 500 with a body that nobody is to see.
fn listening_mirror() -> (Fake, Receiver<Answer>) {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let mirror = Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let _ = told.lock().unwrap().send(request);
            if wire.try_send("HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nsecret").is_err() {
                return;
            }
        }
    });
    (mirror, heard)
}

fn mirrored(origin: &Origin, mirror: &str) -> Gateway {
    let url = origin.url();
    Gateway::start(&format!("routes: {{ app: {{ upstream: \"{url}\", mirror: {mirror} }} }}\n"))
}

fn copies(gateway: &Gateway, result: &str) -> i64 {
    gateway.metrics().sum("maitred_mirror_requests_total", &[("result", result)])
}

#[test]
fn a_mirror_gets_what_the_service_gets() {
    let origin = Origin::start();
    let (mirror, heard) = listening_mirror();
    let gateway = mirrored(&origin, &format!("\"{}\"", mirror.url()));
    for (method, body) in [("GET", ""), ("POST", "name=value"), ("DELETE", "")] {
        let mut arguments = vec!["-X", method, "-H", "X-Mirrored: false"];
        if !body.is_empty() {
            arguments.extend(["--data-binary", body]);
        }
        let answer = gateway.curl(&format!("/items/{method}?a=1"), &arguments);
        let echo = Echo::of(&answer);
        assert_eq!((echo.method(), echo.len()), (method, body.len() as u64));
        let copy = heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(copy.head.start, format!("{method} /items/{method}?a=1 HTTP/1.1"));
        assert_eq!(copy.text(), body);
        assert_eq!(copy.head.field("X-Mirrored"), Some("true"));
        for field in ["Host", "Via", "X-Forwarded-For", "X-Request-ID", "User-Agent"] {
            assert_eq!(copy.head.field(field), echo.field(field), "{field}");
        }
    }
    eventually("all are counted", || (copies(&gateway, "answered") == 3).then_some(()));
    assert_eq!(gateway.access_to("/items/GET").number("status"), 200);
}

#[test]
fn chunked_bodies_are_copied_and_large_ones_are_not() {
    let origin = Origin::start();
    let (mirror, heard) = listening_mirror();
    let gateway = mirrored(&origin, &format!("{{ upstream: \"{}\", buffer: 10KiB }}", mirror.url()));
    let chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"];
    for (len, is_copied) in [(10 << 10, true), ((10 << 10) + 1, false), (1 << 20, false)] {
        for arguments in [&chunked[..], &chunked[2..]] {
            let sent = pattern(len);
            let url = gateway.url("/upload");
            let answer =
                maitred_tests::curl_with(&[arguments, &["-H", "Expect:", url.as_str()]].concat(), &sent);
            let echo = Echo::of(&answer);
            assert_eq!((echo.len(), echo.checksum()), (len as u64, maitred_tests::checksum(&sent).as_str()));
            if is_copied {
                assert_eq!(heard.recv_timeout(PATIENCE).unwrap().body, sent);
            }
        }
    }
    eventually("all are counted", || {
        ((copies(&gateway, "answered"), copies(&gateway, "too_large")) == (2, 4)).then_some(())
    });
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_mirror_that_is_dead_or_hangs_is_not_noticed() {
    let origin = Origin::start();
    let port = Port::reserve();
    let dead = mirrored(&origin, &format!("\"http://127.0.0.1:{}\"", port.number()));
    let mut wire = dead.connect();
    for _ in 0..50 {
        let answer = wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(Echo::of(&answer).name(), "origin");
    }
    eventually("all have failed", || (copies(&dead, "failed") == 50).then_some(()));

    let silent = Fake::start(|mut wire, _| _ = wire.rest_to_any_end());
    let hanging = Gateway::start(&format!(
        "upstreams: {{ silent: {{ endpoints: \"{}\", timeouts: {{ response: 1h }} }} }}\n\
         routes: {{ app: {{ upstream: \"{}\", mirror: silent }} }}\n",
        silent.url(),
        origin.url()
    ));
    let mut wire = hanging.connect();
    // One connection, so one worker: its places are taken after a while.
    for _ in 0..200 {
        let answer = wire.ask("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nOK");
        assert_eq!(Echo::of(&answer).len(), 2);
    }
    assert_eq!(copies(&hanging, "dropped"), 200 - 128);
    assert!(silent.connections() <= 128);
}

#[test]
fn a_mirror_may_close_idle_connections() {
    let origin = Origin::start();
    // When the second request has come, as a server does whose idle connections time out just now.
    let mirror = Fake::start(|mut wire, _| {
        wire.request();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        wire.head();
    });
    let gateway = mirrored(&origin, &format!("\"{}\"", mirror.url()));
    let mut wire = gateway.connect();
    for number in 1..=4 {
        wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        eventually("it is copied", || (copies(&gateway, "answered") == number).then_some(()));
    }
    assert_eq!(copies(&gateway, "failed"), 0);
}

#[test]
fn a_sample_is_a_share() {
    let origin = Origin::start();
    let (mirror, heard) = listening_mirror();
    let gateway = mirrored(&origin, &format!("{{ upstream: \"{}\", sample: 25% }}", mirror.url()));
    let mut wire = gateway.connect();
    for _ in 0..1000 {
        wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    // 250, give or take six deviations. What was dropped because all places were taken was sampled as well.
    let sampled =
        || ["answered", "dropped", "failed"].map(|result| copies(&gateway, result)).iter().sum::<i64>();
    let mut arrived = 0;
    let sampled = eventually("all that were sampled have come", || {
        arrived += i64::try_from(heard.try_iter().count()).unwrap();
        (arrived >= copies(&gateway, "answered")).then(sampled).filter(|sampled| *sampled >= 168)
    });
    assert!(sampled <= 332, "{sampled} of 1000");
}

#[test]
fn a_mirror_that_answers_early_gets_the_rest() {
    // More than fits between two sockets.
    const LEN: usize = 24 << 20;
    let origin = Origin::start();
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let mirror = Fake::start(move |mut wire, _| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n");
        let body = wire.exactly(LEN);
        wire.send("0\r\n\r\n");
        told.lock().unwrap().send(body).unwrap();
    });
    let gateway = Gateway::start(&format!(
        "limits: {{ buffered_body: 32MiB }}\nroutes: {{ app: {{ upstream: \"{}\", mirror: {{ upstream: \"{}\", buffer: 32MiB }} }} }}\n",
        origin.url(),
        mirror.url()
    ));
    let sent = pattern(LEN);
    let answer =
        maitred_tests::curl_with(&["-H", "Expect:", "--data-binary", "@-", &gateway.url("/")], &sent);
    assert_eq!(Echo::of(&answer).len(), LEN as u64);
    assert!(heard.recv_timeout(PATIENCE).unwrap() == sent);
    eventually("it is answered", || (copies(&gateway, "answered") == 1).then_some(()));
}

/// An address that cannot be connected to while the others are there: as many wait as may.
fn busy() -> (std::net::SocketAddr, (Socket, Wire)) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (address, (socket, Wire::connect_to(address)))
}

#[test]
fn a_body_that_is_here_is_copied_whichever_try_sends_it() {
    let (busy, _waits) = busy();
    let (mirror, heard) = listening_mirror();
    let service = Fake::answering(GRPC_ANSWER);
    let gateway = Gateway::start(&format!(
        "upstreams: {{ app: {{ endpoints: [\"http://{busy}\", \"{}\"], timeouts: {{ connect: 1h }}, \
         retries: {{ hedge_after: 1ms, budget: false }} }} }}\n\
         routes: {{ app: {{ upstream: app, mirror: \"{}\", policies: {{ grpc_json: {{ protos: \"{}\" }} }} }} }}\n",
        service.url(),
        mirror.url(),
        maitred_tests::peer_file("kinds.proto").display()
    ));
    let ask = ["-H", "Content-Type: application/json", "-H", "Idempotency-Key: 1", "-d", r#"{"large": 7}"#];
    for number in 1..=4 {
        assert_eq!(gateway.curl("/v1/echo", &ask).text(), "{}");
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap().body, [0, 0, 0, 0, 2, 8, 7]);
        eventually("it is answered", || (copies(&gateway, "answered") == number).then_some(()));
    }
    assert!(gateway.metrics().sum("maitred_upstream_hedges_total", &[]) > 0);
    assert_eq!(copies(&gateway, "incomplete"), 0);
}

#[test]
fn no_copy_has_more_than_may_be_in_memory() {
    let origin = Origin::start();
    let (mirror, heard) = listening_mirror();
    let gateway = Gateway::start(&format!(
        "limits: {{ buffered_body: 1KiB }}\nroutes: {{ app: {{ upstream: \"{}\", mirror: {{ upstream: \"{}\", buffer: 1MiB }} }} }}\n",
        origin.url(),
        mirror.url()
    ));
    for (len, result) in [(1024, "answered"), (1025, "too_large")] {
        let answer = gateway.curl("/", &["-d", &"x".repeat(len)]);
        assert_eq!(Echo::of(&answer).len(), len as u64);
        eventually("it is counted", || (copies(&gateway, result) == 1).then_some(()));
    }
    assert_eq!(heard.try_iter().count(), 1);
}
