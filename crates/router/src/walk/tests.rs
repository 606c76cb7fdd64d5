//! How many steps a walk takes at most, on tables made to make it long.

use std::cell::Cell;

use super::{Visitor, walk};
use crate::path::PathSpec;
use crate::rank::Ranking;
use crate::segments::SplitPath;
use crate::spec::RouteSpec;
use crate::table::{NONE, Node, Table};

/// Refuses everything, and counts: the bound is asked for once for each root and each step.
#[derive(Default)]
struct Nothing {
    steps: Cell<usize>,
    seen: usize,
}

impl Visitor for Nothing {
    fn bound(&self) -> u32 {
        self.steps.set(self.steps.get() + 1);
        NONE
    }

    fn visit(&mut self, _: &Node) {
        self.seen += 1;
    }
}

fn table(paths: impl IntoIterator<Item = String>) -> Table {
    let spec =
        |path: String| RouteSpec { paths: vec![PathSpec::parse(&path).unwrap()], ..RouteSpec::default() };
    Table::build(&Ranking::new(paths.into_iter().map(spec).collect()))
}

fn walk_all(table: &Table, path: &str) -> Nothing {
    let mut nothing = Nothing::default();
    walk(table, "", &SplitPath::new(path, table.depth), &mut nothing);
    nothing
}

/// Every mixture of `a` and `{p}` over `depth` segments, with `end` behind.
fn mixtures(depth: u32, end: &str) -> impl Iterator<Item = String> {
    (0..1u32 << depth).map(move |bits| {
        let segment = |at: u32| if bits >> at & 1 == 0 { "/a".to_owned() } else { format!("/{{p{at}}}") };
        (0..depth).map(segment).collect::<String>() + end
    })
}

#[test]
fn a_walk_meets_no_node_twice() {
    for end in ["/z", "/z/*"] {
        let table = table(mixtures(10, end));
        let all_met = walk_all(&table, "/a/a/a/a/a/a/a/a/a/a/z");
        assert_eq!(all_met.seen, 1 << 10);
        let none_met = walk_all(&table, "/a/a/a/a/a/a/a/a/a/a/y");
        assert_eq!(none_met.seen, 0);
        for met in [all_met, none_met] {
            // Each node is entered once and visited once; and there are four roots.
            assert!(met.steps.get() <= 2 * table.nodes.len() + 4, "{} steps", met.steps.get());
        }
    }
}

#[test]
fn steps_grow_with_what_the_path_meets_and_not_with_the_table() {
    let wide = (0..5000).map(|n| format!("/r{n}/{{id}}/x")).chain((0..5000).map(|n| format!("/r{n}/*")));
    let met = walk_all(&table(wide), "/r77/1/y");
    assert_eq!(met.seen, 1);
    assert!(met.steps.get() < 16, "{} steps", met.steps.get());
}

#[test]
fn long_patterns_and_long_paths_are_walked_without_recursion() {
    let long = "/a".repeat(50_000);
    let params = (0..500).fold(String::new(), |text, n| text + &format!("/{{p{n}}}"));
    let table = table([long.clone() + "/*", params + "/*", "/{x}/*".to_owned()]);
    let met = walk_all(&table, &long);
    assert_eq!(met.seen, 3);
    assert!(met.steps.get() <= 2 * table.nodes.len() + 4);
    assert_eq!(walk_all(&table, &"/".repeat(8192)).seen, 0);
}

#[test]
fn regular_expressions_are_met_by_the_segments_they_begin_with() {
    let table = table((0..1000).map(|n| format!("~^/svc{n:03}/[0-9]+$")));
    let met = walk_all(&table, "/svc500/7");
    assert_eq!(met.seen, 1);
    assert!(met.steps.get() < 10, "{} steps", met.steps.get());
}
