//! Durable counters as text: what the file has in it. Its first line tells what it is, in which version; then each line is one counter,
//! and the last one says how many there were, with a checksum (FNV-1a, 64 bits) of all before it: a file that was cut off is no file.
//!
//! The words of a line, each after one space: scope, value, algorithm, count, burst, period (microseconds, or `month`), until, used,
//! before, and for exact windows the times with what was taken, `time:cost` with commas between. Times are in microseconds since 1970. In scope and
//! value all bytes but letters, digits and `-._~:/` are written as `%` and two hexadecimal digits.

use std::fmt::Write as _;
use std::time::Duration;

use super::lasting::{Named, Record, Tally};
use crate::key::checksum;
use crate::limit::{Algorithm, Limit, Period};
use crate::limits::sliding_window::Entry;
use crate::limits::{Counter, Log};

/// The first line.
const TITLE: &str = "maitred counters 1\n";

/// Algorithms by name.
const ALGORITHMS: [(Algorithm, &str); 5] = [
    (Algorithm::TokenBucket, "token_bucket"),
    (Algorithm::SlidingWindow, "sliding_window"),
    (Algorithm::SlidingWindowEstimate, "sliding_window_estimate"),
    (Algorithm::FixedWindow, "fixed_window"),
    (Algorithm::LeakyBucket, "leaky_bucket"),
];

/// A text that grows record by record.
#[derive(Debug)]
pub(super) struct CountersText {
    text: String,
    lines: usize,
}

impl CountersText {
    /// No counters.
    pub(super) fn new() -> Self {
        Self { text: TITLE.to_owned(), lines: 0 }
    }

    /// Writes a record.
    pub(super) fn push(&mut self, (scope, value, record): &Named) {
        for tally in &record.tallies {
            self.lines += 1;
            escape(&mut self.text, scope.as_bytes());
            self.text.push(' ');
            escape(&mut self.text, value);
            // Writing into a string cannot fail.
            let _ = write_tally(&mut self.text, tally);
        }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        let sum = checksum(self.text.as_bytes());
        let _ = writeln!(self.text, "end {} {sum:016x}", self.lines);
        self.text
    }
}

fn write_tally(text: &mut String, Tally { limit, counter, log }: &Tally) -> std::fmt::Result {
    let algorithm = ALGORITHMS.iter().find(|(algorithm, _)| *algorithm == limit.algorithm);
    let algorithm = algorithm.map_or("", |(_, name)| name);
    write!(text, " {algorithm} {} {} ", limit.count, limit.burst)?;
    match limit.period {
        Period::Month => text.push_str("month"),
        Period::Length(length) => write!(text, "{}", length.as_micros())?,
    }
    write!(text, " {} {} {} ", counter.until, counter.used, counter.before)?;
    for (place, Entry { at, cost }) in log.entries().enumerate() {
        write!(text, "{}{at}:{cost}", if place == 0 { "" } else { "," })?;
    }
    text.push('\n');
    Ok(())
}

/// Reads a whole text, or says what is wrong with it.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Named>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is no text".to_owned())?;
    let lines = text.strip_prefix(TITLE).ok_or("it does not begin as such a file does")?;
    let whole = lines.strip_suffix('\n').ok_or("its end is missing")?;
    let last = whole.rfind('\n').map_or(0, |end| end + 1);
    let (lines, end) = whole.split_at(last);
    let sum = checksum(&text.as_bytes()[..TITLE.len() + last]);
    if end != format!("end {} {sum:016x}", lines.lines().count()) {
        return Err("its end is missing, or it was changed".to_owned());
    }
    let mut records: Vec<Named> = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let (scope, value, tally) =
            parse_line(line).ok_or_else(|| format!("line {} cannot be read", number + 2))?;
        // All that is counted for a key stands together.
        match records.last_mut() {
            Some((of, at, record)) if **of == *scope && **at == *value => record.tallies.push(tally),
            _ => records.push((scope.into(), value.into(), Record::new(vec![tally]))),
        }
    }
    Ok(records)
}

