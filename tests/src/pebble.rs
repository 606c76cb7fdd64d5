//! An authority that speaks ACME: Pebble, which Let's Encrypt tests its clients with, and a name server for which every name is this
//! machine. `cargo xtask needs tests` installs both; without them their tests are skipped.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::authority::Authority;
use crate::curl::curl;
use crate::folder::Folder;
use crate::installed::cached;
use crate::lines::Lines;
use crate::patience::eventually;
use crate::port::Port;

/// The name that it refuses to sign.
const REFUSED: &str = "refused.test";

/// A running Pebble. It ends when dropped, and has forgotten everything then.
#[derive(Debug)]
pub struct Pebble {
    programs: PathBuf,
    name_server: Child,
    running: Option<Child>,
    /// The address of the name server.
    names: String,
    folder: Folder,
    directory: Port,
    management: Port,
    log: Lines,
}

/// Where the programs are.
fn programs() -> Option<PathBuf> {
    cached("pebble").filter(|folder| folder.join("installed").is_file())
}

impl Pebble {
    /// Starts it; none where it is not installed. It looks for proofs at these ports of this machine.
    pub fn start(http: &Port, tls: &Port) -> Option<Self> {
        let programs = programs()?;
        let folder = Folder::default();
        let [directory, management, names, names_management] = [(); 4].map(|()| Port::reserve());
        let at = |port: &Port| format!("127.0.0.1:{}", port.number());
        let authority = Authority::default();
        let own = authority.server(&["127.0.0.1"]);
        folder.write("ca.pem", &authority.certificate());
        folder.write("own.pem", &own.certificate);
        folder.write("own.key", &own.key);
        let config = serde_json::json!({ "pebble": {
            "listenAddress": at(&directory), "managementListenAddress": at(&management),
            "certificate": folder.join("own.pem"), "privateKey": folder.join("own.key"),
            "httpPort": http.number(), "tlsPort": tls.number(),
            "domainBlocklist": [REFUSED], "keyAlgorithm": "ecdsa",
        } });
        folder.write("pebble.json", &config.to_string());
        let name_server = Command::new(programs.join("pebble-challtestsrv"))
            .args(["-dnsserver", &at(&names), "-management", &at(&names_management), "-defaultIPv6", ""])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pebble = Self {
            programs,
            name_server,
            running: None,
            names: at(&names),
            folder,
            directory,
            management,
            log: Lines::default(),
        };
        wait_for(&names_management);
        pebble.run();
        Some(pebble)
    }

    fn run(&mut self) {
        let mut pebble = Command::new(self.programs.join("pebble"))
            .args(["-strict", "-dnsserver", &self.names, "-config"])
            .arg(self.folder.join("pebble.json"))
            // It looks at once, and asks for a proof of every name every time. It refuses some nonces: so few that an order does not meet
            // three in a row, which is a failure.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.log = Lines::follow(pebble.stdout.take().unwrap());
        self.running = Some(pebble);
        wait_for(&self.directory);
        wait_for(&self.management);
        self.folder.write("root.pem", &self.manage("roots/0", &[]));
    }

    /// Ends it. What it has made known stays valid.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// Starts it again at the same place: with another root, and without any account.
    pub fn forget_everything(&mut self) {
        self.stop();
        self.run();
    }

    /// The URL of its directory.
    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.directory.number())
    }

    /// The file with what vouches for the directory itself.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A name that it refuses to sign.
    pub fn refused(&self) -> &'static str {
        REFUSED
    }

    /// What it says.
    pub fn log(&self) -> &Lines {
        &self.log
    }

    /// The file with its root, which vouches for what it signs.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// Has it say that a certificate, in PEM, was to be renewed years ago.
    pub fn wants_renewal(&self, certificate: &str) {
        let window =
            r#"{ "suggestedWindow": { "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" } }"#;
        let told = serde_json::json!({ "Certificate": certificate, "ARIResponse": window });
        self.manage("set-renewal-info/", &["--data-binary", &told.to_string()]);
    }

    fn manage(&self, path: &str, arguments: &[&str]) -> String {
        let url = format!("https://127.0.0.1:{}/{path}", self.management.number());
        let ca = self.ca();
        let answer = curl(&[arguments, &["--cacert", ca.to_str().unwrap(), &url]].concat());
        assert_eq!((answer.exit, answer.status()), (0, 200), "{path}: {}", answer.text());
        answer.text()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the authority said:\n{}", self.log.all().join("\n"));
        }
        self.stop();
        let _ = self.name_server.kill();
        let _ = self.name_server.wait();
    }
}

fn wait_for(port: &Port) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
    eventually("somebody listens", || TcpStream::connect(address).ok());
}
