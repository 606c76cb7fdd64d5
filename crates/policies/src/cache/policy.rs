//! The hooks of `cache`: a request is answered from what is kept, or its answer is kept on the way up.
//! What they do is in `lookup.rs` and `kept.rs`.

use std::sync::Arc;

use maitred_cache::write_key;
use maitred_http::{Method, RequestHead};
use maitred_policy::{AdminResource, Facts, Policy, RequestCx, ResponseCx, Step, Verdict};
use maitred_telemetry::Measured;

use super::Cache;
use super::admin::Purging;
use super::state::{Keys, State};

impl Policy for Cache {
    type State = State;
    type Local = Keys;

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(Arc::clone(&self.shared) as Arc<dyn Measured>)
    }

    fn admin(&self) -> Option<Arc<dyn AdminResource>> {
        let (shared, replicas) = (Arc::clone(&self.shared), self.replicas.clone());
        Some(Arc::new(Purging { shared, replicas, query: self.keying.query.clone() }))
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, state, local, runtime, .. } = cx;
        self.look_up(request, facts, state, local, runtime)
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let ResponseCx { response, request, facts, body, state, runtime, .. } = cx;
        Step::Ready(match std::mem::take(state) {
            State::Done => Verdict::Continue,
            State::Passes(why) => {
                self.passed(why, response, runtime);
                Verdict::Continue
            }
            State::Changes(key) => {
                self.changed(&key, response, facts, runtime);
                Verdict::Continue
            }
            State::Asked(asked) => self.take(*asked, (response, &request.fields), facts, body, runtime),
        })
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        if !matches!(request.method, Method::Get | Method::Head) {
            return if request.method.is_safe() {
                "has nothing to do with this method".to_owned()
            } else {
                "lets it through; if it succeeds, what is kept under its URL is removed".to_owned()
            };
        }
        if self.passes_by(request, facts, &self.control(request)).is_some() {
            return "lets it through: it is not for the cache".to_owned();
        }
        let mut key = Vec::new();
        write_key(&mut key, facts.scheme, request, &self.keying.query);
        let asker = self.keying.asker(request, facts);
        let whose = if asker.has_authorization || asker.is_identified {
            ", as far as its service says that others may have them"
        } else {
            ""
        };
        format!(
            "answers from what is kept under {}, or keeps the answer{whose}",
            String::from_utf8_lossy(&key)
        )
    }
}
