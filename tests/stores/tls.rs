//! TLS to a server of a private authority, with a certificate of the gateway's own where that is asked for.

use std::time::{Duration, SystemTime};

use maitred_net::{CertificatePem, ClientTls, ClientTlsSettings, TlsVersion, Trust};
use maitred_store::{Algorithm, RedisServers, RedisSettings};
use maitred_tests::{Authority, Redis, Signed};

use crate::stage::{Stage, per_day, place, settings};

fn server(authority: &Authority, name: &str, options: &[&str]) -> Redis {
    let own = authority.server(&[name]);
    Redis::with_tls(&own.certificate, &own.key, &authority.certificate(), options)
}

fn stage(redis: &Redis, authority: &Authority, own: Option<&Signed>, name: Option<&str>) -> Stage {
    let certificate = own.map(|own| CertificatePem {
        chain: own.certificate.clone().into_bytes(),
        key: own.key.clone().into_bytes(),
        ocsp: None,
    });
    let tls = ClientTlsSettings {
        trust: Trust::Bundle(authority.certificate().into_bytes()),
        certificate,
        server_name: name.map(str::to_owned),
        protocols: Vec::new(),
        oldest_version: TlsVersion::V12,
    };
    // Only warnings go by it.
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let tls = Some(ClientTls::new(&tls, now).unwrap());
    Stage::of(&RedisSettings { tls, ..settings(RedisServers::Single(place(redis))) })
}

#[test]
fn a_server_is_believed_whose_authority_is_named_and_whose_name_is_right() {
    let authority = Authority::default();
    let limit = per_day(Algorithm::TokenBucket, 5);
    let redis = server(&authority, "127.0.0.1", &["--tls-auth-clients", "no"]);
    assert!(stage(&redis, &authority, None, None).is_well());
    assert!(stage(&redis, &Authority::default(), None, None).take("k", limit).is_err());
    assert!(stage(&redis, &authority, None, Some("redis.test")).take("k", limit).is_err());
    let redis = server(&authority, "redis.test", &["--tls-auth-clients", "no"]);
    assert!(stage(&redis, &authority, None, Some("redis.test")).is_well());
    assert!(stage(&redis, &authority, None, None).take("k", limit).is_err());
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_one() {
    let authority = Authority::default();
    let limit = per_day(Algorithm::TokenBucket, 5);
    let redis = server(&authority, "127.0.0.1", &["--tls-auth-clients", "yes"]);
    let own = authority.client("gateway");
    assert!(stage(&redis, &authority, Some(&own), None).is_well());
    assert!(stage(&redis, &authority, None, None).take("k", limit).is_err());
}
