//! The reader of JSON against that of serde.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

use super::*;

/// Reads any JSON into serde's values; numbers as their text.
fn read(bytes: &[u8], max_depth: usize) -> Result<Value> {
    fn value(reader: &mut Reader<'_>) -> Result<Value> {
        Ok(match reader.peek()? {
            Token::Object => {
                let mut map = Map::new();
                reader.object(|reader, name| {
                    map.insert(name.into_owned(), value(reader)?);
                    Ok(())
                })?;
                Value::Object(map)
            }
            Token::List => {
                let mut list = Vec::new();
                reader.list(|reader, index| {
                    assert_eq!(index, list.len());
                    list.push(value(reader)?);
                    Ok(())
                })?;
                Value::Array(list)
            }
            Token::Text => Value::String(reader.text()?.into_owned()),
            Token::Number => {
                Value::Number(Number::from_f64(reader.number()?.parse().unwrap()).unwrap_or(0.into()))
            }
            Token::Bool => Value::Bool(reader.bool()?),
            Token::Null => {
                reader.null()?;
                Value::Null
            }
        })
    }
    let mut reader = Reader::new(bytes, max_depth)?;
    let read = value(&mut reader)?;
    reader.end()?;
    let mut again = Reader::new(bytes, max_depth)?;
    again.skip()?;
    again.end()?;
    Ok(read)
}

/// The same with serde's reader, all numbers as floats.
fn oracle(bytes: &[u8]) -> Option<Value> {
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(number) => {
                Value::Number(Number::from_f64(number.as_f64().unwrap()).unwrap_or(0.into()))
            }
            Value::Array(list) => Value::Array(list.into_iter().map(floats).collect()),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(name, value)| (name, floats(value))).collect())
            }
            other => other,
        }
    }
    serde_json::from_slice(bytes).ok().map(floats)
}

const TEXTS: &[&str] = &[
    "null",
    "true",
    "false",
    " \t\r\n0 ",
    "-0",
    "-0.0e+10",
    "1E-2",
    "\"\"",
    "[]",
    "{}",
    "[[],{}]",
    "{\"\":0}",
    r#""\"\\\/\b\f\n\r\tü""#,
    r#""\u0041\ud83d\ude00\u0000""#,
    "\"\u{7f}\u{2028}\"",
    r#"{"a":1,"a":2}"#,
    "",
    " ",
    "nul",
    "nulll",
    "tru",
    "True",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x1",
    "1_0",
    "NaN",
    "\"",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\\u+123\"",
    "\"\n\"",
    "\"\u{1f}\"",
    "[",
    "[,]",
    "[1,]",
    "[1 2]",
    "[1",
    "{",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{1:1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "]",
    "}",
    "1 2",
    "[1]]",
    "'a'",
    "// c\n1",
    "\u{feff}1",
];

#[test]
fn reads_what_is_json_and_nothing_else() {
    for text in TEXTS {
        assert_eq!(read(text.as_bytes(), 20).ok(), oracle(text.as_bytes()), "{text}");
    }
    assert!(read(b"\"\xff\"", 20).is_err());
    assert!(read(b"\"\xed\xa0\x80\"", 20).is_err());
}

#[test]
fn nesting_is_bounded() {
    assert!(read(b"[[[]]]", 3).is_ok());
    assert!(read(b"[[],[],{\"a\":[]}]", 3).is_ok());
    assert!(read(b"[[[[]]]]", 3).is_err());
    let deep = vec![b'['; 1_000_000];
    assert!(read(&deep, 100).is_err());
}

#[test]
fn errors_tell_the_byte() {
    let error = read(b"{\"a\": tru}", 20).unwrap_err();
    assert_eq!(error.problem(), "malformed JSON at byte 6: wanted a value");
}

proptest! {
    #[test]
    fn agrees_with_serde(text in "[\\[\\]{}\":,a0-9.eE+\\-truefalsn \\\\u]{0,12}") {
        let read = read(text.as_bytes(), 20).ok();
        // Numbers beyond a double's range are JSON all the same.
        prop_assume!(!(read.is_some() && oracle(text.as_bytes()).is_none() && text.contains(['e', 'E'])));
        prop_assert_eq!(read, oracle(text.as_bytes()));
    }

    #[test]
    fn reads_every_text(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(read(json.as_bytes(), 1).unwrap(), Value::String(text));
    }
}
