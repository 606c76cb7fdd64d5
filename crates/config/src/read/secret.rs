//! Credentials in plain: never shown, and never written in the document itself.
//! For what has to be known in plain at run time; hashes of credentials are ordinary texts.

use std::fmt;

use super::{Read, Reader, Shape};
use crate::node::Node;
use crate::problem::Problem;

/// A credential in plain. `Debug` and `Display` print `***`; only [`Secret::expose`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// The credential itself. Not for logs, messages or answers.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is empty, which means that there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Read for Secret {
    fn shape() -> Shape {
        Shape::Secret
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        // `${NAME}` alone gives nothing away; all else is drawn as asterisks.
        let names_it_only = |scalar: &crate::node::Scalar| {
            scalar.substitution.as_ref().is_some_and(|substitution| substitution.only_reference)
        };
        if !node.as_scalar().is_some_and(names_it_only) {
            reader.hide(node);
        }
        let Some(text) = node.as_text() else { return reader.wanted("a secret", node) };
        reader.refuse_plain_secret(node).then(|| Self(text.into()))
    }

    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

impl Reader<'_> {
    /// Refuses a credential that is written in the document itself and not brought in with `${…}`; an empty one is none.
    /// Whether the node may be used.
    pub fn refuse_plain_secret(&mut self, node: &Node) -> bool {
        let is_plain = is_plain_secret(node);
        if is_plain {
            self.tell_plain_secret(node);
        }
        !is_plain
    }

    /// Tells that a credential, or a part of one, is written in the document itself, and hides it.
    pub(super) fn tell_plain_secret(&mut self, node: &Node) {
        self.hide(node);
        let problem = Problem::error("a secret is written in plain in the document").at(self.place(node));
        self.problem(problem.help("bring it in: `${NAME}` from the environment, `${file:PATH}` from a file"));
    }
}

/// Whether this is a credential that is written in the document itself and not brought in with `${…}`. An empty one is none.
pub(super) fn is_plain_secret(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| {
        let from_outside = scalar.substitution.as_ref().is_some_and(|substitution| substitution.from_outside);
        !from_outside && !scalar.text.is_empty()
    })
}
