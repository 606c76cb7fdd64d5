//! Which endpoint a request goes to, as clients and services see it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use maitred_tests::{Curl, Echo, Fake, Gateway, Origin, PATIENCE, Port};

/// A document that sends everything to one upstream.
fn document(upstream: &str) -> String {
    format!("upstreams: {{ app: {upstream} }}\nroutes: {{ app: {{ upstream: app }} }}\n")
}

fn origins() -> [Origin; 3] {
    [Origin::named("a"), Origin::named("b"), Origin::named("c")]
}

/// The endpoints as a list.
fn urls(origins: &[Origin]) -> String {
    origins.iter().map(Origin::url).collect::<Vec<_>>().join(", ")
}

/// Who served a request with these fields.
fn served_by(gateway: &Gateway, fields: &str) -> String {
    let answer = gateway.connect().ask(&format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    Echo::of(&answer).name().to_owned()
}

#[test]
fn a_value_goes_to_one_endpoint_on_every_connection_and_over_reloads() {
    for balance in ["ring_hash", "maglev"] {
        let origins = origins();
        let document = |extra: &str| {
            document(&format!(
                "{{ endpoints: [{}], balance: {{ {balance}: header.X-User-ID }}{extra} }}",
                urls(&origins)
            ))
        };
        let gateway = Gateway::start(&document(""));
        let field = |user: usize| format!("X-User-ID: user-{user}\r\n");
        let first: Vec<_> = (0..30).map(|user| served_by(&gateway, &field(user))).collect();
        gateway.reload(&document(", max_connections: 99"));
        let again: Vec<_> = (0..30).map(|user| served_by(&gateway, &field(user))).collect();
        assert_eq!(first, again);
        for name in ["a", "b", "c"] {
            assert!(first.iter().any(|served| served == name), "{name} got none of {first:?}");
        }
        // Nobody else is told where those without a value go, but everybody serves some.
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..60 {
            *shares.entry(served_by(&gateway, "")).or_default() += 1;
        }
        assert_eq!(shares.len(), 3, "{shares:?}");
    }
}

#[test]
fn another_gateway_sends_a_value_to_the_same_endpoint_and_one_that_is_gone_moves_its_own_alone() {
    let origins = origins();
    let document = |endpoints: &str| {
        document(&format!("{{ endpoints: [{endpoints}], balance: {{ ring_hash: query.id }} }}"))
    };
    let (one, other) =
        (Gateway::start(&document(&urls(&origins))), Gateway::start(&document(&urls(&origins))));
    let without = Gateway::start(&document(&urls(&origins[1..])));
    let ask = |gateway: &Gateway, id: usize| {
        let answer = gateway.connect().ask(&format!("GET /?id={id} HTTP/1.1\r\nHost: test\r\n\r\n"));
        Echo::of(&answer).name().to_owned()
    };
    for id in 0..30 {
        let served = ask(&one, id);
        assert_eq!(served, ask(&other, id));
        if served != "a" {
            assert_eq!(served, ask(&without, id), "{id} moved though its endpoint is there");
        }
    }
}

/// The cookie that an answer sets, with its attributes.
fn set_cookie(answer: &Curl) -> Option<String> {
    answer.head.field("Set-Cookie").map(str::to_owned)
}

#[test]
fn a_cookie_leads_a_client_back_and_is_set_once() {
    let origins = origins();
    let document = |extra: &str| {
        document(&format!(
            "{{ endpoints: [{}], balance: {{ sticky: {{ cookie: srv{extra} }} }} }}",
            urls(&origins)
        ))
    };
    let gateway = Gateway::start(&document(", max_age: 1h"));
    let first = gateway.curl("/", &[]);
    let name = Echo::of(&first).name().to_owned();
    let cookie = set_cookie(&first).expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
    assert!(pair.starts_with("srv=") && pair.len() == "srv=".len() + 22, "{pair}");
    let with = |cookie: &str| gateway.curl("/", &["--header", &format!("Cookie: theme=dark; {cookie}")]);
    for _ in 0..6 {
        let again = with(pair);
        assert_eq!(Echo::of(&again).name(), name);
        assert_eq!(set_cookie(&again), None, "the client has it");
    }
    // The secret that was made at the start is still there.
    gateway.reload(&document(""));
    for _ in 0..6 {
        let again = with(pair);
        assert_eq!((Echo::of(&again).name(), set_cookie(&again)), (&*name, None));
    }
    // Nobody can make one up, nor take one of another endpoint by changing a letter.
    let forged = with("srv=AAAAAAAAAAAAAAAAAAAAAA");
    assert!(set_cookie(&forged).is_some());
    for short in ["srv=", "srv=127.0.0.1"] {
        assert!(set_cookie(&with(short)).is_some());
    }
}

#[test]
fn a_cookie_of_an_endpoint_that_is_gone_is_replaced() {
    let origins = origins();
    let document =
        |endpoints: &str| document(&format!("{{ endpoints: [{endpoints}], balance: {{ sticky: true }} }}"));
    let gateway = Gateway::start(&document(&urls(&origins)));
    let first = gateway.curl("/", &[]);
    let served = Echo::of(&first).name().to_owned();
    let cookie = set_cookie(&first).expect("a cookie");
    let pair = cookie.split_once(';').unwrap().0;
    let names = ["a", "b", "c"].into_iter().zip(&origins);
    let left: Vec<_> = names.filter(|(name, _)| *name != served).map(|(_, origin)| origin.url()).collect();
    gateway.reload(&document(&left.join(", ")));
    let moved = gateway.curl("/", &["--header", &format!("Cookie: {pair}")]);
    assert_ne!(Echo::of(&moved).name(), served);
    let replaced = set_cookie(&moved).expect("another cookie");
    assert_ne!(replaced.split_once(';').unwrap().0, pair);
}

#[test]
fn a_cookie_for_a_client_that_came_over_tls_stays_there() {
    let origin = Origin::start();
    let gateway = Gateway::start(&format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", trusted_proxies: 127.0.0.1/32 }} }}\n{}",
        document(&format!("{{ endpoints: \"{}\", balance: {{ sticky: app }} }}", origin.url()))
    ));
    let over_tls = gateway.curl("/", &["--header", "X-Forwarded-Proto: https"]);
    let cookie = set_cookie(&over_tls).unwrap();
    assert!(cookie.starts_with("app=") && cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let in_the_clear = set_cookie(&gateway.curl("/", &[])).unwrap();
    assert!(in_the_clear.ends_with("; HttpOnly; SameSite=Lax"), "{in_the_clear}");
}

#[test]
fn gateways_with_the_same_secret_know_each_others_cookies() {
    let origins = origins();
    let document = |secret: &str| {
        document(&format!(
            "{{ endpoints: [{}], balance: {{ sticky: {{ secret: \"${{file:{secret}}}\" }} }} }}",
            urls(&origins)
        ))
    };
    let files =
        [("one", "a secret of more than 16 characters"), ("other", "another of more than 16 characters")];
    let first = Gateway::start_with(&files, &document("one"));
    let second = Gateway::start_with(&files, &document("one"));
    let stranger = Gateway::start_with(&files, &document("other"));
    let answer = first.curl("/", &[]);
    let cookie = set_cookie(&answer).unwrap();
    let pair = cookie.split_once(';').unwrap().0;
    let header = format!("Cookie: {pair}");
    let known = second.curl("/", &["--header", &header]);
    assert_eq!(Echo::of(&known).name(), Echo::of(&answer).name());
    assert_eq!(set_cookie(&known), None);
    assert!(set_cookie(&stranger.curl("/", &["--header", &header])).is_some());
}

#[test]
fn a_backup_serves_when_the_others_cannot_be_reached() {
    let [a, b, _] = origins();
    let down = Port::reserve();
    let gateway =
        Gateway::start(&document(&format!("[\"{}\", {{ url: \"{}\", backup: true }}]", a.url(), b.url())));
    for _ in 0..10 {
        assert_eq!(served_by(&gateway, ""), "a");
    }
    gateway.reload(&document(&format!(
        "[\"http://127.0.0.1:{}\", {{ url: \"{}\", backup: true }}]",
        down.number(),
        b.url()
    )));
    for _ in 0..4 {
        assert_eq!(served_by(&gateway, ""), "b");
    }
}

/// A service that answers a request when it is told to, and says when it has one.
fn slow(arrived: Sender<()>) -> (Fake, Sender<()>) {
    let (go, may_go) = channel::<()>();
    let (arrived, may_go) = (Mutex::new(arrived), Mutex::new(may_go));
    let service = Fake::start(move |mut wire, _| {
        while wire.request().is_some() {
            arrived.lock().unwrap().send(()).unwrap();
            if may_go.lock().unwrap().recv_timeout(PATIENCE).is_err() {
                return;
            }
            if wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow").is_err() {
                return;
            }
        }
    });
    (service, go)
}

