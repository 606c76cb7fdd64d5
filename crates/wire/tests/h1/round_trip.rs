//! What is written is read again as the same: heads, and bodies through both ends of a connection.

use maitred_http::{BodyLength, Fields, Known, Method, PathRules, RequestHead, ResponseHead, Version};
use maitred_wire::h1::{
    Client, ResponseTo, Server, encode_request, encode_response, parse_request, parse_response,
};
use maitred_wire::{BodySink, BodySource, Limits, Piece};
use proptest::prelude::*;

use crate::script::{Script, Splits, run};
use crate::table::{any_splits, runner};

type Lines = Vec<(String, Vec<u8>)>;

/// Fields that a gateway passes on: not those that frame a message or belong to the connection.
fn any_fields() -> impl Strategy<Value = Lines> {
    let name = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}".prop_filter("is written anew", |name| {
        let letters = name.replace(['-', '_'], "").to_ascii_lowercase();
        let own = [
            "connection",
            "contentlength",
            "keepalive",
            "proxyconnection",
            "te",
            "transferencoding",
            "upgrade",
        ];
        !own.contains(&letters.as_str()) && !["host", "expect"].contains(&letters.as_str())
    });
    let byte = prop_oneof![32u8..127, 128u8..=255, Just(b'\t')];
    let value = prop::collection::vec(byte, 0..30).prop_map(|value| {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let from = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let to = value.iter().rposition(|byte| !blank(byte)).map_or(from, |at| at + 1);
        value[from..to].to_vec()
    });
    prop::collection::vec((name, value), 0..12)
}

fn any_length() -> impl Strategy<Value = BodyLength> {
    prop_oneof![
        Just(BodyLength::None),
        (0..=i64::MAX as u64).prop_map(BodyLength::Known),
        Just(BodyLength::Unknown)
    ]
}

fn fields(lines: &Lines) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.append_bytes(name.as_bytes(), value);
    }
    fields
}

/// The lines of `fields`, but those that frame the message.
fn lines(fields: &Fields) -> Lines {
    let framing = [Known::ContentLength, Known::TransferEncoding, Known::Connection];
    fields
        .iter()
        .filter(|(name, _)| !Known::find(name).is_some_and(|known| framing.contains(&known)))
        .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec()))
        .collect()
}

#[test]
fn request_heads() {
    let methods =
        prop::sample::select(&["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PURGE", "get"][..]);
    let targets = "(/[a-zA-Z0-9_~:@!$&'()*+,;=-]{0,10}){1,4}(\\?[!-\"$-~]{0,20})?";
    let hosts = "[a-z0-9-]{1,10}(\\.[a-z]{1,5}){0,2}(:[1-9][0-9]{0,3})?";
    let any = (methods, targets, hosts, any_fields(), any_length());
    let result = runner(600).run(&any, |(method, target, host, sent, length)| {
        let mut head =
            RequestHead { method: Method::parse(method.as_bytes()).unwrap(), ..RequestHead::default() };
        head.target.parse(target.as_bytes(), PathRules::Strict).unwrap();
        head.fields = fields(&sent);
        head.fields.append_known(Known::Host, host.as_bytes());
        let mut bytes = Vec::new();
        encode_request(&head, length, None, &mut bytes);

        let mut read = RequestHead::default();
        let info = parse_request(&bytes, &Limits::default(), PathRules::Strict, &mut read).unwrap();
        let says_empty = length == BodyLength::None && matches!(method, "POST" | "PUT");
        prop_assert_eq!(info.length, if says_empty { BodyLength::Known(0) } else { length });
        prop_assert!(info.keep_alive && !info.expects_continue && !info.wants_upgrade);
        prop_assert_eq!(read.method, head.method);
        prop_assert_eq!(&read.target, &head.target);
        prop_assert_eq!(read.target.as_str(), target);
        prop_assert_eq!(read.authority.as_str(), host);
        prop_assert_eq!(lines(&read.fields), lines(&head.fields));
        Ok(())
    });
    result.unwrap();
}

