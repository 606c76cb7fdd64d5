//! How connections end: gently, at once, and before they began (RFC 9113 section 6.8).

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use maitred_wire::h2::{ServerConnection, ServerStream};
use maitred_wire::{Broken, Limits};
use tokio::io::AsyncWriteExt;

use crate::gateway::{self, Answer, answer, connect, echo, get, head_of, run, settle};
use crate::raw::{END_STREAM, Frame, GET, GOAWAY, HEADERS, PING, RawClient};

type Streams = Rc<RefCell<Vec<ServerStream>>>;

#[test]
fn a_drained_connection_answers_what_came_and_then_ends() {
    run(async {
        let held: Streams = Rc::default();
        let into = Rc::clone(&held);
        let (mut send, control) = connect(Limits::default(), move |stream| {
            into.borrow_mut().push(stream);
            std::future::ready(())
        })
        .await;
        let (first, _) = send.send_request(get("http://a/1"), true).unwrap();
        settle().await;
        control.drain();
        settle().await;
        // The client knows, and asks for nothing more.
        assert!(poll_fn(|cx| send.poll_ready(cx)).await.unwrap_err().is_go_away());
        assert!(!control.has_ended());
        let mut stream = held.borrow_mut().pop().unwrap();
        head_of(&mut stream).unwrap();
        answer(&mut stream, b"done").await.unwrap();
        drop(stream);
        assert_eq!(Answer::read(first.await.unwrap()).await.unwrap().body, b"done");
        settle().await;
        assert!(control.has_ended());
        assert_eq!(control.verdict(), None);
    });
}

#[test]
fn a_request_on_its_way_while_the_connection_drains_is_still_answered() {
    run(async {
        let (peer, control) = gateway::serve_raw(Limits::default(), echo);
        let mut client = RawClient::begin(peer, &[]).await;
        settle().await;
        control.drain();
        let goaway = client.next_of(GOAWAY).await.unwrap();
        assert_eq!((goaway.number(0), goaway.number(4)), (0x7fff_ffff, 0));
        let ping = client.next_of(PING).await.unwrap();
        client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
        assert_eq!(client.next_of(HEADERS).await.unwrap().stream, 1);
        client.send(&[Frame::new(PING, crate::raw::ACK, 0, &ping.payload)]).await;
        // Now the last stream is told, and the connection ends.
        let goaway = client.next_of(GOAWAY).await.unwrap();
        assert_eq!((goaway.number(0), goaway.number(4)), (1, 0));
        assert_eq!(client.next().await, None);
        // What the client still sends is read, so that nothing is lost on its way; then it closes, too.
        client.send(&[Frame::new(PING, 0, 0, &[0; 8]), Frame::request(3, END_STREAM, &GET)]).await;
        settle().await;
        assert!(!control.has_ended());
        drop(client);
        settle().await;
        assert_eq!(control.verdict(), None);
    });
}

#[test]
fn an_aborted_connection_ends_at_once() {
    run(async {
        let held: Streams = Rc::default();
        let into = Rc::clone(&held);
        let (mut send, control) = connect(Limits::default(), move |stream| {
            into.borrow_mut().push(stream);
            std::future::ready(())
        })
        .await;
        let (first, _) = send.send_request(get("http://a/1"), true).unwrap();
        settle().await;
        control.abort();
        assert!(first.await.is_err());
        settle().await;
        assert_eq!(control.verdict(), None);
        // The stream is still in hand, and says what happened.
        let mut stream = held.borrow_mut().pop().unwrap();
        head_of(&mut stream).unwrap();
        let broken = poll_fn(|cx| stream.poll_reset(cx)).await;
        assert!(matches!(broken, Broken::Io(_) | Broken::Truncated));
        assert!(answer(&mut stream, b"x").await.is_err());
    });
}

#[test]
fn a_client_that_does_not_close_is_cut_off_the_second_time() {
    run(async {
        for reads in [true, false] {
            let (peer, control) = gateway::serve_raw(Limits::default(), |mut stream| async move {
                head_of(&mut stream).unwrap();
                let _ = answer(&mut stream, &vec![0; 1 << 20]).await;
            });
            // Windows for all of it, which the pipe has no room for.
            let mut client = RawClient::begin(peer, &[(4, 1 << 20)]).await;
            let more = Frame::new(crate::raw::WINDOW_UPDATE, 0, 0, &(1u32 << 20).to_be_bytes());
            client.send(&[more, Frame::request(1, END_STREAM, &GET)]).await;
            settle().await;
            control.abort();
            if reads {
                assert_eq!(client.next_of(GOAWAY).await.unwrap().number(4), 0);
            }
            settle().await;
            assert!(!control.has_ended());
            control.abort();
            settle().await;
            assert_eq!((control.verdict(), control.streams.get()), (None, 0));
        }
    });
}

#[test]
fn a_connection_on_which_nothing_was_asked_ends_at_once() {
    run(async {
        for aborts in [false, true] {
            let (_peer, control) = gateway::serve_raw(Limits::default(), echo);
            settle().await;
            if aborts {
                control.abort();
            } else {
                control.drain();
            }
            settle().await;
            assert!(control.has_ended());
            assert_eq!(control.verdict(), None);
        }
        // What has come already counts.
        let (peer, control) = gateway::serve_raw(Limits::default(), echo);
        control.drain();
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
        assert_eq!(client.next_of(GOAWAY).await.unwrap().number(4), 0);
        assert_eq!(client.next_of(HEADERS).await.unwrap().stream, 1);
    });
}

#[test]
fn what_is_no_preface_ends_the_connection() {
    run(async {
        for unread in [0, 3, 20] {
            let (mut peer, stream) = tokio::io::duplex(100 << 10);
            let text = [&b"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n"[..], &[b'x'; 10_000]].concat();
            peer.write_all(&text[unread..]).await.unwrap();
            let mut connection = ServerConnection::new(stream, text[..unread].to_vec(), &Limits::default());
            let broken = poll_fn(|cx| connection.poll_accept(cx)).await.unwrap_err();
            assert_eq!(broken.to_string(), "the gateway ended the connection: PROTOCOL_ERROR");
            assert!(poll_fn(|cx| connection.poll_accept(cx)).await.unwrap().is_none());
            assert_eq!((connection.progress(), connection.streams()), (0, 0));
        }
    });
}

#[test]
fn progress_is_what_matters_and_nothing_else() {
    run(async {
        let (peer, control) = gateway::serve_raw(Limits::default(), echo);
        let mut client = RawClient::begin(peer, &[]).await;
        settle().await;
        let at_first = control.progress.get();
        assert!(at_first > 0, "the handshake is progress");
        client.send(&[Frame::new(PING, 0, 0, &[0; 8]), Frame::new(9 + 100, 0, 0, b"unknown")]).await;
        client.next_of(PING).await.unwrap();
        settle().await;
        assert_eq!(control.progress.get(), at_first);
        client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
        client.next_of(HEADERS).await.unwrap();
        settle().await;
        // The connection's task looks again when it has something to do.
        client.send(&[Frame::new(PING, 0, 0, &[0; 8])]).await;
        client.next_of(PING).await.unwrap();
        settle().await;
        assert!(control.progress.get() > at_first);
        assert_eq!(control.streams.get(), 0);
    });
}
