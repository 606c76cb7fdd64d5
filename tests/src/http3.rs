//! A client of HTTP/3: `tests/peers/h3_client.py`, on aioquic. Without it tests are skipped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::Gateway;
use crate::peer::python;

/// Asks a gateway, as if it were `shop.test`, what the script's plan says; none where the library is not installed.
/// `ca.pem` in the gateway's folder vouches for it.
pub fn http3(gateway: &Gateway, plan: &Value) -> Option<Value> {
    Some(Http3Client::start(gateway, plan)?.told())
}

/// A client that still runs.
#[derive(Debug)]
pub struct Http3Client {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Http3Client {
    /// Starts it.
    pub fn start(gateway: &Gateway, plan: &Value) -> Option<Self> {
        let (port, ca) = (gateway.port("web").to_string(), gateway.folder().join("ca.pem"));
        let plan = plan.to_string();
        let mut command =
            python("h3_client.py", "aioquic", &[&port, ca.to_str().unwrap(), "shop.test", &plan])?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, output })
    }

    /// Waits for the line that it says in between.
    pub fn said(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// Has it go on.
    pub fn go(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Waits for its end: what it told.
    pub fn told(mut self) -> Value {
        let mut told = String::new();
        self.output.read_to_string(&mut told).unwrap();
        self.child.wait().unwrap();
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"))
    }
}
