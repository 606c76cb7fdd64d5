//! What `maitred explain` prints, as a whole.

use clap::Parser as _;
use maitred_config::{Memory, NoEnvironment};

use super::*;
use crate::arguments::{Arguments, Command};
use crate::testing::{Written, written};

const SHOP: &str = "
maitred: 1
listeners: { web: 127.0.0.1:8080, internal: 127.0.0.1:8081 }
upstreams: { users: http://localhost:3001 }
policies: { request_id: { trust: true }, cors: { origins: ['https://shop.example'] } }
policy_sets: { staff: { ip: { allow: [10.0.0.0/8] } } }
routes:
  users: { match: 'GET /users/*', strip_prefix: true, upstream: users }
  user: { match: '/users/{id}', upstream: users, policies: { use: staff } }
  mobile: { match: { path: '/users/{id}', headers: { X-Client: mobile } }, respond: OK }
  elsewhere: { match: other.example/users/*, redirect: /users }
  ops: { match: { listener: internal, path: '/users/*' }, respond: OK, policies: false }
";

fn explain_line(line: &[&str]) -> Written {
    explain_in(SHOP, line)
}

fn explain_in(document: &str, line: &[&str]) -> Written {
    explain_with(&Memory::new().with("maitred.yaml", document), line)
}

fn explain_with(files: &Memory, line: &[&str]) -> Written {
    let words = [&["maitred", "explain", "maitred.yaml"], line].concat();
    let Command::Explain(arguments) = Arguments::try_parse_from(words).unwrap().command else {
        panic!("it is explain")
    };
    let source =
        Source { path: "maitred.yaml".into(), files, environment: &NoEnvironment, is_watched: false };
    let words = arguments.words().unwrap();
    written(|console| explain(&arguments, &words, &source, console))
}

#[test]
fn the_route_that_wins_and_why_the_others_lost() {
    insta::assert_snapshot!(explain_line(&["GET", "http://localhost:8080/users/7"]));
}

#[test]
fn what_each_policy_would_decide() {
    let request =
        ["/users/7", "--client", "10.1.2.3", "-H", "Origin: https://shop.example", "-H", "X-Request-ID: abc"];
    insta::assert_snapshot!(explain_line(&request));
}

#[test]
fn headers_hosts_and_listeners_count() {
    insta::assert_snapshot!("header", explain_line(&["/users/7", "-H", "x-client: mobile"]));
    insta::assert_snapshot!("host", explain_line(&["http://other.example/users/7/orders"]));
    insta::assert_snapshot!("listener", explain_line(&["/users/7/orders", "--listener", "internal"]));
}

#[test]
fn who_asks_is_known_to_the_policies_behind() {
    // Of the key `test`.
    let hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let document = format!(
        "maitred: 1\nconsumers: {{ acme: {{ groups: staff, api_keys: '{hash}' }} }}\nroutes: {{ app: {{ match: /*, respond: fine, \
         policies: {{ api_key: true, authorize: {{ groups: staff }} }} }} }}\n"
    );
    let with_key = explain_in(&document, &["/", "-H", "X-API-Key: test"]).out;
    assert!(with_key.contains("finds the key of acme in header.X-API-Key"), "{with_key}");
    assert!(with_key.contains("lets it pass"), "{with_key}");
    let without = explain_in(&document, &["/"]).out;
    assert!(without.contains("refuses it: no key in header.X-API-Key"), "{without}");
    assert!(without.contains("refuses it: Group staff required"), "{without}");
}

/// A route with variants, a mirror, and what stands in.
const TRAFFIC: &str = "
maitred: 1
upstreams: { v1: http://localhost:3001, v2: http://localhost:3002, v3: http://localhost:3003 }
routes:
  checkout:
    split: { by: header.X-User-ID, override: header.X-Variant, variants: { A: { weight: 90, upstream: v1 }, B: { weight: 10, upstream: v2 } } }
    mirror: { upstream: v3, sample: 2.5% }
    degrade: [{ cache: 90m }, { upstream: v3 }, { respond: { status: 503, text: later, methods: [GET, POST] } }]
  canary: { match: /canary, split: { variants: { A: { weight: 2, upstream: v1 }, B: v2 } } }
  one: { match: /one, upstream: v1, degrade: { respond: { text: later, methods: GET } } }
";

#[test]
fn which_variant_who_copies_and_what_stands_in() {
    let action = |line: &[&str]| {
        let written = explain_in(TRAFFIC, line);
        let out = written.out.lines().skip_while(|line| *line != "Action").nth(1).unwrap_or_default();
        out.trim().to_owned()
    };
    let rest = "copies 2.5% to the upstream `v3`; if that fails: an answer kept for up to 1h30m, then the upstream `v3`, then answers 503";
    let user = |user: &str, says: &str| {
        let told = action(&["/", "-H", &format!("X-User-ID: {user}")]);
        assert_eq!(told, format!("splits `checkout`: the caller's key leads to the {says}; {rest}"));
    };
    user("u-17", "variant `A` (90%): the upstream `v1`");
    user("alice", "variant `B` (10%): the upstream `v2`");
    assert_eq!(
        action(&["POST", "/", "-H", "X-Variant: B"]),
        "splits `checkout`: the request names the variant `B` (10%): the upstream `v2`; copies 2.5% to the upstream `v3`; \
         if that fails: the upstream `v3` if nothing was sent, then answers 503"
    );
    assert!(action(&["/"]).starts_with(
        "splits `checkout`: without a key the heaviest answers: variant `A` (90%): the upstream `v1`; "
    ));
    assert_eq!(
        action(&["/canary"]),
        "splits `canary` by chance: variant `A` (66.67%): the upstream `v1`, variant `B` (33.33%): the upstream `v2`"
    );
    assert_eq!(
        action(&["DELETE", "/one"]),
        "forwards to the upstream `v1`; if that fails: nothing, for this method"
    );
}

#[test]
fn a_request_that_no_route_takes() {
    insta::assert_snapshot!("nothing", explain_line(&["/nowhere"]));
    insta::assert_snapshot!("method", explain_line(&["DELETE", "/users/7/orders"]));
}

#[test]
fn json_says_the_same() {
    insta::assert_snapshot!(explain_line(&["/users/7", "--json"]));
}

#[test]
fn what_is_not_there_is_told() {
    let told = explain_line(&["/users/7", "--listener", "web2"]);
    assert_eq!(told.exit, Exit::Usage);
    assert!(
        told.err.starts_with("error: there is no listener `web2`: known are `web`, `internal`\n"),
        "{}",
        told.err
    );
    let told = explain_line(&["/users/../7"]);
    assert_eq!(told.exit, Exit::Usage);
    assert!(
        told.err.contains("the gateway answers 400 to `/users/../7`: the path has a dot segment"),
        "{}",
        told.err
    );
}

#[test]
fn many_routes_that_lost_are_counted_unless_all_are_asked_for() {
    let routes: Vec<String> = (0..30).map(|n| format!("  r{n}: {{ match: /r{n}, respond: OK }}")).collect();
    let files = Memory::new().with("maitred.yaml", format!("maitred: 1\nroutes:\n{}", routes.join("\n")));
    let source =
        Source { path: "maitred.yaml".into(), files: &files, environment: &NoEnvironment, is_watched: false };
    let lines = |all: &[&str]| {
        let words = [&["maitred", "explain", "maitred.yaml", "/r29"], all].concat();
        let Command::Explain(arguments) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("it is explain")
        };
        let words = arguments.words().unwrap();
        written(|console| explain(&arguments, &words, &source, console)).out
    };
    assert!(lines(&[]).contains("… and 9 more that lost: --all tells of them\n"));
    assert_eq!(lines(&["--all"]).matches("another path").count(), 29);
}

#[test]
fn a_certificate_is_shown() {
    let folder = std::env::temp_dir().join(format!("maitred-explain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=joe", "-keyout", "key.pem", "-out",
            "joe.pem",
        ])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = std::fs::read(folder.join("joe.pem")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let document = "
maitred: 1
routes:
  joe: { match: { path: /*, when: 'client.certificate == \"CN=joe\"' }, respond: joe }
  others: { respond: others }
";
    let explain = |line: &[&str]| {
        let files =
            Memory::new().with("maitred.yaml", document).with("joe.pem", &pem[..]).with("none.pem", "none");
        explain_with(&files, line)
    };
    assert!(explain(&["/", "--client-cert", "joe.pem"]).out.contains("> joe "));
    assert!(explain(&["/"]).out.contains("> others "));
    assert!(explain(&["/", "--client-cert", "none.pem"]).err.contains("has no certificate in PEM"));
    assert!(explain(&["/", "--client-cert", "gone.pem"]).err.contains("cannot be read"));
}
