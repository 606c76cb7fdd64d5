//! What is answered in place of a service that fails, in order.
//! Compiled; it is acted on in `exchange::traffic`.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::duration;
use maitred_http::Method;
use maitred_telemetry::{DegradedBy, DegradedSeries};

use super::{Respond, Service};
use crate::kept::KeptShared;
use crate::kept::shared::KeptStore;

/// What stands in for a service that fails.
#[derive(Debug)]
pub(crate) struct Degrade {
    pub(crate) steps: Box<[DegradeStep]>,
    /// Where good answers are kept, where one of the steps needs them.
    pub(crate) kept: Option<Arc<KeptShared>>,
    /// Where all replicas keep them, where they share a store.
    pub(crate) shared: Option<Arc<KeptStore>>,
    pub(crate) counts: Arc<DegradedSeries>,
}

/// One thing that may stand in.
#[derive(Debug)]
pub(crate) enum DegradeStep {
    /// A kept answer that is not older than this.
    Cache(Duration),
    /// Another service.
    Upstream(Service),
    /// A fixed answer, to these methods; to all where there are none.
    Respond(Respond, Box<[Method]>),
}

impl Degrade {
    /// What it would come to for a request.
    pub(super) fn explain(&self, method: Method) -> String {
        let mut told = Vec::new();
        for step in &self.steps {
            match step {
                DegradeStep::Cache(ttl) if can_be_kept(method) => {
                    told.push(format!("an answer kept for up to {}", duration::format(*ttl)));
                }
                DegradeStep::Upstream(service) => {
                    let condition = if method.is_safe() { "" } else { " if nothing was sent" };
                    told.push(format!("the upstream `{}`{condition}", service.upstream));
                }
                DegradeStep::Respond(respond, methods) if takes(methods, method) => {
                    told.push(format!("answers {}", respond.status));
                }
                DegradeStep::Cache(_) | DegradeStep::Respond(..) => {}
            }
        }
        if told.is_empty() { "nothing, for this method".to_owned() } else { told.join(", then ") }
    }
}

impl DegradeStep {
    /// What an answer that comes of it is counted and marked as.
    pub(crate) fn by(&self) -> DegradedBy {
        match self {
            Self::Cache(_) => DegradedBy::Cache,
            Self::Upstream(_) => DegradedBy::Upstream,
            Self::Respond(..) => DegradedBy::Default,
        }
    }
}

/// Whether a request with this method may be answered with what is kept: what GET is answered with, and its head.
pub(crate) fn can_be_kept(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}

/// Whether a fixed answer for these methods is one for this one: GET includes HEAD.
pub(crate) fn takes(methods: &[Method], method: Method) -> bool {
    methods.is_empty()
        || methods.contains(&method)
        || method == Method::Head && methods.contains(&Method::Get)
}
