//! Words of one machine in the files of all: absolute paths of somebody's work folder, and addresses of package
//! registries or their mirrors (lock files name the public index, and may).

use super::problem::{Place, Report};
use crate::tree::Tree;

const CHECK: &str = "words";

/// Top folders of one machine, each written so that this file does not break its own rule.
const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// A label of a host name that makes it a registry's.
const REGISTRIES: [&str; 9] =
    ["registry", "mirror", "mirrors", "index", "pypi", "pythonhosted", "npmjs", "artifactory", "nexus"];

pub fn check(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts() {
        for (at, line) in text.lines().enumerate() {
            for folder in FOLDERS.into_iter().filter(|folder| names_folder(line, folder)) {
                let place = Place { path, line: at + 1, name: folder };
                let what = format!("an absolute path of one machine: {folder}");
                report.error(CHECK, &place, what, "make it relative, or take it from the environment");
            }
            if !path.ends_with(".lock")
                && let Some(host) = registry(line)
            {
                let place = Place { path, line: at + 1, name: host };
                let mend = "leave registries to the machine's own settings";
                report.error(CHECK, &place, format!("the address of a package registry: {host}"), mend);
            }
        }
    }
}

/// The folder at the beginning of a path: what stands before it is no part of a name.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !(before.is_ascii_lowercase() || before == '_'))
    })
}

/// The host of the first URL in a line that is a registry's.
fn registry(line: &str) -> Option<&str> {
    let hosts = line.split("://").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || ".-".contains(letter)));
        &rest[..end.unwrap_or(rest.len())]
    });
    hosts
        .into_iter()
        .find(|host| host.contains('.') && host.split('.').any(|label| REGISTRIES.contains(&label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&Tree::of(&[(path, text)]), &mut report);
        report.lines(CHECK)
    }

    #[test]
    fn paths_of_one_machine_are_told() {
        for before in ["", "cd ", "\"", "="] {
            let line = format!("\n{before}{}main\n", FOLDERS[0]);
            assert_eq!(
                found("a.sh", &line),
                [format!("a.sh:2: an absolute path of one machine: {}", FOLDERS[0])]
            );
        }
        assert_eq!(found("a.sh", &format!("docs{}main", FOLDERS[0])), [""; 0]);
    }

    #[test]
    fn registries_are_told_outside_lock_files() {
        let host = format!("{}.example.org", REGISTRIES[0]);
        let line = format!("x = \"https://{host}/simple\"");
        assert_eq!(found("a.toml", &line), [format!("a.toml:1: the address of a package registry: {host}")]);
        assert_eq!(found("Cargo.lock", &line), [""; 0]);
        assert_eq!(found("a.md", "https://example.org/index.html http://registry:8080"), [""; 0]);
    }
}
