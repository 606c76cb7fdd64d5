//! Who holds a buffer, and when: an idle connection none. The thread's shelf tells: what was given back last is taken
//! first, with its old bytes.

use std::sync::atomic::{AtomicU8, Ordering};

use maitred_http::{BodyLength, Known, PathRules, RequestHead, ResponseHead};
use maitred_wire::buffer::{Buffer, LARGE, SMALL};
use maitred_wire::h1::{Client, Server};
use maitred_wire::{BodySink, BodySource, Limits, Piece};

use crate::script::{Script, Splits, run};

/// A small and a large buffer with a mark in their last byte, first on the shelf of this thread.
struct Marked(u8);

impl Marked {
    fn new() -> Self {
        static MARKS: AtomicU8 = AtomicU8::new(1);
        let mark = MARKS.fetch_add(1, Ordering::Relaxed);
        Buffer::small().bytes_mut()[SMALL - 1] = mark;
        Buffer::large().bytes_mut()[LARGE - 1] = mark;
        Self(mark)
    }

    /// Whether nobody holds the small one, and nobody the large one.
    fn are_free(&self) -> (bool, bool) {
        (Buffer::small().bytes()[SMALL - 1] == self.0, Buffer::large().bytes()[LARGE - 1] == self.0)
    }
}

fn await_head(server: &mut Server, io: &mut Script) -> bool {
    let mut head = RequestHead::default();
    run(|cx| server.poll_head(cx, io, &Limits::default(), PathRules::Strict, &mut head))
        .is_some_and(|read| read.is_ok())
}

#[test]
fn a_client_that_says_nothing_costs_no_buffer() {
    let marked = Marked::new();
    let (mut server, mut io) = (Server::default(), Script::new(b"", Splits::whole()).open());
    assert!(!await_head(&mut server, &mut io));
    assert_eq!(marked.are_free(), (true, true));
    assert!(!server.has_unread());
}

#[test]
fn a_client_that_sent_half_a_head_costs_one() {
    let marked = Marked::new();
    let (mut server, mut io) = (Server::default(), Script::new(b"GET / HT", Splits::whole()).open());
    assert!(!await_head(&mut server, &mut io));
    assert_eq!(marked.are_free(), (false, true));
    assert!(server.has_unread());
}

#[test]
fn between_two_requests_it_costs_none() {
    let marked = Marked::new();
    let sent = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    let (mut server, mut io) = (Server::default(), Script::new(sent, Splits::whole()).open());
    assert!(await_head(&mut server, &mut io));
    assert_eq!(run(|cx| server.body(&mut io).poll_piece(cx)).unwrap().unwrap(), Piece::Bytes);
    assert_eq!(marked.are_free(), (false, true));
    server.body(&mut io).consume(2);
    server.respond(&ResponseHead::default(), BodyLength::None, true);
    run(|cx| server.body(&mut io).poll_finish(cx, None)).unwrap().unwrap();
    assert!(server.end_exchange());
    assert!(!server.has_unread());
    assert_eq!(marked.are_free(), (true, true));
    assert!(!await_head(&mut server, &mut io), "there is no second request");
    assert_eq!(marked.are_free(), (true, true));
}

#[test]
fn a_pipelined_request_keeps_it() {
    let marked = Marked::new();
    let sent = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut server, mut io) = (Server::default(), Script::new(sent, Splits::whole()).open());
    assert!(await_head(&mut server, &mut io));
    server.respond(&ResponseHead::default(), BodyLength::None, true);
    run(|cx| server.body(&mut io).poll_finish(cx, None)).unwrap().unwrap();
    assert!(server.end_exchange());
    assert!(server.has_unread());
    assert_eq!(marked.are_free(), (false, true));
    assert!(await_head(&mut server, &mut io));
    assert!(server.end_exchange() || !server.has_unread());
    assert_eq!(marked.are_free(), (true, true));
}

/// Thousands of clients that announce a large body and send nothing must not cost a large buffer each.
#[test]
fn a_body_that_does_not_come_costs_none() {
    let marked = Marked::new();
    let sent = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let (mut server, mut io) = (Server::default(), Script::new(sent, Splits::whole()).open());
    assert!(await_head(&mut server, &mut io));
    assert!(run(|cx| server.body(&mut io).poll_piece(cx)).is_none());
    assert_eq!(marked.are_free(), (true, true));
}

#[test]
fn a_service_that_does_not_answer_costs_none() {
    let marked = Marked::new();
    let (mut client, mut io) = (Client::default(), Script::new(b"", Splits::whole()).open());
    let mut request = RequestHead::default();
    request.target.parse(b"/", PathRules::Strict).unwrap();
    request.fields.append_known(Known::Host, b"a");
    client.request(&request, BodyLength::None, None);
    run(|cx| client.body(&mut io).poll_finish(cx, None)).unwrap().unwrap();
    let mut head = ResponseHead::default();
    assert!(run(|cx| client.poll_response(cx, &mut io, &Limits::default(), &mut head)).is_none());
    assert_eq!(marked.are_free(), (true, true));
}

/// A body is read into a large buffer once it proves to be large, also when nothing announced it.
#[test]
fn large_bodies_are_read_in_large_pieces() {
    for head in ["Content-Length: 1048576\r\n\r\n", "\r\n"] {
        let mut sent = format!("HTTP/1.1 200 OK\r\n{head}").into_bytes();
        sent.resize(sent.len() + (1 << 20), b'x');
        let (mut client, mut io) = (Client::default(), Script::new(&sent, Splits::whole()));
        client.request(&RequestHead::default(), BodyLength::None, None);
        let mut answer = ResponseHead::default();
        run(|cx| client.poll_response(cx, &mut io, &Limits::default(), &mut answer)).unwrap().unwrap();
        let mut body = client.body(&mut io);
        let (mut pieces, mut total) = (0, 0);
        while run(|cx| body.poll_piece(cx)).unwrap().unwrap() == Piece::Bytes {
            let n = body.bytes().len();
            body.consume(n);
            (pieces, total) = (pieces + 1, total + n);
        }
        assert_eq!(total, 1 << 20);
        assert!(pieces <= 8, "{pieces} pieces");
    }
}
