//! Heads of responses: final ones, interim ones, and early ones (RFC 9113 section 8.1, RFC 9110 section 15.2).

use std::future::poll_fn;

use maitred_http::{BodyLength, Fields, ResponseHead};
use maitred_wire::h2::ServerStream;
use maitred_wire::{BodySource, Limits};

use crate::gateway::{self, Answer, ask, connect, get, head_of, read_body, run, send_body, settle};
use crate::raw::{DATA, END_STREAM, Frame, GET, HEADERS, POST, RST_STREAM, RawClient};

fn head(status: u16, lines: &[(&str, &str)]) -> ResponseHead {
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    for (name, value) in lines {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

#[test]
fn fields_of_a_connection_are_left_out_and_names_are_in_lower_case() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            let lines = [
                ("Content-Type", "text/plain"),
                ("Connection", "close, X-Hop"),
                ("Keep-Alive", "timeout=5"),
                ("Proxy-Connection", "close"),
                ("Transfer-Encoding", "chunked"),
                ("Upgrade", "h2c"),
                ("TE", "gzip"),
                ("Content-Length", "99"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
                ("X-Tag", " blanks "),
            ];
            stream.respond(&head(200, &lines), BodyLength::Known(2));
            send_body(&mut stream, b"ok", None).await.unwrap();
            assert!(stream.end_exchange() && stream.has_responded());
        })
        .await;
        let answer = ask(&mut send, get("http://a/"), None).await.unwrap();
        let lines: Vec<_> =
            answer.fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            lines,
            [
                ("content-type", "text/plain"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("x-tag", "blanks"),
                ("content-length", "2")
            ]
        );
    });
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    run(async {
        for (method, status, length, expected) in [
            ("HEAD", 200, BodyLength::Known(5), Some("5")),
            ("HEAD", 200, BodyLength::Unknown, None),
            ("GET", 204, BodyLength::None, None),
            ("GET", 304, BodyLength::Known(5), Some("5")),
            ("GET", 200, BodyLength::None, Some("0")),
            ("GET", 200, BodyLength::Known(0), Some("0")),
        ] {
            let (mut send, _) = connect(Limits::default(), move |mut stream| async move {
                head_of(&mut stream).unwrap();
                stream.respond(&head(status, &[]), length);
                send_body(&mut stream, b"", None).await.unwrap();
            })
            .await;
            let request = http::Request::builder().method(method).uri("http://a/").body(()).unwrap();
            let (response, _) = send.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            assert!(response.body().is_end_stream(), "{method} {status} {length:?}");
            let found = response.headers().get("content-length").map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{method} {status} {length:?}");
        }
    });
}

#[test]
fn interim_answers_come_before_the_final_one() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            let (_, announced) = head_of(&mut stream).unwrap();
            assert!(announced.expects_continue);
            stream.inform(&head(101, &[]));
            stream.inform(&head(100, &[]));
            let (body, _) = read_body(&mut stream).await.unwrap();
            stream.inform(&head(103, &[("Link", "</a>"), ("Connection", "x")]));
            gateway::answer(&mut stream, &body).await.unwrap();
            stream.inform(&head(103, &[]));
        })
        .await;
        let request = http::Request::post("http://a/").header("expect", "100-continue").body(()).unwrap();
        let (mut response, mut sender) = send.send_request(request, false).unwrap();
        let first = poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!(first.status(), 100);
        sender.send_data("hello".into(), true).unwrap();
        let second = poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!((second.status().as_u16(), second.headers().len()), (103, 1));
        assert!(poll_fn(|cx| response.poll_informational(cx)).await.is_none());
        assert_eq!(Answer::read(response.await.unwrap()).await.unwrap().body, b"hello");
    });
}

/// Answers without reading the request's body.
async fn answer_early(mut stream: ServerStream) {
    head_of(&mut stream).unwrap();
    stream.drop_body();
    assert_eq!(poll_fn(|cx| stream.poll_piece(cx)).await.unwrap(), maitred_wire::Piece::End);
    gateway::answer(&mut stream, b"enough").await.unwrap();
}

#[test]
fn an_early_answer_is_whole_and_then_the_request_is_reset_without_an_error() {
    run(async {
        let (peer, control) = gateway::serve_raw(Limits::default(), answer_early);
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, 0, &POST), Frame::new(DATA, 0, 1, b"some")]).await;
        client.next_of(HEADERS).await.unwrap();
        let body = client.next().await.unwrap();
        assert_eq!(body, Frame::new(DATA, END_STREAM, 1, b"enough"));
        assert_eq!(client.next_of(RST_STREAM).await.unwrap().number(0), 0);
        // What was on its way is taken, and the connection goes on.
        client.send(&[Frame::new(DATA, 0, 1, b"more"), Frame::request(3, END_STREAM, &GET)]).await;
        assert_eq!(client.next_of(HEADERS).await.unwrap().stream, 3);
        drop(client);
        settle().await;
        assert_eq!(control.verdict(), None);
    });
}

#[test]
fn a_body_that_nobody_wants_does_not_fill_the_connection() {
    run(async {
        let (mut send, _) = connect(Limits::default(), answer_early).await;
        // Each leaves a whole window unread; the connection has room for sixteen.
        for _ in 0..40 {
            poll_fn(|cx| send.poll_ready(cx)).await.unwrap();
            let request = http::Request::post("http://a/").body(()).unwrap();
            let (response, mut sender) = send.send_request(request, false).unwrap();
            sender.send_data(vec![0; 64 << 10].into(), false).unwrap();
            assert_eq!(Answer::read(response.await.unwrap()).await.unwrap().body, b"enough");
        }
    });
}

#[test]
fn a_refused_request_is_answered_and_the_connection_goes_on() {
    run(async {
        let (mut send, _) = connect(Limits::default(), gateway::describe).await;
        let bad = http::Request::get("http://a/").header("host", "b").body(()).unwrap();
        let answer = ask(&mut send, bad, None).await.unwrap();
        assert_eq!((answer.status, answer.text()), (400, "Host and :authority name different hosts"));
        assert_eq!(ask(&mut send, get("http://a/"), None).await.unwrap().status, 200);
    });
}

#[test]
fn a_field_that_cannot_be_sent_breaks_the_answer_and_nothing_else() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            let (request, _) = head_of(&mut stream).unwrap();
            let mut fields = Fields::default();
            let value: &[u8] = if request.target.path() == "/bad" { b"a\nb" } else { b"a b" };
            fields.append_bytes(b"x", value);
            stream.respond(&ResponseHead { fields, ..ResponseHead::default() }, BodyLength::Known(1));
            let sent = send_body(&mut stream, b"x", None).await;
            assert_eq!(sent.is_err(), request.target.path() == "/bad");
        })
        .await;
        let error = ask(&mut send, get("http://a/bad"), None).await.unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
        assert_eq!(ask(&mut send, get("http://a/good"), None).await.unwrap().status, 200);
    });
}
