//! What an idle connection costs.

use maitred_net::Stream;
use tokio::io::AsyncReadExt;

use crate::authority::both;
use crate::link::{linked, readable, run, send};

/// Bytes that Rust allocates for an idle connection of either side. The keys, which the cryptographic library allocates
/// by itself, add about a kilobyte; socket and task are there without TLS, too.
const AT_MOST: u64 = 8 << 10;

#[test]
fn an_idle_connection_is_small_on_both_sides_even_after_large_messages() {
    const COUNT: u64 = 32;
    let (server, client) = both();
    let large = vec![7; 100_000];
    run(async {
        for is_server in [true, false] {
            let mut held = 0;
            let mut kept: Vec<(Stream, Stream)> = Vec::new();
            for _ in 0..COUNT {
                let (stream, known) = linked(&client, &server, "shop.example").await;
                let (mut ours, mut theirs) =
                    if is_server { (known.stream, stream) } else { (stream, known.stream) };
                let mut room = vec![0; large.len()];
                let ((), read) = tokio::join!(send(&mut theirs, &large), ours.read_exact(&mut room));
                read.unwrap();
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(ours.poll_readable(&mut cx).is_pending());
                kept.push((ours, theirs));
            }
            for (ours, _) in kept {
                let freed = allocation_counter::measure(|| drop(ours));
                held += u64::try_from(-freed.bytes_current).unwrap();
            }
            assert!(held / COUNT <= AT_MOST, "{} bytes, server: {is_server}", held / COUNT);
        }
        // Waiting keeps them small and still sees what comes.
        let (mut stream, mut known) = linked(&client, &server, "shop.example").await;
        let ((), waited) = tokio::join!(send(&mut known.stream, b"x"), readable(&mut stream));
        waited.unwrap();
    });
}
