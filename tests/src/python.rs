//! Peers that are libraries of Python: gRPC's own, and aioquic. `cargo xtask needs tests` installs them; without them their tests are skipped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The service of `tests/peers/grpc_peer.py`. It ends when dropped.
#[derive(Debug)]
pub struct GrpcPeer {
    child: Child,
    port: u16,
}

/// The Python that has the libraries.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("maitred-tests/python/bin/python")).filter(|python| python.is_file())
}

/// Runs a script of `tests/peers`; none where the libraries are not installed.
pub(crate) fn command(script: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = Command::new(python()?);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script)).args(arguments);
    Some(command)
}

impl GrpcPeer {
    /// Starts it; none where the libraries are not installed.
    pub fn start() -> Option<Self> {
        let mut command = command("grpc_peer.py", &["serve"])?;
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
        let output =
            command("grpc_peer.py", &["call", &port.to_string()]).expect("it was started").output().unwrap();
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
