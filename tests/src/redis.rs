//! Redis, as Debian has it: one server, a master with its replica and sentinels, a cluster. Nothing of it is kept on disk: who starts
//! again is empty.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::folder::Folder;
use crate::installed::installed;
use crate::patience::eventually;
use crate::port::Port;

/// A server. It ends when dropped.
#[derive(Debug)]
pub struct Redis {
    child: Option<Child>,
    port: Port,
    folder: Folder,
    arguments: Vec<String>,
    /// What `redis-cli` is told beside the port.
    access: Vec<String>,
}

impl Default for Redis {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Redis {
    /// One with these options, such as `["--requirepass", "word"]`; `FOLDER` in them is a folder of its own.
    pub fn with(options: &[&str]) -> Self {
        Self::prepared(options, |_| {})
    }

    /// The same, after its folder was prepared.
    pub fn prepared(options: &[&str], prepare: impl FnOnce(&Folder)) -> Self {
        let (folder, port) = (Folder::default(), Port::reserve());
        prepare(&folder);
        let at = folder.path().display().to_string();
        let number = port.number().to_string();
        let fixed =
            ["--port", &number, "--bind", "127.0.0.1", "--dir", &at, "--save", "", "--appendonly", "no"];
        let given = options.iter().map(|option| option.replace("FOLDER", &at));
        let arguments = fixed.map(str::to_owned).into_iter().chain(given).collect();
        let mut redis = Self { child: None, port, folder, arguments, access: Vec::new() };
        redis.restart();
        redis
    }

    /// One that speaks TLS alone, with these files.
    pub fn with_tls(certificate: &str, key: &str, ca: &str, options: &[&str]) -> Self {
        let files = ["--tls-cert-file", "FOLDER/own.pem", "--tls-key-file", "FOLDER/own.key"];
        let authority = ["--tls-ca-cert-file", "FOLDER/ca.pem", "--tls-port", "0", "--port", "0"];
        let (folder, port) = (Folder::default(), Port::reserve());
        folder.write("own.pem", certificate);
        folder.write("own.key", key);
        folder.write("ca.pem", ca);
        let at = folder.path().display().to_string();
        let number = port.number().to_string();
        let given = files.iter().chain(&authority).chain(options).map(|option| option.replace("FOLDER", &at));
        let fixed = ["--bind", "127.0.0.1", "--dir", &at, "--save", "", "--appendonly", "no"];
        let own = fixed.map(str::to_owned).into_iter().chain(given).chain(["--tls-port".to_owned(), number]);
        let mut redis = Self { child: None, port, folder, arguments: own.collect(), access: Vec::new() };
        redis.restart();
        redis
    }

    /// The same, asked by tests as who this is.
    pub fn asked_with(mut self, access: &[&str]) -> Self {
        self.access = access.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// Starts it again, empty.
    pub fn restart(&mut self) {
        self.kill();
        self.begin();
        self.wait();
    }

    fn begin(&mut self) {
        let program = installed("redis-server").expect("`cargo xtask needs tests` installs redis-server");
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
    }

    fn wait(&mut self) {
        eventually("Redis listens", || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "it ended:\n{}", self.log());
            TcpStream::connect(("127.0.0.1", self.port())).ok()
        });
    }

    /// What it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it at once (`SIGKILL`).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it is (`SIGSTOP`): its connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// As it is written in a document.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks it with `redis-cli`: what it says, without the last line end.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port().to_string()]).args(&self.access).args(command);
        let output = cli.stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Redis at {} said:\n{}", self.port(), self.log());
        }
        self.kill();
    }
}

/// A master called `shop`, its replica, and three sentinels.
#[derive(Debug)]
pub struct RedisSentinels {
    pub servers: [Redis; 2],
    pub sentinels: Vec<Redis>,
}

impl Default for RedisSentinels {
    fn default() -> Self {
        Self::start(None)
    }
}