#[test]
fn the_fewest_requests_under_way_are_counted_over_all_workers() {
    let (arrived, arrivals) = channel();
    let (slow, go) = slow(arrived);
    let fast = Origin::named("fast");
    let gateway = Gateway::start(&document(&format!(
        "{{ endpoints: [\"{}\", {{ url: \"{}\", weight: 4 }}], balance: least_requests }}",
        slow.url(),
        fast.url()
    )));
    std::thread::scope(|scope| {
        // Until the slow one has a request: idle ones take turns.
        let mut waiting = None;
        while waiting.is_none() {
            let mut wire = gateway.connect();
            wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            let client = scope.spawn(move || wire.answer().text());
            loop {
                if arrivals.try_recv().is_ok() {
                    waiting = Some(client);
                    break;
                }
                if client.is_finished() {
                    client.join().unwrap();
                    break;
                }
                std::thread::yield_now();
            }
        }
        // Now every other goes to the fast one, over new connections and so over both workers. It has the larger weight, since
        // a client may have its answer a moment before its request is counted as over.
        for _ in 0..20 {
            assert_eq!(served_by(&gateway, ""), "fast");
        }
        assert!(arrivals.try_recv().is_err(), "the slow one was asked");
        go.send(()).unwrap();
        assert_eq!(waiting.unwrap().join().unwrap(), "slow");
    });
}

#[test]
fn every_way_of_balancing_serves_and_shares() {
    for balance in ["random", "p2c", "least_requests", "ewma"] {
        let origins = origins();
        let gateway =
            Gateway::start(&document(&format!("{{ endpoints: [{}], balance: {balance} }}", urls(&origins))));
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..60 {
            *shares.entry(served_by(&gateway, "")).or_default() += 1;
        }
        assert_eq!(shares.values().sum::<usize>(), 60);
        // The slowest of three may be left out by `ewma`; the others leave out nobody.
        assert!(shares.len() >= if balance == "ewma" { 2 } else { 3 }, "{balance}: {shares:?}");
    }
}
