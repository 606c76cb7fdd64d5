//! What counts where endpoints come back, or where few are left: `slow_start` and `panic_threshold`.

use maitred_tests::{Echo, Gateway, Origin};

use crate::health::{Moody, says};

/// A service that fails its checks, and serves whoever asks.
fn unwell() -> Moody {
    let moody = Moody::start(false);
    moody.set_well(false);
    moody
}

/// An upstream of these that checks them all the time, with more to it.
fn document(endpoints: &[&str], more: &str) -> String {
    let checks = "{ path: /healthz, interval: 20ms, timeout: 20s, unhealthy_after: 1, healthy_after: 1 }";
    format!(
        "upstreams: {{ app: {{ endpoints: {endpoints:?}, health_check: {checks}, {more} }} }}\n\
         routes: {{ app: {{ upstream: app }} }}\n"
    )
}

/// How many of so many requests on one connection each of the names answers.
fn shares<const N: usize>(gateway: &Gateway, names: [&str; N], requests: usize) -> [usize; N] {
    let mut wire = gateway.connect();
    let mut ask = || Echo::of(&wire.ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).name().to_owned();
    let answered: Vec<String> = (0..requests).map(|_| ask()).collect();
    names.map(|name| answered.iter().filter(|found| **found == name).count())
}

#[test]
fn with_too_few_left_all_are_asked() {
    let (one, two, origin) = (unwell(), unwell(), Origin::named("origin"));
    let with = |threshold: &str| {
        let endpoints = [&*one.service.url(), &two.service.url(), origin.url()];
        document(&endpoints, &format!("panic_threshold: {threshold}"))
    };
    // A third is available: enough for a threshold of 33%, and too few for one of 34%.
    let gateway = Gateway::start(&with("33%"));
    says(&gateway, "the endpoint is unhealthy", &one.address());
    says(&gateway, "the endpoint is unhealthy", &two.address());
    assert_eq!(shares(&gateway, ["moody", "origin"], 12), [0, 12]);
    gateway.reload(&with("34%"));
    assert_eq!(shares(&gateway, ["moody", "origin"], 12), [8, 4]);
    gateway.reload(&with("0%"));
    assert_eq!(shares(&gateway, ["moody", "origin"], 12), [0, 12]);
}

#[test]
fn who_comes_back_begins_with_a_tenth_of_its_share() {
    let (moody, origin) = (unwell(), Origin::named("origin"));
    let endpoints = [&*moody.service.url(), origin.url()];
    // In a test no time passes of a start that takes so long.
    let gateway = Gateway::start(&document(&endpoints, "slow_start: 10000h"));
    says(&gateway, "the endpoint is unhealthy", &moody.address());
    assert_eq!(shares(&gateway, ["moody", "origin"], 12), [0, 12]);
    moody.set_well(true);
    says(&gateway, "the endpoint is healthy again", &moody.address());
    let [of_moody, of_origin] = shares(&gateway, ["moody", "origin"], 110);
    assert!((9..=11).contains(&of_moody), "{of_moody} and {of_origin}");
    // So does one that is new, and where there is no such start, each has its share.
    let new = Origin::named("new");
    let endpoints = [&*moody.service.url(), origin.url(), new.url()];
    gateway.reload(&document(&endpoints, "slow_start: 10000h"));
    let [of_new, of_origin] = shares(&gateway, ["new", "origin"], 120);
    assert!((9..=11).contains(&of_new), "{of_new} and {of_origin}");
    gateway.reload(&document(&endpoints, "keepalive: true"));
    assert_eq!(shares(&gateway, ["moody", "origin", "new"], 120), [40, 40, 40]);
}
