//! The gateway between hyper's client and hyper's server where it matters that they are not the library alone: many requests at
//! once, large bodies, and a client that goes away.

use std::future::poll_fn;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use maitred_http::BodyLength;
use maitred_wire::{BodySink, BodySource, Limits, Piece};

use crate::gateway::{head_of, run, serve_raw, settle};
use crate::sides::LocalExecutor;

#[test]
fn many_large_bodies_at_once() {
    run(async {
        let (peer, control) = serve_raw(Limits::default(), |mut stream| async move {
            let (_, announced) = head_of(&mut stream).unwrap();
            assert_eq!(announced.length, BodyLength::Known(300_000));
            stream.respond(&maitred_http::ResponseHead::default(), announced.length);
            // Each piece goes back as it comes.
            while poll_fn(|cx| stream.poll_piece(cx)).await.unwrap() == Piece::Bytes {
                let piece = stream.bytes().to_vec();
                let taken = poll_fn(|cx| stream.poll_send(cx, &piece)).await.unwrap();
                stream.consume(taken);
            }
            poll_fn(|cx| stream.poll_finish(cx, None)).await.unwrap();
        });
        let (send, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(peer)).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut tasks = Vec::new();
        for n in 0..20u8 {
            let mut send = send.clone();
            tasks.push(tokio::task::spawn_local(async move {
                let body = Bytes::from(vec![n; 300_000]);
                let request = http::Request::post("http://a.example/").body(Full::new(body.clone())).unwrap();
                let response = send.send_request(request).await.unwrap();
                assert_eq!(response.headers()["content-length"], "300000");
                assert!(response.into_body().collect().await.unwrap().to_bytes() == body);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        drop(send);
        settle().await;
        assert_eq!(control.verdict(), None);
    });
}

#[test]
fn a_client_that_drops_its_request_cancels_it() {
    run(async {
        let found = std::rc::Rc::new(std::cell::RefCell::new(None));
        let into = std::rc::Rc::clone(&found);
        let (peer, _) = serve_raw(Limits::default(), move |mut stream| {
            let into = std::rc::Rc::clone(&into);
            async move {
                head_of(&mut stream).unwrap();
                into.replace(Some(poll_fn(|cx| stream.poll_reset(cx)).await));
            }
        });
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(peer)).await.unwrap();
        tokio::task::spawn_local(connection);
        let request = http::Request::get("http://a.example/").body(Full::<Bytes>::default()).unwrap();
        let task = tokio::task::spawn_local(async move {
            let _ = send.send_request(request).await;
        });
        settle().await;
        task.abort();
        settle().await;
        assert!(found.take().unwrap().reset().unwrap().is_cancel());
    });
}
