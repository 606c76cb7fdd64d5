//! The program under test: started on a document of its own, on ports of its own, and asserted to end cleanly.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::access::Access;
use crate::curl::{Curl, curl};
use crate::folder::Folder;
use crate::lines::Lines;
use crate::metrics::Metrics;
use crate::patience::{PATIENCE, eventually, now};
use crate::port::Port;
use crate::wire::Wire;

/// A running gateway. Dropped, it is told to stop, and must do so without an error in its log.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    folder: Folder,
    ports: Mutex<BTreeMap<String, Port>>,
    log: Lines,
    access: Lines,
    is_to_end_cleanly: bool,
    /// It was told to stop; a second time would mean at once.
    is_stopping: AtomicBool,
}

/// The program: `MAITRED_BIN`, or what `cargo build` left beside the tests.
pub fn program() -> PathBuf {
    let built = || {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().join("maitred")
    };
    let program = std::env::var_os("MAITRED_BIN").map_or_else(built, PathBuf::from);
    assert!(program.is_file(), "{} is not there: `cargo xtask test` builds it", program.display());
    // Gateways run in folders of their own.
    program.canonicalize().unwrap()
}

impl Gateway {
    /// Starts one on this document and waits until it is ready. `PORT_x` in it becomes a port that is free and stays the
    /// same, `FOLDER` the document's folder. What is not said: the version; a listener `web` at `PORT_web`; an admin listener.
    pub fn start(document: &str) -> Self {
        Self::start_under(":", document)
    }

    /// The same, with these files beside the document.
    pub fn start_with(files: &[(&str, &str)], document: &str) -> Self {
        Self::start_in(files, ":", document)
    }

    /// The same, after a line of shell that limits what the program may use: `ulimit -n 100`.
    pub fn start_under(shell: &str, document: &str) -> Self {
        Self::start_in(&[], shell, document)
    }

    fn start_in(files: &[(&str, &str)], shell: &str, document: &str) -> Self {
        let folder = Folder::default();
        for (name, content) in files {
            folder.write(name, content);
        }
        let ports = Mutex::default();
        folder.write("maitred.yaml", &fill(document, &ports, folder.path()));
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell} && exec \"$0\" \"$@\"")])
            .arg(program())
            .args(["run", "--workers", "2"])
            .arg(folder.join("maitred.yaml"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Lines::follow(child.stderr.take().unwrap());
        let access = Lines::follow(child.stdout.take().unwrap());
        let mut gateway = Self {
            child,
            folder,
            ports,
            log,
            access,
            is_to_end_cleanly: true,
            is_stopping: AtomicBool::default(),
        };
        gateway.wait_until_ready();
        gateway
    }

    fn wait_until_ready(&mut self) {
        let start = now();
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status}:\n{}", self.log.all().join("\n"));
            }
            assert!(start.elapsed() < PATIENCE, "not ready:\n{}", self.log.all().join("\n"));
            self.log.glance();
        }
    }

    /// Whether `/readyz` says so.
    pub fn is_ready(&self) -> bool {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port("admin")));
        let Ok(stream) = TcpStream::connect(admin) else { return false };
        let mut wire = Wire::over(stream);
        wire.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wire.answer().status() == 200
    }

    /// The port of `PORT_name`.
    pub fn port(&self, name: &str) -> u16 {
        port(&self.ports, name)
    }

    /// `http://127.0.0.1:PORT` of listener `web`, and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port("web"))
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to listener `web`.
    pub fn connect(&self) -> Wire {
        Wire::connect(self.port("web"))
    }

    /// Asks for a path with curl.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Curl {
        let url = self.url(path);
        curl(&[arguments, &[url.as_str()]].concat())
    }

    /// What it says of itself.
    pub fn log(&self) -> &Lines {
        &self.log
    }

    /// Waits for the lines of the access log of which `is_it` holds, `count` of them.
    pub fn access(&self, count: usize, is_it: impl Fn(&Access) -> bool) -> Vec<Access> {
        let lines = self.access.wait_for_many("requests", count, |line| is_it(&Access::parse(line)));
        lines.iter().map(|line| Access::parse(line)).collect()
    }

    /// Waits for the line of the access log about this path.
    pub fn access_to(&self, path: &str) -> Access {
        self.access(1, |access| access.text("path") == path).remove(0)
    }

    /// Everything in the access log so far.
    pub fn access_lines(&self) -> Lines {
        self.access.clone()
    }

    /// Scrapes the metrics page.
    pub fn metrics(&self) -> Metrics {
        let answer = Wire::connect(self.port("admin"))
            .ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(answer.status(), 200);
        Metrics::parse(&answer.text())
    }

    /// Puts another document in place of its own, and does not wait for what comes of it.
    pub fn write(&self, document: &str) {
        self.folder.write("maitred.yaml", &fill(document, &self.ports, self.folder.path()));
    }

    /// The same, and waits until it serves.
    pub fn reload(&self, document: &str) {
        let reloads =
            |gateway: &Self| gateway.metrics().sum("maitred_reloads_total", &[("result", "success")]);
        let before = reloads(self);
        self.write(document);
        eventually("the new document serves", || (reloads(self) > before).then_some(()));
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        // The shell's own: not every machine has the program.
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().unwrap();
        assert!(sent.success());
        self.is_stopping.fetch_or(["TERM", "INT"].contains(&name), Ordering::SeqCst);
    }

    /// Tells it to stop, and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        if self.child.try_wait().unwrap().is_none() && !self.is_stopping.load(Ordering::SeqCst) {
            self.signal("TERM");
        }
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("it ends", || child.try_wait().unwrap())
    }

    /// From now on nobody asserts how it ends: for tests that leave requests hanging, or make it fail.
    pub fn may_end_anyhow(&mut self) {
        self.is_to_end_cleanly = false;
    }

    /// What is behind its open file descriptors: sockets by their numbers, files by their paths. Those of event loops are
    /// left out, which come into being after it is ready.
    pub fn open(&self) -> BTreeSet<String> {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        let targets = all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets
            .map(|target| target.display().to_string())
            .filter(|target| !target.starts_with("anon_inode:"))
            .collect()
    }

    /// The most memory that it has had so far, in bytes (`VmHWM`).
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib << 10
    }

    /// What must be the same again once everything that a test did is over.
    pub fn traces(&self) -> Traces {
        let metrics = self.metrics();
        Traces {
            open: self.open(),
            connections: metrics.sum("maitred_connections", &[]),
            upstream_connections: metrics.sum("maitred_upstream_connections", &[]),
        }
    }

    /// Waits until nothing is left of what happened since `before`. Asking for the metrics opens a connection of its own, so that
    /// only what is still there at the next look counts as left.
    pub fn is_back_to(&self, before: &Traces) {
        let start = now();
        let mut last_left = None;
        eventually("what was opened is closed again", || {
            let now = self.traces();
            let left: BTreeSet<_> = now.open.difference(&before.open).cloned().collect();
            let stayed = last_left.replace(left.clone()).map(|last: BTreeSet<_>| &last & &left);
            let is_back = stayed.as_ref().is_some_and(BTreeSet::is_empty)
                && now.connections <= before.connections
                && now.upstream_connections <= before.upstream_connections;
            let is_hopeless = !is_back && start.elapsed() > PATIENCE / 2;
            assert!(
                !is_hopeless,
                "left open: {}; before {before:?}, now {now:?}",
                described(stayed.as_ref())
            );
            is_back.then_some(())
        });
    }
}

