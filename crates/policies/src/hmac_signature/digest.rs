//! Whether a body is the one whose digest was signed.
//! The digest stands in `Content-Digest` (RFC 9530 section 2), or in `Digest` (RFC 3230) of the older form.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_http::{RequestHead, list_items};
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use super::components::lines;
use super::signed::Refused;

/// Compares the body with all digests that are known, of which there has to be one.
pub(super) fn check(request: &RequestHead, field: &'static str, body: &[u8]) -> Result<(), Refused> {
    let broken = || Refused::invalid("the digest is not written as it should be");
    let line = lines(request, field).unwrap_or_default();
    let digests = if field == "digest" { of_rfc3230(&line) } else { of_rfc9530(&line) }.ok_or_else(broken)?;
    if digests.is_empty() {
        return Err(Refused::invalid("the digest is neither by SHA-256 nor by SHA-512"));
    }
    // Each is made anew over the whole body: two are as many as there are algorithms.
    if digests.len() > 2 {
        return Err(broken());
    }
    if digests.iter().any(|(algorithm, wanted)| digest(algorithm, body).as_ref() != wanted) {
        return Err(Refused::invalid("the body is another one than the one whose digest is signed"));
    }
    Ok(())
}

type Digests = Vec<(&'static Algorithm, Vec<u8>)>;

fn of_rfc9530(line: &[u8]) -> Option<Digests> {
    let all: Dictionary = Parser::new(line).parse().ok()?;
    let known = all.iter().filter_map(|(name, entry)| Some((algorithm(name.as_str())?, entry)));
    let read = known.map(|(algorithm, entry)| match entry {
        ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. }) => {
            Some((algorithm, bytes.clone()))
        }
        _ => None,
    });
    read.collect()
}

fn of_rfc3230(line: &[u8]) -> Option<Digests> {
    let mut digests = Digests::new();
    for item in list_items(line) {
        let (name, value) = std::str::from_utf8(item).ok()?.split_once('=')?;
        if let Some(algorithm) = algorithm(&name.to_ascii_lowercase()) {
            digests.push((algorithm, STANDARD.decode(value).ok()?));
        }
    }
    Some(digests)
}

fn algorithm(name: &str) -> Option<&'static Algorithm> {
    match name {
        "sha-256" => Some(&SHA256),
        "sha-512" => Some(&SHA512),
        _ => None,
    }
}
