//! Extended CONNECT for `WebSockets` (RFC 8441): the stream becomes the bytes of a tunnel.

use std::future::poll_fn;

use bytes::Bytes;
use h2::ext::Protocol;
use maitred_http::{BodyLength, Fields, ResponseHead};
use maitred_wire::h2::ServerStream;
use maitred_wire::{BodySource, Broken, Limits, Piece};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::{Answer, connect, get, head_of, is_ready, lines, run, send_body, settle};

fn websocket() -> http::Request<()> {
    http::Request::connect("https://a.example/chat")
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("origin", "https://a.example")
        .body(())
        .unwrap()
}

/// Agrees, and answers each piece with itself in brackets until the client has no more.
async fn accept(mut stream: ServerStream) {
    let (head, announced) = head_of(&mut stream).unwrap();
    assert!(announced.wants_upgrade);
    assert_eq!(
        lines(&head.fields),
        "Host: a.example\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: chat\r\norigin: https://a.example\r\n\
         Upgrade: websocket\r\n"
    );
    // What comes is no body.
    assert_eq!(poll_fn(|cx| stream.poll_piece(cx)).await.unwrap(), Piece::End);
    let mut fields = Fields::default();
    fields.append_bytes(b"Sec-WebSocket-Accept", b"x");
    fields.append_bytes(b"Sec-WebSocket-Protocol", b"chat");
    stream.switch(&fields);
    poll_fn(|cx| stream.poll_readable(cx)).await.unwrap();
    let mut room = [0; 4];
    loop {
        match stream.read(&mut room).await {
            Ok(0) => break,
            Ok(n) => {
                stream.write_all(&[b"[", &room[..n], b"]"].concat()).await.unwrap();
            }
            Err(error) => {
                let reset = Broken::from(error).reset().unwrap();
                assert!(reset.is_cancel());
                return;
            }
        }
    }
    // Half closed: the gateway may still speak.
    stream.write_all(b"bye").await.unwrap();
    stream.flush().await.unwrap();
    stream.shutdown().await.unwrap();
}

#[test]
fn bytes_flow_both_ways_and_each_half_ends_by_itself() {
    run(async {
        let (mut send, control) = connect(Limits::default(), accept).await;
        settle().await;
        assert!(send.is_extended_connect_protocol_enabled());
        let (response, mut sender) = send.send_request(websocket(), false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["sec-websocket-protocol"]);
        let mut received = response.into_body();
        sender.send_data("hello".into(), false).unwrap();
        let mut text = Vec::new();
        while text.len() < 9 {
            text.extend_from_slice(&received.data().await.unwrap().unwrap());
        }
        assert_eq!(text, b"[hell][o]");
        assert_eq!(control.streams.get(), 1);
        sender.send_data(Bytes::new(), true).unwrap();
        assert_eq!(received.data().await.unwrap().unwrap(), "bye");
        assert!(matches!(received.data().await, None | Some(Ok(_))));
        assert!(received.is_end_stream());
    });
}

#[test]
fn a_tunnel_that_breaks_tells_how() {
    run(async {
        let (mut send, _) = connect(Limits::default(), accept).await;
        settle().await;
        let (response, mut sender) = send.send_request(websocket(), false).unwrap();
        let response = response.await.unwrap();
        sender.send_data("x".into(), false).unwrap();
        settle().await;
        sender.send_reset(h2::Reason::CANCEL);
        drop(response);
        settle().await;
    });
}

#[test]
fn a_websocket_that_the_service_does_not_want_must_not_look_open() {
    run(async {
        for (status, expected) in [(200, 502), (404, 404), (302, 302)] {
            let (mut send, _) = connect(Limits::default(), move |mut stream| async move {
                head_of(&mut stream).unwrap();
                assert!(stream.drop_body());
                let head = ResponseHead { status, ..ResponseHead::default() };
                stream.respond(&head, BodyLength::Known(2));
                send_body(&mut stream, b"no", None).await.unwrap();
            })
            .await;
            settle().await;
            let (response, _sender) = send.send_request(websocket(), false).unwrap();
            let answer = Answer::read(response.await.unwrap()).await.unwrap();
            assert_eq!((answer.status, &*answer.body), (expected, &b"no"[..]));
        }
    });
}

#[test]
fn a_writer_waits_for_the_clients_window() {
    run(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(10);
        let (mut send, _) =
            crate::gateway::connect_with(&builder, Limits::default(), |mut stream| async move {
                head_of(&mut stream).unwrap();
                stream.switch(&Fields::default());
                let mut stream = std::pin::pin!(stream);
                let written = stream.write(&[7; 100]).await.unwrap();
                assert_eq!(written, 10);
                assert!(
                    !is_ready(|cx| tokio::io::AsyncWrite::poll_write(stream.as_mut(), cx, &[7; 90])).await
                );
                stream.write_all(&[7; 90]).await.unwrap();
                stream.shutdown().await.unwrap();
            })
            .await;
        settle().await;
        let (response, _sender) = send.send_request(websocket(), false).unwrap();
        settle().await;
        assert_eq!(Answer::read(response.await.unwrap()).await.unwrap().body, [7; 100]);
    });
}

#[test]
fn other_streams_go_on_beside_a_tunnel() {
    run(async {
        let (mut send, _) = connect(Limits::default(), |mut stream| async move {
            let (_, announced) = head_of(&mut stream).unwrap();
            if announced.wants_upgrade {
                stream.switch(&Fields::default());
                let mut room = [0; 1];
                assert_eq!(stream.read(&mut room).await.unwrap(), 0);
                stream.shutdown().await.unwrap();
            } else {
                crate::gateway::answer(&mut stream, b"beside").await.unwrap();
            }
        })
        .await;
        settle().await;
        let (tunnel, mut sender) = send.send_request(websocket(), false).unwrap();
        let tunnel = tunnel.await.unwrap();
        let answer = crate::gateway::ask(&mut send, get("http://a/"), None).await.unwrap();
        assert_eq!(answer.body, b"beside");
        sender.send_data(Bytes::new(), true).unwrap();
        assert_eq!(Answer::read(tunnel).await.unwrap().body, b"");
    });
}
