//! Bodies of gRPC-Web. The first byte says in which mode, the next ones in what pieces the rest comes.
//!
//! The same gRPC and the same verdict come out at every split; a plain reader finds the same; what is accepted is whole
//! frames; and as an answer it reads back in both modes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_grpc::{FrameReader, WebError, WebMode, WebRequest, WebResponse};
use maitred_http::Fields;

const SIZES: usize = 3;
const MAX: usize = 64;

fuzz_target!(|input: &[u8]| {
    let Some((&[first, ref sizes @ ..], body)) = input.split_first_chunk::<{ SIZES + 1 }>() else { return };
    let mode = if first & 1 == 0 { WebMode::Binary } else { WebMode::Text };
    let sizes: Vec<usize> = sizes.iter().map(|&size| usize::from(size % 32) + 1).collect();
    let whole = request(mode, body, &[usize::MAX]);
    for sizes in [&sizes[..], &[1], &[2, 3]] {
        let pieces = request(mode, body, sizes);
        assert_eq!(pieces.is_ok(), whole.is_ok(), "in pieces of {sizes:?}");
        assert!(whole.is_err() || pieces == whole, "in pieces of {sizes:?}");
    }
    let Ok(grpc) = whole else { return };
    assert_eq!(grpc, if mode == WebMode::Text { plain_base64(body) } else { body.to_vec() });
    let messages = frames(&grpc);
    for mode in [WebMode::Binary, WebMode::Text] {
        let answer = response(mode, &grpc, &sizes);
        assert_eq!(answer, response(mode, &grpc, &[usize::MAX]));
        let bytes = if mode == WebMode::Text { plain_base64(&answer) } else { answer };
        let (head, trailers) = bytes.split_at(grpc.len());
        assert_eq!(head, grpc);
        assert_eq!(trailers, b"\x80\0\0\0\x10grpc-status: 0\r\n");
        assert_eq!(frames(head), messages);
    }
});

/// Gives the reader a body in pieces of these sizes, in turn.
fn request(mode: WebMode, body: &[u8], sizes: &[usize]) -> Result<Vec<u8>, WebError> {
    let mut reader = WebRequest::new(mode, MAX);
    let mut out = Vec::new();
    for piece in pieces(body, sizes) {
        reader.feed(piece, &mut out)?;
    }
    reader.finish()?;
    Ok(out)
}

fn response(mode: WebMode, grpc: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut writer = WebResponse::new(mode, MAX);
    let mut out = Vec::new();
    for piece in pieces(grpc, sizes) {
        writer.feed(piece, &mut out).expect("it was accepted as a request");
    }
    let mut trailers = Fields::default();
    trailers.append_bytes(b"Grpc-Status", b"0");
    writer.finish(&trailers, &mut out).expect("it was accepted as a request");
    out
}

/// The messages, where none is compressed; else none of them.
fn frames(grpc: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(MAX);
    let mut rest = grpc;
    let mut messages = Vec::new();
    while let Ok(Some(message)) = reader.take(&mut rest) {
        messages.push(message);
    }
    messages
}

fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

/// Reads base64 as simply as can be: blocks of four, each with or without padding.
fn plain_base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    assert_eq!(text.len() % 4, 0);
    for block in text.chunks(4) {
        let padding = block.iter().rev().take_while(|&&byte| byte == b'=').count();
        assert!(padding <= 2);
        let digit =
            |byte: &u8| ALPHABET.iter().position(|letter| letter == byte).expect("a letter of base64");
        let bits = block[..4 - padding].iter().fold(0, |bits, byte| bits << 6 | digit(byte)) << (6 * padding);
        let bytes = u32::try_from(bits).expect("24 bits").to_be_bytes();
        out.extend_from_slice(&bytes[1..4 - padding]);
    }
    out
}
