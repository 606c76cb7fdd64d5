//! Names over time, with a scripted name server and a clock that jumps: what real ones do in hours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::*;
use maitred_wire::Limits;

use crate::cluster::EndpointSettings;
use crate::cluster::{Cluster, ClusterSettings, Transport};
use crate::endpoint::Protocol;
use crate::resolver::{Addresses, ResolveError, Resolving, ServiceRecord, Services};

/// Answers from a table that tests change, and tells of each question.
struct Script {
    answers: ArcSwap<HashMap<String, Result<Addresses, ResolveError>>>,
    services: ArcSwap<HashMap<String, Services>>,
    asked: Sender<String>,
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        // A test that has seen enough no longer listens.
        let _ = self.asked.send(name.to_owned());
        let answer = self.answers.load().get(name).cloned();
        Box::pin(async move { answer.unwrap_or_else(|| Err(ResolveError("no such name".to_owned()))) })
    }

    fn resolve_service<'a>(&'a self, name: &'a str) -> Resolving<'a, Services> {
        let _ = self.asked.send(name.to_owned());
        let answer = self.services.load().get(name).cloned();
        Box::pin(async move { answer.ok_or_else(|| ResolveError("no such service".to_owned())) })
    }
}

fn script(answers: &[(&str, &[&str], u64)]) -> (Arc<Script>, Receiver<String>) {
    let (asked, questions) = channel();
    let services = ArcSwap::default();
    (Arc::new(Script { answers: ArcSwap::from_pointee(table(answers)), services, asked }), questions)
}

impl Script {
    /// Answers with these records from now on: priority, weight, port, target.
    fn serve(&self, name: &str, ttl: u64, records: &[(u16, u16, u16, &str)]) {
        let record = |&(priority, weight, port, target): &(u16, u16, u16, &str)| ServiceRecord {
            priority,
            weight,
            port,
            target: target.to_owned(),
        };
        let services = Services { list: records.iter().map(record).collect(), ttl: Duration::from_secs(ttl) };
        self.services.store(Arc::new(HashMap::from([(name.to_owned(), services)])));
    }
}

fn table(answers: &[(&str, &[&str], u64)]) -> HashMap<String, Result<Addresses, ResolveError>> {
    let parse = |list: &[&str]| list.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect();
    answers
        .iter()
        .map(|(name, list, ttl)| {
            ((*name).to_owned(), Ok(Addresses { list: parse(list), ttl: Duration::from_secs(*ttl) }))
        })
        .collect()
}

/// An upstream of these hosts; behind `srv:` stands the name of a service.
fn cluster(hosts: &[&str]) -> Cluster {
    cluster_after(hosts, None)
}

fn cluster_after(hosts: &[&str], previous: Option<&Cluster>) -> Cluster {
    cluster_with(hosts, previous, |_| ())
}

/// The same, where something else is written of every endpoint.
fn cluster_with(
    hosts: &[&str],
    previous: Option<&Cluster>,
    change: impl Fn(&mut EndpointSettings),
) -> Cluster {
    let endpoint = |host: &&str| EndpointSettings {
        host: match host.strip_prefix("srv:") {
            Some(name) => EndpointHost::Srv(name.into()),
            None => EndpointHost::Tcp { host: Arc::from(*host), port: 80 },
        },
        weight: 1,
        protocol: Protocol::Http1,
        is_backup: false,
    };
    let mut settings = ClusterSettings::new("users".into(), hosts.iter().map(endpoint).collect());
    settings.endpoints.iter_mut().for_each(change);
    Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, previous)
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster.endpoints().list.iter().map(|member| member.endpoint.to_string()).collect()
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

/// Lets time pass: the clock is paused and jumps, so that nobody waits.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[test]
fn every_address_of_a_name_is_an_endpoint_and_the_name_is_asked_again_when_its_answer_expires() {
    run(async {
        let (script, questions) = script(&[("a.example", &["10.0.0.2", "10.0.0.1", "2001:db8::1"], 30)]);
        let cluster = cluster(&["a.example", "10.9.9.9"]);
        assert_eq!(addresses(&cluster), ["10.9.9.9:80"]);
        discover(cluster.shared(), script.clone()).await.unwrap();
        assert_eq!(addresses(&cluster), ["10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80", "10.9.9.9:80"]);

        script.answers.store(Arc::new(table(&[("a.example", &["10.0.0.3"], 30)])));
        pass(Duration::from_secs(29)).await;
        assert_eq!(questions.try_iter().count(), 1);
        pass(Duration::from_secs(2)).await;
        assert_eq!(questions.try_iter().count(), 1);
        assert_eq!(addresses(&cluster), ["10.0.0.3:80", "10.9.9.9:80"]);
    });
}

