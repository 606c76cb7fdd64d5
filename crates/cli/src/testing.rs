//! What the tests of several commands use: a console that remembers, a gateway that runs in the process, a client.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, mpsc as blocking};
use std::thread::JoinHandle;
use std::time::Duration;

use maitred_config::{Environment, Files, Style};
use maitred_control::{Order, Source, StartError, Stopped};
use maitred_proxy::Clock;
use maitred_telemetry::Metrics;
use tokio::sync::mpsc;

use crate::console::{Console, Exit};
use crate::{run, workshop};

/// How long a test waits for what happens at once unless something is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What a command wrote.
pub(crate) struct Written {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command and reads what it writes.
pub(crate) fn written(command: impl FnOnce(&mut Console<'_>) -> io::Result<Exit>) -> Written {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console {
        out: Box::new(&mut out),
        err: Box::new(&mut err),
        out_style: Style::Plain,
        err_style: Style::Plain,
    };
    let exit = command(&mut console).unwrap();
    drop(console);
    Written { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}\n--- stdout\n{}--- stderr\n{}", self.exit, self.out, self.err)
    }
}

/// Where a gateway listens.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    /// Name and URL of each listener.
    pub(crate) listeners: Vec<(String, String)>,
    /// The address of the admin listener.
    pub(crate) admin: String,
}

impl Listening {
    /// The address of a listener, without the scheme.
    pub(crate) fn address(&self, name: &str) -> &str {
        let found = self.listeners.iter().find(|(listener, _)| listener == name);
        found.unwrap_or_else(|| panic!("no listener {name}")).1.trim_start_matches("http://")
    }
}

/// A gateway that runs on threads of this process.
pub(crate) struct Running {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) metrics: Arc<Metrics>,
    /// Told once it serves, and after every reload.
    serving: blocking::Receiver<Listening>,
    thread: JoinHandle<Result<Stopped, StartError>>,
}

impl Running {
    /// Starts a gateway with this configuration.
    pub(crate) fn start<F, E>(path: &str, files: F, environment: E, is_watched: bool) -> Self
    where
        F: Files + Send + 'static,
        E: Environment + Send + 'static,
    {
        let metrics = Arc::new(workshop::metrics(2, &Clock::default()));
        let (orders, received) = mpsc::unbounded_channel();
        let (tell, serving) = blocking::channel();
        let (path, counted) = (path.to_owned(), Arc::clone(&metrics));
        let thread = std::thread::spawn(move || {
            let source = Source { path: path.into(), files: &files, environment: &environment, is_watched };
            run::control_runtime().unwrap().block_on(run::operate(
                source,
                (&counted, 2),
                None,
                received,
                &mut |serving| {
                    let listeners = run::addresses(serving.gateway);
                    let admin = serving.admin.unwrap_or_default().to_owned();
                    // Nobody may be interested any more.
                    let _ = tell.send(Listening { listeners, admin });
                },
            ))
        });
        Self { orders, metrics, serving, thread }
    }

    /// Waits until the gateway serves, or serves something new; or tells why it does not.
    pub(crate) fn wait(&self) -> Listening {
        self.serving.recv_timeout(LIMIT).expect("the gateway serves")
    }

    /// Stops it and tells how it ended.
    pub(crate) fn stop(self) -> Result<Stopped, StartError> {
        self.orders.send(Order::Stop).unwrap();
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Result<Stopped, StartError> {
        self.thread.join().unwrap()
    }
}

/// Sends one request, its first line and further fields given, and reads the whole answer.
pub(crate) fn ask(address: &str, request: &str, fields: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut lines = vec![format!("{request} HTTP/1.1"), "Connection: close".to_owned()];
    if !fields.iter().any(|field| field.starts_with("Host:")) {
        lines.push("Host: localhost".to_owned());
    }
    lines.extend(fields.iter().map(|field| (*field).to_owned()));
    write!(stream, "{}\r\n\r\n", lines.join("\r\n")).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
