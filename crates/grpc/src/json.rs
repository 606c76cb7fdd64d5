//! Canonical proto3 JSON (protobuf.dev, "`ProtoJSON` Format") to the bytes of messages and back, by descriptors.
//!
//! Both ways go straight from one to the other and build no message in between: what is given is never held a second
//! time, nesting and output are bounded, and an error tells where in the JSON it is. What the format leaves open is read
//! strictly: a name that stands twice in an object is an error.

mod any;
mod bare;
mod error;
mod fields;
mod number;
mod parse;
mod print;
mod reader;
mod scalar;
mod slot;
mod text;
mod time;
mod well_known;

pub(crate) use bare::put_text;
pub use error::JsonError;
pub(crate) use parse::Parser;
pub(crate) use print::Printer;
pub(crate) use reader::Reader;
pub(crate) use slot::Slot;
pub(crate) use text::push_string;
pub(crate) use well_known::WellKnown;

/// How deep objects and lists may be nested. Protobuf's own parsers stop at this depth of messages.
pub(crate) const MAX_DEPTH: usize = 100;

/// How JSON is read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonOptions {
    /// Names of fields, query parameters and enum values that are not known are passed over instead of refused.
    pub ignore_unknown: bool,
    /// Fields are written under their names in the `.proto` file instead of `lowerCamelCase`. Both are always read.
    pub preserve_proto_field_names: bool,
    /// Fields without presence are written even where they have their default value: numbers, texts, enums, lists and
    /// maps, but not messages, members of a `oneof` and `optional` fields.
    pub always_print_primitive_fields: bool,
    /// Enum values are written as numbers. Both are always read.
    pub enums_as_ints: bool,
    /// Bytes that one message may have as JSON when it is written. A short message can become a long text.
    pub max_output: usize,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            ignore_unknown: false,
            preserve_proto_field_names: false,
            always_print_primitive_fields: false,
            enums_as_ints: false,
            max_output: 32 << 20,
        }
    }
}

#[cfg(test)]
mod tests;
