//! `Exceptions`: `tidy.toml`, the one list of places that may break a rule, each by name with a reason.
//! One that excuses nothing any more is itself a problem.

use toml::{Table, Value};

use super::problem::{Place, Problem, Report};
use crate::tree::Tree;

const FILE: &str = "tidy.toml";
const CHECK: &str = "exceptions";
const MEND: &str = "see the head of tidy.toml";

pub struct Exceptions {
    list: Vec<Exception>,
}

struct Exception {
    check: String,
    /// A file, or with `/` at its end all files below a folder.
    path: String,
    /// What the problem is about; none excuses all of the check's problems at the path.
    name: Option<String>,
    line: usize,
}

impl Exceptions {
    /// Reads `tidy.toml`; without the file there are no exceptions.
    pub fn read(tree: &Tree, report: &mut Report) -> Self {
        let mut list = Vec::new();
        let text = tree.text(FILE).unwrap_or_default();
        match text.parse::<Table>() {
            Ok(table) => {
                let starts = text.lines().enumerate().filter(|(_, line)| line.trim() == "[[exception]]");
                let entries = table.get("exception").and_then(Value::as_array);
                for (entry, (at, _)) in entries.into_iter().flatten().zip(starts) {
                    match Exception::of(entry, at + 1) {
                        Ok(exceptions) => list.extend(exceptions),
                        Err(what) => report.error(CHECK, &place(at + 1, ""), what, MEND),
                    }
                }
            }
            Err(error) => report.error(CHECK, &place(0, ""), error.message().to_owned(), "mend the TOML"),
        }
        Self { list }
    }

    /// Removes what is excused, and reports exceptions that excused nothing.
    pub fn apply(self, report: &mut Report) {
        let mut used = vec![false; self.list.len()];
        report.problems.retain(|problem| {
            let mut excused = false;
            for (exception, used) in self.list.iter().zip(&mut used) {
                if exception.covers(problem) {
                    (*used, excused) = (true, true);
                }
            }
            !excused
        });
        for (exception, _) in self.list.iter().zip(used).filter(|(_, used)| !used) {
            let name = exception.name.as_ref().map_or(String::new(), |name| format!(" with `{name}`"));
            let what = format!("nothing breaks `{}` at `{}`{name} any more", exception.check, exception.path);
            report.error(CHECK, &place(exception.line, &exception.path), what, "remove the exception");
        }
    }
}

fn place(line: usize, name: &str) -> Place<'_> {
    Place { path: FILE, line, name }
}

impl Exception {
    /// One for each name that an entry gives, or one for all.
    fn of(entry: &Value, line: usize) -> Result<Vec<Self>, String> {
        let table = entry.as_table().ok_or("an exception is a table")?;
        if let Some(key) =
            table.keys().find(|key| !["check", "path", "name", "reason"].contains(&key.as_str()))
        {
            return Err(format!("unknown key `{key}`"));
        }
        let text = |key: &str| table.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let needed = |key: &str| text(key).map(str::to_owned).ok_or(format!("an exception needs `{key}`"));
        needed("reason")?;
        let (check, path) = (needed("check")?, needed("path")?);
        let names: Vec<Option<String>> = match table.get("name") {
            None => vec![None],
            Some(Value::String(name)) => vec![Some(name.clone())],
            Some(Value::Array(names)) if names.iter().all(Value::is_str) => {
                names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
            }
            Some(_) => return Err("`name` is a name or a list of names".to_owned()),
        };
        Ok(names
            .into_iter()
            .map(|name| Self { check: check.clone(), path: path.clone(), name, line })
            .collect())
    }

    fn covers(&self, problem: &Problem) -> bool {
        let there = if self.path.ends_with('/') {
            problem.path.starts_with(&self.path)
        } else {
            problem.path == self.path
        };
        there && problem.check == self.check && self.name.as_ref().is_none_or(|name| *name == problem.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(toml: &str) -> Vec<String> {
        let tree = Tree::of(&[(FILE, toml)]);
        let mut report = Report::default();
        let at = |path, name| Place { path, line: 1, name };
        report.error("names", &at("a/b.rs", "data"), "data".into(), "");
        report.error("names", &at("a/b.rs", "base"), "base".into(), "");
        report.error("sizes", &at("a/c.rs", "a/c.rs"), "long".into(), "");
        Exceptions::read(&tree, &mut report).apply(&mut report);
        report.problems.iter().map(|problem| format!("{}:{}", problem.what, problem.line)).collect()
    }

    #[test]
    fn an_exception_covers_its_name_and_path_only() {
        let toml = "[[exception]]\ncheck = \"names\"\npath = \"a/\"\nname = \"data\"\nreason = \"why\"\n";
        assert_eq!(left(toml), ["base:1", "long:1"]);
        let toml = "[[exception]]\ncheck = \"names\"\npath = \"a/b.rs\"\nreason = \"why\"\n";
        assert_eq!(left(toml), ["long:1"]);
        let toml =
            "[[exception]]\ncheck = \"names\"\npath = \"a/\"\nname = [\"data\", \"x\"]\nreason = \"why\"\n";
        assert_eq!(left(toml), ["base:1", "long:1", "nothing breaks `names` at `a/` with `x` any more:1"]);
    }

    #[test]
    fn an_unused_exception_is_a_problem() {
        let toml = "\n[[exception]]\ncheck = \"names\"\npath = \"a/b\"\nreason = \"why\"\n";
        assert_eq!(left(toml).last().unwrap(), "nothing breaks `names` at `a/b` any more:2");
    }

    #[test]
    fn an_exception_needs_a_reason_and_known_keys() {
        let toml = "[[exception]]\ncheck = \"names\"\npath = \"a/b.rs\"\nreason = \" \"\n";
        assert_eq!(left(toml).last().unwrap(), "an exception needs `reason`:1");
        let toml = "[[exception]]\ncheck = \"names\"\nfile = \"a/b.rs\"\nreason = \"why\"\n";
        assert_eq!(left(toml).last().unwrap(), "unknown key `file`:1");
    }
}
