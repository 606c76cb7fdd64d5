//! When the gateway has too much to do itself.
//! What is measured, and how, is the business of those who measure; here are the bounds.

use std::time::Duration;

use super::refuse_zero;
use crate::config_map;
use crate::node::Node;
use crate::read::{Fields, Read, Reader, Shape, TextShape, Toggle};
use crate::scalar::{Percent, ScalarProblem, percent, quote, size};

config_map! {
    /// When the gateway takes no new requests, so that it can serve those that it has. They get 503 and `Retry-After: 1`, until it is
    /// below 95 % of the bound.
    #[check = Overload::check]
    pub struct Overload {
        /// From how much memory on: a share of what its control group may have, or the machine has; or a size. `false`: however much.
        /// Without it: `90%` where the control group has a limit.
        #[main]
        memory: Option<Toggle<MemoryBound>>,
        /// How late a worker may be with what was due, twice in a row; `false`: however late.
        lag: Toggle<Duration> = "1s",
    }
}

impl Overload {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(&[("lag", self.lag.on().copied())], fields, reader);
    }
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryBound {
    /// `90%`: of what there is.
    Share(Percent),
    /// `2GiB`: so many bytes.
    Size(u64),
}

static MEMORY_BOUND: TextShape = TextShape {
    name: "percentage or size",
    example: "90%",
    pattern: Some("^[0-9]+(\\.[0-9]+)?(%|[KMGT]?i?B)$"),
};

impl Read for MemoryBound {
    fn shape() -> Shape {
        Shape::Text(&MEMORY_BOUND)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &MEMORY_BOUND, parse)
    }
}

fn parse(text: &str) -> Result<MemoryBound, ScalarProblem> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let problem = ScalarProblem::whole(format!("{} needs a unit", quote(text)), text);
        return Err(problem.help(format!("write `{text}%`, or a size such as `{text}MiB`")));
    }
    let bound = if text.ends_with('%') {
        MemoryBound::Share(percent::parse(text)?)
    } else {
        MemoryBound::Size(size::parse(text)?)
    };
    if matches!(bound, MemoryBound::Size(0) | MemoryBound::Share(Percent { millionths: 0 })) {
        let problem = ScalarProblem::whole("no memory at all is no bound", text);
        return Err(problem.help("write `false` for none, or a share such as `90%`"));
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read_text;

    #[test]
    fn a_bound_is_a_share_or_a_size() {
        assert_eq!(parse("90%"), Ok(MemoryBound::Share(Percent { millionths: 900_000 })));
        assert_eq!(parse("40MiB"), Ok(MemoryBound::Size(40 << 20)));
        for text in ["", "40", "0%", "0B", "101%", "much"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_on_unless_it_is_turned_off() {
        let read = |text| read_text::<Overload>(text).unwrap();
        assert_eq!(read("true"), Overload { memory: None, lag: Toggle::On(Duration::from_secs(1)) });
        assert_eq!(read("80%").memory, Some(Toggle::On(MemoryBound::Share(Percent { millionths: 800_000 }))));
        assert_eq!(
            read("{ memory: false, lag: false }"),
            Overload { memory: Some(Toggle::Off), lag: Toggle::Off }
        );
        assert!(read_text::<Overload>("{ lag: 0s }").is_err());
    }
}
