//! Limits how large the body of a request may be.
//!
//! A request that says that it is larger gets 413 at once, before its body is read and before any service is asked. One that
//! does not say how large it is (`Transfer-Encoding: chunked`) is cut off with 413 as soon as it is larger.
//! Without this policy, bodies that stream through have no limit in size.

use maitred_config::{ByteSize, config_map};
use maitred_http::{Known, RequestHead};
use maitred_policy::{Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

config_map! {
    /// How large the body of a request may be.
    pub struct RequestSizeConfig {
        /// The largest body that is taken.
        #[main]
        limit: ByteSize,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct RequestSize {
    limit: u64,
}

impl PolicyKind for RequestSize {
    const NAME: &'static str = "request_size";
    type Config = RequestSizeConfig;
    type Compiled = Self;

    fn phase(_: &RequestSizeConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: RequestSizeConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { limit: config.limit.0 })
    }
}

impl RequestSize {
    /// Whether the request says that its body is too large. What has no `Content-Length` is measured as it comes.
    fn is_too_large(&self, request: &RequestHead) -> bool {
        let length = request.fields.known_str(Known::ContentLength);
        // What is no number is more than can be counted; the connection refuses all else.
        length.is_some_and(|length| length.parse::<u64>().map_or(true, |length| length > self.limit))
    }
}

impl Policy for RequestSize {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if self.is_too_large(cx.request) {
            return Step::fail(Fault::client(413, "request_too_large", "Request body too large"));
        }
        cx.facts.limit_body(self.limit);
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        if self.is_too_large(request) {
            format!("refuses: the body is larger than {} bytes", self.limit)
        } else {
            format!("takes a body of up to {} bytes", self.limit)
        }
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    #[test]
    fn a_length_that_is_too_large_is_refused_at_once() {
        let harness = Harness::of::<RequestSize>("1KiB");
        for (length, status) in [("0", 200), ("1024", 200), ("1025", 413), ("99999999999999999999", 413)] {
            let outcome = harness.request("POST /", &[("Content-Length", length)]).answer(200, &[]);
            assert_eq!(outcome.response.status, status, "{length}");
            assert_eq!(outcome.sent.is_none(), status == 413);
        }
    }

    #[test]
    fn what_says_no_length_is_limited_as_it_streams() {
        let outcome = Harness::of::<RequestSize>("{ limit: 1MiB }")
            .and::<RequestSize>("2MiB")
            .request("POST /", &[("Transfer-Encoding", "chunked")])
            .answer(200, &[]);
        assert_eq!(outcome.facts.body_limit, Some(1 << 20));
    }

    #[test]
    fn the_limit_has_a_unit() {
        assert!(problems_of::<RequestSize>("1048576").contains("needs a unit"));
        assert!(problems_of::<RequestSize>("true").contains("`limit` is missing"));
    }
}
