//! What a policy may ask for while it is compiled, and where it is written.
//! Nothing here exists at run time.

use std::sync::Arc;

use maitred_config::{Problem, Problems, Span};

/// Where a policy is written. A policy belongs to its place: routes that inherit it share it, and after a reload it is
/// found again by its place and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Among the global `policies`.
    Global,
    /// In a policy set.
    Set(Arc<str>),
    /// On a route.
    Route(Arc<str>),
}

/// The context of one compilation.
#[derive(Debug)]
pub struct Build<'a> {
    problems: &'a mut Problems,
    span: Span,
}

impl<'a> Build<'a> {
    /// For a policy written at `span`.
    pub fn new(problems: &'a mut Problems, span: Span) -> Self {
        Self { problems, span }
    }

    /// Where the policy is written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Reports a problem, or a warning.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}
