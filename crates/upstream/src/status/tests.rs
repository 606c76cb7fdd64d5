//! What is told of endpoints while requests fail there, lists come and go, and checks find them ill.

use maitred_wire::Limits;

use super::*;
use crate::cluster::{ClusterSettings, EndpointHost, EndpointSettings, Transport};
use crate::endpoint::Protocol;

/// An upstream at these ports.
fn cluster(ports: &[u16], previous: Option<&Cluster>) -> Cluster {
    let endpoint = |&port: &u16| EndpointSettings {
        is_backup: false,
        host: EndpointHost::Tcp { host: "127.0.0.1".into(), port },
        weight: 1,
        protocol: Protocol::Http1,
    };
    let settings = ClusterSettings::new("app".into(), ports.iter().map(endpoint).collect());
    Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, previous)
}

/// Fails so many requests at an endpoint.
fn fail(cluster: &Cluster, at: usize, times: usize, now: Instant) {
    fail_at(cluster, &cluster.endpoints().list[at], times, now);
}

fn fail_at(cluster: &Cluster, Member { endpoint, shared }: &Member, times: usize, now: Instant) {
    let rules = cluster.settings().outlier_detection.as_ref().unwrap();
    (0..times).for_each(|_| cluster.shared().fail((endpoint, shared), rules, now));
}

fn ejected(cluster: &Cluster, now: Instant) -> Vec<String> {
    let endpoints = cluster.status(now).endpoints.into_iter();
    endpoints.filter(|endpoint| endpoint.ejected_for.is_some()).map(|endpoint| endpoint.address).collect()
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

#[test]
fn an_ejection_goes_on_with_its_endpoint_and_its_place_with_the_upstream() {
    let (first, now) = (cluster(&[1, 2, 3], None), start());
    fail(&first, 0, 5, now);
    fail(&first, 1, 5, now);
    assert_eq!(ejected(&first, now), ["127.0.0.1:1"], "one of three, and no more");
    assert_eq!(first.status(now).ejections, Some(1));
    assert!(!first.endpoints().list[0].shared.is_available(now));
    // Another list of endpoints: the ejected one is in it.
    let second = cluster(&[2, 1, 4], Some(&first));
    second.take_over(&first);
    fail(&second, 0, 5, now);
    assert_eq!(ejected(&second, now), ["127.0.0.1:1"]);
    // And one without it. Somebody still has to do with the old one.
    let third = cluster(&[2, 4, 5], Some(&second));
    third.take_over(&second);
    fail(&first, 0, 5, now);
    assert_eq!(first.shared().health.ejected(), 0, "what is gone takes no place");
    fail(&third, 0, 1, now);
    assert_eq!(
        (ejected(&third, now), ejected(&second, now)),
        (vec!["127.0.0.1:2".to_owned()], vec!["127.0.0.1:2".to_owned()])
    );
    assert_eq!(third.status(now).ejections, Some(2), "counts go on");
}

#[test]
fn a_place_whose_time_is_over_is_free() {
    let (cluster, now) = (cluster(&[1, 2], None), start());
    fail(&cluster, 0, 5, now);
    let later = now + Duration::from_secs(30);
    fail(&cluster, 1, 5, later);
    assert_eq!(ejected(&cluster, later), ["127.0.0.1:2"]);
    assert!(cluster.endpoints().list[0].shared.is_available(later));
}

#[test]
fn an_endpoint_that_was_gone_and_is_back_can_be_ejected() {
    let (first, now) = (cluster(&[1, 2], None), start());
    let gone = first.endpoints().list[0].clone();
    let second = cluster(&[2, 3], Some(&first));
    second.take_over(&first);
    fail_at(&first, &gone, 5, now);
    assert!(ejected(&first, now).is_empty());
    second.shared().publish(first.endpoints().list.iter().map(|member| member.endpoint.clone()).collect());
    assert!(Arc::ptr_eq(&second.endpoints().list[0].shared, &gone.shared));
    fail(&second, 0, 5, now);
    assert_eq!(ejected(&second, now), ["127.0.0.1:1"]);
}

#[test]
fn nobody_is_ejected_where_all_others_have_no_weight() {
    let now = start();
    let upstream = cluster(&[1, 2, 3], None);
    let mut settings = upstream.settings().clone();
    settings.endpoints[1..].iter_mut().for_each(|endpoint| endpoint.weight = 0);
    settings.outlier_detection.as_mut().unwrap().max_ejected = 1_000_000;
    let upstream = Cluster::new(settings, upstream.transport().clone(), None);
    fail(&upstream, 0, 9, now);
    assert!(ejected(&upstream, now).is_empty());
    assert_eq!(upstream.status(now).ejections, None);
}

#[test]
fn one_whose_ejection_a_failure_ends_starts_slowly_too() {
    let (cluster, now) = (cluster(&[1, 2], None), start());
    fail(&cluster, 0, 5, now);
    let later = now + Duration::from_secs(31);
    fail(&cluster, 0, 1, later);
    assert_eq!(cluster.endpoints().list[0].shared.served_for(later), Some(Duration::ZERO));
}

#[test]
fn health_by_checks_and_ejection_are_two_things() {
    let (cluster, now) = (cluster(&[1, 2], None), start());
    let endpoint = Arc::clone(&cluster.endpoints().list[0].shared);
    fail(&cluster, 0, 5, now);
    endpoint.find(Health::Unhealthy, Some("gone".to_owned()), now);
    cluster.shared().forgive(now);
    assert!(!endpoint.is_available(now) && ejected(&cluster, now).is_empty());
    let status = cluster.status(now).endpoints.swap_remove(0);
    assert_eq!((status.health, status.failure.as_deref()), (Health::Unhealthy, Some(&"gone".to_owned())));
    cluster.shared().forget_checks(now);
    assert!(endpoint.is_available(now));
    assert_eq!((cluster.status(now).checks, cluster.status(now).endpoints[0].failure.clone()), (None, None));
}