#[test]
fn response_heads() {
    let methods = prop_oneof![Just(Method::Get), Just(Method::Head)];
    let versions = prop_oneof![Just(Version::Http10), Just(Version::Http11)];
    let any = (200u16..600, any_fields(), any_length(), methods, versions, any::<bool>());
    let result = runner(600).run(&any, |(status, sent, length, method, version, keep_alive)| {
        let head = ResponseHead { status, fields: fields(&sent), ..ResponseHead::default() };
        // `Server::respond` never promises to keep a connection whose end is the end of the body.
        let until_close =
            length == BodyLength::Unknown && version == Version::Http10 && !head.has_no_body(method);
        let keep_alive = keep_alive && !until_close;
        let mut bytes = Vec::new();
        encode_response(&head, length, ResponseTo { method, version, keep_alive }, &mut bytes);

        let mut read = ResponseHead::default();
        let info = parse_response(&bytes, method, &Limits::default(), &mut read).unwrap();
        prop_assert_eq!(read.status, status);
        prop_assert_eq!(lines(&read.fields), lines(&head.fields));
        prop_assert_eq!(info.keep_alive, keep_alive);
        if !head.has_no_body(method) {
            let shown = if length == BodyLength::None { BodyLength::Known(0) } else { length };
            prop_assert_eq!(info.length, shown);
        }
        Ok(())
    });
    result.unwrap();
}

/// Pieces of a body: many small ones, and some that are too large to be copied.
fn any_pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = prop_oneof![6 => 1usize..40, 2 => 1usize..3000, 1 => 16_000usize..40_000];
    prop::collection::vec((size, any::<u8>()).prop_map(|(size, byte)| vec![byte; size]), 0..12)
}

/// Sends these pieces and trailers over `sink`, flushing behind each third piece.
fn send(sink: &mut impl BodySink, pieces: &[Vec<u8>], trailers: &Fields) {
    for (at, piece) in pieces.iter().enumerate() {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let n = run(|cx| sink.poll_send(cx, rest)).unwrap().unwrap();
            rest = &rest[n..];
        }
        if at % 3 == 2 {
            run(|cx| sink.poll_flush(cx)).unwrap().unwrap();
        }
    }
    run(|cx| sink.poll_finish(cx, Some(trailers))).unwrap().unwrap();
}

fn receive(source: &mut impl BodySource) -> (Vec<u8>, Lines) {
    let mut body = Vec::new();
    while run(|cx| source.poll_piece(cx)).unwrap().unwrap() == Piece::Bytes {
        let bite = source.bytes().len().min(1000);
        body.extend_from_slice(&source.bytes()[..bite]);
        source.consume(bite);
    }
    (body, source.trailers().map(lines).unwrap_or_default())
}

/// A request and a response with bodies, each written in random pieces and read at random splits.
#[test]
fn exchanges() {
    let trailers = prop::collection::vec(("X-[a-z]{1,8}", "[a-z]{0,8}"), 0..4);
    let any = (any_pieces(), trailers, any::<bool>(), [any_splits(), any_splits()]);
    let result = runner(150).run(&any, |(pieces, trailers, announced, splits)| {
        let trailers: Lines = trailers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        let expected = (pieces.concat(), if announced { Lines::new() } else { trailers.clone() });
        let length = if announced { BodyLength::Known(expected.0.len() as u64) } else { BodyLength::Unknown };
        let (request, response) = exchange(&pieces, &fields(&trailers), length, &splits);
        prop_assert!(request == expected && response == expected);
        Ok(())
    });
    result.unwrap();
}

type Body = (Vec<u8>, Lines);

/// Sends the pieces as a request and again as its response, and answers with what was read of each.
fn exchange(pieces: &[Vec<u8>], trailers: &Fields, length: BodyLength, splits: &[Splits; 2]) -> (Body, Body) {
    let [writes, reads] = splits;
    let mut client = Client::default();
    let mut near = Script::new(b"", Splits::whole()).writing(writes.clone());
    let mut head = RequestHead { method: Method::Put, ..RequestHead::default() };
    head.target.parse(b"/", PathRules::Strict).unwrap();
    head.fields.append_known(Known::Host, b"a");
    client.request(&head, length, None);
    send(&mut client.body(&mut near), pieces, trailers);

    let mut server = Server::default();
    let mut far = Script::new(&near.output, reads.clone()).writing(writes.clone());
    let limits = Limits::default();
    head.clear();
    run(|cx| server.poll_head(cx, &mut far, &limits, PathRules::Strict, &mut head)).unwrap().unwrap();
    let request = receive(&mut server.body(&mut far));
    server.respond(&ResponseHead::default(), length, true);
    send(&mut server.body(&mut far), pieces, trailers);
    assert!(server.end_exchange());

    let mut back = Script::new(&far.output, reads.clone());
    let mut answer = ResponseHead::default();
    run(|cx| client.poll_response(cx, &mut back, &limits, &mut answer)).unwrap().unwrap();
    let response = receive(&mut client.body(&mut back));
    assert!(client.end_exchange());
    (request, response)
}
