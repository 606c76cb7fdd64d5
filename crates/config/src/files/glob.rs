//! The patterns of `include`: `*` and `?` inside one part of a path, `**` for any folders.
//!
//! Names that begin with a dot are found only by a pattern that begins with one; what is found is in the order of names.

use std::path::{Path, PathBuf};

use super::Files;

/// How deep `**` looks.
const MAX_DEPTH: usize = 16;

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// The folder from which the pattern counts, up to the first part with a wildcard.
    folder: PathBuf,
    /// The rest, part by part; empty if there is no wildcard.
    parts: Vec<String>,
}

impl Glob {
    /// The pattern `text`, seen from `folder`.
    pub fn new(folder: &Path, text: &str) -> Self {
        let mut parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        let literal = parts.iter().position(|part| is_wild(part)).unwrap_or(parts.len());
        let rest = parts.split_off(literal);
        let mut before = parts.join("/");
        if before.is_empty() && text.starts_with('/') {
            before.push('/');
        }
        let folder = if before.is_empty() { folder.to_owned() } else { folder.join(before) };
        Self { folder, parts: rest.into_iter().filter(|part| !part.is_empty()).collect() }
    }

    /// Whether it has no wildcard, and so stands for one file.
    pub(crate) fn is_literal(&self) -> bool {
        self.parts.is_empty()
    }

    /// The one path of a pattern without wildcard.
    pub(crate) fn literal(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The folder below which everything is that can fit: what a watcher has to watch.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a path fits.
    pub fn fits(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.folder) else { return false };
        let names: Vec<String> =
            below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        parts_fit(&self.parts, &names)
    }

    /// All files that fit, in the order of their names.
    pub fn find(&self, files: &dyn Files) -> Vec<PathBuf> {
        let mut found = Vec::new();
        find_below(&self.folder, &self.parts, files, MAX_DEPTH, &mut found);
        found.sort();
        found.dedup();
        found
    }
}

fn find_below(folder: &Path, parts: &[String], files: &dyn Files, depth: usize, found: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else { return };
    // A folder that cannot be listed holds nothing that fits; an empty result is told by the caller.
    let Ok(entries) = files.list(folder) else { return };
    if part == "**" {
        find_below(folder, rest, files, depth, found);
    }
    for entry in entries {
        let path = folder.join(&entry.name);
        if part == "**" {
            if entry.is_folder && depth > 0 && !entry.name.starts_with('.') {
                find_below(&path, parts, files, depth - 1, found);
            } else if rest.is_empty() && !entry.is_folder && !entry.name.starts_with('.') {
                found.push(path);
            }
        } else if name_fits(part, &entry.name) {
            if rest.is_empty() && !entry.is_folder {
                found.push(path);
            } else if !rest.is_empty() && entry.is_folder {
                find_below(&path, rest, files, depth, found);
            }
        }
    }
}

fn parts_fit(parts: &[String], names: &[String]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((part, rest)), _) if part == "**" => {
            let hidden = names.first().is_none_or(|name| name.starts_with('.'));
            parts_fit(rest, names) && !names.is_empty()
                || !hidden && (rest.is_empty() && names.len() == 1 || parts_fit(parts, &names[1..]))
        }
        (Some((part, rest)), Some((name, below))) => name_fits(part, name) && parts_fit(rest, below),
        _ => false,
    }
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?'])
}

/// Whether a name fits one part of a pattern. Goes back only to the last `*`: linear in the length of both.
fn name_fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                last_star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match last_star {
                Some((star, taken)) => {
                    last_star = Some((star, taken + 1));
                    p = star + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
