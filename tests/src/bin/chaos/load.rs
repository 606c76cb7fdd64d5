//! Constant load on one program: many clients, each at its own pace, so that those that wait hold up no others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Came, Client, Kind};
use crate::now;
use crate::programs::Program;

const CLIENTS: u64 = 64;
/// What is asked for: of ten requests, so many of each kind.
const KINDS: [Kind; 10] = [
    Kind::Small,
    Kind::Small,
    Kind::Post,
    Kind::Small,
    Kind::Large,
    Kind::Small,
    Kind::Put,
    Kind::Small,
    Kind::Chunked,
    Kind::Small,
];

/// What came of all requests.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    pub asked: u64,
    /// Idempotent ones: whole, broken off, failed.
    pub whole: u64,
    pub broken: u64,
    pub failed: u64,
    /// The others: the same.
    pub posts: [u64; 3],
    pub wrong: u64,
    /// The longest wait for the end of an answer.
    pub longest: Duration,
    /// When each replica answered last.
    pub last: HashMap<u8, Instant>,
}

/// Clients of one program.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    asked: AtomicU64,
    sum: Mutex<Sum>,
}

impl Load {
    pub fn start(program: &Program, rate: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let pace = Duration::from_micros(1_000_000 * CLIENTS / rate);
        let begin = now();
        let client = |number: u64| {
            let (shared, name, port) = (Arc::clone(&shared), program.name, program.port());
            let first = begin + pace * u32::try_from(number).unwrap() / u32::try_from(CLIENTS).unwrap();
            std::thread::spawn(move || shared.run(Client::new(port), (name, number), first, pace))
        };
        let threads = (0..CLIENTS).map(client).collect();
        Self { shared, threads }
    }

    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub fn end(self) -> Sum {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let mut sum = self.shared.sum.lock().unwrap().clone();
        sum.asked = self.shared.asked.load(Ordering::SeqCst);
        sum
    }
}

impl Shared {
    fn run(&self, mut client: Client, (name, number): (&str, u64), first: Instant, pace: Duration) {
        let (mut due, mut turn) = (first, 0_u64);
        while !self.is_over.load(Ordering::SeqCst) {
            let wait = due.saturating_duration_since(now());
            if !wait.is_zero() {
                std::thread::park_timeout(wait);
                continue;
            }
            let kind = KINDS[usize::try_from((turn + number) % 10).unwrap()];
            let id = format!("{name}-{number}-{turn}");
            self.asked.fetch_add(1, Ordering::SeqCst);
            let asked = now();
            let came = client.ask(kind, &id);
            self.note(kind, came, asked);
            turn += 1;
            // Who was held up goes on from here, and does not catch up in a burst.
            due = (due + pace).max(asked);
        }
    }

    fn note(&self, kind: Kind, came: Came, asked: Instant) {
        let mut sum = self.sum.lock().unwrap();
        sum.longest = sum.longest.max(asked.elapsed());
        match came {
            Came::Wrong => sum.wrong += 1,
            Came::Whole(replica) => {
                sum.last.insert(replica, now());
                if kind.is_idempotent() { sum.whole += 1 } else { sum.posts[0] += 1 }
            }
            Came::Broken => {
                if kind.is_idempotent() {
                    sum.broken += 1;
                } else {
                    sum.posts[1] += 1;
                }
            }
            Came::Failed => {
                if kind.is_idempotent() {
                    sum.failed += 1;
                } else {
                    sum.posts[2] += 1;
                }
            }
        }
    }
}
