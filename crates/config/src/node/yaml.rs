//! From the text of a YAML or JSON file to the tree.
//!
//! The one place that knows the YAML library: `granit-parser` gives events with byte offsets and bounds nesting itself.
//! Anchors, aliases and `<<` are resolved here, within a budget of nodes (the "billion laughs" attack); duplicate and
//! complex keys, foreign tags and second documents are refused.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, Tag};

use super::{Entry, Map, Node, Scalar, ScalarKind, Value, resolve};
use crate::problem::{Problem, Problems};
use crate::scalar::quote;
use crate::span::{FileId, Span};

/// How deep lists and maps may be nested.
const MAX_DEPTH: usize = 64;
/// How many nodes all aliases of a file together may add.
const MAX_ALIASED_NODES: usize = 250_000;

/// Reads a text; an empty one is null. What is wrong goes to `problems`; nothing comes back if the text cannot be read.
pub(crate) fn parse(text: &str, file: FileId, problems: &mut Problems) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(file, text.len(), problems);
    for event in Parser::new_from_str_with_options(text, options) {
        let went_on = match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                let message = format!("this is not valid YAML: {error}", error = error.kind());
                builder
                    .problems
                    .push(Problem::error(message).at(Span::new(file, at..at + 1)).help_if(hint(text, at)));
                false
            }
        };
        if !went_on {
            return None;
        }
    }
    Some(builder.root.unwrap_or_else(|| null(Span::new(file, 0..0))))
}

/// What most often is behind a text that is not YAML.
fn hint(text: &str, at: usize) -> Option<&'static str> {
    let line_start = text[..text.floor_char_boundary(at)].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
    if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
        Some("YAML is indented with spaces, not with tabs")
    } else if value.starts_with(['*', '&', '%', '@', '`', '!']) || begins_with_braces(value) {
        Some("a text that begins with one of * & { % @ ` ! needs quotes")
    } else if value.contains(": ") {
        Some("a text that contains `: ` needs quotes")
    } else {
        None
    }
}

/// Whether a text such as `{query.id}/x` stands here: a map, were it not for what follows the brace.
fn begins_with_braces(value: &str) -> bool {
    let after = value.rsplit_once('}').map_or("", |(_, after)| after.trim_start());
    value.starts_with('{') && !after.is_empty() && !after.starts_with(['#', ',', ']'])
}

fn null(span: Span) -> Node {
    Node { value: Value::Scalar(Scalar::plain("")), span }
}

/// A list or map that is still open.
struct Frame {
    start: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(Box<str>, Span)>, merges: Vec<Node> },
}

struct Builder<'p> {
    file: FileId,
    length: usize,
    problems: &'p mut Problems,
    open: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
    documents: usize,
}

impl<'p> Builder<'p> {
    fn new(file: FileId, length: usize, problems: &'p mut Problems) -> Self {
        Self {
            file,
            length,
            problems,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            aliased: 0,
            documents: 0,
        }
    }

    /// Takes an event; `false` stops the parse.
    fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> bool {
        let span = self.span(span);
        match event {
            Event::DocumentStart(..) => return self.start_document(span),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == granit_parser::ScalarStyle::Plain;
                let scalar = self.scalar(&text, plain, tag.as_deref(), span);
                self.complete(Node { value: Value::Scalar(scalar), span }, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", span);
                return self.start(span, anchor, Content::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", span);
                return self.start(
                    span,
                    anchor,
                    Content::Map { entries: Vec::new(), key: None, merges: Vec::new() },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => return self.alias(id, span),
            _ => {}
        }
        true
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let start = span.start.byte_offset().unwrap_or(0).min(self.length);
        let end = span.end.byte_offset().unwrap_or(start).clamp(start, self.length);
        Span::new(self.file, start..end)
    }

    fn start_document(&mut self, span: Span) -> bool {
        self.documents += 1;
        if self.documents > 1 {
            self.problems.push(
                Problem::error("a file holds one document")
                    .label(span, "a second one begins here")
                    .help("put it into a file of its own and name that under `include`"),
            );
        }
        self.documents == 1
    }

    fn scalar(&mut self, text: &str, plain: bool, tag: Option<&Tag>, span: Span) -> Scalar {
        let kind = match tag.map(|tag| tag.is_yaml_core_schema().then(|| tag.suffix())) {
            Some(Some("str")) => return Scalar::string(text),
            Some(Some("int" | "float" | "bool" | "null")) => resolve::core_schema(text),
            Some(_) => {
                self.refuse_tag(tag, "", span);
                ScalarKind::String
            }
            None if plain => resolve::core_schema(text),
            None => ScalarKind::String,
        };
        Scalar { kind, text: text.into(), plain, substitution: None }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, allowed: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(allowed)) {
            self.problems.push(
                Problem::error(format!("the tag `{}` means nothing here", tag.original()))
                    .at(span)
                    .help("write the value without a tag"),
            );
        }
    }

    fn start(&mut self, start: Span, anchor: usize, content: Content) -> bool {
        if self.open.len() == MAX_DEPTH {
            let message = format!("lists and maps are nested more than {MAX_DEPTH} deep");
            self.problems.push(Problem::error(message).at(start));
            return false;
        }
        self.open.push(Frame { start, anchor, content });
        true
    }

    fn end(&mut self, end: Span) {
        let Some(Frame { start, anchor, content }) = self.open.pop() else { return };
        let span = Span { end: end.end.max(start.end), ..start };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, merges, .. } => Value::Map(self.map(entries, merges)),
        };
        self.complete(Node { value, span }, anchor);
    }

