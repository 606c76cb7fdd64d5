//! What parts of the gateway measure by themselves, such as policies: asked for when somebody asks for the metrics, and held
//! weakly, so that it is told for as long as it lives.

#![expect(
    clippy::disallowed_types,
    reason = "asked when a snapshot is compiled and when somebody scrapes, not by requests"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::exposition::{Exposition, Kind, labels};

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
pub(crate) struct AllMeasured(Mutex<Vec<Labelled>>);

/// One that measures, under its labels.
type Labelled = (Arc<str>, Weak<dyn Measured>);

/// The lines of a family: labels, the label more, and the number.
type Lines = BTreeMap<(Arc<str>, Option<(&'static str, &'static str)>), u64>;

impl AllMeasured {
    /// Tells of this one from now on, under these labels.
    pub(crate) fn add(&self, pairs: &[(&str, &str)], measured: &Arc<dyn Measured>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Arc::downgrade(measured);
        all.retain(|(_, old)| old.strong_count() > 0 && !Weak::ptr_eq(old, &new));
        all.push((labels(pairs).into(), new));
    }

    /// Writes all of it. What has the same labels is added up: an old one may still have work to do.
    pub(crate) fn render(&self, to: &mut Exposition<'_>) {
        let mut families: BTreeMap<&'static str, (Measure, Lines)> = BTreeMap::new();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let live = all.iter().filter_map(|(labels, measured)| Some((labels, measured.upgrade()?)));
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

    fn rendered(all: &AllMeasured) -> String {
        let mut page = String::new();
        all.render(&mut Exposition::new(&mut page));
        page
    }

    #[test]
    fn families_stand_together_and_what_is_gone_is_told_no_more() {
        let all = AllMeasured::default();
        let (one, two): (Arc<dyn Measured>, Arc<dyn Measured>) = (Arc::new(Fixed(1)), Arc::new(Fixed(2)));
        all.add(&[("place", "x")], &one);
        all.add(&[("place", "y")], &two);
        let both = "# HELP a A.\n# TYPE a counter\na{place=\"x\",reason=\"full\"} 1\na{place=\"x\",reason=\"late\"} 1\n\
            a{place=\"y\",reason=\"full\"} 2\na{place=\"y\",reason=\"late\"} 2\n# HELP b B.\n# TYPE b gauge\nb{place=\"x\"} 1\nb{place=\"y\"} 2\n";
        assert_eq!(rendered(&all), both);
        drop(one);
        assert!(!rendered(&all).contains("\"x\""));
        drop(two);
        assert_eq!(rendered(&all), "");
    }

    #[test]
    fn one_that_is_added_again_is_told_once_and_two_of_the_same_labels_are_added_up() {
        let all = AllMeasured::default();
        let (one, two): (Arc<dyn Measured>, Arc<dyn Measured>) = (Arc::new(Fixed(1)), Arc::new(Fixed(2)));
        all.add(&[("place", "x")], &one);
        all.add(&[("place", "x")], &one);
        assert!(rendered(&all).ends_with("b{place=\"x\"} 1\n"));
        all.add(&[("place", "x")], &two);
        assert!(rendered(&all).ends_with("b{place=\"x\"} 3\n"));
    }
}
