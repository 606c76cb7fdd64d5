//! Gives every request an id, and tells it to everybody.
//!
//! The id is a UUID of version 7, or the one that came with the request if its sender is trusted. It stands in the header of
//! the request to the service, of the response to the client, in logs and traces, and in the body of errors. An id that came
//! is kept only if it is a single one of 1 to 128 letters, digits and `-_.~+/=:@`: others get a new one.
//!
//! This policy is on by default; `request_id: false` turns it off, and then the id is in logs only.

use maitred_config::{HeaderName, config_map};
use maitred_http::{FieldName, RequestHead};
use maitred_policy::{
    Build, Facts, Needs, Phase, Policy, PolicyKind, RequestCx, RequestId, ResponseCx, Step, Verdict,
};

config_map! {
    /// The id of a request, and who may choose it.
    pub struct RequestIdConfig {
        /// The header that carries the id.
        #[main]
        header: HeaderName = "X-Request-ID",
        /// Whether an id that comes with a request is kept: `true` from everybody, `false` from nobody. Where it is not
        /// written: from trusted proxies.
        trust: Option<bool>,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct RequestIdPolicy {
    header: FieldName,
    trust: Option<bool>,
}

impl PolicyKind for RequestIdPolicy {
    const NAME: &'static str = "request_id";
    const ON_BY_DEFAULT: bool = true;
    type Config = RequestIdConfig;
    type Compiled = Self;

    fn phase(_: &RequestIdConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: RequestIdConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let header = FieldName::parse(&config.header.0).expect("the reader takes only names of fields");
        Some(Self { header, trust: config.trust })
    }
}

impl RequestIdPolicy {
    /// The id that came with the request, if it is kept.
    fn kept(&self, request: &RequestHead, facts: &Facts) -> Option<RequestId> {
        if !self.trust.unwrap_or(facts.peer_is_trusted) {
            return None;
        }
        let mut values = request.fields.all(&self.header);
        let id = RequestId::parse(values.next()?)?;
        values.next().is_none().then_some(id)
    }
}

impl Policy for RequestIdPolicy {
    type State = ();
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { every_answer: true, ..Needs::default() }
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if let Some(id) = self.kept(cx.request, cx.facts) {
            cx.facts.request_id = id;
        }
        cx.request.fields.set(&self.header, cx.facts.request_id.as_bytes());
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        cx.response.fields.set(&self.header, cx.facts.request_id.as_bytes());
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.kept(request, facts) {
            Some(id) => format!("keeps the id {id:?}"),
            None => format!("puts a new id into {}", self.header),
        }
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::Fault;
    use maitred_policy::harness::Harness;

    use super::*;

    #[test]
    fn the_id_goes_to_the_service_and_to_the_client() {
        let outcome = Harness::of::<RequestIdPolicy>("true")
            .request("GET /", &[])
            .answer(200, &[("x-request-id", "theirs")]);
        assert_eq!(outcome.sent_field("X-Request-ID").as_deref(), Some("the-id"));
        assert_eq!(outcome.field("X-Request-ID").as_deref(), Some("the-id"));
        let failed =
            Harness::of::<RequestIdPolicy>("true").request("GET /", &[]).fail(Fault::timeout("late"));
        assert_eq!(failed.field("X-Request-ID").as_deref(), Some("the-id"));
    }

    #[test]
    fn who_is_trusted_may_choose_the_id() {
        let id = |yaml: &str, proxy: bool| {
            let harness =
                Harness::of::<RequestIdPolicy>(yaml).with_facts(|facts| facts.peer_is_trusted = proxy);
            let outcome = harness.request("GET /", &[("X-Request-ID", "client-1")]).answer(200, &[]);
            let sent = outcome.sent_field("X-Request-ID");
            assert_eq!(sent, outcome.field("X-Request-ID"));
            assert_eq!(sent.as_deref(), Some(outcome.facts.request_id.as_str()));
            sent.unwrap()
        };
        assert_eq!(id("true", false), "the-id");
        assert_eq!(id("true", true), "client-1");
        assert_eq!(id("{ trust: true }", false), "client-1");
        assert_eq!(id("{ trust: false }", true), "the-id");
    }

    #[test]
    fn only_a_single_plain_id_is_kept() {
        let harness = Harness::of::<RequestIdPolicy>("{ header: X-Trace, trust: true }");
        for fields in
            [&[("X-Trace", "a b")][..], &[("X-Trace", "")], &[("X-Trace", "a"), ("x-trace", "b")], &[]]
        {
            let outcome = harness.request("GET /", fields).answer(200, &[]);
            assert_eq!(outcome.sent_field("X-Trace").as_deref(), Some("the-id"), "{fields:?}");
        }
        assert_eq!(harness.request("GET /", &[("X-Trace", "a")]).explain(), ["keeps the id a"]);
    }
}
