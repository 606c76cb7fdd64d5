//! `slow`: clients that send or read one byte a second, until stdin ends.
//!
//! In turn one sends a head, one a body, one reads an answer that fills every buffer on the way. Who is
//! cut off (a gateway should do that) comes back at once, so that their number stays.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::args::{Args, Failure};
use crate::request;
use crate::socket::Dial;

/// How often within a second a part of the clients moves.
const TICKS: usize = 500;
/// How many clients come each second at the start: more would be a test of that.
const ARRIVALS: usize = 1000;

/// One of the ways of being slow.
#[derive(Clone, Copy)]
enum Kind {
    Head,
    Body,
    Reader,
}

struct Slow {
    dial: Dial,
    clients: Vec<Option<TcpStream>>,
    /// What comes first on a connection, by kind; then one byte a second.
    openings: [Vec<u8>; 3],
    opened: u64,
    bytes: u64,
}

/// Runs until stdin ends; prints a line when all clients are there and one at the end.
pub fn run(args: &Args) -> Result<(), Failure> {
    let target = args.required("target")?;
    let dial = Dial { target, sources: args.optional("sources")?.unwrap_or(0), slow: true };
    let count: usize = args.required("connections")?;
    let mut slow = Slow::new(dial, count, &args.required::<String>("path")?);
    let over = Arc::new(AtomicBool::new(false));
    let until_over = Arc::clone(&over);
    thread::spawn(move || {
        let result = io::stdin().read_to_end(&mut Vec::new());
        until_over.store(true, Ordering::Relaxed);
        result
    });
    slow.round(count, count.div_ceil(ARRIVALS), &over)?;
    println!(r#"{{"open":{count}}}"#);
    let first = slow.opened;
    while !over.load(Ordering::Relaxed) {
        slow.round(count, 1, &over)?;
    }
    println!(r#"{{"reopened":{},"bytes":{}}}"#, slow.opened - first, slow.bytes);
    Ok(())
}

impl Slow {
    fn new(dial: Dial, count: usize, path: &str) -> Self {
        let host = dial.target.to_string();
        let mut head = request::render(&host, path, "", 0);
        head.truncate(head.len() - 2);
        head.extend_from_slice(b"X-Slow: ");
        let mut body = request::render(&host, path, "", 1024 * 1024);
        body.truncate(body.len() - 1024 * 1024);
        let openings = [head, body, request::render(&host, path, "", 0)];
        Self { dial, clients: (0..count).map(|_| None).collect(), openings, opened: 0, bytes: 0 }
    }

    /// Moves each client once, spread over so many seconds.
    fn round(&mut self, count: usize, seconds: usize, over: &AtomicBool) -> Result<(), Failure> {
        let start = Instant::now();
        let ticks = seconds * TICKS;
        for tick in 0..ticks {
            for index in count * tick / ticks..count * (tick + 1) / ticks {
                self.step(index).map_err(|error| format!("client {index}: {error}"))?;
            }
            if over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let due = Duration::from_secs(1) * u32::try_from(tick + 1)? / u32::try_from(TICKS)?;
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(())
    }

    /// One byte of one client; a new connection if it has none or was cut off.
    fn step(&mut self, index: usize) -> io::Result<()> {
        let kind = [Kind::Head, Kind::Body, Kind::Reader][index % 3];
        if let Some(stream) = &mut self.clients[index] {
            let moved = match kind {
                Kind::Head | Kind::Body => stream.write(b"x"),
                Kind::Reader => stream.read(&mut [0]),
            };
            match moved {
                Ok(1) => self.bytes += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => self.clients[index] = None,
            }
        }
        if self.clients[index].is_none() {
            let mut stream = self.dial.connect(index)?;
            self.opened += 1;
            if stream.write_all(&self.openings[kind as usize]).is_ok() {
                stream.set_nonblocking(true)?;
                self.clients[index] = Some(stream);
            }
        }
        Ok(())
    }
}
