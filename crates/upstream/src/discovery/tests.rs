//! Names over time, with a scripted name server and a clock that jumps: what real ones do in hours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::*;
use maitred_wire::Limits;

use crate::cluster::{Cluster, ClusterSettings, Transport};
use crate::endpoint::Protocol;
use crate::resolver::{Addresses, ResolveError, Resolving};

/// Answers from a table that tests change, and tells of each question.
struct Script {
    answers: ArcSwap<HashMap<String, Result<Addresses, ResolveError>>>,
    asked: Sender<String>,
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        // A test that has seen enough no longer listens.
        let _ = self.asked.send(name.to_owned());
        let answer = self.answers.load().get(name).cloned();
        Box::pin(async move { answer.unwrap_or_else(|| Err(ResolveError("no such name".to_owned()))) })
    }
}

fn script(answers: &[(&str, &[&str], u64)]) -> (Arc<Script>, Receiver<String>) {
    let (asked, questions) = channel();
    (Arc::new(Script { answers: ArcSwap::from_pointee(table(answers)), asked }), questions)
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

fn cluster(hosts: &[&str]) -> Cluster {
    let endpoint = |host: &&str| EndpointSettings {
        host: EndpointHost::Tcp { host: Arc::from(*host), port: 80 },
        weight: 1,
        protocol: Protocol::Http1,
    };
    let settings = ClusterSettings::new("users".into(), hosts.iter().map(endpoint).collect());
    Cluster::new(settings, Transport { tls: None, limits: Limits::default() }, None)
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
