//! Lets browsers call services of gRPC: translates gRPC-Web, binary and text, to gRPC and back.
//!
//! A request whose `Content-Type` is `application/grpc-web` or `application/grpc-web-text` (with or without `+proto`) reaches the
//! service as a call of gRPC; the messages of the answer stream back as they come, and its trailers as the last frame. All other
//! requests pass as they are. The service's upstream has to speak gRPC: `grpc://…` or `grpcs://…`.
//!
//! A page from another origin needs `cors` too, which has to allow the headers that the client sends (`content-type`, `x-grpc-web`,
//! `x-user-agent`, `grpc-timeout`).

use maitred_config::{ByteSize, config_map};
use maitred_grpc::{WebError, WebMode, WebRequest, WebResponse};
use maitred_http::{Fields, Known, Method, RequestHead};
use maitred_policy::{
    BodyFilter, Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, ResponseCx, Step, Verdict,
};

config_map! {
    /// How gRPC-Web is translated.
    pub struct GrpcWebConfig {
        /// The largest message that is taken, from the client and from the service.
        #[main]
        max_message: ByteSize = "16MiB",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct GrpcWeb {
    max_message: usize,
}

impl PolicyKind for GrpcWeb {
    const NAME: &'static str = "grpc_web";
    type Config = GrpcWebConfig;
    type Compiled = Self;

    fn phase(_: &GrpcWebConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(config: GrpcWebConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { max_message: usize::try_from(config.max_message.0).unwrap_or(usize::MAX) })
    }
}

/// How the answer to a call of gRPC-Web is to be written; none for other requests.
#[derive(Debug, Default)]
pub(crate) struct Answer(Option<WebMode>);

impl Policy for GrpcWeb {
    type State = Answer;
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, body, state, .. } = cx;
        let Some((mode, content_type)) = call_of(request) else { return Step::CONTINUE };
        state.0 = Some(mode.of_answer(&request.fields));
        request.fields.set_known(Known::ContentType, content_type.as_bytes());
        request.fields.remove_known(Known::ContentLength);
        request.fields.remove_known(Known::Accept);
        request.fields.set_known(Known::Te, b"trailers");
        body.filters.add(Box::new(ToGrpc(WebRequest::new(mode, self.max_message))));
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let Some(mode) = cx.state.0 else { return Step::CONTINUE };
        // What is no answer of gRPC, or has its status in the head, has no trailers to be put into its body.
        if mode.rewrite_head(cx.response) && !WebMode::is_trailers_only(cx.response) {
            cx.body.filters.add(Box::new(FromGrpc(WebResponse::new(mode, self.max_message))));
        }
        Step::CONTINUE
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        match call_of(request) {
            Some((WebMode::Binary, _)) => "translates gRPC-Web to gRPC".to_owned(),
            Some((WebMode::Text, _)) => "translates gRPC-Web, as text, to gRPC".to_owned(),
            None => "passes it as it is: no call of gRPC-Web".to_owned(),
        }
    }
}

/// How a call of gRPC-Web is written, and what its content is in gRPC.
fn call_of(request: &RequestHead) -> Option<(WebMode, String)> {
    let content_type = request.fields.known(Known::ContentType).filter(|_| request.method == Method::Post)?;
    WebMode::of_content_type(content_type).zip(WebMode::request_content_type(content_type))
}

struct ToGrpc(WebRequest);

impl BodyFilter for ToGrpc {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.0.feed(piece, out).map_err(refused)
    }

    fn finish(&mut self, trailers: Option<Fields>, _: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        self.0.finish().map_err(refused)?;
        Ok(trailers)
    }
}

fn refused(error: WebError) -> Fault {
    Fault::client(400, "grpc_web_request", "Bad gRPC-Web request").source(error)
}

struct FromGrpc(WebResponse);

impl BodyFilter for FromGrpc {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.0.feed(piece, out).map_err(broken)
    }

    fn finish(&mut self, trailers: Option<Fields>, out: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        self.0.finish(&trailers.unwrap_or_default(), out).map_err(broken)?;
        Ok(None)
    }
}

