//! What operators see of quotas, and set back: `/quotas`, and `/quotas/KEY` for a key as the list has it.
//! On the control runtime, beside requests; who may ask is checked by the admin listener.

use maitred_http::Method;
use maitred_policy::{AdminReply, AdminRequest, AdminResource, AdminServing};
use maitred_store::{Away, Decision, Key, Moment, Seat, Take};
use serde_json::{Value, json};

use super::counter::Counter;
use super::limit;
use super::tiers::{Group, Tiers};
use super::told::Class;

/// The quotas of a policy.
#[derive(Debug)]
pub(super) struct Quotas {
    groups: Box<[Group]>,
}

/// How many keys a list has at most.
const MOST: usize = 1000;

impl Quotas {
    /// Those among these limits; none if there are none.
    pub(super) fn of(tiers: &Tiers) -> Option<Self> {
        let has_quota = |group: &&Group| group.iter().any(|counter| counter.class == Class::Quota);
        let groups: Box<[Group]> = tiers.groups().filter(has_quota).cloned().collect();
        (!groups.is_empty()).then_some(Self { groups })
    }

    fn counters(&self) -> impl Iterator<Item = &Counter> {
        let all = self.groups.iter().flat_map(|group| group.iter());
        all.filter(|counter| counter.class == Class::Quota)
    }

    /// Who has used something.
    async fn list(&self) -> Result<AdminReply, Away> {
        let mut told = Vec::new();
        for counter in self.counters() {
            let values = counter.store().list(Seat::Control, &counter.scope, MOST).wait().await?;
            let mut keys: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
            keys.sort_unstable();
            let limits: Vec<_> = counter.limits.iter().map(limit::rate).collect();
            told.push(json!({ "counted_as": counter.scope.name, "limits": limits, "keys": keys }));
        }
        Ok(AdminReply { status: 200, json: json!({ "quotas": told }) })
    }

    /// How much somebody has used; with `reset` that is forgotten first.
    async fn one(&self, key: &str, now: Moment, reset: bool) -> Result<AdminReply, Away> {
        let mut told = Vec::new();
        for counter in self.counters() {
            let key = Key { scope: &counter.scope, value: key.as_bytes() };
            let look = Take { key, limits: &counter.limits, cost: 0, is_due: false, now };
            let mut decision = counter.store().take(Seat::Control, look).wait().await?;
            if !is_used(counter, &decision) {
                continue;
            }
            if reset {
                counter.store().reset(Seat::Control, key, &counter.limits).wait().await?;
                decision = counter.store().take(Seat::Control, look).wait().await?;
            }
            let limits: Vec<_> = standings(counter, &decision, now).collect();
            told.push(json!({ "counted_as": counter.scope.name, "limits": limits }));
        }
        let status = if told.is_empty() { 404 } else { 200 };
        Ok(AdminReply { status, json: json!({ "key": key, "quotas": told }) })
    }
}

fn is_used(counter: &Counter, decision: &Decision) -> bool {
    let mut all = counter.limits.iter().zip(&decision.standings);
    all.any(|(limit, standing)| standing.remaining < limit::capacity(limit))
}

fn standings(counter: &Counter, decision: &Decision, now: Moment) -> impl Iterator<Item = Value> {
    counter.limits.iter().zip(&decision.standings).map(move |(limit, standing)| {
        let most = limit::capacity(limit);
        let used = most.saturating_sub(standing.remaining);
        let resets_at = now.wall / 1_000_000 + standing.reset.as_secs();
        json!({ "limit": limit::rate(limit), "used": used, "remaining": standing.remaining, "resets_at": resets_at })
    })
}

impl AdminResource for Quotas {
    fn collection(&self) -> &'static str {
        "quotas"
    }

    fn allowed(&self) -> &'static str {
        "GET, HEAD, DELETE"
    }

    fn serve<'a>(&'a self, request: AdminRequest<'a>) -> AdminServing<'a> {
        Box::pin(async move {
            let AdminRequest { rest, moment, .. } = request;
            let served = match (request.method, rest) {
                (Method::Get, "") => self.list().await,
                (Method::Get, key) => self.one(key, moment, false).await,
                (Method::Delete, key) if !key.is_empty() => self.one(key, moment, true).await,
                _ => Ok(AdminReply { status: 405, json: json!({}) }),
            };
            served
                .unwrap_or_else(|away| AdminReply { status: 503, json: json!({ "error": away.to_string() }) })
        })
    }
}
