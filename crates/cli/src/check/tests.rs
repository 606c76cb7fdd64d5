//! What `maitred check` prints, as a whole: problems, warnings, the long form.

use std::path::PathBuf;

use maitred_config::{Memory, NoEnvironment};

use super::*;
use crate::testing::{Written, written};

mod access;
mod own_requests;

const GOOD: &str = "
maitred: 1
upstreams: { users: http://localhost:3001 }
policies: { request_id: true }
routes: { users: { match: /users/*, upstream: users } }
";

const BAD: &str = "
maitred: 1
upstreams: { users: http://localhost:3001 }
policies: { corz: true, ip: { alow: 10.0.0.0/8 } }
routes:
  users: { match: GET /users/*, upstream: user }
  items: { match: /items/*, upstream: users, timeouts: { response: 3 } }
  again: { match: /items/*, upstream: users, policies: { request_size: big } }
";

const ODD: &str = "
maitred: 1
limits: { head: 4KiB, uri: 8KiB }
routes: { all: { respond: OK } }
";

fn check_text(text: &str, expand: bool, strict: bool) -> Written {
    let files = Memory::new().with("maitred.yaml", text);
    let source =
        Source { path: "maitred.yaml".into(), files: &files, environment: &NoEnvironment, is_watched: false };
    let arguments = CheckArguments { file: PathBuf::from("maitred.yaml"), expand, strict };
    written(|console| check(&arguments, &source, console))
}

#[test]
fn a_good_configuration_is_fine() {
    let told = check_text(GOOD, false, true);
    assert_eq!((told.exit, &*told.err), (Exit::Fine, ""));
    assert_eq!(told.out, "maitred.yaml is fine: 1 route, 1 named upstream, 1 listener\n");
}

#[test]
fn what_only_a_running_gateway_knows_is_named() {
    let text = "
maitred: 1
policies: { grpc_json: { reflection: true } }
routes: { one: { match: /one/*, upstream: grpc://one.example:50051 }, own: { match: /own, respond: OK } }
";
    let told = check_text(text, false, true);
    assert_eq!((told.exit, &*told.err), (Exit::Fine, ""));
    assert_eq!(
        told.out,
        "maitred.yaml is fine: 2 routes, 0 named upstreams, 1 listener\n\
         not checked: what `grpc_json` (policies) is told by the upstream `grpc://one.example:50051`; nobody is asked here\n"
    );
}

#[test]
fn problems_of_reading_and_of_compiling_are_told_at_once() {
    insta::assert_snapshot!(check_text(BAD, false, false));
}

#[test]
fn warnings_stop_nothing_unless_that_is_asked_for() {
    insta::assert_snapshot!("warned", check_text(ODD, false, false));
    insta::assert_snapshot!("strict", check_text(ODD, false, true));
}

#[test]
fn the_long_form_means_the_same() {
    let told = check_text(GOOD, true, false);
    insta::assert_snapshot!(told);
    assert_eq!(check_text(&told.out, true, true).out, told.out);
}

const ORDERING: &str = "
maitred: 1
listeners:
  web: { address: 127.0.0.1:8443, tls: { acme: { hosts: [b.example, a.example], agree_terms: true, ca: ca.pem } } }
  same: { address: 127.0.0.1:8444, tls: { acme: { hosts: [a.example, b.example], agree_terms: true, ca: ca.pem } } }
routes: { all: { respond: OK } }
";

/// The places are on users' disks.
const KEPT: &str = "acme/acme-v02.api.letsencrypt.org_directory/a.example+1-14cec4c8f1046e48.pem";

fn check_ordering(text: &str, kept: Option<&str>) -> Written {
    let make = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem();
    let mut files =
        Memory::new().with("maitred.yaml", text).with("ca.pem", make("ca")).with("other.pem", make("other"));
    if let Some(kept) = kept {
        files = files.with(KEPT, kept);
    }
    let source =
        Source { path: "maitred.yaml".into(), files: &files, environment: &NoEnvironment, is_watched: false };
    let arguments = CheckArguments { file: PathBuf::from("maitred.yaml"), expand: false, strict: true };
    written(|console| check(&arguments, &source, console))
}

#[test]
fn listeners_may_share_a_certificate_that_is_ordered_if_they_agree() {
    assert_eq!(check_ordering(ORDERING, None).err, "");
    let (first, second) = ORDERING.rsplit_once("ca: ca.pem").unwrap();
    let other = |words: &str| check_ordering(&format!("{first}{words}{second}"), None);
    insta::assert_snapshot!("ordered_by_another_authority", other("ca: other.pem"));
    insta::assert_snapshot!("ordered_and_proved_otherwise", other("ca: ca.pem, challenge: http-01"));
    assert_eq!(other("ca: other.pem, state: elsewhere").err, "");
}

#[test]
fn what_is_kept_of_a_certificate_and_of_no_use_is_told() {
    let good = rcgen::generate_simple_self_signed(["b.example".to_owned(), "a.example".to_owned()]).unwrap();
    let pem = good.cert.pem() + &good.signing_key.serialize_pem();
    assert_eq!(check_ordering(ORDERING, Some(&pem)).err, "");
    insta::assert_snapshot!("kept_and_damaged", check_ordering(ORDERING, Some("half a fi")));
    let other = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let other = other.cert.pem() + &other.signing_key.serialize_pem();
    insta::assert_snapshot!("kept_for_other_names", check_ordering(ORDERING, Some(&other)));
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let files = Memory::new();
    let source =
        Source { path: "maitred.yaml".into(), files: &files, environment: &NoEnvironment, is_watched: false };
    let arguments = CheckArguments { file: PathBuf::from("maitred.yaml"), expand: true, strict: false };
    let told = written(|console| check(&arguments, &source, console));
    assert_eq!((told.exit, &*told.out), (Exit::Problems, ""));
    assert!(told.err.starts_with("error: `maitred.yaml` cannot be read: No such file or directory"));
}
