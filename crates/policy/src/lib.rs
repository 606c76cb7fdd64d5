//! The contracts of policies: what one may see and decide, in which phase, and how it is made from configuration.
//!
//! A policy is one behaviour in one folder of `maitred-policies`. It implements [`PolicyKind`] (its name, its
//! configuration, how it is compiled) and [`Policy`] (its hooks). The engine knows both only in their erased form,
//! [`DynKind`] and [`DynPolicy`], and names none of them.

mod admin;
mod body;
mod build;
mod callers;
mod catalog;
pub mod condition;
mod contract;
mod erased;
mod facts;
mod fault;
mod fetched;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
pub mod identity;
mod ip_lists;
mod kind;
mod outbound;
mod packed;
mod phase;
mod request_id;
mod resources;
mod runtime;
mod stores;
pub mod values;
mod verdict;

pub use admin::{AdminReply, AdminRequest, AdminResource, AdminServing};
pub use body::{BodyFilter, Filters, RequestBody, ResponseBody, WholeBody};
pub use build::{Build, Kinds, Means, Place, Written};
pub use catalog::{Catalog, DynKind};
pub use condition::{Condition, Number};
pub use contract::{Needs, Outcome, OwnRequest, Policy, RequestCx, ResponseCx};
pub use erased::{CompiledPolicy, DynPolicy, Slot};
pub use facts::{
    Asked, CertificateFacts, Closeness, Facts, PathNames, PathParams, Reached, RouteFacts, StoreFacts,
    TableRef, ToldLimits,
};
pub use fault::{Fault, Retry, Side};
pub use fetched::{
    Asking, Fetch, FetchError, FetchedShared, Fetching, Made, Making, Origin, Renew, Service, follow,
};
pub use ip_lists::{IpLists, Networks};
pub use kind::PolicyKind;
pub use outbound::{AnyUpstream, CallError, CallLimits, Calling, Outbound, Upstreams};
pub use packed::{pack_head, unpack};
pub use phase::{Phase, rising};
pub use request_id::RequestId;
pub use resources::{MakingResources, Resources};
pub use runtime::{Aside, Beside, Job, Runtime, Sleep, off_worker};
pub use stores::Stores;
pub use verdict::{Pieces, Reply, ReplyBody, Step, Verdict};
