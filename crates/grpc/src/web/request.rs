//! The body of a gRPC-Web request, turned into gRPC's piece by piece. Its frames are checked as they pass, and not
//! kept.

use super::{WebError, WebMode};
use crate::base64;
use crate::frame::FrameScan;

/// Characters of a block of base64.
const BLOCK: usize = 4;

/// Turns the body of a request into gRPC's. Its frames are those of gRPC; in text mode they come as base64, of which
/// each piece may end with padding.
///
/// ```
/// use maitred_grpc::{WebMode, WebRequest};
///
/// let mut request = WebRequest::new(WebMode::Text, 1 << 20);
/// let mut out = Vec::new();
/// request.feed(b"AAAAAAE", &mut out).unwrap();
/// request.feed(b"=YQ==", &mut out).unwrap();
/// request.finish().unwrap();
/// assert_eq!(out, b"\0\0\0\0\x01a");
/// ```
#[derive(Debug)]
pub struct WebRequest {
    mode: WebMode,
    scan: FrameScan,
    /// The beginning of a block.
    block: [u8; BLOCK],
    filled: usize,
    is_broken: bool,
}

impl WebRequest {
    /// Reads messages of at most `max` bytes.
    pub fn new(mode: WebMode, max: usize) -> Self {
        Self { mode, scan: FrameScan::new(max), block: [0; BLOCK], filled: 0, is_broken: false }
    }

    /// Takes a piece of the body and writes what it is in gRPC at the end of `out`. After an error there is no more
    /// to read, and what was written in this call is not checked.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), WebError> {
        let start = out.len();
        match self.mode {
            WebMode::Binary => out.extend_from_slice(piece),
            WebMode::Text => {
                self.is_broken = self.is_broken || !self.decode(piece, out);
                if self.is_broken {
                    return Err(WebError::NotBase64);
                }
            }
        }
        let mut rest = &out[start..];
        while !rest.is_empty() {
            let step = self.scan.advance(rest)?;
            rest = &rest[step.len..];
        }
        Ok(())
    }

    /// The body has ended: an error if that was in the middle of a frame, or of a block of base64.
    pub fn finish(&self) -> Result<(), WebError> {
        if self.is_broken || self.filled > 0 {
            return Err(WebError::NotBase64);
        }
        Ok(self.scan.finish()?)
    }

    fn decode(&mut self, piece: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = piece;
        if self.filled > 0 {
            let missing = (BLOCK - self.filled).min(rest.len());
            self.block[self.filled..self.filled + missing].copy_from_slice(&rest[..missing]);
            self.filled += missing;
            rest = &rest[missing..];
            if self.filled < BLOCK {
                return true;
            }
            self.filled = 0;
            if !base64::push_decoded(out, &self.block) {
                return false;
            }
        }
        let (mut blocks, tail) = rest.split_at(rest.len() - rest.len() % BLOCK);
        self.block[..tail.len()].copy_from_slice(tail);
        self.filled = tail.len();
        while !blocks.is_empty() {
            // A block with padding ends a text; the next begins another.
            let padding = memchr::memchr(b'=', blocks);
            let len = padding.map_or(blocks.len(), |at| at - at % BLOCK + BLOCK);
            if !base64::push_decoded(out, &blocks[..len]) {
                return false;
            }
            blocks = &blocks[len..];
        }
        true
    }
}
