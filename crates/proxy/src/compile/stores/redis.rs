//! Stores in Redis: from what is written to what a connection needs. Files are read here, for TLS; no server is asked before a request or a
//! chore of the store needs it.

use std::sync::Arc;

use maitred_config::scalar::{EndpointHost, RedisTarget, RedisUrl};
use maitred_config::{NamedEntry, RedisStore as Written, Secret, Store};
use maitred_net::ClientTls;
use maitred_store::{RedisLogin, RedisPlace, RedisServers, RedisSettings, RedisStore, StoreShared};

use super::super::tls::TlsCompiler;

/// How TLS is spoken to a store, where it is.
pub(super) fn tls(entry: &NamedEntry<Store>, compiler: &mut TlsCompiler<'_, '_>) -> Option<ClientTls> {
    let written = entry.value.redis.as_ref().filter(|written| written.is_tls())?;
    let settings = written.tls.clone().unwrap_or_default();
    compiler.store(&settings, entry.span)
}

/// Opens a store: nobody is connected to before a request needs it.
pub(super) fn open(name: &str, written: &Written, tls: Option<&ClientTls>) -> StoreShared {
    let url = written.url.as_ref().map(|url| &url.value);
    let in_url = url.and_then(|url| url.database);
    let settings = RedisSettings {
        name: name.into(),
        servers: servers(written),
        login: match url.filter(|url| url.password.is_some()) {
            Some(url) => RedisLogin {
                username: url.username.as_deref().map(Into::into),
                password: url.password.as_deref().map(Into::into),
            },
            None => login(written.username.as_ref(), written.password.as_ref()),
        },
        database: written.database.or(in_url).unwrap_or(0),
        tls: tls.cloned(),
        timeout: written.timeout,
        connect_timeout: written.connect_timeout,
        prefix: written.prefix.as_str().into(),
    };
    Arc::new(RedisStore::new(&settings))
}

fn servers(written: &Written) -> RedisServers {
    let place = |url: &RedisUrl| match &url.target {
        RedisTarget::Tcp(EndpointHost::Ip(address), port) => {
            RedisPlace::Tcp(address.to_string().into(), *port)
        }
        RedisTarget::Tcp(EndpointHost::Name(name), port) => RedisPlace::Tcp(name.as_str().into(), *port),
        RedisTarget::Unix(path) => RedisPlace::Unix(path.into()),
    };
    let places = written.urls().map(|url| place(&url.value)).collect();
    match (&written.sentinel, &written.url) {
        (Some(sentinel), _) => RedisServers::Sentinel {
            sentinels: places,
            master: sentinel.master.as_str().into(),
            login: login(sentinel.username.as_ref(), sentinel.password.as_ref()),
        },
        (None, Some(url)) => RedisServers::Single(place(&url.value)),
        (None, None) => RedisServers::Cluster(places),
    }
}

fn login(username: Option<&String>, password: Option<&Secret>) -> RedisLogin {
    // An empty password is none.
    let password = password.filter(|password| !password.is_empty());
    RedisLogin {
        username: username.filter(|_| password.is_some()).map(|name| name.as_str().into()),
        password: password.map(|password| password.expose().into()),
    }
}
