//! Stores: each is opened once, and goes on over reloads for as long as it is configured in the same way.
//! Opening one does no more than to read a file: connections come when they are needed.

use std::sync::Arc;

use maitred_config::{MemoryStore as Written, Store};
use maitred_net::ClientTls;
use maitred_policy::Stores;
use maitred_store::{MemorySettings, MemoryStore, StoreShared};

mod redis;

use super::Compiler;
use super::tls::TlsCompiler;
use crate::stores::OpenStores;

/// Opens the stores of a document, or takes them over from the last snapshot.
pub(super) fn compile(compiler: &Compiler<'_>, tls: &mut TlsCompiler<'_, '_>) -> OpenStores {
    let default = (maitred_config::DEFAULT_STORE, Store { memory: Some(Written::default()), redis: None });
    let stores = &compiler.document.stores;
    let mut written: Vec<(Box<str>, Store)> =
        stores.iter().map(|store| (store.name.to_string().into(), store.value.clone())).collect();
    if written.iter().all(|(name, _)| **name != *default.0) {
        written.push((default.0.into(), default.1));
    }
    let tls: Vec<(Box<str>, ClientTls)> = stores
        .iter()
        .filter_map(|entry| Some((entry.name.to_string().into(), redis::tls(entry, tls)?)))
        .collect();
    let of = |name: &str| tls.iter().find(|(known, _)| **known == *name).map(|(_, tls)| tls);
    let before = compiler.previous.map(|snapshot| &snapshot.stores);
    let opened = written.iter().map(|(name, store)| {
        let open = before.and_then(|before| before.same(name, store, of(name))).unwrap_or_else(|| {
            if let Some(before) = before {
                before.save_for(store);
            }
            open(name, store, of(name))
        });
        compiler.metrics.measure(&[("store", name)], &open.measured());
        (name.clone(), open)
    });
    let open = Stores::new(opened.collect::<Vec<_>>());
    OpenStores { written, tls, open }
}

fn open(name: &str, store: &Store, tls: Option<&ClientTls>) -> StoreShared {
    if let Some(written) = &store.redis {
        return redis::open(name, written, tls);
    }
    let Written { size, path } = store.memory.clone().unwrap_or_default();
    let path = path.map(|path| path.value.0);
    Arc::new(MemoryStore::new(MemorySettings { size: size.0, path }))
}
