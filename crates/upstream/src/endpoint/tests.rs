//! What is known of endpoints while lists of them come and go, at times that are told.

use maitred_wire::Limits;

use super::*;
use crate::cluster::{Cluster, ClusterSettings, EndpointHost, EndpointSettings, Transport};

fn endpoint(address: &str) -> Endpoint {
    Endpoint {
        addresses: [EndpointAddress::Tcp(address.parse().unwrap())].into(),
        authority: "a".into(),
        weight: 1,
        protocol: Protocol::Http1,
        tier: 0,
        service: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant: what is tested is told times after it")]
fn instant() -> Instant {
    Instant::now()
}

#[test]
fn those_of_the_first_list_have_served_for_ever_and_later_ones_from_when_they_are_seen() {
    let at = |seconds| Duration::from_secs(seconds);
    let now = instant();
    let first = Endpoints::new(vec![endpoint("10.0.0.1:80")], &[], true);
    let second = Endpoints::new(vec![endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")], &[&first], false);
    let [old, new] = &second.list[..] else { panic!("two") };
    assert!(Arc::ptr_eq(&old.shared, &first.list[0].shared));
    assert_eq!(old.shared.served_for(now + at(5)), None);
    assert_eq!(new.shared.served_for(now + at(5)), Some(Duration::ZERO));
    assert_eq!(new.shared.served_for(now + at(9)), Some(at(4)));
    old.shared.began_serving(now + at(10));
    assert_eq!(old.shared.served_for(now + at(10)), Some(Duration::ZERO));
    assert_eq!(old.shared.served_for(now + at(12)), Some(at(2)));
    // Another worker's clock may be behind.
    assert_eq!(old.shared.served_for(now + at(9)), Some(Duration::ZERO));
}

#[test]
fn backups_come_behind_every_priority() {
    assert!(tier(false, 0) < tier(false, 65_535) && tier(false, 65_535) < tier(true, 0));
}

#[test]
fn only_what_balancing_looks_up_now_is_made() {
    let cluster = |balance: Balance, previous: Option<&Cluster>| {
        let host = EndpointHost::Tcp { host: "a.example".into(), port: 80 };
        let wanted = EndpointSettings { host, weight: 1, protocol: Protocol::Http1, is_backup: false };
        let settings = ClusterSettings { balance, ..ClusterSettings::new("shop".into(), vec![wanted]) };
        Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, previous)
    };
    let made = |cluster: &Cluster| {
        let list = cluster.endpoints();
        (list.ring.get().is_some(), list.maglev.get().is_some())
    };
    let first = cluster(Balance::RingHash, None);
    first.shared().publish(vec![endpoint("10.0.0.1:80")]);
    assert_eq!(made(&first), (true, false));
    // Until it is in force, another rule changes nothing.
    let second = cluster(Balance::Maglev, Some(&first));
    first.shared().publish(vec![endpoint("10.0.0.2:80")]);
    assert_eq!(made(&first), (true, false));
    second.take_over(&first);
    first.shared().publish(vec![endpoint("10.0.0.3:80")]);
    assert_eq!(made(&second), (false, true));
}
