//! The map and the land: every file, folder and function named in `ARCHITECTURE.md` exists, and its list of types
//! that threads share (`…Shared`) is the whole list.

use std::collections::BTreeSet;

use super::problem::{Place, Report};
use super::sources::Sources;
use crate::tree::Tree;

const FILE: &str = "ARCHITECTURE.md";
const CHECK: &str = "map";
const ENDINGS: [&str; 9] = ["rs", "toml", "md", "yaml", "yml", "json", "py", "sh", "lock"];

pub fn check(tree: &Tree, sources: &Sources, report: &mut Report) {
    let Some(text) = tree.text(FILE) else { return };
    for (line, word) in words(text) {
        let (path, function) = word.split_once("::").map_or((word, None), |(path, name)| (path, Some(name)));
        if !is_path(path) {
            continue;
        }
        let place = Place { path: FILE, line, name: word };
        let mend = "correct the map";
        match [path.to_owned(), format!("crates/{path}")].into_iter().find(|path| tree.exists(path)) {
            None => report.error(CHECK, &place, format!("{path} does not exist"), mend),
            Some(found) if function.is_some_and(|name| !defines(sources, &found, name)) => {
                report.error(CHECK, &place, format!("{found} has no {}", function.unwrap_or_default()), mend);
            }
            Some(_) => {}
        }
    }
    check_shared(text, sources, report);
}

/// Words made of the letters of paths, wherever they stand, with their lines.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |letter: char| letter.is_alphanumeric() || "/._-:".contains(letter);
    text.lines().enumerate().flat_map(move |(at, line)| {
        let words = line.split(move |letter| !is_part(letter));
        words.map(move |word| (at + 1, word.trim_end_matches(['.', ':']).trim_start_matches("./")))
    })
}

/// A name with an ending of ours, or a folder, with `/` at its end; not an address of another site, nor `policies/src/NAME`.
fn is_path(word: &str) -> bool {
    let placeholder = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    let named = word.rsplit_once('.').is_some_and(|(name, end)| !name.is_empty() && ENDINGS.contains(&end));
    let folders = word.contains("/src/") || word.len() > 1 && word.ends_with('/');
    (named || folders) && !word.contains("//") && !word.split('/').any(placeholder)
}

fn defines(sources: &Sources, path: &str, name: &str) -> bool {
    let last = name.rsplit("::").next().unwrap_or(name);
    let file = sources.files.iter().find(|source| source.path == path);
    file.is_some_and(|source| source.facts.names.iter().any(|defined| defined.name == last))
}

/// Types whose name ends in `Shared`: those defined and those listed are the same.
fn check_shared(map: &str, sources: &Sources, report: &mut Report) {
    let is_shared = |name: &str| name.ends_with("Shared") && name != "Shared";
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for (at, line) in map.lines().enumerate() {
        for name in line.split(|letter| !is_letter(letter)).filter(|name| is_shared(name)) {
            listed.insert(name);
            let exists =
                |source: &super::sources::Source| source.facts.names.iter().any(|known| known.name == name);
            if !sources.files.iter().any(exists) {
                let place = Place { path: FILE, line: at + 1, name };
                report.error(CHECK, &place, format!("no type is called {name}"), "correct the map");
            }
        }
    }
    for source in sources.files.iter().filter(|source| !source.test) {
        let types = source.facts.names.iter().filter(|name| ["type", "trait"].contains(&name.kind));
        for name in types.filter(|name| is_shared(&name.name) && !listed.contains(name.name.as_str())) {
            let place = Place { path: &source.path, line: name.line, name: &name.name };
            let what = format!("threads share {}, and {FILE} does not list it", name.name);
            report.error(CHECK, &place, what, "list it there with what it holds and who writes it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(map: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (FILE, map),
            ("crates/proxy/src/exchange.rs", "pub fn serve() {}\npub struct PoolShared;"),
            ("floors.toml", ""),
        ]);
        let mut report = Report::default();
        let sources = Sources::read(&tree, &mut report);
        check(&tree, &sources, &mut report);
        report.lines(CHECK)
    }

    #[test]
    fn what_exists_passes() {
        let map = "`proxy/src/exchange.rs::serve`, crates/proxy/src/, floors.toml. `policies/src/NAME/`\n\
                   http://example.com/src/x.rs PoolShared and `…Shared`";
        assert_eq!(found(map), [""; 0]);
    }

    #[test]
    fn what_does_not_exist_is_told() {
        let told = found("PoolShared proxy/src/pipeline.rs\nproxy/src/exchange.rs::route\ndocs/ TableShared");
        assert_eq!(
            told,
            [
                "ARCHITECTURE.md:1: proxy/src/pipeline.rs does not exist",
                "ARCHITECTURE.md:2: crates/proxy/src/exchange.rs has no route",
                "ARCHITECTURE.md:3: docs/ does not exist",
                "ARCHITECTURE.md:3: no type is called TableShared"
            ]
        );
    }

    #[test]
    fn a_shared_type_must_be_listed() {
        let told = found("");
        let what = "threads share PoolShared, and ARCHITECTURE.md does not list it";
        assert_eq!(told, [format!("crates/proxy/src/exchange.rs:2: {what}")]);
    }
}
