//! The typed reader: from the tree to Rust values, with every problem collected.
//!
//! A type that implements [`Read`] says what may stand in its place ([`Shape`]) and reads it. The shape alone gives the JSON
//! Schema, the reference pages and the long form of `check --expand`, so that these never disagree with what is read. Maps are
//! declared with [`config_map!`](crate::config_map), words with [`config_words!`](crate::config_words).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::node::Node;
use crate::problem::{Problem, Problems};
use crate::scalar::ScalarProblem;
use crate::span::Span;
use crate::texts::Texts;

mod addresses;
mod basic;
mod containers;
mod listing;
mod macros;
mod map;
mod named;
mod password;
mod scalars;
mod secret;
pub mod shape;
#[cfg(test)]
mod tests;

pub use containers::{OneOrMany, Spanned, Toggle};
pub use listing::Listing;
pub(crate) use listing::unindented;
pub use map::{ConfigMap, Fields};
pub use named::{Named, NamedEntry};
pub use password::Password;
pub use scalars::{
    ByteSize, FilePath, FolderPath, HeaderName, HeaderValue, HttpsUrl, Method, ServerName, StatePath,
    StatusCode,
};
pub use secret::Secret;
pub use shape::{Field, MapShape, Shape, ShortForm, TextShape, WordsShape};

/// A type that is read from a node.
pub trait Read: Sized {
    /// Whether `false` means something to this type itself. To others it means "not here" where they are optional.
    const TAKES_FALSE: bool = false;

    /// Whether it is a setting with keys: then `name: false` in a map of names means "not here".
    const IS_SETTING: bool = false;

    /// Whether it is a path, which counts from the file in which it is written: so does its default, from the file in which the
    /// key is missing.
    const IS_PATH: bool = false;

    /// What may stand in its place.
    fn shape() -> Shape;

    /// Reads a node. What is wrong with it is told to the reader; `None` means that there is nothing to go on with. A value
    /// may come back although something inside it was wrong: it is to be used only if there are no errors.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// The value where the key is not written at all, for types that may be left out.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether an optional value of this is as good as none, as an empty secret is.
    fn is_nothing(&self) -> bool {
        false
    }
}

/// What a reader tells its problems to, and where it stands.
#[derive(Debug)]
pub struct Reader<'a> {
    texts: &'a Texts,
    problems: &'a mut Problems,
    /// The place of the key or item that is being read.
    key: Span,
    /// Files that values name.
    files: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    /// A reader of nodes from these texts.
    pub fn new(texts: &'a Texts, problems: &'a mut Problems) -> Self {
        Self { texts, problems, key: Span::NONE, files: Vec::new() }
    }

    /// Notes a file that a value names: it is read when what is read here is compiled, and its change calls for a new load.
    pub fn note_file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
    }

    /// The files that values name, each once, in the order in which they are first named.
    pub fn into_files(mut self) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        self.files.retain(|path| seen.insert(path.clone()));
        self.files
    }

    /// Tells a problem.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether an error was told.
    pub fn has_errors(&self) -> bool {
        self.problems.has_errors()
    }

    /// Where a problem with this node is best shown: at the scalar itself, at the key of a map or list.
    pub fn place(&self, node: &Node) -> Span {
        let visible = node.as_scalar().is_some() && node.span.start < node.span.end;
        if visible { node.span } else { self.key.or(node.span) }
    }

    /// Reads something that stands under the key at `key`.
    pub fn under<T>(&mut self, key: Span, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.key;
        self.key = key.or(outer);
        let value = read(self);
        self.key = outer;
        value
    }

    /// Tells that something else is wanted than what stands here. Always `None`, to be returned.
    pub fn wanted<T>(&mut self, wanted: &str, node: &Node) -> Option<T> {
        let mut problem = Problem::error(format!("{wanted} is wanted here, not {}", node.kind_name()));
        if node.is_null() {
            problem = Problem::error(format!("nothing stands here, {wanted} is wanted"))
                .help("write a value, or leave the key out");
        } else if looks_like_braces(node) {
            problem = problem.help("a text in braces needs quotes: \"{…}\"");
        }
        self.problem(problem.at(self.place(node)));
        None
    }

    /// Reads a scalar with a parser of [`crate::scalar`].
    pub fn scalar<T>(
        &mut self,
        node: &Node,
        shape: &TextShape,
        parse: impl FnOnce(&str) -> Result<T, ScalarProblem>,
    ) -> Option<T> {
        let Some(text) = node.as_text() else { return self.wanted(&shape.wanted(), node) };
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(self.scalar_problem(node, shape, problem));
                None
            }
        }
    }

    /// The problem of a scalar's parser, at its place in the file. Of what came through `${…}` nothing is shown.
    pub fn scalar_problem(&self, node: &Node, shape: &TextShape, problem: ScalarProblem) -> Problem {
        if node.as_scalar().is_some_and(|scalar| scalar.substitution.is_some()) {
            return Problem::error(format!("what is put in here is not {}", shape.wanted()))
                .at(self.place(node))
                .help(format!("it has to look like `{}`", shape.example));
        }
        Problem::error(problem.message).at(node.text_span(problem.at).or(self.key)).help_if(problem.help)
    }

    /// The path written in a node, relative to the file in which it stands.
    pub fn resolve_path(&self, path: &str, node: &Node) -> PathBuf {
        self.texts.resolve(path, node.span)
    }

    /// Draws this node as asterisks in every snippet from now on.
    pub fn hide(&mut self, node: &Node) {
        self.problems.hide(node.span);
    }
}

/// `{name}` without quotes is a map whose one key has no value.
fn looks_like_braces(node: &Node) -> bool {
    node.as_map().is_some_and(|map| map.entries.len() == 1 && map.entries[0].value.is_null())
}

/// Reads a value from a text in the configuration language: how defaults become values, and handy in tests.
pub fn read_text<T: Read>(text: &str) -> Result<T, String> {
    let node = Node::parse(text)?;
    let texts = Texts::default();
    let mut problems = Problems::new();
    let value = T::read(&node, &mut Reader::new(&texts, &mut problems));
    match (value, problems.iter().next()) {
        (Some(value), None) => Ok(value),
        (_, problem) => {
            Err(problem.map_or_else(|| "nothing to read".to_owned(), |problem| problem.message.clone()))
        }
    }
}

/// The value of a default written in code. Used by the macros.
#[doc(hidden)]
pub fn default_value<T: Read>(text: &str) -> T {
    match read_text(text) {
        Ok(value) => value,
        Err(why) => panic!("a default in the code cannot be read: `{text}`: {why}"),
    }
}
