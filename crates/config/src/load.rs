//! From a path to one tree: the file, what it includes, and `${…}` replaced.
//!
//! Which format a file has follows from its ending: `.toml` is TOML, all others are YAML, of which JSON is a part.
//! Included files hold the same sections; maps of the same name are joined, the same entry twice is a problem. The result
//! lists everything that was read, for the watcher that reloads.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::files::{Environment, Files, Glob, Watched, normalised};
use crate::node::{Entry, Map, Node, ScalarKind, Value, toml, yaml};
use crate::problem::{Problem, Problems};
use crate::span::Span;
use crate::substitute::Substituter;
use crate::texts::Texts;

#[cfg(test)]
mod tests;

/// The largest file that is read as configuration.
const MAX_FILE: usize = 64 << 20;
/// How many files one load may read.
const MAX_FILES: usize = 10_000;

/// One tree, joined from all files.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The tree; its root is a map.
    pub root: Node,
    /// The texts of the files, for drawing problems.
    pub texts: Texts,
    /// What to watch: files that were read, those that `${file:…}` and values name, and patterns of files to include.
    pub watched: Vec<Watched>,
    /// The files among them that values name (certificates, keys): read when the document is compiled. Two loads can have the
    /// same texts while what these hold has changed.
    pub named_files: Vec<PathBuf>,
}

/// Reads a file and all that it includes. The tree holds what could be read; it is to be used only if there are no errors
/// among the problems.
pub fn load_tree(
    path: &Path,
    files: &dyn Files,
    environment: &dyn Environment,
    problems: &mut Problems,
) -> Tree {
    let mut loader = Loader {
        files,
        environment,
        problems,
        texts: Texts::default(),
        watched: Vec::new(),
        read: HashSet::new(),
        root: Map::default(),
    };
    loader.file(path, &mut Vec::new(), Span::NONE);
    let Loader { texts, watched, root, .. } = loader;
    let span = root.entries.first().map_or(Span::NONE, |entry| entry.key_span);
    Tree { root: Node { value: Value::Map(root), span }, texts, watched, named_files: Vec::new() }
}

struct Loader<'a> {
    files: &'a dyn Files,
    environment: &'a dyn Environment,
    problems: &'a mut Problems,
    texts: Texts,
    watched: Vec<Watched>,
    read: HashSet<PathBuf>,
    root: Map,
}

impl Loader<'_> {
    /// Reads one file and what it includes. `above` are the files that include it, outermost first.
    fn file(&mut self, path: &Path, above: &mut Vec<PathBuf>, included_at: Span) {
        let plain = normalised(path);
        if above.contains(&plain) {
            let message = format!("`{}` includes itself", path.display());
            self.problems.push(Problem::error(message).label(included_at, "through this"));
            return;
        }
        if !self.read.insert(plain.clone()) {
            let message = format!("`{}` is included a second time", path.display());
            self.problems.push(Problem::error(message).at(included_at).help("include each file once"));
            return;
        }
        if self.read.len() > MAX_FILES {
            let message = format!("more than {MAX_FILES} files are included");
            self.problems.push(Problem::error(message).at(included_at));
            return;
        }
        self.watched.push(Watched::File(path.to_owned()));
        let Some(mut node) = self.parse(path, included_at) else { return };
        Substituter {
            files: self.files,
            environment: self.environment,
            texts: &self.texts,
            problems: self.problems,
            watched: &mut self.watched,
        }
        .walk(&mut node);
        let span = node.span;
        let mut map = match node.value {
            Value::Map(map) => map,
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Null => Map::default(),
            _ => {
                let problem = Problem::error("a configuration is a map of sections").at(span);
                self.problems.push(problem.help("begin with `maitred: 1`"));
                return;
            }
        };
        let include = map.remove("include");
        self.join(map);
        if let Some(include) = include {
            above.push(plain);
            self.include(&include, path, above);
            above.pop();
        }
    }

    fn parse(&mut self, path: &Path, included_at: Span) -> Option<Node> {
        let bytes = match self.files.read(path) {
            Ok(bytes) if bytes.len() <= MAX_FILE => bytes,
            Ok(_) => {
                return self.unreadable(path, &format!("it has more than {MAX_FILE} bytes"), included_at);
            }
            Err(error) => return self.unreadable(path, &error.to_string(), included_at),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return self.unreadable(path, "it is not UTF-8", included_at);
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let id = self.texts.add(path, text);
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
            toml::parse(text, id, self.problems)
        } else {
            yaml::parse(text, id, self.problems)
        }
    }

    fn unreadable(&mut self, path: &Path, why: &str, included_at: Span) -> Option<Node> {
        let message = format!("`{}` cannot be read: {why}", path.display());
        self.problems.push(Problem::error(message).at(included_at));
        None
    }

    fn include(&mut self, include: &Entry, path: &Path, above: &mut Vec<PathBuf>) {
        let patterns = match &include.value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&include.value),
        };
        for pattern in patterns {
            let Some(text) = pattern.as_text().filter(|text| !text.is_empty()) else {
                let message = format!("a path is wanted here, not {}", pattern.kind_name());
                let problem = Problem::error(message).at(pattern.span.or(include.key_span));
                self.problems.push(problem.help("`include` takes paths: [conf.d/*.yaml]"));
                continue;
            };
            let folder = path.parent().unwrap_or_else(|| Path::new(""));
            let glob = Glob::new(folder, text);
            if glob.is_literal() {
                self.file(&glob.literal(), above, pattern.span);
                continue;
            }
            let found = glob.find(self.files);
            self.watched.push(Watched::Glob(glob));
            if found.is_empty() {
                let message = format!("no file fits {}", crate::scalar::quote(text));
                self.problems.push(Problem::warning(message).at(pattern.span));
            }
            for file in found {
                self.file(&file, above, pattern.span);
            }
        }
    }

    /// Lays the sections of one file beside those that are there.
    fn join(&mut self, map: Map) {
        for entry in map.entries {
            let Some(present) = self.root.entries.iter_mut().find(|present| present.key == entry.key) else {
                self.root.entries.push(entry);
                continue;
            };
            match (&mut present.value.value, entry.value.value) {
                (Value::Map(present), Value::Map(added)) => {
                    join_section(&entry.key, present, added, self.problems);
                }
                // Every file may say which version of the language it is written in.
                (Value::Scalar(present), Value::Scalar(added))
                    if &*entry.key == "maitred" && *present == added => {}
                _ => self.problems.push(twice(&entry.key, entry.key_span, present.key_span)),
            }
        }
    }
}

fn join_section(section: &str, present: &mut Map, added: Map, problems: &mut Problems) {
    let known: std::collections::HashMap<Box<str>, Span> =
        present.entries.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect();
    for entry in added.entries {
        match known.get(&entry.key) {
            Some(first) => {
                problems.push(twice(&format!("{section}.{}", entry.key), entry.key_span, *first));
            }
            None => present.entries.push(entry),
        }
    }
}

fn twice(name: &str, again: Span, first: Span) -> Problem {
    Problem::error(format!("`{name}` is said in two files"))
        .label(again, "again here")
        .label(first, "first here")
}
