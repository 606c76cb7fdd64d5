//! A client of HTTP/2 that writes its frames by hand (RFC 9113 section 4), for what no library does.

use std::io::Write as _;

use crate::wire::Wire;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// What every client says first (RFC 9113 section 3.4).
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Of a flood that nobody ends.
const MOST_SENT: u32 = 1_000_000;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload.to_vec() }
    }

    /// A whole head; `flags` beside `END_HEADERS`.
    pub fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Self {
        Self::new(HEADERS, flags | END_HEADERS, stream, &block(fields))
    }

    /// A GET without a body.
    pub fn get(stream: u32, path: &str) -> Self {
        Self::head(stream, END_STREAM, &request("GET", path))
    }

    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    /// The number at this place of the payload.
    pub fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The status of the first response on a connection, whose head begins with it: a field of the static table, or three digits
    /// in the Huffman code (RFC 7541 appendices A and B). Later ones may refer to the first.
    pub fn status(&self) -> u16 {
        let listed =
            [(0x88, 200), (0x89, 204), (0x8a, 206), (0x8b, 304), (0x8c, 400), (0x8d, 404), (0x8e, 500)];
        if let Some((_, status)) = listed.iter().find(|(first, _)| *first == self.payload[0]) {
            return *status;
        }
        assert_eq!(self.payload[0] & 0x0f, 8, "a field that is named by :status: {:?}", self.payload);
        let bits = self.payload[2..5].iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << 8;
        let digit = |(status, bits): (u32, u32)| match bits >> 27 {
            short @ 0..=2 => (status * 10 + short, bits << 5),
            _ => (status * 10 + (bits >> 26) - 22, bits << 6),
        };
        u16::try_from(digit(digit(digit((0, bits)))).0).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        let len = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut out = vec![len[1], len[2], len[3], self.kind, self.flags];
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
        out
    }
}

/// How a request begins.
pub fn request<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
}

/// A header block of literals that are not indexed (RFC 7541 section 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(0, name, value)).collect()
}

/// One field as a literal; `0x40` first has it put into the dynamic table.
pub fn literal(first: u8, name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![first];
    for text in [name, value] {
        push_length(text.len(), &mut out);
        out.extend_from_slice(text.as_bytes());
    }
    out
}

fn push_length(len: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = len.checked_sub(127) else {
        out.push(u8::try_from(len).unwrap());
        return;
    };
    out.push(127);
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap());
}

/// The client's end of a connection.
#[derive(Debug)]
pub struct RawHttp2 {
    wire: Wire,
    /// What came and was not looked at.
    unread: Vec<u8>,
}

impl RawHttp2 {
    /// Says the preface, settings, and that the other side's are taken.
    pub fn begin(wire: Wire, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self { wire, unread: Vec::new() };
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        raw.wire.send(PREFACE);
        raw.send(&[Frame::new(SETTINGS, 0, 0, &payload), Frame::new(SETTINGS, ACK, 0, b"")]);
        raw
    }

    /// Whether the gateway still takes them.
    pub fn send(&mut self, frames: &[Frame]) -> bool {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.wire.try_send(bytes).is_ok()
    }

    /// The next frame; none at the end of the connection, whatever that is.
    pub fn frame(&mut self) -> Option<Frame> {
        while self.whole().is_none() {
            let came = self.wire.something_or_end();
            if came.is_empty() {
                return None;
            }
            self.unread.extend(came);
        }
        let len = self.whole()?;
        let bytes: Vec<u8> = self.unread.drain(..len).collect();
        let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap()) & 0x7fff_ffff;
        Some(Frame { kind: bytes[3], flags: bytes[4], stream, payload: bytes[9..].to_vec() })
    }

    fn whole(&self) -> Option<usize> {
        let head = self.unread.get(..9)?;
        let len = 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        (self.unread.len() >= len).then_some(len)
    }

    /// The next frame that `is_it` likes; all before it are dropped.
    pub fn find(&mut self, what: &str, is_it: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.frame().unwrap_or_else(|| panic!("the connection ended before {what}"));
            if is_it(&frame) {
                return frame;
            }
        }
    }

    /// The code with which the gateway ends the connection; none if it ends without a word.
    pub fn goaway(&mut self) -> Option<u32> {
        loop {
            let frame = self.frame()?;
            if frame.kind == GOAWAY {
                return Some(frame.number(4));
            }
        }
    }

    /// Sends these frames again and again, whatever comes, until the gateway ends the connection: with what code. Their number
    /// is the argument, from 0.
    pub fn flood(mut self, frames: impl Fn(u32) -> Vec<Frame>) -> Option<u32> {
        let mut writer = self.wire.writer();
        let reading = std::thread::spawn(move || self.goaway());
        for number in 0.. {
            assert!(number < MOST_SENT, "nobody ends the flood");
            let bytes: Vec<u8> = frames(number).iter().flat_map(Frame::bytes).collect();
            if reading.is_finished() || writer.write_all(&bytes).is_err() {
                break;
            }
        }
        reading.join().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read() {
        let status = |payload: &[u8]| Frame::new(HEADERS, 0, 1, payload).status();
        assert_eq!(status(&[0x88]), 200);
        assert_eq!(status(&[0x8d, 0x76]), 404);
        assert_eq!(status(&[0x48, 0x83, 0x69, 0x90, 0xff]), 431);
        assert_eq!(status(&[0x08, 0x83, 0x68, 0x0f, 0x7f]), 408);
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let field = literal(0x40, "a", &"v".repeat(300));
        assert_eq!(field[..6], [0x40, 1, b'a', 127, 0xad, 0x01]);
    }
}