    /// Puts a finished node where it belongs: under the open key, into the open list, or at the root.
    fn complete(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, merges } => match key.take() {
                Some((key, _)) if &*key == "<<" => merges.push(node),
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
                None => {
                    let span = node.span;
                    *key = Some((key_text(node, self.problems), span));
                }
            },
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> bool {
        let Some((node, size)) = self.anchors.get(&id) else {
            self.problems.push(
                Problem::error("an alias cannot stand inside the value that it names")
                    .at(span)
                    .help("end the anchored value before it is used"),
            );
            return false;
        };
        self.aliased += size;
        if self.aliased > MAX_ALIASED_NODES {
            let message = format!("the aliases of this file stand for more than {MAX_ALIASED_NODES} values");
            self.problems.push(Problem::error(message).label(span, "this one is too much"));
            return false;
        }
        // A scalar is told of where it is used, a map or list where it is written.
        let mut node = node.clone();
        if matches!(node.value, Value::Scalar(_)) {
            node.span = span;
        }
        if self.open.len() + depth(&node) > MAX_DEPTH {
            let message = format!("lists and maps are nested more than {MAX_DEPTH} deep");
            self.problems.push(Problem::error(message).at(span));
            return false;
        }
        self.complete(node, 0);
        true
    }

    fn map(&mut self, written: Vec<Entry>, merges: Vec<Node>) -> Map {
        let mut map =
            Map { entries: if has_duplicates(&written) { self.tell_duplicates(written) } else { written } };
        for node in merges {
            self.merge(&mut map, node);
        }
        map
    }

    /// Keeps the first entry of each name.
    fn tell_duplicates(&mut self, written: Vec<Entry>) -> Vec<Entry> {
        let mut first_places: HashMap<Box<str>, Span> = HashMap::new();
        let mut entries = Vec::with_capacity(written.len());
        for entry in written {
            if let Some(first) = first_places.get(&entry.key) {
                self.problems.push(
                    Problem::error(format!("the key {} stands twice in this map", quote(&entry.key)))
                        .label(entry.key_span, "again here")
                        .label(*first, "first here"),
                );
            } else {
                first_places.insert(entry.key.clone(), entry.key_span);
                entries.push(entry);
            }
        }
        entries
    }

    /// `<<`: what the map does not say itself is taken from the other; of several, the first one wins.
    fn merge(&mut self, map: &mut Map, node: Node) {
        match node.value {
            Value::Map(other) => {
                let said: HashSet<Box<str>> = map.entries.iter().map(|entry| entry.key.clone()).collect();
                map.entries.extend(other.entries.into_iter().filter(|entry| !said.contains(&entry.key)));
            }
            Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
                for item in items {
                    self.merge(map, item);
                }
            }
            _ => self.problems.push(
                Problem::error("`<<` takes a map or a list of maps")
                    .at(node.span)
                    .help("write `<<: *anchor`"),
            ),
        }
    }
}

/// Whether a name stands twice. Small maps are searched, large ones are indexed.
fn has_duplicates(entries: &[Entry]) -> bool {
    if entries.len() > 16 {
        let mut seen = HashSet::with_capacity(entries.len());
        return !entries.iter().all(|entry| seen.insert(&*entry.key));
    }
    entries
        .iter()
        .enumerate()
        .any(|(index, entry)| entries[..index].iter().any(|other| other.key == entry.key))
}

/// The text of a key.
fn key_text(node: Node, problems: &mut Problems) -> Box<str> {
    if let Value::Scalar(scalar) = node.value {
        return scalar.text;
    }
    let problem = Problem::error("a key is a word, not a list or a map").at(node.span);
    problems.push(problem.help("a text in braces needs quotes: \"{…}\""));
    "".into()
}

/// How many nodes a tree has.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
    }
}

/// How deep a tree is; a scalar is 0.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 0,
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(map) => 1 + map.entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
    }
}
