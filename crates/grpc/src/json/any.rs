//! `google.protobuf.Any`: the JSON of the message inside, with its type as the member `@type`. Messages with a form of
//! their own stand in a member `value`. Only types of the same descriptors are known.

use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::error::{JsonError, excerpt};
use super::parse::Parser;
use super::print::Printer;
use super::reader::Reader;
use super::well_known::WellKnown;
use crate::wire::{Wire, WireReader, put, put_nested};

/// How many `Any` may be inside each other: `@type` may be the last member, so each is read twice.
const MAX_NESTED: usize = 10;
const TYPE: &str = "@type";
const VALUE: &str = "value";
const UNKNOWN: &str = "no message of this type is known";

impl Parser<'_> {
    pub(super) fn any(
        &self,
        any: &MessageDescriptor,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), JsonError> {
        let inside = Self { anys: self.anys + 1, ..*self };
        if inside.anys > MAX_NESTED {
            return Err(JsonError::new("values of any type are nested too deep"));
        }
        let Some(url) = find_type(reader.clone())? else {
            // Without a type there is nothing else either.
            return reader.object(|_, name| {
                Err(JsonError::new(format!("wanted the member {TYPE:?} too")).under(name))
            });
        };
        let unknown = || JsonError::new(format!("{UNKNOWN}: {}", excerpt(&url))).under(TYPE);
        let message = message_of(any.parent_pool(), &url).ok_or_else(unknown)?;
        put(out, 1, Wire::Bytes(url.as_bytes()));
        put_nested(out, 2, |out| match WellKnown::of(&message) {
            None if message.full_name() == "google.protobuf.Empty" => {
                inside.wrapped(&message, false, reader, out)
            }
            None => inside.object(&message, Some(TYPE), reader, out),
            Some(_) => inside.wrapped(&message, true, reader, out),
        })
    }

    /// Reads the message in the member `value`.
    fn wrapped(
        &self,
        message: &MessageDescriptor,
        is_required: bool,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), JsonError> {
        let mut is_there = false;
        reader.object(|reader, name| {
            let read = match &*name {
                TYPE => reader.skip(),
                VALUE if is_there => Err(JsonError::new("the field stands twice")),
                VALUE => {
                    is_there = true;
                    self.message(message, reader, out)
                }
                _ => self.unknown(message, reader),
            };
            read.map_err(|error| error.under(name))
        })?;
        if is_required && !is_there {
            return Err(JsonError::new(format!("wanted the member {VALUE:?} too")));
        }
        Ok(())
    }
}

/// The member `@type`, wherever it is.
fn find_type(mut reader: Reader<'_>) -> Result<Option<String>, JsonError> {
    let mut url = None;
    reader.object(|reader, name| {
        if name != TYPE {
            return reader.skip();
        }
        if url.is_some() {
            return Err(JsonError::new("the field stands twice").under(name));
        }
        url = Some(reader.text().map_err(|error| error.under(name))?.into_owned());
        Ok(())
    })?;
    Ok(url)
}

/// The message of a type URL: what is behind its last slash.
fn message_of(pool: &DescriptorPool, url: &str) -> Option<MessageDescriptor> {
    pool.get_message_by_name(url.rsplit_once('/')?.1)
}

impl Printer<'_> {
    /// Writes an `Any`. Whether it could: not where nobody knows the type.
    pub(crate) fn any(&mut self, pool: &DescriptorPool, wire: &[u8]) -> Result<(), JsonError> {
        let (url, value) = Self::any_parts(wire)?;
        if url.is_empty() && value.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let unknown = || JsonError::new(format!("{UNKNOWN}: {}", excerpt(url))).under(TYPE);
        let message = message_of(pool, url).ok_or_else(unknown)?;
        self.open(b'{')?;
        self.name(TYPE);
        super::text::push_string(self.out, url);
        if WellKnown::of(&message).is_some() {
            self.name(VALUE);
            self.message(&message, value)?;
        } else {
            self.members(&message, value)?;
        }
        self.close(b'}')
    }

    /// The type URL and the encoded message.
    pub(crate) fn any_parts(wire: &[u8]) -> Result<(&str, &[u8]), JsonError> {
        let (mut url, mut value) = (&b""[..], &b""[..]);
        let mut reader = WireReader::new(wire);
        while let Some(field) = reader.next()? {
            match field {
                (1, Wire::Bytes(bytes)) => url = bytes,
                (2, Wire::Bytes(bytes)) => value = bytes,
                _ => {}
            }
        }
        let url =
            std::str::from_utf8(url).map_err(|_| JsonError::new("the type is not UTF-8").under(TYPE))?;
        Ok((url, value))
    }
}
