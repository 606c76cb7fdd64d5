//! Answers as bytes, to be put into a store: status, fields and body. A store may be shared with others, so that what comes back is read strictly.
//!
//! The status, the number of the fields, these with the length before each name and value, and the body. Numbers are big-endian.

use bytes::Bytes;
use maitred_http::{Known, ResponseHead, check_field_value, is_token};

/// Fields that are about one message on one connection, and are not packed (RFC 9110 section 7.6.1, RFC 9112 section 6).
const OF_THE_MESSAGE: [Known; 9] = [
    Known::Connection,
    Known::ContentLength,
    Known::KeepAlive,
    Known::ProxyAuthenticate,
    Known::ProxyConnection,
    Known::Te,
    Known::Trailer,
    Known::TransferEncoding,
    Known::Upgrade,
];

fn is_packed(known: Option<Known>) -> bool {
    known.is_none_or(|known| !OF_THE_MESSAGE.contains(&known))
}

/// Appends the head of an answer; its body is to follow. None where there are more or longer fields than can be counted.
pub fn pack_head(head: &ResponseHead, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&head.status.to_be_bytes());
    let fields = || head.fields.iter_known().filter(|(known, ..)| is_packed(*known));
    out.extend_from_slice(&u16::try_from(fields().count()).ok()?.to_be_bytes());
    for (_, name, value) in fields() {
        out.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes());
        out.extend_from_slice(value);
    }
    Some(())
}

/// The answer that was packed, behind which nothing follows: its body is part of what is given. None where it is not as [`pack_head`] writes it.
pub fn unpack(packed: &Bytes) -> Option<(ResponseHead, Bytes)> {
    let mut rest = &packed[..];
    let status = u16::from_be_bytes(take(&mut rest)?);
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    if !(200..=599).contains(&status) {
        return None;
    }
    for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
        let length = u16::from_be_bytes(take(&mut rest)?);
        let name = take_bytes(&mut rest, usize::from(length))?;
        let length = u32::from_be_bytes(take(&mut rest)?);
        let value = take_bytes(&mut rest, usize::try_from(length).ok()?)?;
        if !(is_token(name) && check_field_value(value) && is_packed(Known::find(name))) {
            return None;
        }
        head.fields.append_bytes(name, value);
    }
    Some((head, packed.slice_ref(rest)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(status: u16, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in fields {
            head.fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        let mut packed = Vec::new();
        pack_head(&head, &mut packed).unwrap();
        packed.extend_from_slice(body.as_bytes());
        packed
    }

    #[test]
    fn an_answer_comes_back_without_what_was_about_its_message() {
        let fields = [
            ("Set-Cookie", "a=1"),
            ("connection", "close"),
            ("Content-Length", "5"),
            ("Set-Cookie", "b=2"),
            ("X-Empty", ""),
        ];
        let (head, body) = unpack(&packed(201, &fields, "hello").into()).unwrap();
        let fields: Vec<_> = head.fields.iter().collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"X-Empty", b"")];
        assert_eq!((head.status, &*fields, &*body), (201, &expected[..], &b"hello"[..]));
    }

    #[test]
    fn what_no_gateway_writes_is_no_answer() {
        let good = packed(200, &[("Connectiom", "close")], "");
        assert!(unpack(&good.clone().into()).is_some());
        for (at, byte) in [
            (0, 9),
            (1, 99),
            (3, 9),
            (4, 1),
            (5, 3),
            (6, b' '),
            (6, b':'),
            (15, b'n'),
            (16, 1),
            (19, 9),
            (20, b'\n'),
        ] {
            let mut changed = good.clone();
            changed[at] = byte;
            assert!(unpack(&changed.into()).is_none(), "{byte} at {at}");
        }
        for end in 0..good.len() {
            assert!(unpack(&good[..end].to_vec().into()).is_none(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            unpack(&bytes.into());
        }
    }
}
