//! Changes requests before they go to the service: their header fields and the parameters of their query.
//!
//! The changes run in one order, whatever the order in which they are written: `remove`, `keep`, `rename`, `set`, `add`,
//! `default`. Texts may have values in them: `X-Client: "{client.ip}"`. They are the values of the request as it came to this
//! policy, before the first change, so a header can be removed and its value used for another. What is set to just a
//! missing value is removed; inside a text a missing value is empty.
//!
//! `Host` and the fields of the connection (`Connection`, `Content-Length`, `Transfer-Encoding` and the like) cannot be changed.

use maitred_config::{Problem, config_map};
use maitred_http::RequestHead;
use maitred_policy::values::View;
use maitred_policy::{Build, Facts, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use crate::edits::{FieldEdits, FieldEditsConfig, Message, QueryEdits, QueryEditsConfig, Scratch};

config_map! {
    /// Changes of requests.
    pub struct TransformRequestConfig {
        /// Changes of header fields.
        headers: Option<FieldEditsConfig>,
        /// Changes of the query's parameters.
        query: Option<QueryEditsConfig>,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct TransformRequest {
    headers: Option<FieldEdits>,
    query: Option<QueryEdits>,
}

impl PolicyKind for TransformRequest {
    const NAME: &'static str = "transform_request";
    type Config = TransformRequestConfig;
    type Compiled = Self;

    fn phase(_: &TransformRequestConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(config: TransformRequestConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let headers = config.headers.map(|edits| FieldEdits::compile(&edits, Message::Request, build));
        let query = config.query.map(|edits| QueryEdits::compile(&edits, build));
        if headers.as_ref().is_some_and(Option::is_none) || query.as_ref().is_some_and(Option::is_none) {
            return None;
        }
        let headers = headers.flatten().filter(|edits| !edits.is_empty());
        let query = query.flatten().filter(|edits| !edits.is_empty());
        if headers.is_none() && query.is_none() {
            build.report(Problem::warning("`transform_request` changes nothing").at(build.span()));
        }
        Some(Self { headers, query })
    }
}

impl Policy for TransformRequest {
    type State = ();
    type Local = Scratch;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        cx.local.lend(|buffer| {
            let view = View::of_request(cx.request, cx.facts);
            let fields = self.headers.as_ref().map(|edits| (edits, edits.render(&view, buffer)));
            let query = self.query.as_ref().map(|edits| (edits, edits.render(&view, buffer)));
            if let Some((edits, places)) = fields {
                edits.apply(&mut cx.request.fields, &places, buffer);
            }
            if let Some((edits, places)) = query {
                cx.facts.remember(cx.request);
                edits.apply(&mut cx.request.target, &places, buffer);
            }
        });
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        match (&self.headers, &self.query) {
            (Some(_), Some(_)) => "changes header fields and the query".to_owned(),
            (Some(_), None) => "changes header fields".to_owned(),
            (None, Some(_)) => "changes the query".to_owned(),
            (None, None) => "changes nothing".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
