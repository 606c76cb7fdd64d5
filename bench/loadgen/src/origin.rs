//! `origin`: the service behind every proxy, fast enough not to be what is measured.
//!
//! `/bytes/N` answers N bytes, `/kept/N` the same for caches to keep, `/slow/MS` 128 bytes after that many milliseconds, `/echo` the head of
//! the request, every other path 128 bytes. Request bodies with a length are read and dropped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use memchr::memmem;

use crate::args::{Args, Failure};
use crate::poll::{Interest, Poll};
use crate::response::field;
use crate::socket::{limit_unsent, listen};

/// The token of the listener; connections have their place in the table.
const LISTENER: usize = usize::MAX;
const FILLER: usize = 1024 * 1024;
const SMALL: usize = 128;

/// A client of the origin: a proxy.
struct Connection {
    stream: TcpStream,
    /// Bytes read that belong to no request yet.
    input: Vec<u8>,
    /// Bytes of a request's body still to be dropped.
    skip: usize,
    /// The answer's bytes, and how many of them are sent.
    output: Vec<u8>,
    sent: usize,
    /// Bytes of filler that follow `output`.
    filler: usize,
    close: bool,
    waits: bool,
    interest: Interest,
    /// Which of the connections that had this place: a timer of an earlier one must not touch it.
    generation: u64,
}

struct Origin {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    filler: Vec<u8>,
    scratch: Vec<u8>,
    /// The answer of 128 bytes with the current date, and the second it was made for.
    small: Vec<u8>,
    small_made: Instant,
    generation: u64,
    /// Answers made for caches to keep.
    kept: u64,
    /// How many bytes of an answer may wait in the kernel, with thousands of slow readers; none: its own choice.
    unsent: Option<u32>,
}

