//! A cluster: each key on its server, also when slots move, and when a master dies.

use std::collections::BTreeSet;

use maitred_store::{Algorithm, Limit, RedisServers, Scope, Store};
use maitred_tests::{RedisCluster, eventually};

use crate::stage::{SEAT, Stage, per_day, place, settings, take};

fn stage(cluster: &RedisCluster) -> Stage {
    // One that knows the others is enough.
    Stage::of(&settings(RedisServers::Cluster(vec![place(&cluster.nodes[1])])))
}

fn limits() -> [Limit; 2] {
    [per_day(Algorithm::TokenBucket, 2), per_day(Algorithm::SlidingWindow, 3)]
}

#[test]
fn all_limits_of_a_key_are_on_one_server_and_keys_on_all() {
    let cluster = RedisCluster::start(0);
    let stage = stage(&cluster);
    let scope = Scope::durable("quota:[a]*");
    let values: Vec<String> = (0..50).map(|number| format!("user {number}")).collect();
    for value in &values {
        let ask = || stage.run(stage.store.take(SEAT, take(&scope, value, &limits(), 1)).wait()).unwrap();
        let allowed = [ask(), ask(), ask()].map(|decision| decision.is_allowed);
        assert_eq!(allowed, [true, true, false], "{value}");
    }
    for node in &cluster.nodes {
        assert!(node.ask(&["DBSIZE"]).parse::<u64>().unwrap() > 10);
    }
    let list = |most| stage.run(stage.store.list(SEAT, &scope, most).wait()).unwrap();
    let listed: BTreeSet<_> =
        list(1000).into_iter().map(|value| String::from_utf8(value.into()).unwrap()).collect();
    assert_eq!(listed, values.iter().cloned().collect());
    assert_eq!(list(7).len(), 7);
    let others = Scope::durable("quota:a");
    assert!(stage.run(stage.store.list(SEAT, &others, 9).wait()).unwrap().is_empty());
}

#[test]
fn a_slot_that_moves_is_followed() {
    let cluster = RedisCluster::start(0);
    let stage = stage(&cluster);
    let limit = per_day(Algorithm::TokenBucket, 3);
    let name = "maitred:limit:test:{mover}:token_bucket:3/86400000000us";
    assert!(stage.take("mover", limit).unwrap().is_allowed);
    let slot = cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", name]);
    let (from, to) = (cluster.node_of(name), (cluster.node_of(name) + 1) % 3);
    let id = |node: usize| cluster.nodes[node].ask(&["CLUSTER", "MYID"]);
    let (from_id, to_id) = (id(from), id(to));
    let (from, to) = (&cluster.nodes[from], &cluster.nodes[to]);
    assert_eq!(to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]), "OK");
    assert_eq!(from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]), "OK");
    let port = to.port().to_string();
    assert_eq!(from.ask(&["MIGRATE", "127.0.0.1", &port, name, "0", "5000"]), "OK");
    // ASK: the slot is there, the key is here already.
    assert_eq!(stage.take("mover", limit).unwrap().standings[0].remaining, 1);
    for node in &cluster.nodes {
        node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    // MOVED: the slot is here.
    assert_eq!(stage.take("mover", limit).unwrap().standings[0].remaining, 0);
    assert!(!stage.take("mover", limit).unwrap().is_allowed);
}

#[test]
fn a_master_that_dies_is_followed_by_its_replica_and_others_do_not_suffer() {
    let mut cluster = RedisCluster::start(1);
    let stage = stage(&cluster);
    let limit = per_day(Algorithm::TokenBucket, 1000);
    let name = |value: &str| format!("maitred:limit:test:{{{value}}}:token_bucket:1000/86400000000us");
    assert!(stage.take("a", limit).unwrap().is_allowed);
    let dead = cluster.node_of(&name("a"));
    let well = (0..100)
        .map(|number| number.to_string())
        .find(|value| cluster.node_of(&name(value)) != dead)
        .unwrap();
    cluster.nodes[dead].kill();
    let mut others = Vec::new();
    let again = eventually("the replica is asked", || {
        others.push(stage.take(&well, limit));
        stage.take("a", limit).ok()
    });
    assert!(again.is_allowed);
    // While a cluster misses a master it may answer nobody, from when it notices until the replica takes over.
    assert!(others.first().unwrap().is_ok(), "{others:?}");
}
