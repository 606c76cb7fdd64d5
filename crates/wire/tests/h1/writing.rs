//! What is written, to peers that take it in small pieces: framing, refusals of wrong lengths, flushing, large bodies.

use std::io;
use std::task::{Context, Poll, Waker};

use maitred_http::{BodyLength, Fields, Known, Method, PathRules, RequestHead, ResponseHead};
use maitred_wire::h1::{Client, Server, encode_request};
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece};

use crate::script::{Script, Splits, run};

/// A server that has read a request of `method` and `version`.
fn asked(method: &str, version: &str, writes: Splits) -> (Server, Script) {
    let sent = format!("{method} / HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let mut io = Script::new(sent.as_bytes(), Splits::whole()).writing(writes);
    let mut server = Server::default();
    let mut head = RequestHead::default();
    run(|cx| server.poll_head(cx, &mut io, &Limits::default(), PathRules::Strict, &mut head))
        .unwrap()
        .unwrap();
    (server, io)
}

fn send(sink: &mut impl BodySink, mut bytes: &[u8]) -> Result<(), Broken> {
    while !bytes.is_empty() {
        let n = run(|cx| sink.poll_send(cx, bytes)).expect("a scripted peer takes what it is sent")?;
        bytes = &bytes[n..];
    }
    Ok(())
}

fn finish(sink: &mut impl BodySink, trailers: Option<&Fields>) -> Result<(), Broken> {
    run(|cx| sink.poll_finish(cx, trailers)).expect("a scripted peer takes what it is sent")
}

/// The response to `method` of `version` with these pieces of a body, and whether the connection stays open.
fn written(method: &str, version: &str, length: BodyLength, pieces: &[&[u8]]) -> (String, bool) {
    let mut texts = Vec::new();
    for writes in [Splits::whole(), Splits::bytes(), Splits::of(&[1, 30, 2])] {
        let (mut server, mut io) = asked(method, version, writes);
        server.respond(&ResponseHead::default(), length, true);
        for piece in pieces {
            send(&mut server.body(&mut io), piece).unwrap();
        }
        let mut trailers = Fields::default();
        trailers.append_bytes(b"X-Sum", b"9");
        finish(&mut server.body(&mut io), Some(&trailers)).unwrap();
        // A second time it has nothing left to say.
        finish(&mut server.body(&mut io), Some(&trailers)).unwrap();
        texts.push((String::from_utf8(io.output).unwrap(), server.end_exchange()));
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    texts.swap_remove(0)
}

/// RFC 9112 section 7.1: each piece a chunk, the last one empty, trailers behind it.
#[test]
fn a_body_of_unknown_length_is_chunked() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (text, open) = written("GET", "1.1", BodyLength::Unknown, &[b"a", &[b'b'; 17]]);
    assert_eq!(text, format!("{chunked}1\r\na\r\n11\r\nbbbbbbbbbbbbbbbbb\r\n0\r\nX-Sum: 9\r\n\r\n"));
    assert!(open);
    let (text, open) = written("GET", "1.1", BodyLength::Unknown, &[]);
    assert_eq!(text, format!("{chunked}0\r\nX-Sum: 9\r\n\r\n"));
    assert!(open);
}

/// A piece that is too large to copy is one chunk all the same.
#[test]
fn large_pieces_are_chunks_too() {
    let large = vec![b'x'; 100_000];
    let (text, _) = written("GET", "1.1", BodyLength::Unknown, &[b"a", &large, b"b"]);
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let x = String::from_utf8(large).unwrap();
    assert!(body == format!("1\r\na\r\n186a0\r\n{x}\r\n1\r\nb\r\n0\r\nX-Sum: 9\r\n\r\n"));
}

/// RFC 9112 section 6.1: no chunks for HTTP/1.0; the end of the connection ends the body, and trailers are lost.
#[test]
fn http_1_0_gets_its_body_until_the_connection_closes() {
    let (text, open) = written("GET", "1.0", BodyLength::Unknown, &[b"a", b"b"]);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
    assert!(!open);
    let (text, open) = written("GET", "1.0", BodyLength::Known(2), &[b"a", b"b"]);
    assert_eq!(text, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nab");
    assert!(open);
}

/// RFC 9112 section 6.3 rule 1: the answer to HEAD has the head of a GET and nothing behind it.
#[test]
fn head_gets_no_body() {
    for (length, framing) in [(BodyLength::Known(5), "Content-Length: 5\r\n"), (BodyLength::Unknown, "")] {
        let (text, open) = written("HEAD", "1.1", length, &[]);
        assert_eq!(text, format!("HTTP/1.1 200 OK\r\n{framing}\r\n"));
        assert!(open);
    }
    let (mut server, mut io) = asked("HEAD", "1.1", Splits::whole());
    server.respond(&ResponseHead::default(), BodyLength::Known(5), true);
    assert!(send(&mut server.body(&mut io), b"hello").is_err());
}

/// RFC 9112 section 6.2: never more or fewer bytes than announced, as they would be read as another message.
#[test]
fn a_known_length_is_kept() {
    let (mut server, mut io) = asked("GET", "1.1", Splits::bytes());
    server.respond(&ResponseHead::default(), BodyLength::Known(5), true);
    send(&mut server.body(&mut io), b"hel").unwrap();
    assert!(matches!(send(&mut server.body(&mut io), b"lo!"), Err(Broken::Truncated)), "too many");
    assert!(matches!(finish(&mut server.body(&mut io), None), Err(Broken::Truncated)), "too few");
    assert!(!server.end_exchange());

    let (mut server, mut io) = asked("GET", "1.1", Splits::bytes());
    server.respond(&ResponseHead::default(), BodyLength::None, true);
    assert!(matches!(send(&mut server.body(&mut io), b"x"), Err(Broken::Truncated)), "none at all");
}

/// A chunk that was begun and not filled cannot be ended: what came next would be read as its data.
#[test]
fn a_chunk_cut_short_is_not_ended() {
    let (mut server, mut io) = asked("GET", "1.1", Splits::of(&[50_010]));
    server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
    let large = vec![b'x'; 100_000];
    let sent = run(|cx| server.body(&mut io).poll_send(cx, &large)).unwrap().unwrap();
    assert!(sent < large.len(), "the peer took {sent} bytes of the chunk");
    assert!(matches!(finish(&mut server.body(&mut io), None), Err(Broken::Truncated)));
    assert!(!server.end_exchange());
    assert!(!io.output.ends_with(b"0\r\n\r\n"));
    // The rest can still come.
    send(&mut server.body(&mut io), &large[sent..]).unwrap();
    finish(&mut server.body(&mut io), None).unwrap();
    assert!(io.output.ends_with(b"xx\r\n0\r\n\r\n"));
}

/// A chunk leaves with its line end: a peer that waits for the end of a chunk must not wait for the next one.
#[test]
fn a_chunk_leaves_whole() {
    for (size, splits) in [(3, &[1][..]), (40_000, &[7, 30_000, 10_098, 1]), (40_000, &[100_000])] {
        let (mut server, mut io) = asked("GET", "1.1", Splits::of(splits));
        server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
        let chunk = vec![b'x'; size];
        for _ in 0..2 {
            send(&mut server.body(&mut io), &chunk).unwrap();
            run(|cx| server.body(&mut io).poll_flush(cx)).unwrap().unwrap();
            let whole = [format!("\r\n{size:x}\r\n").as_bytes(), &chunk, b"\r\n"].concat();
            assert!(io.output.ends_with(&whole));
        }
    }
}

/// RFC 9110 section 6.5.1: trailers are passed on, so a service is told where the client takes them.
#[test]
fn a_service_is_told_whether_trailers_are_taken() {
    let told = "Connection: TE\r\nTE: trailers\r\n";
    for (te, told) in [("trailers", told), ("deflate;q=0.5, Trailers", told), ("gzip", "")] {
        let mut head = RequestHead::default();
        head.target.parse(b"/", PathRules::Strict).unwrap();
        head.fields.append_bytes(b"TE", te.as_bytes());
        let mut out = Vec::new();
        encode_request(&head, BodyLength::None, None, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("GET / HTTP/1.1\r\n{told}\r\n"));
    }
}

/// A stream that collects what it is given, such as a TLS session, sends it with a flush.
#[test]
fn the_stream_is_flushed_too() {
    let (mut server, mut io) = asked("GET", "1.1", Splits::bytes());
    io.needs_flush = true;
    server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
    send(&mut server.body(&mut io), b"a").unwrap();
    assert_eq!(io.output, b"");
    run(|cx| server.body(&mut io).poll_flush(cx)).unwrap().unwrap();
    assert!(io.output.ends_with(b"\r\n\r\n1\r\na\r\n"), "{}", io.output.escape_ascii());
    finish(&mut server.body(&mut io), None).unwrap();
    assert!(io.output.ends_with(b"\r\n0\r\n\r\n"), "{}", io.output.escape_ascii());
}

/// A connection that fails is told as such, reading and writing, and is not used again.
#[test]
fn a_broken_stream_is_told() {
    for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::WriteZero] {
        for size in [1, 100_000] {
            let (mut server, mut io) = asked("GET", "1.1", Splits::whole());
            io.fails = Some(kind);
            server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
            let sent = send(&mut server.body(&mut io), &vec![b'x'; size]);
            let told = sent.and_then(|()| finish(&mut server.body(&mut io), None)).unwrap_err();
            assert!(matches!(&told, Broken::Io(error) if error.kind() == kind), "{told}");
            assert!(!server.end_exchange());
            let mut head = RequestHead::default();
            let next =
                run(|cx| server.poll_head(cx, &mut io, &Limits::default(), PathRules::Strict, &mut head));
            assert!(matches!(next, Some(Err(Broken::Io(error))) if error.kind() == kind));
        }
    }
}

/// A peer that reads as slowly as bytes come keeps some of them waiting for ever; not all that ever came.
#[test]
fn a_slow_reader_costs_no_growing_memory() {
    let (mut server, mut io) = asked("GET", "1.1", Splits::of(&["20\r\n\r\n".len() + 32]));
    server.respond(&ResponseHead::default(), BodyLength::Unknown, true);
    io.output.reserve(64 << 20);
    let mut cx = Context::from_waker(Waker::noop());
    let measured = allocation_counter::measure(|| {
        for _ in 0..200_000 {
            let mut body = server.body(&mut io);
            assert!(matches!(body.poll_send(&mut cx, &[b'x'; 32]), Poll::Ready(Ok(32))));
            assert!(body.poll_flush(&mut cx).is_pending());
        }
    });
    assert!(io.output.len() > 7_000_000, "{} bytes went through", io.output.len());
    assert!(measured.bytes_max < 256 << 10, "{} bytes were held", measured.bytes_max);
}

/// Several megabytes both ways at once through a pipe of a few bytes: nothing is lost, nothing waits for ever.
#[test]
fn large_bodies_flow_both_ways() {
    for (total, pipe) in [(200_000_u32, 61), (5_000_000, 40_000)] {
        for length in [BodyLength::Known(total.into()), BodyLength::Unknown] {
            let body: Vec<u8> = (0..total).map(|at| (at * 31 % 251).try_into().unwrap()).collect();
            assert!(echo(&body, length, pipe) == body, "{total} bytes through a pipe of {pipe}");
        }
    }
}

/// Sends `body` to a server that sends it back, in one task over a pipe, and answers with what came back.
fn echo(body: &[u8], length: BodyLength, pipe: usize) -> Vec<u8> {
    let (mut near, mut far) = tokio::io::duplex(pipe);
    let (mut client, mut server) = (Client::default(), Server::default());
    let mut head = RequestHead { method: Method::Post, ..RequestHead::default() };
    head.target.parse(b"/", PathRules::Strict).unwrap();
    head.fields.append_known(Known::Host, b"a");
    client.request(&head, length, None);
    let mut sending = Some(body);
    let (mut asked, mut answered, mut echoed) = (RequestHead::default(), ResponseHead::default(), Vec::new());
    let (mut has_asked, mut has_answered) = (false, false);
    let mut returning = Some(Vec::new());
    run(|cx| {
        loop {
            let mut moved = false;
            if let Some(rest) = sending {
                let mut sink = client.body(&mut near);
                if rest.is_empty() {
                    if sink.poll_finish(cx, None).is_ready() {
                        (sending, moved) = (None, true);
                    }
                } else if let Poll::Ready(n) = sink.poll_send(cx, &rest[..rest.len().min(70_000)]) {
                    (sending, moved) = (Some(&rest[n.unwrap()..]), true);
                }
            }
            if has_asked {
                moved |= turn_around(cx, &mut server, &mut far, &mut returning);
            } else if let Poll::Ready(read) =
                server.poll_head(cx, &mut far, &Limits::default(), PathRules::Strict, &mut asked)
            {
                read.unwrap();
                server.respond(&ResponseHead::default(), length, true);
                (has_asked, moved) = (true, true);
            }
            if !has_answered {
                if let Poll::Ready(read) =
                    client.poll_response(cx, &mut near, &Limits::default(), &mut answered)
                {
                    read.unwrap();
                    (has_answered, moved) = (true, true);
                }
            } else if let Poll::Ready(piece) = client.body(&mut near).poll_piece(cx) {
                let mut source = client.body(&mut near);
                if piece.unwrap() == Piece::End {
                    return Poll::Ready(());
                }
                echoed.extend_from_slice(source.bytes());
                let n = source.bytes().len();
                source.consume(n);
                moved = true;
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .expect("bytes flow until the end");
    assert!(client.end_exchange());
    assert!(server.end_exchange());
    echoed
}

/// Moves one piece from a server's request to its response; `held` are bytes on their way, none once it has ended.
fn turn_around<S>(cx: &mut Context<'_>, server: &mut Server, io: &mut S, held: &mut Option<Vec<u8>>) -> bool
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let Some(waiting) = held else { return false };
    let mut body = server.body(io);
    if !waiting.is_empty() {
        let Poll::Ready(sent) = body.poll_send(cx, waiting) else { return false };
        waiting.drain(..sent.unwrap());
        return true;
    }
    match body.poll_piece(cx) {
        Poll::Ready(Ok(Piece::Bytes)) => {
            let n = body.bytes().len();
            waiting.extend_from_slice(body.bytes());
            body.consume(n);
            true
        }
        Poll::Ready(Ok(Piece::End)) => {
            let done = body.poll_finish(cx, None).is_ready();
            if done {
                *held = None;
            }
            done
        }
        Poll::Ready(Err(broken)) => panic!("{broken}"),
        Poll::Pending => {
            let _ = body.poll_flush(cx);
            false
        }
    }
}
