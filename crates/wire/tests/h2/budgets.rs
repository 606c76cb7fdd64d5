//! What one client may have in hand, and how much it may waste, in an interval.

use std::cell::RefCell;
use std::rc::Rc;

use maitred_wire::h2::ServerStream;
use maitred_wire::{Http2Limits, Limits};

use crate::gateway::{self, answer, head_of, run, serve_raw, settle};
use crate::raw::{
    CANCEL, END_STREAM, ENHANCE_YOUR_CALM, Frame, GET, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM,
    RawClient,
};

type Streams = Rc<RefCell<Vec<ServerStream>>>;

fn limits(http2: Http2Limits) -> Limits {
    Limits { http2, ..Limits::default() }
}

/// A gateway that keeps what it accepts.
fn hold(limits: Limits) -> (tokio::io::DuplexStream, gateway::Control, Streams) {
    let held: Streams = Rc::default();
    let into = Rc::clone(&held);
    let (peer, control) = serve_raw(limits, move |stream| {
        into.borrow_mut().push(stream);
        std::future::ready(())
    });
    (peer, control, held)
}

fn gets(ids: impl Iterator<Item = u32>) -> Vec<Frame> {
    ids.map(|id| Frame::request(id, END_STREAM, &GET)).collect()
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    run(async {
        let (peer, control, held) = hold(limits(Http2Limits { streams: 3, ..Http2Limits::default() }));
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&gets([1, 3, 5, 7].into_iter())).await;
        let refused = client.next_of(RST_STREAM).await.unwrap();
        assert_eq!((refused.stream, refused.number(0)), (7, REFUSED_STREAM));
        settle().await;
        assert_eq!((held.borrow().len(), control.streams.get()), (3, 3));
        // One that is answered makes room.
        let mut stream = held.borrow_mut().pop().unwrap();
        head_of(&mut stream).unwrap();
        answer(&mut stream, b"").await.unwrap();
        drop(stream);
        client.next_of(HEADERS).await.unwrap();
        client.send(&gets([9].into_iter())).await;
        settle().await;
        assert_eq!(held.borrow().len(), 3);
    });
}

#[test]
fn requests_that_are_reset_still_count_while_they_are_in_hand() {
    run(async {
        let (peer, control, held) = hold(limits(Http2Limits { streams: 3, ..Http2Limits::default() }));
        let mut client = RawClient::begin(peer, &[]).await;
        // For the protocol they are closed, and there is room for more; for the gateway there is not.
        for id in [1, 3, 5] {
            client.send(&[Frame::request(id, END_STREAM, &GET)]).await;
            settle().await;
            client.send(&[Frame::reset(id, CANCEL)]).await;
            settle().await;
        }
        client.send(&gets([7, 9].into_iter())).await;
        settle().await;
        assert_eq!((held.borrow().len(), control.streams.get()), (3, 3));
        held.borrow_mut().pop();
        settle().await;
        assert_eq!(held.borrow().len(), 3, "the next one is taken as soon as one ends");
        assert!(!control.has_ended());
    });
}

/// Cancels one request after another, and tells after how many the connection ended.
async fn cancel_until_told(client: &mut RawClient, from: u32, most: u32) -> Option<u32> {
    for n in 0..most {
        let id = from + 2 * n;
        if !client.send(&[Frame::request(id, END_STREAM, &GET)]).await {
            return Some(n);
        }
        settle().await;
        client.send(&[Frame::reset(id, CANCEL)]).await;
        settle().await;
    }
    None
}

/// A gateway that waits for each request's end.
fn wait_for_reset(limits: Limits) -> (tokio::io::DuplexStream, gateway::Control) {
    serve_raw(limits, |mut stream| async move {
        let (head, _) = head_of(&mut stream).unwrap();
        if head.fields.len() > 1 {
            answer(&mut stream, b"").await.unwrap();
            return;
        }
        std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
    })
}

#[test]
fn only_so_many_requests_may_be_cancelled_in_an_interval() {
    run(async {
        let (peer, control) = wait_for_reset(limits(Http2Limits { cancels: 5, ..Http2Limits::default() }));
        let mut client = RawClient::begin(peer, &[]).await;
        assert_eq!(cancel_until_told(&mut client, 1, 5).await, None);
        control.renew();
        settle().await;
        assert_eq!(cancel_until_told(&mut client, 11, 5).await, None);
        // One that is answered earns one.
        let honest = [&GET[..], &[("x", "1")]].concat();
        client.send(&[Frame::request(21, END_STREAM, &honest)]).await;
        client.next_of(HEADERS).await.unwrap();
        assert_eq!(cancel_until_told(&mut client, 23, 1).await, None);
        assert!(!control.has_ended());
        cancel_until_told(&mut client, 25, 1).await;
        assert_eq!(client.next_of(GOAWAY).await.unwrap().number(4), ENHANCE_YOUR_CALM);
        drop(client);
        settle().await;
        assert_eq!(control.verdict().unwrap(), "the gateway ended the connection: ENHANCE_YOUR_CALM");
    });
}

#[test]
fn only_so_many_control_frames_may_come_in_an_interval() {
    run(async {
        let (peer, control, _) = hold(limits(Http2Limits { control_frames: 10, ..Http2Limits::default() }));
        let ping = || Frame::new(PING, 0, 0, &[0; 8]);
        // The handshake's two settings are among them.
        let mut client = RawClient::begin(peer, &[]).await;
        client.send(&vec![ping(); 8]).await;
        settle().await;
        control.renew();
        settle().await;
        client.send(&vec![ping(); 10]).await;
        settle().await;
        assert!(!control.has_ended());
        client.send(&[ping()]).await;
        assert_eq!(client.next_of(GOAWAY).await.unwrap().number(4), ENHANCE_YOUR_CALM);
    });
}

#[test]
fn requests_and_bodies_earn_control_frames() {
    run(async {
        let (peer, control) = serve_raw(
            limits(Http2Limits { control_frames: 10, ..Http2Limits::default() }),
            |mut stream| async move {
                head_of(&mut stream).unwrap();
                answer(&mut stream, &vec![0; 20 << 10]).await.unwrap();
            },
        );
        let ping = || Frame::new(PING, 0, 0, &[0; 8]);
        let mut client = RawClient::begin(peer, &[]).await;
        for id in 0..20 {
            // Seven of these and HEADERS are what a request earns, and its answer earns more.
            client.send(&[vec![ping(); 7], gets([2 * id + 1].into_iter())].concat()).await;
            loop {
                let frame = client.next().await.unwrap();
                if frame.kind == crate::raw::DATA && frame.flags & END_STREAM != 0 {
                    break;
                }
            }
            let more = (20u32 << 10).to_be_bytes();
            client.send(&[Frame::new(crate::raw::WINDOW_UPDATE, 0, 0, &more)]).await;
        }
        settle().await;
        assert!(!control.has_ended());
    });
}
