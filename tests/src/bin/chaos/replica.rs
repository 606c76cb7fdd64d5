//! A replica of the service, a process of its own, so that it can be killed and paused. What it is to do wrong it reads from its
//! input, a word a line; it ends when that ends. Every request that it reads is noted in a file, which outlives it.

use std::fs::OpenOptions;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Bytes of a large body.
pub const LARGE: usize = 64 << 10;
/// Bytes of a small one.
pub const SMALL: usize = 100;

const WELL: u8 = 0;
const SLOW: u8 = 1;
const ERROR: u8 = 2;
const BREAK: u8 = 3;

static MODE: AtomicU8 = AtomicU8::new(WELL);

/// Serves on this port until its input ends.
pub fn serve(port: u16, name: &str, notes: &Path) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let notes = OpenOptions::new().create(true).append(true).open(notes).unwrap();
    let name = name.to_owned();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (name, notes) = (name.clone(), notes.try_clone().unwrap());
            std::thread::spawn(move || {
                // A client that goes away is the end of its connection, and of nothing else.
                let _ = Serving { stream, name, notes, unread: Vec::new() }.run();
            });
        }
    });
    println!("ready");
    for word in std::io::stdin().lock().lines() {
        let mode = match word.unwrap().as_str() {
            "slow" => SLOW,
            "error" => ERROR,
            "break" => BREAK,
            _ => WELL,
        };
        MODE.store(mode, Ordering::SeqCst);
    }
}

/// The body of an answer: every byte depends on whom it is for.
pub fn body_for(id: &str, len: usize) -> Vec<u8> {
    id.bytes().cycle().take(len).collect()
}

struct Serving {
    stream: TcpStream,
    name: String,
    notes: std::fs::File,
    unread: Vec<u8>,
}

impl Serving {
    fn run(mut self) -> std::io::Result<()> {
        self.stream.set_nodelay(true)?;
        while let Some((method, path, length)) = self.head()? {
            while self.unread.len() < length {
                if self.more()? == 0 {
                    return Ok(());
                }
            }
            self.unread.drain(..length);
            let mode = MODE.load(Ordering::SeqCst);
            if mode == SLOW {
                std::thread::park_timeout(Duration::from_millis(300 + path.len() as u64 * 131 % 1700));
            }
            if path == "/healthz" {
                self.stream.write_all(if mode == ERROR { ERROR_ANSWER } else { GOOD_HEALTH })?;
                continue;
            }
            // One write: lines of several connections do not mix.
            self.notes.write_all(format!("{method} {path}\n").as_bytes())?;
            match mode {
                ERROR => self.stream.write_all(ERROR_ANSWER)?,
                mode => {
                    self.answer(&path, mode == BREAK)?;
                    if mode == BREAK {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The method, the path and the length of the body of the next request.
    fn head(&mut self) -> std::io::Result<Option<(String, String, usize)>> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                let head = String::from_utf8_lossy(&head).into_owned();
                let mut words = head.split(' ').map(str::to_owned);
                let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
                });
                return Ok(Some((method, path, length.unwrap_or(0))));
            }
            if self.more()? == 0 {
                return Ok(None);
            }
        }
    }

    fn more(&mut self) -> std::io::Result<usize> {
        let mut room = [0; 16 << 10];
        let n = self.stream.read(&mut room)?;
        self.unread.extend_from_slice(&room[..n]);
        Ok(n)
    }

    /// Answers, or breaks off in the middle.
    fn answer(&mut self, path: &str, breaks: bool) -> std::io::Result<()> {
        let mut parts = path.split('/').skip(1);
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let body = body_for(id, if kind == "small" { SMALL } else { LARGE });
        let is_chunked = kind == "chunked";
        let length = if is_chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", body.len())
        };
        let mut answer =
            format!("HTTP/1.1 200 OK\r\n{length}\r\nX-Id: {id}\r\nX-Replica: {}\r\n\r\n", self.name)
                .into_bytes();
        let half = body.len() / 2;
        for part in [&body[..half], &body[half..]] {
            if is_chunked {
                answer.extend(format!("{:x}\r\n", part.len()).bytes());
            }
            answer.extend_from_slice(part);
            if breaks {
                return self.stream.write_all(&answer);
            }
            if is_chunked {
                answer.extend(b"\r\n");
            }
        }
        if is_chunked {
            answer.extend(b"0\r\n\r\n");
        }
        self.stream.write_all(&answer)
    }
}

const GOOD_HEALTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const ERROR_ANSWER: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
