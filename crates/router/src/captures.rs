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

    /// The number of the pattern that won, among [`Router::patterns`](crate::Router::patterns).
    pub fn pattern(&self) -> Option<usize> {
        self.pattern.map(|number| number as usize)
    }

    /// The parts of `path`, which was routed, one for each name of the pattern, still percent-encoded; none for a group of
    /// a regular expression that took no part.
    pub fn parts<'a>(&self, path: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.ranges.iter().map(move |range| range.and_then(|(start, end)| path.get(start..end)))
    }

    pub(crate) fn clear(&mut self) {
        self.pattern = None;
        self.ranges.clear();
        self.prefix_end = None;
    }

    /// Notes what pattern number `number` takes of `path`, which it matches. The pattern itself is looked at only where
    /// `taken` does not tell.
    pub(crate) fn note<'s>(
        &mut self,
        number: u32,
        taken: Taken,
        path: &SplitPath<'_>,
        spec: impl FnOnce() -> &'s PathSpec,
    ) {
        self.clear();
        self.pattern = Some(number);
        match taken {
            Taken::Parts { params, segments, tail } => {
                let mut left = params;
                while left != 0 {
                    self.ranges.push(path.segments().range(left.trailing_zeros() as usize));
                    left &= left - 1;
                }
                self.note_tail(segments.into(), tail, path);
            }
            Taken::Asked => match spec().form() {
                PathForm::Regex(pattern) => self.note_groups(pattern, path.text()),
                PathForm::Segments { segments, tail } => {
                    let params =
                        segments.iter().enumerate().filter(|(_, segment)| **segment == Segment::Param);
                    self.ranges.extend(params.map(|(at, _)| path.segments().range(at)));
                    self.note_tail(segments.len(), *tail, path);
                }
            },
        }
    }

    fn note_tail(&mut self, segments: usize, tail: Tail, path: &SplitPath<'_>) {
        if tail == Tail::Nothing {
            return;
        }
        let end = path.segments().end_of_first(segments);
        self.prefix_end = Some(end);
        if tail == Tail::Rest {
            let all = path.text().len();
            self.ranges.push(Some((all.min(end + 1), all)));
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

/// What a pattern takes of a path, in a few bytes that stand where the table is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// The segments whose bits are set, and what stands behind so many segments.
    Parts { params: u32, segments: u16, tail: Tail },
    /// More than that, or something else: the pattern tells.
    Asked,
}

impl Taken {
    pub(crate) fn of(spec: &PathSpec) -> Self {
        let PathForm::Segments { segments, tail } = spec.form() else { return Self::Asked };
        let mut params = 0;
        for (at, segment) in segments.iter().enumerate() {
            if *segment == Segment::Param {
                let Some(bit) = u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)) else {
                    return Self::Asked;
                };
                params |= bit;
            }
        }
        match u16::try_from(segments.len()) {
            Ok(segments) => Self::Parts { params, segments, tail: *tail },
            Err(_) => Self::Asked,
        }
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
        self.spec.into_iter().flat_map(PathSpec::names).zip(self.captures.parts(self.path))
    }
}
