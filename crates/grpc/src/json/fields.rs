//! The fields of an encoded message, sorted: which values count, as protobuf merges them. Later values of a singular
//! field win, messages are merged, and of a `oneof` the last member is kept.

use std::collections::BTreeMap;

use prost_reflect::MessageDescriptor;

use super::slot::Slot;
use crate::wire::{Wire, WireError, WireReader};

/// A field with its values as they are on the wire.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub slot: Slot,
    pub values: Vec<Wire<'a>>,
}

/// The known fields of `message` by number.
pub(super) fn sort<'a>(
    message: &MessageDescriptor,
    wire: &'a [u8],
) -> Result<BTreeMap<u32, Found<'a>>, WireError> {
    let mut found: BTreeMap<u32, Found<'a>> = BTreeMap::new();
    let mut oneofs: BTreeMap<usize, u32> = BTreeMap::new();
    let mut reader = WireReader::new(wire);
    while let Some((number, value)) = reader.next()? {
        if !found.contains_key(&number) {
            let Some(slot) = Slot::numbered(message, number) else { continue };
            if !slot.fits(value) {
                continue;
            }
            if let Some(oneof) = slot.oneof
                && let Some(other) = oneofs.insert(oneof, number)
            {
                found.remove(&other);
            }
            found.insert(number, Found { slot, values: Vec::new() });
        }
        if let Some(found) = found.get_mut(&number)
            && found.slot.fits(value)
        {
            found.values.push(value);
        }
    }
    Ok(found)
}

/// The bytes of a singular message that may have come in several pieces; `room` is for these.
pub(super) fn merged<'a>(values: &[Wire<'a>], room: &'a mut Vec<u8>) -> &'a [u8] {
    let bytes = |wire: &Wire<'a>| match wire {
        Wire::Bytes(bytes) | Wire::Group(bytes) => *bytes,
        Wire::Varint(_) | Wire::Fixed64(_) | Wire::Fixed32(_) => &[],
    };
    match values {
        [] => &[],
        [one] => bytes(one),
        several => {
            room.extend(several.iter().flat_map(bytes));
            room
        }
    }
}
