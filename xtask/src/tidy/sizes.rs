//! Sizes: no file over 600 lines, no function over 60, inline tests at most 100, crates of 500 to 8,000, the map at
//! most 300; the median and the ninth decile of files are told.

use std::collections::BTreeMap;

use super::problem::{Place, Report};
use super::sources::{Source, Sources};
use crate::tree::Tree;

const CHECK: &str = "sizes";
const FILE: usize = 600;
const FUNCTION: usize = 60;
const INLINE_TESTS: usize = 100;
const MEDIAN: usize = 130;
const NINTH_DECILE: usize = 350;
const CRATE: std::ops::RangeInclusive<usize> = 500..=8_000;
const MAP: (&str, usize) = ("ARCHITECTURE.md", 300);

pub fn check(tree: &Tree, sources: &Sources, report: &mut Report) {
    for source in &sources.files {
        check_file(source, report);
        for function in source.facts.functions.iter().filter(|function| function.lines > FUNCTION) {
            let place = Place { path: &source.path, line: function.line, name: &function.name };
            let what =
                format!("function {} has {} lines of code, over {FUNCTION}", function.name, function.lines);
            report.error(CHECK, &place, what, "give its steps names of their own");
        }
    }
    check_crates(sources, report);
    tell_spread(sources, report);
    let map = tree.text(MAP.0).map_or(0, |text| text.lines().count());
    if map > MAP.1 {
        let place = Place { path: MAP.0, line: 0, name: MAP.0 };
        report.error(
            CHECK,
            &place,
            format!("{map} lines, over {}", MAP.1),
            "a map is short: move detail into docs/",
        );
    }
}

fn check_file(source: &Source, report: &mut Report) {
    let lines = source.lines();
    if lines > FILE {
        let place = Place { path: &source.path, line: 0, name: &source.path };
        report.error(CHECK, &place, format!("{lines} lines, over {FILE}"), "split it by subject");
    }
    for (name, range) in source.facts.places.iter().filter(|(name, _)| name == "tests") {
        let lines = range.end() - range.start() - 1;
        if lines > INLINE_TESTS {
            let place = Place { path: &source.path, line: *range.start(), name };
            let what = format!("{lines} lines of tests in place, over {INLINE_TESTS}");
            report.error(CHECK, &place, what, "move them into a tests.rs of their own");
        }
    }
}

fn check_crates(sources: &Sources, report: &mut Report) {
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.files.iter().filter(|source| source.package.starts_with("crates/")) {
        *crates.entry(&source.package).or_default() += source.lines();
    }
    for (package, lines) in crates.into_iter().filter(|(_, lines)| !CRATE.contains(lines)) {
        let place = Place { path: package, line: 0, name: package };
        let what = format!("a crate of {lines} lines, outside {} to {}", CRATE.start(), CRATE.end());
        report.warning(CHECK, &place, what, "see whether it should join or be parted");
    }
}

/// The spread of production files, as the house's aim is stated.
fn tell_spread(sources: &Sources, report: &mut Report) {
    let production =
        sources.files.iter().filter(|source| !source.test && source.package.starts_with("crates/"));
    let mut files: Vec<(usize, &str)> =
        production.map(|source| (source.lines(), source.path.as_str())).collect();
    files.sort_unstable();
    let Some((longest, path)) = files.last() else { return };
    let median = files[files.len() / 2].0;
    let decile = files[files.len() * 9 / 10].0;
    let note =
        format!("{} files, lines: median {median}, p90 {decile}, longest {longest} ({path})", files.len());
    report.notes.push(note);
    for (figure, lines, aim) in [("median", median, MEDIAN), ("p90", decile, NINTH_DECILE)] {
        if lines > aim {
            let place = Place { path: "crates", line: 0, name: figure };
            report.warning(
                CHECK,
                &place,
                format!("the {figure} of files is {lines} lines, over {aim}"),
                "split the longest",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Report {
        let tree = Tree::of(files);
        let mut report = Report::default();
        let sources = Sources::read(&tree, &mut report);
        check(&tree, &sources, &mut report);
        report.problems.retain(|problem| !problem.warning);
        report
    }

    #[test]
    fn long_files_and_functions_are_told() {
        let code = |lines| format!("fn f() {{\n{}}}\n", "x();\n\n// why\n".repeat(lines));
        let fine = code(60);
        assert!(found(&[("a.rs", &fine), ("b.rs", &"\n".repeat(600))]).problems.is_empty());
        let long = code(61);
        let told = found(&[("a.rs", &long), ("b.rs", &"\n".repeat(601))]).lines(CHECK);
        assert_eq!(told, ["a.rs:1: function f has 61 lines of code, over 60", "b.rs:0: 601 lines, over 600"]);
    }

    #[test]
    fn long_tests_in_place_are_told() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(101));
        assert_eq!(found(&[("a.rs", &text)]).lines(CHECK), ["a.rs:2: 101 lines of tests in place, over 100"]);
    }

    #[test]
    fn a_long_map_is_told() {
        let map = "\n".repeat(301);
        assert_eq!(
            found(&[("ARCHITECTURE.md", &map)]).lines(CHECK),
            ["ARCHITECTURE.md:0: 301 lines, over 300"]
        );
    }

    #[test]
    fn the_spread_of_production_files_is_told() {
        let long = "\n".repeat(400);
        let files =
            [("crates/a/Cargo.toml", ""), ("crates/a/src/b.rs", &long), ("crates/a/src/tests.rs", "")];
        let tree = Tree::of(&files);
        let mut report = Report::default();
        let sources = Sources::read(&tree, &mut report);
        check(&tree, &sources, &mut report);
        assert_eq!(report.notes, ["1 files, lines: median 400, p90 400, longest 400 (crates/a/src/b.rs)"]);
        assert_eq!(
            report.lines(CHECK),
            [
                "crates/a:0: a crate of 400 lines, outside 500 to 8000",
                "crates:0: the median of files is 400 lines, over 130",
                "crates:0: the p90 of files is 400 lines, over 350"
            ]
        );
    }
}
