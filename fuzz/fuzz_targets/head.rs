//! Heads of requests and responses. The first byte chooses: `p` a request, `q` one with raw paths, `r` the answer to
//! GET, `s` the answer to HEAD; the second says in what pieces the connection brings it.
//!
//! What is accepted has no byte that ends a line, and is the same after it was written and read again; what a
//! connection makes of it does not hang on the pieces it comes in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_fuzz::{Pieces, now};
use maitred_http::{
    BodyLength, Fields, Known, KnownSet, Method, PathRules, RequestHead, ResponseHead, Version,
    check_field_value, is_token,
};
use maitred_wire::h1::{
    Client, HeadEnd, HeadRead, RequestFraming, ResponseTo, Server, encode_request, encode_response,
    parse_request, parse_response,
};
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece, Refusal};

fuzz_target!(|input: &[u8]| {
    let [choice, size, bytes @ ..] = input else { return };
    let limits = Limits { head: 2000, uri: 200, fields: 20, ..Limits::default() };
    let size = usize::from(*size);
    match choice & 3 {
        0 => request(bytes, size, &limits, PathRules::Strict),
        1 => request(bytes, size, &limits, PathRules::Raw),
        2 => response(bytes, size, &limits, Method::Get),
        _ => response(bytes, size, &limits, Method::Head),
    }
});

fn request(bytes: &[u8], size: usize, limits: &Limits, rules: PathRules) {
    let whole = read_requests(bytes, usize::MAX, limits, rules);
    assert_eq!(whole, read_requests(bytes, size, limits, rules), "pieces of {size}");
    assert_eq!(whole, read_requests(bytes, 1, limits, rules), "pieces of 1");

    let Ok(Some(end)) = HeadEnd::default().find(bytes) else { return };
    let mut head = RequestHead::default();
    let Ok(info) = parse_request(&bytes[..end], limits, rules, &mut head) else { return };
    check_request(&head, info);
    let written = write_again(&mut head, info, rules);
    let mut read = RequestHead::default();
    let info = parse_request(&written, &wide(), rules, &mut read)
        .unwrap_or_else(|refusal| panic!("{refusal:?}: {}", written.escape_ascii()));
    assert_eq!(read.method, head.method);
    assert_eq!(read.target, head.target);
    assert_eq!(read.authority, head.authority);
    assert!(info.keep_alive && !info.wants_upgrade);
    assert_eq!(write_again(&mut read, info, rules), written, "{}", written.escape_ascii());
}

/// For reading what was written, which may be a little longer than what was read.
fn wide() -> Limits {
    Limits { fields: 256, ..Limits::default() }
}

