//! What is kept under a key, as bytes: a store may be shared with others, so that what comes back is read strictly.
//!
//! A byte for the version, one for the kind, 32 of the fingerprint; behind an answer its status, the number of its fields, these with the length before each name
//! and value, and the body. Numbers are big-endian.

use bytes::Bytes;
use maitred_http::{Known, ResponseHead, check_field_value, is_token};
use maitred_policy::Reply;

const VERSION: u8 = 1;
const UNDER_WAY: u8 = 0;
const ANSWERED: u8 = 1;
const LOST: u8 = 2;

/// Fields that are about one message on one connection (RFC 9110 section 7.6.1, RFC 9112 section 6).
const OF_THE_MESSAGE: [Known; 9] = [
    Known::Connection,
    Known::ContentLength,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyConnection,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
];

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

/// Of one that was answered: all but the body. None where there are more or longer fields than can be counted.
pub(super) fn answered(fingerprint: &[u8; 32], head: &ResponseHead) -> Option<Vec<u8>> {
    let mut entry = begin(ANSWERED, fingerprint);
    entry.extend_from_slice(&head.status.to_be_bytes());
    let is_kept = |known: Option<Known>| known.is_none_or(|known| !OF_THE_MESSAGE.contains(&known));
    let kept = || head.fields.iter_known().filter(|(known, ..)| is_kept(*known));
    entry.extend_from_slice(&u16::try_from(kept().count()).ok()?.to_be_bytes());
    for (_, name, value) in kept() {
        entry.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
        entry.extend_from_slice(name);
        entry.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes());
        entry.extend_from_slice(value);
    }
    Some(entry)
}

fn begin(kind: u8, fingerprint: &[u8; 32]) -> Vec<u8> {
    let mut entry = vec![VERSION, kind];
    entry.extend_from_slice(fingerprint);
    entry
}

/// The fingerprint of an entry, and what it says; none where it is not as we write it.
pub(super) fn parse(entry: &Bytes) -> Option<([u8; 32], Found)> {
    let mut rest = &entry[..];
    let [version, kind] = take(&mut rest)?;
    let fingerprint = take(&mut rest)?;
    let found = match (version, kind) {
        (VERSION, ANSWERED) => Found::Answered(Box::new(parse_answer(rest, entry)?)),
        (VERSION, UNDER_WAY) if rest.is_empty() => Found::UnderWay,
        (VERSION, LOST) if rest.is_empty() => Found::Lost,
        _ => return None,
    };
    Some((fingerprint, found))
}

fn parse_answer(mut rest: &[u8], entry: &Bytes) -> Option<Reply> {
    let status = u16::from_be_bytes(take(&mut rest)?);
    let mut reply = Reply::new((200..=499).contains(&status).then_some(status)?);
    for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
        let length = u16::from_be_bytes(take(&mut rest)?);
        let name = take_bytes(&mut rest, usize::from(length))?;
        let length = u32::from_be_bytes(take(&mut rest)?);
        let value = take_bytes(&mut rest, usize::try_from(length).ok()?)?;
        let is_ours = Known::find(name).is_none_or(|known| !OF_THE_MESSAGE.contains(&known));
        if !(is_token(name) && check_field_value(value) && is_ours) {
            return None;
        }
        reply.head.fields.append_bytes(name, value);
    }
    reply.body = entry.slice_ref(rest);
    Some(reply)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}
