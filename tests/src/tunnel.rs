//! The bytes of a `WebSocket` on a stream of HTTP/2 (RFC 8441), for a library that speaks on them.

use std::io::{self, Read, Write};

use crate::frames::{DATA, END_STREAM, Frame, HEADERS, RawHttp2, request};

/// A stream that became a tunnel.
#[derive(Debug)]
pub struct Tunnel {
    http2: RawHttp2,
    unread: Vec<u8>,
}

const STREAM: u32 = 1;

impl Tunnel {
    /// Opens one with an extended CONNECT. Windows are not looked after: it is for short messages.
    pub fn open(mut http2: RawHttp2, path: &str) -> Self {
        let protocol = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
        http2.send(&[Frame::head(STREAM, 0, &[&request("CONNECT", path)[..], &protocol].concat())]);
        assert_eq!(http2.find("the head", |frame| frame.kind == HEADERS).status(), 200);
        Self { http2, unread: Vec::new() }
    }
}

impl Read for Tunnel {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.http2.frame() {
                Some(frame) if frame.kind == DATA && !frame.payload.is_empty() => self.unread = frame.payload,
                Some(frame) if frame.kind == DATA && frame.flags & END_STREAM != 0 => return Ok(0),
                Some(_) => {}
                None => return Ok(0),
            }
        }
        let n = room.len().min(self.unread.len());
        room[..n].copy_from_slice(&self.unread[..n]);
        self.unread.drain(..n);
        Ok(n)
    }
}

impl Write for Tunnel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.http2.send(&[Frame::new(DATA, 0, STREAM, bytes)]);
        if sent { Ok(bytes.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
