//! A gateway from its start to its end, on threads of this process: reloads, stopping, and what keeps it from starting.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Instant;

use maitred_config::{Disk, Memory, NoEnvironment};
use maitred_control::StartError;

use super::*;
use crate::testing::{LIMIT, Running, ask, written};

/// A folder of this test alone, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("maitred-run-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file as editors do: whole, under another name, then in its place.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        let new = self.0.join(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, &path).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn document(routes: &str) -> String {
    format!(
        "maitred: 1\nlisteners: {{ web: '127.0.0.1:0' }}\nadmin: '127.0.0.1:0'\ntelemetry: {{ access_log: false }}\n{routes}\n"
    )
}

fn answering(text: &str) -> String {
    document(&format!("routes: {{ all: {{ respond: {text} }} }}"))
}

fn start(text: String) -> Running {
    Running::start("a.yaml", Memory::new().with("a.yaml", text), NoEnvironment, false)
}

/// Waits for a count that another thread raises.
fn wait_for(what: &str, count: impl Fn() -> u64, value: u64) {
    #[expect(clippy::disallowed_methods, reason = "a limit for a test that hangs")]
    let start = Instant::now();
    while count() < value {
        assert!(start.elapsed() < LIMIT, "{what} is {} and not {value}", count());
        std::thread::yield_now();
    }
}

#[test]
fn a_changed_file_serves_and_a_broken_one_changes_nothing() {
    let folder = Folder::new("changed");
    let path = folder.write("maitred.yaml", &answering("one"));
    let running = Running::start(&path, Disk, NoEnvironment, true);
    let listening = running.wait();
    let body = || ask(listening.address("web"), "GET /", &[]).rsplit("\r\n").next().unwrap().to_owned();
    assert_eq!(body(), "one");

    folder.write("maitred.yaml", &answering("two"));
    assert_eq!(running.wait().listeners, listening.listeners, "the listener stays where it is");
    assert_eq!(body(), "two");

    folder.write("maitred.yaml", "maitred: 1\nroutes: { all: { responds: three } }\n");
    let events = running.metrics.events();
    wait_for("reloads_failed", || events.reloads_failed.value(), 1);
    assert_eq!(body(), "two");
    assert!(
        ask(&listening.admin, "GET /metrics", &[]).contains("maitred_reloads_total{result=\"failure\"} 1\n")
    );

    folder.write("maitred.yaml", &answering("four"));
    running.wait();
    assert_eq!(body(), "four");
    assert_eq!((events.reloads_succeeded.value(), events.reloads_failed.value()), (2, 1));
    assert_eq!(running.stop().unwrap(), Stopped::Drained);
}

#[test]
fn a_new_file_that_an_include_takes_in_serves() {
    let folder = Folder::new("include");
    fs::create_dir(folder.0.join("conf.d")).unwrap();
    folder.write("conf.d/a.yaml", "routes: { a: { match: /a, respond: A } }\n");
    let path = folder.write("maitred.yaml", &document("include: conf.d/*.yaml"));
    let running = Running::start(&path, Disk, NoEnvironment, true);
    let listening = running.wait();
    let status = |path: &str| ask(listening.address("web"), &format!("GET {path}"), &[])[9..12].to_owned();
    assert_eq!((status("/a"), status("/b")), ("200".into(), "404".into()));
    folder.write("conf.d/b.yaml", "routes: { b: { match: /b, respond: B } }\n");
    running.wait();
    assert_eq!((status("/a"), status("/b")), ("200".into(), "200".into()));
    assert_eq!(running.stop().unwrap(), Stopped::Drained);
}

#[test]
fn an_order_to_reload_an_unchanged_configuration_does_nothing() {
    let folder = Folder::new("unchanged");
    let path = folder.write("maitred.yaml", &answering("one"));
    let running = Running::start(&path, Disk, NoEnvironment, false);
    running.wait();
    running.orders.send(Order::Reload).unwrap();
    folder.write("maitred.yaml", &answering("two"));
    running.orders.send(Order::Reload).unwrap();
    running.wait();
    assert_eq!(running.metrics.events().reloads_succeeded.value(), 1);
    assert_eq!(running.stop().unwrap(), Stopped::Drained);
}

