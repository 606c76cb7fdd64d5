//! `Manifest`: a package's `Cargo.toml`, and the rule that versions and lints stand in the root's alone.
//! A workspace of its own (a fuzzer, a load generator) cannot inherit: of what the root lists, it names the same version.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::problem::{Place, Report};
use crate::tree::Tree;

const CHECK: &str = "manifests";
const ROOT: &str = "Cargo.toml";
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

pub struct Manifest<'a> {
    pub path: String,
    text: &'a str,
    table: Table,
}

/// One line under some `dependencies`.
pub struct Dependency<'a> {
    /// The name it is used by.
    pub key: &'a str,
    /// The name it is published by.
    pub package: &'a str,
    value: &'a Value,
}

/// All packages' manifests, the root's left out. One that is no TOML stops cargo before anybody comes here.
pub fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    let read = |(path, text): (&str, &'_ str)| Some((path.to_owned(), text.parse::<Table>().ok()?));
    let files = tree.ending("/Cargo.toml");
    files.filter_map(|file| read(file).map(|(path, table)| Manifest { path, text: file.1, table })).collect()
}

pub fn check(tree: &Tree, report: &mut Report) {
    let root: Table = tree.text(ROOT).unwrap_or_default().parse().unwrap_or_default();
    let listed = |table: &str| root.get("workspace").and_then(|workspace| workspace.get(table)?.as_table());
    let central: BTreeMap<&str, &Value> =
        listed("dependencies").into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for manifest in manifests(tree) {
        used.extend(manifest.dependencies().iter().map(|dependency| dependency.key.to_owned()));
        manifest.check_dependencies(&central, report);
        if !manifest.is_workspace() {
            manifest.check_inheritance(report);
        }
    }
    for unused in central.keys().filter(|name| !used.contains(**name)) {
        let text = tree.text(ROOT).unwrap_or_default();
        let place = Place { path: ROOT, line: line_of(text, unused), name: unused };
        let mend = "remove it from [workspace.dependencies], or let its user come soon";
        report.warning(CHECK, &place, format!("no package uses {unused}"), mend);
    }
}

impl Manifest<'_> {
    /// `http` of `crates/http/Cargo.toml`; none for packages beside the crates.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml").filter(|name| !name.contains('/'))
    }

    /// Every dependency: normal, for tests, for build scripts, for some targets.
    pub fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self.table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let tables = targets.filter_map(Value::as_table).chain([&self.table]);
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let mut all = Vec::new();
        for list in tables.flat_map(|table| kinds.into_iter().filter_map(|kind| table.get(kind)?.as_table()))
        {
            for (key, value) in list {
                let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
                all.push(Dependency { key, package, value });
            }
        }
        all
    }

    /// The line where a key begins.
    pub fn line(&self, key: &str) -> usize {
        line_of(self.text, key)
    }

    fn is_workspace(&self) -> bool {
        self.table.contains_key("workspace")
    }

    fn check_dependencies(&self, central: &BTreeMap<&str, &Value>, report: &mut Report) {
        for dependency in self.dependencies() {
            let inherited = dependency.value.get("workspace").and_then(Value::as_bool) == Some(true);
            let agrees = |root: &&Value| version(root) == version(dependency.value);
            let own = self.is_workspace() && central.get(dependency.package).is_none_or(agrees);
            if !inherited && !own {
                let place = Place { path: &self.path, line: self.line(dependency.key), name: dependency.key };
                let what = format!("{} is given a version or path of its own", dependency.key);
                let mend = "list it under [workspace.dependencies] in the root and write `workspace = true` here \
                            (in a workspace of its own: name the root's version)";
                report.error(CHECK, &place, what, mend);
            }
        }
    }

    fn check_inheritance(&self, report: &mut Report) {
        let inherits =
            |value: Option<&Value>| value.and_then(|value| value.get("workspace")?.as_bool()) == Some(true);
        let package = self.table.get("package");
        let mut missing: Vec<String> = Vec::new();
        for key in INHERITED.into_iter().filter(|key| !inherits(package.and_then(|package| package.get(key))))
        {
            missing.push(format!("package.{key}"));
        }
        if !inherits(self.table.get("lints")) {
            missing.push("lints".to_owned());
        }
        for key in missing {
            let place = Place { path: &self.path, line: 0, name: &key };
            let mend = "write `workspace = true` for it";
            report.error(CHECK, &place, format!("{key} is not inherited from the root"), mend);
        }
        if let Some(name) = self.crate_name() {
            let told = package.and_then(|package| package.get("name")?.as_str()).unwrap_or_default();
            if told != format!("maitred-{name}") {
                let place = Place { path: &self.path, line: self.line("name"), name: told };
                let mend = "name the package after its folder, `maitred-` before it";
                report.error(CHECK, &place, format!("folder {name} holds package {told}"), mend);
            }
        }
    }
}

