//! Keeps answers of services, and answers from them while they are fresh.
//!
//! It is a shared cache by RFC 9111: for how long an answer is fresh is what the service says in `Cache-Control` or `Expires`; `ttl` counts where it says
//! nothing. What is stale is asked for anew, with `If-None-Match` and `If-Modified-Since` where the service gave something to go by. Answers are found by the URL that the client
//! asked for, by the route, by what `Vary` names, and by the values in `vary`. `POST`, `PUT`, `DELETE` and the like remove what is kept under their URL. What is kept is what the
//! service said: policies that change answers do so each time.
//!
//! Nobody gets what is for another: answers to requests with `Authorization`, or of somebody who is known by a key, a token, a session, a certificate or a service that decides, are shared only where the
//! service says `public` or `s-maxage` (`must-revalidate`, too, for `Authorization`), or where `vary` tells askers apart: by `header.Authorization`, `consumer.name`, `claim.sub` or `client.certificate`.
//! So are those with `Set-Cookie`. Answers that say nothing of caching are not kept for requests with cookies; a cookie named in `vary` changes that.
//!
//! Requests that want the same at the same time wait for the first of them. Answers are in memory, up to `memory` bytes for the place where the policy is written, and stay there over reloads;
//! with `store` they are in a store, too, where replicas and restarted gateways find them.
//! Each answer tells in `X-Cache` (`HIT`, `MISS`, `STALE`, `BYPASS`) and `Cache-Status` (RFC 9211) what became of it. See `docs/cache.md`.

use std::sync::Arc;
use std::time::Duration;

use maitred_cache::Rules;
use maitred_config::{Problem, Spanned};
use maitred_policy::values::Available;
use maitred_policy::{Build, Condition, Phase, PolicyKind, Runtime};

mod admin;
mod asking;
mod config;
mod counts;
mod fill;
mod flights;
mod kept;
mod keys;
mod lookup;
mod marks;
mod owed;
mod packed;
mod policy;
mod purge;
mod replicas;
mod shared;
mod shelf;
mod state;
#[cfg(test)]
mod tests;
mod told;

use config::{CacheConfig, Control};
use keys::Keying;
use purge::Purge;
use replicas::Replicas;
use shared::CacheShared;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Cache {
    rules: Rules,
    keying: Keying,
    honours_clients: bool,
    coalesce: Option<Duration>,
    max_body: u64,
    expose_tags: bool,
    when: Option<Condition>,
    bypass: Option<Condition>,
    shared: Arc<CacheShared>,
    replicas: Option<Arc<Replicas>>,
}

impl PolicyKind for Cache {
    const NAME: &'static str = "cache";
    type Config = CacheConfig;
    type Compiled = Self;

    fn phase(_: &CacheConfig) -> Phase {
        Phase::Lookup
    }

    fn compile(config: CacheConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let mut condition = |written: Option<_>| match written {
            Some(written) => build.condition(&written, Available::Request).map(Some),
            None => Some(None),
        };
        // All are compiled before any ends it, so that all problems are told.
        let (when, bypass) = (condition(config.when), condition(config.bypass));
        let keying = Keying::compile(&config.vary, config.query, config.expose_tags, build);
        let rules = Rules {
            ttl: config.ttl.on().map(Duration::as_secs),
            negative_ttl: config.negative_ttl.map(|ttl| ttl.as_secs()),
            stale_while_revalidate: config.stale_while_revalidate.as_secs(),
            stale_if_error: config.stale_if_error.as_secs(),
            honours_targeted: config.cdn_control == Control::Honour,
            keeps_tags: config.expose_tags,
        };
        let (memory, max_body) = (config.memory.0, config.max_body.value.0);
        let goes_on = previous.filter(|previous| previous.shared.answers.resize(memory, max_body));
        let shared = goes_on.map(|previous| Arc::clone(&previous.shared));
        let shared = shared.unwrap_or_else(|| Arc::new(CacheShared::new(memory, max_body)));
        let replicas = Self::replicas(config.store.as_ref(), &shared, build, goes_on);
        Some(Self {
            rules,
            keying: keying?,
            honours_clients: config.client_control == Control::Honour,
            coalesce: config.coalesce.then_some(config.coalesce_timeout),
            max_body,
            expose_tags: config.expose_tags,
            when: when?,
            bypass: bypass?,
            shared,
            replicas: replicas?,
        })
    }
}

impl Cache {
    /// The replicas that share the store of this name, where one is named. They find what is kept here and are told what is removed, and the other way round.
    #[expect(clippy::option_option, reason = "whether it went well, and whether there are any")]
    fn replicas(
        name: Option<&Spanned<String>>,
        shared: &Arc<CacheShared>,
        build: &mut Build<'_>,
        previous: Option<&Self>,
    ) -> Option<Option<Arc<Replicas>>> {
        let Some(name) = name else { return Some(None) };
        let store = build.store(Some(name))?;
        if !store.is_shared() {
            let problem = Problem::error("no other replica shares this store, so that it does nothing here");
            build.report(problem.at(name.span).help("leave `store` out, or name one that is a server"));
            return None;
        }
        let known = previous.and_then(|previous| previous.replicas.as_ref());
        let known = known.filter(|known| Arc::ptr_eq(&known.shelf.store, &store)).map(Arc::clone);
        Some(Some(known.unwrap_or_else(|| Arc::new(Replicas::new(store, build.scope("cache"), shared)))))
    }

    /// Removes what is kept under a key, here and at the other replicas.
    fn invalidate(&self, key: &[u8], runtime: &dyn Runtime) {
        let Some(replicas) = &self.replicas else {
            self.shared.invalidate(key);
            return;
        };
        // In this order: what is found in the store from now on is not believed, and what was found before is not kept.
        replicas.owed.add(Purge::Key(key.into()));
        self.shared.invalidate(key);
        replicas.settle_beside(&runtime.beside());
    }
}
