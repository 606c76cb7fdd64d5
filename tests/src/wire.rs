//! One end of a connection, byte for byte: a client that says exactly what a case wants, or a service that does.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::head::Head;
use crate::patience::PATIENCE;

/// A connection, and what was read from it beyond what was asked for.
#[derive(Debug)]
pub struct Wire {
    end: End,
    unread: Vec<u8>,
}

#[derive(Debug)]
enum End {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A whole message as it was received: a response, or on the other side a request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Heads of 1xx that came before.
    pub interim: Vec<Head>,
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Wire {
    /// Connects to a port of 127.0.0.1.
    pub fn connect(port: u16) -> Self {
        Self::connect_to(([127, 0, 0, 1], port).into())
    }

    pub fn connect_to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}")))
    }

    /// Connects from an address of its own, such as another one of loopback.
    pub fn connect_from(from: IpAddr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into())
    }

    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { end: End::Unix(stream), unread: Vec::new() }
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { end: End::Tcp(stream), unread: Vec::new() }
    }

    /// The socket, for a library that speaks another protocol on it.
    pub fn into_tcp(self) -> TcpStream {
        assert!(self.unread.is_empty(), "bytes were read already");
        match self.end {
            End::Tcp(stream) => stream,
            End::Unix(_) => panic!("a connection over a Unix socket"),
        }
    }

    pub fn local(&self) -> SocketAddr {
        match &self.end {
            End::Tcp(stream) => stream.local_addr().unwrap(),
            End::Unix(_) => panic!("a Unix socket has no address"),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.end {
            End::Tcp(stream) => stream.write_all(bytes.as_ref()),
            End::Unix(stream) => stream.write_all(bytes.as_ref()),
        }
    }

    /// The same connection once more, to write to it while somebody else reads.
    pub(crate) fn writer(&self) -> TcpStream {
        match &self.end {
            End::Tcp(stream) => stream.try_clone().unwrap(),
            End::Unix(_) => panic!("a connection over a Unix socket"),
        }
    }

    /// Says that nothing more comes, and goes on reading.
    pub fn finish(&self) {
        match &self.end {
            End::Tcp(stream) => stream.shutdown(Shutdown::Write).unwrap(),
            End::Unix(stream) => stream.shutdown(Shutdown::Write).unwrap(),
        }
    }

    /// Vanishes: the peer sees a reset.
    pub fn reset(self) {
        if let End::Tcp(stream) = &self.end {
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }

    /// Takes little at a time, so that a peer soon has to wait. To be called before much was sent.
    pub fn narrow(&self) {
        if let End::Tcp(stream) = &self.end {
            SockRef::from(stream).set_recv_buffer_size(4096).unwrap();
        }
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut room = [0; 16 << 10];
        let n = match &mut self.end {
            End::Tcp(stream) => stream.read(&mut room),
            End::Unix(stream) => stream.read(&mut room),
        }?;
        self.unread.extend_from_slice(&room[..n]);
        Ok(n)
    }

    /// Reads more. Panics if nothing comes in time, or the peer has ended.
    fn more(&mut self, wanted: &str) {
        let seen = |unread: &[u8]| String::from_utf8_lossy(&unread[..unread.len().min(2000)]).into_owned();
        match self.read_some() {
            Ok(0) => panic!("the peer ended before {wanted}; seen: {:?}", seen(&self.unread)),
            Ok(_) => {}
            Err(error) => panic!("{error} before {wanted}; seen: {:?}", seen(&self.unread)),
        }
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        self.unread.drain(..n).collect()
    }

    /// Reads to a mark, and leaves the mark out.
    fn until(&mut self, mark: &[u8], wanted: &str) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                let found = self.take(at);
                self.take(mark.len());
                return found;
            }
            self.more(wanted);
        }
    }

    pub fn exactly(&mut self, n: usize) -> Vec<u8> {
        while self.unread.len() < n {
            self.more("the end of the body");
        }
        self.take(n)
    }

    /// Whatever comes next, at least a byte.
    pub fn something(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            self.more("anything");
        }
        self.take(self.unread.len())
    }

    pub fn head(&mut self) -> Head {
        Head::parse(&self.until(b"\r\n\r\n", "the end of the head"))
    }

    /// The next chunk; empty for the last one, whose trailers are left.
    pub fn chunk(&mut self) -> Vec<u8> {
        let line = String::from_utf8(self.until(b"\r\n", "the size of a chunk")).unwrap();
        let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        let chunk = self.exactly(size);
        if size > 0 {
            assert_eq!(self.exactly(2), b"\r\n", "a chunk ends with a line end");
        }
        chunk
    }

    /// What stands behind the last chunk.
    pub fn trailers(&mut self) -> Vec<(String, String)> {
        let mut trailers = Vec::new();
        loop {
            let line = self.until(b"\r\n", "the end of the trailers");
            if line.is_empty() {
                return trailers;
            }
            trailers.extend(Head::parse(&[b"\r\n", line.as_slice()].concat()).fields);
        }
    }

    /// A whole response to a request with this method.
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let mut answer = Answer::default();
        loop {
            answer.head = self.head();
            if answer.status() == 101 || answer.status() / 100 != 1 {
                break;
            }
            answer.interim.push(answer.head.clone());
        }
        let bodiless = method == "HEAD" || matches!(answer.status(), 101 | 204 | 304);
        if !bodiless {
            self.body(&mut answer, true);
        }
        answer
    }

    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// Sends a request and reads the answer.
    pub fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer_to(request.split(' ').next().unwrap_or_default())
    }

    /// Whatever comes next, or nothing at any end.
    pub fn something_or_end(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            // An end of any kind leaves nothing.
            let _ = self.read_some();
        }
        self.take(self.unread.len())
    }

    /// Whether anything comes back, where the connection may have been closed instead.
    pub fn answers(&mut self, request: &str) -> bool {
        self.try_send(request).is_ok() && !self.rest_to_any_end().0.is_empty()
    }

    /// A whole request, for a service; none if the connection ended before its first byte.
    pub fn request(&mut self) -> Option<Answer> {
        if self.unread.is_empty() && !matches!(self.read_some(), Ok(1..)) {
            return None;
        }
        let mut request = Answer { head: self.head(), ..Answer::default() };
        self.body(&mut request, false);
        Some(request)
    }

    fn body(&mut self, message: &mut Answer, may_end_with_connection: bool) {
        if message.head.has("Transfer-Encoding") {
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    break;
                }
                message.body.extend(chunk);
            }
            message.trailers = self.trailers();
        } else if let Some(length) = message.head.field("Content-Length") {
            message.body = self.exactly(length.parse().unwrap());
        } else if may_end_with_connection {
            message.body = self.rest();
        }
    }

    /// Everything up to the end, which must be a regular one.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.read_some().unwrap_or_else(|error| panic!("{error} before the end")) > 0 {}
        self.take(self.unread.len())
    }

    /// Asserts that the peer closes, in whatever way, and sends nothing before it.
    pub fn is_closed(&mut self) {
        assert!(self.unread.is_empty(), "unread: {:?}", String::from_utf8_lossy(&self.unread));
        match self.read_some() {
            Ok(0) => {}
            Ok(_) => panic!("instead of the end: {:?}", String::from_utf8_lossy(&self.unread)),
            Err(error) => assert!(is_reset(&error), "{error} instead of the end"),
        }
    }

    /// Everything up to the end, and whether that was a reset.
    pub fn rest_to_any_end(&mut self) -> (Vec<u8>, bool) {
        loop {
            match self.read_some() {
                Ok(0) => return (self.take(self.unread.len()), false),
                Ok(_) => {}
                Err(error) if is_reset(&error) => return (self.take(self.unread.len()), true),
                Err(error) => panic!("{error} instead of the end"),
            }
        }
    }

    /// Asserts that the connection still answers a request.
    pub fn is_open(&mut self) {
        let answer = self.ask("GET /still-open HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}

impl From<UnixStream> for Wire {
    fn from(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { end: End::Unix(stream), unread: Vec::new() }
    }
}
