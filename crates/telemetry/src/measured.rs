//! What parts of the gateway measure by themselves, such as policies: asked for when somebody asks for the metrics, and held
//! weakly, so that it is told for as long as it lives.

#![expect(
    clippy::disallowed_types,
    reason = "asked when a snapshot is compiled and when somebody scrapes, not by requests"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::exposition::{Exposition, Kind, labels};
use crate::series::{Budget, OTHER};

/// A number under a family of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The name of the family: `maitred_concurrency_limit_in_flight`.
    pub family: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_counter: bool,
    /// A label more, and its word, which needs no escaping.
    pub label: Option<(&'static str, &'static str)>,
    /// The number now.
    pub value: u64,
}

/// Something that measures.
pub trait Measured: Send + Sync + 'static {
    /// What it has measured. Of each family all lines stand together.
    fn measures(&self) -> Vec<Measure>;
}

/// All that measure, with their labels.
#[derive(Debug, Default)]
pub(crate) struct AllMeasured(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By where they are in memory, which is nobody else's for as long as they are here.
    all: BTreeMap<usize, Labelled>,
    /// At this size the vanished ones are swept out, also when nobody ever scrapes.
    sweep_at: usize,
}

/// One that measures, under its labels.
#[derive(Clone, Debug)]
struct Labelled {
    labels: Arc<str>,
    measured: Weak<dyn Measured>,
    /// The lines that it was granted: none where it is told under `other`.
    room: u64,
}

const FIRST_SWEEP: usize = 64;

/// The lines of a family: labels, the label more, and the number.
type Lines = BTreeMap<(Arc<str>, Option<(&'static str, &'static str)>), u64>;

impl AllMeasured {
    /// Tells of this one from now on, under these labels; under `other` where there is no room for its lines.
    pub(crate) fn add(&self, pairs: &[(&str, &str)], measured: &Arc<dyn Measured>, budget: &Budget) {
        let lines = measured.measures().len() as u64;
        let address = Arc::as_ptr(measured).addr();
        let mut known = self.lock();
        let held = known.all.remove(&address).map_or(0, |old| old.room);
        let (labels, room) = if held > 0 || budget.take(lines) {
            (labels(pairs), lines)
        } else {
            (labels(&pairs.iter().map(|&(name, _)| (name, OTHER)).collect::<Vec<_>>()), 0)
        };
        if known.all.len() >= known.sweep_at {
            known.sweep(budget);
        }
        known
            .all
            .insert(address, Labelled { labels: labels.into(), measured: Arc::downgrade(measured), room });
    }

    /// Writes all of it. What has the same labels is added up: an old one may still have work to do.
    pub(crate) fn render(&self, to: &mut Exposition<'_>, budget: &Budget) {
        let mut families: BTreeMap<&'static str, (Measure, Lines)> = BTreeMap::new();
        let all: Vec<Labelled> = {
            let mut known = self.lock();
            known.sweep(budget);
            known.all.values().cloned().collect()
        };
        let live = all.iter().filter_map(|one| Some((&one.labels, one.measured.upgrade()?)));
        for (labels, measured) in live {
            for measure in measured.measures() {
                let (_, lines) = families.entry(measure.family).or_insert((measure, Lines::new()));
                *lines.entry((Arc::clone(labels), measure.label)).or_default() += measure.value;
            }
        }
        for (name, (measure, lines)) in families {
            let kind = if measure.is_counter { Kind::Counter } else { Kind::Gauge };
            to.family(name, kind, measure.help);
            for ((labels, label), value) in lines {
                match label {
                    Some((name, word)) => to.sample_with(&labels, name, word, value),
                    None => to.sample(&labels, value),
                }
            }
        }
    }

