//! The messages of `google.protobuf` that JSON writes in a way of their own, from the wire to JSON. `Any` is in a file
//! of its own.

use std::collections::BTreeMap;

use prost_reflect::{Kind, MessageDescriptor};

use super::{Printer, Result, scalar};
use crate::json::error::JsonError;
use crate::json::slot::Slot;
use crate::json::text::{push, push_double, push_string};
use crate::json::time::{Time, format_duration, format_timestamp};
use crate::json::well_known::WellKnown;
use crate::wire::{Wire, WireReader};

impl Printer<'_> {
    pub(super) fn well_known(
        &mut self,
        known: &WellKnown,
        message: &MessageDescriptor,
        wire: &[u8],
    ) -> Result<()> {
        match known {
            WellKnown::Any => self.any(message.parent_pool(), wire),
            WellKnown::Timestamp => self.time(format_timestamp(time(wire)?), "the time is out of range"),
            WellKnown::Duration => self.time(format_duration(time(wire)?), "the duration is out of range"),
            WellKnown::FieldMask => self.mask(wire),
            WellKnown::Struct => self.fields_of_struct(wire),
            WellKnown::Value => self.any_value(wire),
            WellKnown::ListValue => self.list_of_values(wire),
            WellKnown::Wrapper(kind) => {
                let slot = Slot::singular(1, kind.clone());
                let mut value = scalar::zero(kind);
                let mut reader = WireReader::new(wire);
                while let Some((number, found)) = reader.next()? {
                    if number == 1 && slot.fits(found) {
                        value = found;
                    }
                }
                self.scalar(kind, value)
            }
        }
    }

    fn time(&mut self, text: Option<String>, problem: &'static str) -> Result<()> {
        let text = text.ok_or_else(|| JsonError::new(problem))?;
        push(self.out, format_args!("\"{text}\""));
        self.check_len()
    }

    /// Paths become camel case; those that could not be turned back are an error.
    fn mask(&mut self, wire: &[u8]) -> Result<()> {
        let mut text = String::new();
        let mut reader = WireReader::new(wire);
        while let Some((number, value)) = reader.next()? {
            let (1, Wire::Bytes(path)) = (number, value) else { continue };
            if !text.is_empty() {
                text.push(',');
            }
            push_camel(&mut text, path)
                .ok_or_else(|| JsonError::new("a path of the mask has no form in JSON"))?;
        }
        push_string(self.out, &text);
        self.check_len()
    }

    fn fields_of_struct(&mut self, wire: &[u8]) -> Result<()> {
        let mut fields = BTreeMap::new();
        let mut reader = WireReader::new(wire);
        while let Some((number, entry)) = reader.next()? {
            let (1, Wire::Bytes(entry)) = (number, entry) else { continue };
            let (mut name, mut values) = (&b""[..], Vec::new());
            let mut reader = WireReader::new(entry);
            while let Some(field) = reader.next()? {
                match field {
                    (1, Wire::Bytes(bytes)) => name = bytes,
                    (2, value @ Wire::Bytes(_)) => values.push(value),
                    _ => {}
                }
            }
            let name = scalar::Key::of(&Kind::String, Wire::Bytes(name))?.to_string();
            fields.insert(name, values);
        }
        self.open(b'{')?;
        for (name, values) in fields {
            self.name(&name);
            let mut room = Vec::new();
            let value = self.merged(&values, &mut room)?;
            self.any_value(value).map_err(|error| error.under(name))?;
        }
        self.close(b'}')
    }

    fn list_of_values(&mut self, wire: &[u8]) -> Result<()> {
        self.open(b'[')?;
        let mut reader = WireReader::new(wire);
        let mut index = 0_usize;
        while let Some((number, value)) = reader.next()? {
            let (1, Wire::Bytes(value)) = (number, value) else { continue };
            self.separate();
            self.any_value(value).map_err(|error| error.under(index.to_string()))?;
            index += 1;
        }
        self.close(b']')
    }

    /// Writes a `google.protobuf.Value`; one without a value is `null`.
    fn any_value(&mut self, wire: &[u8]) -> Result<()> {
        // Its fields are members of one oneof: the last counts, with those just before it that are the same.
        let (mut last, mut values) = (1, Vec::new());
        let mut reader = WireReader::new(wire);
        while let Some((number, value)) = reader.next()? {
            let is_field = matches!(
                (number, value),
                (1 | 4, Wire::Varint(_)) | (2, Wire::Fixed64(_)) | (3 | 5 | 6, Wire::Bytes(_))
            );
            if is_field && number != last {
                last = number;
                values.clear();
            }
            if is_field {
                values.push(value);
            }
        }
        let mut room = Vec::new();
        match (last, values.last().copied()) {
            (2, Some(Wire::Fixed64(bits))) if f64::from_bits(bits).is_finite() => {
                push_double(self.out, f64::from_bits(bits));
            }
            (2, _) => return Err(JsonError::new("a number that is none has no form in JSON")),
            (3, Some(value)) => return self.scalar(&Kind::String, value),
            (4, Some(value)) => return self.scalar(&Kind::Bool, value),
            (5, _) => {
                let wire = self.merged(&values, &mut room)?;
                return self.fields_of_struct(wire);
            }
            (6, _) => {
                let wire = self.merged(&values, &mut room)?;
                return self.list_of_values(wire);
            }
            _ => self.out.extend_from_slice(b"null"),
        }
        self.check_len()
    }
}

/// Seconds and nanoseconds, which both times have under the same numbers.
fn time(wire: &[u8]) -> Result<Time> {
    let mut time = Time::default();
    let mut reader = WireReader::new(wire);
    while let Some(field) = reader.next()? {
        match field {
            (1, Wire::Varint(bits)) => time.seconds = bits.cast_signed(),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "of numbers of 32 bits, the lower half counts"
            )]
            (2, Wire::Varint(bits)) => time.nanos = bits as i32,
            _ => {}
        }
    }
    Ok(time)
}

fn push_camel(out: &mut String, path: &[u8]) -> Option<()> {
    let mut is_capital = false;
    for &byte in path {
        match byte {
            b'_' if !is_capital => is_capital = true,
            b'a'..=b'z' if is_capital => {
                out.push(char::from(byte.to_ascii_uppercase()));
                is_capital = false;
            }
            b'a'..=b'z' | b'0'..=b'9' | b'.' if !is_capital => out.push(char::from(byte)),
            _ => return None,
        }
    }
    (!is_capital).then_some(())
}
