//! What is made of the texts in a condition when it is compiled: patterns and networks.
//! Evaluation only borrows them.

use std::any::Any;
use std::net::IpAddr;

use cel::common::types::Type;
use cel::common::value::{StaticVal, Val};
use maitred_config::scalar::cidr;

/// The type of patterns.
pub(super) static PATTERN: Type = Type::new_unspecified_type("pattern");
/// The type of networks.
pub(super) static NETWORK: Type = Type::new_unspecified_type("network");

/// What a name in a rewritten condition stands for.
#[derive(Debug)]
pub(super) enum Constant {
    Pattern(Pattern),
    Network(Network),
}

/// A regular expression of `matches`. Matching takes time linear in the text (crate `regex`).
#[derive(Clone, Debug)]
pub(super) struct Pattern(regex::Regex);

/// The addresses of `cidr("10.0.0.0/8")`.
#[derive(Clone, Debug)]
pub(super) struct Network(ipnet::IpNet);

impl Pattern {
    /// The largest automaton that a pattern may need, in bytes.
    const LARGEST: usize = 1 << 20;

    /// Compiles a pattern. `Err` is the message that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let compiled = regex::RegexBuilder::new(text).size_limit(Self::LARGEST).build();
        compiled.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            // The message draws the pattern over several lines; the last says what is wrong.
            error => {
                let told = error.to_string();
                let last = told.lines().last().unwrap_or_default();
                format!("this is no pattern: {}", last.trim_start_matches("error: "))
            }
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl Network {
    /// Reads an address with the length of its prefix, or a single address. `Err` is the message that says what is
    /// wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        cidr::parse(text).map(Self).map_err(|problem| problem.to_string())
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

macro_rules! opaque_value {
    ($name:ident, $kind:ident) => {
        impl Val for $name {
            fn get_type(&self) -> &Type {
                &$kind
            }

            fn cel_type() -> &'static Type {
                &$kind
            }

            fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
                Box::new(self.clone())
            }

            fn as_any(&self) -> Option<&dyn Any> {
                Some(self)
            }
        }

        impl StaticVal for $name {}
    };
}

opaque_value!(Pattern, PATTERN);
opaque_value!(Network, NETWORK);
