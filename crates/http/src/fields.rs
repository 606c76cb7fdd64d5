//! The header fields of one message: their bytes in one buffer, each field a few numbers into it.
//!
//! Removing marks a field, setting appends to the buffer; nothing moves, and `clear` keeps the memory for the
//! next message. The order of fields is the order in which they came (RFC 9110 section 5.3). The buffer holds fields as
//! lines, so that neighbours are written out in one piece.

use crate::field::{FieldName, Known, KnownSet};
use crate::pairs::list_items;

/// The header fields of a message, or its trailers.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    list: Vec<Field>,
    /// Which known names occur, so that most look-ups end without a search.
    present: u64,
    live: usize,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name_at: u32,
    value_at: u32,
    value_len: u32,
    name_len: u16,
    known: Option<Known>,
    live: bool,
    /// In the buffer it stands as `Name: value CRLF`, ready to be written.
    is_line: bool,
}

impl Field {
    /// One whose name and value stand in the buffer, each at its place and as long as told.
    #[inline]
    fn new(name: (usize, usize), value: (usize, usize), known: Option<Known>, is_line: bool) -> Self {
        let number = |n: usize| u32::try_from(n).expect("a head is far shorter than 4 GiB");
        Self {
            name_at: number(name.0),
            value_at: number(value.0),
            value_len: number(value.1),
            name_len: u16::try_from(name.1).expect("a field name is shorter than the head limit"),
            known,
            live: true,
            is_line,
        }
    }
}

