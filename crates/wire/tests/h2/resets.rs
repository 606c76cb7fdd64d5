//! Streams that end before their time, from either side (RFC 9113 sections 5.4.2 and 7).

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use maitred_http::{BodyLength, ResponseHead};
use maitred_wire::h2::ServerStream;
use maitred_wire::{BodySource, Broken, Limits, Reset, ResetBy};

use crate::gateway::{self, head_of, read_body, run, send_body, settle};
use crate::raw::{CANCEL, DATA, END_STREAM, Frame, GET, POST, PROTOCOL_ERROR, RST_STREAM, RawClient};

/// Where a task leaves what it found.
type Found<T> = Rc<RefCell<Option<T>>>;

#[test]
fn a_cancel_is_told_from_an_error() {
    run(async {
        for (code, is_cancel, name) in [
            (CANCEL, true, "CANCEL"),
            (0, true, "NO_ERROR"),
            (PROTOCOL_ERROR, false, "PROTOCOL_ERROR"),
            (77, false, "an unknown code"),
        ] {
            let found: Found<Broken> = Rc::default();
            let into = Rc::clone(&found);
            let (peer, _) = gateway::serve_raw(Limits::default(), move |mut stream| {
                let into = Rc::clone(&into);
                async move {
                    head_of(&mut stream).unwrap();
                    into.replace(read_body(&mut stream).await.err());
                }
            });
            let mut client = RawClient::begin(peer, &[]).await;
            client.send(&[Frame::request(1, 0, &POST), Frame::new(DATA, 0, 1, b"x")]).await;
            settle().await;
            client.send(&[Frame::reset(1, code)]).await;
            settle().await;
            let broken = found.take().unwrap();
            let reset = broken.reset().unwrap();
            assert_eq!(reset, Reset { code, by: ResetBy::Peer, is_connection: false, is_unprocessed: false });
            assert_eq!(reset.is_cancel(), is_cancel);
            assert_eq!(broken.to_string(), format!("the peer ended the stream: {name}"));
        }
    });
}

#[test]
fn what_came_before_a_reset_is_still_there() {
    run(async {
        let slot: Found<ServerStream> = Rc::default();
        let into = Rc::clone(&slot);
        let (peer, _) = gateway::serve_raw(Limits::default(), move |stream| {
            into.replace(Some(stream));
            std::future::ready(())
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, 0, &POST), Frame::new(DATA, END_STREAM, 1, b"hello")]).await;
        settle().await;
        client.send(&[Frame::reset(1, CANCEL)]).await;
        settle().await;
        let mut stream = slot.take().unwrap();
        head_of(&mut stream).unwrap();
        assert_eq!(read_body(&mut stream).await.unwrap().0, b"hello");
        // The answer has nowhere to go.
        stream.respond(&ResponseHead::default(), BodyLength::Known(1));
        let broken = send_body(&mut stream, b"x", None).await.unwrap_err();
        assert!(broken.reset().unwrap().is_cancel());
    });
}

#[test]
fn a_reset_is_seen_while_nothing_is_read_or_written() {
    run(async {
        for responds in [false, true] {
            let found: Found<Broken> = Rc::default();
            let into = Rc::clone(&found);
            let (peer, control) = gateway::serve_raw(Limits::default(), move |mut stream| {
                let into = Rc::clone(&into);
                async move {
                    head_of(&mut stream).unwrap();
                    if responds {
                        stream.respond(&ResponseHead::default(), BodyLength::Unknown);
                    }
                    into.replace(Some(poll_fn(|cx| stream.poll_reset(cx)).await));
                }
            });
            let mut client = RawClient::begin(peer, &[]).await;
            client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
            settle().await;
            assert_eq!((found.borrow().is_none(), control.streams.get()), (true, 1));
            client.send(&[Frame::reset(1, CANCEL)]).await;
            settle().await;
            assert!(found.take().unwrap().reset().unwrap().is_cancel(), "{responds}");
        }
    });
}

#[test]
fn a_sink_that_waits_sees_the_reset() {
    run(async {
        let found: Found<Broken> = Rc::default();
        let into = Rc::clone(&found);
        let (peer, _) = gateway::serve_raw(Limits::default(), move |mut stream| {
            let into = Rc::clone(&into);
            async move {
                head_of(&mut stream).unwrap();
                stream.respond(&ResponseHead::default(), BodyLength::Unknown);
                into.replace(send_body(&mut stream, &[0; 100], None).await.err());
            }
        });
        // No window at all.
        let mut client = RawClient::begin(peer, &[(4, 0)]).await;
        client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
        settle().await;
        assert!(found.borrow().is_none());
        client.send(&[Frame::reset(1, CANCEL)]).await;
        settle().await;
        assert!(found.take().unwrap().reset().unwrap().is_cancel());
    });
}

#[test]
fn a_stream_that_is_dropped_says_how_far_it_came() {
    run(async {
        /// How far an exchange gets before it is dropped.
        #[derive(Clone, Copy, Debug)]
        enum Stage {
            Accepted,
            Read,
            Responded,
            Switched,
        }
        for (stage, code) in
            [(Stage::Accepted, 7), (Stage::Read, 2), (Stage::Responded, 2), (Stage::Switched, 8)]
        {
            let (peer, _) = gateway::serve_raw(Limits::default(), move |mut stream| async move {
                if !matches!(stage, Stage::Accepted) {
                    head_of(&mut stream).unwrap();
                }
                match stage {
                    Stage::Responded => stream.respond(&ResponseHead::default(), BodyLength::Unknown),
                    Stage::Switched => stream.switch(&maitred_http::Fields::default()),
                    Stage::Accepted | Stage::Read => {}
                }
                settle().await;
            });
            let mut client = RawClient::begin(peer, &[]).await;
            client.send(&[Frame::request(1, END_STREAM, &GET)]).await;
            assert_eq!(client.next_of(RST_STREAM).await.unwrap().number(0), code, "{stage:?}");
        }
    });
}

#[test]
fn the_end_of_the_connection_ends_its_streams() {
    run(async {
        let found: Found<Broken> = Rc::default();
        let into = Rc::clone(&found);
        let (peer, control) = gateway::serve_raw(Limits::default(), move |mut stream| {
            let into = Rc::clone(&into);
            async move {
                head_of(&mut stream).unwrap();
                into.replace(read_body(&mut stream).await.err());
            }
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, 0, &POST)]).await;
        settle().await;
        drop(client);
        settle().await;
        assert!(matches!(found.take().unwrap(), Broken::Truncated | Broken::Io(_)));
        assert!(control.has_ended());
    });
}

#[test]
fn an_error_of_the_connection_is_the_peers_fault_on_every_stream() {
    run(async {
        let found: Found<Broken> = Rc::default();
        let into = Rc::clone(&found);
        let (peer, control) = gateway::serve_raw(Limits::default(), move |mut stream| {
            let into = Rc::clone(&into);
            async move {
                head_of(&mut stream).unwrap();
                into.replace(poll_fn(|cx| stream.poll_piece(cx)).await.err());
            }
        });
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&[Frame::request(1, 0, &POST)]).await;
        settle().await;
        // DATA on a stream that was never opened.
        client.send(&[Frame::new(DATA, 0, 5, b"x")]).await;
        let goaway = client.next_of(crate::raw::GOAWAY).await.unwrap();
        assert_eq!(goaway.number(4), PROTOCOL_ERROR);
        drop(client);
        settle().await;
        assert!(matches!(found.take().unwrap(), Broken::Refused(_)));
        assert_eq!(control.verdict().unwrap(), "the gateway ended the connection: PROTOCOL_ERROR");
    });
}
