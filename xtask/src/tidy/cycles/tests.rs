//! Tests of the search for module cycles, on small crates.

use super::*;
use crate::tree::Tree;

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![("crates/x/Cargo.toml", "")];
    all.extend(files);
    let mut report = Report::default();
    let sources = Sources::read(&Tree::of(&all), &mut report);
    check(&sources, &mut report);
    report.lines("cycles")
}

#[test]
fn two_modules_that_use_each_other_are_told_with_both_places() {
    let told = found(&[
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A;"),
        ("crates/x/src/b.rs", "pub struct B;\nfn f() { let a = crate::a::A; }"),
    ]);
    let expected = "crates/x/src/a.rs:1: module cycle: a uses b (crates/x/src/a.rs:1: crate::b::B), \
                    b uses a (crates/x/src/b.rs:2: crate::a::A)";
    assert_eq!(told, [expected]);
}

#[test]
fn one_direction_is_fine_and_tests_do_not_count() {
    let told = found(&[
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A;"),
        ("crates/x/src/b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("crates/x/src/b/tests.rs", "use crate::a::A;"),
    ]);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_longer_cycle_is_told_once_and_only_along_itself() {
    let told = found(&[
        ("crates/x/src/a.rs", "use crate::b::B;\nuse crate::d::D;"),
        ("crates/x/src/b.rs", "use super::c::C;"),
        ("crates/x/src/c.rs", "run!(crate::a::A);"),
        ("crates/x/src/d.rs", "pub struct D;"),
    ]);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("a uses b") && told[0].contains("b uses c") && told[0].contains("c uses a"));
    assert!(!told[0].contains(" d "));
}

#[test]
fn re_exports_lead_to_where_the_item_lives() {
    let root = ("crates/x/src/lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;\npub use c::*;");
    let told = found(&[
        root,
        ("crates/x/src/a.rs", "use crate::b::B;\npub struct A;"),
        ("crates/x/src/b.rs", "use crate::A;\npub struct B;"),
        ("crates/x/src/c.rs", "use crate::b::B;\npub struct C;"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
    let told = found(&[
        root,
        ("crates/x/src/a.rs", "use crate::C;\npub struct A;"),
        ("crates/x/src/b.rs", ""),
        ("crates/x/src/c.rs", "use super::A;\npub struct C;"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_module_and_what_it_contains_are_one() {
    let told = found(&[
        ("crates/x/src/a.rs", "mod read;\nuse read::Read;\npub struct A;"),
        ("crates/x/src/a/read.rs", "use super::A;\npub struct Read;"),
    ]);
    assert!(told.is_empty(), "{told:?}");
    let told = found(&[
        ("crates/x/src/a.rs", "mod read;\nmod write;"),
        ("crates/x/src/a/read.rs", "use super::write::Write;\npub struct Read;"),
        ("crates/x/src/a/write.rs", "use super::read::Read;\npub struct Write;"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn deep_uses_count_between_the_modules_where_paths_part() {
    let told = found(&[
        ("crates/x/src/a.rs", "mod read;\npub struct A;"),
        ("crates/x/src/a/read.rs", "use crate::b::B;"),
        ("crates/x/src/b.rs", "mod write;\npub struct B;"),
        ("crates/x/src/b/write.rs", "use crate::a::A;"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn modules_written_in_place_shift_super() {
    let told = found(&[
        ("crates/x/src/a.rs", "mod within {\n  use super::super::b::B;\n}"),
        ("crates/x/src/b.rs", "use crate::a::A;"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
}
