//! Users of the server (ACL), its password, and its databases.

use maitred_store::{Algorithm, Away, RedisLogin, RedisServers, RedisSettings};
use maitred_tests::{Redis, eventually};

use crate::stage::{Stage, per_day, place, settings};

fn login(username: Option<&str>, password: &str) -> RedisLogin {
    RedisLogin { username: username.map(Into::into), password: Some(password.into()) }
}

fn stage(redis: &Redis, login: RedisLogin) -> Stage {
    Stage::of(&RedisSettings { login, ..settings(RedisServers::Single(place(redis))) })
}

#[test]
fn a_server_with_a_password_is_asked_with_it_and_with_no_other() {
    let redis = Redis::with(&["--requirepass", "word"]);
    assert!(stage(&redis, login(None, "word")).is_well());
    let limit = per_day(Algorithm::TokenBucket, 5);
    for wrong in [login(None, "other"), RedisLogin::default()] {
        let stage = stage(&redis, wrong);
        assert!(stage.take("k", limit).is_err());
    }
    let stage = stage(&redis, login(None, "other"));
    eventually("it is not asked any more", || (stage.take("k", limit) == Err(Away::Open)).then_some(()));
}

#[test]
fn a_user_needs_its_keys_channels_and_these_commands() {
    let redis = Redis::default();
    let commands = "+evalsha +eval +get +set +getrange +del +pexpire +pttl +time +lindex +lrange +ltrim +rpush +lset +llen +zadd \
                    +zrem +zcard +zscore +zremrangebyscore +publish +subscribe +ping +scan +hello";
    let rules: Vec<&str> = commands.split(' ').collect();
    let mut create = vec!["ACL", "SETUSER", "gateway", "on", ">word", "~maitred:*", "&maitred:*"];
    create.extend(rules);
    assert_eq!(redis.ask(&create), "OK");
    let stage = stage(&redis, login(Some("gateway"), "word"));
    assert!(stage.is_well());
    for algorithm in [
        Algorithm::TokenBucket,
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
        Algorithm::SlidingWindowEstimate,
    ] {
        let said: Vec<_> =
            (0..3).map(|_| stage.take("k", per_day(algorithm, 2)).map(|said| said.is_allowed)).collect();
        assert_eq!(said[..2], [Ok(true), Ok(true)], "{algorithm:?}");
        assert!(said[2].is_ok(), "{algorithm:?}");
    }
    redis.ask(&["ACL", "SETUSER", "gateway", "-evalsha", "-eval"]);
    assert_eq!(stage.take("k", per_day(Algorithm::TokenBucket, 5)), Err(Away::Refused));
}

#[test]
fn a_database_is_apart_from_others() {
    let redis = Redis::default();
    let server = RedisServers::Single(place(&redis));
    let limit = per_day(Algorithm::TokenBucket, 1);
    let first = Stage::of(&settings(server.clone()));
    let other = Stage::of(&RedisSettings { database: 3, ..settings(server) });
    assert!(first.take("k", limit).unwrap().is_allowed);
    assert!(other.take("k", limit).unwrap().is_allowed);
    assert!(!other.take("k", limit).unwrap().is_allowed);
    assert_eq!(redis.ask(&["-n", "3", "DBSIZE"]), "1");
}

#[test]
fn passwords_are_not_shown() {
    let shown = format!("{:?}", login(Some("gateway"), "hush"));
    assert!(shown.contains("gateway") && !shown.contains("hush"), "{shown}");
}
