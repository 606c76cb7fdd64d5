//! Tokens that are no longer good: a file with a `jti` on each line.
//! Read when the policy is compiled; that it changes is a reload.

use std::collections::HashSet;

use maitred_config::{FilePath, Problem, Spanned};
use maitred_policy::Build;

/// The `jti` of tokens that were revoked.
pub(super) type Revoked = HashSet<Box<str>>;

/// Reads the file. What is wrong with it is reported.
pub(super) fn read(file: &Spanned<FilePath>, build: &mut Build<'_>) -> Option<Revoked> {
    let path = file.as_path();
    let read = build.try_read(path).map_err(|error| error.to_string());
    match read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())) {
        Ok(text) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            Some(lines.map(Into::into).collect())
        }
        Err(why) => {
            let problem = Problem::error(format!("`{}` cannot be read: {why}", path.display()));
            build.report(problem.at(file.span).help("it has the `jti` of a token on each line"));
            None
        }
    }
}
