//! Caches of gateways that share a Redis: what one keeps the others find, what is removed at one is removed at all, and what becomes of it while the server is away.

use maitred_tests::{Answer, Fake, Gateway, Redis, curl, eventually};
use serde_json::{Value, json};

/// A service that counts. What its answers say of caching stands in the query.
fn counting() -> Fake {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Fake::start(move |mut wire, _| {
        while let Some(request) = wire.request() {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            let target = request.head.start.split(' ').nth(1).unwrap();
            let control = target.split_once('?').map_or("no-store", |(_, control)| control);
            let body = format!("answer {number}");
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nCache-Control: {control}\r\nCache-Tag: t1, t2\r\nVary: A\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            if wire.try_send(answer).is_err() {
                return;
            }
        }
    })
}

fn document(service: &Fake, redis: &Redis) -> String {
    format!(
        "policies: {{ cache: {{ store: default }} }}\nstores: {{ default: {{ redis: {{ url: '{}', timeout: 900ms }} }} }}\n\
         upstreams: {{ app: \"{}\" }}\nroutes: {{ app: {{ upstream: app }} }}\n",
        redis.url(),
        service.url()
    )
}

/// All gateways are asked for the same host, whatever their ports are.
fn get(gateway: &Gateway, path: &str) -> maitred_tests::Curl {
    gateway.curl(path, &["-H", "Host: shop.example"])
}

fn outcome(answer: &Answer) -> &str {
    answer.head.field("X-Cache").unwrap_or("none")
}

/// Whether an answer was found in the store.
fn is_from_store(answer: &Answer) -> bool {
    answer.head.field("Cache-Status").is_some_and(|told| told.ends_with("; detail=store"))
}

fn purge(gateway: &Gateway, what: &Value) -> Value {
    let url = format!("http://127.0.0.1:{}/caches/purge", gateway.port("admin"));
    let answer = curl(&["--data", &what.to_string(), "-H", "Content-Type: application/json", &url]);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let told: Value = serde_json::from_str(&answer.text()).unwrap();
    told["caches"].as_array().map_or(told.clone(), |all| all[0].clone())
}

/// A path whose answer one has kept and the other has found, and the answer. Gateways that have just come to know the server keep nothing that was on its way, so
/// that another path is tried then.
fn kept([one, two]: [&Gateway; 2], folder: &str) -> (String, String) {
    let mut number = 0;
    eventually("the other finds it", || {
        number += 1;
        let path = format!("{folder}{number}?max-age=3600");
        let first = get(one, &path);
        let second = get(two, &path);
        (is_from_store(&second) && second.text() == first.text()).then(|| (path, second.text()))
    })
}

#[test]
fn what_one_keeps_the_others_find_also_after_a_restart() {
    let (service, redis) = (counting(), Redis::default());
    let written = document(&service, &redis);
    let (one, two) = (Gateway::start(&written), Gateway::start(&written));
    let (path, body) = kept([&one, &two], "/");
    let new = Gateway::start(&written);
    let found = get(&new, &path);
    assert!(outcome(&found) == "HIT" && is_from_store(&found), "{:?}", found.head);
    assert_eq!(found.text(), body);
    // Nothing in the server shows what a request was told apart by.
    let keys = redis.ask(&["KEYS", "*"]);
    assert!(keys.contains(":cache:policies/cache:{") && !keys.contains("shop.example"), "{keys}");
    // What others write there is nothing.
    for key in keys.lines().filter(|key| key.contains("{answer:") || key.contains("{variant:")) {
        redis.ask(&["SET", key, "=nonsense", "EX", "100"]);
    }
    let another = Gateway::start(&written);
    assert_eq!(outcome(&get(&another, &path)), "MISS");
}

#[test]
fn what_is_removed_at_one_is_found_at_none() {
    let (service, redis) = (counting(), Redis::default());
    let written = document(&service, &redis);
    let (one, two) = (Gateway::start(&written), Gateway::start(&written));
    for what in ["tag", "url", "prefix", "all", "POST"] {
        let (path, old) = kept([&one, &two], &format!("/{what}/"));
        if what == "POST" {
            assert_eq!(one.curl(&path, &["-H", "Host: shop.example", "-d", "x"]).status(), 200);
        } else {
            let url = format!("http://shop.example{path}");
            let told = purge(
                &one,
                &match what {
                    "tag" => json!({ "tag": "t2" }),
                    "url" => json!({ "url": url }),
                    "prefix" => json!({ "prefix": "http://shop.example/prefix/" }),
                    _ => json!({ "all": true }),
                },
            );
            assert!(told.to_string().contains("\"told\":true"), "{told}");
        }
        assert_ne!(get(&one, &path).text(), old, "{what}");
        eventually("the other has heard of it", || (get(&two, &path).text() != old).then_some(()));
        let new = Gateway::start(&written);
        assert_ne!(get(&new, &path).text(), old, "{what}");
    }
}

#[test]
fn while_the_server_is_away_answers_come_from_memory_and_the_service() {
    let (service, mut redis) = (counting(), Redis::default());
    let written = document(&service, &redis);
    let (one, two) = (Gateway::start(&written), Gateway::start(&written));
    let (path, body) = kept([&one, &two], "/");
    redis.kill();
    assert_eq!(get(&one, &path).text(), body);
    assert_eq!(get(&two, &path).text(), body);
    assert_eq!(outcome(&get(&one, "/other?max-age=3600")), "MISS");
    assert_eq!(outcome(&get(&one, "/other?max-age=3600")), "HIT");
    let told = purge(&one, &json!({"all": true}));
    assert!(told.to_string().contains("\"told\":false"), "{told}");
    assert_eq!(outcome(&get(&one, "/other?max-age=3600")), "MISS");
    redis.restart();
    // What was owed is made up for, and answers are shared again.
    kept([&one, &two], "/again/");
}
