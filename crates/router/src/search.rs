//! Finding the route of one request, or the methods that would have had one: compares the entries that `walk` meets
//! with method and conditions, and keeps the best rank.

use maitred_http::Method;

use crate::captures::{Captures, PathValues};
use crate::methods::MethodSet;
use crate::rank::Ranking;
use crate::segments::SplitPath;
use crate::subject::Subject;
use crate::table::{Entry, NONE, Node, Table};
use crate::walk::{Visitor, walk};

/// What the table says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The route at this place in the list that was compiled.
    Found(usize),
    /// Routes fit but for the method: 405, with what they take all together in `Allow`.
    MethodNotAllowed(MethodSet),
    /// Nothing fits: 404.
    NotFound,
}

pub(crate) fn route(
    ranking: &Ranking,
    table: &Table,
    subject: &Subject<'_>,
    captures: &mut Captures,
) -> Outcome {
    captures.clear();
    let path = subject.head.target.path();
    // The `*` of `OPTIONS *` asks for the server itself, and is no path.
    if !path.starts_with('/') {
        return Outcome::NotFound;
    }
    let path = SplitPath::new(path, table.depth);
    let host = subject.head.authority.host();
    let mut best =
        Best { asked: Asked { ranking, table, subject, path: &path, captures }, found: None, refused: false };
    walk(table, host, &path, &mut best);
    let Best { asked, found, refused } = best;
    if let Some(entry) = found {
        asked.captures.note(entry.path, entry.taken, &path, || ranking.path(entry.path));
        return Outcome::Found(entry.route as usize);
    }
    asked.captures.clear();
    if !refused {
        return Outcome::NotFound;
    }
    let mut allow = Allow { asked, methods: MethodSet::default() };
    walk(table, host, &path, &mut allow);
    let Allow { asked, methods } = allow;
    asked.captures.clear();
    if methods.is_empty() { Outcome::NotFound } else { Outcome::MethodNotAllowed(methods) }
}

/// A request, while it is compared with entries.
struct Asked<'a> {
    ranking: &'a Ranking,
    table: &'a Table,
    subject: &'a Subject<'a>,
    path: &'a SplitPath<'a>,
    captures: &'a mut Captures,
}

impl<'a> Asked<'a> {
    /// The node to which the switch of `node` leads with this request.
    #[inline]
    fn switched(&self, node: &Node) -> Option<&'a Node> {
        let switch = self.table.switches.get(node.switch as usize)?;
        let value = switch.source.value(self.subject.head)?;
        let leaf = self.table.edges.find(switch.scope, &value)?;
        Some(&self.table.nodes[leaf as usize])
    }

    fn takes_method(&self, entry: &Entry) -> bool {
        let method: Method = self.subject.method;
        entry
            .methods
            .takes(method)
            .unwrap_or_else(|| self.ranking.route(entry.route).methods.contains(method))
    }

    fn holds(&mut self, entry: &Entry) -> bool {
        if entry.is_plain {
            return true;
        }
        let spec = self.ranking.path(entry.path);
        let text = self.path.text();
        if spec.pattern().is_some_and(|pattern| !pattern.is_match(text.as_bytes())) {
            return false;
        }
        let route = self.ranking.route(entry.route);
        if route.reads_path {
            self.captures.note(entry.path, entry.taken, self.path, || spec);
        }
        let values = PathValues::new(Some(spec), self.captures, text);
        route.conditions.iter().all(|condition| condition.holds(self.subject, values))
    }
}

/// Looks for the best rank that fits.
struct Best<'a> {
    asked: Asked<'a>,
    found: Option<Entry>,
    /// Whether an entry was left out for its method.
    refused: bool,
}

impl Visitor for Best<'_> {
    #[inline]
    fn bound(&self) -> u32 {
        self.found.map_or(NONE, |entry| entry.rank)
    }

    #[inline]
    fn visit(&mut self, node: &Node) {
        // What a switch leads to asks for more, and so most often ranks before what it does not sort.
        if let Some(leaf) = self.asked.switched(node) {
            self.compare(leaf);
        }
        self.compare(node);
    }
}

impl Best<'_> {
    #[inline]
    fn compare(&mut self, node: &Node) {
        let table = self.asked.table;
        for entry in table.entries(node) {
            if entry.rank >= self.bound() {
                return;
            }
            if !self.asked.takes_method(entry) {
                self.refused = true;
            } else if self.asked.holds(entry) {
                self.found = Some(*entry);
                return;
            }
        }
    }
}

/// Gathers the methods of all that fits but for the method.
struct Allow<'a> {
    asked: Asked<'a>,
    methods: MethodSet,
}

impl Visitor for Allow<'_> {
    fn bound(&self) -> u32 {
        NONE
    }

    fn visit(&mut self, node: &Node) {
        let leaf = self.asked.switched(node);
        let table = self.asked.table;
        for entry in [leaf, Some(node)].into_iter().flatten().flat_map(|node| table.entries(node)) {
            if !self.asked.takes_method(entry) && self.asked.holds(entry) {
                self.methods.unite(&self.asked.ranking.route(entry.route).methods);
            }
        }
    }
}
