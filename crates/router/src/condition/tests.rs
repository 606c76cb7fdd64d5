//! What each kind of condition asks.

use std::net::IpAddr;

use maitred_http::{FieldName, Method, PathRules, RequestHead};

use super::{Condition, Predicate, Source, Test};
use crate::captures::{Captures, PathValues};
use crate::pattern::Pattern;
use crate::subject::Subject;

fn one_of(texts: &[&str]) -> Test {
    Test::OneOf(texts.iter().map(|&text| text.to_owned()).collect())
}

fn matches(pattern: &str) -> Test {
    Test::Matches(Pattern::parse(pattern).unwrap())
}

fn holds_for(condition: &Condition, head: &RequestHead, client: &str) -> bool {
    let client: IpAddr = client.parse().unwrap();
    let subject = Subject { head, client, listener: 1, method: Method::Get, context: &() };
    condition.holds(&subject, PathValues::new(None, &Captures::default(), "/"))
}

fn holds(condition: &Condition) -> bool {
    let mut head = RequestHead::default();
    head.target.parse(b"/?v=1&w&a%20b=c+d&v=2&%76x=3", PathRules::Strict).unwrap();
    for (name, value) in [
        ("X-Tag", "one"),
        ("x-tag", "two"),
        ("X-Empty", ""),
        ("Cookie", "sid=\"s1\"; theme=dark"),
        ("Cookie", "sid=s2; last=z"),
    ] {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    holds_for(condition, &head, "10.1.2.3")
}

#[test]
fn headers_look_at_the_first_value() {
    let header = |name: &str, test| {
        let source = Source::Header(FieldName::parse(name).unwrap());
        holds(&Condition::Value { source, test })
    };
    assert!(header("X-TAG", one_of(&["one"])));
    assert!(header("X-Tag", one_of(&["zero", "one"])));
    assert!(!header("X-Tag", one_of(&["two"])));
    assert!(!header("X-Tag", one_of(&["One"])));
    assert!(!header("X-Tag", one_of(&[])));
    assert!(header("X-Tag", matches("^o.e$")));
    assert!(!header("X-Tag", matches("^n")));
    assert!(header("X-Empty", Test::Present));
    assert!(header("X-Empty", one_of(&[""])));
    assert!(!header("X-Empty", Test::Absent));
    assert!(header("X-None", Test::Absent));
    assert!(!header("X-None", Test::Present));
    assert!(!header("X-None", matches("")));
}

#[test]
fn queries_are_compared_decoded() {
    let query = |name: &str, test| holds(&Condition::Value { source: Source::Query(name.to_owned()), test });
    assert!(query("v", one_of(&["1"])));
    assert!(!query("v", one_of(&["2"])));
    assert!(query("w", one_of(&[""])));
    assert!(query("a b", one_of(&["c d"])));
    assert!(query("vx", matches("^3$")));
    assert!(query("V", Test::Absent));
    let bare = RequestHead::default();
    let absent = Condition::Value { source: Source::Query("v".to_owned()), test: Test::Absent };
    assert!(holds_for(&absent, &bare, "::1"));
}

#[test]
fn cookies_are_found_in_every_field() {
    let cookie =
        |name: &str, test| holds(&Condition::Value { source: Source::Cookie(name.to_owned()), test });
    assert!(cookie("sid", one_of(&["s1"])));
    assert!(cookie("last", one_of(&["z"])));
    assert!(cookie("theme", matches("dark|light")));
    assert!(cookie("Theme", Test::Absent));
}

#[test]
fn clients_and_listeners() {
    let client = |networks: &[&str], client: &str| {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        holds_for(&Condition::Client(networks), &RequestHead::default(), client)
    };
    assert!(client(&["192.168.0.0/16", "10.0.0.0/8"], "10.1.2.3"));
    assert!(!client(&["10.0.0.0/8"], "11.0.0.1"));
    assert!(client(&["10.0.0.0/8"], "::ffff:10.0.0.1"));
    assert!(client(&["fd00::/8"], "fd00::1"));
    assert!(!client(&["0.0.0.0/0"], "::1"));
    assert!(!client(&[], "10.0.0.1"));
    assert!(holds(&Condition::Listener(vec![0, 1])));
    assert!(!holds(&Condition::Listener(vec![2])));
}

#[test]
fn a_predicate_sees_the_subject() {
    #[derive(Debug)]
    struct ByListener;
    impl Predicate for ByListener {
        fn holds(&self, subject: &Subject<'_>, _: PathValues<'_>) -> bool {
            subject.listener == 1
        }
    }
    assert!(holds(&Condition::When(Box::new(ByListener))));
}
