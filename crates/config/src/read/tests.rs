//! One struct with every kind of field, read right and wrong.

use std::time::Duration;

use crate::{
    ByteSize, ConfigMap, FilePath, Named, Node, OneOrMany, Problems, Read, Reader, Secret, Spanned, Style,
    Toggle, config_map, config_words, read_text,
};

config_words! {
    /// A colour.
    pub enum Colour {
        /// Like blood.
        Red = "red",
        /// Like grass.
        Green = "green",
    }
    later: ["blue"]
}

config_map! {
    /// How long to wait.
    struct Waits {
        /// Until it is open.
        connect: Duration = "5s",
        /// For everything.
        total: Option<Duration>,
    }
}

config_map! {
    /// A thing with everything.
    struct Thing {
        /// Its name.
        #[main]
        name: String,
        /// Its kind.
        kind as "type": Colour = "green",
        /// How long it waits.
        waits: Waits = true,
        /// Whether it waits again.
        again: Toggle<Waits> = true,
        /// How much it takes.
        size: ByteSize = "8MiB",
        /// Who may see it.
        viewers: Vec<String>,
        /// Who may touch it.
        owners: Option<OneOrMany<String>>,
        /// Things below.
        below: Named<Thing>,
        /// Its port.
        port: Spanned<u16> = 80,
        /// Whether it is loud.
        loud: bool = false,
        /// Where it is.
        place: Option<FilePath>,
        /// What opens it.
        key: Option<Secret>,
    }
}

/// What is read, and the problems as drawn.
fn read<T: Read>(text: &str) -> (Option<T>, String) {
    let files = crate::Memory::new().with("etc/thing.yaml", text);
    let environment = |name: &str| match name {
        "KEY" => Some("hush".to_owned()),
        "BAD" => Some("hidden".to_owned()),
        "PORT" => Some("81".to_owned()),
        "ON" => Some("true".to_owned()),
        _ => None,
    };
    let mut problems = Problems::new();
    let tree = crate::load::load_tree("etc/thing.yaml".as_ref(), &files, &environment, &mut problems);
    let value = T::read(&tree.root, &mut Reader::new(&tree.texts, &mut problems));
    let drawn = problems.render(&tree.texts, Style::Plain);
    (value, drawn)
}

fn refused(text: &str) -> String {
    let (_, problems) = read::<Thing>(text);
    assert!(problems.contains("error: "), "{text} was taken");
    assert!(!problems.contains("hush") && !problems.contains("hidden"), "{problems}");
    problems
}

#[test]
fn every_form_is_read() {
    let short: Thing = read_text("x").expect("a short form");
    let long: Thing = read_text(
        "{name: x, type: green, waits: {connect: 5s}, again: true, size: 8MiB, viewers: [], below: {}, port: 80, loud: false}",
    )
    .expect("a long form");
    assert_eq!(short, long);
    assert_eq!(short.kind.word(), "green");
    assert_eq!(short.waits, Waits { connect: Duration::from_secs(5), total: None });
    assert_eq!(short.again.on(), Some(&short.waits));
    let other: Thing = read_text(
        "{name: 2.10, type: red, waits: {total: 1m}, again: false, viewers: a, owners: [b, c], below: {y: y, z: false}, port: 81}",
    )
    .expect("other values");
    assert_eq!((other.name.as_str(), other.kind, other.port.value), ("2.10", Colour::Red, 81));
    assert_eq!((other.waits.total, other.again), (Some(Duration::from_mins(1)), Toggle::Off));
    assert_eq!((other.viewers, other.owners.map(|owners| owners.len())), (vec!["a".to_owned()], Some(2)));
    assert_eq!(other.below.names().collect::<Vec<_>>(), ["y"]);
    let without: Thing =
        read_text("{name: x, owners: false, viewers: false, waits: {total: false}}").expect("off");
    assert_eq!((without.owners, without.waits.total), (None, None));
}

