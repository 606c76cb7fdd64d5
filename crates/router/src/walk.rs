//! Walking the table with one request: which nodes its host and path meet, the likeliest winners first.
//!
//! A walk never meets a node twice, so it takes at most as many steps as the hosts of the request have nodes, and
//! at most 2^(segments + 1) for each kind of path: literal and `{name}` may both lead on. It takes far fewer, since
//! it leaves out every node below which nothing ranks better than what was found already.

use smallvec::SmallVec;

use crate::path::PathKind;
use crate::segments::{Segments, SplitPath};
use crate::table::{EXACT_HOSTS, KINDS, NONE, Node, Table, WILDCARD_HOSTS};

/// What is asked of a walk.
pub(crate) trait Visitor {
    /// Only ranks below this one are of interest.
    fn bound(&self) -> u32;
    /// Sees one node to whose entries host and path led. Their regular expressions, methods and conditions, and the
    /// switch of the node, are not looked at.
    fn visit(&mut self, node: &Node);
}

/// Shows `visitor` every node whose entries `host` and `path` meet, and that has or leads to a rank below its bound.
pub(crate) fn walk(table: &Table, host: &str, path: &SplitPath<'_>, visitor: &mut impl Visitor) {
    if !table.hosts.is_empty() && !host.is_empty() {
        walk_named_hosts(table, host.as_bytes(), path, visitor);
    }
    if let Some(roots) = table.any_host {
        walk_host(table, roots, path, visitor);
    }
}

fn walk_named_hosts(table: &Table, host: &[u8], path: &SplitPath<'_>, visitor: &mut impl Visitor) {
    if let Some(roots) = table.hosts.find(EXACT_HOSTS, host) {
        walk_host(table, roots, path, visitor);
    }
    // Domains from the longest to the shortest; what is longer than any in the table need not be looked for. The
    // first byte is left out: the `*` stands for something.
    let from = host.len().saturating_sub(table.hosts.longest() + 1).max(1);
    for at in from..host.len() {
        if host[at] == b'.'
            && let Some(roots) = table.hosts.find(WILDCARD_HOSTS, &host[at + 1..])
        {
            walk_host(table, roots, path, visitor);
        }
    }
}

fn walk_host(table: &Table, roots: u32, path: &SplitPath<'_>, visitor: &mut impl Visitor) {
    for (root, kind) in (roots..).zip(KINDS) {
        if table.nodes[root as usize].best >= visitor.bound() {
            continue;
        }
        if kind == PathKind::Exact {
            if let Some(leaf) = table.edges.find(root, path.text().as_bytes()) {
                visitor.visit(&table.nodes[leaf as usize]);
            }
        } else {
            let text = path.text().as_bytes();
            Trie { table, text, segments: path.segments(), whole: kind == PathKind::Params }
                .walk(root, visitor);
        }
    }
}

/// One trie and one path.
struct Trie<'a> {
    table: &'a Table,
    text: &'a [u8],
    segments: &'a Segments,
    /// Whether an entry must have as many segments as the path.
    whole: bool,
}

/// What is left to do: to go on from the node that so many segments led to, or to visit a node.
enum Step {
    Enter(u32, usize),
    Visit(u32),
}

type Steps = SmallVec<[Step; 12]>;

impl Trie<'_> {
    fn walk(&self, root: u32, visitor: &mut impl Visitor) {
        let mut steps = Steps::new();
        let mut next = Some(Step::Enter(root, 0));
        while let Some(step) = next.take().or_else(|| steps.pop()) {
            let (Step::Enter(at, _) | Step::Visit(at)) = step;
            let node = &self.table.nodes[at as usize];
            if node.best >= visitor.bound() {
                continue;
            }
            match step {
                Step::Enter(_, depth) => next = self.enter(at, node, depth, &mut steps),
                Step::Visit(_) => visitor.visit(node),
            }
        }
    }

    /// Puts on the pile what can be done from here, and answers what is to be done first.
    #[inline]
    fn enter(&self, at: u32, node: &Node, depth: usize, steps: &mut Steps) -> Option<Step> {
        if node.has_entries() && (!self.whole || self.segments.are(depth)) {
            steps.push(Step::Visit(at));
        }
        let (start, end) = self.segments.range(depth)?;
        if node.param != NONE && start < end {
            steps.push(Step::Enter(node.param, depth + 1));
        }
        if !node.has_literals {
            return None;
        }
        let child = self.table.edges.find(at, &self.text[start..end])?;
        Some(Step::Enter(child, depth + 1))
    }
}

#[cfg(test)]
mod tests;
