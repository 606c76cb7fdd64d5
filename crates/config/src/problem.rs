//! What is wrong with a configuration: [`Problem`], and [`Problems`], which collects all of them.
//!
//! A problem has labels at places in files and says what to write instead. It belongs to the time of compiling; what
//! goes wrong with a request is a fault and lives elsewhere. How problems are drawn is in `problem/render.rs`.

use crate::span::Span;

mod render;
#[cfg(test)]
mod tests;

pub use render::Style;

/// Whether a problem stops the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The document is not used.
    Error,
    /// Something is insecure or has no effect; nothing is stopped.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the load.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; the first is the place that is named as `file:line:column`.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

/// A place, and what is to be said of it (nothing, if the message says all).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

impl Problem {
    /// A problem that stops the load.
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Something that is told and stops nothing.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same, at a place; what stands in no file gets no label.
    pub fn at(self, span: Span) -> Self {
        self.label(span, "")
    }

    /// The same, with a remark at a place; what stands in no file gets no label.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        if !span.is_none() {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// The same, with a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with a way out if there is one.
    pub fn help_if(mut self, help: Option<impl Into<String>>) -> Self {
        if let Some(help) = help {
            self.help = Some(help.into());
        }
        self
    }
}

/// All problems of a load, in the order in which they were found, and the places that no snippet may show.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    list: Vec<Problem>,
    hidden: Vec<Span>,
}

impl Problems {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// Draws the bytes at `span` as asterisks in every snippet: a secret stands there.
    pub fn hide(&mut self, span: Span) {
        if !span.is_none() {
            self.hidden.push(span);
        }
    }

    /// Whether any of them stops the load.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there are none, not even warnings.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many stop the load.
    pub fn error_count(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Turns warnings into errors: `check --strict`.
    pub fn make_strict(&mut self) {
        for problem in &mut self.list {
            problem.severity = Severity::Error;
        }
    }

    /// Adds those of another collection.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        self.hidden.extend(other.hidden);
    }

    /// Puts them in the order of their places: by file, then by line.
    pub fn sort(&mut self) {
        self.list.sort_by_key(|problem| {
            problem.labels.first().map_or((u32::MAX, 0), |label| (label.span.file.0, label.span.start))
        });
    }

    /// The places that no snippet may show.
    pub(crate) fn hidden(&self) -> &[Span] {
        &self.hidden
    }
}
