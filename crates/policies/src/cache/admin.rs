//! What operators see of a cache (`GET /caches`), and remove (`POST /caches/purge`).
//! What is removed here is removed at the other replicas, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use maitred_cache::QueryRule;
use maitred_http::Method;
use maitred_policy::{AdminReply, AdminRequest, AdminResource, AdminServing};
use maitred_store::{Moment, Seat};
use serde_json::{Value, json};

use super::purge::Purge;
use super::replicas::Replicas;
use super::shared::CacheShared;

/// A cache, as operators see it.
#[derive(Debug)]
pub(super) struct Purging {
    pub(super) shared: Arc<CacheShared>,
    pub(super) replicas: Option<Arc<Replicas>>,
    pub(super) query: QueryRule,
}

impl AdminResource for Purging {
    fn collection(&self) -> &'static str {
        "caches"
    }

    fn allowed(&self) -> &'static str {
        "GET, HEAD, POST"
    }

    fn serve<'a>(&'a self, request: AdminRequest<'a>) -> AdminServing<'a> {
        let reply = match (request.method, request.rest) {
            (Method::Get, "") => AdminReply { status: 200, json: self.numbers() },
            (Method::Post, "purge") => match Purge::read(request.body, &self.query) {
                Ok(purge) => return Box::pin(self.purge(purge, request.moment)),
                Err(why) => AdminReply { status: 400, json: json!({ "error": why }) },
            },
            (Method::Get | Method::Post, "purge" | "") => {
                AdminReply { status: 405, json: json!({ "error": "GET /caches, or POST /caches/purge" }) }
            }
            _ => AdminReply { status: 404, json: json!({ "error": "there is nothing here" }) },
        };
        Box::pin(std::future::ready(reply))
    }
}

impl Purging {
    /// Removes it here, and waits until replicas that share a store know.
    async fn purge(&self, purge: Purge, now: Moment) -> AdminReply {
        let Some(replicas) = &self.replicas else {
            return AdminReply { status: 200, json: json!({ "purged": self.shared.purge(&purge) }) };
        };
        // In this order: what is found in the store from now on is not believed, and what was found before is not kept.
        replicas.owed.add(purge.clone());
        let removed = self.shared.purge(&purge);
        replicas.settle(Seat::Control, now).await;
        let is_told = !replicas.owed.has_any();
        AdminReply { status: 200, json: json!({ "purged": removed, "told": is_told }) }
    }

    fn numbers(&self) -> Value {
        let CacheShared { answers, counts, kept, removed, .. } = &*self.shared;
        let requests: serde_json::Map<_, _> =
            counts.totals().map(|(outcome, count)| (outcome.label().to_owned(), count.into())).collect();
        json!({
            "urls": answers.keys(),
            "bytes": answers.bytes(),
            "capacity": answers.capacity(),
            "requests": requests,
            "stored": kept.load(Ordering::Relaxed),
            "removed": removed.load(Ordering::Relaxed),
            "evicted": answers.evicted(),
        })
    }
}
