//! What requests and responses share: fields from bytes, and the options of `Connection`.
//! Tokenising is the work of `httparse`; what is refused beyond that stands here and in `framing`.

use std::mem::MaybeUninit;

use httparse::{Header, Status};
use maitred_http::{Fields, Known, Version, list_items};

use super::framing::is_lookalike;
use crate::error::Refusal;

/// More fields than this are refused whatever the configuration says.
pub(super) const MOST_FIELDS: usize = 256;

/// Room for parsed fields, not initialised: most heads use a tenth of it.
pub(super) type Room<'b> = [MaybeUninit<Header<'b>>; MOST_FIELDS];

pub(super) const fn room<'b>() -> Room<'b> {
    [const { MaybeUninit::uninit() }; MOST_FIELDS]
}

pub(super) fn refusal(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::Bad("a field name is malformed"),
        httparse::Error::HeaderValue => Refusal::Bad("a field value has a control byte"),
        httparse::Error::NewLine => Refusal::Bad("a line end is malformed"),
        httparse::Error::Status => Refusal::Bad("the status line is malformed"),
        httparse::Error::Token => Refusal::Bad("the request line is malformed"),
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::Version => Refusal::Bad("the version is malformed"),
    }
}

/// Copies parsed fields, which point into `bytes`, into `fields`.
pub(super) fn take_fields(
    bytes: &[u8],
    parsed: &[Header<'_>],
    most: usize,
    fields: &mut Fields,
) -> Result<(), Refusal> {
    if parsed.len() > most {
        return Err(Refusal::TooManyFields);
    }
    if parsed.iter().any(|header| header.name.len() > usize::from(u16::MAX)) {
        return Err(Refusal::HeadTooLarge);
    }
    let start = bytes.as_ptr().addr();
    let offset = |part: &[u8]| part.as_ptr().addr() - start;
    let places = parsed.iter().map(|header| {
        let (name, value) = (header.name.as_bytes(), header.value);
        // An empty value may point anywhere; where it stands does not matter.
        let value_at = if value.is_empty() { 0 } else { offset(value) };
        (offset(name), name.len(), value_at, value.len())
    });
    fields.load(bytes, places);
    // A known name is not like one that it is not.
    if fields.iter_known().any(|(known, name, _)| known.is_none() && is_lookalike(name)) {
        return Err(Refusal::Bad("a field name looks like one that frames the body"));
    }
    if fields.has(Known::Connection) {
        remove_nominated(fields, most)?;
    }
    Ok(())
}

/// Removes the fields that `Connection` names: they were meant for the gateway (RFC 9110 section 7.6.1). Fields that
/// route or frame a message stay, since naming them is an attempt to have them dropped. More names than there may be
/// fields are refused: comparing ten thousand names with a hundred fields is what such a head is sent for.
fn remove_nominated(fields: &mut Fields, most: usize) -> Result<(), Refusal> {
    let is_option = |item: &[u8]| {
        [
            &b"close"[..],
            b"keep-alive",
            b"upgrade",
            b"te",
            b"host",
            b"content-length",
            b"transfer-encoding",
            b"connection",
        ]
        .iter()
        .any(|option| item.eq_ignore_ascii_case(option))
    };
    // Nearly all connections say one of these and nothing else.
    if fields.known(Known::Connection).is_some_and(is_option) && !fields.has_many(Known::Connection) {
        return Ok(());
    }
    let items = fields.all_known(Known::Connection).flat_map(list_items).filter(|item| !is_option(item));
    let nominated: Vec<Vec<u8>> = items.take(MOST_FIELDS + 1).map(<[u8]>::to_vec).collect();
    if nominated.len() > most.min(MOST_FIELDS) {
        return Err(Refusal::TooManyFields);
    }
    for name in &nominated {
        fields.remove_bytes(name);
    }
    Ok(())
}

/// Reads a block of fields that ends with an empty line: trailers.
pub(super) fn load_fields(block: &[u8], most: usize, fields: &mut Fields) -> Result<(), Refusal> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    match httparse::parse_headers(block, &mut room).map_err(refusal)? {
        Status::Complete((_, parsed)) => take_fields(block, parsed, most, fields),
        Status::Partial => Err(Refusal::Bad("the trailers are malformed")),
    }
}

/// Whether the peer keeps the connection open after this message (RFC 9112 section 9.3).
pub(super) fn keeps_alive(fields: &Fields, version: Version) -> bool {
    match version {
        Version::Http10 => {
            fields.has_item(Known::Connection, "keep-alive") && !fields.has_item(Known::Connection, "close")
        }
        _ => !fields.has_item(Known::Connection, "close"),
    }
}
