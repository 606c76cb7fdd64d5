//! JSON to messages and back, against prost-reflect and the specification.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions, Value};

use super::*;
use crate::sample::{self, Choices};

mod canonical;
mod refused;

fn parse_with(message: &MessageDescriptor, json: &str, options: &JsonOptions) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    let mut reader = Reader::new(json.as_bytes(), MAX_DEPTH)?;
    Parser::new(options).message(message, &mut reader, &mut out)?;
    reader.end()?;
    Ok(out)
}

fn parse(json: &str) -> Result<Vec<u8>, JsonError> {
    parse_with(&sample::message("t.All"), json, &JsonOptions::default())
}

fn print_with(message: &MessageDescriptor, wire: &[u8], options: &JsonOptions) -> Result<String, JsonError> {
    let mut out = Vec::new();
    Printer::new(options, &mut out).message(message, wire)?;
    Ok(String::from_utf8(out).unwrap())
}

fn print(wire: &[u8]) -> Result<String, JsonError> {
    print_with(&sample::message("t.All"), wire, &JsonOptions::default())
}

/// What a JSON text becomes after it was a message.
fn through(json: &str) -> String {
    let wire = parse(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    print(&wire).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// As prost-reflect writes it.
fn oracle(message: &DynamicMessage, options: &SerializeOptions) -> serde_json::Value {
    let mut serializer = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut serializer, options).unwrap();
    normal(&String::from_utf8(serializer.into_inner()).unwrap())
}

/// A JSON text whose integers and floats are alike. Of floats there are several shortest texts.
fn normal(json: &str) -> serde_json::Value {
    use serde_json::{Number, Value};
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap();
                #[expect(clippy::cast_possible_truncation, reason = "rounded on purpose")]
                let rounded = f64::from(number as f32);
                let large = || number.signum() * number.abs().ln();
                Value::Number(
                    Number::from_f64(if rounded.is_finite() { rounded } else { large().round() }).unwrap(),
                )
            }
            Value::Array(list) => Value::Array(list.into_iter().map(floats).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(name, value)| (name, floats(value))).collect())
            }
            other => other,
        }
    }
    floats(serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn messages_come_back(choices in vec(any::<u64>(), 0..60)) {
        let desc = sample::message("t.All");
        let message = Choices(&choices).message(&desc, 3);
        let json = print(&message.encode_to_vec()).unwrap();
        prop_assert_eq!(normal(&json), oracle(&message, &SerializeOptions::new()));

        let wire = parse(&json).unwrap();
let back = DynamicMessage::decode(desc, &*wire).unwrap();
        prop_assert_eq!(oracle(&back, &SerializeOptions::new()), oracle(&message, &SerializeOptions::new()));
        prop_assert_eq!(print(&wire).unwrap(), json);
    }

    #[test]
    fn options_are_those_of_prost(choices in vec(any::<u64>(), 0..40)) {
        let desc = sample::message("t.All");
        let message = Choices(&choices).message(&desc, 2);
        let options = JsonOptions {
            preserve_proto_field_names: true,
            always_print_primitive_fields: true,
            enums_as_ints: true,
            ..JsonOptions::default()
        };
        let json = print_with(&desc, &message.encode_to_vec(), &options).unwrap();
        let like = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false).use_enum_numbers(true);
        prop_assert_eq!(normal(&json), oracle(&message, &like));
        let wire = parse(&json).unwrap();
        let back = DynamicMessage::decode(desc, &*wire).unwrap();
        prop_assert_eq!(oracle(&back, &like), oracle(&message, &like));
    }

    #[test]
    fn no_bytes_are_too_odd(wire in vec(any::<u8>(), 0..60)) {
        let desc = sample::message("t.All");
        if let Ok(json) = print(&wire) {
            let again = parse(&json).unwrap();
            prop_assert_eq!(print(&again).unwrap(), json);
            prop_assert!(DynamicMessage::decode(desc, &*again).is_ok());
        }
    }

    #[test]
    fn no_json_is_too_odd(json in "[\\[\\]{}\":,a0-9.eE+\\-nulltrfsi@ype \\\\]{0,24}") {
        if let Ok(wire) = parse(&json) {
            prop_assert!(print(&wire).is_ok());
        }
    }
}

#[test]
fn closed_enums_groups_and_extensions() {
    let desc = sample::message("old.Old");
    let json = r#"{"name":"","shade":"DARK","part":{"size":1},"plain":[1,2],"many":[{"text":"a"},{}],"[old.note]":"x","[old.shades]":["DARK","LIGHT"]}"#;
    let wire = parse_with(&desc, json, &JsonOptions::default()).unwrap();
    assert_eq!(print_with(&desc, &wire, &JsonOptions::default()).unwrap(), json);
    let message = DynamicMessage::decode(desc.clone(), &*wire).unwrap();
    assert_eq!(normal(json), oracle(&message, &SerializeOptions::new()));
    assert_eq!(
        message.get_field_by_name("plain").unwrap().as_list(),
        Some(&[Value::I32(1), Value::I32(2)][..])
    );
    let refused = parse_with(&desc, r#"{"shade":3}"#, &JsonOptions::default()).unwrap_err();
    assert_eq!(refused.to_string(), "/shade: wanted a value of enum old.Shade, found \"3\"");
    // Unpacked and packed numbers are both read.
    assert_eq!(
        print_with(&desc, b"\x28\x01\x2a\x02\x02\x03\x28\x04", &JsonOptions::default()).unwrap(),
        r#"{"plain":[1,2,3,4]}"#
    );
}
