//! Trees from YAML, JSON and TOML, and back; texts that are none.

use proptest::prelude::*;

use super::{Entry, Map, Node, Scalar, ScalarKind, toml, yaml};
use crate::problem::{Problems, Style};
use crate::texts::Texts;

fn read(text: &str) -> Node {
    let mut problems = Problems::new();
    let mut texts = Texts::default();
    let id = texts.add("test.yaml", text);
    let node = yaml::parse(text, id, &mut problems);
    assert!(problems.is_empty(), "{}", problems.render(&texts, Style::Plain));
    node.expect("a tree")
}

fn refusal(text: &str) -> String {
    let mut problems = Problems::new();
    let mut texts = Texts::default();
    let id = texts.add("test.yaml", text);
    yaml::parse(text, id, &mut problems);
    problems.render(&texts, Style::Plain)
}

#[test]
fn scalars_keep_their_spelling_beside_their_meaning() {
    for (text, kind) in [
        ("2.10", ScalarKind::Float(2.1)),
        ("8080", ScalarKind::Int(8080)),
        ("0x1F", ScalarKind::Int(31)),
        ("0o17", ScalarKind::Int(15)),
        ("-7", ScalarKind::Int(-7)),
        ("1e3", ScalarKind::Float(1000.0)),
        (".5", ScalarKind::Float(0.5)),
        ("true", ScalarKind::Bool(true)),
        ("False", ScalarKind::Bool(false)),
        ("yes", ScalarKind::String),
        ("on", ScalarKind::String),
        ("1_000", ScalarKind::String),
        ("10s", ScalarKind::String),
        ("1.2.3", ScalarKind::String),
        ("0x", ScalarKind::String),
        ("--1", ScalarKind::String),
        ("2024-01-01", ScalarKind::String),
        ("99999999999999999999", ScalarKind::Float(1e20)),
    ] {
        let scalar = read(text).as_scalar().cloned().expect("a scalar");
        assert_eq!((scalar.kind, &*scalar.text), (kind, text));
        let quoted = read(&format!("\"{text}\""));
        assert_eq!(quoted.as_scalar().map(|scalar| scalar.kind), Some(ScalarKind::String), "{text}");
    }
    for empty in ["", "~", "null", "# only a comment\n"] {
        assert!(read(empty).is_null(), "{empty:?}");
    }
}

#[test]
fn json_is_read() {
    let json = "{\n\t\"a\": [1, true, null, \"x\\/y\\ud83d\\ude00\"],\n\t\"b\": {\"c\": \"\\u00e9\"}\n}\n";
    assert_eq!(read(json), read("a: [1, true, null, \"x/y😀\"]\nb: {c: é}"));
}

#[test]
fn toml_gives_the_same_tree_as_yaml_in_the_order_written() {
    let text = "maitred = 1\n[routes.z]\nmatch = '/z'\n[routes.a]\nmatch = \"/a\"\nmethods = ['GET']\nport = 8_080\n";
    let mut problems = Problems::new();
    let mut texts = Texts::default();
    let id = texts.add("test.toml", text);
    let node = toml::parse(text, id, &mut problems).expect("a tree");
    let same = "maitred: 1\nroutes:\n  z:\n    match: /z\n  a:\n    match: /a\n    methods:\n      - GET\n    port: 8080\n";
    assert_eq!(node, read(same));
    assert_eq!(node.to_yaml(), same);
    let port =
        node.get("routes").and_then(|routes| routes.get("a")).and_then(|a| a.get("port")).expect("a port");
    assert_eq!(texts.slice(port.span), Some("8_080"));
}

#[test]
fn anchors_aliases_and_merges_work() {
    let merged =
        read("base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nx: {<<: [*b, *m], a: 9}\ny: *b\nz: {<<: *b}");
    assert_eq!(
        merged,
        read(
            "base: {a: 1, b: 2}\nmore: {b: 3, c: 4}\nx: {a: 9, b: 2, c: 4}\ny: {a: 1, b: 2}\nz: {a: 1, b: 2}"
        )
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let level = |level: usize| {
        let below = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", "))
    };
    let bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned() + &(1..12).map(level).collect::<String>();
    assert!(refusal(&bomb).contains("stand for more than 250000 values"), "{}", refusal(&bomb));
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    assert!(refusal(&deep).contains("error"), "{}", refusal(&deep));
    let level = |level: usize| format!("a{level}: &a{level} [*a{}]\n", level - 1);
    let nested = "a0: &a0 [x]\n".to_owned() + &(1..80).map(level).collect::<String>();
    assert!(refusal(&nested).contains("nested more than 64 deep"), "{}", refusal(&nested));
}

