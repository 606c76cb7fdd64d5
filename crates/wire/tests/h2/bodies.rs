//! Bodies and trailers both ways, and who waits for whom.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use maitred_http::{BodyLength, Fields, ResponseHead};
use maitred_wire::h2::ServerStream;
use maitred_wire::{BodySink, BodySource, Broken, Http2Limits, Limits, Piece};

use crate::gateway::{
    self, Answer, ask, connect, connect_with, echo, get, head_of, is_ready, read_body, run, send_body, settle,
};
use crate::raw::{DATA, END_STREAM, Frame, HEADERS, PADDED, POST, RST_STREAM, RawClient};

/// Bytes that tell their place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn bodies_of_every_size_come_back() {
    run(async {
        let (mut send, control) = connect(Limits::default(), echo).await;
        for len in [0, 1, 2047, 2048, 2049, 16_383, 16_384, 16_385, 65_535, 200_000] {
            let body = pattern(len);
            let request = http::Request::post("http://a/").body(()).unwrap();
            let answer = ask(&mut send, request, Some(&body)).await.unwrap();
            assert_eq!(answer.status, 200);
            assert!(answer.body == body, "{len}");
        }
        settle().await;
        assert_eq!(control.streams.get(), 0);
    });
}

#[test]
fn the_smallest_windows_only_slow_things_down() {
    run(async {
        let small = Http2Limits {
            stream_window: 1,
            stream_unsent: 1,
            connection_unsent: 1,
            ..Http2Limits::default()
        };
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1);
        let limits =
            Limits { http2: Http2Limits { control_frames: 1_000_000, ..small }, ..Limits::default() };
        let (mut send, _) = connect_with(&builder, limits, echo).await;
        let body = pattern(500);
        let request = http::Request::post("http://a/").body(()).unwrap();
        assert!(ask(&mut send, request, Some(&body)).await.unwrap().body == body);
    });
}

/// Takes the whole request, then answers with its body and trailers.
async fn echo_with_trailers(mut stream: ServerStream) {
    head_of(&mut stream).unwrap();
    let (body, trailers) = read_body(&mut stream).await.unwrap();
    assert_eq!(trailers, "x-checksum: 42\r\n");
    stream.respond(&ResponseHead::default(), BodyLength::Unknown);
    let mut trailers = Fields::default();
    trailers.append_bytes(b"Grpc-Status", b"0");
    trailers.append_bytes(b"Connection", b"close");
    trailers.append_bytes(b"Content-Length", b"9");
    send_body(&mut stream, &body, Some(&trailers)).await.unwrap();
}

#[test]
fn trailers_pass_both_ways() {
    run(async {
        let (mut send, _) = connect(Limits::default(), echo_with_trailers).await;
        for body in [&b""[..], b"hello"] {
            let request = http::Request::post("http://a/").header("te", "trailers").body(()).unwrap();
            let (response, mut sender) = send.send_request(request, false).unwrap();
            sender.send_data(Bytes::copy_from_slice(body), false).unwrap();
            let trailers =
                http::HeaderMap::from_iter([("x-checksum".parse().unwrap(), "42".parse().unwrap())]);
            sender.send_trailers(trailers).unwrap();
            let answer = Answer::read(response.await.unwrap()).await.unwrap();
            assert_eq!(answer.body, body);
            let trailers = answer.trailers.unwrap();
            let lines: Vec<_> =
                trailers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            assert_eq!(lines, [("grpc-status", "0")]);
        }
    });
}

#[test]
fn trailers_are_checked() {
    run(async {
        for (lines, expected) in [
            (vec![("x", "1")], None),
            (vec![("content_length", "1")], Some("a field name looks like one that frames the body")),
            (vec![("x", " 1")], Some("a field value begins or ends with a blank")),
            (vec![("x", "1"); 101], Some("the head has too many fields")),
            (vec![("connection", "close")], Some("the peer broke the rules of HTTP/2")),
            // Malformed (8.1), but the library drops them and tells nobody: they get no further.
            (vec![(":path", "/"), ("x", "1")], None),
        ] {
            let found = Rc::new(RefCell::new(None));
            let result = Rc::clone(&found);
            let (peer, _) = gateway::serve_raw(Limits::default(), move |mut stream| {
                let result = Rc::clone(&result);
                async move {
                    head_of(&mut stream).unwrap();
                    result.replace(Some(read_body(&mut stream).await));
                }
            });
            let mut client = RawClient::begin(peer, &[]).await;
            client.send(&[Frame::request(1, 0, &POST), Frame::request(1, END_STREAM, &lines)]).await;
            client.next_of(RST_STREAM).await.unwrap();
            settle().await;
            let found = found.take().unwrap();
            if let Ok((_, trailers)) = &found {
                assert_eq!(trailers, "x: 1\r\n");
            }
            let why = found.err().map(|error| {
                assert!(matches!(error, Broken::Refused(_)));
                error.to_string()
            });
            assert_eq!(why.as_deref(), expected, "{lines:?}");
        }
    });
}

