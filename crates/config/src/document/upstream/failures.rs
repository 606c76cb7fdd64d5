//! How a try at a service ends, as far as it counts: as a failure, or as a reason to try again.
//! `connect_failure`, `reset`, `timeout`, a status, or a class of statuses.

use std::ops::RangeInclusive;

use crate::node::Node;
use crate::read::{Read, Reader, Shape, TextShape};
use crate::scalar::{ScalarProblem, quote, status};

/// An end of a try.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TryEnd {
    /// `connect_failure`: there was no connection in time, so that nothing was sent.
    ConnectFailure,
    /// `reset`: the connection broke before the answer was whole.
    Reset,
    /// `timeout`: the answer did not come in time.
    Timeout,
    /// `503`: an answer with this status; `5xx`: with one of this class.
    Status(RangeInclusive<u16>),
}

static TRY_END: TextShape = TextShape {
    name: "`connect_failure`, `reset`, `timeout`, a status or a class of statuses",
    example: "5xx",
    pattern: Some("^(connect_failure|reset|timeout|[1-5](xx|[0-9][0-9]))$"),
};

impl Read for TryEnd {
    fn shape() -> Shape {
        Shape::Text(&TRY_END)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &TRY_END, parse)
    }
}

fn parse(text: &str) -> Result<TryEnd, ScalarProblem> {
    match text {
        "connect_failure" => return Ok(TryEnd::ConnectFailure),
        "reset" => return Ok(TryEnd::Reset),
        "timeout" => return Ok(TryEnd::Timeout),
        _ => {}
    }
    statuses(text).map(TryEnd::Status).ok_or_else(|| {
        ScalarProblem::whole(format!("{} is no end of a try", quote(text)), text)
            .help("write `connect_failure`, `reset`, `timeout`, a status as `503`, or a class as `5xx`")
    })
}

/// The statuses of a code, or of a class.
pub(super) fn statuses(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(class) = text.strip_suffix("xx")
        && let Ok(class @ 1..=5) = class.parse::<u16>()
    {
        return Some(class * 100..=class * 100 + 99);
    }
    status::parse(text).map(|code| code..=code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_codes_and_classes() {
        assert_eq!(parse("connect_failure"), Ok(TryEnd::ConnectFailure));
        assert_eq!(parse("reset"), Ok(TryEnd::Reset));
        assert_eq!(parse("timeout"), Ok(TryEnd::Timeout));
        assert_eq!(parse("502"), Ok(TryEnd::Status(502..=502)));
        assert_eq!(parse("5xx"), Ok(TryEnd::Status(500..=599)));
    }

    #[test]
    fn refuses_with_a_way_out() {
        const HELP: &str =
            "write `connect_failure`, `reset`, `timeout`, a status as `503`, or a class as `5xx`";
        for text in ["", "error", "6xx", "0xx", "99", "5XX"] {
            let problem = parse(text).unwrap_err();
            assert_eq!(problem.help.as_deref(), Some(HELP), "{text}");
        }
        assert_eq!(parse("6xx").unwrap_err().message, "`6xx` is no end of a try");
    }
}
