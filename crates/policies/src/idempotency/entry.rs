//! What is kept under a key, as bytes: a store may be shared with others, so that what comes back is read strictly.
//! A byte for the version, one for the kind, 32 of the fingerprint; behind them the answer, where it is kept.

use bytes::Bytes;
use maitred_http::ResponseHead;
use maitred_policy::{Reply, pack_head, unpack};

const VERSION: u8 = 1;
const UNDER_WAY: u8 = 0;
const ANSWERED: u8 = 1;
const LOST: u8 = 2;

/// What stands under a key.
#[derive(Debug)]
pub(super) enum Found {
    /// The request is under way.
    UnderWay,
    /// It was answered so.
    Answered(Box<Reply>),
    /// It was answered, and the answer could not be kept.
    Lost,
}

/// Of a request that is under way.
pub(super) fn under_way(fingerprint: &[u8; 32]) -> Bytes {
    begin(UNDER_WAY, fingerprint).into()
}

/// Of one whose answer could not be kept.
pub(super) fn lost(fingerprint: &[u8; 32]) -> Bytes {
    begin(LOST, fingerprint).into()
}

/// Of one that was answered: all but the body. None where the head cannot be packed.
pub(super) fn answered(fingerprint: &[u8; 32], head: &ResponseHead) -> Option<Vec<u8>> {
    let mut entry = begin(ANSWERED, fingerprint);
    pack_head(head, &mut entry)?;
    Some(entry)
}

/// Whether an entry is one of a request that is under way.
pub(super) fn is_under_way(entry: &Bytes) -> bool {
    matches!(parse(entry), Some((_, Found::UnderWay)))
}

fn begin(kind: u8, fingerprint: &[u8; 32]) -> Vec<u8> {
    let mut entry = vec![VERSION, kind];
    entry.extend_from_slice(fingerprint);
    entry
}

/// The fingerprint of an entry, and what it says; none where it is not as we write it.
pub(super) fn parse(entry: &Bytes) -> Option<([u8; 32], Found)> {
    let ([version, kind], behind) = entry.split_first_chunk()?;
    let (fingerprint, answer) = behind.split_first_chunk()?;
    let found = match (*version, *kind) {
        (VERSION, ANSWERED) => {
            let (head, body) = unpack(&entry.slice_ref(answer))?;
            Found::Answered(Box::new(Reply { head, body: body.into() }))
        }
        (VERSION, UNDER_WAY) if answer.is_empty() => Found::UnderWay,
        (VERSION, LOST) if answer.is_empty() => Found::Lost,
        _ => return None,
    };
    Some((*fingerprint, found))
}
