//! What the winning pattern takes of a path.

use maitred_router::{Captures, Outcome};

use crate::words::{Table, request, route, table};

/// The names and parts that a route has of a path, and what is left behind its prefix.
fn taken(table: &Table, text: &str, captures: &mut Captures) -> (String, Option<String>) {
    let request = request(text);
    assert!(matches!(table.router.route(&request.subject(), captures), Outcome::Found(_)), "{text}");
    let path = request.head.target.path();
    let values = table.router.values(captures, path);
    let parts = values.iter().map(|(name, part)| format!("{name}={}", part.unwrap_or("-")));
    (parts.collect::<Vec<_>>().join(" "), captures.prefix_end().map(|end| path[end..].to_owned()))
}

#[test]
fn every_kind_of_pattern_tells_its_parts() {
    let table = table([
        ("exact", route("/exact")),
        ("params", route("/users/{id}/posts/{post}")),
        ("prefix", route("/api/v1/*")),
        ("both", route("/files/{owner}/{*rest}")),
        ("regex", route("~^/v(?<major>[0-9]+)(?:\\.(?<minor>[0-9]+))?/(?<rest>.+)$")),
        ("plain", route("~^/plain")),
        ("list", route("/l/{a}/x /l/{b}/y")),
        ("all", route("all.com/*")),
    ]);
    let mut captures = Captures::default();
    for (text, parts, rest) in [
        ("GET /exact", "", None),
        ("GET /users/7/posts/a%20b", "id=7 post=a%20b", None),
        ("GET /api/v1", "", Some("")),
        ("GET /api/v1/", "", Some("/")),
        ("GET /api/v1/users/7", "", Some("/users/7")),
        ("GET /api/v1//x", "", Some("//x")),
        ("GET /files/jo/a/b/", "owner=jo rest=a/b/", Some("/a/b/")),
        ("GET /files/jo/", "owner=jo rest=", Some("/")),
        ("GET /files/jo", "owner=jo rest=", Some("")),
        ("GET /v1/x", "major=1 minor=- rest=x", None),
        ("GET /v1.20/x/y", "major=1 minor=20 rest=x/y", None),
        ("GET /plain/x", "", None),
        ("GET /l/1/x", "a=1", None),
        ("GET /l/1/y", "b=1", None),
        ("GET all.com/", "", Some("/")),
        ("GET all.com/x?y", "", Some("/x")),
    ] {
        let rest = rest.map(str::to_owned);
        assert_eq!(taken(&table, text, &mut captures), (parts.to_owned(), rest), "{text}");
    }
}

#[test]
fn values_are_asked_for_by_name() {
    let table = table([("a", route("/{a}/{b}"))]);
    let request = request("GET /1/2");
    let mut captures = Captures::default();
    table.router.route(&request.subject(), &mut captures);
    let values = table.router.values(&captures, request.head.target.path());
    assert_eq!((values.value("a"), values.value("b"), values.value("c")), (Some("1"), Some("2"), None));
    // A path that is not the one that was routed may be too short; nothing breaks.
    assert_eq!(table.router.values(&captures, "/").value("b"), None);
}

#[test]
fn what_lost_leaves_no_trace() {
    let table = table([
        ("seven", route("/{a}/{b}").path_value("b", "7")),
        ("prefix", route("/x/*").path_value("a", "x")),
        ("post", route("POST /y/{c}")),
    ]);
    let mut captures = Captures::default();
    for text in ["GET /x/8", "GET /y/8", "OPTIONS *"] {
        let first = request("GET /1/7");
        assert_eq!(table.router.route(&first.subject(), &mut captures), Outcome::Found(0));
        let missed = request(text);
        assert!(!matches!(table.router.route(&missed.subject(), &mut captures), Outcome::Found(_)), "{text}");
        assert_eq!(table.router.values(&captures, missed.head.target.path()).iter().count(), 0);
        assert_eq!(captures.prefix_end(), None);
    }
}
