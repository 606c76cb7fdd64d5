//! What can go wrong with a service: refused streams, GOAWAY, resets, malformed answers (RFC 9113 section 8.7).

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;

use h2::Reason;
use h2::server::Builder;
use http::Response;
use maitred_http::{BodyLength, ResponseHead, Scheme};
use maitred_wire::h2::{ClientConnection, ClientStream};
use maitred_wire::{BodySource, Broken, Http2Limits, Limits, Refusal, ResetBy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::{connect_to_service, read_body, request_head, run, send_body, settle};
use crate::raw::{
    DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, block,
};

async fn response(stream: &mut ClientStream) -> Result<ResponseHead, Broken> {
    let mut head = ResponseHead::default();
    poll_fn(|cx| stream.poll_response(cx, &Limits::default(), &mut head)).await.map(|_| head)
}

/// A service that writes these frames once the request has come, in place of an honest one.
async fn raw_service(frames: Vec<Frame>) -> (ClientConnection, Rc<RefCell<Option<Result<(), Broken>>>>) {
    let (gateway, mut peer) = tokio::io::duplex(64 << 10);
    tokio::task::spawn_local(async move {
        let mut bytes = Frame::new(SETTINGS, 0, 0, b"").bytes();
        peer.write_all(&bytes).await.unwrap();
        // The preface, the gateway's settings and its request: more than a hundred bytes together.
        let mut room = [0; 4096];
        let mut came = 0;
        while came < 100 {
            came += peer.read(&mut room).await.unwrap();
        }
        bytes = frames.iter().flat_map(Frame::bytes).collect();
        peer.write_all(&bytes).await.unwrap();
        // Until the gateway closes.
        while peer.read(&mut room).await.is_ok_and(|n| n > 0) {}
    });
    let (connection, driver) =
        ClientConnection::handshake(gateway, Scheme::Http, &Limits::default()).await.unwrap();
    let ended = Rc::new(RefCell::default());
    let end = Rc::clone(&ended);
    tokio::task::spawn_local(async move {
        let how = driver.await;
        end.replace(Some(how));
    });
    (connection, ended)
}

fn answer(lines: &[(&str, &str)], flags: u8) -> Frame {
    Frame::new(HEADERS, END_HEADERS | flags, 1, &block(lines))
}

/// Sends a GET, and tells what becomes of its head and body.
async fn ask(connection: &ClientConnection) -> (Result<u16, Broken>, Result<Vec<u8>, Broken>) {
    let mut stream = connection.open().unwrap();
    let fields = [("X-Long", "0123456789012345678901234567890123456789")];
    stream.request(&request_head("GET", "/a/long/path/for/the/service/to/see", &fields), BodyLength::None);
    match response(&mut stream).await {
        Ok(head) => (Ok(head.status), read_body(&mut stream).await.map(|(body, _)| body)),
        Err(broken) => (Err(broken), Ok(Vec::new())),
    }
}

#[test]
fn a_refused_stream_may_be_sent_again() {
    run(async {
        for (reason, is_unprocessed) in [(Reason::REFUSED_STREAM, true), (Reason::INTERNAL_ERROR, false)] {
            let (connection, _) =
                connect_to_service(Builder::new(), &Limits::default(), move |_, mut respond| async move {
                    respond.send_reset(reason);
                })
                .await;
            let mut stream = connection.open().unwrap();
            stream.request(&request_head("POST", "/", &[]), BodyLength::None);
            let reset = response(&mut stream).await.unwrap_err().reset().unwrap();
            assert_eq!((reset.code, reset.by), (reason.into(), ResetBy::Peer));
            assert_eq!((reset.is_unprocessed, reset.is_connection), (is_unprocessed, false));
            assert!(!stream.has_heard());
            // The connection goes on.
            assert!(connection.is_open());
        }
    });
}

#[test]
fn a_goaway_tells_which_requests_were_seen() {
    run(async {
        // The service is done with nothing, or with the first stream.
        for last in [0u32, 1] {
            let payload = [last.to_be_bytes(), 0u32.to_be_bytes()].concat();
            let frames = vec![
                Frame::new(GOAWAY, 0, 0, &payload),
                answer(&[(":status", "200")], 0),
                Frame::new(DATA, END_STREAM, 1, b"seen"),
            ];
            let frames = if last == 0 { frames[..1].to_vec() } else { frames };
            let (connection, _) = raw_service(frames).await;
            let (head, body) = ask(&connection).await;
            if last == 0 {
                let reset = head.unwrap_err().reset().unwrap();
                assert!(reset.is_unprocessed && reset.is_connection);
            } else {
                assert_eq!((head.unwrap(), &*body.unwrap()), (200, &b"seen"[..]));
            }
            // No other request goes to it.
            assert!(!connection.is_open() && connection.open().is_none());
        }
    });
}

#[test]
fn a_request_that_cannot_leave_any_more_was_not_processed() {
    run(async {
        let payload = [1u32.to_be_bytes(), 0u32.to_be_bytes()].concat();
        let (connection, _) =
            raw_service(vec![Frame::new(GOAWAY, 0, 0, &payload), answer(&[(":status", "204")], END_STREAM)])
                .await;
        // Opened before the GOAWAY came, and used after it.
        let mut late = connection.open().unwrap();
        assert_eq!(ask(&connection).await.0.unwrap(), 204);
        late.request(&request_head("POST", "/", &[]), BodyLength::Known(3));
        assert!(send_body(&mut late, b"abc", None).await.is_err());
        assert!(response(&mut late).await.unwrap_err().reset().unwrap().is_unprocessed);
    });
}

#[test]
fn a_broken_connection_breaks_its_streams_and_takes_no_more() {
    run(async {
        let (gateway, peer) = tokio::io::duplex(4096);
        let (connection, driver) =
            ClientConnection::handshake(gateway, Scheme::Http, &Limits::default()).await.unwrap();
        let ended = Rc::new(Cell::new(false));
        let end = Rc::clone(&ended);
        tokio::task::spawn_local(async move {
            let _ = driver.await;
            end.set(true);
        });
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("GET", "/", &[]), BodyLength::None);
        settle().await;
        drop(peer);
        let broken = response(&mut stream).await.unwrap_err();
        assert!(broken.reset().is_none(), "{broken}");
        assert!(!stream.has_heard());
        settle().await;
        assert!(ended.get() && !connection.is_open() && connection.open().is_none());
    });
}

