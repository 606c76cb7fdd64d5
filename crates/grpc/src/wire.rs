//! The wire format of protobuf (protobuf.dev, "Encoding"): fields by number, without a schema. What a field means is
//! for who has the descriptor.

/// Groups may be nested this deep; so are messages in protobuf's own parsers.
const MAX_GROUPS: usize = 100;
/// Field numbers are at most 2^29 - 1.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// The value of a field as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// The fields of a group.
    Group(&'a [u8]),
    Fixed32(u32),
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireError;

/// Takes a message apart into its fields, in their order on the wire.
#[derive(Clone, Debug)]
pub(crate) struct WireReader<'a> {
    rest: &'a [u8],
}

impl<'a> WireReader<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field: its number and its value.
    pub fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.key()?;
        let value = if kind == START_GROUP { Wire::Group(self.group(number)?) } else { self.value(kind)? };
        Ok(Some((number, value)))
    }

    /// The next of several varints without keys, as packed fields hold them.
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (at, &byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 {
                return Err(WireError);
            }
            value |= bits << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(WireError)
    }

    /// The next eight bytes as a number.
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(*self.chunk()?))
    }

    /// The next four bytes as a number.
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(*self.chunk()?))
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn key(&mut self) -> Result<(u32, u8), WireError> {
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number > MAX_NUMBER {
            return Err(WireError);
        }
        #[expect(clippy::cast_possible_truncation, reason = "both were checked against their range")]
        Ok((number as u32, (key & 7) as u8))
    }

    fn value(&mut self, kind: u8) -> Result<Wire<'a>, WireError> {
        match kind {
            VARINT => self.varint().map(Wire::Varint),
            FIXED64 => self.fixed64().map(Wire::Fixed64),
            BYTES => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError)?;
                let (bytes, rest) = self.rest.split_at_checked(len).ok_or(WireError)?;
                self.rest = rest;
                Ok(Wire::Bytes(bytes))
            }
            FIXED32 => self.fixed32().map(Wire::Fixed32),
            _ => Err(WireError),
        }
    }

    /// The fields up to the end of the group that has begun.
    fn group(&mut self, number: u32) -> Result<&'a [u8], WireError> {
        let start = self.rest;
        let mut open = vec![number];
        loop {
            let end = self.rest;
            let (number, kind) = self.key()?;
            match kind {
                START_GROUP if open.len() < MAX_GROUPS => open.push(number),
                END_GROUP if open.pop() == Some(number) => {
                    if open.is_empty() {
                        return Ok(&start[..start.len() - end.len()]);
                    }
                }
                _ => drop(self.value(kind)?),
            }
        }
    }

    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], WireError> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(WireError)?;
        self.rest = rest;
        Ok(chunk)
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "less than 0x80 is left")]
    out.push(value as u8);
}

/// Writes a whole field.
pub(crate) fn put(out: &mut Vec<u8>, number: u32, value: Wire<'_>) {
    let kind = match value {
        Wire::Varint(_) => VARINT,
        Wire::Fixed64(_) => FIXED64,
        Wire::Bytes(_) => BYTES,
        Wire::Group(_) => START_GROUP,
        Wire::Fixed32(_) => FIXED32,
    };
    put_key(out, number, kind);
    if let Wire::Bytes(bytes) = value {
        put_varint(out, bytes.len() as u64);
    }
    put_bare(out, value);
    if kind == START_GROUP {
        put_key(out, number, END_GROUP);
    }
}

/// Writes a value without its key, as packed fields hold them.
pub(crate) fn put_bare(out: &mut Vec<u8>, value: Wire<'_>) {
    match value {
        Wire::Varint(value) => put_varint(out, value),
        Wire::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Wire::Bytes(bytes) | Wire::Group(bytes) => out.extend_from_slice(bytes),
        Wire::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
    }
}

/// Writes a field whose value is what `write` writes: a message, or packed numbers.
pub(crate) fn put_nested<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_key(out, number, BYTES);
    let start = out.len();
    write(out)?;
    // The length goes before it, now that it is known.
    let end = out.len();
    put_varint(out, (end - start) as u64);
    let len_of_len = out.len() - end;
    out[start..].rotate_right(len_of_len);
    Ok(())
}

/// Writes a group whose fields are what `write` writes.
pub(crate) fn put_group<E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    put_key(out, number, START_GROUP);
    write(out)?;
    put_key(out, number, END_GROUP);
    Ok(())
}

fn put_key(out: &mut Vec<u8>, number: u32, kind: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(kind));
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, WireError> {
        let mut reader = WireReader::new(bytes);
        let mut fields = Vec::new();
        while let Some(field) = reader.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn reads_what_it_writes() {
        let fields = [
            (1, Wire::Varint(0)),
            (15, Wire::Varint(u64::MAX)),
            (16, Wire::Fixed64(1 << 63)),
            (3, Wire::Bytes(b"abc")),
            (536_870_911, Wire::Fixed32(7)),
            (4, Wire::Group(b"\x08\x01\x13\x14")),
        ];
        let mut out = Vec::new();
        for (number, value) in fields {
            put(&mut out, number, value);
        }
        assert_eq!(read(&out), Ok(fields.to_vec()));
    }

    #[test]
    fn lengths_stand_before_what_they_measure() {
        for len in [0, 1, 127, 128, 20_000] {
            let mut out = b"x".to_vec();
            put_nested(&mut out, 2, |out| {
                out.extend(std::iter::repeat_n(b'a', len));
                Ok::<_, Infallible>(())
            })
            .unwrap();
            assert_eq!(read(&out[1..]), Ok(vec![(2, Wire::Bytes(&vec![b'a'; len]))]));
        }
    }

    #[test]
    fn refuses_what_is_no_message() {
        let deep = b"\x0b".repeat(101);
        for bytes in [
            &b"\x08"[..],
            b"\x00\x00",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
            b"\x80\x80\x80\x80\x10\x00",
            b"\x0a\x02a",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
            b"\x09\x01",
            b"\x0d\x01",
            b"\x0b",
            b"\x0c",
            b"\x0b\x14",
            b"\x0e",
            &deep,
        ] {
            assert_eq!(read(bytes), Err(WireError), "{bytes:?}");
        }
    }
}
