//! Stores in Redis, as a document says them: shared by gateways, over TLS and with a password, kept over reloads, and away for a while.

use maitred_tests::{Authority, Gateway, Redis, eventually};

const ROUTE: &str = "routes: { app: { match: /, respond: OK } }\npolicies: { rate_limit: { limit: 10/d, on_store_failure: allow, by: client.ip } }\n";

fn document(store: &str) -> String {
    format!("stores: {{ default: {{ redis: {store} }} }}\n{ROUTE}")
}

fn statuses(gateway: &Gateway, count: usize) -> Vec<u16> {
    (0..count).map(|_| gateway.curl("/", &[]).status()).collect()
}

/// The connections of gateways.
fn clients(redis: &Redis) -> Vec<String> {
    let all = redis.ask(&["CLIENT", "LIST", "TYPE", "normal"]);
    let ids =
        all.lines().filter(|line| !line.contains("cmd=client")).filter_map(|line| line.split(' ').next());
    ids.map(str::to_owned).collect()
}

#[test]
fn gateways_that_share_a_store_share_its_limits() {
    let redis = Redis::default();
    // Machines that run tests are busy.
    let written = document(&format!("{{ url: '{}', timeout: 900ms }}", redis.url()));
    let gateways = [Gateway::start(&written), Gateway::start(&written)];
    let allowed: usize = (0..10)
        .map(|_| {
            gateways.iter().map(|gateway| usize::from(gateway.curl("/", &[]).status() == 200)).sum::<usize>()
        })
        .sum();
    assert_eq!(allowed, 10);
    let metrics = gateways[0].metrics();
    assert_eq!(metrics.sum("maitred_store_commands_total", &[("store", "default"), ("outcome", "ok")]), 10);
    assert_eq!(metrics.sum("maitred_store_open", &[("store", "default")]), 0);
    assert!(metrics.sum("maitred_store_connections", &[("store", "default")]) >= 1);
    assert!(metrics.sum("maitred_store_round_trip_microseconds_total", &[]) > 0);
}

#[test]
fn a_reload_with_the_same_words_keeps_the_connections() {
    let redis = Redis::default();
    let written = document(&format!("{{ url: '{}', timeout: 900ms }}", redis.url()));
    let gateway = Gateway::start(&written);
    assert_eq!(statuses(&gateway, 30)[..10], [200; 10]);
    let before = clients(&redis);
    assert!(!before.is_empty());
    gateway.reload(&format!("# a line more\n{written}"));
    assert_eq!(statuses(&gateway, 3), [429; 3]);
    let after = clients(&redis);
    assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    gateway.reload(&written.replace("timeout: 900ms", "timeout: 950ms"));
    assert_eq!(statuses(&gateway, 3), [429; 3]);
    eventually("those of the other words end", || {
        let now = clients(&redis);
        (!now.is_empty() && before.iter().all(|id| !now.contains(id))).then_some(())
    });
}

#[test]
fn a_store_over_tls_with_a_password() {
    let authority = Authority::default();
    let own = authority.server(&["redis.test"]);
    let client = authority.client("gateway");
    let options = ["--requirepass", "hush:/@", "--tls-auth-clients", "yes"];
    let redis = Redis::with_tls(&own.certificate, &own.key, &authority.certificate(), &options);
    let store = format!(
        "{{ url: 'rediss://:${{file:word}}@127.0.0.1:{}', timeout: 900ms, \
         tls: {{ ca: ca.pem, cert: client.pem, key: client.key, server_name: redis.test }} }}",
        redis.port()
    );
    let files = [
        ("word", "hush%3A%2F%40"),
        ("ca.pem", &*authority.certificate()),
        ("client.pem", &*client.certificate),
        ("client.key", &*client.key),
    ];
    let gateway = Gateway::start_with(&files, &document(&store));
    let statuses = statuses(&gateway, 11);
    assert_eq!((&statuses[..10], statuses[10]), (&[200; 10][..], 429));
}

#[test]
fn while_it_is_away_requests_go_on_and_the_log_has_three_lines_of_it() {
    let mut redis = Redis::default();
    let gateway = Gateway::start(&document(&format!("{{ url: '{}', timeout: 900ms }}", redis.url())));
    assert_eq!(statuses(&gateway, 11)[10], 429);
    redis.kill();
    assert_eq!(statuses(&gateway, 50), [200; 50]);
    gateway.log().wait_for("that it is away", |line| line.contains("the store is away"));
    redis.restart();
    gateway.log().wait_for("that it is back", |line| line.contains("the store is back"));
    let statuses = statuses(&gateway, 11);
    assert_eq!((&statuses[..10], statuses[10]), (&[200; 10][..], 429), "it was empty");
    let told = gateway.log().all();
    let of_the_store: Vec<_> = told.iter().filter(|line| line.contains("store")).collect();
    let [away, limit, back] = of_the_store[..] else { panic!("{told:?}") };
    // The limit tells that it can be counted again when that has been so for a while.
    let both = [away, limit];
    assert!(both.iter().any(|line| line.contains("the store is away")), "{told:?}");
    assert!(both.iter().any(|line| line.contains("a limit cannot be counted")), "{told:?}");
    assert!(back.contains("the store is back"), "{told:?}");
}
