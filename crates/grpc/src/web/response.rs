//! The body of gRPC's answer, turned into gRPC-Web's piece by piece, with the trailers at its end. Its frames are
//! checked as they pass, and not kept.

use maitred_http::{Fields, check_field_value};

use super::{WebError, WebMode};
use crate::base64;
use crate::frame::{FRAME_HEAD, FrameScan};

/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;
/// Bytes that base64 writes as one block.
const BLOCK: usize = 3;

/// Turns the body and the trailers of gRPC's answer into a body of gRPC-Web. In text mode, what is written after each
/// call can be read up to the end of the last whole message: base64 is padded there and nowhere else.
///
/// ```
/// use maitred_grpc::{Code, Status, WebMode, WebResponse};
/// use maitred_http::Fields;
///
/// let mut response = WebResponse::new(WebMode::Binary, 1 << 20);
/// let mut out = Vec::new();
/// response.feed(b"\0\0\0\0\x01a", &mut out).unwrap();
/// let mut trailers = Fields::default();
/// Status::new(Code::Ok, "").append_to(&mut trailers);
/// response.finish(&trailers, &mut out).unwrap();
/// assert_eq!(out, b"\0\0\0\0\x01a\x80\0\0\0\x10grpc-status: 0\r\n");
/// ```
#[derive(Debug)]
pub struct WebResponse {
    mode: WebMode,
    scan: FrameScan,
    /// Bytes that are not a whole block yet, in text mode.
    block: [u8; BLOCK],
    filled: usize,
}

impl WebResponse {
    /// Passes messages of at most `max` bytes.
    pub fn new(mode: WebMode, max: usize) -> Self {
        Self { mode, scan: FrameScan::new(max), block: [0; BLOCK], filled: 0 }
    }

    /// Takes a piece of gRPC's body and writes what it is in gRPC-Web at the end of `out`. After an error there is no
    /// more to read.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), WebError> {
        let mut rest = piece;
        while !rest.is_empty() {
            let step = self.scan.advance(rest)?;
            self.write(&rest[..step.len], step.ends, out);
            rest = &rest[step.len..];
        }
        Ok(())
    }

    /// Ends the body with the frame of trailers, whose names are in small letters. An error if gRPC's body ended in
    /// the middle of a frame: then the answer is not whole, and must not look so.
    pub fn finish(&mut self, trailers: &Fields, out: &mut Vec<u8>) -> Result<(), WebError> {
        self.scan.finish()?;
        let mut frame = vec![TRAILERS, 0, 0, 0, 0];
        for (name, value) in trailers.iter().filter(|(_, value)| check_field_value(value)) {
            frame.extend(name.iter().map(u8::to_ascii_lowercase));
            frame.extend_from_slice(b": ");
            frame.extend_from_slice(value);
            frame.extend_from_slice(b"\r\n");
        }
        let len = u32::try_from(frame.len() - FRAME_HEAD).expect("trailers are far shorter than 4 GiB");
        frame[1..FRAME_HEAD].copy_from_slice(&len.to_be_bytes());
        self.write(&frame, true, out);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], ends: bool, out: &mut Vec<u8>) {
        if self.mode == WebMode::Binary {
            out.extend_from_slice(bytes);
            return;
        }
        let missing = (BLOCK - self.filled).min(bytes.len());
        self.block[self.filled..self.filled + missing].copy_from_slice(&bytes[..missing]);
        self.filled += missing;
        let rest = &bytes[missing..];
        if self.filled == BLOCK {
            base64::push_encoded(out, &self.block);
            let (blocks, tail) = rest.split_at(rest.len() - rest.len() % BLOCK);
            base64::push_encoded(out, blocks);
            self.block[..tail.len()].copy_from_slice(tail);
            self.filled = tail.len();
        }
        if ends {
            base64::push_encoded(out, &self.block[..self.filled]);
            self.filled = 0;
        }
    }
}
