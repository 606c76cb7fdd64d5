//! Peers that do not speak TLS, speak it wrongly, or stop in the middle.

use maitred_net::{ClientTls, ServerTls, TlsCause, TlsFailure, TlsPeer};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::both;
use crate::link::{expect, linked, run, said, send, shut, sockets};

#[test]
fn who_does_not_speak_tls_is_told_apart() {
    let (server, client) = both();
    run(async {
        for begin in [
            &b"GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\n",
            &[0x80, 0x2e, 1],
        ] {
            let (mut raw, accepted) = sockets().await;
            send(&mut raw, begin).await;
            let error = server.accept(accepted, b"TLS, please").await.unwrap_err();
            assert_eq!(error.to_string(), "the client does not speak TLS");
            let mut told = String::new();
            raw.read_to_string(&mut told).await.unwrap();
            assert_eq!(told, "TLS, please");
            let failure = TlsFailure::in_error(&error).unwrap();
            assert_eq!((failure.peer(), failure.cause().as_str()), (TlsPeer::Client, "not_tls"));
        }
        let (connected, mut raw) = sockets().await;
        send(&mut raw, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        assert_eq!(said(client.connect(connected, "shop.example").await), "the service does not speak TLS");
    });
}

#[test]
fn broken_and_unfinished_handshakes_are_errors() {
    let (server, client) = both();
    run(async {
        for (begin, kind) in [
            (&b""[..], "closed"),
            (b"\x16\x03\x01", "closed"),
            (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "malformed"),
            (b"\x16\x03\x01\xff\xff\x01\x00\x00\x01\x00", "malformed"),
            (b"\x15\x03\x01\x00\x02\x02\x28", "algorithms"),
        ] {
            let (mut raw, accepted) = sockets().await;
            send(&mut raw, begin).await;
            shut(&mut raw).await;
            let error = server.accept(accepted, b"").await.unwrap_err();
            assert_eq!(TlsFailure::in_error(&error).unwrap().cause().as_str(), kind, "{error}");
        }
        let (connected, raw) = sockets().await;
        drop(raw);
        let error = client.connect(connected, "shop.example").await.unwrap_err();
        // Where the other side closed before reading, the system may say so first.
        let known = TlsFailure::in_error(&error);
        assert!(known.is_none_or(|failure| *failure.cause() == TlsCause::Closed), "{error}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever comes, after whatever of a real beginning: an error, and no panic.
    #[test]
    fn no_bytes_make_a_handshake_panic(kept in 0..300_usize, noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (server, client) = both();
        run(async {
            for is_server in [true, false] {
                let (ours, mut raw) = sockets().await;
                let shaking = async {
                    if is_server {
                        server.accept(ours, b"").await.map(|known| known.stream)
                    } else {
                        client.connect(ours, "shop.example").await.map(|(stream, _)| stream)
                    }
                };
                let attack = async {
                    let begin = beginning(is_server, &client, &server).await;
                    let begin = &begin[..kept.min(begin.len())];
                    // The other side may have closed already.
                    let _ = raw.write_all(&[begin, &noise].concat()).await;
                    let _ = raw.shutdown().await;
                    let _ = raw.read_to_end(&mut Vec::new()).await;
                };
                let (shaken, ()) = tokio::join!(shaking, attack);
                prop_assert!(shaken.is_err());
            }
            Ok(())
        })?;
    }
}

/// The first bytes of a real client, or of a real server's answer to another client.
async fn beginning(is_client: bool, client: &ClientTls, server: &ServerTls) -> Vec<u8> {
    let (client_end, mut front) = sockets().await;
    let (mut back, server_end) = sockets().await;
    let mut bytes = vec![0; 1200];
    let relay = async {
        let n = front.read(&mut bytes).await.unwrap();
        if is_client {
            return n;
        }
        // Hellos may come in pieces; a server that lacks one says nothing.
        back.write_all(&bytes[..n]).await.unwrap();
        let mut rest = vec![0; 4096];
        tokio::select! {
            n = back.read(&mut bytes) => n.unwrap(),
            n = front.read(&mut rest) => {
                back.write_all(&rest[..n.unwrap()]).await.unwrap();
                back.read(&mut bytes).await.unwrap()
            }
        }
    };
    let n = tokio::select! {
        n = relay => n,
        _ = client.connect(client_end, "shop.example") => unreachable!("nobody answers it"),
        _ = server.accept(server_end, b"") => unreachable!("nobody finishes with it"),
    };
    bytes.truncate(n);
    bytes
}

/// Dropping the future closes the connection.
#[test]
fn a_handshake_can_be_given_up() {
    let (server, _) = both();
    run(async {
        let (mut raw, accepted) = sockets().await;
        let mut accepting = Box::pin(server.accept(accepted, b""));
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(accepting.as_mut().poll(cx).is_pending()));
        assert!(polled.await);
        drop(accepting);
        assert_eq!(raw.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn bytes_that_were_changed_on_their_way_break_the_session() {
    let (server, client) = both();
    run(async {
        let (client_end, mut front) = sockets().await;
        let (mut back, server_end) = sockets().await;
        let shaking = async {
            tokio::join!(client.connect(client_end, "shop.example"), server.accept(server_end, b""))
        };
        let relay = tokio::io::copy_bidirectional(&mut front, &mut back);
        let (connected, accepted) = tokio::select! {
            met = shaking => met,
            _ = relay => unreachable!("both ends are open"),
        };
        let (mut stream, mut known) = (connected.unwrap().0, accepted.unwrap());
        send(&mut stream, b"hello").await;
        let mut record = [0; 64];
        let n = front.read(&mut record).await.unwrap();
        record[n - 1] ^= 1;
        send(&mut back, &record[..n]).await;
        let error = known.stream.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "the client broke the rules of TLS: a record cannot be decrypted");
    });
}

#[test]
fn an_end_without_close_notify_is_told_from_one_with_it() {
    let (server, client) = both();
    run(async {
        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        send(&mut stream, b"all").await;
        shut(&mut stream).await;
        let mut all = Vec::new();
        known.stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"all");

        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        // Closing a socket with unread bytes, here of the tickets, would reset the connection.
        send(&mut known.stream, b"x").await;
        expect(&mut stream, b"x").await;
        send(&mut stream, b"some").await;
        drop(stream);
        let mut some = Vec::new();
        let error = known.stream.read_to_end(&mut some).await.unwrap_err();
        assert_eq!(some, b"some");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the client closed the connection without ending the session");
    });
}
