//! Public corpora of odd requests, where `MAITRED_SUITES` names their folder: the engine never panics on one of them,
//! and reads each the same at every split. They are no part of the project and not needed to build it.

use std::io::Write as _;
use std::path::PathBuf;

use maitred_wire::Limits;
use proptest::strategy::{Strategy, ValueTree};
use serde_json::Value;

use crate::script::Splits;
use crate::table::{any_splits, runner, serve};

#[test]
fn corpora_read_the_same_at_every_split() {
    let Some(folder) = std::env::var_os("MAITRED_SUITES").map(PathBuf::from) else {
        // Not a macro: those are caught by the test harness, and this is to be seen.
        writeln!(std::io::stderr(), "SKIPPED: the HTTP/1.1 corpora; MAITRED_SUITES is not set").unwrap();
        return;
    };
    let mut runner = runner(1);
    for name in ["h1-http11probe.jsonl", "h1-desync-guardian.jsonl", "h1-llhttp.jsonl"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(cases.len() > 100, "{name} has {} cases", cases.len());
        for case in cases {
            let bytes = from_base64(case["b64"].as_str().unwrap());
            let whole = serve(&bytes, Splits::whole(), &Limits::default());
            assert_eq!(serve(&bytes, Splits::bytes(), &Limits::default()), whole, "{name} {}", case["id"]);
            for _ in 0..8 {
                let splits = any_splits().new_tree(&mut runner).unwrap().current();
                let seen = serve(&bytes, splits.clone(), &Limits::default());
                assert_eq!(seen, whole, "{name} {} {splits:?}", case["id"]);
            }
        }
    }
}

/// RFC 4648 section 4.
fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("{letter} is no letter of base64"),
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff).try_into().unwrap());
        }
    }
    bytes
}
