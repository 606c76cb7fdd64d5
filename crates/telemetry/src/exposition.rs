//! The text form of metrics that Prometheus reads, version 0.0.4: families, samples and the escaping of labels.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write as _};

use crate::histogram::MergedHistogram;

/// The content type of what `Metrics::render` writes.
pub const EXPOSITION_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's numbers mean.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Writes families one after the other; every sample belongs to the family begun last.
pub(crate) struct Exposition<'o> {
    out: &'o mut String,
    family: &'static str,
}

impl<'o> Exposition<'o> {
    pub(crate) fn new(out: &'o mut String) -> Self {
        Self { out, family: "" }
    }

    /// Begins a family. `help` is one line without backslashes.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        self.put(&["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
        self
    }

    /// One number. `labels` are escaped already and may be empty.
    pub(crate) fn sample(&mut self, labels: &str, value: impl Display) {
        self.line("", labels, "", value);
    }

    /// One number with one label more, whose value needs no escaping.
    pub(crate) fn sample_with(&mut self, labels: &str, name: &str, word: &str, value: impl Display) {
        self.line("", labels, &format!("{name}=\"{word}\""), value);
    }

    /// One histogram, its durations in seconds.
    pub(crate) fn histogram(&mut self, labels: &str, histogram: &MergedHistogram) {
        for (bound, count) in histogram.cumulative() {
            self.line("_bucket", labels, &format!("le=\"{}\"", Seconds(bound)), count);
        }
        let count = histogram.count();
        self.line("_bucket", labels, "le=\"+Inf\"", count);
        self.line("_sum", labels, "", Seconds(histogram.sum_micros()));
        self.line("_count", labels, "", count);
    }

    fn line(&mut self, suffix: &str, labels: &str, more: &str, value: impl Display) {
        self.put(&[self.family, suffix]);
        match (labels.is_empty(), more.is_empty()) {
            (true, true) => {}
            (false, false) => self.put(&["{", labels, ",", more, "}"]),
            _ => self.put(&["{", labels, more, "}"]),
        }
        writeln!(self.out, " {value}").expect("a string takes all that is written");
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.push_str(part);
        }
    }
}

/// Microseconds, written as seconds without loss and without trailing zeros.
#[derive(Clone, Copy)]
pub(crate) struct Seconds(pub(crate) u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros == 0 {
            return write!(f, "{seconds}");
        }
        let digits = format!("{micros:06}");
        write!(f, "{seconds}.{}", digits.trim_end_matches('0'))
    }
}

/// Labels as they stand between the braces, their values escaped.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (at, (name, value)) in pairs.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        text.push_str(name);
        text.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    #[test]
    fn label_values_are_escaped() {
        let text = labels(&[("route", "a\\b\"c\nd{}=,é"), ("upstream", "")]);
        assert_eq!(text, r#"route="a\\b\"c\nd{}=,é",upstream="""#);
    }

    #[test]
    fn seconds_lose_nothing() {
        let told = [0, 1, 500, 2_500, 250_000, 1_000_000, 61_000_001, u64::MAX]
            .map(|micros| Seconds(micros).to_string());
        let expected =
            ["0", "0.000001", "0.0005", "0.0025", "0.25", "1", "61.000001", "18446744073709.551615"];
        assert_eq!(told, expected);
    }

    #[test]
    fn samples_stand_under_their_family_with_the_labels_they_have() {
        let mut out = String::new();
        let mut to = Exposition::new(&mut out);
        to.family("a_total", Kind::Counter, "Of a.").sample("", 1);
        to.sample("x=\"1\"", -2);
        to.sample_with("", "kind", "k", 3);
        to.sample_with("x=\"1\"", "kind", "k", 4);
        let expected = "# HELP a_total Of a.\n# TYPE a_total counter\na_total 1\na_total{x=\"1\"} -2\n\
                        a_total{kind=\"k\"} 3\na_total{x=\"1\",kind=\"k\"} 4\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_histogram_ends_with_all_it_counted() {
        let recorded = Histogram::default();
        for micros in [400, 600, 90_000_000] {
            recorded.record(micros);
        }
        let mut merged = MergedHistogram::default();
        merged.add(&recorded);
        let mut out = String::new();
        Exposition::new(&mut out).family("d", Kind::Histogram, "D.").histogram("r=\"x\"", &merged);
        let lines: Vec<&str> = out.lines().skip(2).collect();
        assert_eq!(lines[..2], ["d_bucket{r=\"x\",le=\"0.0005\"} 1", "d_bucket{r=\"x\",le=\"0.001\"} 2"]);
        assert_eq!(
            lines[lines.len() - 4..],
            [
                "d_bucket{r=\"x\",le=\"60\"} 2",
                "d_bucket{r=\"x\",le=\"+Inf\"} 3",
                "d_sum{r=\"x\"} 90.001",
                "d_count{r=\"x\"} 3"
            ]
        );
    }
}
