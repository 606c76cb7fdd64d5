//! JSON as it passes. The first byte says whether names may stand only once, the next three in what pieces the rest comes.
//!
//! The verdict is the same at every split, another reader finds the same, and what is refused for its names alone has one twice.
#![no_main]

// The scanner alone: the crate around it would bring cryptography and more.
#[path = "../../crates/policies/src/json_limits"]
mod json_limits {
    mod names;
    pub mod scanner;
    mod utf8;
}

use json_limits::scanner::{JsonBounds, JsonFault, JsonScanner};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SIZES: usize = 3;
/// Below the depth at which the other reader gives up.
const BOUNDS: JsonBounds =
    JsonBounds { depth: 100, keys: 64, elements: 64, name: 64, string: 256, number: 64, unique_keys: false };

fuzz_target!(|input: &[u8]| {
    let Some((&[first, ref sizes @ ..], text)) = input.split_first_chunk::<{ SIZES + 1 }>() else { return };
    let sizes: Vec<usize> = sizes.iter().map(|&size| usize::from(size % 32) + 1).collect();
    let bounds = JsonBounds { unique_keys: first & 1 == 1, ..BOUNDS };
    let whole = scan(bounds, text, &[usize::MAX]);
    for sizes in [&sizes[..], &[1]] {
        assert_eq!(scan(bounds, text, sizes), whole, "in pieces of {sizes:?}");
    }
    let read = serde_json::from_slice::<Value>(text);
    match (whole, read) {
        (Ok(()), Ok(value)) => assert!(holds(&value, bounds.depth)),
        (Ok(()), Err(error)) => assert!(text.is_empty() || is_beyond_grammar(&error), "{error}"),
        (Err(JsonFault::NotJson), Ok(value)) => panic!("it is JSON: {value}"),
        (Err(JsonFault::KeyTwice), _) => {
            assert_ne!(scan(BOUNDS, text, &[usize::MAX]), Err(JsonFault::KeyTwice))
        }
        (Err(_), _) => {}
    }
});

/// What the scanner says of a text that comes in pieces of these sizes, in turn.
fn scan(bounds: JsonBounds, mut rest: &[u8], sizes: &[usize]) -> Result<(), JsonFault> {
    let mut scanner = JsonScanner::new(bounds);
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        scanner.push(piece)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    scanner.finish()
}

/// Whether a value keeps the bounds that can be seen in it.
fn holds(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => {
            depth > 0
                && items.len() as u64 <= BOUNDS.elements
                && items.iter().all(|item| holds(item, depth - 1))
        }
        Value::Object(members) => {
            depth > 0
                && members.len() as u64 <= BOUNDS.keys
                && members
                    .iter()
                    .all(|(name, value)| name.len() as u64 <= BOUNDS.name && holds(value, depth - 1))
        }
        Value::String(text) => text.len() as u64 <= BOUNDS.string,
        _ => true,
    }
}

/// Whether the other reader refuses what the grammar allows: half a surrogate pair, and numbers that it cannot hold.
fn is_beyond_grammar(error: &serde_json::Error) -> bool {
    ["surrogate", "hex escape", "out of range"].iter().any(|word| error.to_string().contains(word))
}
