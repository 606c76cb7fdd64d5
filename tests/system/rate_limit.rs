//! Limits over time on the running program: what answers tell, whom they count, and that counts are exact under load.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use maitred_tests::{Answer, Curl, Gateway, Origin, Wire, curl};
use serde_json::json;

use crate::tokens::{issuer::Issuer, now};

const SECRET: &str = "what the issuer of these tokens shares with us";

fn get(wire: &mut Wire, path: &str, lines: &[&str]) -> Answer {
    let lines = [lines, &[""]].concat().join("\r\n");
    wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n"))
}

fn ask(gateway: &Gateway, path: &str, lines: &[&str]) -> Answer {
    get(&mut gateway.connect(), path, lines)
}

/// Limit and remaining.
fn told(answer: &Answer) -> (u64, u64) {
    let number = |name| answer.head.field(name).unwrap_or_else(|| panic!("{name} is told")).parse().unwrap();
    (number("X-RateLimit-Limit"), number("X-RateLimit-Remaining"))
}

fn admin(gateway: &Gateway, path: &str, arguments: &[&str]) -> Curl {
    let url = format!("http://127.0.0.1:{}{path}", gateway.port("admin"));
    curl(&[arguments, &[url.as_str()]].concat())
}

#[test]
fn every_answer_tells_how_the_caller_stands_and_wrong_keys_count() {
    let origin = Origin::start();
    let document = format!(
        "policies: {{ rate_limit: {{ limit: 5/h, by: client.ip }} }}\nroutes:\n  \
         open: {{ match: /open, upstream: \"{0}\" }}\n  \
         closed: {{ match: /closed, upstream: \"{0}\", policies: {{ api_key: true }} }}\n",
        origin.url()
    );
    let gateway = Gateway::start(&document);
    let open = ask(&gateway, "/open", &[]);
    assert_eq!((open.status(), told(&open)), (200, (5, 4)));
    let reset: u64 = open.head.field("X-RateLimit-Reset").unwrap().parse().unwrap();
    // Rounded up.
    assert!((now()..=now() + 721).contains(&reset), "{reset}");
    let wrong = ask(&gateway, "/closed", &["X-API-Key: guess"]);
    assert_eq!((wrong.status(), told(&wrong)), (401, (5, 3)));
    let nowhere = ask(&gateway, "/nowhere", &[]);
    assert_eq!((nowhere.status(), told(&nowhere)), (404, (5, 2)));
    // A reload keeps the count, and so does another version of HTTP.
    gateway.reload(&document.replace("/open,", "/opened,"));
    let second = gateway.curl("/opened", &["--http2-prior-knowledge"]);
    assert_eq!((second.status(), told(&second)), (200, (5, 1)));
    ask(&gateway, "/opened", &[]);
    let refused = gateway.curl("/opened", &["--http2-prior-knowledge"]);
    assert_eq!((refused.status(), told(&refused)), (429, (5, 0)));
    assert_eq!(refused.json()["detail"], "Rate limit exceeded");
    let wait: u64 = refused.head.field("Retry-After").unwrap().parse().unwrap();
    assert!((700..=720).contains(&wait), "{wait}");
    assert_eq!(ask(&gateway, "/closed", &["X-API-Key: guess"]).status(), 429);
    let counted = |result: &str| {
        gateway
            .metrics()
            .sum("maitred_rate_limit_requests_total", &[("result", result), ("policy", "rate_limit")])
    };
    assert_eq!((counted("allowed"), counted("refused")), (5, 2));
}

#[test]
fn clients_are_those_whom_trusted_proxies_name_and_ipv6_is_counted_by_its_network() {
    let listeners = "listeners:\n  \
        web: { address: '127.0.0.1:PORT_web', trusted_proxies: 127.0.0.0/8 }\n  other: { address: '127.0.0.1:PORT_other' }\n";
    let gateway = Gateway::start(&format!(
        "{listeners}policies: {{ rate_limit: {{ limit: 3/h, by: client.ip }} }}\nroutes: {{ app: {{ respond: OK }} }}\n"
    ));
    let remaining = |address: &str| told(&ask(&gateway, "/", &[&format!("X-Forwarded-For: {address}")])).1;
    assert_eq!((remaining("2001:db8:1:2::1"), remaining("2001:db8:1:2:ffff::2")), (2, 1));
    assert_eq!(remaining("2001:db8:1:3::1"), 2);
    assert_eq!((remaining("192.0.2.1"), remaining("::ffff:192.0.2.1"), remaining("192.0.2.2")), (2, 1, 2));
    // All listeners count together; on one whose peers are not trusted, what they say of others is nothing.
    assert_eq!(told(&ask(&gateway, "/", &[])).1, 2);
    let mut other = Wire::connect(gateway.port("other"));
    assert_eq!(told(&get(&mut other, "/", &["X-Forwarded-For: 192.0.2.9"])).1, 1);
}