impl Fields {
    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
        self.present = 0;
        self.live = 0;
    }

    /// The same fields, with room for so many more, and so many bytes of them, before memory has to be found again.
    pub fn clone_with_room(&self, fields: usize, bytes: usize) -> Self {
        let mut all = Self {
            bytes: Vec::with_capacity(self.bytes.len() + bytes),
            list: Vec::with_capacity(self.list.len() + fields),
            ..*self
        };
        all.bytes.extend_from_slice(&self.bytes);
        all.list.extend_from_slice(&self.list);
        all
    }

    /// How many fields there are; a name that occurs twice counts twice.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Bytes of memory that are kept for reuse.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.list.capacity() * size_of::<Field>()
    }

    /// Takes over a parsed head: `bytes` is copied once, and `fields` yields the offsets of each name and value
    /// in it as `(name_at, name_len, value_at, value_len)`. Names must be tokens.
    pub fn load(
        &mut self,
        bytes: &[u8],
        fields: impl ExactSizeIterator<Item = (usize, usize, usize, usize)>,
    ) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let before = self.list.len();
        let mut present = self.present;
        self.list.extend(fields.map(|(name_at, name_len, value_at, value_len)| {
            let known = Known::find(&bytes[name_at..name_at + name_len]);
            present |= known.map_or(0, Known::bit);
            let end = value_at + value_len;
            let is_line = value_at == name_at + name_len + 2
                && bytes[name_at + name_len..value_at] == *b": "
                && bytes.get(end..end + 2) == Some(b"\r\n");
            Field::new((base + name_at, name_len), (base + value_at, value_len), known, is_line)
        }));
        self.live += self.list.len() - before;
        self.present = present;
    }

    /// The first value of a known field, without the white space around it.
    #[inline]
    pub fn known(&self, name: Known) -> Option<&[u8]> {
        if self.present & name.bit() == 0 {
            return None;
        }
        self.list.iter().find(|field| field.live && field.known == Some(name)).map(|field| self.value(field))
    }

    /// The first value of a known field, where it is text.
    pub fn known_str(&self, name: Known) -> Option<&str> {
        self.known(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of a known field, in order.
    pub fn all_known(&self, name: Known) -> impl Iterator<Item = &[u8]> {
        let list = if self.present & name.bit() == 0 { &[][..] } else { &self.list[..] };
        list.iter()
            .filter(move |field| field.live && field.known == Some(name))
            .map(|field| self.value(field))
    }

    /// The first value of `name`.
    pub fn first(&self, name: &FieldName) -> Option<&[u8]> {
        self.list.iter().find(|field| self.is(field, name)).map(|field| self.value(field))
    }

    /// All values of `name`, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let absent = name.known().is_some_and(|known| self.present & known.bit() == 0);
        let list = if absent { &[][..] } else { &self.list[..] };
        list.iter().filter(|field| self.is(field, name)).map(|field| self.value(field))
    }

    /// Whether a known field occurs.
    #[inline]
    pub fn has(&self, name: Known) -> bool {
        self.present & name.bit() != 0
    }

    /// Whether a known field occurs more than once.
    pub fn has_many(&self, name: Known) -> bool {
        self.all_known(name).nth(1).is_some()
    }

    /// Whether `name` occurs.
    pub fn contains(&self, name: &FieldName) -> bool {
        self.first(name).is_some()
    }

    /// Adds a field at the end. `value` must have passed [`check_field_value`](crate::check_field_value).
    pub fn append(&mut self, name: &FieldName, value: &[u8]) {
        self.append_with(name, |out| out.extend_from_slice(value));
    }

    /// Adds a known field at the end.
    pub fn append_known(&mut self, name: Known, value: &[u8]) {
        self.append_raw(name.as_str().as_bytes(), Some(name), |out| out.extend_from_slice(value));
    }

    /// Adds a known field whose value `write` puts straight into the buffer; it must only append.
    pub fn append_known_with(&mut self, name: Known, write: impl FnOnce(&mut Vec<u8>)) {
        self.append_raw(name.as_str().as_bytes(), Some(name), write);
    }

    /// Adds a field whose value `write` puts straight into the buffer; it must only append.
    pub fn append_with(&mut self, name: &FieldName, write: impl FnOnce(&mut Vec<u8>)) {
        self.append_raw(name.as_str().as_bytes(), name.known(), write);
    }

    /// Adds a field whose name is known only at run time. The name must be a token.
    pub fn append_bytes(&mut self, name: &[u8], value: &[u8]) {
        self.append_found(name, Known::find(name), value);
    }

    /// The same for a name that was looked for already: `known` is what [`Known::find`] found.
    pub fn append_found(&mut self, name: &[u8], known: Option<Known>, value: &[u8]) {
        self.append_raw(name, known, |out| out.extend_from_slice(value));
    }

    /// Replaces every `name` by one field with this value.
    pub fn set(&mut self, name: &FieldName, value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// Replaces every field of a known name by one with this value.
    pub fn set_known(&mut self, name: Known, value: &[u8]) {
        self.remove_known(name);
        self.append_known(name, value);
    }

    /// Removes every field of this name; tells whether there was one.
    pub fn remove(&mut self, name: &FieldName) -> bool {
        if let Some(known) = name.known() {
            return self.remove_known(known);
        }
        self.remove_where(|candidate| name.matches(candidate))
    }

    /// Removes every field of a known name; tells whether there was one.
    pub fn remove_known(&mut self, name: Known) -> bool {
        if self.present & name.bit() == 0 {
            return false;
        }
        for field in &mut self.list {
            if field.known == Some(name) && field.live {
                field.live = false;
                self.live -= 1;
            }
        }
        self.present &= !name.bit();
        true
    }

    /// Removes every field whose name is `name`, known only at run time.
    pub fn remove_bytes(&mut self, name: &[u8]) -> bool {
        match Known::find(name) {
            Some(known) => self.remove_known(known),
            None => self.remove_where(|candidate| candidate.eq_ignore_ascii_case(name)),
        }
    }

    /// Removes the fields whose name `drop` says so of.
    pub fn remove_where(&mut self, drop: impl Fn(&[u8]) -> bool) -> bool {
        let mut removed = 0;
        for field in &mut self.list {
            let at = field.name_at as usize;
            if field.live && drop(&self.bytes[at..at + usize::from(field.name_len)]) {
                field.live = false;
                removed += 1;
            }
        }
        if removed > 0 {
            self.live -= removed;
            self.present =
                self.list.iter().filter(|f| f.live).filter_map(|f| f.known).fold(0, |s, k| s | k.bit());
        }
        removed > 0
    }

    /// Names and values, in order.
    pub fn iter(&self) -> FieldsIter<'_> {
        FieldsIter { fields: self, at: 0 }
    }

    /// Names and values, in order, each with the number of its name where that is a known one.
    pub fn iter_known(&self) -> impl Iterator<Item = (Option<Known>, &[u8], &[u8])> {
        let live = self.list.iter().filter(|field| field.live);
        live.map(|field| (field.known, self.name(field), self.value(field)))
    }

    /// Whether one of the comma-separated items of a known field is `token`, whatever its case.
    pub fn has_item(&self, name: Known, token: &str) -> bool {
        self.all_known(name).any(|value| {
            value.eq_ignore_ascii_case(token.as_bytes())
                || (value.len() > token.len()
                    && list_items(value).any(|item| item.eq_ignore_ascii_case(token.as_bytes())))
        })
    }

    /// Writes `Name: value CRLF` for every field but the known ones in `but`.
    pub fn write_to(&self, out: &mut Vec<u8>, but: KnownSet) {
        let mut run = 0..0;
        for field in &self.list {
            if !field.live || field.known.is_some_and(|known| but.contains(known)) {
                continue;
            }
            let (start, end) = (field.name_at as usize, (field.value_at + field.value_len) as usize + 2);
            if field.is_line && start == run.end {
                run.end = end;
                continue;
            }
            out.extend_from_slice(&self.bytes[run]);
            if field.is_line {
                run = start..end;
                continue;
            }
            run = 0..0;
            out.extend_from_slice(self.name(field));
            out.extend_from_slice(b": ");
            out.extend_from_slice(self.value(field));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(&self.bytes[run]);
    }

    fn append_raw(&mut self, name: &[u8], known: Option<Known>, write: impl FnOnce(&mut Vec<u8>)) {
        let name_at = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(b": ");
        let value_at = self.bytes.len();
        write(&mut self.bytes);
        let value_len = self.bytes.len() - value_at;
        self.bytes.extend_from_slice(b"\r\n");
        self.list.push(Field::new((name_at, name.len()), (value_at, value_len), known, true));
        self.live += 1;
        self.present |= known.map_or(0, Known::bit);
    }

    fn is(&self, field: &Field, name: &FieldName) -> bool {
        field.live
            && match name.known() {
                Some(known) => field.known == Some(known),
                None => field.known.is_none() && name.matches(self.name(field)),
            }
    }

    #[inline]
    fn name(&self, field: &Field) -> &[u8] {
        let at = field.name_at as usize;
        &self.bytes[at..at + usize::from(field.name_len)]
    }

    #[inline]
    fn value(&self, field: &Field) -> &[u8] {
        let at = field.value_at as usize;
        &self.bytes[at..at + field.value_len as usize]
    }
}

/// Iterates over the names and values of [`Fields`].
#[derive(Clone, Debug)]
pub struct FieldsIter<'a> {
    fields: &'a Fields,
    at: usize,
}

