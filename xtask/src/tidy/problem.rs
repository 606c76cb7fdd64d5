//! `Problem` and `Report`: what a check found, where, and how to mend it.
//! Every check adds to one report, so that all problems are told at once.

use std::fmt;

/// One breach of a rule.
#[derive(Debug, PartialEq)]
pub struct Problem {
    /// The rule's name, as `tidy.toml` uses it.
    pub check: &'static str,
    pub path: String,
    /// From 1; 0 is the whole file.
    pub line: usize,
    /// What it is about (a name, a word, a package), as `tidy.toml` uses it.
    pub name: String,
    pub what: String,
    pub mend: &'static str,
    /// Told, but no failure.
    pub warning: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.path)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        write!(out, ": [{}] {}; {}", self.check, self.what, self.mend)
    }
}

/// What all checks found, and figures that are told in any case.
#[derive(Default)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
}

/// Where a problem is and what it is about.
pub struct Place<'a> {
    pub path: &'a str,
    pub line: usize,
    pub name: &'a str,
}

impl Report {
    pub fn error(&mut self, check: &'static str, place: &Place<'_>, what: String, mend: &'static str) {
        self.add(check, place, what, mend, false);
    }

    pub fn warning(&mut self, check: &'static str, place: &Place<'_>, what: String, mend: &'static str) {
        self.add(check, place, what, mend, true);
    }

    fn add(
        &mut self,
        check: &'static str,
        place: &Place<'_>,
        what: String,
        mend: &'static str,
        warning: bool,
    ) {
        let (path, name) = (place.path.to_owned(), place.name.to_owned());
        self.problems.push(Problem { check, path, line: place.line, name, what, mend, warning });
    }

    /// `path:line: what` of every problem of one check, for tests.
    #[cfg(test)]
    pub fn lines(&self, check: &str) -> Vec<String> {
        let of_check = self.problems.iter().filter(|problem| problem.check == check);
        of_check.map(|problem| format!("{}:{}: {}", problem.path, problem.line, problem.what)).collect()
    }
}