#[test]
fn plans_come_from_consumers_and_from_tokens() {
    let origin = Origin::start();
    // `printf test | sha256sum`
    let key = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let gateway = Gateway::start_with(
        &[("secret", SECRET)],
        &format!(
            "issuers: {{ us: {{ issuer: us, secret: '${{file:secret}}', claims: {{ plan: tier }} }} }}\n\
             plans: {{ free: {{ rate_limit: 10/h, default: true }}, gold: {{ rate_limit: 50/h, quota: 3/month }} }}\n\
             consumers: {{ acme: {{ plan: gold, api_keys: '{key}' }} }}\n\
             policies: {{ any_of: {{ jwt: us, api_key: {{ optional: true }} }}, rate_limit: plan }}\n\
             routes:\n  one: {{ match: /one, upstream: \"{0}\" }}\n  two: {{ match: /two, upstream: \"{0}\" }}\n",
            origin.url()
        ),
    );
    let issuer = Issuer::new(SECRET);
    let token = |subject: &str, tier: &str| {
        let claims = json!({ "iss": "us", "sub": subject, "tier": tier, "exp": now() + 600 });
        format!(
            "Authorization: Bearer {}",
            issuer.token(&json!({ "alg": "HS256", "typ": "JWT" }), &claims.to_string())
        )
    };
    let standing = |path: &str, line: &str| told(&ask(&gateway, path, &[line]));
    assert_eq!(standing("/one", "X-API-Key: test"), (50, 49));
    assert_eq!(standing("/two", "X-API-Key: test"), (50, 48));
    assert_eq!(standing("/one", &token("u-1", "gold")), (50, 49));
    assert_eq!(standing("/one", &token("u-2", "platinum")), (10, 9));
    assert_eq!(standing("/one", "X-Nothing: shown"), (10, 9));
    let last = ask(&gateway, "/one", &["X-API-Key: test"]);
    assert_eq!((last.status(), last.head.field("X-Quota-Remaining")), (200, Some("0")));
    let spent = ask(&gateway, "/two", &["X-API-Key: test"]);
    assert_eq!((spent.status(), &spent.json()["detail"]), (429, &json!("Quota exceeded")));
    // An operator sees that, and gives it back.
    let list = admin(&gateway, "/quotas", &[]).json();
    assert_eq!(list[0]["quotas"][0]["keys"], json!(["consumer:acme", "subject:us u-1"]));
    let one = admin(&gateway, "/quotas/consumer:acme", &[]).json();
    assert_eq!(one[0]["quotas"][0]["limits"][0]["used"], 3);
    assert_eq!(admin(&gateway, "/quotas/consumer:acme", &["-X", "DELETE"]).status(), 200);
    assert_eq!(ask(&gateway, "/two", &["X-API-Key: test"]).status(), 200);
    assert_eq!(admin(&gateway, "/quotas/consumer:nobody", &[]).status(), 404);
}

#[test]
fn a_tier_counts_where_a_trusted_proxy_says_it() {
    let gateway = Gateway::start(
        "listeners:\n  web: { address: '127.0.0.1:PORT_web', trusted_proxies: 127.0.0.0/8 }\n  other: { address: '127.0.0.1:PORT_other' }\n\
         policies:\n  rate_limit: { tiers: { free: 100/h, basic: 1000/h, premium: 10000/h }, tier: header.X-User-Tier, default_tier: free, by: header.X-User-ID }\n\
         routes: { app: { respond: OK } }\n",
    );
    let limit = |port: &str, tier: &str| {
        let lines = [format!("X-User-Tier: {tier}"), "X-User-ID: 7".to_owned()];
        told(&get(&mut Wire::connect(gateway.port(port)), "/", &[&lines[0], &lines[1]])).0
    };
    assert_eq!((limit("web", "premium"), limit("web", "basic"), limit("web", "gold")), (10_000, 1_000, 100));
    assert_eq!(limit("other", "premium"), 100);
}

