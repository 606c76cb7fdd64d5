//! `cargo xtask tidy`: the house rules that a program can check, all problems at once with their place and how to
//! mend them. Which rule is in which module is the table in `outcome`; the exceptions are in `tidy.toml`.
//! Not here: what the compiler, clippy and rustfmt already say.

use std::path::Path;

use crate::tree::Tree;
use exceptions::Exceptions;
use problem::Report;
use sources::Sources;

mod banned;
mod cycles;
mod edges;
mod exceptions;
mod facts;
mod headers;
mod links;
mod manifests;
mod map;
mod names;
mod problem;
mod sizes;
mod sources;
mod words;

/// Checks the repository at `root` and prints what it finds; an error tells how many problems there are.
pub fn run(root: &Path) -> Result<(), String> {
    let report = outcome(&Tree::read(root)?);
    for note in &report.notes {
        println!("tidy: {note}");
    }
    for problem in report.problems.iter().filter(|problem| problem.warning) {
        println!("warning: {problem}");
    }
    let mut errors = 0;
    for problem in report.problems.iter().filter(|problem| !problem.warning) {
        println!("error: {problem}");
        errors += 1;
    }
    if errors == 0 { Ok(()) } else { Err(format!("tidy: {errors} problems")) }
}

/// Runs every check, lays the exceptions over what they find, and sorts the rest by place.
fn outcome(tree: &Tree) -> Report {
    let mut report = Report::default();
    let sources = Sources::read(tree, &mut report);
    edges::check(tree, &mut report);
    manifests::check(tree, &mut report);
    cycles::check(&sources, &mut report);
    sizes::check(tree, &sources, &mut report);
    names::check(&sources, &mut report);
    headers::check(&sources, &mut report);
    banned::check(&sources, &mut report);
    links::check(tree, &mut report);
    map::check(tree, &sources, &mut report);
    words::check(tree, &mut report);
    Exceptions::read(tree, &mut report).apply(&mut report);
    report.problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    report
}
