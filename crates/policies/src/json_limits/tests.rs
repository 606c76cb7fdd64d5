//! JSON as it may be, and as it may not.

use maitred_config::read_text;
use maitred_policy::WholeBody;
use maitred_policy::harness::{Harness, problems_of, request};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What the scanner says of a body that comes in pieces of these sizes, in turn.
fn scan(yaml: &str, body: &[u8], sizes: &[usize]) -> Result<(), JsonFault> {
    let harness = JsonLimits::compiled(yaml);
    let mut scanner = JsonScanner::new(harness.bounds);
    let (mut rest, mut sizes) = (body, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = *sizes.next().expect("there are sizes");
        let (piece, behind) = rest.split_at(rest.len().min(size));
        scanner.push(piece)?;
        rest = behind;
    }
    scanner.finish()
}

impl JsonLimits {
    fn compiled(yaml: &str) -> Self {
        let config: JsonLimitsConfig = read_text(yaml).expect("the test's configuration is good");
        Self { bounds: config.bounds(), any_type: config.any_type, encoded: config.encoded }
    }
}

/// The same whole and byte by byte: that must make no difference.
fn judge(yaml: &str, body: impl AsRef<[u8]>) -> Result<(), JsonFault> {
    let whole = scan(yaml, body.as_ref(), &[usize::MAX]);
    assert_eq!(scan(yaml, body.as_ref(), &[1]), whole, "{}", String::from_utf8_lossy(body.as_ref()));
    whole
}

const GOOD: &[&str] = &[
    "",
    "{}",
    "[]",
    " \t\r\n{ } ",
    "0",
    "-0",
    "1.5e+10",
    "1E2",
    "-12.0e-1",
    "\"\"",
    "true",
    "false",
    "null",
    "[1,2 ,3]",
    r#"{"a":{"b":[{},[],"c"]},"d":null}"#,
    r#""\"\\\/\b\f\n\r\tAé😀\ud83d\ude00""#,
    "\"ü€😀\"",
];

const BAD: &[&str] = &[
    " ",
    "{",
    "}",
    "[",
    "]",
    "[1",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{1:2}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{,}",
    "[1}",
    "{\"a\":1]",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "Infinity",
    "tru",
    "truE",
    "nulll",
    "1 2",
    "{}{}",
    "'a'",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u12\"",
    "\"\t\"",
    "\"\n\"",
    "// c\n1",
    "[1]/**/",
    "\u{feff}1",
    "\"a\":1",
    "undefined",
    "{a:1}",
];

const NOT_UTF8: &[&[u8]] = &[
    b"\"\xff\"",
    b"\"\xc3\"",
    b"\"\xc0\x80\"",
    b"\"\xe0\x80\x80\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xe2\x82\"",
    b"\"\xe2\\n\"",
    b"\"\x80\"",
    b"\xc3\xa9",
    b"\"\xf5\x80\x80\x80\"",
];

#[test]
fn json_is_told_from_what_is_none() {
    for good in GOOD {
        assert_eq!(judge("true", good), Ok(()), "{good}");
    }
    for bad in BAD {
        assert_eq!(judge("true", bad), Err(JsonFault::NotJson), "{bad}");
    }
    for bad in NOT_UTF8 {
        assert_eq!(judge("true", bad), Err(JsonFault::NotJson), "{bad:?}");
    }
}