/// What every accepted request is.
fn check_request(head: &RequestHead, info: RequestFraming) {
    check_fields(&head.fields);
    assert!(!matches!(head.method, Method::Connect | Method::Trace));
    let target = head.target.as_str();
    assert!(!target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    assert!(target.starts_with('/') || (target == "*" && head.method == Method::Options), "{target:?}");
    let hosts = head.fields.all_known(Known::Host).count();
    assert!(hosts == 1 || (hosts == 0 && head.version == Version::Http10));
    assert_eq!(hosts == 0, head.authority.is_empty());
    let lengths = head.fields.all_known(Known::ContentLength).count();
    let codings = head.fields.all_known(Known::TransferEncoding).count();
    match info.length {
        BodyLength::None => assert_eq!((lengths, codings), (0, 0)),
        BodyLength::Known(_) => assert_eq!((lengths, codings), (1, 0)),
        BodyLength::Unknown => assert_eq!((lengths, codings), (0, 1)),
    }
}

/// Writes a request as a gateway would, whose services speak HTTP/1.1: with a host, and without the expectations that
/// mean nothing in HTTP/1.0. Checks that its target is normal already.
fn write_again(head: &mut RequestHead, info: RequestFraming, rules: PathRules) -> Vec<u8> {
    if head.version == Version::Http10 {
        head.fields.remove_known(Known::Expect);
        if head.authority.is_empty() {
            head.authority.parse(b"a").expect("a is a host");
            head.fields.append_known(Known::Host, b"a");
        }
    }
    let mut again = head.target.clone();
    assert_eq!(again.parse(head.target.as_str().as_bytes(), rules), Ok(None));
    assert_eq!(again, head.target);
    let mut written = Vec::new();
    encode_request(head, info.length, None, &mut written);
    written
}

/// What a connection sees of these bytes, bodies too.
fn read_requests(
    bytes: &[u8],
    size: usize,
    limits: &Limits,
    rules: PathRules,
) -> (Vec<Vec<u8>>, Option<End>) {
    let mut io = Pieces::new(bytes, size);
    let (mut server, mut head, mut seen) = (Server::default(), RequestHead::default(), Vec::new());
    loop {
        head.clear();
        match now(|cx| server.poll_head(cx, &mut io, limits, rules, &mut head)) {
            Ok(HeadRead::Request(info)) => {
                let mut written = format!("{info:?} {:?} {:?}\n", head.version, head.authority).into_bytes();
                encode_request(&head, info.length, None, &mut written);
                seen.push(written);
            }
            Ok(HeadRead::Closed) => return (seen, None),
            Err(broken) => return (seen, Some(end(&broken))),
        }
        if let Err(broken) = read_body(&mut server.body(&mut io), &mut seen) {
            return (seen, Some(end(&broken)));
        }
        server.respond(&ResponseHead::default(), BodyLength::None, true);
        now(|cx| server.body(&mut io).poll_finish(cx, None)).expect("it takes what is written");
        if !server.end_exchange() {
            return (seen, None);
        }
    }
}

/// The body, unless it breaks off: how much came before that may hang on the pieces.
fn read_body(body: &mut impl BodySource, seen: &mut Vec<Vec<u8>>) -> Result<(), Broken> {
    let mut text = Vec::new();
    while now(|cx| body.poll_piece(cx))? == Piece::Bytes {
        let n = body.bytes().len();
        text.extend_from_slice(body.bytes());
        body.consume(n);
    }
    seen.push(text);
    Ok(())
}

fn response(bytes: &[u8], size: usize, limits: &Limits, method: Method) {
    let whole = read_response(bytes, usize::MAX, limits, method);
    assert_eq!(whole, read_response(bytes, size, limits, method), "pieces of {size}");

    let Ok(Some(end)) = HeadEnd::default().find(bytes) else { return };
    let mut head = ResponseHead::default();
    let Ok(info) = parse_response(&bytes[..end], method, limits, &mut head) else { return };
    check_fields(&head.fields);
    assert!((100..=599).contains(&head.status));
    if head.status < 200 {
        return;
    }
    let to = ResponseTo { method, version: Version::Http11, keep_alive: info.keep_alive };
    let mut written = Vec::new();
    encode_response(&head, info.length, to, &mut written);
    let mut read = ResponseHead::default();
    let again = parse_response(&written, method, &wide(), &mut read)
        .unwrap_or_else(|refusal| panic!("{refusal:?}: {}", written.escape_ascii()));
    assert_eq!((read.status, again.keep_alive), (head.status, info.keep_alive));
    if !head.has_no_body(method) {
        assert_eq!(again.length, info.length);
    }
    let mut twice = Vec::new();
    encode_response(&read, again.length, to, &mut twice);
    assert_eq!(twice, written, "{}", written.escape_ascii());
}

fn read_response(bytes: &[u8], size: usize, limits: &Limits, method: Method) -> Result<Vec<u8>, End> {
    let mut io = Pieces::new(bytes, size);
    let mut client = Client::default();
    client.request(&RequestHead { method, ..RequestHead::default() }, BodyLength::None, None);
    let mut seen = Vec::new();
    loop {
        let mut head = ResponseHead::default();
        let length =
            now(|cx| client.poll_response(cx, &mut io, limits, &mut head)).map_err(|broken| end(&broken))?;
        seen.extend_from_slice(format!("{:?} {} {length:?}\n", head.version, head.status).as_bytes());
        head.fields.write_to(&mut seen, KnownSet::EMPTY);
        if !head.is_informational() || head.status == 101 {
            return Ok(seen);
        }
    }
}

/// How a connection ended, as its peer sees it: the text of a refusal may hang on how much was there to judge.
#[derive(Debug, PartialEq)]
enum End {
    Refused(u16),
    Truncated,
}

fn end(broken: &Broken) -> End {
    match broken {
        Broken::Refused(refusal) => End::Refused(Refusal::status(*refusal)),
        Broken::Truncated => End::Truncated,
        Broken::Io(error) => panic!("a stream in memory failed: {error}"),
    }
}

fn check_fields(fields: &Fields) {
    for (name, value) in fields {
        assert!(is_token(name), "{}", name.escape_ascii());
        assert!(check_field_value(value), "{}", value.escape_ascii());
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
        assert_eq!(value.trim_ascii(), value, "no white space around");
    }
}