#[test]
fn a_client_sends_no_more_than_is_consumed() {
    run(async {
        // The stream is handed out of its task and read here, by hand.
        let slot: Rc<RefCell<Option<ServerStream>>> = Rc::default();
        let into = Rc::clone(&slot);
        let limits = Limits {
            http2: Http2Limits { stream_window: 20_000, ..Http2Limits::default() },
            ..Limits::default()
        };
        let (mut send, _) = connect(limits, move |stream| {
            into.replace(Some(stream));
            std::future::ready(())
        })
        .await;
        // Only then does the client know the window.
        settle().await;
        let request = http::Request::post("http://a/").body(()).unwrap();
        let (_response, mut sender) = send.send_request(request, false).unwrap();
        sender.send_data(Bytes::from(vec![b'x'; 100_000]), true).unwrap();
        settle().await;
        let mut stream = slot.take().unwrap();
        let mut came = 0;
        // As much as the window, and no more, however long it is looked at.
        while is_ready(|cx| stream.poll_piece(cx)).await {
            let n = stream.bytes().len();
            came += n;
            // Half a piece taken is no piece taken: the window grows once all of it was.
            stream.consume(n - 1);
            settle().await;
            assert_eq!(stream.bytes().len(), 1);
            if came == 20_000 {
                break;
            }
            stream.consume(1);
            settle().await;
            assert!(came < 100_000);
        }
        stream.consume(1);
        let (rest, _) = read_body(&mut stream).await.unwrap();
        assert_eq!(came + rest.len(), 100_000);
    });
}

#[test]
fn a_body_that_nobody_reads_stops_at_the_window() {
    run(async {
        let slot: Rc<RefCell<Vec<ServerStream>>> = Rc::default();
        let into = Rc::clone(&slot);
        let (peer, _) = gateway::serve_raw(Limits::default(), move |stream| {
            into.borrow_mut().push(stream);
            std::future::ready(())
        });
        let (mut send, connection) = h2::client::handshake(peer).await.unwrap();
        tokio::task::spawn_local(connection);
        settle().await;
        let mut senders = Vec::new();
        for _ in 0..40 {
            let request = http::Request::post("http://a/").body(()).unwrap();
            let (response, mut sender) = send.send_request(request, false).unwrap();
            sender.reserve_capacity(1 << 20);
            senders.push((response, sender));
        }
        let mut sent = 0;
        for _ in 0..10 {
            for (_, sender) in &mut senders {
                let room = sender.capacity();
                if room > 0 {
                    sender.send_data(Bytes::from(vec![0; room]), false).unwrap();
                    sent += room;
                }
            }
            settle().await;
        }
        // 40 streams of 64 KiB would be 2.5 MiB; the connection has one.
        assert_eq!(sent, 1 << 20);
    });
}

#[test]
fn a_source_waits_for_the_clients_window() {
    run(async {
        let slot: Rc<RefCell<Option<ServerStream>>> = Rc::default();
        let into = Rc::clone(&slot);
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(10_000);
        let (mut send, _) = connect_with(&builder, Limits::default(), move |stream| {
            into.replace(Some(stream));
            std::future::ready(())
        })
        .await;
        let (response, _) = send.send_request(get("http://a/"), true).unwrap();
        settle().await;
        let mut stream = slot.take().unwrap();
        head_of(&mut stream).unwrap();
        stream.respond(&ResponseHead::default(), BodyLength::Unknown);
        let mut taken = 0;
        let body = pattern(50_000);
        while let Some(n) = poll_now(&mut stream, &body[taken..]).await {
            taken += n;
            assert!(taken <= 10_000, "no more than the window");
            settle().await;
        }
        assert_eq!(taken, 10_000);
        // What the client takes makes room for as much.
        let mut received = response.await.unwrap().into_body();
        let mut whole = Vec::new();
        while whole.len() < 10_000 {
            let bytes = received.data().await.unwrap().unwrap();
            received.flow_control().release_capacity(bytes.len()).unwrap();
            whole.extend_from_slice(&bytes);
        }
        let rest = async {
            send_body(&mut stream, &body[taken..], None).await.unwrap();
        };
        let read = async {
            while let Some(bytes) = received.data().await {
                let bytes = bytes.unwrap();
                received.flow_control().release_capacity(bytes.len()).unwrap();
                whole.extend_from_slice(&bytes);
            }
        };
        tokio::join!(rest, read);
        assert!(whole == body);
    });
}

