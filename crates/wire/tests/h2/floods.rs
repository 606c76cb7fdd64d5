//! What attackers send, without end: each flood ends the connection, with the right error, before it has cost much.

use std::rc::Rc;

use maitred_wire::{BodySource, Http2Limits, Limits};

use crate::gateway::{self, Control, echo, head_of, run, settle};
use crate::raw::{
    CANCEL, CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, Frame, GET, HEADERS, PADDED, PING, POST,
    PRIORITY, RawClient, SETTINGS, WINDOW_UPDATE, block,
};

/// Sends frames again and again to a gateway that takes each request in hand and waits for its body. Answers with the code, what
/// the gateway said, and how often they were sent.
async fn flood(first: &[Frame], frames: impl Fn(u32) -> Vec<Frame>) -> (Option<u32>, String, u32, Control) {
    let (peer, control) = gateway::serve_raw(Limits::default(), |mut stream| async move {
        if head_of(&mut stream).is_ok() {
            // A service that never answers: the worst case.
            std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
        }
    });
    let mut client = RawClient::begin(peer, &[]).await;
    client.send(first).await;
    let (code, text, sent) = client.flood(frames).await;
    settle().await;
    assert!(control.has_ended());
    assert_eq!(control.streams.get(), 0);
    (code, text, sent, control)
}

/// Runs a flood, which must not have cost more than this at any time, the client's own memory among it.
fn bounded(flood: impl Future<Output = ()>) {
    let cost = allocation_counter::measure(|| run(flood));
    assert!(cost.bytes_max < 2 << 20, "{} bytes", cost.bytes_max);
}

/// The pipe holds this much that the gateway has not read yet.
const PIPE: u32 = 64 << 10;

#[test]
fn rapid_reset() {
    bounded(async {
        // CVE-2023-44487, with all in one go.
        let frames =
            |n: u32| vec![Frame::request(2 * n + 1, END_STREAM, &GET), Frame::reset(2 * n + 1, CANCEL)];
        let (code, text, sent, _) = flood(&[], frames).await;
        assert_eq!((code, &*text), (Some(ENHANCE_YOUR_CALM), "too_many_resets"));
        assert!(sent < 2000, "{sent}");
    });
}

#[test]
fn rapid_reset_at_a_pace() {
    bounded(async {
        // Each is taken in hand before it is reset: the library has nothing against that.
        let (peer, control) = gateway::serve_raw(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
        });
        let mut client = RawClient::begin(peer, &[]).await;
        for n in 0..=Http2Limits::default().cancels {
            client.send(&[Frame::request(2 * n + 1, END_STREAM, &GET)]).await;
            settle().await;
            client.send(&[Frame::reset(2 * n + 1, CANCEL)]).await;
            settle().await;
        }
        let goaway = client.next_of(crate::raw::GOAWAY).await.unwrap();
        assert_eq!(goaway.number(4), ENHANCE_YOUR_CALM);
        drop(client);
        settle().await;
        assert_eq!(control.verdict().unwrap(), "the gateway ended the connection: ENHANCE_YOUR_CALM");
    });
}

#[test]
fn resets_that_the_gateway_is_made_to_send() {
    bounded(async {
        // CVE-2025-8671: a window that overflows has the gateway reset the stream.
        let frames = |n: u32| {
            let id = 2 * n + 1;
            let update = Frame::new(WINDOW_UPDATE, 0, id, &0x7fff_ffffu32.to_be_bytes());
            vec![Frame::request(id, END_STREAM, &GET), update]
        };
        let (code, _, sent, _) = flood(&[], frames).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        assert!(sent < 3000, "{sent}");
    });
}

