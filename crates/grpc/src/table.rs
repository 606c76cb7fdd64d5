//! Which of many path templates a request has: a tree of segments, walked without allocating.
//!
//! Where several match, the first difference from the left decides: text comes before `*`, `*` before `**`, and a verb
//! before none. Templates that differ in nothing of that cannot be for the same method.

use std::cmp::Ordering;

use maitred_http::Method;

use crate::template::{PathTemplate, Segment, split_verb};

/// Values by method and path template.
///
/// ```
/// use maitred_grpc::{PathTable, PathTemplate};
/// use maitred_http::Method;
///
/// let mut table = PathTable::default();
/// table.insert(Some(Method::Get), &PathTemplate::parse("/v1/{name=books/*}").unwrap(), "book").unwrap();
/// table.insert(Some(Method::Get), &PathTemplate::parse("/v1/books/new").unwrap(), "form").unwrap();
/// assert_eq!(table.find(Method::Get, "/v1/books/7"), Some(&"book"));
/// assert_eq!(table.find(Method::Get, "/v1/books/new"), Some(&"form"));
/// assert_eq!(table.find(Method::Post, "/v1/books/7"), None);
/// assert_eq!(table.allowed("/v1/books/7"), [Method::Get, Method::Head]);
/// ```
#[derive(Clone, Debug)]
pub struct PathTable<T> {
    root: Node<T>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    /// Sorted by text.
    literals: Vec<(Vec<u8>, Node<T>)>,
    any: Option<Box<Node<T>>>,
    /// What ends here.
    ends: Vec<End<T>>,
    /// What takes all the rest from here.
    rests: Vec<End<T>>,
}

#[derive(Clone, Debug)]
struct End<T> {
    verb: Option<Vec<u8>>,
    /// None: every method.
    method: Option<Method>,
    value: T,
}

impl<T> Default for PathTable<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> PathTable<T> {
    /// Adds a value for a method, or for every method that has no value of its own. The value that is there already
    /// for the same paths is the error.
    pub fn insert(&mut self, method: Option<Method>, template: &PathTemplate, value: T) -> Result<(), &T> {
        let mut node = &mut self.root;
        let mut takes_rest = false;
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => node = node.literal_mut(text),
                Segment::Any => node = node.any.get_or_insert_default(),
                Segment::Rest => takes_rest = true,
            }
        }
        let ends = if takes_rest { &mut node.rests } else { &mut node.ends };
        let is_same = |end: &End<T>| end.method == method && end.verb == template.verb;
        if let Some(at) = ends.iter().position(is_same) {
            return Err(&ends[at].value);
        }
        ends.push(End { verb: template.verb.clone(), method, value });
        Ok(())
    }

    /// The value for a request. HEAD has that of GET where it has none of its own.
    pub fn find(&self, method: Method, path: &str) -> Option<&T> {
        let mut found = None;
        self.walk(path, &mut |ends, verb| {
            found = found.or_else(|| best(ends, verb, method));
            found.is_some()
        });
        found
    }

    /// The methods that have a value for this path, for `Allow`: sorted and each once.
    pub fn allowed(&self, path: &str) -> Vec<Method> {
        let mut methods = Vec::new();
        self.walk(path, &mut |ends, verb| {
            methods.extend(ends.iter().filter(|end| end.has_verb(verb)).filter_map(|end| end.method));
            false
        });
        if methods.contains(&Method::Get) {
            methods.push(Method::Head);
        }
        methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        methods.dedup();
        methods
    }

    /// Shows `visit` what matches, the best first, until it has enough.
    fn walk<'t>(&'t self, path: &str, visit: &mut impl FnMut(&'t [End<T>], Option<&str>) -> bool) {
        if let Some((base, verb)) = split_verb(path)
            && let Some(rest) = base.strip_prefix('/')
            && self.root.walk(segments(rest), &mut |ends| visit(ends, Some(verb)))
        {
            return;
        }
        if let Some(rest) = path.strip_prefix('/') {
            self.root.walk(segments(rest), &mut |ends| visit(ends, None));
        }
    }
}

/// What is behind the first slash; `/` alone has no segments.
fn segments(rest: &str) -> Option<&str> {
    (!rest.is_empty()).then_some(rest)
}

fn best<'t, T>(ends: &'t [End<T>], verb: Option<&str>, method: Method) -> Option<&'t T> {
    let of = |wanted: Option<Method>| ends.iter().find(|end| end.method == wanted && end.has_verb(verb));
    let like_get = || if method == Method::Head { of(Some(Method::Get)) } else { None };
    of(Some(method)).or_else(like_get).or_else(|| of(None)).map(|end| &end.value)
}

impl<T> End<T> {
    fn has_verb(&self, verb: Option<&str>) -> bool {
        match (&self.verb, verb) {
            (Some(text), Some(verb)) => compare_decoded(text, verb).is_eq(),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: Vec::new(), any: None, ends: Vec::new(), rests: Vec::new() }
    }
}

impl<T> Node<T> {
    fn literal_mut(&mut self, text: &[u8]) -> &mut Self {
        let at = match self.literals.binary_search_by(|(candidate, _)| candidate.as_slice().cmp(text)) {
            Ok(at) => at,
            Err(at) => {
                self.literals.insert(at, (text.to_vec(), Self::default()));
                at
            }
        };
        &mut self.literals[at].1
    }

    /// Whether `visit` has enough. Every node is met once at most, so the work is bounded by the templates.
    fn walk<'t>(&'t self, path: Option<&str>, visit: &mut impl FnMut(&'t [End<T>]) -> bool) -> bool {
        let Some(path) = path else {
            return visit(&self.ends) || visit(&self.rests);
        };
        let (segment, rest) =
            path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
        let literal = self.literals.binary_search_by(|(text, _)| compare_decoded(text, segment));
        if let Ok(at) = literal
            && self.literals[at].1.walk(rest, visit)
        {
            return true;
        }
        if let Some(any) = &self.any
            && !segment.is_empty()
            && any.walk(rest, visit)
        {
            return true;
        }
        visit(&self.rests)
    }
}

/// Compares a decoded text with one that is percent-encoded, without decoding it first.
fn compare_decoded(text: &[u8], encoded: &str) -> Ordering {
    let mut rest = encoded.as_bytes();
    let decoded = std::iter::from_fn(|| {
        let (&first, tail) = rest.split_first()?;
        let digit = |at: usize| tail.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        if first == b'%'
            && let Some((high, low)) = digit(0).zip(digit(1))
        {
            rest = &tail[2..];
            return u8::try_from(high << 4 | low).ok();
        }
        rest = tail;
        Some(first)
    });
    text.iter().copied().cmp(decoded)
}

#[cfg(test)]
mod tests;
