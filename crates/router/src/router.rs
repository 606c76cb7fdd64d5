//! The compiled route table as the engine holds it in its snapshot: the first thing that an exchange asks. Joins the
//! parts of this crate and has no logic of its own.

use crate::ambiguity::{Ambiguity, ambiguities};
use crate::captures::{Captures, PathValues};
use crate::explain::{Verdict, explain};
use crate::path::PathSpec;
use crate::rank::Ranking;
use crate::search::{Outcome, route};
use crate::spec::RouteSpec;
use crate::subject::Subject;
use crate::table::Table;

/// The route table, compiled. Immutable; one serves all workers.
///
/// A route fits a request if one of its hosts, one of its paths, its methods and all its conditions do. Of several
/// that fit, [`Rule`](crate::Rule)s choose, by the best of the ways (a host with a path) to each. Where routes fit
/// but for the method, and nothing else fits, the answer is [`Outcome::MethodNotAllowed`].
///
/// A look-up finds the host by its name and its domains, then an exact path, then walks a trie of segments for each
/// other kind of path; regular expressions hang at the whole segments that they begin with, and many routes of one
/// place that ask for different texts of one value are found by the text. It stops where nothing can rank better. So
/// it costs what a path meets, not what the table holds. The worst that a table can be made to cost is every node
/// that a path leads to (each at most once, no more than 2^(segments + 1) for each kind of path), every regular
/// expression with the same beginning, and every condition of routes that are not told apart by texts.
#[derive(Debug)]
pub struct Router {
    ranking: Ranking,
    table: Table,
}

impl Router {
    /// Compiles a table; a route is known by its place in `routes` from then on.
    ///
    /// Two routes that can both win with equal rank are an error, which see.
    pub fn compile(routes: Vec<RouteSpec>) -> Result<Self, Vec<Ambiguity>> {
        let ranking = Ranking::new(routes);
        let ambiguities = ambiguities(&ranking);
        if !ambiguities.is_empty() {
            return Err(ambiguities);
        }
        let table = Table::build(&ranking);
        Ok(Self { ranking, table })
    }

    /// Finds the route of a request, and notes in `captures` what its pattern takes of the path.
    ///
    /// Allocates nothing for the usual request: a path of which patterns ask for at most 16 segments, conditions on
    /// fields and cookies or on a query without escapes, and regular expressions that this thread has used before.
    pub fn route(&self, subject: &Subject<'_>, captures: &mut Captures) -> Outcome {
        route(&self.ranking, &self.table, subject, captures)
    }

    /// The parts of `path`, which was routed, that `captures` has noted.
    pub fn values<'a>(&'a self, captures: &'a Captures, path: &'a str) -> PathValues<'a> {
        let spec = captures.pattern().map(|number| &self.ranking.paths()[number]);
        PathValues::new(spec, captures, path)
    }

    /// Every pattern of paths of every route, by its number.
    pub fn patterns(&self) -> &[PathSpec] {
        self.ranking.paths()
    }

    /// Which route wins and why each other one lost: see [`Verdict`]. Compares every route, so not for every request.
    pub fn explain(&self, subject: &Subject<'_>) -> Vec<Verdict> {
        explain(&self.ranking, self.table.depth, subject)
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.ranking.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
