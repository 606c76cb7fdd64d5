//! A field inside the message of a request that a path or a query gives a value: found by its name when bindings are
//! compiled or a query is read, and written to the wire at the end of the message, where it wins.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{Kind, MessageDescriptor};

use crate::json::{JsonError, Slot, WellKnown, put_text};
use crate::wire::put_nested;

/// A field inside a message, such as `book.author.name`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The numbers of the fields on the way and of the field itself.
    pub numbers: Vec<u32>,
    /// The field itself.
    pub slot: Slot,
    /// Members of a `oneof` on the way: how many numbers lead to the message, and the place of the `oneof` there.
    oneofs: Vec<(usize, usize)>,
}

impl Target {
    /// Finds a field by its path, in the names of the `.proto` file or of JSON. Only fields that one text can be the
    /// value of are found, or several texts those of a list.
    pub fn find(message: &MessageDescriptor, path: &str) -> Result<Self, String> {
        let mut message = message.clone();
        let (mut numbers, mut oneofs) = (Vec::new(), Vec::new());
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let field = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name));
            let Some(field) = field else {
                return Err(format!("message {} has no field {name:?}", message.full_name()));
            };
            let slot = Slot::of(&field);
            oneofs.extend(slot.oneof.map(|oneof| (numbers.len(), oneof)));
            numbers.push(slot.number);
            if names.peek().is_none() {
                let is_text = match &slot.kind {
                    Kind::Message(message) => WellKnown::of(message).is_some_and(|known| known.is_text()),
                    _ => true,
                };
                if field.is_map() || !is_text {
                    return Err(format!("field {name:?} is a message and cannot be given as a text"));
                }
                return Ok(Self { numbers, slot, oneofs });
            }
            match slot.kind {
                Kind::Message(inside) if !field.is_list() && !field.is_map() && !field.is_group() => {
                    message = inside;
                }
                _ => return Err(format!("field {name:?} has no fields")),
            }
        }
        Err("the name of a field is empty".to_owned())
    }

    /// Whether this is `other`, or a part of it, or the other way round.
    pub fn overlaps(&self, other: &[u32]) -> bool {
        self.numbers.starts_with(other) || other.starts_with(&self.numbers)
    }

    /// Writes the field with this value.
    pub fn put(&self, out: &mut Vec<u8>, text: &str) -> Result<(), JsonError> {
        self.put_from(0, out, text)
    }

    fn put_from(&self, at: usize, out: &mut Vec<u8>, text: &str) -> Result<(), JsonError> {
        if at + 1 == self.numbers.len() {
            return put_text(out, self.slot.number, &self.slot.kind, text);
        }
        put_nested(out, self.numbers[at], |out| self.put_from(at + 1, out, text))
    }
}

/// Which fields have been given a value, to find those that cannot be together.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    fields: BTreeSet<Vec<u32>>,
    /// The member that is there, by the way to the message and the `oneof` in it.
    oneofs: BTreeMap<(Vec<u32>, usize), u32>,
}

impl Given {
    /// Notes a member at the top of the message.
    pub fn add_top(&mut self, slot: &Slot) {
        self.oneofs.extend(slot.oneof.map(|oneof| ((Vec::new(), oneof), slot.number)));
    }

    /// Notes a field; the error says why it cannot be.
    pub fn add(&mut self, target: &Target, is_list: bool) -> Result<(), String> {
        if !self.fields.insert(target.numbers.clone()) && !is_list {
            return Err("the field is given twice".to_owned());
        }
        for &(len, oneof) in &target.oneofs {
            let member = target.numbers[len];
            let key = (target.numbers[..len].to_vec(), oneof);
            if *self.oneofs.entry(key).or_insert(member) != member {
                return Err(
                    "another member of the same oneof is given, and only one of both is kept".to_owned()
                );
            }
        }
        Ok(())
    }
}