#[test]
fn malformed_answers_are_refused() {
    run(async {
        for (frames, what) in [
            (
                vec![answer(&[(":status", "200"), ("connection", "close")], END_STREAM)],
                "a field of a connection",
            ),
            (vec![answer(&[(":status", "200"), ("X", "1")], END_STREAM)], "upper case"),
            (vec![answer(&[(":status", "200"), ("x", "1 ")], END_STREAM)], "a blank"),
            (
                vec![answer(&[(":status", "200"), ("content-length", "5")], END_STREAM)],
                "a length without a body",
            ),
            (vec![answer(&[(":status", "999")], END_STREAM)], "no status"),
            (vec![answer(&[(":status", "101")], 0)], "101"),
            (vec![answer(&[(":status", "200"), ("content_length", "5")], END_STREAM)], "a lookalike"),
            (vec![answer(&[(":status", "200")], END_STREAM), Frame::new(0xbe, 0, 0, b"")], "nothing"),
        ] {
            let (connection, _) = raw_service(frames).await;
            let (head, _) = ask(&connection).await;
            if what == "nothing" {
                assert_eq!(head.unwrap(), 200);
            } else {
                assert!(matches!(head, Err(Broken::Refused(Refusal::Bad(_)))), "{what}: {head:?}");
            }
        }
    });
}

#[test]
fn bodies_that_break_are_told_apart() {
    run(async {
        let head = |more: &[(&str, &str)]| answer(&[&[(":status", "200")][..], more].concat(), 0);
        let five = [("content-length", "5")];
        for (frames, what) in [
            (vec![head(&five), Frame::new(DATA, END_STREAM, 1, b"abc")], "short"),
            (vec![head(&five), Frame::new(DATA, END_STREAM, 1, b"abcdef")], "long"),
            (
                vec![head(&[]), Frame::new(HEADERS, END_HEADERS, 1, &block(&[("x", "1")]))],
                "trailers that do not end",
            ),
        ] {
            let (connection, _) = raw_service(frames).await;
            let (head, body) = ask(&connection).await;
            assert_eq!(head.unwrap(), 200);
            assert!(matches!(body, Err(Broken::Refused(_))), "{what}: {body:?}");
        }
        let reset = Frame::reset(1, crate::raw::CANCEL);
        let (connection, _) = raw_service(vec![head(&[]), Frame::new(DATA, 0, 1, b"abc"), reset]).await;
        let (_, body) = ask(&connection).await;
        assert_eq!(body.unwrap_err().to_string(), "the peer ended the stream: CANCEL");
    });
}

#[test]
fn a_dropped_stream_is_cancelled() {
    run(async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let to = Rc::clone(&log);
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), move |_, mut respond| {
                let to = Rc::clone(&to);
                async move {
                    let reason = poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
                    to.borrow_mut().push(reason);
                }
            })
            .await;
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("GET", "/", &[]), BodyLength::None);
        settle().await;
        drop(stream);
        settle().await;
        assert_eq!(*log.borrow(), [Reason::CANCEL]);
        assert_eq!(connection.streams(), 0);
    });
}

#[test]
fn a_service_that_wastes_time_loses_its_connection() {
    run(async {
        for frame in [
            Frame::new(PING, 0, 0, &[0; 8]),
            Frame::new(SETTINGS, 0, 0, b""),
            Frame::new(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ] {
            let most = Http2Limits::default().control_frames as usize + 100;
            let (connection, ended) = raw_service(vec![frame; most]).await;
            let (head, _) = ask(&connection).await;
            assert!(head.is_err());
            settle().await;
            let text = ended.take().unwrap().unwrap_err().to_string();
            assert_eq!(text, "the gateway ended the connection: ENHANCE_YOUR_CALM");
            assert!(!connection.is_open());
        }
    });
}

#[test]
fn a_request_that_http2_cannot_say_is_not_sent() {
    run(async {
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), |_, mut respond| async move {
                respond.send_response(Response::new(()), true).unwrap();
            })
            .await;
        let mut head = request_head("GET", "/", &[]);
        head.fields.remove_bytes(b"host");
        let mut stream = connection.open().unwrap();
        stream.request(&head, BodyLength::None);
        assert!(matches!(response(&mut stream).await, Err(Broken::Refused(_))));
        assert!(matches!(poll_fn(|cx| stream.poll_piece(cx)).await, Ok(maitred_wire::Piece::End)));
        // Nothing was sent, and the connection goes on.
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("GET", "/", &[]), BodyLength::None);
        assert_eq!(response(&mut stream).await.unwrap().status, 200);
    });
}

#[test]
fn a_reset_names_its_stream() {
    run(async {
        let (connection, _) = raw_service(vec![Frame::new(RST_STREAM, 0, 1, &[0, 0, 0, 2])]).await;
        let (head, _) = ask(&connection).await;
        assert_eq!(head.unwrap_err().to_string(), "the peer ended the stream: INTERNAL_ERROR");
    });
}
