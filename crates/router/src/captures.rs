//! The parts of a path that the winning pattern has names for: noted as places when a request is routed, read as text
//! only where somebody asks.

use regex_automata::Input;
use regex_automata::util::primitives::NonMaxUsize;
use smallvec::SmallVec;

use crate::path::{PathForm, PathSpec, Segment, Tail};
use crate::pattern::Pattern;
use crate::segments::SplitPath;

/// Where the named parts of a path are; reusable, and without the path itself.
///
/// [`Router::route`](crate::Router::route) fills it, and [`Router::values`](crate::Router::values) reads it
/// together with the path that was routed.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// The number of the pattern that won.
    pattern: Option<u32>,
    /// One for each name of the pattern: where it begins and ends. A group that took no part has none.
    ranges: SmallVec<[Option<(usize, usize)>; 4]>,
    prefix_end: Option<usize>,
}

impl Captures {
    /// How many bytes of the path stood before the `*` or `{*rest}` of the winning pattern, without their last
    /// slash: what follows is empty or begins with a slash. None where the pattern has neither.
    ///
    /// `/api/*` has 4 of `/api`, `/api/` and `/api/users`; `strip_prefix: true` removes them.
    pub fn prefix_end(&self) -> Option<usize> {
        self.prefix_end
    }

    pub(crate) fn pattern(&self) -> Option<u32> {
        self.pattern
    }

    pub(crate) fn clear(&mut self) {
        self.pattern = None;
        self.ranges.clear();
        self.prefix_end = None;
    }

    /// Notes what pattern number `number` takes of `path`, which it matches.
    pub(crate) fn note(&mut self, number: u32, spec: &PathSpec, path: &SplitPath<'_>) {
        self.clear();
        self.pattern = Some(number);
        match spec.form() {
            PathForm::Regex(pattern) => self.note_groups(pattern, path.text()),
            PathForm::Segments { segments: wanted, tail } => {
                if spec.names().next().is_some() {
                    let params = wanted.iter().enumerate().filter(|(_, segment)| **segment == Segment::Param);
                    self.ranges.extend(params.map(|(at, _)| path.segments().range(at)));
                }
                if *tail != Tail::Nothing {
                    let end = path.segments().end_of_first(wanted.len());
                    self.prefix_end = Some(end);
                    if *tail == Tail::Rest {
                        let all = path.text().len();
                        self.ranges.push(Some((all.min(end + 1), all)));
                    }
                }
            }
        }
    }

    fn note_groups(&mut self, pattern: &Pattern, path: &str) {
        if pattern.names().next().is_none() {
            return;
        }
        let regex = pattern.regex();
        let mut slots: SmallVec<[Option<NonMaxUsize>; 16]> = SmallVec::new();
        slots.resize(2 * regex.captures_len(), None);
        regex.search_slots(&Input::new(path), &mut slots);
        self.ranges.extend(pattern.names().map(|(_, group)| {
            let end = |at: usize| slots.get(at).copied().flatten().map(NonMaxUsize::get);
            end(2 * group).zip(end(2 * group + 1))
        }));
    }
}

/// The named parts of one path, to be asked for by name.
#[derive(Clone, Copy, Debug)]
pub struct PathValues<'a> {
    spec: Option<&'a PathSpec>,
    captures: &'a Captures,
    path: &'a str,
}

impl<'a> PathValues<'a> {
    pub(crate) fn new(spec: Option<&'a PathSpec>, captures: &'a Captures, path: &'a str) -> Self {
        Self { spec, captures, path }
    }

    /// The part called `name` (`path.NAME`), still percent-encoded; none where the pattern has no such name, or a
    /// group of its regular expression took no part.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(candidate, _)| *candidate == name)?.1
    }

    /// Every name of the pattern with its part of the path, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let path = self.path;
        let parts = self.captures.ranges.iter().map(move |range| range.and_then(|(a, b)| path.get(a..b)));
        self.spec.into_iter().flat_map(PathSpec::names).zip(parts)
    }
}
