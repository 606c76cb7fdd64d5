//! Headers: every Rust file begins with `//!` lines that say what it is and what not.
//! Two to eight of them; a test file may do with one, and the page that users read of a policy is as long as it needs.

use super::problem::{Place, Report};
use super::sources::{Source, Sources};

const CHECK: &str = "headers";

pub fn check(sources: &Sources, report: &mut Report) {
    for source in &sources.files {
        let least = if source.test { 1 } else { 2 };
        let most = if is_user_page(source) { usize::MAX } else { 8 };
        let lines = source.facts.header;
        if lines < least || lines > most {
            let place = Place { path: &source.path, line: 1, name: &source.path };
            let what = format!("{lines} lines of `//!` at the top, not {least} to 8");
            report.error(CHECK, &place, what, "say what it is, what not, and which step of a request");
        }
    }
}

/// A policy's or action's file, or the `mod.rs` of its folder: its header is the user's page.
fn is_user_page(source: &Source) -> bool {
    let kinds = ["crates/policies", "crates/actions"].contains(&source.package.as_str());
    kinds && source.module.as_ref().is_some_and(|module| module.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn found(path: &str, lines: usize) -> usize {
        let text = "//! what\n".repeat(lines);
        let mut report = Report::default();
        let tree = Tree::of(&[("crates/policies/Cargo.toml", ""), (path, &text)]);
        let sources = Sources::read(&tree, &mut report);
        check(&sources, &mut report);
        report.lines(CHECK).len()
    }

    #[test]
    fn two_to_eight_lines() {
        let of = |path| [0, 1, 2, 8, 9].map(|lines| found(path, lines));
        assert_eq!(of("src/a.rs"), [1, 1, 0, 0, 1]);
        assert_eq!(of("src/a/tests.rs"), [1, 0, 0, 0, 1]);
        assert_eq!(of("crates/policies/src/cors/mod.rs"), [1, 1, 0, 0, 0]);
        assert_eq!(of("crates/policies/src/cors/policy.rs"), [1, 1, 0, 0, 1]);
        assert_eq!(of("crates/policies/src/lib.rs"), [1, 1, 0, 0, 1]);
    }
}
