//! The master that sentinels name, also when it becomes another.

use std::time::{Duration, Instant};

use maitred_store::{Algorithm, Away, RedisLogin, RedisPlace, RedisServers, RedisSettings};
use maitred_tests::{Redis, RedisSentinels, eventually};

use crate::stage::{Stage, per_day, place, settings};

#[test]
fn sentinels_and_servers_are_asked_with_their_passwords() {
    let all = RedisSentinels::start(Some("word"));
    let login = |password: &str| RedisLogin { username: None, password: Some(password.into()) };
    let stage = |of_servers, of_sentinels| {
        let sentinels = all.sentinels.iter().map(place).collect();
        let servers = RedisServers::Sentinel { sentinels, master: "shop".into(), login: login(of_sentinels) };
        Stage::of(&RedisSettings { login: login(of_servers), ..settings(servers) })
    };
    let right = stage("word", "word");
    eventually("the master is found", || right.is_well().then_some(()));
    for wrong in [stage("word", "other"), stage("other", "word")] {
        // Nobody waits once it was tried.
        eventually("it is known that it is not found", || {
            (wrong.take("k", per_day(Algorithm::TokenBucket, 2)) == Err(Away::Unreachable)).then_some(())
        });
    }
}

fn stage(all: &RedisSentinels, also: Option<RedisPlace>) -> Stage {
    let sentinels = also.into_iter().chain(all.sentinels.iter().map(place)).collect();
    Stage::of(&settings(RedisServers::Sentinel {
        sentinels,
        master: "shop".into(),
        login: RedisLogin::default(),
    }))
}

#[test]
fn a_master_that_dies_is_followed_by_the_next() {
    let mut all = RedisSentinels::default();
    // The first that is asked does not even exist.
    let stage = stage(&all, Some(RedisPlace::Tcp("127.0.0.1".into(), 1)));
    let limit = per_day(Algorithm::SlidingWindow, 2);
    let first = eventually("the master is found", || stage.take("k", limit).ok());
    assert!(first.is_allowed);
    eventually("the replica has it", || (all.servers[1].ask(&["DBSIZE"]) != "0").then_some(()));
    all.servers[0].kill();
    let next = eventually("the next master is asked", || stage.take("k", limit).ok());
    assert!(next.is_allowed);
    assert_eq!(next.standings[0].remaining, 0, "what was counted was not lost");
    assert_eq!(all.master(), Some(1));
    assert!(!stage.take("k", limit).unwrap().is_allowed);
}

#[test]
fn a_master_that_is_told_to_step_down_is_left() {
    let all = RedisSentinels::default();
    let stage = stage(&all, None);
    eventually("the master is found", || stage.is_well().then_some(()));
    assert_eq!(all.sentinels[0].ask(&["SENTINEL", "FAILOVER", "shop"]), "OK");
    eventually("there is another", || (all.master() == Some(1)).then_some(()));
    let written =
        || all.servers[1].ask(&["EXISTS", "maitred:limit:test:{after}:token_bucket:9/86400000000us"]) == "1";
    eventually("the new one is written to", || {
        let _ = stage.take("after", per_day(Algorithm::TokenBucket, 9));
        written().then_some(())
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "waiting is real time")]
fn sentinels_that_hang_keep_nobody_waiting() {
    let all = RedisSentinels::default();
    let hanging: Vec<_> = (0..3).map(|_| Redis::default()).collect();
    hanging.iter().for_each(Redis::pause);
    let settings = |sentinels| RedisSettings {
        timeout: Duration::from_millis(100),
        connect_timeout: Duration::from_secs(3),
        ..settings(RedisServers::Sentinel { sentinels, master: "shop".into(), login: RedisLogin::default() })
    };
    let limit = per_day(Algorithm::TokenBucket, 1_000_000);
    // Three would be waited for six seconds each, if one after the other.
    let sentinels = hanging.iter().chain(&all.sentinels).map(place).collect();
    let (stage, began) = (Stage::of(&settings(sentinels)), Instant::now());
    eventually("the master is found", || stage.take("k", limit).ok());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Where none answers, only those wait that come before it is known.
    let stage = Stage::of(&settings(hanging.iter().map(place).collect()));
    let began = Instant::now();
    assert!((0..100).all(|_| stage.take("k", limit) == Err(Away::Unreachable)));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    hanging.iter().for_each(Redis::resume);
}
