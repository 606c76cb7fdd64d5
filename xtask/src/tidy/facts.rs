//! `Facts`: what the checks need to know of one Rust file, read once.
//! Items come from the syntax tree (`items.rs`); paths, `unsafe` and macros from the tokens (`tokens.rs`), so that
//! macro bodies count as well.

use std::ops::RangeInclusive;

mod items;
mod tokens;

/// One file's facts. Lines count from 1.
#[derive(Default)]
pub struct Facts {
    /// Lines of `//!` at the top.
    pub header: usize,
    pub names: Vec<Name>,
    pub functions: Vec<Function>,
    /// Leaves of `use` items.
    pub imports: Vec<Import>,
    /// Paths of two segments or more, outside `use` items.
    pub paths: Vec<PathUse>,
    /// Modules declared as `mod name;`, and whether only for tests.
    pub modules: Vec<(String, bool)>,
    /// Modules written in place: name and lines.
    pub places: Vec<(String, RangeInclusive<usize>)>,
    /// Lines of items that only tests see.
    pub tests: Vec<RangeInclusive<usize>>,
    /// Where `unsafe` stands.
    pub unsafes: Vec<usize>,
    /// Where `#[ignore]` stands.
    pub ignored: Vec<usize>,
    /// Macros called: line and name.
    pub macros: Vec<(usize, String)>,
}

/// A name that the file gives to something.
pub struct Name {
    pub kind: &'static str,
    pub name: String,
    pub line: usize,
}

pub struct Function {
    pub name: String,
    pub line: usize,
    /// Lines of its body that are neither blank nor comment.
    pub lines: usize,
}

/// `use a::b as c` is `path: [a, b], alias: c`; `use a::*` is `path: [a], alias: *`.
pub struct Import {
    pub path: Vec<String>,
    pub alias: String,
    pub line: usize,
}

pub struct PathUse {
    pub segments: Vec<String>,
    pub line: usize,
}

impl Facts {
    /// Reads a file; the error is the parser's, with its line.
    pub fn read(text: &str) -> Result<Self, (usize, String)> {
        let told = |error: syn::Error| (error.span().start().line, error.to_string());
        let file = syn::parse_file(text).map_err(told)?;
        let mut facts = Self { header: header(text), ..Self::default() };
        items::collect(&file, text, &mut facts);
        let stream = text.parse().map_err(|error| told(syn::Error::from(error)))?;
        tokens::collect(stream, &mut facts);
        Ok(facts)
    }

    /// Whether the line belongs to an item that only tests see.
    pub fn in_test(&self, line: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&line))
    }

    /// The modules written in place around a line, outermost first.
    pub fn around(&self, line: usize) -> impl Iterator<Item = &str> {
        self.places.iter().filter(move |(_, range)| range.contains(&line)).map(|(name, _)| name.as_str())
    }
}

fn header(text: &str) -> usize {
    text.lines().take_while(|line| line.starts_with("//!")).count()
}

#[cfg(test)]
mod tests;