/// Serves until it is killed.
pub fn run(args: &Args) -> Result<(), Failure> {
    let address: SocketAddr = args.required("listen")?;
    let listener = listen(address)?;
    let poll = Poll::new()?;
    poll.add(&listener, LISTENER, Interest::Read)?;
    let mut origin = Origin {
        poll,
        listener,
        connections: Vec::new(),
        free: Vec::new(),
        timers: BinaryHeap::new(),
        filler: vec![b'x'; FILLER],
        scratch: vec![0; 64 * 1024],
        small: small_answer(),
        small_made: Instant::now(),
        generation: 0,
        kept: 0,
        unsent: args.optional("unsent")?,
    };
    println!(r#"{{"listen":"{address}"}}"#);
    let mut ready = Vec::new();
    loop {
        let timeout =
            origin.timers.peek().map(|Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        origin.poll.wait(timeout, &mut ready)?;
        for &token in &ready {
            if token == LISTENER {
                origin.accept()?;
            } else {
                origin.serve(token);
            }
        }
        origin.fire();
    }
}

impl Origin {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            if let Some(bytes) = self.unsent {
                limit_unsent(&stream, bytes)?;
            }
            let place = self.free.pop().unwrap_or(self.connections.len());
            if place == self.connections.len() {
                self.connections.push(None);
            }
            self.poll.add(&stream, place, Interest::Read)?;
            self.generation += 1;
            self.connections[place] = Some(Connection::new(stream, self.generation));
        }
    }

    /// One connection is ready: reads, answers, and writes on; whatever fails closes it.
    fn serve(&mut self, place: usize) {
        let Some(mut connection) = self.connections[place].take() else { return };
        match self.advance(&mut connection, place) {
            Ok(true) => self.connections[place] = Some(connection),
            Ok(false) | Err(_) => self.free.push(place),
        }
    }

    /// Whether the connection lives on.
    fn advance(&mut self, connection: &mut Connection, place: usize) -> io::Result<bool> {
        if connection.interest == Interest::Read {
            match connection.stream.read(&mut self.scratch) {
                Ok(0) => return Ok(false),
                Ok(count) => connection.take(&self.scratch[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let flushed = connection.flush(&self.filler)?;
            let interest = if flushed { Interest::Read } else { Interest::Write };
            if interest != connection.interest {
                connection.interest = interest;
                self.poll.change(&connection.stream, place, interest)?;
            }
            if flushed && connection.close && !connection.held_back() {
                return Ok(false);
            }
            if !flushed || connection.held_back() || !self.answer(connection, place) {
                return Ok(true);
            }
        }
    }

    /// Takes the next request, if it is whole (but for its body), and makes its answer.
    fn answer(&mut self, connection: &mut Connection, place: usize) -> bool {
        let Some(end) = memmem::find(&connection.input, b"\r\n\r\n").map(|end| end + 4) else { return false };
        let head = &connection.input[..end];
        connection.close = field(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let length = field(head, "content-length").map_or(Ok(0), str::parse::<usize>);
        let path = head.split(|byte| *byte == b' ').nth(1).and_then(|path| std::str::from_utf8(path).ok());
        let number =
            |prefix| path.and_then(|path| path.strip_prefix(prefix)).and_then(|rest| rest.parse().ok());
        let mut delay = None;
        connection.output.clear();
        if length.is_err() || field(head, "transfer-encoding").is_some() {
            connection.close = true;
            connection
                .output
                .extend(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        } else if let Some(bytes) = number("/bytes/") {
            connection.output.extend(answer_head(bytes));
            connection.filler = bytes;
        } else if let Some(bytes) = number("/kept/") {
            self.kept += 1;
            connection.output.extend(kept_head(bytes, self.kept));
            connection.filler = bytes;
        } else if path == Some("/echo") {
            connection.output.extend(answer_head(head.len()));
            connection.output.extend(head);
        } else {
            delay = number("/slow/");
            if self.small_made.elapsed() >= Duration::from_secs(1) {
                self.small = small_answer();
                self.small_made = Instant::now();
            }
            connection.output.extend(&self.small);
        }
        let body = length.unwrap_or(0);
        let here = body.min(connection.input.len() - end);
        connection.input.drain(..end + here);
        connection.skip = body - here;
        connection.sent = 0;
        if let Some(millis) = delay {
            connection.waits = true;
            let due = Instant::now() + Duration::from_millis(millis as u64);
            self.timers.push(Reverse((due, place, connection.generation)));
        }
        true
    }

    /// Sends the slow answers that are due.
    fn fire(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, place, generation))) = self.timers.peek() {
            if due > now {
                return;
            }
            self.timers.pop();
            match &mut self.connections[place] {
                Some(connection) if connection.generation == generation => connection.waits = false,
                _ => continue,
            }
            self.serve(place);
        }
    }
}

impl Connection {
    fn new(stream: TcpStream, generation: u64) -> Self {
        Self {
            stream,
            input: Vec::new(),
            skip: 0,
            output: Vec::new(),
            sent: 0,
            filler: 0,
            close: false,
            waits: false,
            interest: Interest::Read,
            generation,
        }
    }

    /// Keeps what was read, without what is left of a request's body.
    fn take(&mut self, bytes: &[u8]) {
        let dropped = self.skip.min(bytes.len());
        self.skip -= dropped;
        self.input.extend_from_slice(&bytes[dropped..]);
    }

    /// The time of the answer or the end of the request has not come.
    fn held_back(&self) -> bool {
        self.waits || self.skip > 0
    }

    /// Writes what the answer has left, unless it is held back. Whether there is nothing to write.
    fn flush(&mut self, filler: &[u8]) -> io::Result<bool> {
        if self.held_back() {
            return Ok(true);
        }
        while self.sent < self.output.len() || self.filler > 0 {
            let bytes = if self.sent < self.output.len() {
                &self.output[self.sent..]
            } else {
                &filler[..self.filler.min(filler.len())]
            };
            match self.stream.write(bytes) {
                Ok(count) if self.sent < self.output.len() => self.sent += count,
                Ok(count) => self.filler -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn answer_head(length: usize) -> Vec<u8> {
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!("HTTP/1.1 200 OK\r\nServer: origin\r\nDate: {date}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

/// Of an answer that caches may keep for a day, and which tells how many of these were made.
fn kept_head(length: usize, number: u64) -> Vec<u8> {
    let mut head = answer_head(length);
    head.truncate(head.len() - 2);
    head.extend(format!("Cache-Control: public, max-age=86400\r\nETag: \"{number}\"\r\n\r\n").bytes());
    head
}

fn small_answer() -> Vec<u8> {
    let mut answer = answer_head(SMALL);
    answer.resize(answer.len() + SMALL, b'x');
    answer
}
