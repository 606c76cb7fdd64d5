//! The messages of `google.protobuf` that JSON writes in a way of their own, from JSON to the wire. `Any` is in a file
//! of its own.

use std::collections::HashSet;

use prost_reflect::{Kind, MessageDescriptor};

use super::{Parser, Result};
use crate::json::bare::{push_snake, put_known, put_mask};
use crate::json::error::JsonError;
use crate::json::number;
use crate::json::reader::{Reader, Token};
use crate::json::scalar::unfit;
use crate::json::well_known::WellKnown;
use crate::wire::{Wire, put, put_nested};

impl Parser<'_> {
    /// Reads the JSON form of a message and writes its fields.
    pub(super) fn well_known(
        &self,
        known: &WellKnown,
        message: &MessageDescriptor,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match known {
            WellKnown::Any => self.any(message, reader, out),
            WellKnown::Timestamp | WellKnown::Duration => {
                put_known(known, out, &Kind::Message(message.clone()), &reader.text()?)
            }
            WellKnown::FieldMask => {
                let text = reader.text()?;
                let snake = snake_case(&text).ok_or_else(|| unfit(&Kind::Message(message.clone()), &text))?;
                put_mask(out, &snake);
                Ok(())
            }
            WellKnown::Struct => put_struct(reader, out),
            WellKnown::Value => put_value(reader, out),
            WellKnown::ListValue => put_list(reader, out),
            WellKnown::Wrapper(kind) => {
                if let Some(value) = self.scalar(kind, reader)? {
                    put(out, 1, value.wire());
                }
                Ok(())
            }
        }
    }
}

/// The paths of JSON in `snake_case`; none where that could not be turned back.
fn snake_case(text: &str) -> Option<String> {
    let is_camel = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b',');
    let mut out = String::with_capacity(text.len());
    text.bytes().all(is_camel).then(|| push_snake(&mut out, text))?;
    Some(out)
}

fn put_struct(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut names = HashSet::new();
    reader.object(|reader, name| {
        if !names.insert(name.clone()) {
            return Err(JsonError::new("the name stands twice").under(name));
        }
        put_nested(out, 1, |out| {
            put(out, 1, Wire::Bytes(name.as_bytes()));
            put_nested(out, 2, |out| put_value(reader, out))
        })
        .map_err(|error| error.under(name))
    })
}

fn put_list(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
    reader.list(|reader, index| {
        put_nested(out, 1, |out| put_value(reader, out)).map_err(|error| error.under(index.to_string()))
    })
}

fn put_value(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
    match reader.peek()? {
        Token::Null => {
            reader.null()?;
            put(out, 1, Wire::Varint(0));
        }
        Token::Number => {
            let text = reader.number()?;
            let number = number::double(text).ok_or_else(|| unfit(&Kind::Double, text))?;
            put(out, 2, Wire::Fixed64(number.to_bits()));
        }
        Token::Text => put(out, 3, Wire::Bytes(reader.text()?.as_bytes())),
        Token::Bool => put(out, 4, Wire::Varint(reader.bool()?.into())),
        Token::Object => return put_nested(out, 5, |out| put_struct(reader, out)),
        Token::List => return put_nested(out, 6, |out| put_list(reader, out)),
    }
    Ok(())
}