#[test]
fn the_last_answer_is_kept_while_the_name_cannot_be_resolved_and_it_is_asked_for_sooner() {
    run(async {
        let (script, questions) = script(&[("a.example", &["10.0.0.1"], 300)]);
        let cluster = cluster(&["a.example"]);
        discover(cluster.shared(), script.clone()).await.unwrap();
        script.answers.store(Arc::default());
        pass(Duration::from_secs(302)).await;
        assert_eq!(addresses(&cluster), ["10.0.0.1:80"]);
        // Half a second after the failure, then one, two, four …
        assert_eq!(questions.try_iter().count(), 4);
        script.answers.store(Arc::new(table(&[("a.example", &["10.0.0.2"], 300)])));
        pass(Duration::from_secs(30)).await;
        assert_eq!(addresses(&cluster), ["10.0.0.2:80"]);
    });
}

#[test]
fn a_ttl_of_nothing_is_no_flood_and_a_cluster_that_is_gone_asks_no_more() {
    run(async {
        let (script, questions) = script(&[("a.example", &["10.0.0.1"], 0)]);
        let cluster = cluster(&["a.example"]);
        discover(cluster.shared(), script).await.unwrap();
        pass(Duration::from_millis(10_500)).await;
        assert_eq!(questions.try_iter().count(), 11);
        drop(cluster);
        pass(Duration::from_mins(10)).await;
        assert!(questions.try_iter().count() <= 1);
    });
}

#[test]
fn a_cluster_that_was_replaced_finds_nothing_more() {
    run(async {
        let (script, questions) = script(&[("a.example", &["10.0.0.1"], 10)]);
        let before = cluster(&["a.example"]);
        discover(before.shared(), script.clone()).await.unwrap();
        let after = cluster_after(&["a.example", "10.9.9.9"], Some(&before));
        discover(after.shared(), script.clone()).await.unwrap();
        after.take_over(&before);
        script.answers.store(Arc::new(table(&[("a.example", &["10.0.0.2"], 300)])));
        pass(Duration::from_mins(1)).await;
        assert_eq!(addresses(&before), ["10.0.0.1:80"]);
        assert_eq!(addresses(&after), ["10.0.0.2:80", "10.9.9.9:80"]);
        assert_eq!(questions.try_iter().count(), 4, "both once more");
    });
}

#[test]
fn a_name_that_was_never_found_leaves_no_endpoint_and_stops_nobody() {
    run(async {
        let (script, _questions) = script(&[]);
        let cluster = cluster(&["a.example"]);
        discover(cluster.shared(), script).await.unwrap();
        assert!(addresses(&cluster).is_empty());
    });
}

#[test]
fn addresses_and_localhost_ask_nobody() {
    run(async {
        let (script, questions) = script(&[]);
        let cluster = cluster(&["10.0.0.1", "localhost", "::1"]);
        discover(cluster.shared(), script).await.unwrap();
        assert_eq!(addresses(&cluster), ["10.0.0.1:80", "127.0.0.1:80", "[::1]:80"]);
        assert_eq!(cluster.endpoints().list[1].endpoint.addresses.len(), 2);
        assert_eq!(questions.try_iter().count(), 0);
    });
}

/// Each endpoint with its authority, its weight and its tier.
fn places(cluster: &Cluster) -> Vec<String> {
    let list = &cluster.endpoints().list;
    let told = list.iter().map(|member| &member.endpoint);
    told.map(|found| format!("{found} {} {} {}", found.authority, found.weight, found.tier)).collect()
}

#[test]
fn records_of_a_service_tell_hosts_ports_shares_and_who_comes_first() {
    run(async {
        let (script, _questions) = script(&[
            ("a.example", &["10.0.0.1", "10.0.0.2"], 300),
            ("b.example", &["10.0.0.3"], 300),
            ("c.example", &["10.0.0.4"], 300),
        ]);
        script.serve(
            "_http._tcp.example",
            60,
            &[(20, 1, 80, "c.example"), (10, 0, 8080, "b.example"), (10, 5, 8080, "a.example")],
        );
        let cluster = cluster(&["srv:_http._tcp.example", "10.9.9.9"]);
        discover(cluster.shared(), script.clone()).await.unwrap();
        assert_eq!(
            places(&cluster),
            [
                // A weight of 0 is a small one.
                "10.0.0.3:8080 b.example:8080 1 0",
                "10.0.0.1:8080 a.example:8080 5 0",
                "10.0.0.2:8080 a.example:8080 5 0",
                "10.0.0.4:80 c.example 1 1",
                "10.9.9.9:80 10.9.9.9 1 0",
            ]
        );
    });
}

#[test]
fn a_service_is_asked_for_again_and_what_is_gone_leaves() {
    run(async {
        let (script, questions) =
            script(&[("a.example", &["10.0.0.1"], 300), ("b.example", &["10.0.0.2"], 300)]);
        script.serve("s.example", 10, &[(1, 1, 80, "a.example"), (1, 1, 81, "b.example")]);
        let cluster = cluster(&["srv:s.example"]);
        discover(cluster.shared(), script.clone()).await.unwrap();
        assert_eq!(addresses(&cluster), ["10.0.0.1:80", "10.0.0.2:81"]);
        let stays = Arc::clone(&cluster.endpoints().list[1].shared);
        assert_eq!(questions.try_iter().count(), 3);

        script.serve("s.example", 10, &[(1, 7, 81, "b.example")]);
        pass(Duration::from_secs(11)).await;
        assert_eq!(places(&cluster), ["10.0.0.2:81 b.example:81 7 0"]);
        // What is known of one that stays goes on, though its share is another now.
        assert!(Arc::ptr_eq(&stays, &cluster.endpoints().list[0].shared));

        // A single record without a target says that there is no such service (RFC 2782).
        script.serve("s.example", 10, &[(0, 0, 0, "")]);
        pass(Duration::from_secs(11)).await;
        assert!(addresses(&cluster).is_empty());
    });
}

