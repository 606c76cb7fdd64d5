//! Path patterns: what they mean, and what is said of those that mean nothing.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};

fn literal(text: &str) -> Segment {
    Segment::Literal(text.to_owned())
}

fn param(name: &str) -> Segment {
    Segment::Param(name.to_owned())
}

#[test]
fn reads_segments() {
    let rest = || Tail::Rest("rest".to_owned());
    for (text, segments, tail) in [
        ("/", vec![literal("")], Tail::None),
        ("/*", vec![], Tail::Prefix),
        ("/a/b", vec![literal("a"), literal("b")], Tail::None),
        ("/a/", vec![literal("a"), literal("")], Tail::None),
        ("/a//b", vec![literal("a"), literal(""), literal("b")], Tail::None),
        ("/a/*", vec![literal("a")], Tail::Prefix),
        ("/a//*", vec![literal("a"), literal("")], Tail::Prefix),
        ("/a/{id}", vec![literal("a"), param("id")], Tail::None),
        ("/{a}/x/{b-c}/", vec![param("a"), literal("x"), param("b-c"), literal("")], Tail::None),
        ("/{id}/*", vec![param("id")], Tail::Prefix),
        ("/{*rest}", vec![], rest()),
        ("/a/{id}/{*rest}", vec![literal("a"), param("id")], rest()),
        ("/users:search", vec![literal("users:search")], Tail::None),
        ("/a|b;c=d,e", vec![literal("a|b;c=d,e")], Tail::None),
        ("/...", vec![literal("...")], Tail::None),
    ] {
        let pattern = parse(text).unwrap();
        assert_eq!(pattern.kind, PathKind::Segments { segments, tail }, "{text}");
        assert_eq!(pattern.to_string(), text);
    }
}

#[test]
fn normalises_literals_as_requests_are() {
    for (text, wanted) in [
        ("/%61%2Db", "a-b"),
        ("/%7Euser", "~user"),
        ("/a%20b", "a%20b"),
        ("/%c3%a9", "%C3%A9"),
        ("/é", "%C3%A9"),
        ("/%25", "%25"),
        ("/%3a", "%3A"),
    ] {
        let segments = vec![literal(wanted)];
        assert_eq!(parse(text).unwrap().kind, PathKind::Segments { segments, tail: Tail::None }, "{text}");
    }
}

#[test]
fn reads_regular_expressions() {
    for (text, names) in [
        ("~^/v[0-9]+/(?<id>.+)$", vec!["id"]),
        ("~^/(?P<a>x)/(y)/(?<b>z){1,3}", vec!["a", "b"]),
        ("~[.]php$", vec![]),
        ("~(?i)^/a", vec![]),
    ] {
        let pattern = parse(text).unwrap();
        assert_eq!(pattern.names(), names, "{text}");
        let PathKind::Regex { pattern, .. } = pattern.kind else { panic!("{text} is no expression") };
        assert_eq!(format!("~{pattern}"), text);
    }
}

#[test]
fn names_its_parameters() {
    assert_eq!(parse("/{a}/b/{c}/{*d}").unwrap().names(), ["a", "c", "d"]);
    assert_eq!(parse("/a/*").unwrap().names(), [""; 0]);
}

