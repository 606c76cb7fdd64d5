//! JSON to the bytes of a message, field by field in the order of the JSON. What is special about the messages of
//! `google.protobuf` is in `well_known`.

use std::borrow::Cow;
use std::collections::HashSet;

use prost_reflect::{Kind, MessageDescriptor};

use super::JsonOptions;
use super::error::JsonError;
use super::reader::{Reader, Token, mismatch};
use super::scalar::{self, Scalar, unfit, wanted};
use super::slot::{Shape, Slot};
use super::well_known::WellKnown;
use crate::base64;
use crate::wire::{Wire, put, put_bare, put_group, put_nested};

mod well_known;

/// Reads JSON by descriptors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parser<'o> {
    pub(super) options: &'o JsonOptions,
    /// How many `Any` are around what is read. Each is read twice.
    pub(super) anys: usize,
}

type Result<T> = std::result::Result<T, JsonError>;

impl<'o> Parser<'o> {
    pub fn new(options: &'o JsonOptions) -> Self {
        Self { options, anys: 0 }
    }

    /// Reads a message and writes its fields.
    pub fn message(
        &self,
        message: &MessageDescriptor,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match WellKnown::of(message) {
            Some(known) => self.well_known(&known, message, reader, out),
            None => self.object(message, None, reader, out),
        }
    }

    /// Reads the value of a field and writes the field. `null` writes nothing where it is no value itself.
    pub fn field(&self, slot: &Slot, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        if reader.peek()? == Token::Null && !slot.takes_null() {
            return reader.null();
        }
        match slot.shape {
            Shape::Singular => self.value(slot, reader, out).map(drop),
            Shape::List { is_packed } => self.list(slot, is_packed, reader, out),
            Shape::Map => self.map(slot, reader, out),
        }
    }

    /// Reads an object as a message without a form of its own. The member `passed` belongs to somebody else.
    pub(super) fn object(
        &self,
        message: &MessageDescriptor,
        passed: Option<&str>,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut seen = Seen::default();
        reader.object(|reader, name| {
            if passed == Some(&*name) {
                return reader.skip();
            }
            self.member(message, &name, &mut seen, reader, out).map_err(|error| error.under(name))
        })
    }

    fn member(
        &self,
        message: &MessageDescriptor,
        name: &str,
        seen: &mut Seen,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(slot) = Slot::find(message, name) else {
            return self.unknown(message, reader);
        };
        if seen.fields.contains(&slot.number) {
            return Err(JsonError::new("the field stands twice"));
        }
        seen.fields.push(slot.number);
        if let Some(oneof) = slot.oneof
            && (reader.peek()? != Token::Null || slot.takes_null())
        {
            if let Some((_, first)) = seen.oneofs.iter().find(|(other, _)| *other == oneof) {
                return Err(JsonError::new(format!(
                    "cannot be together with {first:?}: only one of both is kept"
                )));
            }
            seen.oneofs.push((oneof, name.to_owned()));
        }
        self.field(&slot, reader, out)
    }

    /// A member that the message does not have.
    pub(super) fn unknown(&self, message: &MessageDescriptor, reader: &mut Reader<'_>) -> Result<()> {
        if self.options.ignore_unknown {
            return reader.skip();
        }
        Err(JsonError::new(format!("message {} has no such field", message.full_name())))
    }

    fn list(&self, slot: &Slot, is_packed: bool, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        if !is_packed {
            return reader.list(|reader, index| {
                self.value(slot, reader, out).map(drop).map_err(|error| error.under(index.to_string()))
            });
        }
        let start = out.len();
        let mut is_empty = true;
        put_nested(out, slot.number, |out| {
            reader.list(|reader, index| {
                let value =
                    self.scalar(&slot.kind, reader).map_err(|error| error.under(index.to_string()))?;
                if let Some(value) = value {
                    put_bare(out, value.wire());
                    is_empty = false;
                }
                Ok(())
            })
        })?;
        if is_empty {
            out.truncate(start);
        }
        Ok(())
    }

