//! No module cycles inside a crate: at every level, the modules beside each other must have an order.
//! A module and the modules within it count as one there, so a child may use its parent's items and the parent its
//! child's; re-exports are followed to where the item lives; test code does not count.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Import;
use super::problem::{Place, Report};
use super::sources::{Source, Sources};

type Modules<'a> = BTreeMap<&'a [String], &'a Source>;

/// Where one module first uses another.
#[derive(Clone, Debug)]
struct Use {
    path: String,
    line: usize,
    words: String,
}

/// Uses between the children of one module: from, to, first place.
type Uses = BTreeMap<String, BTreeMap<String, Use>>;

pub fn check(sources: &Sources, report: &mut Report) {
    for modules in sources.modules().values() {
        let mut levels: BTreeMap<Vec<String>, Uses> = BTreeMap::new();
        for source in modules.values() {
            for (target, place) in uses(source, modules) {
                note(source, &target, place, &mut levels);
            }
        }
        for uses in levels.values() {
            report_cycles(uses, report);
        }
    }
}

/// Everything that a file's production code names in its own crate: the module where it lives, and the place.
fn uses(source: &Source, modules: &Modules<'_>) -> Vec<(Vec<String>, Use)> {
    let facts = &source.facts;
    let imports = facts.imports.iter().map(|import| (&import.path, import.line));
    let paths = facts.paths.iter().map(|used| (&used.segments, used.line));
    let mut found = Vec::new();
    for (path, line) in imports.chain(paths).filter(|(_, line)| !source.in_test(*line)) {
        let Some(module) = &source.module else { continue };
        let from: Vec<String> = module.iter().cloned().chain(facts.around(line).map(str::to_owned)).collect();
        if let Some(target) = resolve(&from, path, modules, 0) {
            found.push((target, Use { path: source.path.clone(), line, words: path.join("::") }));
        }
    }
    found
}

/// The module that a path leads to, seen from module `from`; none outside the crate.
fn resolve(from: &[String], path: &[String], modules: &Modules<'_>, depth: usize) -> Option<Vec<String>> {
    let mut segments = path.iter().map(String::as_str).peekable();
    let mut at: Vec<String> = match *segments.peek()? {
        "crate" => Vec::new(),
        "self" | "super" => from.to_vec(),
        first if modules.contains_key(child(from, first).as_slice()) => from.to_vec(),
        _ => return None,
    };
    while let Some(start) = segments.next_if(|segment| ["crate", "self", "super"].contains(segment)) {
        if start == "super" {
            at.pop()?;
        }
    }
    while let Some(segment) = segments.next() {
        let below = child(&at, segment);
        if modules.contains_key(below.as_slice()) {
            at = below;
            continue;
        }
        let rest: Vec<String> = segments.map(str::to_owned).collect();
        return Some(through_imports(&at, segment, &rest, modules, depth).unwrap_or(at));
    }
    Some(at)
}

/// Follows a name that module `at` does not define but imports, by name or by `*`.
fn through_imports(
    at: &[String],
    name: &str,
    rest: &[String],
    modules: &Modules<'_>,
    depth: usize,
) -> Option<Vec<String>> {
    let source = modules.get(at).filter(|_| depth < 8)?;
    let imports = || source.facts.imports.iter().filter(|import| !source.in_test(import.line));
    let follow = |path: Vec<String>| resolve(at, &path, modules, depth + 1);
    if let Some(import) = imports().find(|import| import.alias == name) {
        return follow(import.path.iter().chain(rest).cloned().collect());
    }
    let defines = |import: &&Import| {
        let target = resolve(at, &import.path, modules, depth + 1)?;
        let names = &modules.get(target.as_slice())?.facts.names;
        names.iter().any(|defined| defined.name == name).then_some(())
    };
    let glob = imports().filter(|import| import.alias == "*").find(|import| defines(import).is_some())?;
    follow(glob.path.iter().chain([&name.to_owned()]).chain(rest).cloned().collect())
}

fn child(module: &[String], name: &str) -> Vec<String> {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Files a use at the level where the two modules' paths part; between a module and one within it there is none.
fn note(source: &Source, target: &[String], place: Use, levels: &mut BTreeMap<Vec<String>, Uses>) {
    let Some(module) = &source.module else { return };
    let level = module.iter().zip(target).take_while(|(a, b)| a == b).count();
    if let (Some(from), Some(to)) = (module.get(level), target.get(level)) {
        let uses = levels.entry(module[..level].to_vec()).or_default();
        uses.entry(from.clone()).or_default().entry(to.clone()).or_insert(place);
    }
}

fn report_cycles(uses: &Uses, report: &mut Report) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in uses.keys() {
        if told.contains(start.as_str()) {
            continue;
        }
        let Some(cycle) = shortest_cycle(start, uses) else { continue };
        told.extend(members(start, uses));
        let steps: Vec<String> = cycle
            .windows(2)
            .map(|pair| {
                let place = &uses[pair[0]][pair[1]];
                format!("{} uses {} ({}:{}: {})", pair[0], pair[1], place.path, place.line, place.words)
            })
            .collect();
        let first = &uses[cycle[0]][cycle[1]];
        let place = Place { path: &first.path, line: first.line, name: start };
        let mend = "move what both need into a module below both, or merge them";
        report.error("cycles", &place, format!("module cycle: {}", steps.join(", ")), mend);
    }
}

/// The shortest way from a module back to itself, both ends included.
fn shortest_cycle<'a>(start: &'a str, uses: &'a Uses) -> Option<Vec<&'a str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![start]];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            let targets = uses.get(*way.last()?).into_iter().flat_map(BTreeMap::keys);
            for target in targets {
                let next: Vec<&str> = way.iter().copied().chain([target.as_str()]).collect();
                if target == start {
                    return Some(next);
                }
                if seen.insert(target) {
                    longer.push(next);
                }
            }
        }
        ways = longer;
    }
    None
}

/// All modules that are in some cycle with `start`.
fn members<'a>(start: &'a str, uses: &'a Uses) -> Vec<&'a str> {
    uses.keys()
        .map(String::as_str)
        .filter(|name| reaches(start, name, uses) && reaches(name, start, uses))
        .collect()
}

fn reaches(from: &str, to: &str, uses: &Uses) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        let targets = uses.get(name).into_iter().flat_map(BTreeMap::keys);
        open.extend(targets.map(String::as_str).filter(|target| seen.insert(target)));
    }
    false
}

#[cfg(test)]
mod tests;
