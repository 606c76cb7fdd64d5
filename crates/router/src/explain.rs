//! Why a request has the route that it has: every route compared with it, one by one, without the table. For people
//! and for tests, never on the way of a request.

use crate::captures::{Captures, PathValues, Taken};
use crate::rank::{Candidate, Ranking};
use crate::rule::Rule;
use crate::segments::SplitPath;
use crate::subject::Subject;

/// What became of one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its place in the list that was compiled.
    pub route: usize,
    /// Why it won or lost.
    pub why: Reason,
}

/// Why a route won or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It fits, and nothing that fits ranks higher.
    Won,
    /// It fits, but the winner ranks higher.
    Outranked {
        /// The place of the winner.
        by: usize,
        /// The first rule that prefers the winner.
        rule: Rule,
    },
    /// Host and path fit, and it does not take the method.
    Method,
    /// Host, path and method fit, and this condition, by its place among those of the route, does not hold.
    Condition(usize),
    /// A host fits, and no path of it.
    Path,
    /// No host fits.
    Host,
}

impl Verdict {
    /// Whether this is the route of the request.
    pub fn won(&self) -> bool {
        self.why == Reason::Won
    }
}

/// One verdict for each route: those whose host and path fit by rank, then those whose path does not, then those
/// whose host does not, as they were written.
pub(crate) fn explain(ranking: &Ranking, depth: usize, subject: &Subject<'_>) -> Vec<Verdict> {
    let host = subject.head.authority.host();
    let path = SplitPath::new(subject.head.target.path(), depth);
    let mut seen: Vec<Option<Seen>> = vec![None; ranking.len()];
    let mut winner = None;
    for (rank, candidate) in ranking.candidates().iter().enumerate() {
        let slot = &mut seen[candidate.route as usize];
        if matches!(slot, Some(Seen { failed: None, .. })) || !ranking.host(candidate.host).matches(host) {
            continue;
        }
        if !ranking.path(candidate.path).matches(path.text()) {
            slot.get_or_insert(Seen { rank: usize::MAX, failed: Some(Reason::Path) });
            continue;
        }
        let failed = first_failure(ranking, candidate, subject, &path);
        if failed.is_none() || slot.is_none_or(|seen| seen.rank == usize::MAX) {
            *slot = Some(Seen { rank, failed });
        }
        if failed.is_none() {
            winner.get_or_insert(rank);
        }
    }
    tell(ranking, &seen, winner)
}

/// The best way to a route that was seen so far.
#[derive(Clone, Copy)]
struct Seen {
    /// Its place among the candidates; none where the path does not fit.
    rank: usize,
    failed: Option<Reason>,
}

fn first_failure(
    ranking: &Ranking,
    candidate: &Candidate,
    subject: &Subject<'_>,
    path: &SplitPath<'_>,
) -> Option<Reason> {
    let route = ranking.route(candidate.route);
    if !route.methods.contains(subject.method) {
        return Some(Reason::Method);
    }
    let spec = ranking.path(candidate.path);
    let mut captures = Captures::default();
    captures.note(candidate.path, Taken::of(spec), path, || spec);
    let values = PathValues::new(Some(spec), &captures, path.text());
    route.conditions.iter().position(|condition| !condition.holds(subject, values)).map(Reason::Condition)
}

fn tell(ranking: &Ranking, seen: &[Option<Seen>], winner: Option<usize>) -> Vec<Verdict> {
    let mut order: Vec<usize> = (0..seen.len()).collect();
    order.sort_by_key(|&route| seen[route].map_or((1, 0), |seen| (0, seen.rank)));
    let verdict = |route: usize| {
        let why = match seen[route] {
            None => Reason::Host,
            Some(Seen { failed: Some(failed), .. }) => failed,
            Some(Seen { rank, failed: None }) => outcome(ranking, rank, winner),
        };
        Verdict { route, why }
    };
    order.into_iter().map(verdict).collect()
}

/// What became of a route that fits, by its best rank.
fn outcome(ranking: &Ranking, rank: usize, winner: Option<usize>) -> Reason {
    let candidates = ranking.candidates();
    let Some((winner, best)) = winner.filter(|&best| best != rank).map(|best| (candidates[best], best))
    else {
        return Reason::Won;
    };
    debug_assert!(best < rank, "the winner has the best rank of all that fit");
    let (_, rule) = ranking
        .decide(&winner, &candidates[rank])
        .expect("a table is compiled only if of two routes that fit one outranks the other");
    Reason::Outranked { by: winner.route as usize, rule }
}
