//! `Sources`: every Rust file with its facts, the package it belongs to and its place among that package's modules.
//! Judges nothing, but that a file must be Rust.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::problem::{Place, Report};
use crate::tree::Tree;

/// All Rust files that parse.
pub struct Sources {
    pub files: Vec<Source>,
}

pub struct Source {
    pub path: String,
    pub text: String,
    pub facts: Facts,
    /// The folder of the package, `crates/http`.
    pub package: String,
    /// Its module path within the package's library or program (`lib.rs` and `main.rs` are the root); none for files
    /// that are programs, tests or benchmarks of their own.
    pub module: Option<Vec<String>>,
    /// The whole file is seen by tests only.
    pub test: bool,
}

impl Sources {
    pub fn read(tree: &Tree, report: &mut Report) -> Self {
        let mut files = Vec::new();
        for (path, text) in tree.ending(".rs") {
            match Facts::read(text) {
                Ok(facts) => files.push(Source::of(path, text, facts, tree)),
                Err((line, error)) => {
                    let place = Place { path, line, name: path };
                    report.error("syntax", &place, format!("not Rust: {error}"), "make it compile");
                }
            }
        }
        let mut sources = Self { files };
        sources.mark_tests();
        sources
    }

    /// Library and program modules of each package, by module path.
    pub fn modules(&self) -> BTreeMap<&str, BTreeMap<&[String], &Source>> {
        let mut packages: BTreeMap<&str, BTreeMap<&[String], &Source>> = BTreeMap::new();
        for source in self.files.iter().filter(|source| !source.test) {
            if let Some(module) = &source.module {
                packages.entry(&source.package).or_default().insert(module, source);
            }
        }
        packages
    }

    /// Files below a module that is declared for tests only are tests as well.
    fn mark_tests(&mut self) {
        let mut roots: Vec<(String, Vec<String>)> = Vec::new();
        for source in &self.files {
            let Some(module) = &source.module else { continue };
            for (name, _) in source.facts.modules.iter().filter(|(_, test)| *test) {
                let path = module.iter().cloned().chain([name.clone()]).collect();
                roots.push((source.package.clone(), path));
            }
        }
        for source in &mut self.files {
            let Some(module) = &source.module else { continue };
            let below = |(package, root): &(String, Vec<String>)| {
                *package == source.package && module.starts_with(root)
            };
            source.test |= roots.iter().any(below);
        }
    }
}

impl Source {
    fn of(path: &str, text: &str, facts: Facts, tree: &Tree) -> Self {
        let package = package(path, tree);
        let within = path[package.len()..].trim_start_matches('/');
        let test = ["tests", "benches"].contains(&path.split('/').next().unwrap_or_default())
            || within.starts_with("tests/")
            || within.starts_with("benches/")
            || within.ends_with("/tests.rs");
        let module = module(within);
        Self { path: path.to_owned(), text: text.to_owned(), facts, package, module, test }
    }

    /// Whether a line of it is seen by tests only.
    pub fn in_test(&self, line: usize) -> bool {
        self.test || self.facts.in_test(line)
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

/// The nearest folder above with a manifest; the root's is `""`.
fn package(path: &str, tree: &Tree) -> String {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if tree.exists(&format!("{above}/Cargo.toml")) {
            return above.to_owned();
        }
        folder = above;
    }
    String::new()
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `[a, b]`.
fn module(within: &str) -> Option<Vec<String>> {
    let inside = within.strip_prefix("src/")?.strip_suffix(".rs")?;
    if inside.starts_with("bin/") {
        return None;
    }
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let root = parts.len() == 1 && ["lib", "main"].contains(&parts[0].as_str());
    if root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_find_their_package_module_and_tests() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod rig;"),
            ("crates/a/src/b/mod.rs", ""),
            ("crates/a/src/b/tests.rs", ""),
            ("crates/a/src/rig/clock.rs", ""),
            ("crates/a/tests/serve.rs", ""),
            ("tests/whole.rs", ""),
        ]);
        let mut report = Report::default();
        let sources = Sources::read(&tree, &mut report);
        let told: Vec<String> = sources
            .files
            .iter()
            .map(|source| {
                let module = source.module.as_ref().map_or("-".to_owned(), |module| module.join("::"));
                format!("{} {module} {}", source.package, source.test)
            })
            .collect();
        assert_eq!(
            told,
            [
                "crates/a b false",
                "crates/a b::tests true",
                "crates/a  false",
                "crates/a rig::clock true",
                "crates/a - true",
                " - true"
            ]
        );
    }

    #[test]
    fn a_file_that_does_not_parse_is_told() {
        let mut report = Report::default();
        let sources = Sources::read(&Tree::of(&[("a.rs", "fn f( {")]), &mut report);
        assert!(sources.files.is_empty());
        assert_eq!((report.problems[0].check, report.problems[0].line), ("syntax", 1));
    }
}
