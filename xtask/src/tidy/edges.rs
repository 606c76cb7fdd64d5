//! Floors: which crate may depend on which, as `floors.toml` says, and that its edges only lead downwards.
//! Dependencies for tests and build scripts obey the same edges.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::manifests::manifests;
use super::problem::{Place, Report};
use crate::tree::Tree;

const FILE: &str = "floors.toml";
const CHECK: &str = "floors";
const MEND: &str =
    "depend only downwards, on the crates that floors.toml names; see ARCHITECTURE.md, \"Floors\"";

struct Floors {
    /// Crate to floor.
    floor: BTreeMap<String, usize>,
    /// Crate to the crates it may use; `*` is every other.
    edges: BTreeMap<String, Vec<String>>,
    /// `a -> b` pairs that may stay inside a floor.
    inside: Vec<String>,
}

pub fn check(tree: &Tree, report: &mut Report) {
    let floors = match Floors::read(tree.text(FILE).unwrap_or_default()) {
        Ok(floors) => floors,
        Err(what) => {
            report.error(CHECK, &Place { path: FILE, line: 0, name: FILE }, what, "mend floors.toml");
            return;
        }
    };
    floors.check_itself(tree, report);
    for manifest in manifests(tree) {
        for dependency in manifest.dependencies() {
            let Some(to) = dependency.package.strip_prefix("maitred-") else { continue };
            let allowed = match manifest.crate_name() {
                Some(from) => floors.allows(from, to),
                // What lies beside the crates (tests, benchmarks, fuzzing) may use them all.
                None => true,
            };
            if !allowed {
                let from = manifest.crate_name().unwrap_or_default();
                let place = Place { path: &manifest.path, line: manifest.line(dependency.key), name: to };
                report.error(CHECK, &place, format!("crate {from} may not use crate {to}"), MEND);
            }
        }
    }
}

impl Floors {
    fn read(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let part =
            |name: &str| table.get(name).and_then(Value::as_table).ok_or(format!("`[{name}]` is missing"));
        let mut floor = BTreeMap::new();
        for (number, crates) in part("floors")? {
            let number = number.parse().map_err(|_| format!("`{number}` is no floor"))?;
            floor.extend(strings(crates)?.into_iter().map(|name| (name, number)));
        }
        let mut edges = BTreeMap::new();
        for (from, to) in part("edges")? {
            edges.insert(from.clone(), strings(to)?);
        }
        let inside = table.get("inside_a_floor").map_or(Ok(Vec::new()), strings)?;
        Ok(Self { floor, edges, inside })
    }

    /// The list agrees with itself and with the crates that are there.
    fn check_itself(&self, tree: &Tree, report: &mut Report) {
        let mut complain = |name: &str, what: String| {
            let text = tree.text(FILE).unwrap_or_default();
            let line =
                text.lines().position(|line| line.starts_with(&format!("{name} ="))).map_or(0, |at| at + 1);
            report.error(CHECK, &Place { path: FILE, line, name }, what, "mend floors.toml");
        };
        for manifest in manifests(tree) {
            let known = |name: &&str| self.floor.contains_key(*name) && self.edges.contains_key(*name);
            if let Some(name) = manifest.crate_name().filter(|name| !known(name)) {
                complain(name, format!("crate {name} has no floor or no line of edges"));
            }
        }
        for name in self.floor.keys().chain(self.edges.keys()) {
            if !tree.exists(&format!("crates/{name}/Cargo.toml")) {
                complain(name, format!("crate {name} does not exist"));
            }
        }
        for (from, to) in self.edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to))) {
            let downwards = to == "*" || self.floor.get(to) < self.floor.get(from);
            if !downwards && !self.inside.contains(&format!("{from} -> {to}")) {
                complain(from, format!("the edge {from} -> {to} does not lead downwards"));
            }
        }
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        self.edges.get(from).is_some_and(|edges| edges.iter().any(|edge| edge == "*" || edge == to))
    }
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or("a list of crates is needed")?;
    let text =
        |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| "a crate's name is text".to_owned());
    list.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = "[floors]\n0 = [\"http\"]\n1 = [\"wire\"]\n[edges]\nhttp = []\nwire = [\"http\"]\n";

    fn found(floors: &str, http: &str, wire: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (FILE, floors),
            ("crates/http/Cargo.toml", http),
            ("crates/wire/Cargo.toml", wire),
            (
                "tests/Cargo.toml",
                "[package]\nname = \"tests\"\n[dependencies]\nmaitred-wire.workspace = true\n",
            ),
        ]);
        let mut report = Report::default();
        check(&tree, &mut report);
        report.lines(CHECK)
    }

    const HTTP: &str = "[package]\nname = \"maitred-http\"\n";
    const WIRE: &str = "[package]\nname = \"maitred-wire\"\n[dependencies]\nmaitred-http.workspace = true\n";

    #[test]
    fn edges_that_are_listed_pass() {
        assert_eq!(found(FLOORS, HTTP, WIRE), [""; 0]);
    }

    #[test]
    fn an_edge_upwards_is_told_for_tests_and_renames_too() {
        let http =
            format!("{HTTP}[dev-dependencies]\nw = {{ package = \"maitred-wire\", path = \"../wire\" }}\n");
        assert_eq!(
            found(FLOORS, &http, WIRE),
            ["crates/http/Cargo.toml:4: crate http may not use crate wire"]
        );
    }

    #[test]
    fn floors_toml_must_lead_downwards_and_name_what_exists() {
        let floors = FLOORS.replace("http = []", "http = [\"wire\"]");
        assert_eq!(
            found(&floors, HTTP, WIRE),
            ["floors.toml:5: the edge http -> wire does not lead downwards"]
        );
        let excused = format!("inside_a_floor = [\"http -> wire\"]\n{floors}");
        assert_eq!(found(&excused, HTTP, WIRE), [""; 0]);
        let floors = FLOORS.replace("[edges]", "2 = [\"store\"]\n[edges]");
        assert_eq!(found(&floors, HTTP, WIRE), ["floors.toml:0: crate store does not exist"]);
        let floors = FLOORS.replace("wire = [\"http\"]", "");
        assert_eq!(
            found(&floors, HTTP, WIRE),
            [
                "floors.toml:0: crate wire has no floor or no line of edges",
                "crates/wire/Cargo.toml:4: crate wire may not use crate http"
            ]
        );
    }
}
