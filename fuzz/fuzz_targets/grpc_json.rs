//! JSON to gRPC and back. The first byte says what the rest is: a body, an encoded message, a query, or a streamed body.
//!
//! What is accepted and written again is stable, other readers of protobuf take it, and pieces of a stream change
//! nothing.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use maitred_grpc::{Binding, Descriptors, JsonOptions, RequestError, Transcoder, TranscoderOptions};
use maitred_http::Method;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

const SOURCE: &str = include_str!("../grpc.proto");
const ECHO: &str = "/t.Echo/Unary";
const STREAM: &str = "/t.Echo/Stream";

struct Subject {
    strict: Transcoder,
    lenient: Transcoder,
    message: MessageDescriptor,
}

thread_local! {
    static SUBJECT: LazyCell<Subject> = LazyCell::new(|| {
        let descriptors = Descriptors::from_sources(&["grpc.proto"], |name| match name {
            "grpc.proto" => Ok(SOURCE.to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        })
        .expect("it is well-formed");
        let transcoder = |json| {
            let options = TranscoderOptions { json, max_element: 256, ..TranscoderOptions::default() };
            Transcoder::new(&descriptors, options).expect("it is well-formed")
        };
        let lenient = JsonOptions {
            ignore_unknown: true,
            preserve_proto_field_names: true,
            always_print_primitive_fields: true,
            enums_as_ints: true,
            ..JsonOptions::default()
        };
        Subject { strict: transcoder(JsonOptions::default()), lenient: transcoder(lenient), message: message() }
    });
}

/// The message again, for another reader.
fn message() -> MessageDescriptor {
    let mut pool = DescriptorPool::global();
    let file = protox::file::File::from_source("grpc.proto", SOURCE).expect("it is well-formed");
    let annotations = |name: &str| name.starts_with("google/api/");
    let mut file = prost_types::FileDescriptorProto::from(file);
    file.dependency.retain(|name| !annotations(name));
    for method in file.service.iter_mut().flat_map(|service| &mut service.method) {
        method.options = None;
    }
    pool.add_file_descriptor_proto(file).expect("it is well-formed");
    pool.get_message_by_name("t.All").expect("it is there")
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    SUBJECT.with(|subject| {
        let transcoder = if first & 4 == 0 { &subject.strict } else { &subject.lenient };
        match first & 3 {
            0 => body(subject, transcoder, rest),
            1 => encoded(subject, transcoder, rest),
            2 => query(subject, transcoder, rest),
            _ => stream(transcoder, rest),
        }
    });
});

fn body(subject: &Subject, transcoder: &Transcoder, json: &[u8]) {
    let echo = transcoder.find(Method::Post, ECHO).expect("it is bound");
    match transcoder.request(echo, ECHO, None, json) {
        Ok(wire) => encoded(subject, transcoder, &wire),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A message that has a form in JSON reads back from it, for everyone.
fn encoded(subject: &Subject, transcoder: &Transcoder, wire: &[u8]) {
    let echo = transcoder.find(Method::Post, ECHO).expect("it is bound");
    let Some(json) = printed(transcoder, echo, wire) else { return };
    let again = transcoder.request(echo, ECHO, None, &json).expect("what is written can be read");
    assert_eq!(printed(transcoder, echo, &again).as_ref(), Some(&json));
    let decoded = DynamicMessage::decode(subject.message.clone(), &*again).expect("other readers take it");
    // To the other reader, minus zero is as good as not there.
    if [&b":-0,"[..], b":-0}"].iter().any(|zero| json.windows(4).any(|part| part == *zero)) {
        return;
    }
    assert_eq!(printed(transcoder, echo, &decoded.encode_to_vec()), Some(json.clone()));
    // Where another reader takes the original too, it means the same. That one passes over wrong types of maps, so what it
    // read must be all there was.
    if let Ok(original) = DynamicMessage::decode(subject.message.clone(), wire) {
        let written = original.encode_to_vec();
        if sorted(&written) == sorted(wire) {
            assert_eq!(printed(transcoder, echo, &written), Some(json));
        }
    }
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    sorted
}

fn printed(transcoder: &Transcoder, echo: &Binding, wire: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::new();
    let printed = transcoder.response(echo, wire, &mut json);
    assert!(printed.is_ok() || json.is_empty());
    printed.ok().map(|()| json)
}

fn query(subject: &Subject, transcoder: &Transcoder, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Some(binding) = transcoder.find(Method::Get, path)
        && let Ok(wire) = transcoder.request(binding, path, Some(query), b"")
    {
        DynamicMessage::decode(subject.message.clone(), &*wire).expect("other readers take it");
        encoded(subject, transcoder, &wire);
    }
}

fn stream(transcoder: &Transcoder, bytes: &[u8]) {
    let Some((&[kind, size], body)) = bytes.split_first_chunk::<2>() else { return };
    let binding = transcoder.find(Method::Post, STREAM).expect("it is bound");
    let read = |size: usize| -> Result<Vec<Vec<u8>>, RequestError> {
        let mut stream = transcoder.stream(binding, STREAM, None, kind & 1 == 1)?;
        let mut messages = Vec::new();
        for piece in body.chunks(size) {
            stream.feed(piece, &mut messages)?;
        }
        stream.finish(&mut messages)?;
        Ok(messages)
    };
    assert_eq!(read(usize::from(size) + 1), read(usize::MAX));
    assert_eq!(read(1), read(usize::MAX));
}
