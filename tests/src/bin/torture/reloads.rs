//! Reloads under load, with `WebSocket`s and long downloads open from the first to the last: none may be cut, no request may
//! fail, and in the end nothing may be used that was not used after the 50th.

use std::fmt::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use maitred_tests::{Echo, Fake, Gateway, Origin, Wire, eventually, open_websocket, pattern, websocket_echo};
use tungstenite::{Message, WebSocket};

use crate::dice::Dice;
use crate::usage::Usage;

const CLIENTS: usize = 4;
const TUNNELS: usize = 20;
const DOWNLOADS: usize = 10;
/// Bytes of a download for each reload.
const PIECE: usize = 2000;
/// After so many, everything that is ever needed has been allocated; and so often is looked.
const WARM: u64 = 50;
/// Large bodies at once before the first look: each worker keeps some buffers of them for the next ones.
const LARGE_BODIES: usize = 40;

struct Services {
    origins: [Origin; 3],
    chat: Fake,
    download: Fake,
}

/// Clients that ask and ask, and can be told to rest.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    is_resting: AtomicBool,
    at_rest: AtomicU64,
    asked: AtomicU64,
}

pub fn run(count: u64, mut dice: Dice) -> bool {
    let (give, given): (Vec<Sender<()>>, Vec<Receiver<()>>) = (0..DOWNLOADS).map(|_| channel()).unzip();
    let services = services(given, usize::try_from(count).unwrap());
    // What the allocator keeps for later comes and goes, and is no leak: here it gives everything back at once.
    let gateway = Gateway::start_under("export MIMALLOC_PURGE_DELAY=0", &services.document(0, &mut dice));
    let mut tunnels: Vec<_> = (0..TUNNELS).map(|_| open_websocket(&gateway)).collect();
    let mut downloads: Vec<_> = (0..DOWNLOADS).map(|_| download(&gateway)).collect();
    let body = pattern(PIECE * usize::try_from(count).unwrap());
    let load = Arc::new(Load::default());
    move_large_bodies(&gateway);
    let (mut warm, mut last) = (None, None);
    std::thread::scope(|scope| {
        // Whatever fails, the clients end.
        let _end = Ending(&load);
        for _ in 0..CLIENTS {
            let (load, gateway, mut dice) = (&load, &gateway, dice.split());
            scope.spawn(move || load.ask(gateway, &mut dice));
        }
        for number in 1..=count {
            // What is used is compared with the same document in place.
            let is_look = number % WARM == 0 || number == count;
            let dice = if is_look { &mut Dice::new(0) } else { &mut dice };
            reload(&gateway, &services.document(number, dice), number);
            assert_eq!(gateway.curl("/number", &[]).text(), number.to_string());
            for tunnel in &mut tunnels {
                is_alive(tunnel, number);
            }
            let end = PIECE * usize::try_from(number).unwrap();
            for give in &give {
                give.send(()).unwrap();
            }
            for wire in &mut downloads {
                assert!(wire.exactly(PIECE) == body[end - PIECE..end], "a download has other bytes at {end}");
            }
            if is_look {
                let usage = load.at_rest(|| Usage::of(&gateway));
                println!("{number:>6} {usage} {:>8} requests", load.asked.load(Ordering::Relaxed));
                warm.get_or_insert(usage);
                last = Some(usage);
            }
        }
    });
    let log = gateway.log().all().join("\n");
    assert!(!log.contains("level=error") && !log.contains("panicked"), "{log}");
    last.zip(warm).is_some_and(|(last, warm)| last.is_no_more_than(warm))
}

/// All of them are under way before the first is read to its end.
fn move_large_bodies(gateway: &Gateway) {
    let ask = |_| {
        let mut wire = gateway.connect();
        wire.send("GET /app/large HTTP/1.1\r\nHost: test\r\nX-Ask: bytes 8000000\r\n\r\n");
        assert_eq!(wire.head().status(), 200);
        wire
    };
    for mut wire in (0..LARGE_BODIES).map(ask).collect::<Vec<_>>() {
        wire.exactly(8_000_000);
    }
}

struct Ending<'a>(&'a Load);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

fn services(given: Vec<Receiver<()>>, count: usize) -> Services {
    let given = std::sync::Mutex::new(given);
    let body = pattern(PIECE * count);
    let download = Fake::start(move |mut wire, _| {
        wire.head();
        let mine = given.lock().unwrap().pop().unwrap();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        for piece in body.chunks(PIECE) {
            if mine.recv().is_err() {
                return;
            }
            wire.send(piece);
        }
        wire.rest_to_any_end();
    });
    Services {
        origins: [Origin::named("a"), Origin::named("b"), Origin::named("c")],
        chat: websocket_echo(),
        download,
    }
}

