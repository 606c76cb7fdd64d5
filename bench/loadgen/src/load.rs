//! `load`: requests on keep-alive connections, either as fast as they are answered or at a constant rate.
//!
//! At a constant rate a request is due when the clock says so, whether or not the one before it was
//! answered, and its latency counts from when it was due (no coordinated omission). How late the generator
//! itself sent is measured apart: a run in which that is large says nothing about the proxy.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::args::{Args, Failure};
use crate::histogram::Histogram;
use crate::poll::{Interest, Poll};
use crate::request;
use crate::response::ResponseReader;
use crate::socket::Dial;

/// How long answers may take after the last request.
const GRACE: Duration = Duration::from_secs(10);

struct Connection {
    stream: TcpStream,
    reader: ResponseReader,
    /// When the request was due, in nanoseconds since the start; none: idle.
    due: Option<u64>,
    request: usize,
    written: usize,
    interest: Interest,
}

/// Why requests failed.
#[derive(Default)]
struct Failures {
    status: u64,
    length: u64,
    malformed: u64,
    closed: u64,
    unanswered: u64,
}

struct Load {
    dial: Dial,
    poll: Poll,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    requests: Vec<Vec<u8>>,
    next_request: usize,
    expected_length: Option<usize>,
    start: Instant,
    /// Nanoseconds since the start: what was due before is not counted.
    warm: u64,
    /// Nanoseconds since the start: nothing is due from here on.
    end: u64,
    /// Nanoseconds between two requests; none: each connection sends again once answered.
    interval: Option<f64>,
    scheduled: u64,
    waiting: VecDeque<u64>,
    latency: Histogram,
    lateness: Histogram,
    failures: Failures,
    reconnects: u64,
    buffer: Vec<u8>,
}

/// Runs for `--seconds` after `--warmup`.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut load = Load::new(args)?;
    load.start = Instant::now();
    let mut ready = Vec::new();
    loop {
        let now = load.now();
        load.schedule(now)?;
        let in_flight = load.connections.len() - load.idle.len();
        if now >= load.end && in_flight == 0 && load.waiting.is_empty() {
            break;
        }
        if now >= load.end + nanos(GRACE) {
            load.failures.unanswered += (in_flight + load.waiting.len()) as u64;
            break;
        }
        load.poll.wait(Some(load.timeout(now)), &mut ready)?;
        for &place in &ready {
            load.advance(place)?;
        }
    }
    load.print();
    Ok(())
}

impl Load {
    fn new(args: &Args) -> Result<Self, Failure> {
        let dial = Dial { target: args.required("target")?, sources: 0, slow: false };
        let host = dial.target.to_string();
        let paths = match args.optional::<String>("paths")? {
            Some(file) => std::fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
            None => vec![args.required::<String>("path")?],
        };
        // Lines with header fields, of which each request has the next one.
        let fields: Vec<String> = match args.optional::<String>("fields")? {
            Some(file) => std::fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
            None => vec![String::new()],
        };
        let body = args.optional("body")?.unwrap_or(0);
        let warmup: f64 = args.optional("warmup")?.unwrap_or(0.0);
        let seconds: f64 = args.required("seconds")?;
        let rate: Option<f64> = args.optional("rate")?;
        let mut load = Self {
            dial,
            poll: Poll::new()?,
            connections: Vec::new(),
            idle: VecDeque::new(),
            requests: (0..paths.len().max(fields.len()))
                .map(|at| {
                    let (path, field) = (&paths[at % paths.len()], &fields[at % fields.len()]);
                    request::render(&host, path, field, body)
                })
                .collect(),
            next_request: 0,
            expected_length: args.optional("expect-length")?,
            start: Instant::now(),
            warm: nanos(Duration::from_secs_f64(warmup)),
            end: nanos(Duration::from_secs_f64(warmup + seconds)),
            interval: rate.map(|rate| 1e9 / rate),
            scheduled: 0,
            waiting: VecDeque::new(),
            latency: Histogram::new(),
            lateness: Histogram::new(),
            failures: Failures::default(),
            reconnects: 0,
            buffer: vec![0; 256 * 1024],
        };
        for place in 0..args.required("connections")? {
            let connection = load.connect(place)?;
            load.connections.push(connection);
            load.idle.push_back(place);
        }
        Ok(load)
    }