impl RedisSentinels {
    /// They all want this password, if there is one.
    pub fn start(password: Option<&str>) -> Self {
        let access = password.map_or(vec![], |word| vec!["--no-auth-warning", "-a", word]);
        let wanted = password.map_or(vec![], |word| vec!["--requirepass", word, "--masterauth", word]);
        let master = Redis::with(&wanted).asked_with(&access);
        let port = master.port().to_string();
        let of_replica = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
        let replica = Redis::with(&[&wanted[..], &of_replica].concat()).asked_with(&access);
        eventually("the replica follows", || {
            replica.ask(&["INFO", "replication"]).contains("link_status:up").then_some(())
        });
        let secret = password.map_or(String::new(), |word| {
            format!("requirepass {word}\nsentinel sentinel-pass {word}\nsentinel auth-pass shop {word}\n")
        });
        let config = format!(
            "sentinel monitor shop 127.0.0.1 {port} 2\nsentinel down-after-milliseconds shop 500\n\
             sentinel failover-timeout shop 3000\n{secret}"
        );
        let sentinels: Vec<_> = (0..3).map(|_| Redis::sentinel(&config).asked_with(&access)).collect();
        for sentinel in &sentinels {
            eventually("the sentinels know each other and the replica", || {
                let known = sentinel.ask(&["SENTINEL", "master", "shop"]);
                let has = |name: &str, value: &str| {
                    let mut lines = known.lines().skip_while(|line| *line != name);
                    lines.nth(1) == Some(value)
                };
                (has("num-slaves", "1") && has("num-other-sentinels", "2")).then_some(())
            });
        }
        Self { servers: [master, replica], sentinels }
    }
}

impl RedisSentinels {
    /// The number of the server that sentinels call the master.
    pub fn master(&self) -> Option<usize> {
        let said = self.sentinels[0].ask(&["SENTINEL", "get-master-addr-by-name", "shop"]);
        let port: u16 = said.lines().nth(1)?.parse().ok()?;
        self.servers.iter().position(|server| server.port() == port)
    }
}

impl Redis {
    fn sentinel(config: &str) -> Self {
        let (folder, port) = (Folder::default(), Port::reserve());
        let at = folder.path().display().to_string();
        let number = port.number();
        folder.write("sentinel.conf", &format!("port {number}\nbind 127.0.0.1\ndir {at}\n{config}"));
        let arguments = vec![format!("{at}/sentinel.conf"), "--sentinel".to_owned()];
        let mut sentinel = Self { child: None, port, folder, arguments, access: Vec::new() };
        sentinel.restart();
        sentinel
    }
}

/// A cluster of three masters, with a replica for the first where one is asked for.
#[derive(Debug)]
pub struct RedisCluster {
    pub nodes: Vec<Redis>,
    _buses: Vec<Port>,
}

impl RedisCluster {
    /// Three masters, each with so many replicas.
    pub fn start(replicas: usize) -> Self {
        let count = 3 * (1 + replicas);
        let buses: Vec<_> = (0..count).map(|_| Port::reserve()).collect();
        let node = |bus: &Port| {
            let number = bus.number().to_string();
            Redis::with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                "nodes.conf",
                "--cluster-port",
                &number,
                "--cluster-node-timeout",
                "1000",
                "--repl-diskless-sync-delay",
                "0",
            ])
        };
        let nodes: Vec<_> = buses.iter().map(node).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let output = create.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for node in &nodes {
            eventually("the cluster is one", || {
                let known = node.ask(&["CLUSTER", "INFO"]);
                let is_ok = known.contains("cluster_state:ok") && known.contains("cluster_slots_ok:16384");
                is_ok.then_some(())
            });
        }
        Self { nodes, _buses: buses }
    }

    /// The node that has the slot of this key.
    pub fn node_of(&self, key: &str) -> usize {
        let is_its = |node: &Redis| !node.ask(&["GET", key]).contains("MOVED");
        self.nodes.iter().position(is_its).unwrap()
    }
}
