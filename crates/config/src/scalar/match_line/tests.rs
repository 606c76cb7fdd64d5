//! Short match lines: how they are cut, and what is said of lines from elsewhere.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};

/// The texts of the pieces: methods, host, path.
fn pieces(line: &str) -> (Vec<String>, Option<String>, String) {
    let read = parse(line).unwrap();
    for piece in read.methods.iter().chain(&read.host).chain([&read.path]) {
        assert_eq!(line[piece.at.clone()], piece.text, "{line}");
    }
    (
        read.methods.into_iter().map(|method| method.text).collect(),
        read.host.map(|host| host.text),
        read.path.text,
    )
}

#[test]
fn cuts_lines() {
    for (line, methods, host, path) in [
        ("/health", vec![], None, "/health"),
        ("/*", vec![], None, "/*"),
        ("GET /", vec!["GET"], None, "/"),
        (
            "GET,POST,PUT,DELETE /api/v1/users/*",
            vec!["GET", "POST", "PUT", "DELETE"],
            None,
            "/api/v1/users/*",
        ),
        ("api.example.com/a", vec![], Some("api.example.com"), "/a"),
        ("GET *.example.com/a", vec!["GET"], Some("*.example.com"), "/a"),
        ("GET [::1]/a", vec!["GET"], Some("[::1]"), "/a"),
        ("GET a.example:80/a", vec!["GET"], Some("a.example:80"), "/a"),
        ("localhost/a", vec![], Some("localhost"), "/a"),
        ("~^/v[0-9]+/(?<id>.+)$", vec![], None, "~^/v[0-9]+/(?<id>.+)$"),
        ("POST a.example~^/v[0-9]", vec!["POST"], Some("a.example"), "~^/v[0-9]"),
        ("/~user/a", vec![], None, "/~user/a"),
        ("GET    /aligned", vec!["GET"], None, "/aligned"),
        ("PURGE /a://b", vec!["PURGE"], None, "/a://b"),
    ] {
        let methods = methods.into_iter().map(str::to_owned).collect();
        assert_eq!(pieces(line), (methods, host.map(str::to_owned), path.to_owned()), "{line}");
    }
}

#[test]
fn refuses_bad_methods() {
    assert_refused(
        parse,
        &[
            ("get /a", "get", "`get` is not in capitals (write `GET`)"),
            ("GET,post /a", "post", "`post` is not in capitals (write `POST`)"),
            ("GTE /a", "GTE", "`GTE` is no method (write `GET`)"),
            (
                "users /a",
                "users",
                "`users` is no method (methods are in capitals; a host has no space behind it: `users/a`)",
            ),
            ("ANY /a", "ANY", "`ANY` is no method (leave the methods out, and all are taken)"),
            ("* /a", "*", "`*` is no method (leave the methods out, and all are taken)"),
            ("GET| /a", "GET|", "methods do not stand between `|` (write commas: `GET`)"),
            ("GET|POST /a", "GET|POST", "methods do not stand between `|` (write commas: `GET,POST`)"),
            ("GET, /a", "GET,", "a method is missing beside the comma"),
            (",GET /a", ",GET", "a method is missing beside the comma"),
            ("GET,GET /a", "GET", "`GET` is named twice"),
            (
                "GET, POST /a",
                "GET, POST",
                "methods stand with commas and no spaces between them (write `GET,POST /a`)",
            ),
            (
                "GET POST b.example/a",
                "GET POST",
                "methods stand with commas and no spaces between them (write `GET,POST b.example/a`)",
            ),
            ("/a GET", "GET", "the method stands behind the path (write `GET /a`)"),
        ],
    );
}

#[test]
fn refuses_bad_targets() {
    let several = "a path has none: write `%20`; several paths are a list, `match: { path: [/a, /b] }`";
    assert_refused(
        parse,
        &[
            ("", "", "what to match is missing here (write it like `GET api.example.com/users/*`)"),
            ("GET", "GET", "a path is missing in `GET` (write `GET /*` for every path)"),
            ("GET,POST", "GET,POST", "a path is missing in `GET,POST` (write `GET,POST /*` for every path)"),
            ("*", "*", "a path is missing in `*` (write `/*` for every path)"),
            ("GET *", "*", "a path is missing in `GET *` (write `GET /*` for every path)"),
            (
                "api.example.com",
                "api.example.com",
                "a path is missing in `api.example.com` (write `api.example.com/*` for every path)",
            ),
            (
                "GET api.example.com",
                "api.example.com",
                "a path is missing in `GET api.example.com` (write `GET api.example.com/*` for every path)",
            ),
            ("api.example.com /a", " ", "a space stands between host and path (write `api.example.com/a`)"),
            (
                "GET api.example.com /a",
                " ",
                "a space stands between host and path (write `GET api.example.com/a`)",
            ),
            ("GET /a HTTP/1.1", "HTTP/1.1", "a match has no version of HTTP (write `GET /a`)"),
            ("GET /a b", " ", &format!("a space stands in the path ({several})")),
            ("/a /b", " ", &format!("a space stands in the path ({several})")),
            ("https://a.example/b", "https://", "a match has no scheme (write `a.example/b`)"),
            ("GET https://a.example/b", "https://", "a match has no scheme (write `GET a.example/b`)"),
        ],
    );
}

#[test]
fn refuses_what_others_write() {
    let long = "other conditions stand in the long form";
    for (line, help) in [
        ("Host(`a.example`) && PathPrefix(`/b`)", format!("write it like `a.example/b/*`; {long}")),
        ("Path(`/b`) && Method(`GET`)", format!("write it like `GET /b`; {long}")),
        ("Host(`a.example`)", format!("write it like `a.example/*`; {long}")),
        ("Host(`a`) || Host(`b`)", format!("write it like `GET api.example.com/users/*`; {long}")),
        ("= /a", "write `/a`".to_owned()),
        ("^~ /images/", "write `/images/*`".to_owned()),
        ("~ ^/a$", "write `~^/a$`".to_owned()),
        ("~* [.]php$", "write `~(?i)[.]php$`".to_owned()),
        ("location /a/", "write `/a/*`".to_owned()),
        ("location = /a", "write `/a`".to_owned()),
    ] {
        assert_eq!(parse(line).unwrap_err().help, Some(help), "{line}");
    }
}

proptest! {
    #[test]
    fn reads_what_it_is_made_of(
        methods in prop::sample::subsequence(vec!["GET", "POST", "PURGE"], 0..3),
        host in prop::option::of("[a-z]{1,5}\\.[a-z]{1,3}"),
        path in "(/[a-z{}*~]{0,4}){1,3}|~\\^/[a-z]{1,4}",
    ) {
        let mut line = methods.join(",");
        if !methods.is_empty() {
            line.push(' ');
        }
        line.push_str(host.as_deref().unwrap_or(""));
        line.push_str(&path);
        let methods: Vec<String> = methods.into_iter().map(str::to_owned).collect();
        prop_assert_eq!(pieces(&line), (methods, host, path));
    }

    #[test]
    fn never_panics(text in "\\PC*|[GETPOS,|/~* a.é]{0,14}|(GET|/a|a.b|,|location|=|~|HTTP/1|Host\\(`| |://){0,6}") {
        assert_no_panic(parse, &text);
    }
}
