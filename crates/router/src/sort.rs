//! Sorting many routes of one place by a value that they ask for: ten thousand tenants told apart by a header are
//! then found by its text, and compared with each other only where they ask for the same one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::condition::{Condition, Source, Test};

/// Up to so many are compared one by one, which is quicker than to look a text up.
const FEW: usize = 8;

/// Things sorted by the text that they ask for.
pub(crate) struct Sorted<'a, T> {
    /// What the texts are values of.
    pub(crate) source: &'a Source,
    /// What asks for each text. What takes several texts is in several places.
    pub(crate) by_text: BTreeMap<&'a str, Vec<T>>,
    /// What asks for no text of this source.
    pub(crate) rest: Vec<T>,
}

/// Sorts `things` by the source of which they ask for the most different texts; none where they are few, or none
/// asks for a text. Order is kept.
pub(crate) fn sort<'a, T: Copy>(
    things: &[T],
    conditions: impl Fn(T) -> &'a [Condition],
) -> Option<Sorted<'a, T>> {
    if things.len() <= FEW {
        return None;
    }
    let source = best_source(things.iter().flat_map(|&thing| conditions(thing)))?;
    let mut sorted = Sorted { source, by_text: BTreeMap::new(), rest: Vec::new() };
    for &thing in things {
        let asked = conditions(thing).iter().filter_map(asked_texts);
        match asked.clone().find(|(candidate, _)| *candidate == source) {
            Some((_, texts)) => {
                for text in texts {
                    sorted.by_text.entry(text.as_str()).or_default().push(thing);
                }
            }
            None => sorted.rest.push(thing),
        }
    }
    Some(sorted)
}

fn best_source<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Option<&'a Source> {
    let mut texts: HashMap<(u8, String), (&Source, BTreeSet<&str>)> = HashMap::new();
    for (source, asked) in conditions.filter_map(asked_texts) {
        let (_, texts) = texts.entry(key(source)).or_insert_with(|| (source, BTreeSet::new()));
        texts.extend(asked.iter().map(String::as_str));
    }
    // Of equals the first by name, so that a table is always compiled alike.
    let most =
        texts.into_iter().max_by(|(a, (_, one)), (b, (_, two))| one.len().cmp(&two.len()).then(b.cmp(a)))?;
    Some(most.1.0)
}

fn asked_texts(condition: &Condition) -> Option<(&Source, &[String])> {
    match condition {
        Condition::Value { source, test: Test::OneOf(texts) } => Some((source, texts)),
        _ => None,
    }
}

/// Equal for equal sources.
fn key(source: &Source) -> (u8, String) {
    match source {
        Source::Header(name) => (0, name.as_str().to_ascii_lowercase()),
        Source::Query(name) => (1, name.clone()),
        Source::Cookie(name) => (2, name.clone()),
    }
}