/// One request of a crowd. The gateway decided on it between the two times, counted from when the crowd began.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Duration,
    answered: Duration,
}

/// What came of many clients that ask as fast as they can, in no order.
#[derive(Debug, Default)]
struct Crowd {
    allowed: Vec<Asked>,
    refused: Vec<Asked>,
}

const CLIENTS: usize = 50;
const SECOND: Duration = Duration::from_secs(1);

/// Asks with all clients at once, each on a connection of its own, until so much time has passed and so many were refused.
fn crowd(gateway: &Gateway, path: &str, least: Duration, refused: usize) -> Crowd {
    let mut wires: Vec<_> = (0..CLIENTS).map(|_| gateway.connect()).collect();
    let crowd: Mutex<Crowd> = Mutex::default();
    #[expect(clippy::disallowed_methods, reason = "limits go by real time here")]
    let began = Instant::now();
    std::thread::scope(|scope| {
        for wire in &mut wires {
            let crowd = &crowd;
            scope.spawn(move || {
                loop {
                    let at = began.elapsed();
                    if at >= least && crowd.lock().unwrap().refused.len() >= refused {
                        return;
                    }
                    let status = get(wire, path, &[]).status();
                    let asked = Asked { at, answered: began.elapsed() };
                    let mut crowd = crowd.lock().unwrap();
                    match status {
                        200 => crowd.allowed.push(asked),
                        429 => crowd.refused.push(asked),
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    crowd.into_inner().unwrap()
}

impl Crowd {
    /// How many may have been allowed before this one was decided on, since so long before it was sent.
    fn before(&self, refused: &Asked, within: Duration) -> usize {
        let since = refused.at.saturating_sub(within);
        self.allowed.iter().filter(|one| one.at <= refused.answered && one.answered >= since).count()
    }

    /// When the first was decided on, at the latest.
    fn first(&self) -> Duration {
        self.allowed.iter().map(|one| one.answered).min().expect("some are allowed")
    }

    fn end(&self) -> Duration {
        self.allowed.iter().map(|one| one.answered).max().expect("some are allowed")
    }
}

/// What is allowed is compared with what each algorithm permits in the time that passed, however fast this machine is: nobody is refused who
/// would have been permitted.
#[test]
fn counts_are_exact_under_load() {
    let gateway = Gateway::start(
        "routes:\n  bucket: { match: /bucket, respond: OK, policies: { rate_limit: { limit: 100/s, by: client.ip } } }\n  \
         window: { match: /window, respond: OK, policies: { rate_limit: { limit: 100/s, by: client.ip, algorithm: sliding_window } } }\n  \
         hour: { match: /hour, respond: OK, policies: { rate_limit: { limit: 1000/h, by: client.ip } } }\n",
    );
    // 100 at once, and 100 more each second.
    let bucket = crowd(&gateway, "/bucket", 2 * SECOND, CLIENTS);
    let permitted = |time: Duration| 100.0 + 100.0 * time.as_secs_f64();
    let allowed = bucket.allowed.len();
    assert!((allowed as f64) <= permitted(bucket.end()), "{allowed} in {:?}", bucket.end());
    for refused in &bucket.refused {
        let before = bucket.before(refused, refused.at);
        let time = refused.at.saturating_sub(bucket.first());
        assert!(before as f64 > permitted(time) - 1.0, "{before} before {refused:?}");
    }
    // 100 in each second, wherever it begins.
    let window = crowd(&gateway, "/window", 2 * SECOND, CLIENTS);
    for Asked { at, .. } in &window.allowed {
        let within = |one: &&Asked| one.at >= *at && one.answered < *at + SECOND;
        let count = window.allowed.iter().filter(within).count();
        assert!(count <= 100, "{count} in the second from {at:?}");
    }
    for refused in &window.refused {
        let before = window.before(refused, SECOND);
        assert!(before >= 100, "{before} in the second before {refused:?}");
    }
    // 1000 at once, and one more each 3.6 s.
    let hour = crowd(&gateway, "/hour", Duration::ZERO, CLIENTS);
    let most = 1000.0 + hour.end().as_secs_f64() / 3.6;
    let allowed = hour.allowed.len();
    assert!(allowed >= 1000 && (allowed as f64) <= most, "{allowed} in {:?}", hour.end());
}
