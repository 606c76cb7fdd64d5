//! Fifty clients who are one caller to the gateways: each keeps its pace, asks the routes in turn, and notes what came when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use maitred_tests::Wire;

use crate::Clock;
use crate::limits::ROUTES;

const CLIENTS: u64 = 50;
/// Of all clients, on each route: three times what the shortest limit permits.
const REQUESTS_A_SECOND: u64 = 300;

/// A request and what came of it; times are microseconds of the [`Clock`].
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub route: usize,
    pub sent: u64,
    pub came: u64,
    pub status: u16,
}

/// The clients, asking.
pub struct Clients {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Asked>>>,
}

impl Clients {
    /// Each stays with one of the gateways, which listen at these ports.
    pub fn start(ports: &[u16], clock: Clock) -> Self {
        let is_over = Arc::new(AtomicBool::default());
        let routes = ROUTES.len() as u64;
        let pace = 1_000_000 * CLIENTS / (REQUESTS_A_SECOND * routes);
        let begin = clock.now();
        let client = |number: u64| {
            let port = ports[usize::try_from(number).unwrap() % ports.len()];
            let is_over = Arc::clone(&is_over);
            let due = begin + pace * number / CLIENTS;
            std::thread::spawn(move || ask(port, clock, &is_over, due, pace))
        };
        let threads = (0..CLIENTS).map(client).collect();
        Self { is_over, threads }
    }

    /// Everything that was asked, in the order in which it was sent.
    pub fn end(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut all: Vec<_> = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        all.sort_by_key(|asked| asked.sent);
        all
    }
}

fn ask(port: u16, clock: Clock, is_over: &AtomicBool, mut due: u64, pace: u64) -> Vec<Asked> {
    let mut wire = Wire::connect(port);
    let mut all = Vec::new();
    let mut turn = usize::try_from(due / pace).unwrap();
    while !is_over.load(Ordering::SeqCst) {
        let wait = due.saturating_sub(clock.now());
        if wait > 0 {
            std::thread::park_timeout(Duration::from_micros(wait));
            continue;
        }
        let route = turn % ROUTES.len();
        let request =
            format!("GET /{} HTTP/1.1\r\nHost: shop\r\nX-Client: caller\r\n\r\n", ROUTES[route].name);
        let sent = clock.now();
        let status = wire.ask(&request).status();
        all.push(Asked { route, sent, came: clock.now(), status });
        turn += 1;
        // Who was held up goes on from here, and does not catch up in a burst.
        due = (due + pace).max(sent);
    }
    all
}
