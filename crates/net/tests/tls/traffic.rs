//! Bytes on connections whose handshake is done: many, few, and none.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use maitred_net::Stream;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::authority::{Authority, both, client, server, showing};
use crate::link::{expect, linked, meet_over, readable, run, send, shut, sockets, unix_sockets};

/// Bytes that do not repeat soon.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251).to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect()
}

fn write_now(stream: &mut Stream, bytes: &[u8]) -> Poll<usize> {
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(stream).poll_write(&mut cx, bytes).map(Result::unwrap)
}

#[test]
fn large_transfers_go_both_ways_at_once() {
    let (server, client) = both();
    let bytes = pattern(8 << 20);
    run(async {
        let (stream, known) = linked(&client, &server, "shop.example").await;
        let carry = async |mut stream: Stream| {
            // Both directions from one task, as a tunnel does.
            let (mut sent, mut found) = (0, Vec::with_capacity(bytes.len()));
            let mut room = vec![0; 256 << 10];
            poll_fn(|cx| {
                while sent < bytes.len() {
                    let Poll::Ready(n) = Pin::new(&mut stream).poll_write(cx, &bytes[sent..]) else { break };
                    sent += n.unwrap();
                }
                while found.len() < bytes.len() {
                    let mut room = tokio::io::ReadBuf::new(&mut room);
                    match tokio::io::AsyncRead::poll_read(Pin::new(&mut stream), cx, &mut room) {
                        Poll::Ready(result) => result.unwrap(),
                        Poll::Pending => break,
                    }
                    found.extend_from_slice(room.filled());
                }
                let is_flushed = Pin::new(&mut stream).poll_flush(cx).is_ready();
                if sent == bytes.len() && found.len() == bytes.len() && is_flushed {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert!(found == bytes);
            stream
        };
        tokio::join!(carry(stream), carry(known.stream));
    });
}

#[test]
fn who_reads_slowly_stops_who_writes() {
    let (server, client) = both();
    let bytes = pattern(32 << 20);
    run(async {
        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        let mut sent = 0;
        while let Poll::Ready(n) = write_now(&mut known.stream, &bytes[sent..]) {
            sent += n;
        }
        assert!(sent > 0 && sent < bytes.len(), "{sent}");
        assert!(write_now(&mut known.stream, &bytes[sent..]).is_pending());
        // The reader gets exactly what was taken, though nobody flushes: reading sends the rest.
        let mut found = vec![0; sent];
        let reading = stream.read_exact(&mut found);
        tokio::select! {
            read = reading => { read.unwrap(); }
            _ = readable(&mut known.stream) => unreachable!("the reader sends nothing"),
        }
        assert!(found == bytes[..sent]);
    });
}

#[test]
fn slices_leave_in_one_record() {
    let (server, client) = both();
    run(async {
        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        let (head, body) = (pattern(300), pattern(20_000));
        let slices = [&head[..], &[], &body].map(IoSlice::new);
        assert!(known.stream.is_write_vectored());
        let taken = known.stream.write_vectored(&slices).await.unwrap();
        assert_eq!(taken, 20_300);
        known.stream.flush().await.unwrap();
        expect(&mut stream, &[head, body].concat()).await;
        assert_eq!(known.stream.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
    });
}

#[test]
fn tickets_are_nothing_to_read() {
    let authority = Authority::new("root");
    let (server, client) =
        (server(&showing(vec![authority.issue(&["shop.example"])])), client(&authority.believed()));
    run(async {
        // A Unix socket delivers at once: what the server sent behind its handshake is there.
        let (connected, accepted) = meet_over(unix_sockets(), &client, &server, "shop.example").await;
        let (mut stream, mut known) = (connected.unwrap().0, accepted.unwrap());
        assert!(stream.is_quiet());
        assert!(known.stream.is_quiet());
        let mut cx = Context::from_waker(Waker::noop());
        tokio::task::yield_now().await;
        assert!(stream.poll_readable(&mut cx).is_pending());
        assert!(stream.is_quiet());
        // They were taken all the same.
        assert!(linked(&client, &server, "shop.example").await.1.is_resumed);

        send(&mut known.stream, b"x").await;
        readable(&mut stream).await.unwrap();
        assert!(!stream.is_quiet());
        expect(&mut stream, b"x").await;
        assert!(stream.is_quiet());
    });
}

/// A full record and many small ones behind it are more than is decrypted at once. What is left over is neither on the
/// socket nor plain.
#[test]
fn what_is_not_decrypted_yet_is_not_quiet() {
    let (server, client) = both();
    run(async {
        let (connected, accepted) = meet_over(unix_sockets(), &client, &server, "shop.example").await;
        let (mut stream, mut known) = (connected.unwrap().0, accepted.unwrap());
        send(&mut stream, &pattern(16 << 10)).await;
        for _ in 0..120 {
            send(&mut stream, b"x").await;
        }
        expect(&mut known.stream, &pattern(16 << 10)).await;
        for left in (0..120).rev() {
            expect(&mut known.stream, b"x").await;
            assert_eq!(known.stream.is_quiet(), left == 0, "{left}");
        }
    });
}

#[test]
fn closed_connections_are_not_quiet() {
    let (server, client) = both();
    run(async {
        for is_gentle in [true, false] {
            let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
            send(&mut known.stream, b"x").await;
            expect(&mut stream, b"x").await;
            assert!(stream.is_quiet());
            if is_gentle {
                shut(&mut known.stream).await;
            } else {
                drop(known);
            }
            // Waits until the event loop knows, as it would in time.
            readable(&mut stream).await.unwrap();
            assert!(!stream.is_quiet());
            let read = stream.read(&mut [0; 1]).await;
            assert_eq!(read.ok(), is_gentle.then_some(0));
        }
    });
}

#[test]
fn plain_connections_are_quiet_until_something_comes() {
    run(async {
        for (mut one, mut other) in [unix_sockets(), sockets().await] {
            assert!(one.is_quiet() && !one.is_encrypted());
            send(&mut other, b"x").await;
            readable(&mut one).await.unwrap();
            assert!(!one.is_quiet());
            // Exactly what came is read: the event loop has not heard yet that this was all.
            expect(&mut one, b"x").await;
            assert!(one.is_quiet());
            drop(other);
            readable(&mut one).await.unwrap();
            assert!(!one.is_quiet());
        }
    });
}

#[test]
fn half_of_a_connection_can_end() {
    let (server, client) = both();
    run(async {
        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        send(&mut stream, b"question").await;
        shut(&mut stream).await;
        let mut question = Vec::new();
        known.stream.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        send(&mut known.stream, b"answer").await;
        shut(&mut known.stream).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Records of every size, read in pieces of every size, arrive whole and in order, also when so many wait that not
    /// all can be decrypted at once.
    #[test]
    fn bytes_arrive_as_they_were_sent(
        writes in proptest::collection::vec(prop_oneof![1..60_usize, 1_000..5_000_usize, 16_300..16_500_usize], 1..40),
        reads in proptest::collection::vec(prop_oneof![1..100_usize, 10_000..70_000_usize], 1..8),
        waits in any::<bool>(),
    ) {
        let (server, client) = both();
        let bytes = pattern(writes.iter().sum());
        run(async {
            let (mut stream, known) = linked(&client, &server, "shop.example").await;
            let mut writer = known.stream;
            let writing = async {
                let mut rest = &bytes[..];
                for length in &writes {
                    let (now, later) = rest.split_at(*length);
                    writer.write_all(now).await.unwrap();
                    writer.flush().await.unwrap();
                    rest = later;
                }
                shut(&mut writer).await;
            };
            let reading = async {
                let mut found = Vec::new();
                for length in reads.iter().cycle() {
                    if waits {
                        readable(&mut stream).await.unwrap();
                    }
                    let mut room = vec![0; *length];
                    let n = stream.read(&mut room).await.unwrap();
                    if n == 0 {
                        break;
                    }
                    found.extend_from_slice(&room[..n]);
                }
                found
            };
            let ((), found) = tokio::join!(writing, reading);
            assert!(found == bytes);
        });
    }
}
