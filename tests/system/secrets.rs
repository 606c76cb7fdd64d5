//! Secrets in files that change under a running gateway, in each of the ways in which they do: nothing is restarted, and no request is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use maitred_tests::{Gateway, Origin, Wire, eventually};

/// Of the keys `old` and `new`, as files have them: with a line feed at the end.
const OLD: &str = "sha256:cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4\n";
const NEW: &str = "sha256:11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437\n";

/// A gateway whose consumer has the key that stands in `FOLDER/run/key`, and a connection to it on which `old` passes and `new` does not.
fn start(origin: &Origin, mount: impl FnOnce(&Path)) -> (Gateway, Wire) {
    let document = |key: &str| {
        format!(
            "consumers: {{ acme: {{ api_keys: \"{key}\" }} }}\n\
             routes: {{ app: {{ match: /app, upstream: \"{}\", policies: {{ api_key: true }} }} }}\n",
            origin.url()
        )
    };
    let gateway = Gateway::start(&document(OLD.trim_end()));
    mount(gateway.folder().path());
    gateway.reload(&document("${file:run/key}"));
    let mut wire = gateway.connect();
    assert_eq!((status(&mut wire, "old"), status(&mut wire, "new")), (200, 401));
    (gateway, wire)
}

fn status(wire: &mut Wire, key: &str) -> u16 {
    wire.ask(&format!("GET /app HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\n\r\n")).status()
}

/// The new key comes into force, on a connection that stays: until then the old one holds, and one of both at any time.
fn takes_over(wire: &mut Wire) {
    eventually("the new key passes", || {
        let (old, new) = (status(wire, "old"), status(wire, "new"));
        assert!(old == 200 || new == 200, "{old} {new}");
        (new == 200).then_some(())
    });
    assert_eq!(status(wire, "old"), 401);
}

#[test]
fn kubernetes_exchanges_the_link_of_a_mounted_secret() {
    let origin = Origin::start();
    let run = |folder: &Path| {
        let run = folder.join("run");
        for (version, key) in [("..2026_11_21", OLD), ("..2026_11_22", NEW)] {
            fs::create_dir_all(run.join(version)).unwrap();
            fs::write(run.join(version).join("key"), key).unwrap();
        }
        symlink("..2026_11_21", run.join("..data")).unwrap();
        symlink("..data/key", run.join("key")).unwrap();
    };
    let (gateway, mut wire) = start(&origin, run);
    let run = gateway.folder().join("run");
    symlink("..2026_11_22", run.join("..data_tmp")).unwrap();
    fs::rename(run.join("..data_tmp"), run.join("..data")).unwrap();
    fs::remove_dir_all(run.join("..2026_11_21")).unwrap();
    takes_over(&mut wire);
}

fn file(folder: &Path) {
    fs::create_dir(folder.join("run")).unwrap();
    fs::write(folder.join("run/key"), OLD).unwrap();
}

#[test]
fn vault_renames_a_new_secret_over_the_old() {
    let origin = Origin::start();
    let (gateway, mut wire) = start(&origin, file);
    let run = gateway.folder().join("run");
    fs::write(run.join("key.tmp"), NEW).unwrap();
    fs::rename(run.join("key.tmp"), run.join("key")).unwrap();
    takes_over(&mut wire);
}

#[test]
fn a_secret_is_written_in_place() {
    let origin = Origin::start();
    let (gateway, mut wire) = start(&origin, file);
    fs::write(gateway.folder().join("run/key"), NEW).unwrap();
    takes_over(&mut wire);
}

#[test]
fn a_secret_that_is_gone_or_empty_takes_nothing_out_of_force() {
    let origin = Origin::start();
    let (gateway, mut wire) = start(&origin, file);
    let key = gateway.folder().join("run/key");
    fs::remove_file(&key).unwrap();
    gateway
        .log()
        .wait_for("that it is gone", |line| line.contains("run/key") && line.contains("cannot be read"));
    assert_eq!((status(&mut wire, "old"), status(&mut wire, "new")), (200, 401));
    fs::write(&key, NEW).unwrap();
    takes_over(&mut wire);
    let told = gateway.log().all().join("\n");
    assert!(!told.contains(NEW.trim_end()) && !told.contains(OLD.trim_end()), "a secret is in the log");
}
