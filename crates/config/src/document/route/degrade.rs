//! `degrade`: what a route answers with when its service fails, in order.
//! Each step by itself is checked here, with the steps before it; that its upstream exists, in `check.rs`.

use std::time::Duration;

use super::UpstreamRef;
use crate::config_map;
use crate::document::action::check_answer;
use crate::document::{JsonTemplate, refuse_zero};
use crate::problem::Problem;
use crate::read::{Fields, Method, Named, Reader, Spanned, StatusCode};
use crate::scalar::Template;

config_map! {
    /// One thing to answer with when the service fails: `cache`, `upstream` or `respond`.
    #[check = check_step]
    pub struct DegradeStep {
        /// The last good answer to the same request of the same caller (`GET`), if it is not older than this.
        cache: Option<DegradeCache>,
        /// Asks another service: the name or URL of an upstream. What is no safe method only if nothing of the request was sent.
        upstream: Option<UpstreamRef>,
        /// A fixed answer.
        respond: Option<DegradeRespond>,
    }
}

config_map! {
    /// Good answers that are kept for when the service fails.
    #[check = DegradeCache::check]
    pub struct DegradeCache {
        /// How long an answer is good for this.
        #[main]
        ttl: Duration = "1h",
    }
}

config_map! {
    /// A fixed answer in place of a service that fails.
    #[check = DegradeRespond::check]
    pub struct DegradeRespond {
        /// The body as text.
        #[main]
        text: Option<Template>,
        /// The body as JSON.
        json: Option<JsonTemplate>,
        /// The status.
        status: StatusCode = 200,
        /// Header fields. `Content-Type` follows from the body unless it is here.
        headers: Named<Template>,
        /// The methods that it answers; GET includes HEAD. Without it, every method.
        methods: Vec<Method>,
    }
}

fn check_step(_: &DegradeStep, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let written: Vec<&str> =
        ["cache", "upstream", "respond"].into_iter().filter(|key| fields.has(key)).collect();
    match written.as_slice() {
        [_] => {}
        [] if fields.has_unknown() => {}
        [] => reader.problem(
            Problem::error("this step does nothing")
                .at(fields.place())
                .help("give it one of `cache`, `upstream`, `respond`"),
        ),
        [first, others @ ..] => reader.problem(
            Problem::error("a step does one thing")
                .label(fields.key_span(others[0]), "and this")
                .label(fields.key_span(first), "this")
                .help("make two steps of it: `- cache: 1h`, then `- upstream: backup`"),
        ),
    }
}

impl DegradeCache {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(&[("ttl", Some(self.ttl))], fields, reader);
    }
}

impl DegradeRespond {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        check_answer((&self.text, &self.json, self.status, &self.headers), fields, reader);
    }
}

/// Refuses steps that nobody comes to. `own` are the services that the route asks anyway.
pub(super) fn check_steps(steps: &[Spanned<DegradeStep>], own: &[&UpstreamRef], reader: &mut Reader<'_>) {
    for (index, step) in steps.iter().enumerate() {
        let before = &steps[..index];
        let ends = before
            .iter()
            .find(|step| step.respond.as_ref().is_some_and(|respond| respond.methods.is_empty()));
        if let Some(end) = ends {
            reader.problem(
                Problem::error("nobody comes to this step: the one before answers everything")
                    .label(step.span, "this step")
                    .label(end.span, "answers everything")
                    .help("put it first, or name the `methods` that the answer is for"),
            );
            continue;
        }
        let is_twice = |other: &&Spanned<DegradeStep>| {
            step.cache.is_some() && other.cache.is_some()
                || step.upstream.is_some() && other.upstream == step.upstream
        };
        if let Some(first) = before.iter().find(is_twice) {
            reader.problem(
                Problem::error("this step stands here twice")
                    .label(step.span, "again here")
                    .label(first.span, "first here"),
            );
        }
        if let Some(upstream) = &step.upstream
            && own.len() == 1
            && own[0] == upstream
        {
            reader.problem(
                Problem::error("this is the service that the route asks anyway")
                    .at(step.span)
                    .help("name another upstream; the same one is asked again by retries"),
            );
        }
    }
}
