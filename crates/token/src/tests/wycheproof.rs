//! The attacks on JWS and JWK that project Wycheproof has collected, each against its group's keys. They are not part of the project;
//! `MAITRED_SUITES` says where they are.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::{Jws, KeySet};

/// Vectors that contradict others or RFC 7515, with the verdict that is right.
///
/// 367 and 370 are the same bytes as the valid 357. In 372 and 373 a `?` was put into a signed part behind the back of the signature:
/// section 2 and 5.2 of RFC 7515 refuse such characters, and the signature is one of other bytes.
const WRONG: [(u64, bool); 4] = [(367, true), (370, true), (372, false), (373, false)];

/// The groups of a file: keys, and vectors. None, which is told, where there are no suites.
fn groups(test: &str, file: &str) -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("MAITRED_SUITES").map(PathBuf::from) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: MAITRED_SUITES is not set");
        return None;
    };
    let text = std::fs::read_to_string(folder.join("wycheproof").join(file)).unwrap();
    let mut suite: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(suite["testGroups"].take()).unwrap()
}

fn is_taken(keys: &str, token: &str) -> bool {
    let Ok(keys) = KeySet::of_jwks(keys.as_bytes()) else { return false };
    Jws::parse(token.as_bytes()).is_ok_and(|token| keys.verify(&token).is_ok())
}

/// How many vectors there are, and those whose verdict is another.
fn judged(groups: &[Value]) -> (usize, Vec<(u64, bool)>) {
    let vectors = groups.iter().flat_map(|group| {
        let keys = group.get("public").unwrap_or(&group["private"]).to_string();
        let tests = group["tests"].as_array().unwrap();
        tests.iter().map(move |test| (keys.clone(), test)).collect::<Vec<_>>()
    });
    let verdicts: Vec<_> = vectors
        .map(|(keys, test)| {
            let taken = is_taken(&keys, test["jws"].as_str().unwrap());
            (test["tcId"].as_u64().unwrap(), taken, test["result"] == "valid")
        })
        .collect();
    let other =
        verdicts.iter().filter(|(_, taken, valid)| taken != valid).map(|(id, taken, _)| (*id, *taken));
    (verdicts.len(), other.collect())
}

#[test]
fn signatures() {
    let Some(groups) = groups("wycheproof::signatures", "json_web_signature.json") else { return };
    assert_eq!(judged(&groups), (401, WRONG.to_vec()));
}

#[test]
fn keys() {
    let Some(groups) = groups("wycheproof::keys", "json_web_key.json") else { return };
    assert_eq!(judged(&groups), (26, vec![]));
}
