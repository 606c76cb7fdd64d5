//! The bytes of a message to JSON. Fields come in the order of their numbers, members of maps in that of their keys, so
//! that the same message is always the same text.

use std::collections::BTreeMap;

use prost_reflect::{Kind, MessageDescriptor};

use super::error::JsonError;
use super::fields::{self, Found, sort};
use super::slot::{Shape, Slot};
use super::text::{push, push_double, push_float, push_string};
use super::well_known::WellKnown;
use super::{JsonOptions, MAX_DEPTH};
use crate::base64;
use crate::wire::{Wire, WireError, WireReader};

mod scalar;
mod well_known;

/// Writes messages as JSON by descriptors.
#[derive(Debug)]
pub(crate) struct Printer<'o> {
    options: &'o JsonOptions,
    pub(super) out: &'o mut Vec<u8>,
    /// How long the output may become.
    max_len: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, JsonError>;

impl From<WireError> for JsonError {
    fn from(WireError: WireError) -> Self {
        Self::new("the message is malformed")
    }
}

impl<'o> Printer<'o> {
    /// Writes at the end of `out`.
    pub fn new(options: &'o JsonOptions, out: &'o mut Vec<u8>) -> Self {
        let max_len = out.len().saturating_add(options.max_output);
        Self { options, out, max_len, depth: 0 }
    }

    /// Writes a message.
    pub fn message(&mut self, message: &MessageDescriptor, wire: &[u8]) -> Result<()> {
        if let Some(known) = WellKnown::of(message) {
            return self.well_known(&known, message, wire);
        }
        self.open(b'{')?;
        self.members(message, wire)?;
        self.close(b'}')
    }

    /// Writes the value of one field of a message, and nothing else of it; `null` for a message that is not there.
    pub fn field(&mut self, message: &MessageDescriptor, slot: &Slot, wire: &[u8]) -> Result<()> {
        let found = sort(message, wire)?.remove(&slot.number);
        match found {
            Some(found) => self.whole(&found),
            None if slot.shape == Shape::Singular && matches!(slot.kind, Kind::Message(_)) => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            None => self.whole(&Found { slot: slot.clone(), values: Vec::new() }),
        }
    }

    /// Writes the members of an object that is open.
    pub(super) fn members(&mut self, message: &MessageDescriptor, wire: &[u8]) -> Result<()> {
        let mut found = sort(message, wire)?;
        if self.options.always_print_primitive_fields {
            for field in message.fields().filter(|field| !field.supports_presence()) {
                found
                    .entry(field.number())
                    .or_insert_with(|| Found { slot: Slot::of(&field), values: Vec::new() });
            }
        }
        for (number, found) in &found {
            if self.is_left_out(found) {
                continue;
            }
            let name = match message.get_field(*number) {
                Some(field) if self.options.preserve_proto_field_names => field.name().to_owned(),
                Some(field) => field.json_name().to_owned(),
                None => message
                    .get_extension(*number)
                    .map(|field| field.json_name().to_owned())
                    .unwrap_or_default(),
            };
            self.name(&name);
            self.whole(found).map_err(|error| error.under(name))?;
        }
        Ok(())
    }

    /// Whether a field has its default value and no presence.
    fn is_left_out(&self, found: &Found<'_>) -> bool {
        if self.options.always_print_primitive_fields || found.slot.has_presence {
            return false;
        }
        match found.slot.shape {
            Shape::Singular => found.values.last().is_none_or(|value| found.slot.is_default(*value)),
            Shape::List { .. } => !found.values.iter().any(|value| is_element(&found.slot, *value)),
            Shape::Map => false,
        }
    }

    /// Writes the value of a field, whatever its shape.
    fn whole(&mut self, found: &Found<'_>) -> Result<()> {
        match found.slot.shape {
            Shape::Singular => self.value(&found.slot, &found.values),
            Shape::List { .. } => self.list(found),
            Shape::Map => self.map(found),
        }
    }