#[test]
fn what_comes_through_the_environment_is_read_like_what_is_written() {
    let (thing, problems) =
        read::<Thing>("name: '${KEY}'\nport: '${PORT}'\nloud: '${ON}'\nkey: '${KEY}'\nplace: a/b\n");
    assert_eq!(problems, "");
    let thing = thing.expect("a thing");
    assert_eq!((thing.port.value, thing.loud), (81, true));
    assert_eq!(thing.key.as_ref().map(Secret::expose), Some("hush"));
    assert_eq!(format!("{:?} {}", thing.key, thing.key.clone().expect("a key")), "Some(***) ***");
    assert_eq!(thing.place, Some(FilePath("etc/a/b".into())));
    let (thing, problems) = read::<Thing>("name: x\nkey: '${NONE:-}'\n");
    assert_eq!((thing.and_then(|thing| thing.key), problems.as_str()), (None, ""));
}

#[test]
fn a_secret_under_a_misspelt_key_is_not_shown() {
    let problems = refused("{ name: x, kye: hush, port: seven }");
    assert!(
        problems.contains("kye: ****, port: seven") && problems.contains("did you mean `key`?"),
        "{problems}"
    );
}

#[test]
fn every_problem_of_a_map_is_told() {
    insta::assert_snapshot!(
        "many",
        refused(
            "type: rde\nwaits: {conect: 1s, total: 5}\nagain: {connect: soon}\nsize: 12\nviewers: [a, [b], {c: d}]\nowners: []\nbelow:\n  one: {type: pink}\n  two: 7\nport: 70000\nloud: yes\nplace: ''\nkey: hush\n"
        )
    );
    insta::assert_snapshot!("braces", refused("name: {query.id}\n"));
    insta::assert_snapshot!("null", refused("name:\nwaits:\nloud: ~\nviewers:\nbelow:\n"));
    insta::assert_snapshot!("later", refused("name: x\ntype: blue\n"));
    insta::assert_snapshot!(
        "kinds",
        refused("name: [x]\ntype: [red]\nwaits: 5s\nsize: {a: b}\nport: eighty\nloud: 1\nbelow: x\n")
    );
    insta::assert_snapshot!("off", refused("name: x\nwaits: false\n"));
    insta::assert_snapshot!("far_from_all", refused("name: x\nbackground: 1\n'two\\nlines': 1\n"));
    insta::assert_snapshot!("missing_for_true", refused("below: {one: true, two: {nmae: x}}\nname: x\n"));
    insta::assert_snapshot!("names", refused("name: x\nbelow: {'': x, \"a\\nb\": y}\n"));
    insta::assert_snapshot!(
        "put_in",
        refused("name: x\ntype: '${BAD}'\nsize: '${BAD}'\nport: '${BAD}'\nloud: '${BAD}'\n")
    );
    insta::assert_snapshot!("default_of_a_secret", refused("name: x\nkey: '${NONE:-hush}'\n"));
}

#[test]
fn the_listing_has_every_key_with_its_default() {
    let listing = Thing::map_shape().listing();
    let lines: Vec<String> = listing
        .iter()
        .map(|key| {
            let default =
                key.default.map_or_else(|| if key.required { "required" } else { "-" }.into(), str::to_owned);
            format!("{} | {} | {default} | {}", key.path, key.kind, key.doc)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_shape_gives_the_long_form() {
    let long = |text: &str| {
        let node = Node::parse(text).expect("a node");
        Thing::map_shape().long_form(&node).map(|node| node.to_yaml()).map_err(|problem| problem.message)
    };
    assert_eq!(long("x").as_deref(), Ok("name: x\n"));
    assert_eq!(long("true").as_deref(), Ok("{}\n"));
    assert_eq!(long("{port: 1}").as_deref(), Ok("port: 1\n"));
    assert!(long("false").is_err() && long("null").is_err());
}
