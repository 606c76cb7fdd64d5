//! Chunked bodies. The first bytes say in what pieces the rest comes; the rest is a body behind a head.
//!
//! The same body, trailers and verdict come out at every split; a plain reader that checks nothing reads the same
//! body in what was accepted; and what was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_fuzz::{Pieces, now};
use maitred_http::{BodyLength, Fields, KnownSet, ResponseHead, check_field_value, is_token};
use maitred_wire::h1::{BodyDecoder, HeadEnd, Server, Step};
use maitred_wire::{BodySink, Refusal};

/// How many bytes choose the pieces.
const SIZES: usize = 4;

#[derive(Debug, Default, PartialEq)]
struct Decoded {
    body: Vec<u8>,
    trailers: Vec<u8>,
    /// Bytes of input that belong to the body.
    used: usize,
    verdict: Verdict,
}

#[derive(Debug, Default, PartialEq)]
enum Verdict {
    #[default]
    Incomplete,
    Complete,
    Refused(u16),
}

fuzz_target!(|input: &[u8]| {
    let Some((sizes, bytes)) = input.split_at_checked(SIZES) else { return };
    let whole = decode(bytes, &[usize::MAX]);
    let sizes: Vec<usize> = sizes.iter().map(|&size| usize::from(size % 64) + 1).collect();
    assert_eq!(decode(bytes, &sizes), whole, "in pieces of {sizes:?}");
    assert_eq!(decode(bytes, &[1]), whole, "byte by byte");
    if whole.verdict != Verdict::Complete {
        return;
    }
    assert_eq!(plain(bytes).as_ref(), Some(&whole.body), "a reader that checks nothing");
    assert_eq!(decode(&bytes[..whole.used], &[usize::MAX]), whole, "nothing behind it matters");
    assert_eq!(decode(&bytes[..whole.used - 1], &[usize::MAX]).verdict, Verdict::Incomplete);

    let written = encode(&whole, sizes[0]);
    let again = decode(&written, &sizes);
    assert_eq!((&again.body, &again.trailers), (&whole.body, &whole.trailers));
    assert_eq!((again.used, again.verdict), (written.len(), Verdict::Complete));
});

/// Gives the decoder its input in pieces of these sizes, in turn.
fn decode(bytes: &[u8], sizes: &[usize]) -> Decoded {
    let mut decoder = BodyDecoder::chunked();
    let mut seen = Decoded::default();
    let mut read = 0;
    for piece in 0.. {
        loop {
            match decoder.step(&bytes[seen.used..read]) {
                Ok(Step::Skip(n)) => seen.used += n,
                Ok(Step::Bytes(n)) => {
                    // Half of it, as a slow sink would take it.
                    let taken = n.div_ceil(2);
                    seen.body.extend_from_slice(&bytes[seen.used..seen.used + taken]);
                    decoder.took(taken);
                    seen.used += taken;
                }
                Ok(Step::More) => break,
                Ok(Step::End) => {
                    seen.verdict = Verdict::Complete;
                    if let Some(trailers) = decoder.trailers() {
                        check(trailers);
                        trailers.write_to(&mut seen.trailers, KnownSet::EMPTY);
                    }
                    return seen;
                }
                Err(refusal) => {
                    seen.verdict = Verdict::Refused(Refusal::status(refusal));
                    // Where in a line it was seen to be malformed hangs on how much of the line was there.
                    seen.used = 0;
                    return seen;
                }
            }
        }
        if read == bytes.len() {
            assert!(!decoder.closed(), "a chunked body does not end with its connection");
            break;
        }
        read = read.saturating_add(sizes[piece % sizes.len()]).min(bytes.len());
    }
    seen
}

fn check(trailers: &Fields) {
    for (name, value) in trailers {
        assert!(is_token(name) && check_field_value(value));
        for forbidden in
            ["content-length", "transfer-encoding", "host", "authorization", "connection", "trailer"]
        {
            assert!(!name.eq_ignore_ascii_case(forbidden.as_bytes()), "{forbidden} came as a trailer");
        }
    }
}

/// Reads a body as simply as can be: lines end with LF, sizes with what is no digit.
fn plain(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.iter().position(|&byte| byte == b'\n')?;
        let digits = bytes.iter().position(|byte| !byte.is_ascii_hexdigit())?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..digits]).ok()?, 16).ok()?;
        bytes = &bytes[line + 1..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// Writes a body in pieces of `size`, as the gateway does, and cuts the head off.
fn encode(decoded: &Decoded, size: usize) -> Vec<u8> {
    let mut io = Pieces::new(&[], 7);
    let mut server = Server::default();
    server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
    let mut sink = server.body(&mut io);
    for mut piece in decoded.body.chunks(size * size) {
        while !piece.is_empty() {
            let sent = now(|cx| sink.poll_send(cx, piece)).expect("it takes what is written");
            piece = &piece[sent..];
        }
    }
    let trailers = fields(&decoded.trailers);
    now(|cx| sink.poll_finish(cx, Some(&trailers))).expect("it takes what is written");
    let head = HeadEnd::default().find(&io.output).expect("it is well-formed").expect("it is whole");
    io.output.split_off(head)
}

/// Reads lines of `Name: value` again.
fn fields(lines: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for line in lines.split(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\r")) {
        let colon = line.iter().position(|&byte| byte == b':').expect("it was written with a colon");
        fields.append_bytes(&line[..colon], line[colon + 1..].trim_ascii_start());
    }
    fields
}
