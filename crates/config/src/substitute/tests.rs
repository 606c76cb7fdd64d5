//! `${…}` of every kind, and what it never shows.

use crate::files::{Environment, Memory, NoEnvironment};
use crate::node::{Node, ScalarKind, yaml};
use crate::problem::{Problems, Style};
use crate::texts::Texts;

use super::Substituter;

fn replace(text: &str, environment: &dyn Environment) -> (Node, String) {
    let files = Memory::new().with("conf/secret", "hush\n").with("conf/binary", vec![0xff]);
    let mut texts = Texts::default();
    let mut problems = Problems::new();
    let id = texts.add("conf/test.yaml", text);
    let mut node = yaml::parse(text, id, &mut problems).expect("a tree");
    let mut watched = Vec::new();
    Substituter { files: &files, environment, texts: &texts, problems: &mut problems, watched: &mut watched }
        .walk(&mut node);
    let problems = problems.render(&texts, Style::Plain);
    (node, problems)
}

/// Turns `$${` into `${` in a tree that names nothing.
pub(crate) fn replace_with_nothing_set(node: &mut Node) {
    let mut problems = Problems::new();
    Substituter {
        files: &Memory::new(),
        environment: &NoEnvironment,
        texts: &Texts::default(),
        problems: &mut problems,
        watched: &mut Vec::new(),
    }
    .walk(node);
}

fn shop(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8080".into()),
        "ON" => Some("true".into()),
        "EMPTY" => Some(String::new()),
        "TRICKY" => Some("${PORT}: {a: [".into()),
        _ => None,
    }
}

#[test]
fn variables_defaults_and_files_are_put_in() {
    for (written, text) in [
        ("${PORT}", "8080"),
        ("${NONE:-7}", "7"),
        ("${EMPTY:-7}", "7"),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("http://h:${PORT}/${NONE:-x}?", "http://h:8080/x?"),
        ("${file:secret}", "hush"),
        ("$${PORT}", "${PORT}"),
        ("$$${PORT}", "$${PORT}"),
        ("a$b $ {c}", "a$b $ {c}"),
        ("~^/v[0-9]+$", "~^/v[0-9]+$"),
        ("${TRICKY}", "${PORT}: {a: ["),
    ] {
        let (node, problems) = replace(&format!("a: '{written}'"), &shop);
        assert_eq!(problems, "", "{written}");
        assert_eq!(node.get("a").and_then(Node::as_text), Some(text), "{written}");
    }
}

#[test]
fn without_quotes_the_kind_follows_from_what_is_put_in() {
    let (node, _) = replace("a: ${PORT}\nb: '${PORT}'\nc: ${ON}\nd: ${EMPTY}\ne: '${ON}'", &shop);
    let kind = |key| node.get(key).and_then(Node::as_scalar).map(|scalar| scalar.kind);
    assert_eq!(kind("a"), Some(ScalarKind::Int(8080)));
    assert_eq!(kind("b"), Some(ScalarKind::String));
    assert_eq!(kind("c"), Some(ScalarKind::Bool(true)));
    assert_eq!(kind("d"), Some(ScalarKind::String));
    assert_eq!(node.get("e").and_then(Node::as_bool), Some(true));
}

#[test]
fn what_is_put_in_is_not_shown() {
    let (node, _) = replace("a: 'x${file:secret}'", &shop);
    assert!(!format!("{node:?}").contains("hush"), "{node:?}");
    assert_eq!(node.to_yaml(), "a: \"x${file:secret}\"\n");
}

#[test]
fn what_cannot_be_put_in_is_told() {
    let text = "a: ${NONE}\nb: '${PORT'\nc: '${9}'\nd: '${A:-${B}}'\ne: '${file:gone}'\nf: '${file:binary}'\n'${PORT}': 1\n";
    insta::assert_snapshot!(replace(text, &shop).1);
}