fn parse_line(line: &str) -> Option<(String, Vec<u8>, Tally)> {
    let mut words = line.split(' ');
    let scope = String::from_utf8(unescape(words.next()?)?).ok()?;
    let value = unescape(words.next()?)?;
    let algorithm = words.next()?;
    let (algorithm, _) = ALGORITHMS.into_iter().find(|(_, name)| *name == algorithm)?;
    let (count, burst) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let period = match words.next()? {
        "month" => Period::Month,
        length => Period::Length(Duration::from_micros(length.parse().ok()?)),
    };
    let limit = Limit { algorithm, count, period, burst };
    let mut number = || words.next()?.parse().ok();
    let counter = Counter { until: number()?, used: number()?, before: number()? };
    let entries = words.next()?.split(',').filter(|entry| !entry.is_empty()).map(|entry| {
        let (at, cost) = entry.split_once(':')?;
        Some(Entry { at: at.parse().ok()?, cost: cost.parse().ok()? })
    });
    let log: Log = entries.collect::<Option<_>>()?;
    let is_meant = count > 0 && burst > 0 && words.next().is_none();
    is_meant.then_some((scope, value, Tally { limit, counter, log }))
}

fn escape(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn unescape(word: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tally() -> impl Strategy<Value = Tally> {
        let algorithm = prop::sample::select(ALGORITHMS.map(|(algorithm, _)| algorithm).to_vec());
        let period = prop_oneof![
            Just(Period::Month),
            any::<u64>().prop_map(|micros| Period::Length(Duration::from_micros(micros))),
        ];
        let limit = (algorithm, 1..u64::MAX, period, 1..u64::MAX)
            .prop_map(|(algorithm, count, period, burst)| Limit { algorithm, count, period, burst });
        let counter = any::<[u64; 3]>().prop_map(|[until, used, before]| Counter { until, used, before });
        let log = vec(any::<[u64; 2]>().prop_map(|[at, cost]| Entry { at, cost }), 0..4);
        (limit, counter, log).prop_map(|(limit, counter, log)| Tally {
            limit,
            counter,
            log: Log::from_iter(log),
        })
    }

    fn records() -> impl Strategy<Value = Vec<Named>> {
        let named = ("[ -~é]{0,12}", vec(any::<u8>(), 0..12), vec(tally(), 1..4))
            .prop_map(|(scope, value, tallies)| (scope.into(), value.into(), Record::new(tallies)));
        vec(named, 0..6).prop_map(|mut records: Vec<Named>| {
            records.dedup_by(|one, other| (&one.0, &one.1) == (&other.0, &other.1));
            records
        })
    }

    fn written(records: &[Named]) -> String {
        let mut text = CountersText::new();
        for record in records {
            text.push(record);
        }
        text.finish()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again_and_nothing_that_was_cut_off_or_changed(
            records in records(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let text = written(&records);
            prop_assert_eq!(parse(text.as_bytes()), Ok(records));
            let place = place.index(text.len());
            prop_assert!(parse(&text.as_bytes()[..place]).is_err());
            let mut changed = text.clone().into_bytes();
            changed[place] = byte;
            prop_assert!(changed == text.as_bytes() || parse(&changed).is_err());
        }

        #[test]
        fn nothing_that_is_read_breaks_it(text in vec(any::<u8>(), 0..200), lines in "[ -~\n]{0,200}") {
            prop_assert!(parse(&text).is_err());
            let lines = format!("{TITLE}{lines}\n");
            let whole = format!("{lines}end {} {:016x}\n", lines.lines().count() - 1, checksum(lines.as_bytes()));
            let _ = parse(whole.as_bytes());
        }
    }

    #[test]
    fn the_text_is_readable() {
        let limit = Limit { algorithm: Algorithm::FixedWindow, count: 1000, period: Period::Month, burst: 1 };
        let counter = Counter { until: 1_769_904_000_000_000, used: 17, before: 0 };
        let tally = Tally { limit, counter, log: Log::default() };
        let record = ("quota:global/quota".into(), (*b"app 1").into(), Record::new(vec![tally]));
        let text = written(&[record]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "maitred counters 1");
        assert_eq!(lines[1], "quota:global/quota app%201 fixed_window 1000 1 month 1769904000000000 17 0 ");
        assert!(lines[2].starts_with("end 1 ") && lines.len() == 3);
    }
}
