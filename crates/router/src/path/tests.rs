//! Reading path patterns, and what each of them takes.

use maitred_http::TargetError;

use super::{PathKind, PathSpec, PathSpecError};

fn parse(text: &str) -> PathSpec {
    PathSpec::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn knows_kinds_and_names() {
    for (text, kind, names) in [
        ("/", PathKind::Exact, &[][..]),
        ("/users/", PathKind::Exact, &[]),
        ("/users/{id}", PathKind::Params, &["id"]),
        ("/{a}/x/{b-1}", PathKind::Params, &["a", "b-1"]),
        ("~^/v[0-9]+/(?<id>.+)/(x)/(?P<b>y)$", PathKind::Regex, &["id", "b"]),
        ("/*", PathKind::Prefix, &[]),
        ("/users/{id}/{*rest}", PathKind::Prefix, &["id", "rest"]),
    ] {
        let path = parse(text);
        assert_eq!(path.kind(), kind, "{text}");
        assert_eq!(path.names().collect::<Vec<_>>(), names, "{text}");
        assert_eq!(path.as_str(), text);
        assert_eq!(path.is_prefix(), kind == PathKind::Prefix);
    }
}

#[test]
fn refuses_what_is_no_pattern() {
    for (text, error) in [
        ("", PathSpecError::Start),
        ("users", PathSpecError::Start),
        ("*", PathSpecError::Start),
        ("/a*", PathSpecError::Star),
        ("/*/a", PathSpecError::Star),
        ("/**", PathSpecError::Star),
        ("/v{n}", PathSpecError::Brace),
        ("/{n", PathSpecError::Brace),
        ("/n}", PathSpecError::Brace),
        ("/{a}{b}", PathSpecError::Brace),
        ("/{*rest}/a", PathSpecError::Rest),
        ("/{}", PathSpecError::Name(String::new())),
        ("/{*}", PathSpecError::Name(String::new())),
        ("/{a b}", PathSpecError::Name("a b".to_owned())),
        ("/{a}/{a}", PathSpecError::Twice("a".to_owned())),
        ("/{a}/{*a}", PathSpecError::Twice("a".to_owned())),
        ("/a?b=1", PathSpecError::Query),
        ("/a#b", PathSpecError::Query),
        ("/a/../b", PathSpecError::Literal(TargetError::DotSegment)),
        ("/a%2fb", PathSpecError::Literal(TargetError::EscapedSeparator)),
        ("/a\\b", PathSpecError::Literal(TargetError::Byte)),
        ("/a\nb", PathSpecError::Literal(TargetError::EscapedSeparator)),
        ("/100%", PathSpecError::Literal(TargetError::Escape)),
    ] {
        assert_eq!(PathSpec::parse(text).unwrap_err(), error, "{text}");
    }
    assert!(matches!(PathSpec::parse("~("), Err(PathSpecError::Regex(_))));
    assert!(PathSpec::parse("~(?<a>x)(?<a>y)").is_err());
}

#[test]
fn literals_are_normalised_as_requests_are() {
    for (text, path) in
        [("/café", "/caf%C3%A9"), ("/%7Ejo", "/~jo"), ("/a%3ab", "/a%3Ab"), ("/a b", "/a%20b")]
    {
        assert!(parse(text).matches(path), "{text}");
    }
}

#[test]
fn takes_what_it_says() {
    for (text, taken, others) in [
        ("/", &["/"][..], &["/a", "//", "*", ""][..]),
        ("/users", &["/users"], &["/users/", "/Users", "/usersX", "/users/7"]),
        ("/users/", &["/users/"], &["/users", "/users//", "/users/7"]),
        ("/users/{id}", &["/users/7", "/users/a%20b"], &["/users", "/users/", "/users/7/", "/users/7/x"]),
        (
            "/users/*",
            &["/users", "/users/", "/users/7", "/users//", "/users/7/x/"],
            &["/usersX", "/user", "/"],
        ),
        ("/users/{*rest}", &["/users", "/users/", "/users/7"], &["/usersX", "/"]),
        ("/users//*", &["/users/", "/users//", "/users//x"], &["/users", "/users/x"]),
        ("/{a}/*", &["/x", "/x/", "/x/y"], &["/", "//", "//y"]),
        ("/*", &["/", "//", "/a/b"], &["*", ""]),
        ("/a//b", &["/a//b"], &["/a/b", "/a///b"]),
        ("~^/v[0-9]+/(?<id>.+)$", &["/v1/x", "/v22/x/y"], &["/v/x", "/a/v1/x", "*"]),
        ("~v1", &["/v1", "/a/v1/b"], &["/v2"]),
        ("~.*", &["/"], &["*"]),
    ] {
        let path = parse(text);
        for given in taken {
            assert!(path.matches(given), "{text} takes {given}");
        }
        for given in others {
            assert!(!path.matches(given), "{text} does not take {given}");
        }
    }
}
