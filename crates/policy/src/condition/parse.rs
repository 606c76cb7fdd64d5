//! From the text of a condition to what is evaluated: limits, the parser of crate `cel`, the check.
//! Runs when the configuration is compiled.

use std::thread;

use cel::IdedExpr;
use cel::parser::Parser;
use maitred_config::scalar::ScalarProblem;

use super::check::{Checked, check};
use super::kinds::Wanted;
use super::syntax;
use crate::values::Available;

/// The longest condition, in bytes.
const LONGEST: usize = 4096;
/// How deeply brackets may be nested.
const BRACKETS: usize = 32;
/// How deeply expressions may be nested: evaluating takes some stack for each level. `a && b && c …` is a balanced tree.
const DEPTH: usize = 32;
/// The stack on which a condition is parsed: unoptimised, the parser takes some 200 KiB for each bracket.
const STACK: usize = 32 << 20;

/// Parses, checks and rewrites a condition.
pub(super) fn parse(text: &str, available: Available, wanted: Wanted) -> Result<Checked, ScalarProblem> {
    if text.trim().is_empty() {
        return Err(ScalarProblem::whole("a condition is missing here", text)
            .help("write it like `header[\"X-A\"] == \"b\"`"));
    }
    if text.len() > LONGEST {
        return Err(ScalarProblem::whole(format!("a condition has at most {LONGEST} bytes"), text));
    }
    if deepest_bracket(text) > BRACKETS {
        return Err(syntax::too_deep(text));
    }
    // Whoever loads a configuration may have little stack left, and to run out of it ends the process.
    let result = thread::scope(|scope| {
        let parser = thread::Builder::new()
            .name("condition".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || parse_here(text, available, wanted))
            .ok()?;
        parser.join().ok()
    });
    result.unwrap_or_else(|| Err(ScalarProblem::whole("the condition could not be parsed", text)))
}

fn parse_here(text: &str, available: Available, wanted: Wanted) -> Result<Checked, ScalarProblem> {
    match Parser::new().parse_with_source_info(text) {
        Ok((expression, source)) => {
            if depth(&expression) > DEPTH {
                return Err(syntax::too_deep(text));
            }
            check(expression, &source, available, wanted)
        }
        Err(errors) => Err(errors.errors.first().map_or_else(
            || ScalarProblem::whole("this is no condition", text),
            |error| syntax::problem(text, error),
        )),
    }
}

/// How deeply brackets are nested; those in texts count too, which only makes it stricter.
fn deepest_bracket(text: &str) -> usize {
    let (mut now, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => now += 1,
            b')' | b']' | b'}' => now = now.saturating_sub(1),
            _ => continue,
        }
        deepest = deepest.max(now);
    }
    deepest
}

fn depth(expression: &IdedExpr) -> usize {
    1 + super::check::children(expression).map(depth).max().unwrap_or(0)
}