#[test]
fn spans_point_at_what_is_written() {
    let text = "routes:\n  app: {match: \"/a\", methods: [GET]}\n";
    let mut texts = Texts::default();
    let id = texts.add("test.yaml", text);
    let node = yaml::parse(text, id, &mut Problems::new()).expect("a tree");
    let app = node.get("routes").and_then(|routes| routes.get("app")).expect("a route");
    assert_eq!(texts.slice(app.span), Some("{match: \"/a\", methods: [GET]}"));
    let path = app.get("match").expect("a match");
    assert_eq!(texts.slice(path.span), Some("\"/a\""));
    assert_eq!(texts.slice(path.text_span(1..2)), Some("a"));
    assert_eq!(texts.place(path.span).as_deref(), Some("test.yaml:2:16"));
}

#[test]
fn what_is_no_tree_is_refused() {
    insta::assert_snapshot!("duplicate_key", refusal("a: 1\nb: 2\na: 3\n"));
    insta::assert_snapshot!("tag", refusal("a: !!binary aGk=\nb: !mine x\n"));
    insta::assert_snapshot!("two_documents", refusal("a: 1\n---\nb: 2\n"));
    insta::assert_snapshot!("map_as_key", refusal("? [a, b]\n: 1\n"));
    insta::assert_snapshot!("merge_of_a_text", refusal("a: {<<: x}\n"));
    insta::assert_snapshot!("unknown_alias", refusal("a: *nobody\n"));
    insta::assert_snapshot!("alias_of_itself", refusal("a: &a [*a]\n"));
    insta::assert_snapshot!("tab", refusal("routes:\n\tapp: x\n"));
    insta::assert_snapshot!("star_without_quotes", refusal("match: *.example.com/x\n"));
    insta::assert_snapshot!("braces_without_quotes", refusal("path: {query.id}/x\n"));
    insta::assert_snapshot!("colon_in_text", refusal("when: a: b\n"));
    insta::assert_snapshot!("unclosed", refusal("routes: { app: { match: /*\n"));
    insta::assert_snapshot!("directive", refusal("%YAML 1.1\n---\na: 1\n"));
}

/// Any tree of scalars, lists and maps.
fn any_node() -> impl Strategy<Value = Node> {
    let text =
        prop_oneof!["\\PC{0,12}", "[a-z:#{}\\[\\],&*!|>'\"%@` \n\t\\\\$~.0-9-]{0,10}", any::<String>()];
    let scalar = prop_oneof![
        text.clone().prop_map(Node::string),
        any::<i64>().prop_map(|number| Node::scalar(Scalar::plain(number.to_string()))),
        any::<bool>().prop_map(Node::bool),
        Just(Node::scalar(Scalar::plain("null"))),
    ];
    scalar.prop_recursive(4, 40, 5, move |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..5).prop_map(Node::list),
            prop::collection::btree_map(text.clone(), inside, 0..5).prop_map(|entries| {
                let entries = entries.into_iter().filter(|(key, _)| key != "<<");
                Node::map(Map { entries: entries.map(|(key, value)| Entry::new(key, value)).collect() })
            }),
        ]
    })
}

/// `$${` is printed for `${`, which only a load turns back.
fn unescape(node: &mut Node) {
    crate::substitute::tests::replace_with_nothing_set(node);
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(node in any_node()) {
        let printed = node.to_yaml();
        let mut problems = Problems::new();
        let mut texts = Texts::default();
        let id = texts.add("printed.yaml", printed.as_str());
        let read = yaml::parse(&printed, id, &mut problems);
        prop_assert!(problems.is_empty(), "{}\n{printed}", problems.render(&texts, Style::Plain));
        let mut read = read.expect("a tree");
        unescape(&mut read);
        prop_assert_eq!(read, node, "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in prop_oneof![any::<String>(), "[-a: \n\t{}\\[\\],&*!|>'\"%@`#?~<$]{0,60}"]) {
        let mut texts = Texts::default();
        let id = texts.add("any", text.as_str());
        for parse in [yaml::parse, toml::parse] {
            let mut problems = Problems::new();
            let tree = parse(&text, id, &mut problems);
            prop_assert!(tree.is_some() || problems.has_errors());
            problems.render(&texts, Style::Coloured);
        }
    }
}
