//! The routes, laid out for looking up: for each host a hash table of exact paths and three tries of segments, all
//! in one index and one array of nodes.
//!
//! Every node knows the best rank below it, so a walk leaves out what cannot win any more. `walk` walks it.

use crate::captures::Taken;
use crate::condition::Source;
use crate::host::HostForm;
use crate::index::{Index, number};
use crate::methods::MethodBits;
use crate::path::{PathForm, PathKind, PathSpec, Segment};
use crate::rank::{Candidate, Ranking};
use crate::sort::{Sorted, sort};

/// The compiled table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Names of hosts, in the two scopes below; each leads to the first of the four roots of its host.
    pub(crate) hosts: Index,
    /// The first of the four roots for any host.
    pub(crate) any_host: Option<u32>,
    /// From (node, segment) to node; from (root of exact paths, whole path) to node; from (scope of a switch, text)
    /// to node.
    pub(crate) edges: Index,
    pub(crate) nodes: Vec<Node>,
    entries: Vec<Entry>,
    /// Where many entries of one node are sorted by a text that they ask for.
    pub(crate) switches: Vec<Switch>,
    /// How many segments the longest pattern has.
    pub(crate) depth: usize,
}

/// Scope of the names of exact hosts.
pub(crate) const EXACT_HOSTS: u32 = 0;
/// Scope of the domains of wildcard hosts, without `*.`.
pub(crate) const WILDCARD_HOSTS: u32 = 1;
/// No node, and no rank.
pub(crate) const NONE: u32 = u32::MAX;
/// Each host has a root for each kind of path.
pub(crate) const KINDS: [PathKind; 4] =
    [PathKind::Exact, PathKind::Params, PathKind::Regex, PathKind::Prefix];

/// A node of a trie, with the entry that it most often has: in a large table each is a line from memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Node {
    /// The best rank of what is here and below.
    pub(crate) best: u32,
    /// The first of what is here.
    entry: Option<Entry>,
    /// What else is here: so many entries from there on, by rank.
    first: u32,
    more: u32,
    /// Where a segment leads that may be anything.
    pub(crate) param: u32,
    /// Whether literal segments lead on, by the index.
    pub(crate) has_literals: bool,
    /// The switch that leads to more of what is here.
    pub(crate) switch: u32,
}

/// Leads to entries by a text that they ask for.
#[derive(Debug)]
pub(crate) struct Switch {
    /// What it is a value of.
    pub(crate) source: Source,
    /// The scope among the edges in which texts lead to nodes.
    pub(crate) scope: u32,
}

/// A candidate, as it hangs on a node, with what tells most often whether it fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) rank: u32,
    pub(crate) route: u32,
    pub(crate) path: u32,
    pub(crate) methods: MethodBits,
    /// Whether to be here and to have the method is all that it takes: no condition, no regular expression.
    pub(crate) is_plain: bool,
    /// What it takes of the path.
    pub(crate) taken: Taken,
}

impl Table {
    pub(crate) fn build(ranking: &Ranking) -> Self {
        let mut table = Self::default();
        let roots: Vec<u32> = ranking.hosts().iter().map(|_| table.add_roots()).collect();
        for (host, &root) in ranking.hosts().iter().zip(&roots) {
            match host.form() {
                HostForm::Exact => table.hosts.add(EXACT_HOSTS, host.name().as_bytes(), root),
                HostForm::Wildcard => table.hosts.add(WILDCARD_HOSTS, host.name().as_bytes(), root),
                HostForm::Any => table.any_host = Some(root),
            }
        }
        let mut placed = Vec::with_capacity(ranking.candidates().len());
        for (rank, candidate) in ranking.candidates().iter().enumerate() {
            let path = ranking.path(candidate.path);
            let node = table.grow(roots[candidate.host as usize], path, number(rank));
            placed.push((node, Entry::new(ranking, candidate, number(rank))));
        }
        table.hang(ranking, placed);
        table
    }

    /// What hangs on a node, the best rank first.
    #[inline]
    pub(crate) fn entries<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Entry> {
        let more = &self.entries[node.first as usize..][..node.more as usize];
        node.entry.iter().chain(more)
    }

    fn add_roots(&mut self) -> u32 {
        let first = number(self.nodes.len());
        self.nodes.extend(KINDS.map(|_| Node::EMPTY));
        first
    }

