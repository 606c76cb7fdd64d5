//! The options of a subcommand: `--name value` pairs, each used once.
//! Nothing is guessed: what is not known is an error that names it.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

/// What every step of this program may fail with: a text for whoever runs the benchmark.
pub type Failure = Box<dyn Error>;

/// The options as written.
pub struct Args {
    values: BTreeMap<String, String>,
}

impl Args {
    /// Takes `--name value` pairs.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        while let Some(word) = words.next() {
            let name =
                word.strip_prefix("--").ok_or_else(|| format!("expected an --option, not {word:?}"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    /// The value of an option that must be there.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| format!("--{name} is missing").into())
    }

    /// The value of an option, if it is there.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.values.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(format!("--{name} {text}: not understood").into()),
        }
    }
}
