//! Length-prefixed messages, the frames of gRPC over HTTP/2: a byte of flags, four bytes of length, the message.
//!
//! Read incrementally, whatever the pieces, with a limit on every message. Messages are never decompressed: the
//! gateway asks for none to be compressed, so a compressed one is an error that says so.

use std::fmt;

use crate::code::Code;

/// Bytes before each message.
pub const FRAME_HEAD: usize = 5;

/// Writes the frame of one message at the end of `out`. Messages of 4 GiB and more have no frame.
///
/// ```
/// let mut out = Vec::new();
/// maitred_grpc::push_frame(&mut out, b"abc").unwrap();
/// assert_eq!(out, b"\0\0\0\0\x03abc");
/// ```
pub fn push_frame(out: &mut Vec<u8>, message: &[u8]) -> Result<(), FrameError> {
    let too_large = FrameError::TooLarge { len: message.len(), max: u32::MAX as usize };
    let len = u32::try_from(message.len()).map_err(|_| too_large)?;
    out.push(0);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(message);
    Ok(())
}

/// Takes messages out of a stream of frames.
///
/// ```
/// use maitred_grpc::FrameReader;
///
/// let mut reader = FrameReader::new(1 << 20);
/// let mut piece = &b"\0\0\0\0\x03ab"[..];
/// assert_eq!(reader.take(&mut piece), Ok(None));
/// let mut piece = &b"c\0\0"[..];
/// assert_eq!(reader.take(&mut piece), Ok(Some(b"abc".to_vec())));
/// assert_eq!(reader.take(&mut piece), Ok(None));
/// assert!(reader.finish().is_err(), "the second frame is not whole");
/// ```
#[derive(Debug)]
pub struct FrameReader {
    scan: FrameScan,
    message: Vec<u8>,
}

impl FrameReader {
    /// Reads messages of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { scan: FrameScan::new(max), message: Vec::new() }
    }

    /// Takes bytes off the front of `input`, up to the end of a message, and gives that message. None: all of
    /// `input` was taken, and the message is not whole yet. After an error there is no more to read.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        while !input.is_empty() {
            let step = self.scan.advance(input)?;
            if step.flags & COMPRESSED != 0 {
                return Err(self.scan.fail(FrameError::Compressed));
            }
            self.message.extend_from_slice(&input[step.head..step.len]);
            *input = &input[step.len..];
            if step.ends {
                return Ok(Some(std::mem::take(&mut self.message)));
            }
        }
        Ok(None)
    }

    /// The stream has ended: an error if that was in the middle of a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        self.scan.finish()
    }
}

const COMPRESSED: u8 = 1;

/// Walks over frames without keeping them.
#[derive(Debug)]
pub(crate) struct FrameScan {
    max: usize,
    head: [u8; FRAME_HEAD],
    /// Bytes of the head that are there.
    filled: usize,
    /// Bytes of the message that are missing, once the head is whole.
    left: usize,
    failed: Option<FrameError>,
}

/// What the bytes at the front of the input are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameStep {
    /// The flags of the frame; none while its head is not whole.
    pub flags: u8,
    /// How many bytes belong to the head of the frame.
    pub head: usize,
    /// How many bytes belong to the frame, with those of the head.
    pub len: usize,
    /// Whether the frame ends behind them.
    pub ends: bool,
}

impl FrameScan {
    pub fn new(max: usize) -> Self {
        Self { max, head: [0; FRAME_HEAD], filled: 0, left: 0, failed: None }
    }

    /// Goes on to the end of the frame or of the input.
    pub fn advance(&mut self, input: &[u8]) -> Result<FrameStep, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let head = (FRAME_HEAD - self.filled).min(input.len());
        self.head[self.filled..self.filled + head].copy_from_slice(&input[..head]);
        self.filled += head;
        if self.filled < FRAME_HEAD {
            return Ok(FrameStep { flags: 0, head, len: head, ends: false });
        }
        let [flags, length @ ..] = self.head;
        if head > 0 {
            self.left = u32::from_be_bytes(length) as usize;
            self.check(flags)?;
        }
        let message = self.left.min(input.len() - head);
        self.left -= message;
        let ends = self.left == 0;
        if ends {
            self.filled = 0;
        }
        Ok(FrameStep { flags, head, len: head + message, ends })
    }

    /// Every later call fails with the same error.
    pub fn fail(&mut self, error: FrameError) -> FrameError {
        self.failed = Some(error);
        error
    }

    pub fn finish(&self) -> Result<(), FrameError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.filled > 0 => Err(FrameError::Truncated),
            None => Ok(()),
        }
    }

    fn check(&mut self, flags: u8) -> Result<(), FrameError> {
        if flags > COMPRESSED {
            return Err(self.fail(FrameError::Flags(flags)));
        }
        if self.left > self.max {
            let error = FrameError::TooLarge { len: self.left, max: self.max };
            return Err(self.fail(error));
        }
        Ok(())
    }
}

/// Why a stream of frames cannot be read, or a message not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Flags other than "compressed": no frame begins here, or one of gRPC-Web's trailers.
    Flags(u8),
    /// A compressed message.
    Compressed,
    /// A message longer than the limit.
    TooLarge {
        /// Bytes that it announces.
        len: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// The stream ended in the middle of a frame.
    Truncated,
}

impl FrameError {
    /// The status that tells it to the other side, as gRPC's own implementations do.
    pub const fn code(self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::Compressed => Code::Unimplemented,
            Self::Flags(_) | Self::Truncated => Code::Internal,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags(flags) => write!(f, "a message begins with the flags {flags:#04x}"),
            Self::Compressed => f.write_str("a message is compressed, and no encoding was agreed on"),
            Self::TooLarge { len, max } => write!(f, "a message has {len} bytes, more than {max}"),
            Self::Truncated => f.write_str("the stream ended in the middle of a message"),
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut reader = FrameReader::new(10);
        let mut messages = Vec::new();
        for mut piece in bytes.chunks(size) {
            loop {
                match reader.take(&mut piece) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(reader.finish(), Err(error));
                        return (messages, Err(error));
                    }
                }
            }
        }
        (messages, reader.finish())
    }

    #[test]
    fn reads_what_was_written_at_every_split() {
        let messages = [&b""[..], b"a", b"", b"0123456789"];
        let mut bytes = Vec::new();
        for message in messages {
            push_frame(&mut bytes, message).unwrap();
        }
        for size in 1..=bytes.len() {
            assert_eq!(read(&bytes, size), (messages.map(<[u8]>::to_vec).to_vec(), Ok(())), "{size}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for (bytes, error) in [
            (&b"\x00\x00\x00\x00\x0b"[..], FrameError::TooLarge { len: 11, max: 10 }),
            (b"\x00\xff\xff\xff\xff", FrameError::TooLarge { len: 0xffff_ffff, max: 10 }),
            (b"\x01\x00\x00\x00\x01a", FrameError::Compressed),
            (b"\x80\x00\x00\x00\x01a", FrameError::Flags(0x80)),
            (b"\x00\x00\x00", FrameError::Truncated),
            (b"\x00\x00\x00\x00\x02a", FrameError::Truncated),
        ] {
            for size in 1..=bytes.len() {
                assert_eq!(read(bytes, size), (Vec::new(), Err(error)), "{bytes:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn errors_have_a_status() {
        assert_eq!(FrameError::Compressed.code(), Code::Unimplemented);
        assert_eq!(FrameError::TooLarge { len: 2, max: 1 }.code(), Code::ResourceExhausted);
    }
}
