//! The hooks of `cors`: preflights are answered on the way down, all other answers get their fields on the way up.
//! Whether the site may call is decided on the way down, because later policies may change the request.

use maitred_http::{Known, RequestHead};
use maitred_policy::{Facts, Needs, Policy, Reply, RequestCx, ResponseCx, Step, Verdict};

use super::{Cors, is_preflight};

/// What is remembered of a request.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Whether the request hook ran: what answered before it leaves the request as it came.
    ran: bool,
    /// The origin that the answer names.
    origin: Option<Box<[u8]>>,
    /// Whether this was a preflight, whose answer is complete.
    preflight: bool,
}

impl Cors {
    /// The origin that answers name: one that is listed.
    fn origin<'r>(&self, request: &'r RequestHead) -> Option<&'r [u8]> {
        if !self.answers.names_sites() {
            return None;
        }
        request.fields.known(Known::Origin).filter(|origin| self.answers.lets_call(origin))
    }
}

impl Policy for Cors {
    type State = Asked;
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { preflights: true, every_answer: true, ..Needs::default() }
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let preflight = is_preflight(cx.request);
        *cx.state = Asked { ran: true, origin: self.origin(cx.request).map(Into::into), preflight };
        if !preflight {
            return Step::CONTINUE;
        }
        let mut reply = Reply::new(204);
        self.answers.answer_preflight(cx.request, cx.facts.route.methods.as_deref(), &mut reply.head.fields);
        Step::respond(reply)
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        if cx.state.preflight {
            return Step::CONTINUE;
        }
        let origin = if cx.state.ran { cx.state.origin.as_deref() } else { self.origin(cx.request) };
        self.answers.render(origin, &mut cx.response.fields);
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        let Some(origin) = request.fields.known(Known::Origin) else {
            return "the request is not from another site".to_owned();
        };
        let may = if self.answers.lets_call(origin) { "may" } else { "may not" };
        let what = if is_preflight(request) { "answers the preflight: " } else { "" };
        format!("{what}{} {may} call", String::from_utf8_lossy(origin))
    }
}
