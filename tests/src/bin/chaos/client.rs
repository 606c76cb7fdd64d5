//! One client: a connection that is kept, a request at a time, and a strict look at what comes back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::replica::{LARGE, SMALL, body_for};

/// How long a client waits for more before it gives up: longer than any deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The right answer, whole, from this replica.
    Whole(u8),
    /// An answer that began and visibly broke off.
    Broken,
    /// An error of the gateway's or the service's, or the end of the connection before an answer.
    Failed,
    /// What must never come: another's answer, more than one, or one that looks whole and is not.
    Wrong,
}

pub struct Client {
    port: u16,
    connection: Option<TcpStream>,
    unread: Vec<u8>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Small,
    Large,
    Chunked,
    Put,
    Post,
}

impl Kind {
    pub fn is_idempotent(self) -> bool {
        self != Self::Post
    }
}

/// The method and the path.
pub fn line_of(kind: Kind, id: &str) -> String {
    match kind {
        Kind::Small => format!("GET /small/{id}"),
        Kind::Large => format!("GET /large/{id}"),
        Kind::Chunked => format!("GET /chunked/{id}"),
        Kind::Put => format!("PUT /small/{id}"),
        Kind::Post => format!("POST /small/{id}"),
    }
}

impl Client {
    pub fn new(port: u16) -> Self {
        Self { port, connection: None, unread: Vec::new() }
    }

    /// Asks, and looks at what comes.
    pub fn ask(&mut self, kind: Kind, id: &str) -> Came {
        let came = self.exchange(kind, id).unwrap_or(Came::Failed);
        if !matches!(came, Came::Whole(_)) {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.unread.clear();
        }
        came
    }

    fn exchange(&mut self, kind: Kind, id: &str) -> std::io::Result<Came> {
        if self.connection.is_none() {
            let connection = TcpStream::connect(("127.0.0.1", self.port))?;
            connection.set_nodelay(true)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            self.connection = Some(connection);
        }
        if !self.unread.is_empty() {
            return Ok(Came::Wrong);
        }
        let body = if matches!(kind, Kind::Put | Kind::Post) { body_for(id, 2000) } else { Vec::new() };
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{} HTTP/1.1\r\nHost: api.test\r\n{length}\r\n", line_of(kind, id));
        let request = [head.as_bytes(), &body].concat();
        self.connection.as_mut().unwrap().write_all(&request)?;
        self.answer(kind, id)
    }

    fn answer(&mut self, kind: Kind, id: &str) -> std::io::Result<Came> {
        let Some(head) = self.until(b"\r\n\r\n")? else { return Ok(Came::Failed) };
        let head = String::from_utf8_lossy(&head).into_owned();
        let field = |wanted: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            values.next().map(|(_, value)| value.trim().to_owned())
        };
        if head.split(' ').nth(1) != Some("200") {
            return Ok(Came::Failed);
        }
        let is_chunked = field("Transfer-Encoding").is_some();
        let length = field("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let read = if is_chunked { self.chunks() } else { self.exactly(length) };
        // Whatever ends the connection in the middle is plain to see.
        let Ok(Some(body)) = read else { return Ok(Came::Broken) };
        let len = if matches!(kind, Kind::Large | Kind::Chunked) { LARGE } else { SMALL };
        if field("X-Id").as_deref() != Some(id) || body != body_for(id, len) || !self.unread.is_empty() {
            return Ok(Came::Wrong);
        }
        if field("Connection").is_some_and(|said| said.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        Ok(Came::Whole(field("X-Replica").map_or(b'?', |name| name.as_bytes()[0])))
    }

    fn more(&mut self) -> std::io::Result<usize> {
        let mut room = [0; 16 << 10];
        let n = self.connection.as_mut().unwrap().read(&mut room)?;
        self.unread.extend_from_slice(&room[..n]);
        Ok(n)
    }

    /// Up to a mark, which is left out; nothing where the connection ends before it.
    fn until(&mut self, mark: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                let found = self.unread.drain(..at).collect();
                self.unread.drain(..mark.len());
                return Ok(Some(found));
            }
            if self.more()? == 0 {
                return Ok(None);
            }
        }
    }

    fn exactly(&mut self, n: usize) -> std::io::Result<Option<Vec<u8>>> {
        while self.unread.len() < n {
            if self.more()? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(self.unread.drain(..n).collect()))
    }

    fn chunks(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n")? else { return Ok(None) };
            let Ok(size) = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16) else {
                return Ok(None);
            };
            let Some(chunk) = self.exactly(size)? else { return Ok(None) };
            body.extend(chunk);
            if self.exactly(2)?.as_deref() != Some(b"\r\n") {
                return Ok(None);
            }
            if size == 0 {
                return Ok(Some(body));
            }
        }
    }
}
