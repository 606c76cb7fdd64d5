//! Reading answers: one at a time, framed by `Content-Length`, bytes as they come.
//!
//! Strict on purpose: whatever is not the expected answer makes the run fail.

use memchr::memmem;

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status code.
    pub status: u16,
    /// The bytes of its body.
    pub length: usize,
    /// The sender closes the connection after it.
    pub close: bool,
}

/// What is wrong with the bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The state between reads.
#[derive(Default)]
pub struct ResponseReader {
    head: Vec<u8>,
    body: Option<(Response, usize)>,
}

impl ResponseReader {
    /// Takes the bytes of one read; the answer once it is complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<Response>, Malformed> {
        if let Some((_, missing)) = &mut self.body {
            *missing = missing.checked_sub(bytes.len()).ok_or(Malformed)?;
        } else {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = memmem::find(&self.head, b"\r\n\r\n") else {
                return if before > 64 * 1024 { Err(Malformed) } else { Ok(None) };
            };
            let response = parse_head(&self.head[..end + 2])?;
            let missing = response.length.checked_sub(self.head.len() - (end + 4)).ok_or(Malformed)?;
            self.head.clear();
            self.body = Some((response, missing));
        }
        match self.body.take() {
            Some((response, 0)) => Ok(Some(response)),
            unfinished => {
                self.body = unfinished;
                Ok(None)
            }
        }
    }
}

/// `head`: status line and fields, each with its CRLF.
fn parse_head(head: &[u8]) -> Result<Response, Malformed> {
    let status = head
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok())
        .ok_or(Malformed)?;
    let length = field(head, "content-length").and_then(|value| value.parse().ok()).ok_or(Malformed)?;
    let close = field(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(Response { status, length, close })
}

/// The value of the first field of that name, in a head whose every line ends in CRLF.
pub fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let mut rest = head;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.len() > name.len()
            && line[name.len()] == b':'
            && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        {
            return std::str::from_utf8(&line[name.len() + 1..]).ok().map(str::trim);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: close\r\n\r\nhello";

    #[test]
    fn an_answer_split_anywhere() {
        for cut in 1..ANSWER.len() {
            let mut reader = ResponseReader::default();
            assert_eq!(reader.feed(&ANSWER[..cut]), Ok(None), "{cut}");
            let response = Response { status: 200, length: 5, close: true };
            assert_eq!(reader.feed(&ANSWER[cut..]), Ok(Some(response)), "{cut}");
        }
    }

    #[test]
    fn two_answers_on_one_connection() {
        let mut reader = ResponseReader::default();
        assert!(matches!(reader.feed(ANSWER), Ok(Some(_))));
        assert!(matches!(reader.feed(ANSWER), Ok(Some(_))));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let surplus = [ANSWER, b"!"].concat();
        for bytes in [&surplus[..], b"HTTP/1.1 200 OK\r\n\r\n", b"hello world, this is no answer\r\n\r\n"] {
            assert_eq!(ResponseReader::default().feed(bytes), Err(Malformed));
        }
    }
}
