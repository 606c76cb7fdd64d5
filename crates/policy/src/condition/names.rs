//! The values that a condition names: `header["X-A"]`, `claim.roles`, `route`.
//! Which names there are is the closed list of `maitred-config`; here chains of the parsed expression become such names.

use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, SourceInfo, operators};
use maitred_config::scalar::{ScalarProblem, ValueName, value_name};

/// The values that are maps whose keys users name: `in` asks them for a key.
const MAPS: [&str; 5] = ["header", "query", "cookie", "path", "claim"];

/// A name and the names below it, as they stand in the condition.
pub(super) struct Chain<'e> {
    pub(super) root: &'e str,
    /// The keys; `None` is one that is known only at run time.
    keys: Vec<Option<String>>,
    /// Where it stands in the text.
    pub(super) at: Range<usize>,
}

impl<'e> Chain<'e> {
    /// The chain that an expression is, if it is one.
    pub(super) fn of(expression: &'e IdedExpr, source: &SourceInfo) -> Option<Self> {
        match &expression.expr {
            Expr::Ident(root) => Some(Self { root, keys: Vec::new(), at: place(expression, source) }),
            Expr::Select(select) => {
                let mut chain = Self::of(&select.operand, source)?;
                chain.keys.push(Some(select.field.clone()));
                // The place of a selection is its dot; the one of `has(a.b)` is its parenthesis.
                chain.at.end = if select.test {
                    chain.at.end + 1 + select.field.len()
                } else {
                    place(expression, source).start + 1 + select.field.len()
                };
                Some(chain)
            }
            Expr::Call(call) if call.func_name == operators::INDEX && call.args.len() == 2 => {
                let mut chain = Self::of(&call.args[0], source)?;
                chain.keys.push(match &call.args[1].expr {
                    Expr::Literal(LiteralValue::String(key)) => Some(key.inner().to_owned()),
                    Expr::Literal(LiteralValue::Int(index)) => Some(index.inner().to_string()),
                    _ => None,
                });
                let key_end = place(&call.args[1], source).end;
                let bracket = source.source.get(key_end..).and_then(|rest| rest.find(']'));
                chain.at.end = key_end + bracket.map_or(0, |at| at + 1);
                Some(chain)
            }
            _ => None,
        }
    }

    /// The key `key` below one of the maps, as in `"X-A" in header`.
    pub(super) fn key_of_map(map: &'e IdedExpr, key: &str, source: &SourceInfo) -> Option<Self> {
        match &map.expr {
            Expr::Ident(root) if MAPS.contains(&root.as_str()) => {
                Some(Self { root, keys: vec![Some(key.to_owned())], at: place(map, source) })
            }
            _ => None,
        }
    }

    /// Whether it is one of the maps, without a key.
    pub(super) fn is_map(&self) -> bool {
        self.keys.is_empty() && MAPS.contains(&self.root)
    }

    /// The value that it names.
    pub(super) fn value(&self) -> Result<ValueName, ScalarProblem> {
        if self.is_map() {
            return Err(ScalarProblem::new(
                format!("`{}` can only be asked for one key", self.root),
                self.at.clone(),
            )
            .help(format!(
                "write `{0}[\"name\"]`, or `\"name\" in {0}` to ask whether it is there",
                self.root
            )));
        }
        let mut written = self.root.to_owned();
        for key in &self.keys {
            let Some(key) = key else {
                return Err(ScalarProblem::new(
                    format!("what stands in the brackets of `{}` has to be written out", self.root),
                    self.at.clone(),
                )
                .help(format!("write a text in quotes: `{}[\"name\"]`", self.root)));
            };
            written.push_str("[\"");
            written.push_str(&key.replace('\\', "\\\\").replace('"', "\\\""));
            written.push_str("\"]");
        }
        value_name::parse(&written).map_err(|problem| {
            // Said of the name as it stands here, which has dots where the one above has brackets.
            let dotted = std::iter::once(self.root)
                .chain(self.keys.iter().flatten().map(String::as_str))
                .collect::<Vec<_>>()
                .join(".");
            let again = value_name::parse(&dotted).err().unwrap_or(problem);
            ScalarProblem { at: self.at.clone(), ..again }
        })
    }
}

/// Where an expression stands in the text: all of a name with what is below it, of an operator its sign.
pub(super) fn extent(expression: &IdedExpr, source: &SourceInfo) -> Range<usize> {
    Chain::of(expression, source).map_or_else(|| place(expression, source), |chain| chain.at)
}

/// Where a node stands in the text; of an operator its sign.
pub(super) fn place(expression: &IdedExpr, source: &SourceInfo) -> Range<usize> {
    match source.offset_for(expression.id) {
        Some((start, last)) => start as usize..(last as usize + 1).max(start as usize),
        None => 0..source.source.len(),
    }
}
