//! Changes of requests, as the service gets them.

use maitred_policy::harness::{Harness, Outcome, problems_of};

use super::*;

fn sent(yaml: &str, line: &str, fields: &[(&str, &str)]) -> Outcome {
    Harness::of::<TransformRequest>(yaml).request(line, fields).answer(200, &[])
}

fn lines(outcome: &Outcome) -> Vec<String> {
    let fields = &outcome.sent.as_ref().unwrap().fields;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}

fn target(yaml: &str, target: &str) -> String {
    sent(&format!("{{ query: {yaml} }}"), &format!("GET {target}"), &[("X-A", "a&b c")])
        .sent_target()
        .to_owned()
}

#[test]
fn fields_are_changed_in_one_order() {
    let yaml = "
headers:
  default: { X-Default: d, X-Set: no, X-Kept: no }
  add: { X-Set: second, X-Kept: more }
  set: { X-Set: first, X-New: \"{header.X-Old}\" }
  rename: { x-renamed: X-Fresh }
  keep: [X-Kept, X-Renamed, X-Old]
  remove: X-Old
";
    let fields = [
        ("Host", "a.example"),
        ("Content-Length", "0"),
        ("X-Kept", "1"),
        ("X-Old", "old"),
        ("X-Renamed", "r1"),
        ("x-renamed", "r2"),
        ("X-Other", "gone"),
    ];
    assert_eq!(
        lines(&sent(yaml, "GET /", &fields)),
        [
            "Host: a.example",
            "Content-Length: 0",
            "X-Kept: 1",
            "X-Fresh: r1",
            "X-Fresh: r2",
            "X-Set: first",
            "X-New: old",
            "X-Set: second",
            "X-Kept: more",
            "X-Default: d",
        ]
    );
}

#[test]
fn values_are_those_of_the_request_as_it_came() {
    let swap = "{ headers: { set: { X-A: '{header.X-B}', X-B: '{header.X-A}' } } }";
    assert_eq!(lines(&sent(swap, "GET /", &[("X-A", "1"), ("X-B", "2")])), ["X-A: 2", "X-B: 1"]);
    let yaml = "{ headers: { set: { X-P: '{query.p}', X-Q: 'q={query.p}' }, add: { X-Add: '{query.p}' }, \
        default: { X-Default: '{query.p:-none}' } }, query: { remove: p } }";
    let with = sent(yaml, "GET /?p=1%0d%0a2&r", &[("X-P", "forged")]);
    assert_eq!(lines(&with), ["X-P: 1  2", "X-Q: q=1  2", "X-Add: 1  2", "X-Default: 1  2"]);
    assert_eq!(with.sent_target(), "/?r");
    let without = sent(yaml, "GET /", &[("X-P", "forged")]);
    assert_eq!(lines(&without), ["X-Q: q=", "X-Default: none"]);
}

#[test]
fn what_gets_a_new_name_replaces_what_had_it() {
    let yaml = "{ headers: { rename: { Authorization: X-Auth } }, query: { rename: { a: b } } }";
    let outcome = sent(yaml, "GET /?b=forged&a=1&a=2", &[("X-Auth", "forged"), ("Authorization", "x")]);
    assert_eq!((lines(&outcome), outcome.sent_target()), (vec!["X-Auth: x".to_owned()], "/?b=1&b=2"));
    let outcome = sent(yaml, "GET /?b=kept", &[("X-Auth", "kept")]);
    assert_eq!((lines(&outcome), outcome.sent_target()), (vec!["X-Auth: kept".to_owned()], "/?b=kept"));
}

#[test]
fn queries_are_changed_in_one_order() {
    for (yaml, from, to) in [
        ("{ remove: a }", "/x?a=1&b=2&%61=3", "/x?b=2"),
        ("{ remove: [a, b] }", "/x?a=1&b=2", "/x"),
        ("{ remove: a }", "/x", "/x"),
        ("{ remove: z }", "/x?a=%2f+b&c&d=", "/x?a=%2f+b&c&d="),
        ("{ keep: [a, c] }", "/x?a=1&b=2&c", "/x?a=1&c"),
        ("{ rename: { a: 'ä b' } }", "/x?b=2&a=1", "/x?b=2&%C3%A4%20b=1"),
        ("{ set: { a: '{header.X-A}' } }", "/x?a=1&b=2&a=3", "/x?b=2&a=a%26b%20c"),
        ("{ set: { a: '{header.X-None}' } }", "/x?a=1&b=2", "/x?b=2"),
        ("{ set: { 'a&b': 1 } }", "/x", "/x?a%26b=1"),
        ("{ add: { a: 2, z: '{header.X-None}' } }", "/x?a=1", "/x?a=1&a=2"),
        ("{ default: { a: 2, b: 3 } }", "/x?a=1", "/x?a=1&b=3"),
        (
            "{ default: { b: 9 }, add: { b: 2 }, set: { b: 1 }, rename: { a: b }, keep: a, remove: c }",
            "/x?a=0&c=1&d=1",
            "/x?b=1&b=2",
        ),
    ] {
        assert_eq!(target(yaml, from), to, "{yaml} {from}");
    }
}

#[test]
fn mistakes_are_told() {
    for (yaml, told) in [
        ("{ body: { case: snake_case } }", "unknown key `body`"),
        ("{ headers: { sett: { A: b } } }", "did you mean `set`?"),
        ("{ headers: { set: { Host: a } } }", "`Host` cannot be edited here"),
        ("{ headers: { remove: [content-length] } }", "`content-length` belongs to the connection"),
        ("{ headers: { rename: { X-A: Connection } } }", "`Connection` belongs to the connection"),
        ("{ headers: { set: { 'X A': b } } }", "X A"),
        ("{ headers: { set: { X-A: b, x-a: c } } }", "this header stands here twice"),
        (
            "{ headers: { set: { X-A: '{response.status}' } } }",
            "`response.status` is not known before there is a response",
        ),
        ("{ query: { set: { a: '{body.x}' } } }", "`body.x` cannot be used here"),
        ("{ headers: { set: { X-A: '{heder.x}' } } }", "`heder.x` is not a value"),
        ("true", "warning: `transform_request` changes nothing"),
        ("{ headers: { set: {} } }", "warning: `transform_request` changes nothing"),
    ] {
        let problems = problems_of::<TransformRequest>(yaml);
        assert!(problems.contains(told), "{yaml}:\n{problems}");
    }
}

#[test]
fn it_says_what_it_would_do() {
    let explain = |yaml| Harness::of::<TransformRequest>(yaml).request("GET /", &[]).explain().concat();
    assert_eq!(explain("{ headers: { remove: X-A } }"), "changes header fields");
    assert_eq!(
        explain("{ headers: { remove: X-A }, query: { remove: a } }"),
        "changes header fields and the query"
    );
}
