//! Answers, streams and errors as JSON.

use maitred_http::Fields;
use maitred_http::Known;
use proptest::prelude::*;

use super::*;
use crate::wire::{Wire, put, put_nested};

const BOOK: &[u8] = b"\x0a\x01a\x18\x05";

fn written(method: Method, path: &str, message: &[u8]) -> String {
    let transcoder = transcoder();
    let binding = transcoder.find(method, path).unwrap();
    let mut out = b"[".to_vec();
    transcoder.response(binding, message, &mut out).unwrap();
    String::from_utf8(out.split_off(1)).unwrap()
}

#[test]
fn bodies_are_the_message_or_one_field() {
    let books = [&b"\x0a\x05"[..], BOOK, b"\x10\x02\x22\x05\x0a\x01k\x10\x03"].concat();
    assert_eq!(written(Method::Get, "/v1/books/a", BOOK), r#"{"name":"a","pages":"5"}"#);
    assert_eq!(written(Method::Post, "/v1/books/1:tag", &books), r#"[{"name":"a","pages":"5"}]"#);
    assert_eq!(written(Method::Post, "/v1/books/1:tag", b""), "[]");
    assert_eq!(written(Method::Get, "/v1/total", &books), "2");
    assert_eq!(written(Method::Get, "/v1/total", b""), "0");
    assert_eq!(written(Method::Get, "/v1/best", b""), "null");
    assert_eq!(written(Method::Get, "/v1/best", b"\x1a\x00"), "{}");
    assert_eq!(written(Method::Get, "/v1/counts", &books), r#"{"k":3}"#);
    assert_eq!(written(Method::Get, "/v1/counts", b""), "{}");
}

#[test]
fn an_answer_that_is_no_message_leaves_nothing() {
    let transcoder = transcoder();
    let binding = transcoder.find(Method::Get, "/v1/watch").unwrap();
    let mut out = b"before".to_vec();
    for message in [&b"\x0a"[..], b"\x0a\x01\xff", b"\x0a\x01a\x0c"] {
        assert!(transcoder.response(binding, message, &mut out).is_err());
        assert!(transcoder.event(binding, EventFormat::Sse, message, &mut out).is_err());
    }
    assert_eq!(out, b"before");
}

#[test]
fn streams_end_with_their_error() {
    let transcoder = transcoder();
    let binding = transcoder.find(Method::Get, "/v1/watch").unwrap();
    assert!(binding.is_server_streaming() && !binding.is_client_streaming());
    let status = Status::new(Code::Aborted, "line\nbreak");
    let mut lines = Vec::new();
    transcoder.event(binding, EventFormat::Ndjson, BOOK, &mut lines).unwrap();
    transcoder.event(binding, EventFormat::Ndjson, b"", &mut lines).unwrap();
    transcoder.error_event(EventFormat::Ndjson, &status, &mut lines);
    let error = r#"{"error":{"code":10,"message":"line\nbreak"}}"#;
    assert_eq!(
        String::from_utf8(lines).unwrap(),
        format!("{{\"name\":\"a\",\"pages\":\"5\"}}\n{{}}\n{error}\n")
    );
    let mut events = Vec::new();
    transcoder.event(binding, EventFormat::Sse, BOOK, &mut events).unwrap();
    transcoder.error_event(EventFormat::Sse, &status, &mut events);
    assert_eq!(
        String::from_utf8(events).unwrap(),
        format!("data: {{\"name\":\"a\",\"pages\":\"5\"}}\n\ndata: {error}\n\n")
    );
}

#[test]
fn the_format_is_the_one_accepted() {
    let mut fields = Fields::default();
    assert_eq!(EventFormat::of_request(&fields), EventFormat::Ndjson);
    fields.append_known(Known::Accept, b"application/json, Text/Event-Stream;q=0.5");
    assert_eq!(EventFormat::of_request(&fields), EventFormat::Sse);
    assert_eq!(EventFormat::Sse.content_type(), "text/event-stream");
}

/// An encoded `google.rpc.Status` with these details.
fn details(anys: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, 1, Wire::Varint(3));
    for (url, value) in anys {
        put_nested(&mut out, 3, |out| {
            put(out, 1, Wire::Bytes(url.as_bytes()));
            put(out, 2, Wire::Bytes(value));
            Ok::<_, crate::json::JsonError>(())
        })
        .unwrap();
    }
    out
}

#[test]
fn a_status_becomes_a_problem() {
    let transcoder = transcoder();
    let mut status = Status::new(Code::InvalidArgument, "the name is taken");
    let plain = transcoder.problem(&status);
    assert_eq!((plain.status, plain.title, plain.detail.as_str()), (400, "Bad Request", "the name is taken"));
    assert_eq!(plain.members, [("code", "\"INVALID_ARGUMENT\"".to_owned())]);

    // Known although the service's files do not import them.
    let violation = b"\x0a\x06\x0a\x01f\x12\x01d";
    status.details = details(&[
        ("type.googleapis.com/google.rpc.BadRequest", violation),
        ("type.googleapis.com/x.Unknown", b"\x08\x01"),
        ("type.googleapis.com/google.rpc.RetryInfo", b"\x0a\x02\x08\x05"),
        ("type.googleapis.com/t.Book", b"\xff"),
    ]);
    let expected = concat!(
        r#"[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"f","description":"d"}]},"#,
        r#"{"@type":"type.googleapis.com/x.Unknown","value":"CAE="},"#,
        r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"5s"},"#,
        r#"{"@type":"type.googleapis.com/t.Book","value":"/w=="}]"#,
    );
    assert_eq!(transcoder.problem(&status).members[1], ("details", expected.to_owned()));
    let mut out = Vec::new();
    transcoder.error_event(EventFormat::Ndjson, &status, &mut out);
    let told =
        format!("{{\"error\":{{\"code\":3,\"message\":\"the name is taken\",\"details\":{expected}}}}}\n");
    assert_eq!(String::from_utf8(out).unwrap(), told);
}

#[test]
fn every_code_has_a_title() {
    let transcoder = transcoder();
    for code in Code::ALL {
        assert_ne!(transcoder.problem(&Status::new(code, "")).title, "", "{code}");
    }
}

proptest! {
    #[test]
    fn no_details_are_too_odd(details in proptest::collection::vec(any::<u8>(), 0..60)) {
        let transcoder = transcoder();
        let status = Status { code: Code::Unknown, message: String::new(), details };
        for (_, json) in transcoder.problem(&status).members {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{}", json);
        }
    }
}