/// `"1"` and `{ version = "1" }` alike; none for a path.
fn version(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("version")?.as_str())
}

fn line_of(text: &str, key: &str) -> usize {
    let begins = |line: &str| {
        let rest = line.strip_prefix(key).or_else(|| line.strip_prefix('"')?.strip_prefix(key));
        rest.is_some_and(|rest| rest.starts_with([' ', '=', '.', '"']))
    };
    text.lines().position(begins).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[package]\nname = \"maitred-http\"\nversion.workspace = true\nedition.workspace = true\n\
                        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
                        [lints]\nworkspace = true\n";
    const ROOT_TEXT: &str = "[workspace.dependencies]\nbytes = \"1\"\n";

    fn found(path: &str, manifest: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&Tree::of(&[(ROOT, ROOT_TEXT), (path, manifest)]), &mut report);
        report.lines(CHECK)
    }

    #[test]
    fn what_is_inherited_passes() {
        let manifest =
            format!("{HEAD}[dependencies]\nbytes = {{ workspace = true, features = [\"std\"] }}\n");
        assert_eq!(found("crates/http/Cargo.toml", &manifest), [""; 0]);
    }

    #[test]
    fn versions_in_a_member_are_told() {
        let manifest = format!("{HEAD}[target.'cfg(unix)'.dependencies]\nbytes = \"1\"\n");
        let told = found("crates/http/Cargo.toml", &manifest);
        assert_eq!(told, ["crates/http/Cargo.toml:11: bytes is given a version or path of its own"]);
    }

    #[test]
    fn lints_and_package_fields_are_inherited_and_the_name_fits() {
        let manifest =
            HEAD.replace("edition.workspace = true", "edition = \"2024\"").replace("[lints]", "[lint]");
        let told = found("crates/http2/Cargo.toml", &manifest);
        assert_eq!(told[0], "crates/http2/Cargo.toml:0: package.edition is not inherited from the root");
        assert_eq!(told[1], "crates/http2/Cargo.toml:0: lints is not inherited from the root");
        assert_eq!(told[2], "crates/http2/Cargo.toml:2: folder http2 holds package maitred-http");
    }

    #[test]
    fn a_workspace_of_its_own_names_the_same_versions() {
        let of = |bytes| {
            let text = format!(
                "[package]\nname = \"f\"\n[workspace]\n[dependencies]\nrustix = \"1\"\nbytes = {bytes}\n"
            );
            found("fuzz/Cargo.toml", &text)
        };
        assert_eq!(of("\"1\""), [""; 0]);
        assert_eq!(of("{ version = \"1\" }"), [""; 0]);
        assert_eq!(of("\"2\""), ["fuzz/Cargo.toml:6: bytes is given a version or path of its own"]);
    }

    #[test]
    fn a_dependency_that_nobody_uses_is_a_warning() {
        let mut report = Report::default();
        check(&Tree::of(&[(ROOT, ROOT_TEXT), ("crates/http/Cargo.toml", HEAD)]), &mut report);
        assert!(report.problems[0].warning);
        assert_eq!(report.lines(CHECK), ["Cargo.toml:2: no package uses bytes"]);
    }
}
