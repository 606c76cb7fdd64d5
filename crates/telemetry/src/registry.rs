//! The series of one kind by their labels, asked when a snapshot is compiled and when somebody scrapes.
//! It holds them weakly: a series lives as long as a snapshot uses it.

#![expect(
    clippy::disallowed_types,
    reason = "asked when a snapshot is compiled and when somebody scrapes, not by requests"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::series::{Budget, Series, Shard};

/// All series of one kind.
#[derive(Debug)]
pub(crate) struct Registry<S: Shard> {
    budget: Arc<Budget>,
    overflow: Arc<Series<S>>,
    known: Mutex<Known<S>>,
}

#[derive(Debug)]
struct Known<S: Shard> {
    series: BTreeMap<Arc<str>, Weak<Series<S>>>,
    /// At this size the vanished ones are swept out, also when nobody ever scrapes.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 64;

impl<S: Shard> Registry<S> {
    /// `overflow`: the labels of the series that takes what finds no room in `budget`.
    pub(crate) fn new(workers: usize, budget: Arc<Budget>, overflow: &str) -> Self {
        let overflow = Arc::new(Series::overflow(overflow.into(), workers));
        let series = BTreeMap::from([(Arc::clone(&overflow.labels), Arc::downgrade(&overflow))]);
        Self { budget, overflow, known: Mutex::new(Known { series, sweep_at: FIRST_SWEEP }) }
    }

    /// The series with these labels (in the form of the exposition): the one that exists, or a new one.
    pub(crate) fn series(&self, labels: &str) -> Arc<Series<S>> {
        let mut known = self.lock();
        if let Some(series) = known.series.get(labels).and_then(Weak::upgrade) {
            return series;
        }
        if known.series.len() >= known.sweep_at {
            known.series.retain(|_, series| series.strong_count() > 0);
            known.sweep_at = FIRST_SWEEP.max(known.series.len() * 2);
        }
        let labels: Arc<str> = labels.into();
        let new = Series::asked(Arc::clone(&labels), Arc::clone(&self.budget), Arc::clone(&self.overflow));
        let new = Arc::new(new);
        known.series.insert(labels, Arc::downgrade(&new));
        new
    }

    /// Every series that somebody holds, by label.
    pub(crate) fn live(&self) -> Vec<Arc<Series<S>>> {
        self.lock().series.values().filter_map(Weak::upgrade).collect()
    }

    /// A panic elsewhere leaves the map whole: every change of it is one call.
    fn lock(&self) -> MutexGuard<'_, Known<S>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counter;

    #[derive(Debug, Default)]
    struct Hits(Counter);

    impl Shard for Hits {
        const LINES: u64 = 3;
    }

    fn registry(workers: usize, max: u64) -> (Registry<Hits>, Arc<Budget>) {
        let budget = Arc::new(Budget::new(max));
        (Registry::new(workers, Arc::clone(&budget), "name=\"other\""), budget)
    }

    fn counted(registry: &Registry<Hits>) -> Vec<(String, u64)> {
        let live = registry.live();
        let sums = live.iter().map(|series| (series, series.exposed().map(|hits| hits.0.value()).sum()));
        sums.map(|(series, sum)| (series.labels().to_owned(), sum)).collect()
    }

    #[test]
    fn the_same_labels_give_the_same_series_while_somebody_holds_it() {
        let (registry, _) = registry(2, 100);
        let first = registry.series("name=\"a\"");
        first.at(1).0.add(5);
        let again = registry.series("name=\"a\"");
        assert!(Arc::ptr_eq(&first, &again));
        drop((first, again));
        assert_eq!(counted(&registry), [("name=\"other\"".to_owned(), 0)]);
        assert_eq!(registry.series("name=\"a\"").at(1).0.value(), 0, "a new one");
    }

    #[test]
    fn workers_are_added_up_and_unused_ones_cost_nothing() {
        let (registry, _) = registry(64, 100);
        let series = registry.series("name=\"a\"");
        assert_eq!(series.exposed().count(), 0);
        for worker in [0, 7, 63] {
            series.at(worker).0.inc();
        }
        assert_eq!(series.exposed().count(), 3);
        assert_eq!(counted(&registry)[0], ("name=\"a\"".to_owned(), 3));
    }

    #[test]
    fn two_shards_share_no_cache_line() {
        let (registry, _) = registry(2, 100);
        let series = registry.series("name=\"a\"");
        let addresses = [0, 1].map(|worker| std::ptr::from_ref(series.at(worker)).addr());
        assert!(addresses[0].abs_diff(addresses[1]) >= 128 && addresses[0] % 128 == 0);
    }

    #[test]
    fn what_finds_no_room_is_counted_under_other() {
        let (registry, budget) = registry(2, 7);
        let all: Vec<_> =
            ["a", "b", "c", "d"].map(|name| registry.series(&format!("name=\"{name}\""))).into();
        assert_eq!(budget.used(), 0, "nothing is used yet");
        for worker in [0, 1] {
            for series in &all {
                series.at(worker).0.inc();
            }
        }
        assert_eq!((budget.used(), budget.refused()), (6, 2));
        let told: Vec<_> = counted(&registry).into_iter().filter(|(_, sum)| *sum > 0).collect();
        let expected = [("name=\"a\"", 2), ("name=\"b\"", 2), ("name=\"other\"", 4)];
        assert_eq!(told, expected.map(|(labels, sum)| (labels.to_owned(), sum)));
    }

    #[test]
    fn a_vanished_series_makes_room() {
        let (registry, budget) = registry(1, 3);
        let first = registry.series("name=\"a\"");
        first.at(0).0.inc();
        drop(first);
        assert_eq!(budget.used(), 0);
        let second = registry.series("name=\"b\"");
        second.at(0).0.inc();
        assert_eq!((budget.used(), budget.refused()), (3, 0));
    }

    #[test]
    fn a_series_named_like_the_overflow_is_the_overflow() {
        let (registry, _) = registry(1, 0);
        registry.series("name=\"other\"").at(0).0.inc();
        registry.series("name=\"a\"").at(0).0.inc();
        assert_eq!(counted(&registry), [("name=\"other\"".to_owned(), 2)]);
    }
}