#[test]
fn the_last_records_are_kept_while_a_service_or_one_of_its_hosts_cannot_be_resolved() {
    run(async {
        let (script, _questions) =
            script(&[("a.example", &["10.0.0.1"], 300), ("b.example", &["10.0.0.2"], 300)]);
        script.serve("s.example", 10, &[(1, 1, 80, "a.example"), (1, 1, 81, "b.example")]);
        let before = cluster(&["srv:s.example"]);
        discover(before.shared(), script.clone()).await.unwrap();
        script.services.store(Arc::default());
        pass(Duration::from_secs(20)).await;
        assert_eq!(addresses(&before), ["10.0.0.1:80", "10.0.0.2:81"]);

        script.serve("s.example", 10, &[(1, 1, 80, "a.example"), (1, 1, 82, "b.example")]);
        script.answers.store(Arc::new(table(&[("b.example", &["10.0.0.9"], 300)])));
        pass(Duration::from_secs(40)).await;
        assert_eq!(addresses(&before), ["10.0.0.1:80", "10.0.0.9:82"]);

        // Also over a reload that changes the list.
        script.services.store(Arc::default());
        let after = cluster_after(&["10.9.9.9", "srv:s.example"], Some(&before));
        discover(after.shared(), script.clone()).await.unwrap();
        assert_eq!(addresses(&after), ["10.9.9.9:80", "10.0.0.1:80", "10.0.0.9:82"]);
        let known = &before.endpoints().list[1].shared;
        assert!(Arc::ptr_eq(known, &after.endpoints().list[2].shared));
    });
}

#[test]
fn an_endless_list_of_records_is_cut() {
    run(async {
        let (script, _questions) = script(&[("a.example", &["10.0.0.1"], 300)]);
        let records: Vec<_> = (1..=1000).map(|port| (1, 1, port, "a.example")).collect();
        script.serve("s.example", 10, &records);
        let cluster = cluster(&["srv:s.example"]);
        discover(cluster.shared(), script).await.unwrap();
        assert_eq!(addresses(&cluster).len(), 256);
    });
}

#[test]
fn what_is_kept_over_a_reload_is_spoken_to_as_the_configuration_says_now() {
    run(async {
        let (script, _questions) = script(&[("a.example", &["10.0.0.1"], 300)]);
        script.serve("s.example", 300, &[(1, 2, 80, "a.example"), (7, 3, 81, "a.example")]);
        let before = cluster(&["a.example", "srv:s.example"]);
        discover(before.shared(), script.clone()).await.unwrap();
        assert_eq!(
            places(&before),
            ["10.0.0.1:80 a.example 1 0", "10.0.0.1:81 a.example:81 3 1"],
            "the first record names the same place as the endpoint before it"
        );
        script.answers.store(Arc::default());
        script.services.store(Arc::default());

        let secure = |endpoint: &mut EndpointSettings| {
            let EndpointHost::Tcp { port, .. } = &mut endpoint.host else { panic!("a name") };
            *port = 443;
            endpoint.protocol = Protocol::Tls;
            endpoint.weight = 0;
        };
        let after = cluster_with(&["a.example"], Some(&before), secure);
        discover(after.shared(), script.clone()).await.unwrap();
        assert_eq!(places(&after), ["10.0.0.1:443 a.example 0 0"]);
        assert_eq!(after.endpoints().list[0].endpoint.protocol, Protocol::Tls);

        let other = |endpoint: &mut EndpointSettings| {
            endpoint.protocol = Protocol::Http2;
            endpoint.weight = 10;
            endpoint.is_backup = true;
        };
        let after = cluster_with(&["srv:s.example"], Some(&before), other);
        discover(after.shared(), script.clone()).await.unwrap();
        assert_eq!(places(&after), ["10.0.0.1:81 a.example:81 30 65537"]);
        assert_eq!(after.endpoints().list[0].endpoint.protocol, Protocol::Http2);
    });
}

#[test]
fn a_place_that_several_name_is_one_endpoint_however_often_names_cannot_be_resolved() {
    run(async {
        let (script, _questions) = script(&[("a.example", &["10.0.0.1", "10.0.0.2"], 10)]);
        script.serve("s.example", 10, &[(1, 1, 80, "a.example"), (2, 5, 80, "a.example")]);
        let cluster = cluster(&["srv:s.example"]);
        discover(cluster.shared(), script.clone()).await.unwrap();
        let wanted = ["10.0.0.1:80 a.example 1 0", "10.0.0.2:80 a.example 1 0"];
        assert_eq!(places(&cluster), wanted);
        script.answers.store(Arc::default());
        pass(Duration::from_mins(2)).await;
        assert_eq!(places(&cluster), wanted);
    });
}