#[test]
fn a_reload_moves_listeners_and_the_admin_listener_and_a_taken_address_moves_nothing() {
    let folder = Folder::new("moved");
    let path = folder.write("maitred.yaml", &answering("one"));
    let running = Running::start(&path, Disk, NoEnvironment, false);
    let before = running.wait();
    let moved = answering("one").replacen("127.0.0.1:0", "127.0.0.2:0", 2);
    folder.write("maitred.yaml", &moved);
    running.orders.send(Order::Reload).unwrap();
    let after = running.wait();
    assert!(after.address("web").starts_with("127.0.0.2:") && after.admin.starts_with("127.0.0.2:"));
    assert!(ask(after.address("web"), "GET /", &[]).ends_with("one"));
    assert!(ask(&after.admin, "GET /readyz", &[]).ends_with("ready\n"));
    assert!(TcpStream::connect(&before.admin).is_err(), "the admin listener has left its first address");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("admin: '{}'", taken.local_addr().unwrap());
    folder.write("maitred.yaml", &answering("two").replacen("admin: '127.0.0.1:0'", &taken, 1));
    running.orders.send(Order::Reload).unwrap();
    wait_for("reloads_failed", || running.metrics.events().reloads_failed.value(), 1);
    assert!(ask(after.address("web"), "GET /", &[]).ends_with("one"));
    assert_eq!(running.stop().unwrap(), Stopped::Drained);
}

#[test]
fn stopping_waits_for_a_request_and_is_not_ready_meanwhile() {
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("routes: {{ all: {{ upstream: 'http://{}' }} }}", slow.local_addr().unwrap());
    let running = start(document(&upstream));
    let listening = running.wait();
    let address = listening.address("web").to_owned();
    let client = std::thread::spawn(move || ask(&address, "GET /slow", &[]));
    let (mut service, _) = slow.accept().unwrap();
    let mut request = [0; 1024];
    assert!(service.read(&mut request).unwrap() > 0);

    running.orders.send(Order::Stop).unwrap();
    while !ask(&listening.admin, "GET /readyz", &[]).ends_with("draining\n") {
        std::thread::yield_now();
    }
    assert!(ask(&listening.admin, "GET /healthz", &[]).ends_with("alive\n"));
    service.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").unwrap();
    assert!(client.join().unwrap().ends_with("done"));
    drop(service);
    assert_eq!(running.end().unwrap(), Stopped::Drained);
}

#[test]
fn told_twice_it_waits_for_nothing() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("routes: {{ all: {{ upstream: 'http://{}' }} }}", hanging.local_addr().unwrap());
    let running = start(document(&upstream));
    let listening = running.wait();
    let mut client = TcpStream::connect(listening.address("web")).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (_service, _) = hanging.accept().unwrap();
    running.orders.send(Order::Stop).unwrap();
    assert_eq!(running.stop().unwrap(), Stopped::AtOnce);
}

#[test]
fn what_keeps_it_from_starting_is_told() {
    let told = |ended| written(|console| tell_end(ended, Path::new("a.yaml"), console));
    let ended = start(document("routes: { all: { responds: OK } }")).end();
    assert!(matches!(ended, Err(StartError::Document(_))));
    let told_of_document = told(ended);
    assert_eq!(told_of_document.exit, Exit::Problems);
    assert!(
        told_of_document.err.contains("unknown key `responds`")
            && told_of_document.err.ends_with("a.yaml: 1 error\n")
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for section in ["listeners: { web: '127.0.0.1:0' }", "admin: '127.0.0.1:0'"] {
        let section_taken = section.replace("127.0.0.1:0", &taken.to_string());
        let ended = start(answering("OK").replace(section, &section_taken)).end();
        let told = told(ended);
        assert_eq!(told.exit, Exit::Problems);
        assert!(
            told.err.contains(&format!("cannot listen at {taken}: another program listens there")),
            "{}",
            told.err
        );
    }
}