impl Services {
    /// A document that serves the same and is another one: routes, policies, endpoints and listeners come, go and change.
    fn document(&self, number: u64, dice: &mut Dice) -> String {
        let mut text = "listeners:\n  web: http://127.0.0.1:PORT_web\n".to_owned();
        if dice.roll(3) == 0 {
            text += "  second: http://127.0.0.1:PORT_second\n";
        }
        let [a, b, c] = self.origins.each_ref().map(Origin::url);
        let endpoints = [format!("{a:?}"), format!("[{a:?}, {b:?}]"), format!("[{c:?}, {a:?}, {b:?}]")];
        let endpoints = &endpoints[usize::try_from(dice.roll(3)).unwrap()];
        let limit = 1000 + dice.roll(1000);
        writeln!(text, "limits: {{ fields: {limit} }}").unwrap();
        writeln!(text, "policies: {{ security_headers: {}, cors: true }}", dice.roll(2) == 0).unwrap();
        writeln!(text, "upstreams:\n  app: {{ endpoints: {endpoints} }}").unwrap();
        writeln!(text, "  chat: {}\n  download: {}", self.chat.url(), self.download.url()).unwrap();
        text += "routes:\n  chat: { match: /chat, upstream: chat }\n  download: { match: /download, upstream: download }\n";
        writeln!(text, "  number: {{ match: /number, respond: \"{number}\" }}").unwrap();
        writeln!(
            text,
            "  app: {{ match: /app/*, upstream: app, timeouts: {{ response: {}s }} }}",
            20 + dice.roll(9)
        )
        .unwrap();
        for route in 0..dice.roll(30) {
            let path = dice.roll(100);
            writeln!(text, "  extra-{route}-{path}: {{ match: \"/extra/{route}/{path}/{{id}}\", respond: \"{{path.id}}\" }}").unwrap();
        }
        text
    }
}

/// Loads it, and waits until it serves.
fn reload(gateway: &Gateway, document: &str, number: u64) {
    gateway.write(document);
    gateway.signal("HUP");
    let wanted = i64::try_from(number).unwrap();
    eventually("the new document serves", || {
        let metrics = gateway.metrics();
        let failed = metrics.sum("maitred_reloads_total", &[("result", "failure")]);
        assert_eq!(failed, 0, "{document}\n{}", gateway.log().all().join("\n"));
        (metrics.sum("maitred_reloads_total", &[("result", "success")]) >= wanted).then_some(())
    });
}

fn is_alive(tunnel: &mut WebSocket<TcpStream>, number: u64) {
    let message = Message::text(format!("after reload {number}"));
    tunnel.send(message.clone()).unwrap();
    assert_eq!(tunnel.read().unwrap(), message);
}

fn download(gateway: &Gateway) -> Wire {
    let mut wire = gateway.connect();
    wire.send("GET /download HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(wire.head().status(), 200);
    wire
}

impl Load {
    /// Asks until it is over: on a connection that is kept, and on new ones.
    fn ask(&self, gateway: &Gateway, dice: &mut Dice) {
        let mut kept = gateway.connect();
        while !self.is_over.load(Ordering::SeqCst) {
            if self.is_resting.load(Ordering::SeqCst) {
                self.at_rest.fetch_add(1, Ordering::SeqCst);
                eventually("the rest is over", || (!self.is_resting.load(Ordering::SeqCst)).then_some(()));
                continue;
            }
            let len = usize::try_from(dice.roll(20_000)).unwrap();
            let request = format!("POST /app/{len} HTTP/1.1\r\nHost: test\r\nContent-Length: {len}\r\n\r\n");
            let request = [request.as_bytes(), &pattern(len)].concat();
            let mut fresh = (dice.roll(4) == 0).then(|| gateway.connect());
            let wire = fresh.as_mut().unwrap_or(&mut kept);
            wire.send(request);
            let answer = wire.answer();
            assert_eq!(Echo::of(&answer).len(), len as u64);
            assert!(!answer.head.has("Connection"), "the connection is to stay: {:?}", answer.head);
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks at something while no request is under way.
    fn at_rest<T>(&self, look: impl FnOnce() -> T) -> T {
        self.at_rest.store(0, Ordering::SeqCst);
        self.is_resting.store(true, Ordering::SeqCst);
        eventually("all rest", || (self.at_rest.load(Ordering::SeqCst) == CLIENTS as u64).then_some(()));
        let seen = look();
        self.is_resting.store(false, Ordering::SeqCst);
        seen
    }
}