    /// A panic elsewhere leaves it whole: every change of it is one call.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Forgets what is gone, and gives its room back.
    fn sweep(&mut self, budget: &Budget) {
        self.all.retain(|_, one| {
            let is_live = one.measured.strong_count() > 0;
            if !is_live {
                budget.give_back(one.room);
            }
            is_live
        });
        self.sweep_at = FIRST_SWEEP.max(self.all.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Measured for Fixed {
        fn measures(&self) -> Vec<Measure> {
            let gauge = Measure { family: "b", help: "B.", is_counter: false, label: None, value: self.0 };
            let counter = Measure { family: "a", help: "A.", is_counter: true, ..gauge };
            [Some(("reason", "full")), Some(("reason", "late"))]
                .map(|label| Measure { label, ..counter })
                .into_iter()
                .chain([gauge])
                .collect()
        }
    }

    fn rendered(all: &AllMeasured, budget: &Budget) -> String {
        let mut page = String::new();
        all.render(&mut Exposition::new(&mut page), budget);
        page
    }

    #[test]
    fn families_stand_together_and_what_is_gone_is_told_no_more() {
        let (all, budget) = (AllMeasured::default(), Budget::new(100));
        let (one, two): (Arc<dyn Measured>, Arc<dyn Measured>) = (Arc::new(Fixed(1)), Arc::new(Fixed(2)));
        all.add(&[("place", "x")], &one, &budget);
        all.add(&[("place", "y")], &two, &budget);
        let both = "# HELP a A.\n# TYPE a counter\na{place=\"x\",reason=\"full\"} 1\na{place=\"x\",reason=\"late\"} 1\n\
            a{place=\"y\",reason=\"full\"} 2\na{place=\"y\",reason=\"late\"} 2\n# HELP b B.\n# TYPE b gauge\nb{place=\"x\"} 1\nb{place=\"y\"} 2\n";
        assert_eq!(rendered(&all, &budget), both);
        drop(one);
        assert!(!rendered(&all, &budget).contains("\"x\""));
        drop(two);
        assert_eq!(rendered(&all, &budget), "");
    }

    #[test]
    fn one_that_is_added_again_is_told_once_and_two_of_the_same_labels_are_added_up() {
        let (all, budget) = (AllMeasured::default(), Budget::new(100));
        let (one, two): (Arc<dyn Measured>, Arc<dyn Measured>) = (Arc::new(Fixed(1)), Arc::new(Fixed(2)));
        all.add(&[("place", "x")], &one, &budget);
        all.add(&[("place", "x")], &one, &budget);
        assert!(rendered(&all, &budget).ends_with("b{place=\"x\"} 1\n"));
        all.add(&[("place", "x")], &two, &budget);
        assert!(rendered(&all, &budget).ends_with("b{place=\"x\"} 3\n"));
    }

    #[test]
    fn what_finds_no_room_is_told_as_one_and_what_is_gone_makes_room() {
        let (all, budget) = (AllMeasured::default(), Budget::new(4));
        let [one, two, three] = [1, 2, 4].map(|value| Arc::new(Fixed(value)) as Arc<dyn Measured>);
        for _reload in 0..2 {
            all.add(&[("place", "x"), ("policy", "p")], &one, &budget);
        }
        all.add(&[("place", "y"), ("policy", "p")], &two, &budget);
        all.add(&[("place", "z"), ("policy", "p")], &three, &budget);
        let page = rendered(&all, &budget);
        assert!(
            page.ends_with("b{place=\"other\",policy=\"other\"} 6\nb{place=\"x\",policy=\"p\"} 1\n"),
            "{page}"
        );
        assert_eq!((budget.used(), budget.refused()), (3, 2));
        drop(one);
        rendered(&all, &budget);
        assert_eq!(budget.used(), 0);
        all.add(&[("place", "y"), ("policy", "p")], &two, &budget);
        assert!(rendered(&all, &budget).ends_with("} 4\nb{place=\"y\",policy=\"p\"} 2\n"));
    }

    #[test]
    fn what_is_gone_is_forgotten_also_when_nobody_scrapes() {
        let (all, budget) = (AllMeasured::default(), Budget::new(1000));
        let live: Arc<dyn Measured> = Arc::new(Fixed(1));
        all.add(&[("place", "x")], &live, &budget);
        for value in 0..10 * FIRST_SWEEP as u64 {
            let gone: Arc<dyn Measured> = Arc::new(Fixed(value));
            all.add(&[("place", "y")], &gone, &budget);
        }
        assert!(all.lock().all.len() <= FIRST_SWEEP && budget.refused() == 0);
    }
}
