//! How a route changes the path of a request before it goes to its upstream.
//! It comes after routing and policies, and before the request is sent.

use maitred_http::{PathRules, RequestHead};
use maitred_policy::values::{TargetTemplate, View};
use maitred_policy::{Facts, Fault};
use maitred_router::Captures;

/// What a route does to the path. The query stays unless the target names one.
#[derive(Debug)]
pub(crate) enum Rewrite {
    /// Removes a prefix, then puts another before the rest.
    Prefix { strip: Strip, add: String },
    /// Replaces the path.
    Replace(TargetTemplate),
}

/// What is removed from the front of a path.
#[derive(Debug)]
pub(crate) enum Strip {
    /// Nothing.
    Nothing,
    /// What stands before the `*` of the route's path.
    Matched,
    /// This, where the path has it, up to the end of a segment.
    Prefix(String),
}

impl Rewrite {
    /// Changes the path.
    pub(crate) fn apply(
        &self,
        request: &mut RequestHead,
        facts: &Facts,
        captures: &Captures,
    ) -> Result<(), Fault> {
        match self {
            Self::Prefix { strip, add } => {
                let path = request.target.path();
                let from = match strip {
                    Strip::Nothing => 0,
                    Strip::Matched => captures.prefix_end().unwrap_or(0),
                    Strip::Prefix(prefix) => end_of_prefix(path, prefix),
                };
                let rest = &path[from..];
                let slash = if rest.is_empty() || rest.starts_with('/') { "" } else { "/" };
                let new = format!("{add}{slash}{rest}");
                request.target.set_path(&new);
            }
            Self::Replace(template) => {
                let mut target = Vec::new();
                template
                    .render(&View::of_request(request, facts), &mut target)
                    .map_err(|_| Fault::client(400, "ambiguous_path", "Bad request"))?;
                let query =
                    if template.has_query() { None } else { request.target.query().map(str::to_owned) };
                request
                    .target
                    .parse(&target, PathRules::Raw)
                    .map_err(|_| Fault::client(400, "ambiguous_path", "Bad request"))?;
                if let Some(query) = query {
                    request.target.set_query(Some(&query));
                }
            }
        }
        Ok(())
    }
}

/// Where `prefix` ends in `path`, if it does so at the end of a segment; else 0.
fn end_of_prefix(path: &str, prefix: &str) -> usize {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => prefix.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_a_segment() {
        assert_eq!(end_of_prefix("/api/users", "/api"), 4);
        assert_eq!(end_of_prefix("/api", "/api/"), 4);
        assert_eq!(end_of_prefix("/apiary", "/api"), 0);
        assert_eq!(end_of_prefix("/x", "/api"), 0);
    }
}
