//! WebSocket clients and services that are libraries of Python: see `tests/peers/websocket_peer.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use crate::peer::python;

const SCRIPT: &str = "websocket_peer.py";

/// A service that sends back what it gets. It ends when dropped.
#[derive(Debug)]
pub struct WebSocketService {
    child: Child,
    port: u16,
}

impl WebSocketService {
    /// Starts one with `library`: `websockets` or `hypercorn`. None where it is not installed.
    pub fn start(library: &str) -> Option<Self> {
        let mut command = python(SCRIPT, library, &["serve", library])?;
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    /// As an endpoint in a document.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for WebSocketService {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client with one open WebSocket.
#[derive(Debug)]
pub struct WebSocketClient {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl WebSocketClient {
    /// Opens one with `library`, at `/chat` of this port: with `websockets` over HTTP/1.1, with `h2` over HTTP/2. Over TLS
    /// to `shop.test`, where the file of its authority is named. None where it is not installed.
    pub fn open(library: &str, port: u16, authority: Option<&Path>) -> Option<Self> {
        let port = port.to_string();
        let authority = authority.map(|file| file.display().to_string());
        let mut arguments = vec!["chat", library, &port];
        arguments.extend(authority.as_deref());
        let mut command = python(SCRIPT, library, &arguments)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut client = Self { child, output };
        assert_eq!(client.line(), "open", "{library}");
        Some(client)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a message of one line: what came back.
    pub fn exchange(&mut self, text: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{text}").unwrap();
        self.line()
    }

    /// Closes it: the code with which the other side did, too.
    pub fn close(mut self) -> u16 {
        drop(self.child.stdin.take());
        let line = self.line();
        let code = line.strip_prefix("closed ").unwrap_or_else(|| panic!("{line:?}"));
        code.parse().unwrap()
    }
}

impl Drop for WebSocketClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
