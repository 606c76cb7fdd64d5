//! Peers that are programs and libraries of others: gRPC's own. `cargo xtask needs tests` installs them; without them their tests
//! are skipped. Their scripts are in `tests/peers`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::installed::cached;
use crate::patience::eventually;
use crate::port::Port;

/// A service that runs. It ends when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    port: u16,
}

/// A file beside the scripts.
pub fn peer_file(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(name)
}

/// A script for Python, with these arguments; none where its libraries are not installed, of which `needs` is the last.
pub(crate) fn python(script: &str, needs: &str, arguments: &[&str]) -> Option<Command> {
    // Noted once all of them are there.
    let libraries = std::fs::read_to_string(cached("python/installed")?).ok()?;
    libraries.lines().find(|library| library.split("==").next() == Some(needs))?;
    let mut command = Command::new(cached("python/bin/python")?);
    command.arg(peer_file(script)).args(arguments);
    Some(command)
}

impl Peer {
    /// The service `peer.Echo`, whose messages are plain bytes.
    pub fn echo() -> Option<Self> {
        Self::python("grpc_peer.py", "grpcio", &["serve"])
    }

    /// A script that prints its port.
    fn python(script: &str, needs: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = python(script, needs, arguments)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    /// The service `kinds.v1.Kinds` as this file describes it, or a later one.
    pub fn kinds(proto: &str, arguments: &[&str]) -> Option<Self> {
        let proto = peer_file(proto).display().to_string();
        Self::python("kinds_peer.py", "grpcio-tools", &[&[proto.as_str()], arguments].concat())
    }

    /// A service whose health is what [`say`](Self::say) says.
    pub fn health() -> Option<Self> {
        Self::python("health_peer.py", "grpcio-health-checking", &[])
    }

    /// Tells it something by a line of its input.
    pub fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// A service whose reflection answers with too much of this: `messages` or `words`.
    pub fn odd_reflection(what: &str) -> Option<Self> {
        Self::python("odd_reflection.py", "grpcio", &[what])
    }

    /// A service of Envoy's `ext_authz`.
    pub fn ext_authz() -> Option<Self> {
        Self::python("ext_authz_peer.py", "xds-protos", &[])
    }

    /// Open Policy Agent with this policy in Rego.
    pub fn opa(policy: &Path) -> Option<Self> {
        let port = Port::reserve();
        let address = format!("127.0.0.1:{}", port.number());
        let mut command = Command::new(cached("opa/opa")?);
        command.args(["run", "--server", "--skip-version-check", "--log-level=error", "--addr", &address]);
        command.arg(policy).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let peer = Self { child, port: port.number() };
        eventually("OPA listens", || std::net::TcpStream::connect(&address).ok());
        Some(peer)
    }

    /// The server of gRPC's public interoperability tests, in Go.
    pub fn interop(arguments: &[&str]) -> Option<Self> {
        let port = Port::reserve();
        let mut command = Command::new(cached("grpc-interop/server")?);
        command
            .arg(format!("--port={}", port.number()))
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let address = ("127.0.0.1", port.number());
        eventually("the server listens", || std::net::TcpStream::connect(address).ok());
        Some(Self { child, port: port.number() })
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input ends a script, and nothing else.
        drop(self.child.stdin.take());
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Runs a client in Python to its end, and reads the JSON that it prints; none where its libraries are not installed.
pub fn run_python(script: &str, needs: &str, arguments: &[&str]) -> Option<serde_json::Value> {
    Some(json(&python(script, needs, arguments)?.output().unwrap()))
}

/// The same for Node.
pub fn run_node(script: &str, arguments: &[&str]) -> Option<serde_json::Value> {
    let modules = cached("grpc-web/node_modules")?;
    cached("grpc-web/installed")?;
    let mut command = Command::new("node");
    command.arg(peer_file(script)).args(arguments).env("NODE_PATH", modules);
    Some(json(&command.output().unwrap()))
}

/// Runs a case of gRPC's public interoperability tests with its client in Go: what it complains of.
pub fn run_interop(case: &str, arguments: &[&str]) -> Result<(), String> {
    let client = cached("grpc-interop/client").expect("it is installed with the server");
    let mut command = Command::new(client);
    command.arg(format!("--test_case={case}")).args(arguments);
    let output = command.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
