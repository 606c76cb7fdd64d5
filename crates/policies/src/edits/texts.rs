//! Texts of one request, rendered before anything is edited, in a buffer that the worker keeps.
//! So edits see the values of the message as it came, and nothing is allocated for them.

use std::cell::Cell;
use std::ops::Range;

use maitred_config::{NamedEntry, Problem, Spanned, scalar};
use maitred_policy::Build;
use maitred_policy::values::{Available, Rendered, Template, View};
use smallvec::SmallVec;

/// The buffer of a worker.
#[derive(Default)]
pub(crate) struct Scratch(Cell<Vec<u8>>);

impl Scratch {
    /// Lends the buffer, empty.
    pub(crate) fn lend<T>(&self, with: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        /// What is kept for the next request at most.
        const KEPT: usize = 64 << 10;
        let mut buffer = self.0.take();
        buffer.clear();
        let result = with(&mut buffer);
        if buffer.capacity() <= KEPT {
            self.0.set(buffer);
        }
        result
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

/// Where each text stands in the buffer; none if its value is missing.
pub(super) type Places = SmallVec<[Option<Range<usize>>; 8]>;

/// Renders texts, one after the other.
pub(super) fn render<'t>(
    texts: impl Iterator<Item = &'t Template>,
    one: impl Fn(&Template, &View<'_>, &mut Vec<u8>) -> Rendered,
    view: &View<'_>,
    buffer: &mut Vec<u8>,
) -> Places {
    texts
        .map(|text| {
            let start = buffer.len();
            (one(text, view, buffer) == Rendered::Whole).then_some(start..buffer.len())
        })
        .collect()
}

/// Compiles the text behind a name; none if there is a problem, which is told.
pub(super) fn compile(
    entry: &NamedEntry<Spanned<scalar::Template>>,
    available: Available,
    build: &mut Build<'_>,
) -> Option<Template> {
    match Template::compile(&entry.value, available) {
        Ok(template) => Some(template),
        Err(message) => {
            build.report(Problem::error(message).at(entry.value.span));
            None
        }
    }
}
