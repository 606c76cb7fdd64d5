//! The texts of all files that a load has read, for snippets and for paths relative to them.
//! Spans become `file:line:column` here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::span::{FileId, Span};

/// The files of one load, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    files: Vec<TextFile>,
}

/// One file: where it was found and what it says.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// The path under which it was opened.
    pub path: PathBuf,
    /// Its text, without a byte order mark.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

/// A place as people count: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Texts {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        self.files.push(TextFile { path: path.into(), text, line_starts });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The file, unless the id is of another load or of no file.
    pub fn file(&self, id: FileId) -> Option<&TextFile> {
        self.files.get(id.0 as usize)
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter()
    }

    /// `file:line:column` of where a span begins, or nothing for a span in no file.
    pub fn place(&self, span: Span) -> Option<String> {
        let file = self.file(span.file)?;
        let Position { line, column } = file.position(span.start as usize);
        Some(format!("{}:{line}:{column}", file.path.display()))
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> Option<&str> {
        self.file(span.file)?.text.get(span.range())
    }

    /// `path`, made relative to the folder of the file in which it is written.
    pub fn resolve(&self, path: &str, written_at: Span) -> PathBuf {
        match self.file(written_at.file).and_then(|file| file.path.parent()) {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        }
    }
}

impl TextFile {
    /// The number of the line, from 0, in which the byte `at` stands.
    pub fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start as usize <= at) - 1
    }

    /// The byte at which a line, counted from 0, begins; the end of the text for a line after the last.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// Line and column of the byte `at`.
    pub fn position(&self, at: usize) -> Position {
        let line = self.line_of(at);
        let before = self.text.get(self.line_start(line)..at).unwrap_or_default();
        Position { line: line + 1, column: before.chars().count() + 1 }
    }

    /// The path of the file's folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new(""))
    }
}