    fn map(&self, slot: &Slot, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<()> {
        let (key_slot, value_slot) =
            slot.entry().expect("entries of maps were checked when they were loaded");
        let mut keys = HashSet::new();
        reader.object(|reader, name| {
            let start = out.len();
            let mut is_written = true;
            put_nested(out, slot.number, |out| {
                let wanted = || format!("wanted {} as a name", wanted(&key_slot.kind));
                let key = scalar::map_key(&key_slot.kind, &name).ok_or_else(|| JsonError::new(wanted()))?;
                let start = out.len();
                put(out, 1, key.wire());
                if !keys.insert(out[start..].to_vec()) {
                    return Err(JsonError::new("the name stands twice"));
                }
                is_written = self.value(&value_slot, reader, out)?;
                Ok(())
            })
            .map_err(|error| error.under(name))?;
            if !is_written {
                out.truncate(start);
            }
            Ok(())
        })
    }

    /// Reads one value and writes it as a field. Whether there was one: unknown enum values may be passed over.
    fn value(&self, slot: &Slot, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let is_implicit = slot.shape == Shape::Singular && !slot.has_presence;
        match &slot.kind {
            Kind::Message(message) if slot.is_group => {
                put_group(out, slot.number, |out| self.message(message, reader, out))?;
            }
            Kind::Message(message) => {
                put_nested(out, slot.number, |out| self.message(message, reader, out))?;
            }
            kind => match self.scalar(kind, reader)? {
                // What is not there has this value.
                Some(value) if is_implicit && slot.is_default(value.wire()) => {}
                Some(value) => put(out, slot.number, value.wire()),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Reads a value that is no message; none where it is an unknown enum value and may be passed over.
    pub(super) fn scalar<'a>(&self, kind: &Kind, reader: &mut Reader<'a>) -> Result<Option<Scalar<'a>>> {
        let token = reader.peek()?;
        Ok(Some(match (kind, token) {
            (Kind::Bool, _) => Scalar::Number(Wire::Varint(reader.bool()?.into())),
            (Kind::String, _) => match reader.text()? {
                Cow::Borrowed(text) => Scalar::Bytes(text.as_bytes().into()),
                Cow::Owned(text) => Scalar::Bytes(text.into_bytes().into()),
            },
            (Kind::Bytes, _) => {
                let text = reader.text()?;
                Scalar::Bytes(base64::decode_json(&text).ok_or_else(|| unfit(kind, &text))?.into())
            }
            (Kind::Enum(desc), Token::Null) if desc.full_name() == "google.protobuf.NullValue" => {
                reader.null()?;
                Scalar::Number(scalar::enum_wire(0))
            }
            (Kind::Enum(desc), Token::Text) => {
                let name = reader.text()?;
                match scalar::enum_name(desc, &name) {
                    Some(value) => Scalar::Number(value),
                    None if self.options.ignore_unknown => return Ok(None),
                    None => return Err(unfit(kind, &name)),
                }
            }
            (Kind::Enum(desc), Token::Number) => {
                let text = reader.number()?;
                Scalar::Number(scalar::enum_number(desc, text).ok_or_else(|| unfit(kind, text))?)
            }
            (Kind::Enum(_) | Kind::Message(_), _) => return Err(mismatch(&wanted(kind), token)),
            (_, Token::Number) => {
                let text = reader.number()?;
                Scalar::Number(scalar::number(kind, text).ok_or_else(|| unfit(kind, text))?)
            }
            (_, Token::Text) => {
                let text = reader.text()?;
                Scalar::Number(scalar::number(kind, &text).ok_or_else(|| unfit(kind, &text))?)
            }
            _ => return Err(mismatch(&wanted(kind), token)),
        }))
    }
}

/// What an object has had so far.
#[derive(Default)]
struct Seen {
    fields: Vec<u32>,
    oneofs: Vec<(usize, String)>,
}
