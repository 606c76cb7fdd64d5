//! Links: every relative link and anchor in a Markdown file leads somewhere.
//! Links to other sites are not followed, and code is no prose.

use std::collections::BTreeMap;

use super::problem::{Place, Report};
use crate::tree::Tree;

const CHECK: &str = "links";

pub fn check(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.ending(".md") {
        for (line, target) in links(text) {
            if let Err(what) = follow(tree, path, &target) {
                let place = Place { path, line, name: &target };
                report.error(CHECK, &place, what, "correct the link, or write what it promises");
            }
        }
    }
}

fn follow(tree: &Tree, from: &str, target: &str) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { Some(from.to_owned()) } else { join(from, file) };
    let path = path.filter(|path| tree.exists(path)).ok_or(format!("dead link: {file} does not exist"))?;
    match anchor.filter(|_| path.ends_with(".md")) {
        Some(anchor) if !anchors(tree.text(&path).unwrap_or_default()).contains(&anchor.to_owned()) => {
            Err(format!("dead link: {path} has no heading #{anchor}"))
        }
        _ => Ok(()),
    }
}

/// The path that a link in file `from` means; none above the root.
fn join(from: &str, link: &str) -> Option<String> {
    let link = link.replace("%20", " ");
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        parts.clear();
    }
    for part in link.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

/// Targets of `[text](target)`, `[name]: target`, `href` and `src`, with their lines; code is left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in prose(text) {
        let starts = ["](", "href=\"", "src=\""];
        for (start, close) in starts.into_iter().zip([')', '"', '"']) {
            for rest in text.split(start).skip(1) {
                let end = rest.find(close).unwrap_or(rest.len());
                found.push((line, target(&rest[..end])));
            }
        }
        if text.starts_with('[')
            && !text.starts_with("[^")
            && let Some((_, rest)) = text.split_once("]: ")
        {
            found.push((line, target(rest)));
        }
    }
    found
}

/// `<a b>` and `a "title"` without their dressing.
fn target(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('<').and_then(|text| text.split_once('>')) {
        Some((bare, _)) => bare.to_owned(),
        None => text.split_whitespace().next().unwrap_or_default().to_owned(),
    }
}

/// Lines outside fenced code, with their code spans emptied.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        if let Some(mark) = mark.filter(|mark| fence.is_none_or(|open| open == *mark)) {
            fence = if fence.is_none() { Some(mark) } else { None };
            return None;
        }
        let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        fence.is_none().then_some((at + 1, outside))
    })
}

/// The anchors that a page offers: its headings as the forges spell them, and `id` or `name` attributes.
fn anchors(text: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    let visible: Vec<usize> = prose(text).map(|(line, _)| line).collect();
    let lines: Vec<&str> = text.lines().collect();
    for line in visible.into_iter().map(|line| lines[line - 1]) {
        let heading = line.trim_start_matches('#');
        if line.starts_with('#') && heading.starts_with(' ') {
            let slug = slug(heading.trim());
            let count = counts.entry(slug.clone()).or_default();
            found.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        for start in ["id=\"", "name=\""] {
            found.extend(
                line.split(start).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
            );
        }
    }
    found
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/a.md", text),
            ("docs/b c.md", "# A `b`, c\n## A `b`, c\n"),
            ("README.md", "<a id=\"x\"></a>"),
        ]);
        let mut report = Report::default();
        check(&tree, &mut report);
        report.lines(CHECK)
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Own\n[a](#own) [b](b%20c.md#a-b-c-1) ![c](../README.md#x \"title\") [d](<b c.md>) [e](/docs/)\n\
                    [f]: ../docs\n[g](https://example.com/nowhere)\n```\n[no](link)\n```\n`[no](link)`\n[^1]: note\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn dead_links_are_told_with_their_line() {
        let text = "\n[a](c.md) and [b](#c)\n[d]: ../../x.md\n<img src=\"y.png\">\n";
        assert_eq!(
            found(text),
            [
                "docs/a.md:2: dead link: c.md does not exist",
                "docs/a.md:2: dead link: docs/a.md has no heading #c",
                "docs/a.md:3: dead link: ../../x.md does not exist",
                "docs/a.md:4: dead link: y.png does not exist"
            ]
        );
    }
}
