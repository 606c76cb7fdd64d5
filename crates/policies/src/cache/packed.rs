//! What is kept in a store, as bytes. Others may write there: what is not exactly as it is written here is nothing.
//!
//! Numbers are big-endian. A byte for the version and one for the kind; behind these the names of fields that answers are chosen by, or an answer.

use bytes::Bytes;
use maitred_cache::{Entry, Moment, Stored};
use maitred_http::ResponseHead;
use maitred_policy::{pack_head, unpack};

const VERSION: u8 = 1;
const RULE: u8 = 1;
const ANSWER: u8 = 2;

/// What was found.
#[derive(Debug)]
pub(super) enum Packed {
    /// Answers are chosen by these fields, and each has a place of its own.
    Rule(Vec<Box<[u8]>>),
    /// An answer.
    Answer(Box<PackedAnswer>),
}

/// An answer.
#[derive(Debug)]
pub(super) struct PackedAnswer {
    pub(super) seen: Seen,
    pub(super) url: Box<[u8]>,
    pub(super) stored: Stored,
    pub(super) head: ResponseHead,
    pub(super) body: Bytes,
}

/// What an answer is compared by when it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// What it is found by, all of it.
    pub(super) place: [u8; 32],
    /// The marks on the way to its URL before its service was asked.
    pub(super) way: [u8; 32],
}

/// The names of fields that answers are chosen by.
pub(super) fn rule(names: impl Iterator<Item = String>) -> Bytes {
    let mut out = vec![VERSION, RULE];
    for name in names {
        part(&mut out, name.as_bytes());
    }
    out.into()
}

/// An answer. None where it has more or longer fields than can be counted.
pub(super) fn answer(seen: Seen, url: &[u8], entry: &Entry, now: Moment) -> Option<Bytes> {
    let mut out = Vec::with_capacity(entry.body.len() + 1024);
    out.extend_from_slice(&[VERSION, ANSWER]);
    out.extend_from_slice(&seen.place);
    out.extend_from_slice(&seen.way);
    let Stored { asked, at, age, lifetime, is_explicit, tags } = entry.stored(now);
    for number in [asked, at, age, lifetime, entry.body.len() as u64, tags.len() as u64] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.push(u8::from(is_explicit));
    part(&mut out, url);
    for tag in &tags {
        part(&mut out, tag);
    }
    pack_head(&entry.head, &mut out)?;
    out.extend_from_slice(&entry.body);
    Some(out.into())
}

/// What these bytes are, if they are anything.
pub(super) fn parse(packed: &Bytes) -> Option<Packed> {
    let ([VERSION, kind], mut rest) = packed.split_first_chunk()? else { return None };
    if *kind == RULE {
        let mut names = Vec::new();
        while !rest.is_empty() {
            names.push(take_part(&mut rest)?);
        }
        return Some(Packed::Rule(names));
    }
    if *kind != ANSWER {
        return None;
    }
    let (place, way) = (take(&mut rest)?, take(&mut rest)?);
    let mut number = || take(&mut rest).map(u64::from_be_bytes);
    let (asked, at, age, lifetime) = (number()?, number()?, number()?, number()?);
    let (length, tags) = (number()?, number()?);
    let is_explicit = match take(&mut rest)? {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let url = take_part(&mut rest)?;
    // A number that cannot be is noticed where the bytes end.
    let tags = (0..tags).map(|_| take_part(&mut rest)).collect::<Option<_>>()?;
    let (head, body) = unpack(&packed.slice_ref(rest))?;
    let seen = Seen { place, way };
    let stored = Stored { asked, at, age, lifetime, is_explicit, tags };
    // As large as it is: what it came in is larger.
    let body = Bytes::copy_from_slice(&body);
    let answer = PackedAnswer { seen, url, stored, head, body };
    (answer.body.len() as u64 == length).then(|| Packed::Answer(Box::new(answer)))
}

fn part(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).expect("a head is far shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn take_part(rest: &mut &[u8]) -> Option<Box<[u8]>> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).ok()?;
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken.into())
}
