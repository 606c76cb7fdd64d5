//! Changes the header fields of answers before they go to the client, also of those that the gateway makes.
//!
//! The changes run in one order, whatever the order in which they are written: `remove`, `keep`, `rename`, `set`, `add`,
//! `default`. Texts may have values in them: `X-Route: "{route}"`; `header.NAME` is a header of the request, `response.status`
//! the status of the answer. What is set to just a missing value is removed; inside a text a missing value is empty.
//!
//! The fields of the connection (`Connection`, `Content-Length`, `Transfer-Encoding` and the like) cannot be changed.

use maitred_config::{Problem, config_map};
use maitred_http::RequestHead;
use maitred_policy::values::View;
use maitred_policy::{Build, Facts, Phase, Policy, PolicyKind, ResponseCx, Step, Verdict};

use crate::edits::{FieldEdits, FieldEditsConfig, Message, Scratch};

config_map! {
    /// Changes of answers.
    pub struct TransformResponseConfig {
        /// Changes of header fields.
        headers: Option<FieldEditsConfig>,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct TransformResponse {
    headers: Option<FieldEdits>,
}

impl PolicyKind for TransformResponse {
    const NAME: &'static str = "transform_response";
    type Config = TransformResponseConfig;
    type Compiled = Self;

    fn phase(_: &TransformResponseConfig) -> Phase {
        Phase::Render
    }

    fn compile(config: TransformResponseConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let headers = match config.headers {
            Some(edits) => Some(FieldEdits::compile(&edits, Message::Response, build)?),
            None => None,
        };
        let headers = headers.filter(|edits| !edits.is_empty());
        if headers.is_none() {
            build.report(Problem::warning("`transform_response` changes nothing").at(build.span()));
        }
        Some(Self { headers })
    }
}

impl Policy for TransformResponse {
    type State = ();
    type Local = Scratch;

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if let Some(edits) = &self.headers {
            cx.local.lend(|buffer| {
                let places = edits.render(&View::of_response(cx.response, cx.request, cx.facts), buffer);
                edits.apply(&mut cx.response.fields, &places, buffer);
            });
        }
        Step::CONTINUE
    }

    fn explain(&self, _: &RequestHead, _: &Facts) -> String {
        let what = if self.headers.is_some() { "header fields of the answer" } else { "nothing" };
        format!("changes {what}")
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::Fault;
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    const YAML: &str = "{ headers: { remove: [X-Internal, set-cookie], set: { X-Status: '{response.status}', \
        X-From: '{header.X-Tag}' }, default: { Cache-Control: no-store } } }";

    #[test]
    fn answers_are_changed() {
        let harness = Harness::of::<TransformResponse>(YAML);
        let outcome = harness.request("GET /", &[("X-Tag", "t")]).answer(
            404,
            &[
                ("X-Internal", "1"),
                ("Set-Cookie", "a"),
                ("Set-Cookie", "b"),
                ("Cache-Control", "max-age=1"),
                ("X-From", "x"),
            ],
        );
        for (name, value) in [
            ("X-Internal", None),
            ("Set-Cookie", None),
            ("X-Status", Some("404")),
            ("X-From", Some("t")),
            ("Cache-Control", Some("max-age=1")),
        ] {
            assert_eq!(outcome.field(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn so_are_errors_of_the_gateway() {
        let outcome =
            Harness::of::<TransformResponse>(YAML).request("GET /", &[]).fail(Fault::timeout("late"));
        assert_eq!(outcome.field("X-Status").as_deref(), Some("504"));
        assert_eq!(outcome.field("Cache-Control").as_deref(), Some("no-store"));
        assert_eq!(outcome.field("X-From"), None);
    }

    #[test]
    fn only_what_is_named_is_kept() {
        let outcome = Harness::of::<TransformResponse>("{ headers: { keep: content-type } }")
            .request("GET /", &[])
            .answer(200, &[("Content-Type", "text/html"), ("X-A", "1"), ("Content-Length", "3")]);
        assert_eq!(outcome.field("X-A"), None);
        assert_eq!(outcome.field("Content-Type").as_deref(), Some("text/html"));
        assert_eq!(outcome.field("Content-Length").as_deref(), Some("3"));
    }

    #[test]
    fn mistakes_are_told() {
        for (yaml, told) in [
            ("{ query: {} }", "unknown key `query`"),
            ("{ body: {} }", "unknown key `body`"),
            (
                "{ headers: { set: { Transfer-Encoding: x } } }",
                "`Transfer-Encoding` belongs to the connection",
            ),
            ("{ headers: { set: { X: '{error.detail}' } } }", "`error.detail` exists only in `errors`"),
            ("true", "warning: `transform_response` changes nothing"),
        ] {
            let problems = problems_of::<TransformResponse>(yaml);
            assert!(problems.contains(told), "{yaml}:\n{problems}");
        }
    }
}
