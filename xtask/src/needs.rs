//! Programs from outside that tests and benchmarks run: installs what is missing where it may, else names it.
//! Debian's packages as root; what comes from elsewhere is in `peers`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::peers;

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

const NEEDS: [Need; 12] = [
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
        program: "redis-server",
        package: "redis-server",
        purpose: Purpose::Tests,
        why: "is what stores are kept in",
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
    Need {
        program: "h2load",
        package: "nghttp2-client",
        purpose: Purpose::Bench,
        why: "makes load over HTTP/2",
    },
    Need { program: "openssl", package: "openssl", purpose: Purpose::Bench, why: "makes a certificate" },
];

/// Peers in tests without which only those tests are skipped: the program, and its Debian package.
const PEERS: [(&str, &str); 8] = [
    ("haproxy", "haproxy"),
    ("htpasswd", "apache2-utils"),
    ("nginx", "nginx"),
    ("testssl", "testssl.sh"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("go", "golang-go"),
    ("mvn", "maven"),
];

/// Installs them where that can be. One at a time: what one machine does not have must not keep it from the others.
fn install_peers() {
    let missing = || PEERS.iter().filter(|(program, _)| !is_installed(program));
    if missing().next().is_some()
        && is_root()
        && is_installed("apt-get")
        && apt_get(&["update", "-q"]).is_ok()
    {
        for (_, package) in missing() {
            println!("installing {package}");
            // Told below, where it fails.
            let _ = apt_get(&["install", "-y", "-q", "--no-install-recommends", package]);
        }
    }
    for (program, package) in missing() {
        println!("{program} (Debian package {package}) is not installed: tests that need it will be skipped");
    }
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
        peers::install(is_installed);
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