async fn poll_now(stream: &mut ServerStream, bytes: &[u8]) -> Option<usize> {
    poll_fn(|cx| {
        std::task::Poll::Ready(match stream.poll_send(cx, bytes) {
            std::task::Poll::Ready(taken) => Some(taken.unwrap()),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn answers_that_a_client_does_not_read_are_bounded_together() {
    run(async {
        let limits = Limits {
            http2: Http2Limits {
                stream_unsent: 64 << 10,
                connection_unsent: 100 << 10,
                ..Http2Limits::default()
            },
            ..Limits::default()
        };
        let taken = Rc::new(std::cell::Cell::new(0));
        let counter = Rc::clone(&taken);
        let (peer, control) = gateway::serve_raw(limits, move |mut stream| {
            let counter = Rc::clone(&counter);
            async move {
                head_of(&mut stream).unwrap();
                stream.respond(&ResponseHead::default(), BodyLength::Unknown);
                let piece = vec![0; 16 << 10];
                while let Ok(n) = poll_fn(|cx| stream.poll_send(cx, &piece)).await {
                    counter.set(counter.get() + n);
                }
            }
        });
        // Windows as large as can be, and not a byte read.
        let mut client = RawClient::begin(peer, &[(4, 0x7fff_ffff)]).await;
        client.send(&[Frame::new(crate::raw::WINDOW_UPDATE, 0, 0, &0x7000_0000u32.to_be_bytes())]).await;
        let requests: Vec<_> =
            (0..20).map(|n| Frame::request(1 + 2 * n, END_STREAM, &crate::raw::GET)).collect();
        client.send(&requests).await;
        settle().await;
        // The limit, what was about to be sent when it was reached, what the library and the pipe between hold.
        let most = (100 + 32 + 64 + 64) << 10;
        assert!(taken.get() > 100 << 10 && taken.get() < most, "{}", taken.get());
        assert_eq!(control.streams.get(), 20);
        // Once it reads, all go on.
        let before = taken.get();
        for _ in 0..50 {
            client.next_of(DATA).await.unwrap();
        }
        settle().await;
        assert!(taken.get() > before + 30 * (16 << 10));
        drop(client);
        settle().await;
        assert!(control.has_ended());
    });
}

#[test]
fn small_pieces_leave_together_and_a_flush_sends_them() {
    run(async {
        let (peer, _) = gateway::serve_raw(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            stream.respond(&ResponseHead::default(), BodyLength::Unknown);
            for _ in 0..3 {
                poll_fn(|cx| stream.poll_send(cx, b"ab")).await.unwrap();
            }
            poll_fn(|cx| BodySink::poll_flush(&mut stream, cx)).await.unwrap();
            settle().await;
            send_body(&mut stream, b"cd", None).await.unwrap();
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, END_STREAM, &crate::raw::GET)]).await;
        assert_eq!(client.next_of(DATA).await.unwrap(), Frame::new(DATA, 0, 1, b"ababab"));
        assert_eq!(client.next_of(DATA).await.unwrap(), Frame::new(DATA, END_STREAM, 1, b"cd"));
    });
}

#[test]
fn an_answer_of_another_length_than_announced_breaks() {
    run(async {
        for body in [&b"ab"[..], b"abcd"] {
            let (mut send, _) = connect(Limits::default(), move |mut stream| async move {
                head_of(&mut stream).unwrap();
                stream.respond(&ResponseHead::default(), BodyLength::Known(3));
                let sent = send_body(&mut stream, body, None).await;
                assert!(matches!(sent, Err(Broken::Truncated)));
            })
            .await;
            let error = ask(&mut send, get("http://a/"), None).await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR), "{body:?}");
        }
    });
}

#[test]
fn padding_is_not_part_of_a_body() {
    run(async {
        let (peer, _) = gateway::serve_raw(Limits::default(), echo);
        let mut client = RawClient::begin(peer, &[]).await;
        let padded = [&[3][..], b"hello", &[0; 3]].concat();
        client.send(&[Frame::request(1, 0, &POST), Frame::new(DATA, END_STREAM | PADDED, 1, &padded)]).await;
        assert_eq!(client.next_of(DATA).await.unwrap().payload, b"hello");
    });
}

#[test]
fn the_end_is_told_again_and_again() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            for _ in 0..3 {
                assert_eq!(poll_fn(|cx| stream.poll_piece(cx)).await.unwrap(), Piece::End);
                assert!(stream.bytes().is_empty() && stream.trailers().is_none());
            }
            gateway::answer(&mut stream, b"").await.unwrap();
        })
        .await;
        assert_eq!(ask(&mut send, get("http://a/"), None).await.unwrap().body, b"");
    });
}

#[test]
fn an_answer_without_a_body_ends_with_its_head() {
    run(async {
        let (peer, _) = gateway::serve_raw(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            gateway::answer(&mut stream, b"").await.unwrap();
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, END_STREAM, &crate::raw::GET)]).await;
        let head = client.next_of(HEADERS).await.unwrap();
        assert_eq!(head.flags & END_STREAM, END_STREAM);
    });
}

#[test]
fn a_body_before_its_head_goes_nowhere() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            let sent = poll_fn(|cx| stream.poll_send(cx, b"x")).await;
            assert!(matches!(sent, Err(Broken::Truncated)));
            gateway::answer(&mut stream, b"y").await.unwrap();
            // A second answer is none.
            stream.respond(&ResponseHead::default(), BodyLength::Known(1));
            let sent = poll_fn(|cx| stream.poll_send(cx, b"x")).await;
            assert!(matches!(sent, Err(Broken::Truncated)));
        })
        .await;
        assert_eq!(ask(&mut send, get("http://a/"), None).await.unwrap().body, b"y");
    });
}
