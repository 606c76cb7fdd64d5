//! Whose turn it is to be checked: each endpoint has its own times, spread by chance, and its own checks in a row. Nothing here has
//! a clock, or asks anybody.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::Id;
use tokio::time::Instant;

use super::first_wait;
use crate::endpoint::{Endpoints, Member};
use crate::health::{Health, HealthCheck, Row};

/// The endpoints of an upstream and their turns.
pub(super) struct Rounds {
    rules: HealthCheck,
    random: fastrand::Rng,
    /// What `turns` were made of.
    seen: Option<Arc<Endpoints>>,
    turns: Vec<Turn>,
}

/// An endpoint and its turn.
pub(super) struct Turn {
    pub(super) member: Member,
    row: Row,
    /// When it is to be checked; while a check is under way, when the next one begins.
    due: Instant,
    is_under_way: bool,
    /// The check that is under way.
    pub(super) task: Option<Id>,
}

impl Rounds {
    pub(super) fn new(rules: HealthCheck, random: fastrand::Rng) -> Self {
        Self { rules, random, seen: None, turns: Vec::new() }
    }

    /// Takes over a list of endpoints. Those that were there go on; new ones are checked at once, or where they are many, spread
    /// over a while.
    pub(super) fn adopt(&mut self, endpoints: &Arc<Endpoints>, now: Instant) {
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, endpoints)) {
            return;
        }
        self.seen = Some(Arc::clone(endpoints));
        let mut before = std::mem::take(&mut self.turns);
        for member in &endpoints.list {
            let known = before.iter().position(|turn| Arc::ptr_eq(&turn.member.shared, &member.shared));
            if let Some(at) = known {
                let member = member.clone();
                self.turns.push(Turn { member, ..before.swap_remove(at) });
                continue;
            }
            let wait = first_wait(self.turns.len(), endpoints.list.len(), self.rules.interval);
            self.turns.push(Turn {
                member: member.clone(),
                row: Row::default(),
                due: now + wait,
                is_under_way: false,
                task: None,
            });
        }
    }

    /// Begins the check that has been due the longest at `now`.
    pub(super) fn begin(&mut self, now: Instant) -> Option<&mut Turn> {
        let wait = self.wait();
        let waiting = self.turns.iter_mut().filter(|turn| !turn.is_under_way && turn.due <= now);
        let turn = waiting.min_by_key(|turn| turn.due)?;
        turn.is_under_way = true;
        turn.due = now + wait;
        Some(turn)
    }

    /// Notes the end of a check at `now`: whose it was, and the health that it has from now on. None where the endpoint is gone.
    pub(super) fn end(&mut self, task: Id, passed: bool, now: Instant) -> Option<(&Member, Health)> {
        let turn = self.turns.iter_mut().find(|turn| turn.task == Some(task))?;
        turn.task = None;
        turn.is_under_way = false;
        turn.due = turn.due.max(now);
        let found = turn.row.note(turn.member.shared.health.now(), passed, &self.rules);
        Some((&turn.member, found))
    }

    /// When the next check is due, of those that are not under way.
    pub(super) fn next(&self) -> Option<Instant> {
        self.turns.iter().filter(|turn| !turn.is_under_way).map(|turn| turn.due).min()
    }

    /// An interval, longer or shorter by chance.
    fn wait(&mut self) -> Duration {
        let jitter = f64::from(self.rules.jitter) / 1e6;
        self.rules.interval.mul_f64(1.0 + jitter * (2.0 * self.random.f64() - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Endpoint, EndpointAddress, Protocol};
    use crate::health::CheckKind;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(jitter: u32) -> HealthCheck {
        HealthCheck {
            kind: CheckKind::Tcp,
            interval: 10 * SECOND,
            timeout: SECOND,
            unhealthy_after: 2,
            healthy_after: 1,
            jitter,
            port: None,
        }
    }

    fn endpoints(ports: impl IntoIterator<Item = u16>, known: &Endpoints) -> Arc<Endpoints> {
        let endpoint = |port: u16| Endpoint {
            addresses: [EndpointAddress::Tcp(([127, 0, 0, 1], port).into())].into(),
            authority: port.to_string().into(),
            weight: 1,
            protocol: Protocol::Http1,
            tier: 0,
            service: None,
        };
        Arc::new(Endpoints::new(ports.into_iter().map(endpoint).collect(), &[known], false))
    }

    /// The names of those whose turn it is, which then are under way.
    fn due(rounds: &mut Rounds, now: Instant) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(turn) = rounds.begin(now) {
            all.push(turn.member.endpoint.authority.to_string());
        }
        all
    }

    /// Tasks have numbers only where they run.
    fn finish(rounds: &mut Rounds, name: &str, passed: bool, now: Instant) -> Health {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let task = runtime.spawn(async {}).id();
        let turn = rounds.turns.iter_mut().find(|turn| *turn.member.endpoint.authority == *name).unwrap();
        turn.task = Some(task);
        let (member, found) = rounds.end(task, passed, now).unwrap();
        member.shared.find(found, None, now.into_std());
        found
    }

    #[test]
    fn each_is_checked_again_after_its_interval_and_not_while_it_is_under_way() {
        let (mut rounds, now) = (Rounds::new(rules(0), fastrand::Rng::with_seed(1)), Instant::now());
        rounds.adopt(&endpoints([1, 2], &Endpoints::default()), now);
        assert_eq!(due(&mut rounds, now), ["1", "2"]);
        assert_eq!(
            (rounds.next(), due(&mut rounds, now + 60 * SECOND).len()),
            (None, 0),
            "nobody has answered"
        );
        finish(&mut rounds, "1", true, now + SECOND);
        assert_eq!(rounds.next(), Some(now + 10 * SECOND), "from start to start");
        finish(&mut rounds, "2", true, now + 12 * SECOND);
        assert!(due(&mut rounds, now + 9 * SECOND).is_empty());
        assert_eq!(due(&mut rounds, now + 12 * SECOND), ["1", "2"], "the late one, too");
    }

    #[test]
    fn who_stays_keeps_its_row_and_its_time() {
        let (mut rounds, now) = (Rounds::new(rules(0), fastrand::Rng::with_seed(1)), Instant::now());
        let first = endpoints([1, 2], &Endpoints::default());
        rounds.adopt(&first, now);
        due(&mut rounds, now);
        assert_eq!(finish(&mut rounds, "1", false, now), Health::Unknown);
        rounds.adopt(&endpoints([3, 1], &first), now + SECOND);
        assert_eq!(due(&mut rounds, now + SECOND), ["3"]);
        assert_eq!(due(&mut rounds, now + 10 * SECOND), ["1"]);
        assert_eq!(
            finish(&mut rounds, "1", false, now + 10 * SECOND),
            Health::Unhealthy,
            "the second in a row"
        );
        assert_eq!(rounds.turns.len(), 2);
    }

    #[test]
    fn many_are_spread_from_the_first_and_by_chance_later() {
        let (mut rounds, now) = (Rounds::new(rules(100_000), fastrand::Rng::with_seed(7)), Instant::now());
        rounds.adopt(&endpoints(0..100, &Endpoints::default()), now);
        assert_eq!(due(&mut rounds, now).len(), 1);
        assert_eq!(due(&mut rounds, now + 5 * SECOND / 2).len(), 50);
        assert_eq!(due(&mut rounds, now + 5 * SECOND).len(), 49);
        let waits: Vec<_> = (0..1000).map(|_| rounds.wait()).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= 9 * SECOND && *most <= 11 * SECOND, "{least:?} {most:?}");
        assert!(*most > *least + SECOND, "{least:?} {most:?}");
    }
}