#[test]
fn malformed_requests() {
    bounded(async {
        let frames = |n: u32| {
            vec![Frame::request(2 * n + 1, END_STREAM, &[&GET[..], &[("connection", "close")]].concat())]
        };
        let (code, _, _, _) = flood(&[], frames).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn streams_beyond_the_limit() {
    bounded(async {
        let frames = |n: u32| vec![Frame::request(2 * n + 1, END_STREAM, &GET)];
        let (code, _, _, control) = flood(&[], frames).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        assert_eq!(control.verdict().unwrap(), "the gateway ended the connection: ENHANCE_YOUR_CALM");
    });
}

#[test]
fn continuation() {
    bounded(async {
        let first = [Frame::new(HEADERS, 0, 1, &block(&GET))];
        for part in [block(&[("x", "1")]), Vec::new()] {
            let (code, text, sent, _) = flood(&first, |_| vec![Frame::new(CONTINUATION, 0, 1, &part)]).await;
            assert_eq!((code, &*text), (Some(ENHANCE_YOUR_CALM), "too_many_continuations"));
            assert!(sent < PIPE, "{sent}");
        }
    });
}

#[test]
fn heads_without_end() {
    bounded(async {
        let first = [Frame::new(HEADERS, 0, 1, &block(&GET))];
        let part = block(&[("x", &"1".repeat(16_000))]);
        let (code, _, sent, _) = flood(&first, |_| vec![Frame::new(CONTINUATION, 0, 1, &part)]).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        assert!(sent < 30, "{sent}");
    });
}

#[test]
fn control_frames() {
    bounded(async {
        for (frame, what) in [
            (Frame::new(SETTINGS, 0, 0, b""), "SETTINGS"),
            (Frame::new(PING, 0, 0, &[0; 8]), "PING"),
            (Frame::new(PRIORITY, 0, 3, &[0, 0, 0, 1, 0]), "PRIORITY"),
            (Frame::new(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), "WINDOW_UPDATE"),
            (Frame::new(0xbe, 0, 0, b"grease"), "an unknown kind"),
        ] {
            let (code, _, sent, control) = flood(&[], |_| vec![frame.clone()]).await;
            assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{what}");
            assert!(sent < 20_000, "{what}: {sent}");
            assert_eq!(
                control.verdict().unwrap(),
                "the gateway ended the connection: ENHANCE_YOUR_CALM",
                "{what}"
            );
        }
    });
}

#[test]
fn control_frames_whose_answers_nobody_reads() {
    bounded(async {
        let (peer, control) = gateway::serve_raw(Limits::default(), echo);
        let mut client = RawClient::begin(peer, &[]).await;
        // The gateway stops reading once its answers find no room: the writer is what waits, not memory.
        let pings = vec![Frame::new(PING, 0, 0, &[0; 8]); 500];
        for _ in 0..2 {
            client.send(&pings).await;
            settle().await;
        }
        assert!(!control.has_ended());
        assert_eq!(control.streams.get(), 0);
    });
}

#[test]
fn the_error_arrives_over_a_real_socket() {
    bounded(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (gateway, _) = listener.accept().await.unwrap();
        let control = Control::default();
        tokio::task::spawn_local(gateway::serve_connection(
            gateway,
            Limits::default(),
            control.clone(),
            gateway::describe,
        ));
        let client = RawClient::begin(client, &[]).await;
        // Of which many are on their way when the connection is closed.
        let (code, _, _) = client.flood(|_| vec![Frame::new(PING, 0, 0, &[0; 8]); 100]).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        while !control.has_ended() {
            tokio::task::yield_now().await;
        }
        assert_eq!(control.verdict().unwrap(), "the gateway ended the connection: ENHANCE_YOUR_CALM");
    });
}

#[test]
fn empty_pieces_of_a_body() {
    bounded(async {
        let first = [Frame::request(1, 0, &POST)];
        for (frame, what) in [
            (Frame::new(DATA, 0, 1, b""), "empty"),
            (Frame::new(DATA, PADDED, 1, &[0]), "no padding"),
            (Frame::new(DATA, PADDED, 1, &[255; 256]), "padding only"),
        ] {
            let (code, text, sent, _) = flood(&first, |_| vec![frame.clone()]).await;
            assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{what}: {text}");
            assert!(sent < 20_000, "{what}: {sent}");
        }
    });
}

#[test]
fn tiny_pieces_of_a_body_that_nobody_reads() {
    bounded(async {
        let first = [Frame::request(1, 0, &POST)];
        let (code, text, _, _) = flood(&first, |_| vec![Frame::new(DATA, 0, 1, b"x")]).await;
        assert_eq!((code, &*text), (Some(ENHANCE_YOUR_CALM), "too_many_data_frames"));
    });
}

#[test]
fn tiny_pieces_of_a_body_that_is_read_are_a_stream_like_any_other() {
    bounded(async {
        let read = Rc::new(std::cell::Cell::new(0));
        let count = Rc::clone(&read);
        let (peer, control) = gateway::serve_raw(Limits::default(), move |mut stream| {
            let count = Rc::clone(&count);
            async move {
                head_of(&mut stream).unwrap();
                while std::future::poll_fn(|cx| stream.poll_piece(cx)).await.unwrap()
                    == maitred_wire::Piece::Bytes
                {
                    let n = stream.bytes().len();
                    count.set(count.get() + n);
                    stream.consume(n);
                }
                gateway::answer(&mut stream, b"").await.unwrap();
            }
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, 0, &POST)]).await;
        for _ in 0..1000 {
            client.send(&[Frame::new(DATA, 0, 1, b"x")]).await;
            settle().await;
        }
        client.send(&[Frame::new(DATA, END_STREAM, 1, b"")]).await;
        client.next_of(HEADERS).await.unwrap();
        assert_eq!(read.get(), 1000);
        assert!(!control.has_ended());
    });
}

#[test]
fn windows_that_open_by_a_byte() {
    bounded(async {
        let (peer, control) = gateway::serve_raw(Limits::default(), |mut stream| async move {
            head_of(&mut stream).unwrap();
            let _ = gateway::answer(&mut stream, &vec![0; 100_000]).await;
        });
        let mut client = RawClient::begin(peer, &[(4, 0)]).await;
        client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
        client.next_of(HEADERS).await.unwrap();
        // Each buys one byte, which earns nothing.
        let (code, _, sent) = client.flood(|_| vec![Frame::new(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])]).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
        assert!(sent < 20_000, "{sent}");
        settle().await;
        assert!(control.has_ended());
        assert_eq!(control.streams.get(), 0);
    });
}