    /// Makes the way to where `path` belongs, below the roots of its host; ranks come in rising order.
    fn grow(&mut self, roots: u32, path: &PathSpec, rank: u32) -> u32 {
        let kind = path.kind();
        let mut node = roots + kind as u32;
        self.offer(node, rank);
        match path.form() {
            PathForm::Segments { segments, .. } if kind == PathKind::Exact => {
                let literals = segments.iter().filter_map(Segment::literal);
                let whole = literals.flat_map(|text| ["/", text]).collect::<String>();
                node = self.literal_child(node, &whole, rank);
            }
            PathForm::Segments { segments, .. } => {
                for segment in segments {
                    node = match segment.literal() {
                        Some(text) => self.literal_child(node, text, rank),
                        None => self.param_child(node, rank),
                    };
                }
                self.depth = self.depth.max(segments.len());
            }
            PathForm::Regex(pattern) => {
                let segments = whole_segments(pattern.prefix());
                for text in segments.clone() {
                    node = self.literal_child(node, text, rank);
                }
                self.depth = self.depth.max(segments.count());
            }
        }
        node
    }

    fn literal_child(&mut self, parent: u32, text: &str, rank: u32) -> u32 {
        let child = self.edges.find(parent, text.as_bytes()).unwrap_or_else(|| {
            let child = self.add_node();
            self.edges.add(parent, text.as_bytes(), child);
            self.nodes[parent as usize].has_literals = true;
            child
        });
        self.offer(child, rank);
        child
    }

    fn param_child(&mut self, parent: u32, rank: u32) -> u32 {
        let mut child = self.nodes[parent as usize].param;
        if child == NONE {
            child = self.add_node();
            self.nodes[parent as usize].param = child;
        }
        self.offer(child, rank);
        child
    }

    fn add_node(&mut self) -> u32 {
        self.nodes.push(Node::EMPTY);
        number(self.nodes.len() - 1)
    }

    fn offer(&mut self, node: u32, rank: u32) {
        let best = &mut self.nodes[node as usize].best;
        *best = rank.min(*best);
    }

    /// Lays the entries out by node, and by rank on each.
    fn hang(&mut self, ranking: &Ranking, mut placed: Vec<(u32, Entry)>) {
        placed.sort_unstable_by_key(|(node, entry)| (*node, entry.rank));
        for here in placed.chunk_by(|one, two| one.0 == two.0) {
            let node = here[0].0;
            let entries: Vec<Entry> = here.iter().map(|(_, entry)| *entry).collect();
            match sort(&entries, |entry| &ranking.route(entry.route).conditions) {
                None => self.lay(node, &entries),
                Some(sorted) => {
                    self.lay(node, &sorted.rest);
                    self.add_switch(node, &sorted);
                }
            }
        }
    }

    fn lay(&mut self, node: u32, entries: &[Entry]) {
        let node = &mut self.nodes[node as usize];
        let Some((best, more)) = entries.split_first() else { return };
        node.entry = Some(*best);
        (node.first, node.more) = (number(self.entries.len()), number(more.len()));
        self.entries.extend_from_slice(more);
    }

    fn add_switch(&mut self, node: u32, sorted: &Sorted<'_, Entry>) {
        let scope = self.add_node();
        self.nodes[node as usize].switch = number(self.switches.len());
        self.switches.push(Switch { source: sorted.source.clone(), scope });
        for (text, entries) in &sorted.by_text {
            let leaf = self.literal_child(scope, text, entries[0].rank);
            self.lay(leaf, entries);
        }
    }
}

impl Node {
    const EMPTY: Self =
        Self { best: NONE, entry: None, first: 0, more: 0, param: NONE, has_literals: false, switch: NONE };

    /// Whether entries are here, or a switch leads to some.
    #[inline]
    pub(crate) fn has_entries(&self) -> bool {
        self.entry.is_some() || self.switch != NONE
    }
}

impl Entry {
    fn new(ranking: &Ranking, candidate: &Candidate, rank: u32) -> Self {
        let route = ranking.route(candidate.route);
        let path = ranking.path(candidate.path);
        Self {
            rank,
            route: candidate.route,
            path: candidate.path,
            methods: route.methods.bits(),
            is_plain: route.conditions.is_empty() && path.kind() != PathKind::Regex,
            taken: Taken::of(path),
        }
    }
}

/// The segments that every path with this beginning has: those that a slash ends.
fn whole_segments(prefix: &str) -> impl Iterator<Item = &str> + Clone {
    let whole = prefix.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')).map(|(whole, _)| whole);
    whole.into_iter().flat_map(|whole| whole.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_that_a_slash_ends_are_whole() {
        for (prefix, segments) in [
            ("", &[][..]),
            ("/", &[]),
            ("/api", &[]),
            ("/api/", &["api"]),
            ("/api/v", &["api"]),
            ("/api/v1/x/", &["api", "v1", "x"]),
            ("//x", &[""]),
            ("api/v1", &[]),
        ] {
            assert_eq!(whole_segments(prefix).collect::<Vec<_>>(), segments, "{prefix}");
        }
    }
}
