//! The chunked transfer coding (RFC 9112 section 7.1), read strictly and without I/O.
//!
//! Sizes are plain hexadecimal, extensions well-formed and short, line ends CRLF: what some programs tolerate
//! here, others read as the start of the next request.

use std::ops::Range;

use maitred_http::{Fields, is_token_byte};

use super::Step;
use crate::error::Refusal;
use crate::h1::head_end::HeadEnd;
use crate::h1::parse::load_fields;
use crate::limits::MAX_TRAILER_BYTES;

/// The longest line with a chunk size: extensions mean nothing to a gateway, and an endless one is an attack.
const MAX_SIZE_LINE: usize = 256;
/// All extensions of a body together may have this many bytes more than the chunks behind them hold: signatures of
/// large chunks go on for ever, chunks of one byte that bring two hundred others do not.
const MAX_EXTENSION_BYTES: u64 = 16 << 10;
const MAX_TRAILERS: usize = 64;

/// The state of a chunked body between two pieces.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of extensions so far that no byte of a chunk has made up for.
    excess: u64,
    trailers: Fields,
}

#[derive(Debug)]
enum State {
    Size,
    Chunk(u64),
    ChunkEnd,
    Trailers(HeadEnd),
    End,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, excess: 0, trailers: Fields::default() }
    }

    /// What the bytes at the front of `input` are.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        match &mut self.state {
            State::Size => self.size_line(input),
            State::Chunk(left) => Ok(match input.len() {
                0 => Step::More,
                len => Step::Bytes(usize::try_from(*left).unwrap_or(usize::MAX).min(len)),
            }),
            State::ChunkEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Skip(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(Refusal::Bad("a chunk does not end where its size says")),
            },
            State::Trailers(_) => self.trailer_section(input),
            State::End => Ok(Step::End),
        }
    }

    /// Says that `n` bytes of a chunk were taken.
    pub(super) fn took(&mut self, n: usize) {
        if let State::Chunk(left) = &mut self.state {
            *left -= n as u64;
            if *left == 0 {
                self.state = State::ChunkEnd;
            }
        }
    }

    pub(super) fn trailers(&self) -> Option<&Fields> {
        (!self.trailers.is_empty()).then_some(&self.trailers)
    }

    fn size_line(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        let window = &input[..input.len().min(MAX_SIZE_LINE)];
        let Some(at) = memchr::memchr(b'\n', window) else {
            // Refuse early what can only get worse, and wait for the rest otherwise.
            return if window.len() == MAX_SIZE_LINE || !begins_like_a_size(window) {
                Err(Refusal::Bad("a chunk size is malformed"))
            } else {
                Ok(Step::More)
            };
        };
        let line = window[..at]
            .strip_suffix(b"\r")
            .ok_or(Refusal::Bad("a chunk size ends without a carriage return"))?;
        let size = parse_size_line(line).ok_or(Refusal::Bad("a chunk size is malformed"))?;
        self.excess = (self.excess + (line.len() - size_digits(line)) as u64).saturating_sub(size);
        if self.excess > MAX_EXTENSION_BYTES {
            return Err(Refusal::Bad("the chunk extensions are too long"));
        }
        self.state = if size == 0 { State::Trailers(HeadEnd::default()) } else { State::Chunk(size) };
        Ok(Step::Skip(at + 1))
    }

    fn trailer_section(&mut self, input: &[u8]) -> Result<Step, Refusal> {
        let State::Trailers(search) = &mut self.state else { return Ok(Step::End) };
        let window = &input[..input.len().min(MAX_TRAILER_BYTES)];
        let end = match search.find(window)? {
            Some(end) => end,
            None if window.len() == MAX_TRAILER_BYTES => return Err(Refusal::HeadTooLarge),
            None => return Ok(Step::More),
        };
        load_fields(&input[..end], MAX_TRAILERS, &mut self.trailers)?;
        self.trailers.remove_where(is_forbidden_trailer);
        self.state = State::End;
        Ok(Step::Skip(end))
    }
}

/// Fields that may not come as trailers, because they frame, route, authenticate or describe what was already
/// handled (RFC 9110 section 6.5.1). They are dropped.
fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: &[&str] = &[
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "expires",
        "forwarded",
        "host",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "warning",
        "www-authenticate",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
        || name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

fn begins_like_a_size(line: &[u8]) -> bool {
    line.is_empty() || (1..=15).contains(&size_digits(line))
}

fn size_digits(line: &[u8]) -> usize {
    line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}

/// `chunk-size [ chunk-ext ]` of RFC 9112 section 7.1.1. At most 15 digits, so that no size overflows.
fn parse_size_line(line: &[u8]) -> Option<u64> {
    let digits = size_digits(line);
    if !(1..=15).contains(&digits) {
        return None;
    }
    let size =
        std::str::from_utf8(&line[..digits]).ok().and_then(|text| u64::from_str_radix(text, 16).ok())?;
    are_extensions(&line[digits..]).then_some(size)
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
fn are_extensions(mut rest: &[u8]) -> bool {
    loop {
        let inside = skip_blanks(rest);
        match inside {
            [] => return rest.is_empty(),
            [b';', after @ ..] => rest = skip_blanks(after),
            _ => return false,
        }
        let Some(name) = token(rest) else { return false };
        rest = &rest[name.end..];
        if let [b'=', after @ ..] = skip_blanks(rest) {
            let value = skip_blanks(after);
            let Some(range) = token(value).or_else(|| quoted(value)) else { return false };
            rest = &value[range.end..];
        }
    }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &text[blanks..]
}

fn token(text: &[u8]) -> Option<Range<usize>> {
    let len = text.iter().take_while(|&&byte| is_token_byte(byte)).count();
    (len > 0).then_some(0..len)
}

fn quoted(text: &[u8]) -> Option<Range<usize>> {
    let mut at = 1;
    if text.first() != Some(&b'"') {
        return None;
    }
    loop {
        match text.get(at)? {
            b'"' => return Some(0..at + 1),
            b'\\' if is_text(*text.get(at + 1)?) => at += 2,
            &byte if byte != b'\\' && is_text(byte) => at += 1,
            _ => return None,
        }
    }
}

/// What may stand in a quoted string, escaped or not (RFC 9110 section 5.6.4).
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_well_formed_sizes() {
        for (line, size) in [
            ("0", 0),
            ("5", 5),
            ("aF", 175),
            ("000005", 5),
            ("5;a", 5),
            ("5 ; a = b ; c=\"d;\\\"e\"", 5),
            ("fffffffffffffff", (1 << 60) - 1),
        ] {
            assert_eq!(parse_size_line(line.as_bytes()), Some(size), "{line}");
        }
    }

    #[test]
    fn refuses_malformed_sizes() {
        for line in [
            "",
            " 5",
            "5 ",
            "0x5",
            "-1",
            "+1",
            "1_0",
            "5;",
            "5;;a",
            "5;a=",
            "5; =b",
            "5;a=\"b",
            "5;a=\"b\\",
            "5;a=\"b\\\"",
            "5;a=\"\\\r\"",
            "5;\0a",
            "5;a\rb",
            "g",
            "1111111111111111",
            "5 a",
        ] {
            assert_eq!(parse_size_line(line.as_bytes()), None, "{line}");
        }
    }
}
