//! Keycloak, an `OpenID` provider that many have. It takes ten seconds to start: one serves all tests of a run, each of which has a
//! [`Realm`](crate::Realm) of its own in it. `cargo xtask needs tests` installs it; without it its tests are skipped.

use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::curl::{Curl, curl, curl_with};
use crate::folder::Folder;
use crate::installed::{cached, installed};
use crate::lines::Lines;
use crate::patience::eventually_within;
use crate::peer::peer_file;

/// How long it may take to start on a machine that is busy with other tests.
const START: Duration = Duration::from_mins(2);

/// Who may do everything, in a provider that only this machine reaches, for as long as tests run.
const ADMINISTRATOR: &str = "administrator";

/// The one that runs. It ends with the process of the tests, whichever way that goes.
#[derive(Debug)]
pub(crate) struct Keycloak {
    port: u16,
    log: Lines,
    /// Its input must stay open: see `tied.sh`.
    _child: Child,
    _folder: Folder,
}

static SHARED: LazyLock<Option<Keycloak>> = LazyLock::new(Keycloak::start);

impl Keycloak {
    /// Starts it for the first who asks; none where it is not installed.
    pub(crate) fn shared() -> Option<&'static Self> {
        SHARED.as_ref()
    }

    fn start() -> Option<Self> {
        let server = cached("keycloak/installed")?.with_file_name("server");
        let java = installed("java")?;
        // For what it writes down for itself; `tied.sh` removes it.
        let folder = Folder::default();
        let mut child = Command::new("sh")
            .args([peer_file("tied.sh").as_path(), folder.path(), &java])
            .arg(format!("-Djava.io.tmpdir={}", folder.path().display()))
            // Soon there rather than fast for long.
            .args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"])
            .arg(format!("-Dkc.home.dir={}", server.display()))
            .arg(format!("-Djboss.server.config.dir={}", server.join("conf").display()))
            .arg("-Djava.util.logging.manager=org.jboss.logmanager.LogManager")
            .arg("-cp")
            .arg(server.join("lib/quarkus-run.jar"))
            .args(["io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized", "--cache=local"])
            // Whoever asks says in `Host` what it is called: an issuer for each forwarder.
            .args([
                "--http-enabled=true",
                "--http-host=127.0.0.1",
                "--http-port=0",
                "--hostname-strict=false",
            ])
            .arg("--log-level=WARN,io.quarkus:INFO")
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMINISTRATOR)
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", ADMINISTRATOR)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = Lines::follow(child.stdout.take().unwrap());
        let port = eventually_within(START, "Keycloak listens", || {
            assert_eq!(child.try_wait().unwrap(), None, "it ended:\n{}", log.all().join("\n"));
            log.all().iter().find_map(|line| port_in(line))
        });
        Some(Self { port, log, _child: child, _folder: folder })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What it said with this word in it.
    pub(crate) fn said_of(&self, word: &str) -> Vec<String> {
        self.log.all().into_iter().filter(|line| line.contains(word)).collect()
    }

    /// A request to its REST API of administration, below `/admin/realms`; it must succeed.
    pub(crate) fn administer(&self, method: &str, path: &str, body: Option<&Value>) -> Curl {
        let authorization = format!("Authorization: Bearer {}", self.administrator());
        let url = format!("http://127.0.0.1:{}/admin/realms{path}", self.port);
        let mut arguments = vec!["-X", method, "-H", &authorization];
        if body.is_some() {
            arguments.extend(["-H", "Content-Type: application/json", "--data-binary", "@-"]);
        }
        arguments.push(&url);
        let answer = curl_with(&arguments, body.map(Value::to_string).unwrap_or_default().as_bytes());
        assert_eq!((answer.exit, answer.status() / 100), (0, 2), "{method} {path}: {}", answer.text());
        answer
    }

    /// A token that is good for a minute.
    fn administrator(&self) -> String {
        let url = format!("http://127.0.0.1:{}/realms/master/protocol/openid-connect/token", self.port);
        let form = format!(
            "grant_type=password&client_id=admin-cli&username={ADMINISTRATOR}&password={ADMINISTRATOR}"
        );
        let answer = curl(&["--data", &form, &url]);
        assert_eq!((answer.exit, answer.status()), (0, 200), "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// The port in the line that it says when it is ready.
fn port_in(line: &str) -> Option<u16> {
    line.split_once("Listening on: http://127.0.0.1:")?.1.trim().parse().ok()
}
