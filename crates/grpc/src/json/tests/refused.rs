//! What is refused, with the place and the reason.

use super::*;

/// JSON, and what is told of it.
const REFUSED: &[(&str, &str)] = &[
    ("", "malformed JSON at byte 0: the text ends where a value is wanted"),
    ("null", "wanted an object, found null"),
    ("[]", "wanted an object, found a list"),
    ("{} x", "malformed JSON at byte 3: there is more behind the value"),
    (r#"{"x":1}"#, "/x: message t.All has no such field"),
    (r#"{"x":null}"#, "/x: message t.All has no such field"),
    (r#"{"[t.x]":1}"#, "/[t.x]: message t.All has no such field"),
    (r#"{"a/b~c":1}"#, "/a~1b~0c: message t.All has no such field"),
    (r#"{"anInt32":1.5}"#, "/anInt32: wanted an integer of 32 bits, found \"1.5\""),
    (r#"{"anInt32":2147483648}"#, "/anInt32: wanted an integer of 32 bits, found \"2147483648\""),
    (r#"{"anInt32":""}"#, "/anInt32: wanted an integer of 32 bits, found \"\""),
    (r#"{"anInt32":" 1"}"#, "/anInt32: wanted an integer of 32 bits, found \" 1\""),
    (r#"{"anInt32":true}"#, "/anInt32: wanted an integer of 32 bits, found a truth value"),
    (r#"{"aUint32":-1}"#, "/aUint32: wanted an integer of 32 bits that is not negative, found \"-1\""),
    (
        r#"{"anInt64":9223372036854775808}"#,
        "/anInt64: wanted an integer of 64 bits, found \"9223372036854775808\"",
    ),
    (r#"{"aFloat":1e39}"#, "/aFloat: wanted a number of 32 bits, found \"1e39\""),
    (r#"{"aDouble":"nan"}"#, "/aDouble: wanted a number, found \"nan\""),
    (r#"{"aBool":"true"}"#, "/aBool: wanted a truth value, found a text"),
    (r#"{"aBool":1}"#, "/aBool: wanted a truth value, found a number"),
    (r#"{"aString":1}"#, "/aString: wanted a text, found a number"),
    (r#"{"someBytes":"a"}"#, "/someBytes: wanted bytes as base64, found \"a\""),
    (r#"{"color":"GREEN"}"#, "/color: wanted a value of enum t.Color, found \"GREEN\""),
    (r#"{"color":1.5}"#, "/color: wanted a value of enum t.Color, found \"1.5\""),
    (r#"{"color":true}"#, "/color: wanted a value of enum t.Color, found a truth value"),
    (r#"{"ints":1}"#, "/ints: wanted a list, found a number"),
    (r#"{"ints":[1,null]}"#, "/ints/1: wanted an integer of 32 bits, found null"),
    (r#"{"strings":["a",1]}"#, "/strings/1: wanted a text, found a number"),
    (
        r#"{"list":[{},{"inside":{"ints":[0,"x"]}}]}"#,
        "/list/1/inside/ints/1: wanted an integer of 32 bits, found \"x\"",
    ),
    (r#"{"list":[null]}"#, "/list/0: wanted an object, found null"),
    (r#"{"names":{"a":null}}"#, "/names/a: wanted a text, found null"),
    (r#"{"byInt":{"x":{}}}"#, "/byInt/x: wanted an integer of 32 bits as a name"),
    (r#"{"byBool":{"True":1}}"#, "/byBool/True: wanted true or false as a name"),
    (r#"{"byInt":{"1":{},"1.0":{}}}"#, "/byInt/1.0: the name stands twice"),
    (r#"{"anInt32":1,"an_int32":2}"#, "/an_int32: the field stands twice"),
    (r#"{"anInt32":null,"anInt32":2}"#, "/anInt32: the field stands twice"),
    (r#"{"number":1,"text":""}"#, "/text: cannot be together with \"number\": only one of both is kept"),
    (
        r#"{"number":1,"nothing":null}"#,
        "/nothing: cannot be together with \"number\": only one of both is kept",
    ),
    (r#"{"fields":{"a":1,"a":2}}"#, "/fields/a: the name stands twice"),
    (r#"{"value":[1e400]}"#, "/value/0: wanted a number, found \"1e400\""),
    (
        r#"{"time":"2000-01-01"}"#,
        "/time: wanted a time such as \"2006-01-02T15:04:05Z\", found \"2000-01-01\"",
    ),
    (r#"{"time":1}"#, "/time: wanted a text, found a number"),
    (r#"{"times":[null]}"#, "/times/0: wanted a text, found null"),
    (r#"{"duration":"1"}"#, "/duration: wanted a duration such as \"1.5s\", found \"1\""),
    (r#"{"mask":"a_b"}"#, "/mask: wanted names of fields, with commas between them, found \"a_b\""),
    (r#"{"int32Value":"x"}"#, "/int32Value: wanted an integer of 32 bits, found \"x\""),
    (r#"{"wrapped":[null]}"#, "/wrapped/0: wanted a text, found null"),
    (r#"{"empty":{"a":1}}"#, "/empty/a: message google.protobuf.Empty has no such field"),
    (r#"{"any":{"a":1}}"#, "/any/a: wanted the member \"@type\" too"),
    (r#"{"any":{"@type":1}}"#, "/any/@type: wanted a text, found a number"),
    (r#"{"any":{"@type":"t.All"}}"#, "/any/@type: no message of this type is known: \"t.All\""),
    (r#"{"any":{"@type":"x/t.Missing"}}"#, "/any/@type: no message of this type is known: \"x/t.Missing\""),
    (r#"{"any":{"@type":"x/t.All","@type":"x/t.All"}}"#, "/any/@type: the field stands twice"),
    (r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#, "/any: wanted the member \"value\" too"),
    (
        r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1s","a":1}}"#,
        "/any/a: message google.protobuf.Duration has no such field",
    ),
];

#[test]
fn errors_tell_the_field_and_what_was_wanted() {
    for &(json, told) in REFUSED {
        match parse(json) {
            Ok(wire) => panic!("{json} was taken: {wire:?}"),
            Err(error) => assert_eq!(error.to_string(), told, "{json}"),
        }
    }
}

#[test]
fn excerpts_are_short() {
    let json = format!("{{\"anInt32\":\"{}\"}}", "é".repeat(1000));
    assert_eq!(parse(&json).unwrap_err().problem().chars().filter(|&letter| letter == 'é').count(), 40);
}

#[test]
fn nesting_is_bounded_both_ways() {
    let nested = |depth: usize| format!("{}{{}}{}", "{\"inside\":".repeat(depth), "}".repeat(depth));
    let wire = parse(&nested(99)).unwrap();
    assert_eq!(print(&wire).unwrap(), nested(99));
    assert!(parse(&nested(100)).unwrap_err().problem().contains("nested too deep"));
    let mut deeper = Vec::new();
    crate::wire::put_nested(&mut deeper, 17, |out| {
        out.extend_from_slice(&wire);
        Ok::<_, JsonError>(())
    })
    .unwrap();
    assert!(print(&deeper).unwrap_err().problem().contains("nested too deep"));

    let values = |depth: usize| format!("{{\"value\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(through(&values(99)), values(99));
    assert!(parse(&values(100)).is_err());
}

#[test]
fn any_in_any_is_bounded() {
    // Encoded from the inside out, as deep as bytes allow: reading it must not go as deep.
    let mut wire = Vec::new();
    for _ in 0..10_000 {
        let mut outer = Vec::new();
        crate::wire::put(&mut outer, 1, crate::wire::Wire::Bytes(b"/google.protobuf.Any"));
        crate::wire::put(&mut outer, 2, crate::wire::Wire::Bytes(&wire));
        wire = outer;
    }
    let mut message = Vec::new();
    crate::wire::put(&mut message, 51, crate::wire::Wire::Bytes(&wire));
    assert!(print(&message).unwrap_err().problem().contains("nested too deep"));

    let mut json = "{}".to_owned();
    for _ in 0..11 {
        json = format!("{{\"value\":{json},\"@type\":\"/google.protobuf.Any\"}}");
    }
    assert!(parse(&format!("{{\"any\":{json}}}")).unwrap_err().problem().contains("nested too deep"));
}

#[test]
fn messages_that_have_no_json_are_told() {
    for (wire, told) in [
        (&b"\x18"[..], "the message is malformed"),
        (b"\x8a\x01\x01\x18", "/inside: the message is malformed"),
        (b"\x72\x01\xff", "/aString: the text is not UTF-8"),
        (b"\xaa\x01\x01\x80", "/ints: the message is malformed"),
        (b"\xa2\x03\x02\x10\xff", "/time: the message is malformed"),
        (b"\xa2\x03\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x00", "/time: the time is out of range"),
        (
            b"\xaa\x03\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "/duration: the duration is out of range",
        ),
        (b"\xb2\x03\x03\x0a\x01A", "/mask: a path of the mask has no form in JSON"),
        (
            b"\xc2\x03\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x7f",
            "/value: a number that is none has no form in JSON",
        ),
        (b"\x9a\x03\x05\x0a\x03a/b", "/any/@type: no message of this type is known: \"a/b\""),
    ] {
        assert_eq!(print(wire).unwrap_err().to_string(), told, "{wire:?}");
    }
}

#[test]
fn output_is_bounded() {
    // One byte of a packed enum becomes a name.
    let mut wire = Vec::new();
    crate::wire::put(&mut wire, 25, crate::wire::Wire::Bytes(&[1; 10_000]));
    let options = JsonOptions { max_output: 1000, ..JsonOptions::default() };
    let mut out = Vec::new();
    let error = Printer::new(&options, &mut out).message(&sample::message("t.All"), &wire).unwrap_err();
    assert!(error.problem().contains("1000 bytes"), "{error}");
    assert!(out.len() < 1100);
}

#[test]
fn pieces_of_messages_are_not_copied_without_end() {
    // Each message comes in two pieces, so that all inside it is copied again at every depth.
    let mut wire = Vec::new();
    crate::wire::put(&mut wire, 14, crate::wire::Wire::Bytes(&[b'a'; 10_000]));
    for _ in 0..90 {
        let mut outer = Vec::new();
        crate::wire::put(&mut outer, 17, crate::wire::Wire::Bytes(&wire));
        crate::wire::put(&mut outer, 17, crate::wire::Wire::Bytes(b""));
        wire = outer;
    }
    let bounded = JsonOptions { max_output: 100_000, ..JsonOptions::default() };
    let error = print_with(&sample::message("t.All"), &wire, &bounded).unwrap_err();
    assert!(error.problem().contains("100000 bytes"), "{error}");
    assert!(print(&wire).is_ok());
}
