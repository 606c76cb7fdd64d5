//! gRPC-Web both ways, as a browser sends and reads it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::push_frame;

/// Reads a body of gRPC-Web as a browser does: messages, and the lines of the trailers.
fn browse(mode: WebMode, body: &[u8]) -> (Vec<Vec<u8>>, String) {
    let mut bytes = Vec::new();
    if mode == WebMode::Text {
        for block in body.chunks(4) {
            assert!(crate::base64::push_decoded(&mut bytes, block), "{block:?}");
        }
    } else {
        bytes.extend_from_slice(body);
    }
    let mut messages = Vec::new();
    let mut rest = &bytes[..];
    loop {
        let len = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (frame, after) = rest[5..].split_at(len);
        if rest[0] == 0x80 {
            assert!(after.is_empty(), "trailers are the last frame");
            return (messages, String::from_utf8(frame.to_vec()).unwrap());
        }
        assert_eq!(rest[0], 0);
        messages.push(frame.to_vec());
        rest = after;
    }
}

fn trailers() -> Fields {
    let mut fields = Fields::default();
    fields.append_bytes(b"Grpc-Status", b"0");
    fields.append_bytes(b"x-id-bin", b"AAE");
    fields
}

fn frames(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        push_frame(&mut out, message).unwrap();
    }
    out
}

/// Cuts `bytes` into pieces of these sizes, in turn.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

#[test]
fn content_types_both_ways() {
    for (web, mode, grpc) in [
        ("application/grpc-web", WebMode::Binary, "application/grpc"),
        ("application/grpc-web+proto", WebMode::Binary, "application/grpc+proto"),
        ("Application/gRPC-Web+json; charset=utf-8", WebMode::Binary, "application/grpc+json"),
        ("application/grpc-web-text", WebMode::Text, "application/grpc"),
        ("application/grpc-web-text+proto", WebMode::Text, "application/grpc+proto"),
        ("application/grpc-web-text-base64", WebMode::Text, "application/grpc"),
    ] {
        assert_eq!(WebMode::of_content_type(web.as_bytes()), Some(mode), "{web}");
        assert_eq!(WebMode::request_content_type(web.as_bytes()).as_deref(), Some(grpc));
    }
    for other in ["", "application/grpc", "application/grpc-webx", "application/grpc-web+", "text/html"] {
        assert_eq!(WebMode::of_content_type(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn answers_are_in_the_mode_that_is_accepted() {
    let mut fields = Fields::default();
    assert_eq!(WebMode::Binary.of_answer(&fields), WebMode::Binary);
    fields.append_known(Known::Accept, b"text/html, application/grpc-web-text");
    assert_eq!(WebMode::Binary.of_answer(&fields), WebMode::Text);
}

#[test]
fn heads_of_answers_are_rewritten_where_they_are_of_grpc() {
    let mut head = ResponseHead::default();
    head.fields.append_known(Known::ContentType, b"application/grpc+proto");
    head.fields.append_known(Known::ContentLength, b"6");
    assert!(WebMode::Text.rewrite_head(&mut head));
    assert_eq!(head.fields.known(Known::ContentType), Some(&b"application/grpc-web-text+proto"[..]));
    assert!(!head.fields.has(Known::ContentLength));
    assert!(!WebMode::is_trailers_only(&head));
    head.fields.append_bytes(b"grpc-status", b"5");
    assert!(WebMode::is_trailers_only(&head));

    let mut page = ResponseHead::default();
    page.fields.append_known(Known::ContentType, b"text/html");
    assert!(!WebMode::Text.rewrite_head(&mut page));
    assert_eq!(page.fields.known(Known::ContentType), Some(&b"text/html"[..]));
}

#[test]
fn refuses_broken_requests() {
    let frame = |flags| WebError::Frame(FrameError::Flags(flags));
    for (mode, body, error) in [
        (WebMode::Binary, &b"\x80\0\0\0\0"[..], frame(0x80)),
        (WebMode::Binary, b"\0\0\0\0", WebError::Frame(FrameError::Truncated)),
        (WebMode::Binary, b"\0\0\0\0\x0b", WebError::Frame(FrameError::TooLarge { len: 11, max: 10 })),
        (WebMode::Text, b"AAAAAAE=YQ", WebError::NotBase64),
        (WebMode::Text, b"AAAA\nAAE=YQ==", WebError::NotBase64),
        (WebMode::Text, b"AAAAAAE=Y===", WebError::NotBase64),
        (WebMode::Text, b"gAAAAAA=", frame(0x80)),
    ] {
        for size in 1..=body.len() {
            let mut request = WebRequest::new(mode, 10);
            let mut out = Vec::new();
            let fed = body.chunks(size).try_for_each(|piece| request.feed(piece, &mut out));
            assert_eq!(fed.and_then(|()| request.finish()), Err(error), "{body:?} in pieces of {size}");
            assert!(request.finish().is_err());
        }
    }
}

#[test]
fn an_answer_that_is_not_whole_gets_no_trailers() {
    let mut response = WebResponse::new(WebMode::Text, 10);
    let mut out = Vec::new();
    response.feed(b"\0\0\0\0\x02a", &mut out).unwrap();
    assert_eq!(response.finish(&trailers(), &mut out), Err(WebError::Frame(FrameError::Truncated)));
    let mut response = WebResponse::new(WebMode::Binary, 10);
    assert!(response.feed(b"\x80\0\0\0\0", &mut out).is_err(), "a service writes no frame of trailers");
}

proptest! {
    #[test]
    fn requests_are_the_same_at_every_split(
        messages in vec(vec(any::<u8>(), 0..9), 0..5),
        sizes in vec(1_usize..9, 1..5),
        padded in vec(1_usize..9, 1..5),
        text in any::<bool>(),
    ) {
        let grpc = frames(&messages);
        let (mode, mut body) = (if text { WebMode::Text } else { WebMode::Binary }, Vec::new());
        if text {
            for piece in pieces(&grpc, &padded) {
                crate::base64::push_encoded(&mut body, piece);
            }
        } else {
            body.extend_from_slice(&grpc);
        }
        let mut request = WebRequest::new(mode, 10);
        let mut out = Vec::new();
        for piece in pieces(&body, &sizes) {
            request.feed(piece, &mut out).unwrap();
        }
        request.finish().unwrap();
        prop_assert_eq!(out, grpc);
    }

    #[test]
    fn answers_are_the_same_at_every_split(
        messages in vec(vec(any::<u8>(), 0..9), 0..5),
        sizes in vec(1_usize..9, 1..5),
        text in any::<bool>(),
    ) {
        let mode = if text { WebMode::Text } else { WebMode::Binary };
        let mut whole = Vec::new();
        let mut response = WebResponse::new(mode, 10);
        response.feed(&frames(&messages), &mut whole).unwrap();
        response.finish(&trailers(), &mut whole).unwrap();
        let (read, lines) = browse(mode, &whole);
        prop_assert_eq!(read, messages.clone());
        prop_assert_eq!(lines, "grpc-status: 0\r\nx-id-bin: AAE\r\n");

        let mut out = Vec::new();
        let mut response = WebResponse::new(mode, 10);
        for piece in pieces(&frames(&messages), &sizes) {
            response.feed(piece, &mut out).unwrap();
        }
        response.finish(&trailers(), &mut out).unwrap();
        prop_assert_eq!(out, whole);
    }
}
