//! Peers of tests that come from the registries of other languages: clients and servers of gRPC, HTTP/3,
//! WebSocket, ACME and `OpenID` Connect, and clients that sign requests, that are not ours. They are installed into a
//! folder outside the repository, where that can be; the tests that need them say that they are skipped where it cannot.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Libraries or programs of one language.
struct Peers {
    /// The folder that they are in.
    folder: &'static str,
    /// What installs them; without it there are none.
    installer: &'static str,
    wanted: &'static [&'static str],
    install: fn(folder: &Path, wanted: &[&str]) -> bool,
}

const PEERS: [Peers; 7] = [
    Peers {
        folder: "python",
        installer: "python3",
        wanted: &[
            "grpcio==1.85.1",
            "grpcio-health-checking==1.85.1",
            "grpcio-reflection==1.85.1",
            "grpcio-tools==1.85.1",
            "googleapis-common-protos==1.76.0",
            "aioquic==1.7.2",
            "websockets==17.4",
            "h2==4.4.1",
            "wsproto==1.3.2",
            "hypercorn==0.18.0",
            "xds-protos==1.85.0",
            "http-message-signatures==3.0.0",
            "requests==2.34.2",
        ],
        install: install_python,
    },
    Peers {
        folder: "grpc-interop",
        installer: "go",
        wanted: &[
            "google.golang.org/grpc/interop/client@v1.85.0",
            "google.golang.org/grpc/interop/server@v1.85.0",
        ],
        install: install_go,
    },
    Peers {
        folder: "pebble",
        installer: "go",
        wanted: &[
            "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1",
            "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv@v2.10.1",
        ],
        install: install_go,
    },
    Peers {
        folder: "h2spec",
        installer: "go",
        wanted: &["github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"],
        install: install_go,
    },
    Peers {
        folder: "opa",
        installer: "go",
        wanted: &["github.com/open-policy-agent/opa@v1.22.2"],
        install: install_go,
    },
    Peers {
        folder: "grpc-web",
        installer: "npm",
        wanted: &["grpc-web@2.1.1", "xhr2@0.2.1"],
        install: install_node,
    },
    Peers {
        folder: "keycloak",
        installer: "mvn",
        wanted: &["org.keycloak:keycloak-quarkus-dist:26.7.3:tar.gz"],
        install: install_keycloak,
    },
];

/// Installs all of them that are not there yet.
pub fn install(is_installed: impl Fn(&str) -> bool) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let Some(cache) = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))) else {
        return;
    };
    for peers in PEERS {
        let folder = cache.join("maitred-tests").join(peers.folder);
        let noted = folder.join("installed");
        let wanted = peers.wanted.join("\n");
        if std::fs::read_to_string(&noted).is_ok_and(|installed| installed == wanted) {
            continue;
        }
        println!("installing {} into {}", peers.wanted.join(", "), folder.display());
        let made = is_installed(peers.installer)
            && std::fs::create_dir_all(&folder).is_ok()
            && (peers.install)(&folder, peers.wanted)
            && std::fs::write(&noted, wanted).is_ok();
        if !made {
            println!("they could not be installed: tests that need them will be skipped");
        }
    }
}

fn install_python(folder: &Path, wanted: &[&str]) -> bool {
    let pip = [&["-m", "pip", "install", "-q"], wanted].concat();
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))
        && run(Command::new(folder.join("bin/python")).args(pip))
}

fn install_go(folder: &Path, wanted: &[&str]) -> bool {
    let into = |package: &&str| run(Command::new("go").args(["install", package]).env("GOBIN", folder));
    wanted.iter().all(into)
}

fn install_node(folder: &Path, wanted: &[&str]) -> bool {
    let quiet = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    run(Command::new("npm").args(quiet).arg(folder).args(wanted))
}

/// The server of Keycloak, built for what tests need of it: that takes half a minute, which every start would have to wait otherwise.
fn install_keycloak(folder: &Path, wanted: &[&str]) -> bool {
    let (downloads, unpacked) = (folder.join("downloads"), folder.join("unpacked"));
    let unpack = |artifact: &&str| {
        run(Command::new("mvn")
            .args([
                "--quiet",
                "--batch-mode",
                "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:unpack",
            ])
            .arg(format!("-Dmaven.repo.local={}", downloads.display()))
            .arg(format!("-Dartifact={artifact}"))
            .arg(format!("-DoutputDirectory={}", unpacked.display()))
            // It leaves marks of what it has unpacked where it runs.
            .current_dir(&downloads))
    };
    let server = folder.join("server");
    // What an older version left, or an attempt that failed; seldom there.
    for former in [&unpacked, &server, &downloads] {
        let _ = std::fs::remove_dir_all(former);
    }
    std::fs::create_dir(&downloads).is_ok()
        && wanted.iter().all(unpack)
        && only_entry(&unpacked).is_some_and(|release| std::fs::rename(release, &server).is_ok())
        && run(Command::new(server.join("bin/kc.sh"))
            .args(["build", "--db=dev-mem", "--features-disabled=account,admin,kerberos,device-flow,ciba"])
            // The `java` that will run it.
            .env_remove("JAVA_HOME"))
        && [downloads, unpacked].iter().all(|folder| std::fs::remove_dir_all(folder).is_ok())
}

fn only_entry(folder: &Path) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(folder).ok()?;
    let entry = entries.next()?.ok()?.path();
    entries.next().is_none().then_some(entry)
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}
