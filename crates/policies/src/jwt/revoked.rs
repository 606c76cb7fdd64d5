//! Tokens that are no longer good: a file with a `jti` on each line.
//! Read when the policy is compiled; that it changes is a reload.

use std::collections::HashSet;

use maitred_config::{FilePath, Problem, Spanned};
use maitred_policy::Build;
use maitred_token::Refusal;
use serde_json::{Map, Value};

/// The `jti` of tokens that were revoked.
pub(super) type Revoked = HashSet<Box<str>>;

/// Whether a token with these claims is still good. One without a `jti` cannot be taken back; one whose `jti` is no text (RFC 7519 section
/// 4.1.7) would not be found in the file, whatever stands there.
pub(super) fn check(revoked: &Revoked, claims: &Map<String, Value>) -> Result<(), Refusal> {
    match claims.get("jti") {
        Some(Value::String(id)) if revoked.contains(&**id) => Err(Refusal::Revoked),
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(Refusal::Malformed("its `jti` is no text")),
    }
}

/// Reads the file. What is wrong with it is reported.
pub(super) fn read(file: &Spanned<FilePath>, required: &[String], build: &mut Build<'_>) -> Option<Revoked> {
    if !required.iter().any(|name| name == "jti") {
        let problem = Problem::warning("tokens without a `jti` pass, and cannot be revoked").at(file.span);
        build.report(problem.help("write `require: [exp, jti]`"));
    }
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
