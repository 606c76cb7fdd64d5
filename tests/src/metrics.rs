//! The page of metrics, read.

use std::collections::BTreeMap;

/// The samples of one scrape, by name and labels as they are written: `name{a="b"}`.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, String>);

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (name.to_owned(), value.to_owned())
        });
        Self(samples.collect())
    }

    /// The sum of all samples of a family of whole numbers whose labels have all of these in them; 0 if there is none.
    pub fn sum(&self, family: &str, labels: &[(&str, &str)]) -> i64 {
        let wanted: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let samples = self.0.iter().filter(|(name, _)| {
            let (found, labels) = name.split_once('{').unwrap_or((name, ""));
            found == family && wanted.iter().all(|label| labels.contains(label.as_str()))
        });
        samples
            .map(|(name, value)| value.parse::<i64>().unwrap_or_else(|_| panic!("{name} is {value}")))
            .sum()
    }

    /// Whether there is any sample of a family.
    pub fn has(&self, family: &str) -> bool {
        self.0.keys().any(|name| name.split('{').next() == Some(family))
    }
}
