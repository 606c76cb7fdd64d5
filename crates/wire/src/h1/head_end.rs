//! Finds where a head ends, however its bytes are split, and refuses line ends other than CRLF on the way.
//!
//! It remembers how far it looked, so that a head that comes byte by byte is read once and not again with every byte.

use crate::error::Refusal;

/// The search for the empty line that ends a head. Start a new one for every head.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadEnd {
    /// Bytes looked at.
    seen: usize,
    /// Where the current line begins.
    line: usize,
    lines: usize,
    /// The length of the first line, once it is whole and until it is taken.
    first_line: Option<usize>,
}

impl HeadEnd {
    /// Looks at `bytes`, which begin at the head's first byte and only ever grow. Answers with the length of the
    /// head including the empty line, or with none where it is not whole yet.
    pub fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(at) = memchr::memchr(b'\n', bytes.get(self.seen..).unwrap_or_default()) {
            let end = self.seen + at;
            if end == 0 || bytes[end - 1] != b'\r' {
                return Err(Refusal::Bad("a line ends without a carriage return"));
            }
            let is_empty = end - 1 == self.line;
            self.seen = end + 1;
            self.line = end + 1;
            self.lines += 1;
            if self.lines == 1 {
                self.first_line = Some(end + 1);
            }
            if is_empty {
                return Ok(Some(end + 1));
            }
        }
        self.seen = self.seen.max(bytes.len());
        Ok(None)
    }

    /// Whether the first line is whole.
    pub fn has_first_line(&self) -> bool {
        self.lines > 0
    }

    /// The length of the first line with its end, once it is whole: told once, so that it is checked once, however
    /// slowly the lines behind it come.
    pub fn take_first_line(&mut self) -> Option<usize> {
        self.first_line.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_at_every_split() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        for split in 0..head.len() {
            let mut search = HeadEnd::default();
            let first = search.find(&head[..split]).unwrap();
            assert_eq!(first, (split >= 27).then_some(27), "{split}");
            if first.is_none() {
                assert_eq!(search.find(head), Ok(Some(27)));
            }
        }
    }

    /// A slow head costs no more than a fast one: no byte is looked at twice. Here those that were are overwritten
    /// with line ends that would be refused.
    #[test]
    fn looks_at_every_byte_once() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let (mut search, mut first_lines) = (HeadEnd::default(), Vec::new());
        for len in 1..=head.len() {
            let mut bytes = head[..len].to_vec();
            // All but the byte before the new one, which tells whether a line end has its carriage return.
            bytes[..len.saturating_sub(2)].fill(b'\n');
            let found = search.find(&bytes);
            assert_eq!(found, Ok((len == head.len()).then_some(len)));
            first_lines.extend(search.take_first_line().map(|line| (len, line)));
        }
        assert_eq!(first_lines, [(16, 16)]);
    }

    #[test]
    fn refuses_a_bare_line_feed() {
        for bad in [&b"\n"[..], b"GET / HTTP/1.1\nHost: a\r\n\r\n", b"a\r\nb\n\r\n", b"a\r\n\n"] {
            assert!(HeadEnd::default().find(bad).is_err(), "{bad:?}");
        }
    }
}
