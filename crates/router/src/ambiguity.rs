//! Routes that can both win: a request could fit both, and no rule prefers one of them. The configuration is
//! refused then, so that the order in which routes are written never means anything.

use std::collections::BTreeMap;
use std::fmt;

use crate::exclusion::exclude;
use crate::host::HostSpec;
use crate::pattern::Pattern;
use crate::rank::{Candidate, Ranking};
use crate::sort::{Sorted, sort};

/// Two routes that can both win with equal rank.
///
/// Routes rank equally where `priority`, host pattern, kind and shape of the path (names of parameters tell nothing
/// apart; of regular expressions the length), number of conditions, and whether methods are named, are all equal.
/// They can both win unless their methods have none in common, or a condition of one excludes one of the other (see
/// [`Condition`](crate::Condition)), or two regular expressions begin with different letters behind `^`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The place of the route that was written first.
    pub first: usize,
    /// The place of the other.
    pub second: usize,
    /// What both take.
    pub reason: Tie,
}

/// What two routes both take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The host pattern of both.
    pub host: HostSpec,
    /// The path pattern of the first one, as it was written.
    pub first_path: String,
    /// The path pattern of the second one.
    pub second_path: String,
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, first_path, second_path } = self;
        if first_path == second_path {
            write!(f, "both take `{first_path}`")?;
        } else if first_path.starts_with('~') {
            write!(f, "`{first_path}` and `{second_path}` are equally long and may take the same path")?;
        } else {
            write!(f, "`{first_path}` and `{second_path}` take the same paths")?;
        }
        if *host != HostSpec::any() {
            write!(f, " of host `{host}`")?;
        }
        f.write_str(", and neither methods nor conditions tell them apart")
    }
}

type Found = BTreeMap<(u32, u32), Ambiguity>;

/// All ambiguities by place, each pair once. Of a whole group of routes that are alike not every pair is told.
pub(crate) fn ambiguities(ranking: &Ranking) -> Vec<Ambiguity> {
    let mut found = Found::new();
    for tied in ranking.candidates().chunk_by(|one, two| ranking.decide(one, two).is_none()) {
        if tied.len() > 1 {
            compare_by_prefix(ranking, tied, &mut found);
        }
    }
    found.into_values().collect()
}

/// Leaves apart what begins with different letters: only regular expressions do here.
fn compare_by_prefix(ranking: &Ranking, tied: &[Candidate], found: &mut Found) {
    let mut tied = tied.to_vec();
    tied.sort_by(|one, two| prefix(ranking, one).cmp(prefix(ranking, two)).then(one.route.cmp(&two.route)));
    let mut left = &tied[..];
    while let Some(head) = left.first() {
        let alike = |candidate: &&Candidate| prefix(ranking, candidate).starts_with(prefix(ranking, head));
        let (run, others) = left.split_at(left.iter().take_while(alike).count());
        compare_by_text(ranking, run, found);
        left = others;
    }
}

/// Leaves apart what asks for different texts of the same value.
fn compare_by_text(ranking: &Ranking, tied: &[Candidate], found: &mut Found) {
    match sort(tied, |candidate| &ranking.route(candidate.route).conditions) {
        None => compare(ranking, tied, tied.len(), found),
        Some(Sorted { mut rest, by_text, .. }) => {
            for same_text in by_text.values() {
                compare(ranking, same_text, same_text.len(), found);
            }
            let count = rest.len();
            rest.extend(by_text.into_values().flatten());
            compare(ranking, &rest, count, found);
        }
    }
}

/// Compares the first `count` of these with each other and with all the rest.
fn compare(ranking: &Ranking, tied: &[Candidate], count: usize, found: &mut Found) {
    let mut is_told = vec![false; tied.len()];
    for (at, one) in tied.iter().enumerate().take(count) {
        for (other, two) in tied.iter().enumerate().skip(at + 1) {
            if !is_told[other] && both_can_win(ranking, one, two) {
                is_told[other] = true;
                let (first, second) = if one.route < two.route { (one, two) } else { (two, one) };
                found.entry((first.route, second.route)).or_insert_with(|| tell(ranking, first, second));
            }
        }
    }
}

fn both_can_win(ranking: &Ranking, one: &Candidate, two: &Candidate) -> bool {
    let (a, b) = (ranking.route(one.route), ranking.route(two.route));
    let (begin, start) = (prefix(ranking, one), prefix(ranking, two));
    one.route != two.route
        && (begin.starts_with(start) || start.starts_with(begin))
        && a.methods.overlaps(&b.methods)
        && !exclude(&a.conditions, &b.conditions)
}

/// What every path of a regular expression begins with; nothing for other patterns.
fn prefix<'a>(ranking: &'a Ranking, candidate: &Candidate) -> &'a str {
    ranking.path(candidate.path).pattern().map_or("", Pattern::prefix)
}

fn tell(ranking: &Ranking, first: &Candidate, second: &Candidate) -> Ambiguity {
    let path = |candidate: &Candidate| ranking.path(candidate.path).as_str().to_owned();
    let reason =
        Tie { host: ranking.host(first.host).clone(), first_path: path(first), second_path: path(second) };
    Ambiguity { first: first.route as usize, second: second.route as usize, reason }
}
