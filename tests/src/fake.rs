//! A service that does not behave: a script for each connection, byte for byte. One that behaves is an `Origin`.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::wire::Wire;

/// What a service of gRPC answers over HTTP/1.1: an empty message.
pub const GRPC_ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n";

/// A listening socket with a script.
#[derive(Debug)]
pub struct Fake {
    port: u16,
    accepted: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Fake {
    /// Runs `script` for each connection, on a thread of its own; the second argument is the connection's number, from
    /// 0. When the script returns the connection is closed.
    pub fn start(script: impl Fn(Wire, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accepted, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop, script) = (Arc::clone(&accepted), Arc::clone(&is_over), Arc::new(script));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                std::thread::spawn(move || script(Wire::over(stream), number));
            }
        });
        Self { port, accepted, is_over }
    }

    /// One that reads each request, answers it with these bytes, and waits for the next.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut wire, _| while wire.request().is_some() && wire.try_send(&answer).is_ok() {})
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As an endpoint in a document.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, so that it sees it is over.
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}