/// What descriptors are, with the addresses and states of sockets as the kernel tells them.
fn described(open: Option<&BTreeSet<String>>) -> String {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let describe = |name: &String| {
        let inode = name.trim_start_matches("socket:[").trim_end_matches(']');
        let line = table.lines().find(|line| line.split_whitespace().nth(9) == Some(inode));
        format!("{name} {}", line.unwrap_or_default().trim())
    };
    open.into_iter().flatten().map(describe).collect::<Vec<_>>().join("; ")
}

/// What a gateway has open.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    pub open: BTreeSet<String>,
    pub connections: i64,
    pub upstream_connections: i64,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() || !self.is_to_end_cleanly {
            let _ = self.child.kill();
            let _ = self.child.wait();
            if std::thread::panicking() {
                eprintln!("the gateway said:\n{}", self.log.all().join("\n"));
            }
            return;
        }
        let status = self.stop();
        let log = self.log.all().join("\n");
        assert!(status.success(), "it ended with {status}:\n{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

fn port(ports: &Mutex<BTreeMap<String, Port>>, name: &str) -> u16 {
    ports.lock().unwrap().entry(name.to_owned()).or_insert_with(Port::reserve).number()
}

/// Completes a document, and puts ports and the folder in their places.
fn fill(document: &str, ports: &Mutex<BTreeMap<String, Port>>, folder: &Path) -> String {
    let has = |section: &str| document.lines().any(|line| line.starts_with(&format!("{section}:")));
    let mut text = String::new();
    for (section, line) in [
        ("maitred", "maitred: 1\n"),
        ("listeners", "listeners: { web: \"http://127.0.0.1:PORT_web\" }\n"),
        ("admin", "admin: { address: \"127.0.0.1:PORT_admin\" }\n"),
    ] {
        if !has(section) {
            text.push_str(line);
        }
    }
    text.push_str(document);
    text = text.replace("FOLDER", &folder.display().to_string());
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("PORT_") {
        filled.push_str(&rest[..at]);
        rest = &rest[at + "PORT_".len()..];
        let end = rest.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(rest.len());
        filled.push_str(&port(ports, &rest[..end]).to_string());
        rest = &rest[end..];
    }
    filled + rest
}