#[test]
fn refuses_bad_literals() {
    let before = "encoded slashes, backslashes and control bytes are refused before routing";
    let digits = "write two hexadecimal digits behind the `%`, or `%25` for the sign itself";
    assert_refused(
        parse,
        &[
            ("", "", "a path is missing here (write it like `/users/*`)"),
            ("users", "users", "`users` does not begin with a slash (write `/users`)"),
            ("*", "*", "`*` does not begin with a slash (write `/*` for every path)"),
            (
                "^/a",
                "^/a",
                "`^/a` does not begin with a slash (a regular expression begins with `~`: `~^/a`)",
            ),
            ("= /a", "= /a", "`= /a` does not begin with a slash (a path is exact as it stands: write `/a`)"),
            (
                "http://a/b",
                "http://a/b",
                "`http://a/b` does not begin with a slash (write the path alone, and the host as `host`)",
            ),
            ("/a b", " ", "` ` cannot stand in a path (write it as `%20`)"),
            ("/a\tb", "\t", "`\\t` cannot stand in a path (write it as `%09`)"),
            (
                "/é?x=1",
                "?x=1",
                "a query stands in the path (match the query by `query`: `match: { path: /a, query: { page: 1 } }`)",
            ),
            ("/a#b", "#b", "a fragment stands in the path, and no request carries one"),
            ("/a\\b", "\\", "a backslash stands in no path of a request (write `/`)"),
            (
                "/a/../b",
                "..",
                "`..` is a dot segment, which no path of a request has (write the path that is meant)",
            ),
            (
                "/a/%2e",
                "%2e",
                "`%2e` is a dot segment, which no path of a request has (write the path that is meant)",
            ),
            ("/a%2Fb", "%2F", &format!("`%2F` stands in no path of a request ({before})")),
            ("/a%5cb", "%5c", &format!("`%5c` stands in no path of a request ({before})")),
            ("/%00", "%00", &format!("`%00` stands in no path of a request ({before})")),
            ("/%7F", "%7F", &format!("`%7F` stands in no path of a request ({before})")),
            ("/100%", "%", &format!("`%` is no percent-encoding ({digits})")),
            ("/%4/a", "%4", &format!("`%4` is no percent-encoding ({digits})")),
            ("/%+1", "%+1", &format!("`%+1` is no percent-encoding ({digits})")),
            ("/%aé", "%aé", &format!("`%aé` is no percent-encoding ({digits})")),
        ],
    );
}

#[test]
fn refuses_bad_stars() {
    assert_refused(
        parse,
        &[
            ("/api/**", "**", "`**` is no pattern (write `/api/*` for all below)"),
            (
                "/api*",
                "*",
                "a star stands only as a whole segment (write `/api/*` for all below, or `~^/api` for all that begins so)",
            ),
            (
                "/v1.*",
                "*",
                "a star stands only as a whole segment (write `/v1./*` for all below, or `~^/v1\\.` for all that begins so)",
            ),
            (
                "/a/*/b",
                "*",
                "a star stands only at the end of a path (write `/a/{name}` for any one segment)",
            ),
            ("/a/*/", "*", "a star stands only at the end of a path (write `/a/{name}` for any one segment)"),
            ("/a/*rest", "*", "a star stands only as a whole segment (write `/a/{*rest}`)"),
            (
                "/*.php",
                "*",
                "a star stands only as a whole segment (write a regular expression: `~^/.*[.]php$`)",
            ),
            ("/a/:id", ":id", "`:id` is no parameter here (write `{id}`)"),
            ("/a/<int:id>/b", "<int:id>", "`<int:id>` is no parameter here (write `{id}`)"),
        ],
    );
}

#[test]
fn refuses_bad_parameters() {
    let names = "names have letters, digits, `_` and `-`: `{user_id}`";
    let whole =
        "write `/{name}`, or a regular expression for parts of one: `~^/files/(?<name>[^/]+)[.]json$`";
    assert_refused(
        parse,
        &[
            ("/{}", "{}", "`{}` is no parameter (give it a name: `{name}`)"),
            ("/{*}", "{*}", "`{*}` is no parameter (give it a name: `{*name}`)"),
            ("/{proxy+}", "{proxy+}", "`{proxy+}` is no parameter (write `{*proxy}`)"),
            ("/{path...}", "{path...}", "`{path...}` is no parameter (write `{*path}`)"),
            ("/a/{$}", "{$}", "`{$}` is no parameter (leave it out: a path is exact as it stands)"),
            ("/{id?}", "{id?}", "`{id?}` is no parameter (no parameter may be left out: list both paths)"),
            ("/{user id}", "{user id}", &format!("`{{user id}}` is no parameter ({names})")),
            ("/{1a}", "{1a}", &format!("`{{1a}}` is no parameter ({names})")),
            (
                "/u.x/{id:[0-9]+}/y",
                "{id:[0-9]+}",
                "`{id:[0-9]+}` is no parameter (write a regular expression: `~^/u\\.x/(?<id>[0-9]+)/y$`)",
            ),
            (
                "/{a}/{id:[0-9]{2}}",
                "{id:[0-9]{2}}",
                "`{id:[0-9]{2}}` is no parameter (write a regular expression: `~^/(?<a>[^/]+)/(?<id>[0-9]{2})$`)",
            ),
            (
                "/{id:[}",
                "{id:[}",
                "`{id:[}` is no parameter (write a regular expression: `~^/users/(?<id>[0-9]+)$`)",
            ),
            (
                "/{id:a/b}",
                "{id:a",
                "a slash stands in the braces of a parameter (write a regular expression: `~^/(?<id>a/b)$`)",
            ),
            (
                "/{id}.json",
                "{id}.json",
                &format!("a parameter is a whole segment, `{{id}}.json` is none ({whole})"),
            ),
            ("/v{n}", "v{n}", &format!("a parameter is a whole segment, `v{{n}}` is none ({whole})")),
            ("/{a}{b}", "{a}{b}", &format!("a parameter is a whole segment, `{{a}}{{b}}` is none ({whole})")),
            ("/{id", "{id", &format!("a parameter is a whole segment, `{{id` is none ({whole})")),
            ("/id}", "id}", &format!("a parameter is a whole segment, `id}}` is none ({whole})")),
            (
                "/{id}/x/{id}",
                "{id}",
                "`id` is named twice in this path (each parameter has a name of its own)",
            ),
            (
                "/{*rest}/a",
                "{*rest}",
                "`{*rest}` takes all that follows (write it last, or `{rest}` for one segment)",
            ),
        ],
    );
}