fn broken(error: WebError) -> Fault {
    Fault::bad_gateway("grpc_web_response").source(error)
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    const MESSAGE: &[u8] = b"\0\0\0\0\x02ab";

    #[test]
    fn a_call_is_translated_both_ways() {
        let harness = Harness::of::<GrpcWeb>("true");
        let call = harness.request("POST /shop.Stock/Get", &[("Content-Type", "application/grpc-web+proto")]);
        let outcome = call.body(MESSAGE).answer_with(
            200,
            &[("Content-Type", "application/grpc+proto")],
            MESSAGE,
            &[("grpc-status", "0")],
        );
        assert_eq!(outcome.sent_field("Content-Type").as_deref(), Some("application/grpc+proto"));
        assert_eq!(outcome.sent_field("TE").as_deref(), Some("trailers"));
        assert_eq!(outcome.sent_body, MESSAGE);
        assert_eq!(outcome.field("Content-Type").as_deref(), Some("application/grpc-web+proto"));
        assert_eq!(outcome.body[..], [MESSAGE, b"\x80\0\0\0\x10grpc-status: 0\r\n"].concat());
        assert!(outcome.trailers.is_none());
    }

    #[test]
    fn text_is_base64_both_ways() {
        let harness = Harness::of::<GrpcWeb>("true");
        let call = harness.request("POST /shop.Stock/Get", &[("Content-Type", "application/grpc-web-text")]);
        let outcome = call.body("AAAAAAJhYg==").answer_with(
            200,
            &[("Content-Type", "application/grpc")],
            MESSAGE,
            &[("grpc-status", "0")],
        );
        assert_eq!(outcome.sent_body, MESSAGE);
        assert!(outcome.body.starts_with(b"AAAAAAJhYg=="), "{:?}", outcome.body);
        assert_eq!(outcome.field("Content-Type").as_deref(), Some("application/grpc-web-text"));
    }

    #[test]
    fn an_error_without_messages_and_other_requests_pass() {
        let harness = Harness::of::<GrpcWeb>("true");
        let call = harness.request("POST /shop.Stock/Get", &[("Content-Type", "application/grpc-web")]);
        let fields = [("Content-Type", "application/grpc"), ("grpc-status", "5")];
        let outcome = call.body(MESSAGE).answer(200, &fields);
        assert_eq!(outcome.field("grpc-status").as_deref(), Some("5"));
        assert_eq!(outcome.field("Content-Type").as_deref(), Some("application/grpc-web"));
        assert!(outcome.body.is_empty());
        let other = harness.request("POST /x", &[("Content-Type", "application/json")]).body("{}");
        let outcome = other.answer_with(200, &[("Content-Type", "application/grpc")], "x", &[]);
        assert_eq!((outcome.sent_body.as_slice(), &outcome.body[..]), (&b"{}"[..], &b"x"[..]));
    }

    #[test]
    fn a_broken_answer_breaks_off() {
        let harness = Harness::of::<GrpcWeb>("1KiB");
        let call = harness.request("POST /x", &[("Content-Type", "application/grpc-web")]).body(MESSAGE);
        let outcome = call.answer_with(200, &[("Content-Type", "application/grpc")], "\0\0\0\u{8}\0", &[]);
        assert_eq!(outcome.cause(), Some("grpc_web_response"));
    }

    #[test]
    fn what_it_does_is_told() {
        let harness = Harness::of::<GrpcWeb>("true");
        for (kind, says) in [
            ("application/grpc-web+proto", "translates gRPC-Web to gRPC"),
            ("application/grpc-web-text", "translates gRPC-Web, as text, to gRPC"),
            ("application/grpc", "passes it as it is: no call of gRPC-Web"),
        ] {
            assert_eq!(harness.request("POST /x", &[("Content-Type", kind)]).explain(), [says]);
        }
        assert!(problems_of::<GrpcWeb>("{ max_message: 12 }").contains("12"));
    }
}
