//! What attackers send over HTTP/2, from several connections again and again: each of them is ended with the right error, memory
//! stays bounded, a real client is served all the while, and nothing is left.

use std::sync::atomic::{AtomicBool, Ordering};

use maitred_tests::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, GOAWAY, HEADERS, PADDED,
    PING, PRIORITY, RST_STREAM, RawHttp2, SETTINGS, WINDOW_UPDATE, block, literal, request,
};
use maitred_tests::{Echo, Fake, Gateway, Origin, eventually};

const ATTACKERS: usize = 4;
/// Requests of the client that means well.
const SERVED: usize = 8;
/// What all attackers together may cost at most, at any time. The limits of one connection allow it some 2 MiB of bodies; the rest is
/// what the allocator keeps.
const MOST_MEMORY: u64 = 48 << 20;

/// The setting that shuts the windows of streams (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A gateway in front of a service that is attacked through it, and one at `/served` that is not. Connections to both close soon, so
/// that in the end none is left.
fn in_front_of(origins: &[Origin; 2], limits: &str) -> Gateway {
    between(origins[0].url(), &origins[1], limits)
}

fn between(attacked: &str, served: &Origin, limits: &str) -> Gateway {
    let keepalive = "keepalive: { idle_timeout: 300ms }";
    Gateway::start(&format!(
        "limits: {{ {limits} }}\nupstreams:\n  app: {{ endpoints: \"{}\", {keepalive} }}\n  served: {{ endpoints: \"{}\", {keepalive} }}\n\
         routes:\n  app: {{ upstream: app }}\n  served: {{ match: /served, upstream: served }}\n",
        attacked,
        served.url()
    ))
}

fn origins() -> [Origin; 2] {
    [Origin::start(), Origin::start()]
}

/// Has attackers do their worst, each on connections of its own and at least once, until a client that means well has been
/// served some times.
fn attack(gateway: &Gateway, attack: impl Fn(RawHttp2) + Sync) {
    attack_with(gateway, &[], attack);
}