#[test]
fn refuses_bad_expressions() {
    assert_refused(
        parse,
        &[
            (
                "~",
                "",
                "a regular expression is missing behind the `~` (write it like `~^/v[0-9]+/(?<id>.+)$`)",
            ),
            ("~ ^/a", " ^/a", "`~ ^/a` is nginx's form (no blank stands behind the `~`: write `~^/a`)"),
            (
                "~* [.]php$",
                "* [.]php$",
                "`~* [.]php$` is nginx's form (any case is `(?i)`: write `~(?i)[.]php$`)",
            ),
            ("~^/a b", " ", "no path of a request has a blank (write `%20`)"),
            ("~^v1", "^v1", "this matches nothing: every path begins with a slash (write `~^/v1`)"),
            ("~(", "(", "this is no regular expression: unclosed group"),
            (
                "~^/(?!a)",
                "^/(?!a)",
                "this is no regular expression: look-around, including look-ahead and look-behind, is not supported (expressions are matched in linear time, which these would break)",
            ),
            (
                "~(a)\\1",
                "(a)\\1",
                "this is no regular expression: backreferences are not supported (expressions are matched in linear time, which these would break)",
            ),
            (
                "~(?<a>x)(?<a>y)",
                "(?<a>x)(?<a>y)",
                "this is no regular expression: duplicate capture group name",
            ),
            (
                "~(\\w{100}){100}",
                "(\\w{100}){100}",
                "this regular expression is too large (write smaller repetitions: `{1,100}` of a class takes much room)",
            ),
        ],
    );
}

proptest! {
    #[test]
    fn reads_back_what_it_writes(text in "(/([a-z%é.~]{0,4}|%6[1-9a-f]|\\{[a-z]{1,3}\\})){1,4}(/\\*|/\\{\\*r\\})?") {
        if let Ok(pattern) = parse(&text) {
            prop_assert_eq!(parse(&pattern.to_string()), Ok(pattern));
        }
    }

    #[test]
    fn normalises_once(text in "(/([a-z.~]{1,4}|%[2-7][0-9A-F]|é)){1,4}") {
        if let Ok(PathPattern { kind: PathKind::Segments { segments, .. }, .. }) = parse(&text) {
            let again: String = segments.iter().map(|segment| match segment {
                Segment::Literal(literal) => format!("/{literal}"),
                Segment::Param(name) => format!("/{{{name}}}"),
            }).collect();
            let kind = PathKind::Segments { segments, tail: Tail::None };
            prop_assert_eq!(parse(&again).unwrap().kind, kind);
        }
    }

    #[test]
    fn never_panics(text in "\\PC*|[~/]?[a-b/{}*:?.%0é<>() -]{0,12}|/[a{}:/]{0,10}") {
        assert_no_panic(parse, &text);
    }
}