impl<'a> Iterator for FieldsIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = self.fields.list.get(self.at)?;
            self.at += 1;
            if field.live {
                return Some((self.fields.name(field), self.fields.value(field)));
            }
        }
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = FieldsIter<'a>;

    fn into_iter(self) -> FieldsIter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Fields {
        let mut fields = Fields::default();
        fields.append_known(Known::Host, b"a.example");
        fields.append_bytes(b"x-tag", b"1");
        fields.append_bytes(b"X-Tag", b"2");
        fields.append_bytes(b"ACCEPT", b"text/html, */*");
        fields
    }

    fn text(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.write_to(&mut out, KnownSet::EMPTY);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keeps_order_and_spelling() {
        assert_eq!(text(&sample()), "Host: a.example\r\nx-tag: 1\r\nX-Tag: 2\r\nACCEPT: text/html, */*\r\n");
    }

    #[test]
    fn writes_the_same_whatever_the_spaces_were() {
        let bytes = b"A: 1\r\nB:2\r\nC:  3 \r\nD: \r\nE: 5\r\n\r\n";
        let mut fields = Fields::default();
        fields.load(
            bytes,
            [(0, 1, 3, 1), (6, 1, 8, 1), (11, 1, 15, 1), (19, 1, 22, 0), (24, 1, 27, 1)].into_iter(),
        );
        fields.append_bytes(b"F", b"6");
        assert_eq!(text(&fields), "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: 5\r\nF: 6\r\n");
        fields.remove_bytes(b"e");
        assert_eq!(text(&fields), "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nF: 6\r\n");
    }

    #[test]
    fn tells_the_known_names_of_what_is_left() {
        let mut fields = sample();
        fields.remove_bytes(b"host");
        let found: Vec<_> = fields.iter_known().map(|(known, name, _)| (known, name)).collect();
        assert_eq!(found, [(None, &b"x-tag"[..]), (None, b"X-Tag"), (Some(Known::Accept), b"ACCEPT")]);
    }

    #[test]
    fn finds_known_and_unknown_names_in_any_case() {
        let fields = sample();
        assert_eq!(fields.known(Known::Accept), Some(&b"text/html, */*"[..]));
        assert!(fields.has_item(Known::Accept, "TEXT/HTML"));
        let tag = FieldName::parse("x-TAG").unwrap();
        assert_eq!(fields.all(&tag).collect::<Vec<_>>(), [b"1", b"2"]);
        assert!(!fields.has(Known::Cookie));
    }

    #[test]
    fn set_replaces_every_occurrence_and_remove_leaves_none() {
        let mut fields = sample();
        let tag = FieldName::parse("X-Tag").unwrap();
        fields.set(&tag, b"3");
        assert_eq!(fields.all(&tag).collect::<Vec<_>>(), [b"3"]);
        assert_eq!(fields.len(), 3);
        assert!(fields.remove(&tag));
        assert!(!fields.remove(&tag));
        assert!(fields.remove_bytes(b"accept"));
        assert!(!fields.has(Known::Accept));
        assert_eq!(text(&fields), "Host: a.example\r\n");
    }

    #[test]
    fn clear_forgets_everything_and_keeps_memory() {
        let mut fields = sample();
        let before = fields.capacity();
        fields.clear();
        assert!(fields.is_empty() && !fields.has(Known::Host));
        assert_eq!(fields.capacity(), before);
    }
}
