//! Values as bare text, as they stand in a path or a query, onto the wire: as JSON would have them, without quotes. Enums
//! by name or number; of the messages those that JSON writes as one text or number.

use prost_reflect::Kind;

use super::error::JsonError;
use super::scalar::{self, Scalar, unfit};
use super::time::{Time, parse_duration, parse_timestamp};
use super::well_known::WellKnown;
use crate::base64;
use crate::wire::{Wire, put, put_nested};

/// Writes a field whose value comes as bare text, from a path or a query: as JSON would have it, without quotes. Enums
/// by name or number; of the messages those that JSON writes as one text or number.
pub(crate) fn put_text(out: &mut Vec<u8>, number: u32, kind: &Kind, text: &str) -> Result<(), JsonError> {
    let value = match kind {
        Kind::String => Some(Scalar::Bytes(text.as_bytes().into())),
        Kind::Bytes => base64::decode_json(text).map(|bytes| Scalar::Bytes(bytes.into())),
        Kind::Bool => scalar::truth(text).map(Scalar::Number),
        Kind::Enum(desc) => {
            scalar::enum_name(desc, text).or_else(|| scalar::enum_number(desc, text)).map(Scalar::Number)
        }
        Kind::Message(desc) => {
            return match WellKnown::of(desc) {
                Some(known) => put_nested(out, number, |out| put_known(&known, out, kind, text)),
                None => Err(unfit(kind, text)),
            };
        }
        _ => scalar::number(kind, text).map(Scalar::Number),
    };
    let value = value.ok_or_else(|| unfit(kind, text))?;
    put(out, number, value.wire());
    Ok(())
}

/// Writes the fields of the message that `text` stands for; `kind` is its type, for the error.
pub(super) fn put_known(
    known: &WellKnown,
    out: &mut Vec<u8>,
    kind: &Kind,
    text: &str,
) -> Result<(), JsonError> {
    match known {
        WellKnown::Timestamp => put_time(out, parse_timestamp(text).ok_or_else(|| unfit(kind, text))?),
        WellKnown::Duration => put_time(out, parse_duration(text).ok_or_else(|| unfit(kind, text))?),
        WellKnown::FieldMask => put_mask(out, text),
        WellKnown::Wrapper(inside) => return put_text(out, 1, inside, text),
        WellKnown::Any | WellKnown::Struct | WellKnown::Value | WellKnown::ListValue => {
            return Err(unfit(kind, text));
        }
    }
    Ok(())
}

fn put_time(out: &mut Vec<u8>, time: Time) {
    put(out, 1, Wire::Varint(time.seconds.cast_unsigned()));
    put(out, 2, Wire::Varint(i64::from(time.nanos).cast_unsigned()));
}

/// Paths in `snake_case`, with commas between them. In queries camel case is taken as well.
pub(super) fn put_mask(out: &mut Vec<u8>, text: &str) {
    for path in text.split(',').filter(|path| !path.is_empty()) {
        let mut snake = String::with_capacity(path.len());
        push_snake(&mut snake, path);
        put(out, 1, Wire::Bytes(snake.as_bytes()));
    }
}

pub(super) fn push_snake(out: &mut String, text: &str) {
    for letter in text.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
}
