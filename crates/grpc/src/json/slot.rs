//! What reading and writing a value need to know of its field, be it a field of the message or an extension, in one
//! form for both.

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::wire::Wire;

/// A field of a message.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub number: u32,
    /// The type of the value, of the elements of a list, or of the entries of a map.
    pub kind: Kind,
    pub shape: Shape,
    pub is_group: bool,
    /// Whether being there with its default value is something else than not being there.
    pub has_presence: bool,
    /// The `oneof` that it is a member of, by its place in the message.
    pub oneof: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Singular,
    List { is_packed: bool },
    Map,
}

impl Slot {
    /// The field that JSON calls `name`: as JSON has it, as the `.proto` file has it, or an extension in brackets.
    pub fn find(message: &MessageDescriptor, name: &str) -> Option<Self> {
        if let Some(field) = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
        {
            return Some(Self::of(&field));
        }
        name.starts_with('[')
            .then(|| message.get_extension_by_json_name(name))
            .flatten()
            .map(|found| Self::extension(&found))
    }

    /// The field with this number.
    pub fn numbered(message: &MessageDescriptor, number: u32) -> Option<Self> {
        match message.get_field(number) {
            Some(field) => Some(Self::of(&field)),
            None => message.get_extension(number).map(|extension| Self::extension(&extension)),
        }
    }

    pub fn of(field: &FieldDescriptor) -> Self {
        let shape = if field.is_map() {
            Shape::Map
        } else if field.is_list() {
            Shape::List { is_packed: field.is_packed() }
        } else {
            Shape::Singular
        };
        let place = |oneof: prost_reflect::OneofDescriptor| {
            field.parent_message().oneofs().position(|candidate| candidate == oneof)
        };
        Self {
            number: field.number(),
            kind: field.kind(),
            shape,
            is_group: field.is_group(),
            has_presence: field.supports_presence(),
            oneof: field.containing_oneof().and_then(place),
        }
    }

    fn extension(extension: &ExtensionDescriptor) -> Self {
        let shape = if extension.is_list() {
            Shape::List { is_packed: extension.is_packed() }
        } else {
            Shape::Singular
        };
        Self {
            number: extension.number(),
            kind: extension.kind(),
            shape,
            is_group: extension.is_group(),
            has_presence: extension.supports_presence(),
            oneof: None,
        }
    }

    /// Whether it may have several values.
    pub fn is_list(&self) -> bool {
        self.shape != Shape::Singular
    }

    /// A singular field of a message that has no descriptor of its own: an entry of a map, a wrapper.
    pub fn singular(number: u32, kind: Kind) -> Self {
        Self { number, kind, shape: Shape::Singular, is_group: false, has_presence: true, oneof: None }
    }

    /// The key and the value of a map.
    pub fn entry(&self) -> Option<(Self, Self)> {
        let entry = self.kind.as_message().filter(|_| self.shape == Shape::Map)?;
        let part = |number| entry.get_field(number).map(|field| Self::singular(number, field.kind()));
        part(1).zip(part(2))
    }

    /// Whether `null` is a value here and not the absence of one.
    pub fn takes_null(&self) -> bool {
        self.shape == Shape::Singular
            && match &self.kind {
                Kind::Message(message) => message.full_name() == "google.protobuf.Value",
                Kind::Enum(desc) => desc.full_name() == "google.protobuf.NullValue",
                _ => false,
            }
    }

    /// Whether a value is the default of its type: not being there means the same where there is no presence.
    pub fn is_default(&self, wire: Wire<'_>) -> bool {
        match wire {
            Wire::Varint(bits)
                if matches!(self.kind, Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Bool) =>
            {
                bits == 0
            }
            // Numbers of 32 bits may come with 64, of which the lower half counts.
            Wire::Varint(bits) => bits.trailing_zeros() >= 32,
            Wire::Fixed64(bits) => bits == 0,
            Wire::Fixed32(bits) => bits == 0,
            Wire::Bytes(bytes) | Wire::Group(bytes) => bytes.is_empty(),
        }
    }

    /// Whether a value on the wire can be one of this field. Others are unknown fields, and passed over.
    pub fn fits(&self, wire: Wire<'_>) -> bool {
        let fits = match self.kind {
            Kind::Message(_) if self.is_group => matches!(wire, Wire::Group(_)),
            Kind::Message(_) | Kind::String | Kind::Bytes => return matches!(wire, Wire::Bytes(_)),
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => matches!(wire, Wire::Fixed64(_)),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => matches!(wire, Wire::Fixed32(_)),
            _ => matches!(wire, Wire::Varint(_)),
        };
        let is_packed_list = matches!(self.shape, Shape::List { .. }) && !self.is_group;
        fits || (is_packed_list && matches!(wire, Wire::Bytes(_)))
    }
}
