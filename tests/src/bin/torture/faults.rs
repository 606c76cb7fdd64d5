//! Requests to services that misbehave by chance, and clients that do: whatever happens is told within its time, and in the
//! end nothing is left of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use maitred_tests::{Fake, Gateway, Origin, Port, pattern};

use crate::dice::Dice;
use crate::usage::Usage;

const CLIENTS: u64 = 8;
/// How often is looked at what is used.
const LOOKS: u64 = 10;

pub fn run(count: u64, mut dice: Dice) -> bool {
    let (faulty, origin, nobody) = (faulty(&mut dice), Origin::start(), Port::reserve());
    let gateway = Gateway::start(&format!(
        "limits: {{ body_rate: 10MiB/s, body_grace: 500ms, head_timeout: 500ms }}\ntelemetry: {{ log: error, access_log: {{ to: ./access.log }} }}\n\
         upstreams: {{ faulty: {{ endpoints: [{{ url: \"{0}\", weight: 2 }}, \"http://127.0.0.1:{1}\"], timeouts: {{ response: 100ms, idle: 100ms }} }}, good: \"{2}\" }}\n\
         routes: {{ faulty: {{ match: /faulty, upstream: faulty }}, good: {{ match: /good, upstream: good }} }}\n",
        faulty.url(),
        nobody.number(),
        origin.url()
    ));
    let seen = Mutex::new(BTreeMap::<String, u64>::new());
    let (mut first, mut last) = (None, None);
    for look in 1..=LOOKS {
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let (gateway, seen, mut dice) = (&gateway, &seen, dice.split());
                scope.spawn(move || {
                    for _ in 0..count / LOOKS / CLIENTS {
                        let outcome = ask(gateway, &mut dice);
                        *seen.lock().unwrap().entry(outcome).or_default() += 1;
                    }
                });
            }
        });
        let usage = Usage::of(&gateway);
        println!("{look:>3} {usage}");
        first.get_or_insert(usage);
        last = Some(usage);
    }
    for (outcome, count) in &*seen.lock().unwrap() {
        println!("{count:>8} {outcome}");
    }
    assert_eq!(gateway.metrics().sum("maitred_panics_total", &[]), 0);
    assert_eq!(gateway.log().all().iter().filter(|line| line.contains("level=error")).count(), 0);
    last.zip(first).is_some_and(|(last, first)| last.is_no_more_than(first))
}

/// One request of some kind; what came of it.
fn ask(gateway: &Gateway, dice: &mut Dice) -> String {
    let mut wire = gateway.connect();
    let (kind, path) =
        (dice.roll(8), ["/faulty", "/faulty", "/good"][usize::try_from(dice.roll(3)).unwrap()]);
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\n");
    match kind {
        0 => {
            wire.send(format!("{head}Content-Length: 100000\r\n\r\n"));
            wire.send(pattern(1000));
            wire.reset();
            return "the client vanished in its body".to_owned();
        }
        1 => {
            wire.send(&head);
            drop(wire);
            return "the client vanished in its head".to_owned();
        }
        2 => wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nnonsense\r\n")),
        3 => {
            wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n"));
        }
        4 => {
            let mut body = format!("{head}Content-Length: 200000\r\n\r\n").into_bytes();
            body.extend(pattern(200_000));
            // It may be answered, and closed, before all of it is sent.
            let _ = wire.try_send(body);
        }
        5 => wire.send(&head),
        _ => wire.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")),
    }
    if dice.roll(10) == 0 {
        drop(wire);
        return "the client vanished before its answer".to_owned();
    }
    // The connection ends after the answer, whatever it is: what comes until then is all.
    if kind != 5 {
        wire.finish();
    }
    let (bytes, was_reset) = wire.rest_to_any_end();
    let line = String::from_utf8_lossy(&bytes).lines().next().unwrap_or("nothing").to_owned();
    if was_reset { format!("{line}, then a reset") } else { line }
}

/// A service that does something wrong on most of its connections.
fn faulty(dice: &mut Dice) -> Fake {
    let dice = Mutex::new(dice.split());
    Fake::start(move |mut wire, _| {
        let what = dice.lock().unwrap().roll(14);
        if what == 0 {
            return;
        }
        if what == 1 {
            let _ = wire.something_or_end();
            wire.reset();
            return;
        }
        let _ = wire.something_or_end();
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".as_bytes();
        let large = [&b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"[..], &pattern(300_000)].concat();
        let says: &[u8] = match what {
            2 => b"SSH-2.0-OpenSSH_9.2\r\n",
            3 => b"HTTP/1.1 200 OK\r\nContent-Le",
            4 => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            5 => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            6 => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
            7 => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOKHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
            8 => b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            9 => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            10 => b"",
            11 => &large,
            _ => whole,
        };
        let _ = wire.try_send(says);
        // Silence, where it hangs; else until the gateway has had enough.
        if what != 3 && what != 5 {
            let _ = wire.something_or_end();
        }
    })
}
