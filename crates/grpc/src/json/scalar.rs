//! Values that are no messages: numbers, texts, bytes, truth values and enums, from text to the wire. The text comes
//! from JSON, a path or a query.

use std::borrow::Cow;

use prost_reflect::{EnumDescriptor, Kind, Syntax};

use super::error::{JsonError, excerpt};
use super::number;
use super::well_known::WellKnown;
use crate::wire::Wire;

/// A value that is no message.
#[derive(Debug)]
pub(super) enum Scalar<'a> {
    Number(Wire<'static>),
    Bytes(Cow<'a, [u8]>),
}

impl Scalar<'_> {
    pub fn wire(&self) -> Wire<'_> {
        match self {
            Self::Number(wire) => *wire,
            Self::Bytes(bytes) => Wire::Bytes(bytes),
        }
    }
}

/// What values of a type look like in JSON, for people.
pub(super) fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Double => "a number".into(),
        Kind::Float => "a number of 32 bits".into(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "an integer of 32 bits".into(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "an integer of 64 bits".into(),
        Kind::Uint32 | Kind::Fixed32 => "an integer of 32 bits that is not negative".into(),
        Kind::Uint64 | Kind::Fixed64 => "an integer of 64 bits that is not negative".into(),
        Kind::Bool => "true or false".into(),
        Kind::String => "a text".into(),
        Kind::Bytes => "bytes as base64".into(),
        Kind::Enum(desc) => format!("a value of enum {}", desc.full_name()),
        Kind::Message(desc) => match WellKnown::of(desc) {
            Some(WellKnown::Timestamp) => "a time such as \"2006-01-02T15:04:05Z\"".into(),
            Some(WellKnown::Duration) => "a duration such as \"1.5s\"".into(),
            Some(WellKnown::FieldMask) => "names of fields, with commas between them".into(),
            Some(WellKnown::Wrapper(kind)) => wanted(&kind),
            _ => format!("a message {}", desc.full_name()),
        },
    }
}

/// The error of a text that is no value of this type.
pub(super) fn unfit(kind: &Kind, text: &str) -> JsonError {
    JsonError::new(format!("wanted {}, found {}", wanted(kind), excerpt(text)))
}

/// The value that a number stands for, written with or without quotes; none where it does not fit the type.
pub(super) fn number(kind: &Kind, text: &str) -> Option<Wire<'static>> {
    let signed = |number: i128| i64::try_from(number).ok();
    let unsigned = |number: i128| u64::try_from(number).ok();
    let varint = |number: i64| Wire::Varint(number.cast_unsigned());
    Some(match kind {
        Kind::Double => Wire::Fixed64(number::double(text)?.to_bits()),
        Kind::Float => Wire::Fixed32(number::float(text)?.to_bits()),
        Kind::Int32 => varint(i32::try_from(number::integer(text)?).ok()?.into()),
        Kind::Int64 => varint(signed(number::integer(text)?)?),
        Kind::Sint32 => zigzag(i32::try_from(number::integer(text)?).ok()?.into()),
        Kind::Sint64 => zigzag(signed(number::integer(text)?)?),
        Kind::Sfixed32 => Wire::Fixed32(i32::try_from(number::integer(text)?).ok()?.cast_unsigned()),
        Kind::Sfixed64 => Wire::Fixed64(signed(number::integer(text)?)?.cast_unsigned()),
        Kind::Uint32 => Wire::Varint(u32::try_from(number::integer(text)?).ok()?.into()),
        Kind::Uint64 => Wire::Varint(unsigned(number::integer(text)?)?),
        Kind::Fixed32 => Wire::Fixed32(u32::try_from(number::integer(text)?).ok()?),
        Kind::Fixed64 => Wire::Fixed64(unsigned(number::integer(text)?)?),
        Kind::Bool | Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => return None,
    })
}

fn zigzag(number: i64) -> Wire<'static> {
    Wire::Varint(((number << 1) ^ (number >> 63)).cast_unsigned())
}

/// The enum value of a number. A closed enum (proto2) has only the values that it names.
pub(super) fn enum_number(desc: &EnumDescriptor, text: &str) -> Option<Wire<'static>> {
    let number = i32::try_from(number::integer(text)?).ok()?;
    let is_closed = desc.parent_file().syntax() == Syntax::Proto2;
    (!is_closed || desc.get_value(number).is_some()).then(|| enum_wire(number))
}

/// The enum value of a name.
pub(super) fn enum_name(desc: &EnumDescriptor, name: &str) -> Option<Wire<'static>> {
    desc.get_value_by_name(name).map(|value| enum_wire(value.number()))
}

pub(super) fn enum_wire(number: i32) -> Wire<'static> {
    Wire::Varint(i64::from(number).cast_unsigned())
}

/// A map key; in JSON all are names of members.
pub(super) fn map_key<'a>(kind: &Kind, name: &'a str) -> Option<Scalar<'a>> {
    match kind {
        Kind::String => Some(Scalar::Bytes(name.as_bytes().into())),
        Kind::Bool => truth(name).map(Scalar::Number),
        _ => number(kind, name).map(Scalar::Number),
    }
}

pub(super) fn truth(text: &str) -> Option<Wire<'static>> {
    match text {
        "true" => Some(Wire::Varint(1)),
        "false" => Some(Wire::Varint(0)),
        _ => None,
    }
}
