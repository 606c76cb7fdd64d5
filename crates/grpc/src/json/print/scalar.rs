//! Values that are no messages, from the wire to what JSON writes: how numbers are read by their type, which are
//! written in quotes, and how keys of maps are sorted.

use std::fmt;

use prost_reflect::{EnumDescriptor, Kind};

use super::Result;
use crate::json::error::JsonError;
use crate::wire::{Wire, WireError, WireReader};

/// A value in the form in which it is written.
pub(super) enum Printed<'a> {
    Number(i64),
    /// 64 bits do not fit the numbers of every reader of JSON.
    Quoted(i128),
    Double(f64),
    Float(f32),
    Bool(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    Null,
    Enum(&'a EnumDescriptor, i32),
}

impl<'a> Printed<'a> {
    /// `value` must fit the type; another is as good as none.
    pub fn of(kind: &'a Kind, value: Wire<'a>) -> Result<Self> {
        Ok(match (kind, value) {
            (Kind::Double, Wire::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
            (Kind::Float, Wire::Fixed32(bits)) => Self::Float(f32::from_bits(bits)),
            (Kind::Int32, Wire::Varint(bits)) => Self::Number(low(bits).cast_signed().into()),
            (Kind::Sint32, Wire::Varint(bits)) => Self::Number(unzigzag(low(bits).into())),
            (Kind::Uint32, Wire::Varint(bits)) => Self::Number(low(bits).into()),
            (Kind::Fixed32, Wire::Fixed32(bits)) => Self::Number(bits.into()),
            (Kind::Sfixed32, Wire::Fixed32(bits)) => Self::Number(bits.cast_signed().into()),
            (Kind::Int64, Wire::Varint(bits)) | (Kind::Sfixed64, Wire::Fixed64(bits)) => {
                Self::Quoted(bits.cast_signed().into())
            }
            (Kind::Sint64, Wire::Varint(bits)) => Self::Quoted(unzigzag(bits).into()),
            (Kind::Uint64, Wire::Varint(bits)) | (Kind::Fixed64, Wire::Fixed64(bits)) => {
                Self::Quoted(bits.into())
            }
            (Kind::Bool, Wire::Varint(bits)) => Self::Bool(bits != 0),
            (Kind::Enum(desc), _) if desc.full_name() == "google.protobuf.NullValue" => Self::Null,
            (Kind::Enum(desc), Wire::Varint(bits)) => Self::Enum(desc, low(bits).cast_signed()),
            (Kind::String, Wire::Bytes(bytes)) => Self::Text(text(bytes)?),
            (Kind::Bytes, Wire::Bytes(bytes)) => Self::Bytes(bytes),
            _ => return Err(WireError.into()),
        })
    }
}

/// A key of a map. Numbers are sorted as numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'a> {
    Bool(bool),
    Number(i128),
    Text(&'a str),
}

impl<'a> Key<'a> {
    pub fn of(kind: &'a Kind, value: Wire<'a>) -> Result<Self> {
        Ok(match Printed::of(kind, value)? {
            Printed::Bool(value) => Self::Bool(value),
            Printed::Number(number) => Self::Number(number.into()),
            Printed::Quoted(number) => Self::Number(number),
            Printed::Text(text) => Self::Text(text),
            _ => return Err(WireError.into()),
        })
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The value of a type where there is none on the wire.
pub(super) fn zero(kind: &Kind) -> Wire<'static> {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64(0),
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Wire::Fixed32(0),
        Kind::String | Kind::Bytes | Kind::Message(_) => Wire::Bytes(b""),
        Kind::Enum(desc) => Wire::Varint(i64::from(desc.default_value().number()).cast_unsigned()),
        _ => Wire::Varint(0),
    }
}

/// The next of several packed values.
pub(super) fn unpack<'a>(kind: &Kind, rest: &mut WireReader<'a>) -> Result<Wire<'a>> {
    Ok(match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64(rest.fixed64()?),
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Wire::Fixed32(rest.fixed32()?),
        _ => Wire::Varint(rest.varint()?),
    })
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| JsonError::new("the text is not UTF-8"))
}

/// Numbers of 32 bits may come with 64, of which the lower half counts.
fn low(bits: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
    {
        bits as u32
    }
}

fn unzigzag(bits: u64) -> i64 {
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}
