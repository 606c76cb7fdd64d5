//! Why descriptors cannot be used, with the file and the place in it where that is known. Only the loading of
//! descriptors ends with it.

use std::fmt;

/// Why descriptors cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    place: String,
    problem: String,
}

impl LoadError {
    pub(crate) fn new(place: &str, problem: impl Into<String>) -> Self {
        Self { place: place.to_owned(), problem: problem.into() }
    }

    /// The file, and in a `.proto` file the line and the column: `shop.proto:3:7`. Empty where it is about all files.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, for people.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl From<protox::Error> for LoadError {
    fn from(error: protox::Error) -> Self {
        let problem = error.to_string();
        // Its long form begins with the place, its short form has none.
        let long = format!("{error:?}");
        let place = long.strip_suffix(&problem).unwrap_or_default().trim().trim_end_matches(':');
        let place = if place.is_empty() { error.file().unwrap_or_default() } else { place };
        Self::new(place, problem)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.place, self.problem)
        }
    }
}

impl std::error::Error for LoadError {}