#[test]
fn each_limit_holds_to_the_last_one() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let object = |keys: usize| {
        format!("{{{}}}", (0..keys).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","))
    };
    let array = |elements: usize| format!("[{}]", vec!["1"; elements].join(","));
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    for (yaml, most, one_more, fault) in [
        ("{ depth: 3 }", nested(3), nested(4), JsonFault::TooDeep),
        ("{ depth: 3 }", r#"{"a":[{}]}"#.into(), r#"{"a":[{"b":{}}]}"#.into(), JsonFault::TooDeep),
        ("{ keys: 3 }", object(3), object(4), JsonFault::TooManyKeys),
        ("{ elements: 3 }", array(3), array(4), JsonFault::TooManyElements),
        ("{ elements: 1 }", "[[[]]]".into(), "[[],[]]".into(), JsonFault::TooManyElements),
        ("{ strings: 3B }", text(3), text(4), JsonFault::StringTooLong),
        ("{ strings: 6B }", r#""\u0041""#.into(), r#""\u0041b""#.into(), JsonFault::StringTooLong),
        ("{ names: 3B, strings: 1B }", r#"{"abc":1}"#.into(), r#"{"abcd":1}"#.into(), JsonFault::NameTooLong),
        ("{ numbers: 3 }", "1e5".into(), "1e55".into(), JsonFault::NumberTooLong),
    ] {
        assert_eq!(judge(yaml, &most), Ok(()), "{yaml} {most}");
        assert_eq!(judge(yaml, &one_more), Err(fault), "{yaml} {one_more}");
    }
    // What is wrong behind the limit is not looked at, however it comes.
    assert_eq!(judge("{ names: 3B }", b"{\"abcd\xff\": 1}"), Err(JsonFault::NameTooLong));
    assert_eq!(judge("{ names: 3B }", b"{\"ab\xffcd\": 1}"), Err(JsonFault::NotJson));
    // The keys of one object are no others'.
    assert_eq!(judge("{ keys: 2 }", r#"[{"a":1,"b":2},{"a":{"c":1,"d":2},"b":2}]"#), Ok(()));
    assert_eq!(judge("true", nested(100_000)), Err(JsonFault::TooDeep));
}

#[test]
fn a_key_is_known_however_it_is_written() {
    let unique = "{ unique_keys: true }";
    for twice in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"é":1,"\u00e9":2}"#,
        r#"{"😀":1,"\ud83d\ude00":2}"#,
        r#"{"a\n":1,"a\u000a":2}"#,
        r#"{"":1,"":2}"#,
        r#"{"x":{"a":1,"b":{},"a":2}}"#,
        r#"{"\ud800":1,"\uD800":2}"#,
        r#"{"b":1,"c":2,"/":3,"\/":4}"#,
    ] {
        assert_eq!(judge(unique, twice), Err(JsonFault::KeyTwice), "{twice}");
        assert_eq!(judge("true", twice), Ok(()), "{twice}");
    }
    for once in [
        r#"{"a":1,"A":2,"aa":3,"":4}"#,
        r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#,
        r#"{"\ud800":1,"\udc00":2,"\ud800\udc00":3,"\ud800a":4}"#,
        r#"{"a":"a","b":"a"}"#,
    ] {
        assert_eq!(judge(unique, once), Ok(()), "{once}");
    }
}

#[test]
fn messages_in_frames_pass_and_json_under_their_type_does_not() {
    let status = |yaml: &str, content_type: &str, body: &[u8]| {
        let policy = JsonLimits::compiled(yaml);
        let whole = WholeBody { bytes: body.to_vec(), trailers: None };
        let (mut whole, mut streamed) =
            (RequestBody { whole: Some(Box::new(whole)), ..RequestBody::default() }, RequestBody::default());
        let head = request("POST /", &[("Content-Type", content_type)]);
        let judged = policy.judge(&head, &mut whole);
        policy.judge(&head, &mut streamed).expect("nothing came yet");
        let pieces = || body.chunks(1).try_for_each(|piece| streamed.filters.push(piece, &mut Vec::new()));
        let passed = { pieces }().and_then(|()| streamed.filters.finish(None, &mut Vec::new()).map(drop));
        let status = |judged: Result<(), Fault>| judged.map_or_else(|fault| fault.status(), |()| 200);
        let status = [judged, passed].map(status);
        assert_eq!(status[0], status[1], "{content_type} {body:?}");
        status[0]
    };
    let deep = [&[b'['; 40][..], &[b']'; 40][..]].concat();
    for content_type in ["application/grpc+json", "application/grpc-web+json", "application/connect+json"] {
        for (body, expected) in [
            (&b"\0\0\0\0\x02{}"[..], 200),
            (&b"\x01\0\0\0\x02??"[..], 200),
            (&b"\x02\0\0\0\x02{}"[..], 200),
            (&b""[..], 200),
            (&b"{}"[..], 200),
            // Some services read all that ends with `+json`.
            (&deep[..], 413),
            (&b"\x03{}"[..], 400),
        ] {
            assert_eq!(status("true", content_type, body), expected, "{content_type} {body:?}");
        }
        assert_eq!(status("{ any_type: true }", content_type, b"\0\0\0\0\x02{}"), 400);
    }
    assert_eq!(status("true", "application/grpc-web-text+json", b"AAAAAAJ7fQ=="), 200);
    assert_eq!(status("true", "application/json", b"\0\0\0\0\x02{}"), 400);
}

#[test]
fn bodies_are_looked_at_by_their_type() {
    let explain = |yaml: &str, fields: &[(&str, &str)]| {
        Harness::of::<JsonLimits>(yaml).request("POST /", fields).explain().concat()
    };
    let (looks, passes) = ("reads the body as JSON, as it passes", "lets the body pass unseen");
    let unless_framed = "reads the body as JSON, as it passes, unless it begins as messages in frames do";
    for (content_type, expected) in [
        ("application/json", looks),
        ("Application/JSON ; charset=utf-8", looks),
        ("application/problem+json", looks),
        ("text/json", looks),
        ("application/grpc+json", unless_framed),
        ("application/grpc-web+json; charset=utf-8", unless_framed),
        ("Application/Connect+JSON", unless_framed),
        ("application/grpc", passes),
        ("application/connect+proto", passes),
        ("text/plain", passes),
        ("application/x-ndjson", passes),
        ("json", passes),
    ] {
        assert_eq!(explain("true", &[("Content-Type", content_type)]), expected, "{content_type}");
        assert_eq!(explain("{ any_type: true }", &[("Content-Type", content_type)]), looks, "{content_type}");
    }
    assert_eq!(
        explain("true", &[("Content-Type", "text/plain"), ("Content-Type", "application/json")]),
        looks
    );
    let coded = |coding| [("Content-Type", "application/json"), ("Content-Encoding", coding)];
    assert_eq!(explain("true", &coded("identity")), looks);
    assert_eq!(explain("{ encoded: true }", &coded("gzip")), passes);
    let outcome = Harness::of::<JsonLimits>("true").request("POST /", &coded("gzip")).answer(200, &[]);
    assert_eq!((outcome.response.status, outcome.cause()), (415, Some("json_encoded")));
    assert_eq!(outcome.field("Accept-Encoding").as_deref(), Some("identity"));
}

#[test]
fn a_good_body_passes_as_it_is() {
    let body = r#"{ "a": [1, 2, 3] }"#;
    let json = [("Content-Type", "application/json")];
    let outcome = Harness::of::<JsonLimits>("true").request("POST /", &json).body(body).answer(200, &[]);
    assert_eq!(outcome.sent_body, body.as_bytes());
    let outcome = Harness::of::<JsonLimits>("true").request("GET /", &json).answer(200, &[]);
    assert_eq!(outcome.response.status, 200);
    assert_eq!(refused(JsonFault::TooDeep).status(), 413);
    assert_eq!(refused(JsonFault::NotJson).status(), 400);
    assert!(problems_of::<JsonLimits>("{ keys: 0 }").contains("`keys` cannot be zero"));
}

/// Texts that are JSON, nearly JSON, and no JSON.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let tokens = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u00e9\"",
        "\"\\n\"",
        "1",
        "-0.5e+3",
        "01",
        "true",
        "null",
        " ",
        "\n",
        "\"",
        "\\",
        "e",
        "-",
        ".",
        "é",
    ]);
    let loose = prop::collection::vec(tokens, 0..12).prop_map(|tokens| tokens.concat().into_bytes());
    let changed = (values(), any::<prop::sample::Index>(), prop::option::of(any::<u8>())).prop_map(
        |(value, at, byte)| {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            if let Some(byte) = byte {
                text[at] = byte;
            }
            text
        },
    );
    prop_oneof![loose, changed, prop::collection::vec(any::<u8>(), 0..8)]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|number: f64| Value::from(number)),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,3}", inside), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn another_reader_finds_the_same(text in texts(), sizes in prop::collection::vec(1usize..9, 1..4)) {
        let ours = scan("{ unique_keys: false }", &text, &[usize::MAX]);
        prop_assert_eq!(scan("true", &text, &sizes), ours);
        match serde_json::from_slice::<Value>(&text) {
            Ok(_) => prop_assert_eq!(ours, Ok(())),
            // It says more than whether it is JSON: half a surrogate pair, and numbers that it cannot hold.
            Err(error) if ["surrogate", "hex escape", "out of range"].iter().any(|word| error.to_string().contains(word)) => {}
            Err(_) if text.is_empty() => prop_assert_eq!(ours, Ok(())),
            Err(error) => prop_assert_eq!(ours, Err(JsonFault::NotJson), "{}", error),
        }
    }
}