    fn connect(&self, place: usize) -> Result<Connection, Failure> {
        let stream = self.dial.connect(place).map_err(|error| format!("connection {place}: {error}"))?;
        stream.set_nonblocking(true)?;
        self.poll.add(&stream, place, Interest::Read)?;
        let reader = ResponseReader::default();
        Ok(Connection { stream, reader, due: None, request: 0, written: 0, interest: Interest::Read })
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        nanos(self.start.elapsed())
    }

    /// When the next request of a constant rate is due.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a time in nanoseconds"
    )]
    fn next_due(&self) -> Option<u64> {
        self.interval.map(|interval| (self.scheduled as f64 * interval) as u64).filter(|due| *due < self.end)
    }

    /// Gives the requests that are due to idle connections; those that find none wait, and their time runs.
    fn schedule(&mut self, now: u64) -> Result<(), Failure> {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            self.scheduled += 1;
            if due >= self.warm {
                self.lateness.record(now - due);
            }
            self.waiting.push_back(due);
        }
        while let Some(&due) = self.waiting.front() {
            let Some(place) = self.idle.pop_front() else { break };
            self.waiting.pop_front();
            self.send(place, due)?;
        }
        if self.interval.is_none() {
            while self.now() < self.end
                && let Some(place) = self.idle.pop_front()
            {
                self.send(place, self.now())?;
            }
        }
        Ok(())
    }

    /// How long nothing is to be done but to wait for answers.
    fn timeout(&self, now: u64) -> Duration {
        let until =
            self.next_due().unwrap_or(if now < self.end { self.end } else { self.end + nanos(GRACE) });
        Duration::from_nanos(until.saturating_sub(now))
    }

    fn send(&mut self, place: usize, due: u64) -> Result<(), Failure> {
        let connection = &mut self.connections[place];
        connection.due = Some(due);
        connection.request = self.next_request;
        connection.written = 0;
        self.next_request = (self.next_request + 1) % self.requests.len();
        self.write(place)
    }

    fn write(&mut self, place: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[place];
        let request = &self.requests[connection.request];
        while connection.written < request.len() {
            match connection.stream.write(&request[connection.written..]) {
                Ok(count) => connection.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.lost(place),
            }
        }
        let interest = if connection.written < request.len() { Interest::Write } else { Interest::Read };
        if interest != connection.interest {
            connection.interest = interest;
            self.poll.change(&connection.stream, place, interest)?;
        }
        Ok(())
    }

    /// A connection is ready.
    fn advance(&mut self, place: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[place];
        if connection.interest == Interest::Write {
            return self.write(place);
        }
        let count = match connection.stream.read(&mut self.buffer) {
            Ok(0) => return self.lost(place),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return self.lost(place),
        };
        let Some(due) = connection.due else {
            self.failures.malformed += 1;
            return self.reconnect(place);
        };
        match connection.reader.feed(&self.buffer[..count]) {
            Ok(None) => Ok(()),
            Ok(Some(response)) => {
                connection.due = None;
                let latency = self.now() - due;
                if response.status != 200 {
                    self.failures.status += 1;
                } else if self.expected_length.is_some_and(|length| length != response.length) {
                    self.failures.length += 1;
                } else if due >= self.warm {
                    self.latency.record(latency);
                }
                if response.close {
                    return self.reconnect(place);
                }
                self.idle.push_back(place);
                Ok(())
            }
            Err(_) => {
                self.failures.malformed += 1;
                self.reconnect(place)
            }
        }
    }

    /// The other side closed: a failure if it owed an answer.
    fn lost(&mut self, place: usize) -> Result<(), Failure> {
        self.failures.closed += u64::from(self.connections[place].due.is_some());
        self.reconnect(place)
    }

    fn reconnect(&mut self, place: usize) -> Result<(), Failure> {
        let was_idle = self.connections[place].due.is_none() && self.idle.contains(&place);
        self.connections[place] = self.connect(place)?;
        self.reconnects += 1;
        if !was_idle {
            self.idle.push_back(place);
        }
        Ok(())
    }

    fn print(&self) {
        let Failures { status, length, malformed, closed, unanswered } = self.failures;
        println!(
            "{{\"failed\":{},\"failures\":{{\"status\":{status},\"length\":{length},\"malformed\":{malformed},\
             \"closed\":{closed},\"unanswered\":{unanswered}}},\"reconnects\":{},\"seconds\":{:.3},\"latency_us\":{},\"lateness_us\":{}}}",
            status + length + malformed + closed + unanswered,
            self.reconnects,
            Duration::from_nanos(self.end - self.warm).as_secs_f64(),
            self.latency.json(),
            self.lateness.json(),
        );
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
