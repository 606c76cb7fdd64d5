//! The compiled route table: host → path → conditions → route, with the same work for ten routes as for ten thousand.
//!
//! The engine translates the document into [`RouteSpec`]s and compiles them into a [`Router`] for its snapshot; each
//! exchange asks that first. Nothing here knows the configuration language beyond the patterns of hosts and paths,
//! nor what a route does once it is found.

mod ambiguity;
mod captures;
mod condition;
mod exclusion;
mod explain;
mod host;
mod index;
mod methods;
mod path;
mod pattern;
mod rank;
mod router;
mod rule;
mod search;
mod segments;
mod sort;
mod spec;
mod subject;
mod table;
mod walk;

pub use ambiguity::{Ambiguity, Tie};
pub use captures::{Captures, PathValues};
pub use condition::{Condition, Predicate, Source, Test};
pub use explain::{Reason, Verdict};
pub use host::{HostSpec, HostSpecError};
pub use methods::MethodSet;
pub use path::{PathSpec, PathSpecError};
pub use pattern::{Pattern, PatternError};
pub use router::Router;
pub use rule::Rule;
pub use search::Outcome;
pub use spec::RouteSpec;
pub use subject::Subject;
