//! JSON to gRPC and back, over answers as services give them.

use std::time::Instant;

use maitred_config::Memory;
use maitred_config::scalar::HttpUrl;
use maitred_grpc::{Code, Status};
use maitred_http::{Fields, ResponseHead};
use maitred_policy::harness::{Exchange, Harness, Outcome, problems_of, problems_with_files};
use maitred_policy::{Asking, FetchError, Service, WholeBody};

use super::*;

const YAML: &str = "{ protos: stock.proto }";

fn harness() -> Harness {
    harness_of(YAML)
}

fn harness_of(yaml: &str) -> Harness {
    let files = Memory::new().with("stock.proto", include_str!("stock.proto"));
    Harness::with_files::<GrpcJson>(yaml, files)
}

/// An item of three, `A-7`, as a service sends it.
const ITEM: &[u8] = b"\0\0\0\0\x07\x0a\x03A-7\x10\x03";

const GRPC: &[(&str, &str)] =
    &[("Content-Type", "application/grpc"), ("X-Own", "1"), ("grpc-encoding", "identity")];

fn answered(call: Exchange<'_>) -> Outcome {
    call.answer_with(200, GRPC, ITEM, &[("grpc-status", "0")])
}

fn text(outcome: &Outcome) -> &str {
    std::str::from_utf8(&outcome.body).unwrap()
}

