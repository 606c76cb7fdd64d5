//! The names of the values of a request: `header.X-User-ID`, `claim["cognito:groups"]`.

use super::{FieldPath, ScalarProblem};

/// One value, by its one name (the list "Values" of the language).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ValueName {
    /// `request.id`
    RequestId,
    /// `request.method`
    RequestMethod,
    /// `request.scheme`
    RequestScheme,
    /// `request.host`
    RequestHost,
    /// `request.path`
    RequestPath,
    /// `request.query`: all of it, as sent.
    RequestQuery,
    /// `client.ip`
    ClientIp,
    /// `header.NAME`, spelled as written; header names do not distinguish case.
    Header(String),
    /// `query.NAME`
    Query(String),
    /// `cookie.NAME`
    Cookie(String),
    /// `path.NAME`: a parameter of the path that matched.
    Path(String),
    /// `consumer.name`
    ConsumerName,
    /// `consumer.groups`
    ConsumerGroups,
    /// `consumer.plan`
    ConsumerPlan,
    /// `claim.NAME`; the path is never empty.
    Claim(FieldPath),
    /// `route`: its name.
    Route,
    /// `upstream`: its name.
    Upstream,
    /// `now`
    Now,
    /// `body`, whole if the path is empty, or a field of it.
    Body(FieldPath),
    /// `parts.NAME`, or a field of it.
    Part {
        /// The part's name.
        part: String,
        /// Where in its answer; empty: all of it.
        field: FieldPath,
    },
    /// `response.status`
    ResponseStatus,
    /// `error.status`
    ErrorStatus,
    /// `error.title`
    ErrorTitle,
    /// `error.detail`
    ErrorDetail,
}

/// What has to be there before a value can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The request's head, and its client.
    Request,
    /// The route that was chosen, with its path parameters.
    Route,
    /// Who the caller is: consumers and claims.
    Identity,
    /// The upstream that was chosen.
    Upstream,
    /// A body, of the request or the response, buffered.
    Body,
    /// The answers of an aggregate's parts.
    Parts,
    /// The response's head.
    Response,
    /// An error that the gateway answers.
    Error,
    /// The clock.
    Clock,
}

/// A set of [`Source`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sources(u16);

impl Sources {
    /// Whether `source` is among them.
    pub fn contains(self, source: Source) -> bool {
        self.0 & (1 << source as u16) != 0
    }
}

impl ValueName {
    /// What this value is taken from.
    pub fn source(&self) -> Source {
        Source::Request
    }
}

/// Reads the bare name of a value, as in `by: header.X-User-ID`.
pub fn parse(text: &str) -> Result<ValueName, ScalarProblem> {
    Err(ScalarProblem::whole("not read yet", text))
}
