//! The interfaces of Google Pub/Sub and of long-running operations, whole: see `tests/protos/README.md`.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::sample::Choices;

fn read(name: &str) -> std::io::Result<String> {
    Ok(match name {
        "google/pubsub/v1/pubsub.proto" => {
            include_str!("../../../tests/protos/google/pubsub/v1/pubsub.proto")
        }
        "google/pubsub/v1/schema.proto" => {
            include_str!("../../../tests/protos/google/pubsub/v1/schema.proto")
        }
        "google/longrunning/operations.proto" => {
            include_str!("../../../tests/protos/google/longrunning/operations.proto")
        }
        _ => return Err(std::io::ErrorKind::NotFound.into()),
    }
    .to_owned())
}

const FILES: [&str; 3] =
    ["google/pubsub/v1/pubsub.proto", "google/pubsub/v1/schema.proto", "google/longrunning/operations.proto"];

fn public() -> Transcoder {
    let descriptors = Descriptors::from_sources(&FILES, read).unwrap();
    Transcoder::new(&descriptors, TranscoderOptions::default()).unwrap()
}

/// A path that a binding has.
fn path_of(binding: &Binding) -> String {
    let template = binding.template().to_string();
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        let segment = segment.split_once('=').map_or(segment, |(_, segment)| segment).replace('}', "");
        path.push('/');
        path.push_str(&segment.replace("**", "a/b").replace('*', "x%20y"));
    }
    path
}

#[test]
fn all_is_there() {
    let transcoder = public();
    let rpcs: HashSet<&str> = transcoder.bindings().map(Binding::rpc_path).collect();
    // As many as the files have.
    let declared: usize = FILES.iter().map(|name| read(name).unwrap().matches("\n  rpc ").count()).sum();
    assert_eq!(rpcs.len(), declared);
    assert!(declared > 35, "{declared}");
    // Every rpc has its own path, and those with an annotation one more at least.
    let annotated: usize =
        FILES.iter().map(|name| read(name).unwrap().matches("(google.api.http)").count()).sum();
    let additional: usize =
        FILES.iter().map(|name| read(name).unwrap().matches("additional_bindings").count()).sum();
    assert_eq!(transcoder.bindings().count(), declared + annotated + additional);
    assert!(annotated > 35, "{annotated}");
}

#[test]
fn every_rpc_has_its_own_template() {
    let transcoder = public();
    for binding in transcoder.bindings() {
        let path = path_of(binding);
        let found =
            transcoder.find(binding.method().unwrap(), &path).unwrap_or_else(|| panic!("{binding}: {path}"));
        assert_eq!(found.to_string(), binding.to_string());
        assert_eq!(found.rpc_path(), binding.rpc_path());
        let message = transcoder.request(found, &path, None, b"").unwrap();
        let json = json(found, &message);
        for (name, value) in found.template().values(&path) {
            let value = value.unwrap();
            assert!(json.contains(&format!("\"{value}\"")), "{name} = {value} in {json}");
        }
    }
}

#[test]
fn publishes_and_pulls() {
    let transcoder = public();
    let path = "/v1/projects/p/topics/t:publish";
    let binding = transcoder.find(Method::Post, path).unwrap();
    assert_eq!(binding.rpc_path(), "/google.pubsub.v1.Publisher/Publish");
    let body =
        r#"{"messages":[{"data":"aGk=","attributes":{"k":"v"},"publishTime":"2026-11-21T00:00:00Z"}]}"#;
    let message = transcoder.request(binding, path, None, body.as_bytes()).unwrap();
    assert_eq!(
        json(binding, &message),
        r#"{"topic":"projects/p/topics/t","messages":[{"data":"aGk=","attributes":{"k":"v"},"publishTime":"2026-11-21T00:00:00Z"}]}"#
    );
    let mut out = Vec::new();
    transcoder.response(binding, b"\x0a\x011\x0a\x012", &mut out).unwrap();
    assert_eq!(out, br#"{"messageIds":["1","2"]}"#);

    let path = "/v1/projects/p/subscriptions";
    let binding = transcoder.find(Method::Get, path).unwrap();
    let message = transcoder.request(binding, path, Some("pageSize=5&page_token=a%2Fb"), b"").unwrap();
    assert_eq!(json(binding, &message), r#"{"project":"projects/p","pageSize":5,"pageToken":"a/b"}"#);

    let path = "/v1/projects/p/topics/t";
    let binding = transcoder.find(Method::Patch, path).unwrap();
    let body = r#"{"topic":{"labels":{"a":"b"},"messageRetentionDuration":"600s"},"updateMask":"labels"}"#;
    let message = transcoder.request(binding, path, None, body.as_bytes()).unwrap();
    assert_eq!(
        json(binding, &message),
        r#"{"topic":{"name":"projects/p/topics/t","labels":{"a":"b"},"messageRetentionDuration":"600s"},"updateMask":"labels"}"#
    );
}

#[test]
fn operations_carry_any_message() {
    let transcoder = public();
    let path = "/v1/operations/a/b";
    let binding = transcoder.find(Method::Get, path).unwrap();
    let message = transcoder.request(binding, path, None, b"").unwrap();
    assert_eq!(json(binding, &message), r#"{"name":"operations/a/b"}"#);
    let operation = concat!(
        r#"{"name":"operations/a/b","metadata":{"@type":"type.googleapis.com/google.pubsub.v1.Topic","name":"t"},"done":true,"#,
        r#""error":{"code":5,"message":"gone","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R"}]}}"#,
    );
    let output = binding.output();
    let mut wire = Vec::new();
    let options = JsonOptions::default();
    let mut reader = crate::json::Reader::new(operation.as_bytes(), crate::json::MAX_DEPTH).unwrap();
    crate::json::Parser::new(&options).message(&output, &mut reader, &mut wire).unwrap();
    let mut out = Vec::new();
    transcoder.response(binding, &wire, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), operation);
}

/// A message as prost-reflect has it in JSON, for comparing.
fn value(message: &DynamicMessage) -> serde_json::Value {
    serde_json::to_value(message).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn requests_and_answers_go_both_ways(choices in vec(any::<u64>(), 8..40)) {
        let transcoder = public();
        for binding in transcoder.bindings().filter(|binding| binding.template().to_string() == binding.rpc_path()) {
            // What prost-reflect writes as JSON is read as the same message.
            let request = Choices(&choices).message(&binding.input(), 3);
            let body = serde_json::to_vec(&request).unwrap();
            if !binding.is_client_streaming() {
                let wire = transcoder.request(binding, binding.rpc_path(), None, &body).unwrap();
                let sent = DynamicMessage::decode(binding.input(), &*wire).unwrap();
                prop_assert_eq!(value(&sent), value(&request));
            }
            // What is written as JSON is read by prost-reflect as the same message.
            let answer = Choices(&choices).message(&binding.output(), 3);
            let mut json = Vec::new();
            transcoder.response(binding, &answer.encode_to_vec(), &mut json).unwrap();
            let read = DynamicMessage::deserialize(binding.output(), &mut serde_json::Deserializer::from_slice(&json));
            prop_assert_eq!(value(&read.unwrap()), value(&answer));
        }
    }
}