#[test]
fn a_request_becomes_a_call_and_its_answer_json() {
    let harness = harness();
    let outcome = answered(harness.request("GET /api/v1/stock/A-7", &[("Accept", "application/json")]));
    let sent = outcome.sent.as_ref().unwrap();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", "/shop.v1.Stock/Get"));
    assert_eq!(outcome.sent_field("Content-Type").as_deref(), Some("application/grpc"));
    assert_eq!((outcome.sent_field("TE").as_deref(), outcome.sent_field("Accept")), (Some("trailers"), None));
    assert_eq!(outcome.sent_body, b"\0\0\0\0\x05\x0a\x03A-7");
    assert_eq!((outcome.response.status, text(&outcome)), (200, r#"{"sku":"A-7","inStock":"3"}"#));
    assert_eq!(outcome.field("Content-Type").as_deref(), Some("application/json"));
    assert_eq!((outcome.field("X-Own").as_deref(), outcome.field("grpc-encoding")), (Some("1"), None));
}

#[test]
fn sources_are_found_wherever_they_are() {
    let shop = "syntax = 'proto3'; import 'x/stock.proto'; service Shop { rpc Get(shop.v1.Item) returns (shop.v1.Item); }";
    let files = || {
        let files = Memory::new().with("/etc/x/stock.proto", include_str!("stock.proto"));
        files.with("/etc/y/shop.proto", shop).with("../x/stock.proto", include_str!("stock.proto"))
    };
    for (yaml, path) in [
        ("{ protos: /etc/x/stock.proto }", "/shop.v1.Stock/Get"),
        ("{ protos: ../x/stock.proto }", "/shop.v1.Stock/Get"),
        ("{ protos: [/etc/x/stock.proto, /etc/y/shop.proto] }", "/shop.v1.Stock/Get"),
        ("{ protos: [/etc/x/stock.proto, /etc/y/shop.proto] }", "/Shop/Get"),
    ] {
        let harness = Harness::with_files::<GrpcJson>(yaml, files());
        let outcome = answered(harness.request(&format!("POST {path}"), &[]).body(r#"{"sku":"A-7"}"#));
        assert_eq!((outcome.response.status, outcome.sent_target()), (200, path), "{yaml}");
    }
}

#[test]
fn bodies_and_the_default_path_are_taken() {
    let harness = harness();
    let outcome = answered(harness.request("POST /api/v1/stock/A-7:reserve", &[]).body(r#"{"count":2}"#));
    assert_eq!(outcome.sent_target(), "/shop.v1.Stock/Reserve");
    let outcome = answered(harness.request("POST /shop.v1.Stock/Get", &[]).body(r#"{"sku":"A-7"}"#));
    assert_eq!(outcome.sent_body, b"\0\0\0\0\x05\x0a\x03A-7");
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let harness = harness();
    for (line, body, status, says) in [
        ("POST /api/v1/stock/A-7:reserve", r#"{"count":"many"}"#, 400, "/count"),
        ("POST /api/v1/stock/A-7:reserve", r#"{"cuont":2}"#, 400, "cuont"),
        ("POST /api/v1/stock/A-7:reserve", "{", 400, "body"),
        ("GET /api/v1/stock/A-7?colour=red", "", 400, "colour"),
        ("DELETE /api/v1/stock/A-7", "", 405, "Method not allowed"),
        ("GET /elsewhere", "", 404, "Not found"),
    ] {
        let outcome = answered(harness.request(line, &[]).body(body));
        let maitred_policy::harness::Answered::Fault(fault) = &outcome.answered else { panic!("{line}") };
        assert_eq!(fault.status(), status, "{line}");
        assert!(fault.detail().contains(says), "{line}: {}", fault.detail());
    }
    let outcome = answered(harness.request("DELETE /api/v1/stock/A-7", &[]));
    assert!(outcome.field("Allow").unwrap().contains("GET"));
    let gzip = harness.request("POST /shop.v1.Stock/Get", &[("Content-Encoding", "gzip")]).body("x");
    assert_eq!(answered(gzip).response.status, 415);
}

#[test]
fn a_status_becomes_a_problem() {
    let harness = harness();
    let trailers = [("grpc-status", "5"), ("grpc-message", "no A-7")];
    let outcome = harness.request("GET /api/v1/stock/A-7", &[]).answer_with(200, GRPC, "", &trailers);
    assert_eq!(outcome.response.status, 404);
    let problem: serde_json::Value = serde_json::from_slice(&outcome.body).unwrap();
    assert_eq!((&problem["detail"], &problem["code"]), (&"no A-7".into(), &"NOT_FOUND".into()));
    assert_eq!(problem["request_id"], "the-id");
    // In the head, where there is nothing else.
    let status = Status::new(Code::Unavailable, "closed");
    let head = status.trailers_only("application/grpc");
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|(name, value)| (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap()))
        .collect();
    let outcome = harness.request("GET /api/v1/stock/A-7", &[]).answer(200, &fields);
    assert_eq!(outcome.response.status, 503);
    // An answer without any status went wrong.
    let outcome = harness.request("GET /api/v1/stock/A-7", &[]).answer_with(200, GRPC, ITEM, &[]);
    assert_eq!(outcome.response.status, 500);
}

#[test]
fn streams_are_lines_or_events() {
    let harness = harness();
    let items = [ITEM, ITEM].concat();
    let call = harness.request("GET /api/v1/stock?below=5", &[]);
    let outcome = call.answer_with(200, GRPC, items.clone(), &[("grpc-status", "0")]);
    assert_eq!(outcome.sent_body, b"\0\0\0\0\x02\x08\x05");
    assert_eq!(text(&outcome), "{\"sku\":\"A-7\",\"inStock\":\"3\"}\n".repeat(2));
    assert_eq!(outcome.field("Content-Type").as_deref(), Some("application/x-ndjson"));
    let call = harness.request("GET /api/v1/stock", &[("Accept", "text/event-stream")]);
    let outcome = call.answer_with(200, GRPC, items, &[("grpc-status", "10"), ("grpc-message", "enough")]);
    assert_eq!(outcome.field("Content-Type").as_deref(), Some("text/event-stream"));
    assert!(
        text(&outcome).starts_with("data: {\"sku\":\"A-7\",\"inStock\":\"3\"}\n\n"),
        "{}",
        text(&outcome)
    );
    assert!(text(&outcome).contains("enough"), "{}", text(&outcome));
}

#[test]
fn a_stream_that_is_asked_for_by_head_is_read_whole() {
    let harness = harness();
    let call = harness.request("HEAD /api/v1/stock", &[]);
    let outcome = call.answer_with(200, GRPC, ITEM, &[("grpc-status", "0")]);
    assert_eq!((outcome.response.status, outcome.sent_target()), (200, "/shop.v1.Stock/Watch"));
}

#[test]
fn an_answer_that_is_no_message_is_a_bad_gateway() {
    let harness = harness();
    for body in [&b"\0\0\0\0\x09\x0a"[..], b"", b"\0\0\0\0\x01\xff"] {
        let call = harness.request("GET /api/v1/stock/A-7", &[]);
        let outcome = call.answer_with(200, GRPC, body, &[("grpc-status", "0")]);
        assert_eq!(outcome.response.status, 502, "{body:?}");
    }
}

#[test]
fn calls_of_grpc_and_other_answers_pass() {
    let harness = harness();
    let call = harness.request("POST /shop.v1.Stock/Get", &[("Content-Type", "application/grpc")]).body("x");
    let outcome = answered(call);
    assert_eq!((outcome.sent_body.as_slice(), &outcome.body[..]), (&b"x"[..], ITEM));
    let call = harness.request("GET /api/v1/stock/A-7", &[]);
    let outcome = call.answer_with(503, &[("Content-Type", "text/html")], "away", &[]);
    assert_eq!((outcome.response.status, text(&outcome)), (503, "away"));
}

#[test]
fn names_defaults_and_unknown_fields_are_as_configured() {
    let harness = harness_of("{ protos: stock.proto, names: proto, defaults: true, unknown_fields: ignore }");
    let call = harness.request("GET /api/v1/stock/A-7?colour=red", &[]);
    let outcome = call.answer_with(200, GRPC, b"\0\0\0\0\0", &[("grpc-status", "0")]);
    assert_eq!(text(&outcome), r#"{"sku":"","in_stock":"0"}"#);
}

#[test]
fn what_it_does_is_told() {
    let harness = harness();
    for (line, says) in [
        ("GET /api/v1/stock/7", "calls /shop.v1.Stock/Get"),
        ("GET /elsewhere", "refuses: no call has this path"),
    ] {
        assert_eq!(harness.request(line, &[]).explain(), [says]);
    }
}

/// Answers calls of one path with one message each, and those of others as a service that does not have them.
struct Reflects<'b> {
    path: &'b str,
    answers: &'b [&'b [u8]],
}

impl Service for Reflects<'_> {
    fn now(&self) -> Instant {
        unreachable!("descriptors do not expire")
    }

    fn ask<'a>(
        &'a self,
        request: RequestHead,
        _: &'a [u8],
        _: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        let mut trailers = Fields::default();
        let mut bytes = Vec::new();
        if request.target.path() == self.path {
            trailers.append_bytes(b"grpc-status", b"0");
            for answer in self.answers {
                push_frame(&mut bytes, answer).unwrap();
            }
        } else {
            trailers.append_bytes(b"grpc-status", b"12");
        }
        let head = ResponseHead { status: 200, ..ResponseHead::default() };
        Box::pin(async move { Ok((head, WholeBody { bytes, trailers: Some(trailers) })) })
    }

    fn visit<'a>(
        &'a self,
        _: &'a HttpUrl,
        _: Option<&'a [u8]>,
        _: RequestHead,
        _: &'a [u8],
        _: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        unreachable!("no URL is asked for")
    }
}

const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const V1_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
/// The answer to the first question: there are no services.
const NONE: &[u8] = b"\x32\x00";

#[test]
fn requests_wait_for_nobody_while_the_service_has_not_described_itself() {
    let harness = harness_of("{ reflection: true }");
    let early = answered(harness.request("GET /api/v1/stock/A-7", &[]));
    assert_eq!((early.response.status, early.cause()), (503, Some("grpc_reflection")));
    let said = harness.request("GET /api/v1/stock/A-7", &[]).explain();
    assert!(said[0].contains("only known while the gateway runs"), "{said:?}");
    // Calls of gRPC need no description.
    let call = harness.request("POST /shop.v1.Stock/Get", &[("Content-Type", "application/grpc")]);
    assert_eq!(answered(call).response.status, 200);
    for path in [V1, V1_ALPHA] {
        let harness = harness_of("{ reflection: true }");
        let service = Reflects { path, answers: &[NONE] };
        assert_eq!(harness.fetch(&service), Ok(true), "{path}");
        assert_eq!(harness.fetch(&service), Ok(false), "it is the same");
        let known = answered(harness.request("GET /api/v1/stock/A-7", &[]));
        assert_eq!((known.response.status, known.cause()), (404, Some("grpc_call_not_found")));
    }
}

#[test]
fn what_a_service_says_of_itself_and_cannot_be_used_is_told_in_the_log() {
    let harness = harness_of("{ reflection: true, services: a.B }");
    for (service, says) in [
        (Reflects { path: "/elsewhere", answers: &[] }, "the service does not offer reflection"),
        (Reflects { path: V1, answers: &[] }, "left questions of reflection without an answer"),
        (Reflects { path: V1, answers: &[NONE] }, "the server's answer is not one of reflection"),
        (
            Reflects { path: V1, answers: &[b"\x3a\x06\x08\x05\x12\x02no"] },
            "the file with a.B: NOT_FOUND: no",
        ),
    ] {
        let error = harness.fetch(&service).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        let early = answered(harness.request("GET /x", &[]));
        let Outcome { answered: maitred_policy::harness::Answered::Fault(fault), .. } = early else {
            panic!("it is refused")
        };
        assert!(fault.to_string().contains(says), "the log says it: {fault}");
        assert!(!fault.detail().contains(says), "and the client is not told: {}", fault.detail());
    }
}

#[test]
fn a_service_may_say_much_and_little_of_it_is_kept() {
    let harness = harness_of("{ reflection: true }");
    // An `ErrorResponse` whose message has a million characters.
    let message = [&b"\x12\xc0\x84\x3d"[..], &b"x".repeat(1_000_000)].concat();
    let answer = [&b"\x3a\xc4\x84\x3d"[..], &message].concat();
    let error = harness.fetch(&Reflects { path: V1, answers: &[&answer] }).unwrap_err().to_string();
    assert!(error.starts_with("the server refused the list of services: OK: xxx"), "{error}");
    assert_eq!(error.chars().count(), FetchError::LONGEST + 1, "and a sign that there was more");
}

#[test]
fn what_is_wrong_with_the_sources_is_told() {
    insta::assert_snapshot!(problems_of::<GrpcJson>("{ names: json }"));
    insta::assert_snapshot!(problems_of::<GrpcJson>("{ protos: a.proto, descriptors: b.binpb }"));
    insta::assert_snapshot!(problems_of::<GrpcJson>("{ descriptors: b.binpb }"));
    insta::assert_snapshot!(problems_of::<GrpcJson>("{ protos: [a.proto, 'b*.proto'] }"));
    insta::assert_snapshot!(problems_of::<GrpcJson>("{ protos: a.proto, reflection: true }"));
}

#[test]
fn what_is_wrong_in_sources_is_told_with_the_file_as_it_is_found() {
    let files = Memory::new()
        .with("protos/shop/text.proto", "syntax = 'proto3';\nmessage Item { text sku = 1; }")
        .with("protos/shop/lost.proto", "import 'shop/nowhere.proto';")
        .with("protos/shop/above.proto", "import 'shop/text.proto';");
    for (protos, says) in [
        ("protos/shop/gone.proto", "protos/shop/gone.proto: there is no such file"),
        ("[protos/shop/lost.proto, protos/gone.proto]", "protos/gone.proto: there is no such file"),
        ("protos/shop/text.proto", "protos/shop/text.proto:2:"),
        ("protos/shop/above.proto", "protos/shop/text.proto:2:"),
        (
            "protos/shop/lost.proto",
            "protos/shop/lost.proto: cannot import \"shop/nowhere.proto\": there is no such file",
        ),
    ] {
        let told = problems_with_files::<GrpcJson>(&format!("{{ protos: {protos} }}"), &files);
        assert!(told.starts_with(&format!("error: {says}")), "{told}");
    }
}
