//! Programs from outside that tests and benchmarks run: installs what is missing where it may, else names it.
//! Debian's packages as root, and libraries of Python and programs in Go in folders of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Clone, Copy, PartialEq)]
pub enum Purpose {
    Tests,
    Bench,
}

struct Need {
    program: &'static str,
    package: &'static str,
    purpose: Purpose,
    why: &'static str,
}

const NEEDS: [Need; 9] = [
    Need { program: "cc", package: "gcc", purpose: Purpose::Tests, why: "compiles the allocator" },
    Need {
        program: "curl",
        package: "curl",
        purpose: Purpose::Tests,
        why: "sends the requests that the demo prints",
    },
    Need {
        program: "nghttp",
        package: "nghttp2-client",
        purpose: Purpose::Tests,
        why: "is a client of HTTP/2 with many streams",
    },
    Need {
        program: "python3",
        package: "python3-venv",
        purpose: Purpose::Tests,
        why: "runs gRPC's own client and server",
    },
    Need {
        program: "openssl",
        package: "openssl",
        purpose: Purpose::Tests,
        why: "is a peer of TLS that is not ours",
    },
    Need { program: "python3", package: "python3", purpose: Purpose::Bench, why: "runs the benchmark" },
    Need { program: "wrk", package: "wrk", purpose: Purpose::Bench, why: "makes load" },
    Need { program: "nginx", package: "nginx", purpose: Purpose::Bench, why: "is compared with" },
    Need { program: "haproxy", package: "haproxy", purpose: Purpose::Bench, why: "is compared with" },
];

/// Libraries of Python that are peers in tests, in a folder of their own outside the repository.
const PYTHON_PEERS: [&str; 1] = ["grpcio==1.85.1"];

/// Programs in Go that are peers in tests, likewise.
const GO_PEERS: [&str; 2] = [
    "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1",
    "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv@v2.10.1",
];

/// Installs them where that can be; the tests that need them say that they are skipped where it cannot.
fn install_peers() {
    install("python", &PYTHON_PEERS, |folder| {
        let python = folder.join("bin/python");
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))
            && succeeds(Command::new(python).args(["-m", "pip", "install", "-q"]).args(PYTHON_PEERS))
    });
    install("pebble", &GO_PEERS, |folder| {
        succeeds(Command::new("go").arg("install").args(GO_PEERS).env("GOBIN", folder))
    });
}

/// Has peers put into a folder of their own, unless it is noted there that they are in it.
fn install(name: &str, peers: &[&str], put: impl Fn(&Path) -> bool) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let Some(cache) = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))) else {
        return;
    };
    let folder = cache.join("maitred-tests").join(name);
    let noted = folder.join("installed");
    let wanted = peers.join("\n");
    if std::fs::read_to_string(&noted).is_ok_and(|installed| installed == wanted) {
        return;
    }
    println!("installing {} into {}", peers.join(", "), folder.display());
    if !(put(&folder) && std::fs::write(&noted, wanted).is_ok()) {
        println!("they could not be installed: tests that need them will be skipped");
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Sees to it that everything for these purposes is installed; the error names what is not.
pub fn meet(purposes: &[Purpose]) -> Result<(), String> {
    let missing =
        || NEEDS.iter().filter(|need| purposes.contains(&need.purpose) && !is_installed(need.program));
    let packages: Vec<&str> = missing().map(|need| need.package).collect();
    if !packages.is_empty() && is_root() && is_installed("apt-get") {
        println!("installing {}", packages.join(", "));
        apt_get(&["update", "-q"])?;
        apt_get(&[&["install", "-y", "-q", "--no-install-recommends"], packages.as_slice()].concat())?;
    }
    let left: Vec<String> = missing()
        .map(|need| format!("{} (Debian package {}): {}", need.program, need.package, need.why))
        .collect();
    if left.is_empty() && purposes.contains(&Purpose::Tests) {
        install_peers();
    }
    if left.is_empty() { Ok(()) } else { Err(format!("missing, please install:\n  {}", left.join("\n  "))) }
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Debian starts a service when it is installed; at run level 1 it does not.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("apt-get: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("apt-get {} failed", arguments.join(" "))) }
}

/// Whether a program is on the path, or where Debian puts servers.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let servers = [Path::new("/usr/sbin").to_path_buf(), Path::new("/usr/local/sbin").to_path_buf()];
    std::env::split_paths(&path).chain(servers).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program"));
    }
}
