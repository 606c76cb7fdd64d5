//! What the specification says of each type, and the cases of its conformance suite that are easily got wrong.

use super::*;

/// JSON, and what it becomes.
const FORMS: &[(&str, &str)] = &[
    // Names: as JSON has them, and as the file has them.
    (r#"{"an_int32":1,"aBool":true}"#, r#"{"anInt32":1,"aBool":true}"#),
    (r#"{"@other":"x"}"#, r#"{"@other":"x"}"#),
    (r#"{"other":"x"}"#, r#"{"@other":"x"}"#),
    // Defaults are left out, unless there is presence.
    (r#"{"anInt32":0,"aString":"","color":0,"ints":[],"names":{},"aDouble":0.0}"#, "{}"),
    (r#"{"maybeInt":0,"maybeString":""}"#, r#"{"maybeInt":0,"maybeString":""}"#),
    (r#"{"number":0}"#, r#"{"number":0}"#),
    (r#"{"inside":{}}"#, r#"{"inside":{}}"#),
    // Integers, whatever their notation; 64 bits in quotes.
    (
        r#"{"anInt32":"-5","anInt64":1e3,"aUint64":"18446744073709551615"}"#,
        r#"{"anInt32":-5,"anInt64":"1000","aUint64":"18446744073709551615"}"#,
    ),
    (
        r#"{"aSint32":-2147483648,"aSint64":"-9223372036854775808"}"#,
        r#"{"aSint32":-2147483648,"aSint64":"-9223372036854775808"}"#,
    ),
    (r#"{"aFixed32":4294967295,"aSfixed64":-1.0}"#, r#"{"aFixed32":4294967295,"aSfixed64":"-1"}"#),
    // Floats and what is no number.
    (r#"{"aDouble":"1.5","aFloat":1}"#, r#"{"aDouble":1.5,"aFloat":1}"#),
    (r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#, r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#),
    (r#"{"aDouble":-0.0}"#, r#"{"aDouble":-0}"#),
    (r#"{"doubleValue":"NaN","floatValue":"Infinity"}"#, r#"{"doubleValue":"NaN","floatValue":"Infinity"}"#),
    // Bytes in both alphabets.
    (r#"{"someBytes":"-_8","blobs":["+/8=",""]}"#, r#"{"someBytes":"+/8=","blobs":["+/8=",""]}"#),
    // Enums by name and number, also numbers that no name has.
    (r#"{"color":"BLUE","colors":[1,"NONE",7]}"#, r#"{"color":"BLUE","colors":["RED","NONE",7]}"#),
    // Maps, in the order of their keys.
    (
        r#"{"byInt":{"10":{},"-2":{"aBool":true}},"byBool":{"true":1,"false":2}}"#,
        r#"{"byInt":{"-2":{"aBool":true},"10":{}},"byBool":{"false":2,"true":1}}"#,
    ),
    (r#"{"byLong":{"1e1":"RED"},"bySint":{"-1":""}}"#, r#"{"byLong":{"10":"RED"},"bySint":{"-1":""}}"#),
    // Null is nothing, but where it is a value.
    (
        r#"{"anInt32":null,"ints":null,"names":null,"inside":null,"time":null,"stringValue":null,"any":null}"#,
        "{}",
    ),
    (r#"{"text":null,"number":5}"#, r#"{"number":5}"#),
    (r#"{"nothing":null}"#, r#"{"nothing":null}"#),
    (r#"{"nothing":"NULL_VALUE"}"#, r#"{"nothing":null}"#),
    (r#"{"value":null,"anything":null}"#, r#"{"anything":null,"value":null}"#),
    (r#"{"nulls":[null,0],"moreValues":[null],"null":null}"#, r#"{"moreValues":[null],"nulls":[null,null]}"#),
    // Times.
    (
        r#"{"time":"2000-01-01T01:00:00.5+01:00","duration":"1.5s"}"#,
        r#"{"time":"2000-01-01T00:00:00.500Z","duration":"1.500s"}"#,
    ),
    (r#"{"mask":"a.fooBar,b"}"#, r#"{"mask":"a.fooBar,b"}"#),
    (r#"{"mask":""}"#, r#"{"mask":""}"#),
    // Wrappers are what they hold, and their presence counts.
    (
        r#"{"int64Value":0,"boolValue":false,"stringValue":"","uint32Value":"7"}"#,
        r#"{"int64Value":"0","uint32Value":7,"boolValue":false,"stringValue":""}"#,
    ),
    (r#"{"bytesValue":"AA","wrapped":["a",""]}"#, r#"{"bytesValue":"AA==","wrapped":["a",""]}"#),
    // Any JSON.
    (r#"{"fields":{"b":[1,"x",{"y":null}],"a":true}}"#, r#"{"fields":{"a":true,"b":[1,"x",{"y":null}]}}"#),
    (r#"{"value":{},"valuesList":[[],1e300]}"#, r#"{"value":{},"valuesList":[[],1e300]}"#),
    (r#"{"values":{"a":null}}"#, r#"{"values":{"a":null}}"#),
    (r#"{"empty":{}}"#, r#"{"empty":{}}"#),
];

#[test]
fn canonical_forms() {
    for &(json, canonical) in FORMS {
        assert_eq!(through(json), canonical);
        assert_eq!(through(canonical), canonical);
    }
}

#[test]
fn any_has_the_type_of_its_message() {
    for (json, canonical) in [
        (r#"{"any":{}}"#, r#"{"any":{}}"#),
        (r#"{"any":{"anInt32":1,"@type":"x/t.All"}}"#, r#"{"any":{"@type":"x/t.All","anInt32":1}}"#),
        (
            r#"{"any":{"value":"1s","@type":"type.googleapis.com/google.protobuf.Duration"}}"#,
            r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#,
        ),
        (
            r#"{"any":{"@type":"/google.protobuf.Value","value":null}}"#,
            r#"{"any":{"@type":"/google.protobuf.Value","value":null}}"#,
        ),
        (
            r#"{"any":{"@type":"/google.protobuf.Any","value":{"@type":"/google.protobuf.Int32Value","value":5}}}"#,
            r#"{"any":{"@type":"/google.protobuf.Any","value":{"@type":"/google.protobuf.Int32Value","value":5}}}"#,
        ),
        // An empty message has no form of its own; some write it as if it had.
        (r#"{"any":{"@type":"/google.protobuf.Empty"}}"#, r#"{"any":{"@type":"/google.protobuf.Empty"}}"#),
        (
            r#"{"any":{"@type":"/google.protobuf.Empty","value":{}}}"#,
            r#"{"any":{"@type":"/google.protobuf.Empty"}}"#,
        ),
    ] {
        assert_eq!(through(json), canonical);
    }
}

#[test]
fn unknown_names_can_be_passed_over() {
    let options = JsonOptions { ignore_unknown: true, ..JsonOptions::default() };
    let desc = sample::message("t.All");
    let json = r#"{"x":[{"y":1}],"color":"GREEN","colors":["RED","GREEN"],"byLong":{"1":"GREEN","2":"RED"},"anInt32":1}"#;
    let wire = parse_with(&desc, json, &options).unwrap();
    assert_eq!(print(&wire).unwrap(), r#"{"anInt32":1,"colors":["RED"],"byLong":{"2":"RED"}}"#);
    assert!(parse_with(&desc, r#"{"x":[}"#, &options).is_err(), "it must be JSON all the same");
}

#[test]
fn options_of_output() {
    let desc = sample::message("old.Old");
    let print = |options: JsonOptions, wire: &[u8]| print_with(&desc, wire, &options).unwrap();
    let always = JsonOptions { always_print_primitive_fields: true, ..JsonOptions::default() };
    assert_eq!(print(always, b""), r#"{"plain":[],"many":[]}"#, "fields of proto2 have presence");
    let ints = JsonOptions { enums_as_ints: true, ..JsonOptions::default() };
    assert_eq!(print(ints, b"\x10\x02"), r#"{"shade":2}"#);

    let desc = sample::message("t.All");
    let always = JsonOptions { always_print_primitive_fields: true, ..JsonOptions::default() };
    let json = print_with(&desc, b"", &always).unwrap();
    for part in [
        r#""anInt64":"0""#,
        r#""aBool":false"#,
        r#""color":"NONE""#,
        r#""ints":[]"#,
        r#""names":{}"#,
        r#""someBytes":"""#,
    ] {
        assert!(json.contains(part), "{part} in {json}");
    }
    for part in ["maybeInt", "inside", "number", "stringValue"] {
        assert!(!json.contains(&format!("\"{part}\"")), "{part} in {json}");
    }
}

#[test]
fn messages_are_merged_as_protobuf_merges_them() {
    for (wire, json) in [
        // The last value counts.
        (&b"\x18\x01\x18\x02"[..], r#"{"anInt32":2}"#),
        // The last member of a oneof.
        (b"\xc8\x02\x01\xd2\x02\x01a", r#"{"text":"a"}"#),
        (b"\xd2\x02\x01a\xc8\x02\x01", r#"{"number":1}"#),
        (b"\xc8\x02\x01\xd2\x02\x01a\xc8\x02\x02", r#"{"number":2}"#),
        // Messages in pieces, also in a oneof.
        (b"\x8a\x01\x02\x18\x01\x8a\x01\x02\x20\x02", r#"{"inside":{"anInt32":1,"anInt64":"2"}}"#),
        (b"\xda\x02\x02\x18\x01\xda\x02\x02\x20\x02", r#"{"message":{"anInt32":1,"anInt64":"2"}}"#),
        (b"\xda\x02\x02\x18\x01\xc8\x02\x01\xda\x02\x02\x20\x02", r#"{"message":{"anInt64":"2"}}"#),
        // Packed and unpacked.
        (b"\xaa\x01\x02\x01\x02\xa8\x01\x03\xaa\x01\x00", r#"{"ints":[1,2,3]}"#),
        (b"\xb0\x01\x01\xb2\x01\x01\x02", r#"{"longs":["1","2"]}"#),
        (b"\xaa\x01\x00", "{}"),
        // The last entry of a key.
        (b"\xfa\x01\x06\x0a\x01k\x12\x01a\xfa\x01\x06\x0a\x01k\x12\x01b", r#"{"names":{"k":"b"}}"#),
        (b"\xfa\x01\x00", r#"{"names":{"":""}}"#),
        (b"\x82\x02\x02\x08\x05", r#"{"byInt":{"5":{}}}"#),
        // Numbers of 32 bits may come with 64.
        (b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", r#"{"anInt32":-1}"#),
        (b"\x18\x80\x80\x80\x80\x10", "{}"),
        // Unknown fields.
        (b"\xf8\x3e\x01\x18\x05", r#"{"anInt32":5}"#),
        // A value without one, and one with several.
        (b"\xc2\x03\x00", r#"{"value":null}"#),
        (b"\xc2\x03\x05\x1a\x01a\x20\x01", r#"{"value":true}"#),
    ] {
        assert_eq!(print(wire).unwrap(), json, "{wire:?}");
        let message = DynamicMessage::decode(sample::message("t.All"), wire).unwrap();
        assert_eq!(normal(json), oracle(&message, &SerializeOptions::new()), "{wire:?}");
    }
    // A known field of another type is unknown; the other reader refuses it.
    assert_eq!(print(b"\x1a\x01a\x18\x05\x1a\x01b").unwrap(), r#"{"anInt32":5}"#);
}
