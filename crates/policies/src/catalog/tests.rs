//! What must hold for every policy, so that nobody has to remember it for a new one.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use maitred_config::{
    Document, Memory, NamedEntry, NoEnvironment, Node, Problems, Shape, Store, Style, Texts, load,
};
use maitred_policy::identity::Consumers;
use maitred_policy::{AnyUpstream, DynKind, IpLists, Means, Stores};
use maitred_store::{MemorySettings, MemoryStore, StoreShared};

use super::*;
use crate::reference;

fn each(check: impl Fn(&dyn DynKind, &Page)) {
    let catalog = catalog();
    assert_eq!(catalog.iter().count(), PAGES.len());
    for (kind, page) in catalog.iter().zip(PAGES) {
        check(kind, page);
    }
}

#[test]
fn names_are_snake_case_and_occur_once() {
    let catalog = catalog();
    let names: Vec<_> = catalog.iter().map(DynKind::name).collect();
    for name in &names {
        let is_snake = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(name.bytes().all(is_snake) && name.as_bytes()[0].is_ascii_lowercase(), "{name}");
    }
    assert!(names.is_sorted_by(|a, b| a < b), "once each, in the order of the alphabet: {names:?}");
}

#[test]
fn every_key_says_what_it_means() {
    each(|kind, page| {
        let keys = match kind.shape() {
            Shape::Map(shape) => shape.listing(),
            // The names of others are its keys.
            Shape::Policies => Vec::new(),
            _ => panic!("{} takes no map of known keys", kind.name()),
        };
        for key in keys {
            assert!(
                key.doc.len() > 10 && key.doc.ends_with('.'),
                "{}.{}: {:?}",
                kind.name(),
                key.path,
                key.doc
            );
        }
        assert!(page.source.starts_with("//! "), "{} has no user page", kind.name());
    });
}

#[test]
fn every_example_loads_and_uses_its_policy() {
    let catalog = catalog();
    each(|kind, page| {
        let files = page.files();
        let seen = RefCell::default();
        let means = Means::new(&files, &seen, &catalog);
        let loaded = load("example.yaml", &files, &NoEnvironment);
        let mut problems = loaded.problems.clone();
        let document = loaded.document.as_ref().expect("an example is a document");
        let consumers = Arc::new(Consumers::with_plans(&document.consumers, &document.plans));
        let ip_lists = IpLists::compile(&document.ip_lists, &files, &mut problems);
        let asks_certificates = document.asks_certificates();
        let (consumers, issuers) = (&consumers, &document.issuers);
        let (ip_lists, upstreams) = (&ip_lists, &AnyUpstream);
        let stores = &stores_of(document);
        let means = Means { consumers, issuers, ip_lists, upstreams, asks_certificates, stores, ..means };
        let routes = document.routes.iter().map(Some).chain([None]);
        let policies: Vec<_> =
            routes.flat_map(|route| document.effective_policies(route, &catalog)).collect();
        assert!(policies.iter().any(|policy| &*policy.kind == kind.name()), "{} is not used", kind.name());
        for policy in &policies {
            let used = catalog.find(&policy.kind).expect("an example uses policies that exist");
            let compiled = used.compile(&policy.node, loaded.texts(), means, &mut problems, None);
            assert!(compiled.is_some() || !problems.is_empty());
        }
        assert!(problems.is_empty(), "{}:\n{}", kind.name(), problems.render(loaded.texts(), Style::Plain));
    });
}

/// The stores of an example, which are in memory.
fn stores_of(document: &Document) -> Stores {
    let open = |store: &NamedEntry<Store>| {
        let memory = store.value.memory.clone().unwrap_or_default();
        let path = memory.path.map(|path| path.as_path().to_owned());
        let store_of = MemoryStore::new(MemorySettings { size: memory.size.0, path });
        (store.name.clone(), Arc::new(store_of) as StoreShared)
    };
    Stores::new(document.stores.iter().map(open))
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    let catalog = catalog();
    each(|kind, _| {
        let text = format!("maitred: 1\npolicies:\n  {}:\n    nonsense_key: 1\n", kind.name());
        let files = Memory::new().with("wrong.yaml", text.as_str());
        let loaded = load("wrong.yaml", &files, &NoEnvironment);
        let seen = RefCell::default();
        let means = Means::new(&files, &seen, &catalog);
        let mut problems = Problems::new();
        let policy = &loaded.document.as_ref().expect("a document").policies.entries[0];
        let compiled = kind.compile(&policy.node, loaded.texts(), means, &mut problems, None);
        assert!(compiled.is_none(), "{} takes any key", kind.name());
        let drawn = problems.render(loaded.texts(), Style::Plain);
        let told = match kind.shape() {
            Shape::Policies => "there is no policy `nonsense_key`",
            _ => "unknown key `nonsense_key`",
        };
        assert!(drawn.contains(told) && drawn.contains("wrong.yaml:4:5"), "{}:\n{drawn}", kind.name());
    });
}

#[test]
fn what_is_not_compiled_has_a_problem() {
    let (texts, files, seen) = (Texts::default(), Memory::new(), RefCell::default());
    let catalog = catalog();
    let means = Means::new(&files, &seen, &catalog);
    each(|kind, _| {
        for text in ["true", "[]", "nonsense", "-1", "~", "{ a: { b: c } }", "{}"] {
            let mut problems = Problems::new();
            let node = Node::parse(text).expect("a node");
            let compiled = kind.compile(&node, &texts, means, &mut problems, None);
            assert_eq!(compiled.is_some(), !problems.has_errors(), "{}: {text}", kind.name());
            if text == "true" && kind.is_on_by_default() {
                assert!(compiled.is_some(), "{} is on by default", kind.name());
            }
        }
    });
}

#[test]
fn pages_are_up_to_date() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies");
    for (name, page) in reference() {
        let file = folder.join(name).with_extension("md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &page));
            written.expect("the page can be written");
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == page,
            "docs/policies/{name}.md is out of date: UPDATE_DOCS=1 cargo test -p maitred-policies pages writes it"
        );
    }
}
