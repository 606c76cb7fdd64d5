//! Peers that are libraries of Python, and gRPC's own among them. `cargo xtask needs tests` installs them; without them their tests are skipped.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::installed::cache;

/// The service of `tests/peers/grpc_peer.py`. It ends when dropped.
#[derive(Debug)]
pub struct GrpcPeer {
    child: Child,
    port: u16,
}

/// A script of `tests/peers`, for the Python that has `library`; none where that is not installed.
pub(crate) fn script(name: &str, library: &str, arguments: &[&str]) -> Option<Command> {
    let folder = cache()?.join("python");
    // Noted once all of it is there.
    let libraries = std::fs::read_to_string(folder.join("installed")).ok()?;
    libraries.lines().find(|line| line.starts_with(&format!("{library}==")))?;
    let mut command = Command::new(folder.join("bin/python"));
    command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)).args(arguments);
    Some(command)
}

fn command(arguments: &[&str]) -> Option<Command> {
    script("grpc_peer.py", "grpcio", arguments)
}

impl GrpcPeer {
    /// Starts it; none where the libraries are not installed.
    pub fn start() -> Option<Self> {
        let mut command = command(&["serve"])?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Calls every method through whoever listens at this port: what came.
    pub fn call(&self, port: u16) -> serde_json::Value {
        let output = command(&["call", &port.to_string()]).expect("it was started").output().unwrap();
        let (told, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{errors}"))
    }
}

impl Drop for GrpcPeer {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