fn attack_with(gateway: &Gateway, settings: &[(u16, u32)], attack: impl Fn(RawHttp2) + Sync) {
    let (before, memory) = (gateway.traces(), gateway.peak_memory());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..ATTACKERS {
            scope.spawn(|| {
                loop {
                    attack(RawHttp2::begin(gateway.connect(), settings));
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        // Whatever happens, the attackers end.
        let served = (0..SERVED).all(|number| {
            let version = ["--http2-prior-knowledge", "--http1.1"][number % 2];
            gateway.curl("/served", &[version]).status() == 200
        });
        is_over.store(true, Ordering::SeqCst);
        assert!(served, "a client was not served");
    });
    let grown = gateway.peak_memory().saturating_sub(memory);
    assert!(grown < MOST_MEMORY, "{grown} bytes");
    gateway.is_back_to(&before);
}

/// The same with frames that never end, which must be answered with `ENHANCE_YOUR_CALM`.
fn flood(gateway: &Gateway, first: &[Frame], frames: impl Fn(u32) -> Vec<Frame> + Sync) {
    attack(gateway, |mut attacker| {
        attacker.send(first);
        assert_eq!(attacker.flood(&frames), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn rapid_reset() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    // CVE-2023-44487.
    flood(&gateway, &[], |number| {
        vec![Frame::get(2 * number + 1, "/reset"), Frame::reset(2 * number + 1, CANCEL)]
    });
}

#[test]
fn rapid_reset_at_a_pace() {
    let served = Origin::start();
    // A service that never answers.
    let service = Fake::start(|mut wire, _| drop(wire.rest_to_any_end()));
    let gateway = between(&service.url(), &served, "");
    attack(&gateway, |mut attacker| {
        // Each request was taken in hand before it is given up: the answer to the PING behind it tells.
        for number in 0..300 {
            let stream = 2 * number + 1;
            attacker.send(&[Frame::get(stream, "/paced"), Frame::new(PING, 0, 0, &[0; 8])]);
            let ends = |frame: &Frame| frame.kind == PING || frame.kind == GOAWAY;
            let frame = attacker.find("an answer", ends);
            if frame.kind == GOAWAY {
                assert_eq!(frame.number(4), ENHANCE_YOUR_CALM);
                return;
            }
            attacker.send(&[Frame::reset(stream, CANCEL)]);
        }
        assert_eq!(attacker.goaway(), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn resets_that_the_gateway_is_made_to_send() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    // CVE-2025-8671: a window that overflows ends the stream.
    flood(&gateway, &[], |number| {
        let stream = 2 * number + 1;
        let too_much = 0x7fff_ffff_u32.to_be_bytes();
        vec![Frame::get(stream, "/made"), Frame::new(WINDOW_UPDATE, 0, stream, &too_much)]
    });
}

#[test]
fn continuation() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    let first = [Frame::new(HEADERS, 0, 1, &block(&request("GET", "/")))];
    for part in [Vec::new(), block(&[("x", "1")]), block(&[("x", &"1".repeat(16_000))])] {
        flood(&gateway, &first, |_| vec![Frame::new(CONTINUATION, 0, 1, &part)]);
    }
}

#[test]
fn frames_that_bring_nothing() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    for frame in [
        Frame::new(SETTINGS, 0, 0, b""),
        Frame::new(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]),
        Frame::new(PING, 0, 0, &[0; 8]),
        Frame::new(PRIORITY, 0, 3, &[0, 0, 0, 1, 0]),
        Frame::new(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        Frame::new(0xbe, 0, 0, b"unknown"),
    ] {
        flood(&gateway, &[], |_| vec![frame.clone()]);
    }
}

#[test]
fn answers_to_pings_that_nobody_reads() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    attack(&gateway, |mut attacker| {
        // Only once the gateway takes no more is it read what came.
        while attacker.send(&[Frame::new(PING, 0, 0, &[0; 8])]) {}
        assert_eq!(attacker.goaway(), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn empty_heads() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    // Without a method a request is malformed, and its stream is reset.
    attack(&gateway, |mut attacker| {
        attacker.send(&[Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, b"")]);
        let reset = attacker.find("the reset", |frame| frame.kind == RST_STREAM);
        assert_eq!((reset.stream, reset.number(0)), (1, maitred_tests::frames::PROTOCOL_ERROR));
        let frames = |number| vec![Frame::new(HEADERS, END_HEADERS | END_STREAM, 2 * number + 3, b"")];
        assert_eq!(attacker.flood(frames), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn pieces_of_a_body_without_a_byte() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    let first = [Frame::head(1, 0, &request("POST", "/"))];
    for piece in [
        Frame::new(DATA, 0, 1, b""),
        Frame::new(DATA, PADDED, 1, &[0]),
        Frame::new(DATA, PADDED, 1, &[255; 256]),
    ] {
        flood(&gateway, &first, |_| vec![piece.clone()]);
    }
}

#[test]
fn heads_that_unpack_to_more_than_a_head_may_have() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    // The first field is put into the table of HPACK (RFC 7541 section 2.3.2): a byte is all that each next one needs.
    let packed = |field: &[u8], count: usize| {
        let mut head = block(&request("GET", "/bomb"));
        head.extend_from_slice(field);
        head.resize(head.len() + count, 0x80 | 0x3e);
        Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, &head)
    };
    for (bomb, what) in [
        (packed(&literal(0x40, "x", &"b".repeat(4000)), 12_000), "48 MB"),
        (packed(&literal(0x40, "x", "b"), 16_000), "16,000 fields"),
        (packed(&literal(0x40, "cookie", "b"), 16_000), "16,000 cookies"),
    ] {
        attack(&gateway, |mut attacker| {
            attacker.send(std::slice::from_ref(&bomb));
            assert_eq!(attacker.goaway(), Some(ENHANCE_YOUR_CALM), "{what}");
        });
    }
    for (bomb, what) in [
        (packed(&literal(0x40, "x", "b"), 1000), "a little more bytes than a head may have"),
        (packed(&literal(0x40, "x", "b"), 110), "a few more fields"),
    ] {
        attack(&gateway, |mut attacker| {
            attacker.send(std::slice::from_ref(&bomb));
            let answer = attacker.find(what, |frame| frame.stream == 1);
            assert_eq!((answer.kind, answer.status()), (HEADERS, 431), "{what}");
            // No reason to end the connection.
            attacker.send(&[Frame::get(3, "/after")]);
            attacker.find("the next answer", |frame| frame.stream == 3 && frame.kind == DATA);
        });
    }
}

/// Where a client must take and bring bodies fast.
const IMPATIENT: &str = "body_rate: 10MiB/s, body_grace: 300ms";

/// Streams on which bodies are asked for, or announced.
const STREAMS: u32 = 100;

fn ids() -> impl Iterator<Item = u32> {
    (0..STREAMS).map(|number| 2 * number + 1)
}

/// Asks for many bodies that have no room; each stream is reset, and the connection goes on.
fn asks_and_takes_nothing(attacker: &mut RawHttp2, room: usize) {
    let head = [&request("GET", "/shut")[..], &[("x-ask", "bytes 300000")]].concat();
    let asks: Vec<Frame> = ids().map(|stream| Frame::head(stream, END_STREAM, &head)).collect();
    assert!(attacker.send(&asks));
    let (mut came, mut reset) = (0, 0);
    while reset < STREAMS {
        let frame = attacker.frame().expect("every stream is reset before the connection ends");
        came += if frame.kind == DATA { frame.payload.len() } else { 0 };
        reset += u32::from(frame.kind == RST_STREAM);
    }
    assert!(came <= room, "{came} bytes");
    attacker.send(&[Frame::head(2 * STREAMS + 1, END_STREAM, &request("HEAD", "/after"))]);
    attacker.find("the next answer", |frame| frame.stream == 2 * STREAMS + 1 && frame.kind == HEADERS);
}

#[test]
fn windows_that_stay_shut() {
    let origins = origins();
    let gateway = in_front_of(&origins, IMPATIENT);
    attack_with(&gateway, &[(INITIAL_WINDOW_SIZE, 0)], |mut attacker| {
        asks_and_takes_nothing(&mut attacker, 0);
    });
    // Those of streams are wide, that of the connection is what it is in the beginning (RFC 9113 section 6.9.2).
    attack_with(&gateway, &[(INITIAL_WINDOW_SIZE, 1 << 20)], |mut attacker| {
        asks_and_takes_nothing(&mut attacker, 65_535);
    });
}

#[test]
fn windows_that_open_by_a_byte() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    attack_with(&gateway, &[(INITIAL_WINDOW_SIZE, 0)], |mut attacker| {
        let head = [&request("GET", "/byte")[..], &[("x-ask", "bytes 300000")]].concat();
        attacker.send(&[Frame::head(1, END_STREAM, &head)]);
        attacker.find("the head", |frame| frame.kind == HEADERS);
        let by_a_byte = Frame::new(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        assert_eq!(attacker.flood(|_| vec![by_a_byte.clone()]), Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn bodies_that_do_not_come() {
    let origins = origins();
    let gateway = in_front_of(&origins, IMPATIENT);
    attack(&gateway, |mut attacker| {
        let announced = [&request("POST", "/slow")[..], &[("content-length", "1000000")]].concat();
        let heads = ids().map(|stream| Frame::head(stream, 0, &announced));
        let pieces = ids().map(|stream| Frame::new(DATA, 0, stream, b"a"));
        assert!(attacker.send(&heads.chain(pieces).collect::<Vec<_>>()));
        // Each is answered, and its stream reset, since nobody waits for the rest.
        let first = attacker.find("an answer", |frame| frame.kind == HEADERS);
        assert_eq!(first.status(), 408);
        for _ in 1..STREAMS {
            attacker.find("an answer", |frame| frame.kind == HEADERS);
        }
        assert!(attacker.send(&[Frame::get(2 * STREAMS + 1, "/after")]));
        attacker.find("the next answer", |frame| frame.stream == 2 * STREAMS + 1 && frame.kind == HEADERS);
    });
}

#[test]
fn a_handshake_that_does_not_end() {
    // The preface is bound to the time of a head, and what should follow it to that of a request.
    let gateway = Gateway::start(
        "limits: { head_timeout: 300ms, idle_timeout: 300ms }\nroutes: { app: { respond: OK } }\n",
    );
    let before = gateway.traces();
    let crowd: Vec<_> = (0..50)
        .map(|number| {
            let mut wire = gateway.connect();
            let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
            wire.send(&preface[..[4, 18, 24][number % 3]]);
            wire
        })
        .collect();
    assert_eq!(gateway.curl("/", &["--http2-prior-knowledge"]).status(), 200);
    for mut wire in crowd {
        wire.rest_to_any_end();
    }
    gateway.is_back_to(&before);
    let connections = || gateway.metrics().sum("maitred_connections", &[("listener", "web")]);
    eventually("none is left", || (connections() == 0).then_some(()));
}

#[test]
fn what_an_honest_client_does_is_no_flood() {
    let origins = origins();
    let gateway = in_front_of(&origins, "");
    // Far more frames than the budget of an interval, each earned by a request.
    let mut client = RawHttp2::begin(gateway.connect(), &[]);
    for number in 0..3000 {
        let stream = 2 * number + 1;
        client.send(&[Frame::get(stream, "/honest"), Frame::new(PING, 0, 0, &[0; 8])]);
        client.find("the answer", |frame| {
            frame.kind == DATA && frame.stream == stream && frame.flags & END_STREAM != 0
        });
        // What is taken of the connection's window is given back.
        client.send(&[Frame::new(WINDOW_UPDATE, 0, 0, &[0, 0, 16, 0])]);
    }
    assert_eq!(Echo::of(&gateway.curl("/", &[])).method(), "GET");
}