    /// Writes a singular value; where there is none, the default of its type.
    fn value(&mut self, slot: &Slot, values: &[Wire<'_>]) -> Result<()> {
        match &slot.kind {
            Kind::Message(message) => {
                let mut room = Vec::new();
                let wire = self.merged(values, &mut room)?;
                self.message(message, wire)
            }
            kind => self.scalar(kind, values.last().copied().unwrap_or_else(|| scalar::zero(kind))),
        }
    }

    /// The bytes of a singular message. Pieces of it are copied once for each message that they are in, so the bytes that
    /// are copied count as output.
    fn merged<'a>(&mut self, values: &[Wire<'a>], room: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let wire = fields::merged(values, room);
        if values.len() > 1 {
            self.max_len = self.max_len.saturating_sub(wire.len());
            self.check_len()?;
        }
        Ok(wire)
    }

    fn list(&mut self, found: &Found<'_>) -> Result<()> {
        let slot = &found.slot;
        let is_packed = |value: &Wire<'_>| {
            matches!(value, Wire::Bytes(_))
                && !matches!(slot.kind, Kind::String | Kind::Bytes | Kind::Message(_))
        };
        let mut index = 0_usize;
        self.open(b'[')?;
        for value in &found.values {
            let mut packed = match value {
                Wire::Bytes(bytes) if is_packed(value) => Some(WireReader::new(bytes)),
                _ => None,
            };
            loop {
                let element = match &mut packed {
                    Some(rest) if rest.is_at_end() => break,
                    Some(rest) => scalar::unpack(&slot.kind, rest)?,
                    None => *value,
                };
                self.separate();
                self.value(slot, &[element]).map_err(|error| error.under(index.to_string()))?;
                index += 1;
                if packed.is_none() {
                    break;
                }
            }
        }
        self.close(b']')
    }

    fn map(&mut self, found: &Found<'_>) -> Result<()> {
        let (key_slot, value_slot) =
            found.slot.entry().expect("entries of maps were checked when they were loaded");
        let mut entries = BTreeMap::new();
        for value in &found.values {
            let Wire::Bytes(entry) = value else { continue };
            let mut key = scalar::zero(&key_slot.kind);
            let mut values = Vec::new();
            let mut reader = WireReader::new(entry);
            while let Some((number, value)) = reader.next()? {
                match number {
                    1 if key_slot.fits(value) => key = value,
                    2 if value_slot.fits(value) => values.push(value),
                    _ => {}
                }
            }
            entries.insert(scalar::Key::of(&key_slot.kind, key)?, values);
        }
        self.open(b'{')?;
        for (key, values) in entries {
            let name = key.to_string();
            self.name(&name);
            self.value(&value_slot, &values).map_err(|error| error.under(name))?;
        }
        self.close(b'}')
    }

    pub(super) fn open(&mut self, bracket: u8) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(JsonError::new("messages are nested too deep"));
        }
        self.out.push(bracket);
        Ok(())
    }

    pub(super) fn close(&mut self, bracket: u8) -> Result<()> {
        self.depth -= 1;
        self.out.push(bracket);
        self.check_len()
    }

    /// Begins a member.
    pub(super) fn name(&mut self, name: &str) {
        self.separate();
        push_string(self.out, name);
        self.out.push(b':');
    }

    fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn check_len(&self) -> Result<()> {
        if self.out.len() > self.max_len {
            return Err(JsonError::new(format!(
                "as JSON it has more than {} bytes",
                self.options.max_output
            )));
        }
        Ok(())
    }

    fn scalar(&mut self, kind: &Kind, value: Wire<'_>) -> Result<()> {
        match scalar::Printed::of(kind, value)? {
            scalar::Printed::Number(number) => push(self.out, format_args!("{number}")),
            scalar::Printed::Quoted(number) => push(self.out, format_args!("\"{number}\"")),
            scalar::Printed::Double(number) => push_double(self.out, number),
            scalar::Printed::Float(number) => push_float(self.out, number),
            scalar::Printed::Bool(value) => push(self.out, format_args!("{value}")),
            scalar::Printed::Text(text) => push_string(self.out, text),
            scalar::Printed::Bytes(bytes) => {
                self.out.push(b'"');
                base64::push_encoded(self.out, bytes);
                self.out.push(b'"');
            }
            scalar::Printed::Null => self.out.extend_from_slice(b"null"),
            scalar::Printed::Enum(desc, number) => match desc.get_value(number) {
                Some(value) if !self.options.enums_as_ints => push_string(self.out, value.name()),
                _ => push(self.out, format_args!("{number}")),
            },
        }
        self.check_len()
    }
}

/// Whether a value of a list is an element, or packed elements, and not an empty pack.
fn is_element(slot: &Slot, value: Wire<'_>) -> bool {
    let can_be_packed = !matches!(slot.kind, Kind::String | Kind::Bytes | Kind::Message(_));
    !(can_be_packed && matches!(value, Wire::Bytes([])))
}
