//! A client that writes its frames by hand (RFC 9113 section 4), for what no library does.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

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

    /// The HEADERS of a request, whole.
    pub fn request(stream: u32, flags: u8, lines: &[(&str, &str)]) -> Self {
        Self::new(HEADERS, flags | END_HEADERS, stream, &block(lines))
    }

    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let len = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut out = vec![len[1], len[2], len[3], self.kind, self.flags];
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
        out
    }

    /// The number at this place of the payload.
    pub fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// The usual beginning of a request.
pub const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];
/// The same of one with a body.
pub const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];

/// A header block of literals that are not indexed (RFC 7541 section 6.2.2).
pub fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in lines {
        out.push(0);
        for text in [name, value] {
            push_length(text.len(), &mut out);
            out.extend_from_slice(text.as_bytes());
        }
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
pub struct RawClient<S = DuplexStream> {
    stream: S,
    /// What the gateway sent and was not looked at.
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawClient<S> {
    /// Sends the preface, settings and their acknowledgement.
    pub async fn begin(stream: S, settings: &[(u16, u32)]) -> Self {
        let mut client = Self { stream, unread: Vec::new() };
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        client.write(maitred_wire::PREFACE).await;
        client.send(&[Frame::new(SETTINGS, 0, 0, &payload), Frame::new(SETTINGS, ACK, 0, b"")]).await;
        client
    }

    /// Writes bytes; whether the gateway still took them.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub async fn send(&mut self, frames: &[Frame]) -> bool {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.write(&bytes).await
    }

    /// The next frame; none at the end of the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        while self.whole().is_none() {
            let mut room = [0; 4096];
            match self.stream.read(&mut room).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&room[..n]),
            }
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

    /// The next frame of a kind; all others before it are dropped.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Sends `frames` again and again, and reads what comes meanwhile, until the gateway says GOAWAY or the connection ends: its
    /// code, what it said beside it, and how often they were sent.
    pub async fn flood(self, frames: impl Fn(u32) -> Vec<Frame>) -> (Option<u32>, String, u32) {
        let (mut reader, mut writer) = tokio::io::split(self.stream);
        let mut sent = 0;
        let mut came = Vec::new();
        let write = async {
            loop {
                let bytes: Vec<u8> = frames(sent).iter().flat_map(Frame::bytes).collect();
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
                sent += 1;
                assert!(sent < 1_000_000, "the flood goes on for ever");
            }
        };
        let read = async {
            let _ = reader.read_to_end(&mut came).await;
        };
        let mut read = std::pin::pin!(read);
        tokio::select! {
            () = &mut read => {}
            () = write => read.await,
        }
        let mut rest = &came[..];
        while rest.len() >= 9 {
            let len = 9 + u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
            if rest[3] == GOAWAY {
                let code = u32::from_be_bytes(rest[13..17].try_into().unwrap());
                return (Some(code), String::from_utf8_lossy(&rest[17..len]).into_owned(), sent);
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        (None, String::new(), sent)
    }
}
