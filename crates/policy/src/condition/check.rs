//! Checks a parsed condition, and rewrites it: values, patterns and networks become names of their places in tables.
//! The second step of compiling, after `parse.rs`; the first problem found ends it.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators,
};
use maitred_config::scalar::nearest::nearest;
use maitred_config::scalar::{ScalarProblem, quote};

use super::UsedValue;
use super::constants::{Constant, Network, Pattern};
use super::functions;
use super::kinds::{Kind, Wanted};
use super::names::{Chain, extent, place};
use super::operands::operator;
use crate::values::{Available, Value};

/// A condition that is sound as far as can be said, and what its names stand for.
pub(super) struct Checked {
    pub(super) expression: IdedExpr,
    pub(super) values: Vec<UsedValue>,
    pub(super) constants: Vec<Constant>,
}

/// Checks and rewrites `expression`. The first problem in it ends the check.
pub(super) fn check(
    mut expression: IdedExpr,
    source: &SourceInfo,
    available: Available,
    wanted: Wanted,
) -> Result<Checked, ScalarProblem> {
    let mut checker =
        Checker { source, available, values: Vec::new(), constants: Vec::new(), locals: Vec::new() };
    let kind = checker.kind(&mut expression)?;
    let refused = |message: String| ScalarProblem::whole(message, &source.source);
    match wanted {
        Wanted::Truth if !kind.may_be(Kind::Bool) => {
            let problem = refused(format!("a condition is true or false, this is {}", kind.noun()));
            return Err(problem.help("compare it with something: `… == …`"));
        }
        Wanted::Number if !kind.is_number() && kind != Kind::Any => {
            let problem = refused(format!("a number is wanted here, this is {}", kind.noun()));
            return Err(problem.help("write `… ? 5 : 1`, or make a number of a text: `int(…)`"));
        }
        Wanted::Truth | Wanted::Number => {}
    }
    Ok(Checked { expression, values: checker.values, constants: checker.constants })
}

/// The expressions directly inside another.
pub(super) fn children(expression: &IdedExpr) -> impl Iterator<Item = &IdedExpr> {
    let mut inside: Vec<&IdedExpr> = Vec::new();
    match &expression.expr {
        Expr::Call(call) => inside.extend(call.target.as_deref().into_iter().chain(&call.args)),
        Expr::Select(select) => inside.push(&select.operand),
        Expr::List(list) => inside.extend(&list.elements),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    inside.extend([&entry.key, &entry.value]);
                }
            }
        }
        Expr::Comprehension(all) => {
            inside.extend([&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result]);
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {}
    }
    inside.into_iter()
}

struct Checker<'s> {
    source: &'s SourceInfo,
    available: Available,
    values: Vec<UsedValue>,
    constants: Vec<Constant>,
    /// The variables of the macros around, innermost last.
    locals: Vec<(String, Kind)>,
}

type Checking = Result<Kind, ScalarProblem>;

impl Checker<'_> {
    /// The kind of an expression, which is rewritten.
    fn kind(&mut self, expression: &mut IdedExpr) -> Checking {
        if let Some(kind) = self.value(expression)? {
            return Ok(kind);
        }
        let at = place(expression, self.source);
        match &mut expression.expr {
            Expr::Literal(literal) => Ok(Kind::from(&*literal)),
            Expr::Ident(name) => {
                Ok(self.local(name).or_else(|| self.constant_kind(name)).unwrap_or(Kind::Any))
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.kind(element)?;
                }
                Ok(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.kind(&mut entry.key)?;
                        self.kind(&mut entry.value)?;
                    }
                }
                Ok(Kind::Map)
            }
            Expr::Select(_) => self.select(expression),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(_) => self.call(expression),
            Expr::Struct(_) => Err(ScalarProblem::new("messages cannot be made here", at)),
            Expr::Unspecified => Err(ScalarProblem::new("this is no condition", at)),
        }
    }

    /// The kind of the value that an expression names, if it names one: a name that no macro around has taken.
    fn value(&mut self, expression: &mut IdedExpr) -> Result<Option<Kind>, ScalarProblem> {
        let Some(chain) = Chain::of(expression, self.source) else { return Ok(None) };
        if self.local(chain.root).is_some() || self.constant_kind(chain.root).is_some() {
            return Ok(None);
        }
        let asks = matches!(&expression.expr, Expr::Select(select) if select.test);
        let (name, kind) = self.used(&chain)?;
        expression.expr = Expr::Ident(if asks { format!("{name}?") } else { name });
        Ok(Some(if asks { Kind::Bool } else { kind }))
    }

    /// The place in the table of the value that is named.
    fn used(&mut self, chain: &Chain<'_>) -> Result<(String, Kind), ScalarProblem> {
        let name = chain.value()?;
        let value = Value::compile(&name, self.available)
            .map_err(|message| ScalarProblem::new(message, chain.at.clone()))?;
        let kind = Kind::from(value.kind());
        let written: Box<str> = name.to_string().into();
        let index = self.values.iter().position(|used| used.name == written).unwrap_or_else(|| {
            self.values.push(UsedValue { value, name: written });
            self.values.len() - 1
        });
        Ok((format!("@{index}"), kind))
    }

    fn local(&self, name: &str) -> Option<Kind> {
        self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, kind)| *kind)
    }

    /// The kind of the constant that a rewritten name stands for.
    fn constant_kind(&self, name: &str) -> Option<Kind> {
        let index: usize = name.strip_prefix("@c")?.parse().ok()?;
        Some(match self.constants.get(index)? {
            Constant::Pattern(_) => Kind::Pattern,
            Constant::Network(_) => Kind::Network,
        })
    }

    /// A field of something that is no value of the request.
    fn select(&mut self, expression: &mut IdedExpr) -> Checking {
        let at = place(expression, self.source);
        let Expr::Select(SelectExpr { operand, field, test }) = &mut expression.expr else {
            return Ok(Kind::Any);
        };
        let of = self.kind(operand)?;
        if !of.may_be(Kind::Map) {
            return Err(ScalarProblem::new(format!("{} has no field `{field}`", of.noun()), at));
        }
        Ok(if *test { Kind::Bool } else { Kind::Any })
    }

    fn comprehension(&mut self, all: &mut ComprehensionExpr) -> Checking {
        let at = extent(&all.iter_range, self.source);
        let over = self.kind(&mut all.iter_range)?;
        if !over.may_be(Kind::List) && over != Kind::Map {
            return Err(ScalarProblem::new(format!("this goes over a list, not over {}", over.noun()), at));
        }
        let result = self.kind(&mut all.accu_init)?;
        let before = self.locals.len();
        self.locals.push((all.accu_var.clone(), result));
        self.locals.push((all.iter_var.clone(), Kind::Any));
        self.kind(&mut all.loop_cond)?;
        self.kind(&mut all.loop_step)?;
        self.locals.truncate(before + 1);
        let kind = self.kind(&mut all.result);
        self.locals.truncate(before);
        kind
    }

    fn call(&mut self, expression: &mut IdedExpr) -> Checking {
        self.refuse_subtraction_of_a_name(expression)?;
        let at = place(expression, self.source);
        let Expr::Call(call) = &mut expression.expr else { return Ok(Kind::Any) };
        if call.func_name == operators::IN
            && let Some(kind) = self.key_in_map(call)?
        {
            expression.expr = kind;
            return Ok(Kind::Bool);
        }
        match (call.func_name.as_str(), call.target.is_some(), call.args.len()) {
            ("matches", true, 1) => self
                .constant(&mut call.args[0], "pattern", |text| Pattern::parse(text).map(Constant::Pattern))?,
            ("matches", false, 2) => self
                .constant(&mut call.args[1], "pattern", |text| Pattern::parse(text).map(Constant::Pattern))?,
            ("cidr", false, 1) => {
                let mut network = call.args.remove(0);
                self.constant(&mut network, "network", |text| Network::parse(text).map(Constant::Network))?;
                expression.expr = network.expr;
                return Ok(Kind::Network);
            }
            _ => {}
        }
        let target = call.target.as_deref_mut().map(|target| self.kind(target)).transpose()?;
        let kinds: Vec<Kind> =
            call.args.iter_mut().map(|argument| self.kind(argument)).collect::<Result<_, _>>()?;
        if let Some(result) = operator(&call.func_name, &kinds) {
            return result.map_err(|message| ScalarProblem::new(message, at));
        }
        functions::call(&call.func_name, target, &kinds).map_err(|message| {
            let name = call.func_name.as_str();
            let problem = ScalarProblem::new(message, self.name_before(at.start, name));
            match nearest(name, functions::NAMES).filter(|near| *near != name) {
                Some(near) => problem.help(format!("write `{near}`")),
                None => problem,
            }
        })
    }

    /// Where the name of a function stands whose parenthesis is at `parenthesis`.
    fn name_before(&self, parenthesis: usize, name: &str) -> std::ops::Range<usize> {
        let end = self.source.source.get(..parenthesis).map_or(0, |before| before.trim_end().len());
        end.saturating_sub(name.len())..end
    }

    /// `"X-A" in header`: whether it is there.
    fn key_in_map(&mut self, call: &CallExpr) -> Result<Option<Expr>, ScalarProblem> {
        let [key, map] = call.args.as_slice() else { return Ok(None) };
        let Expr::Ident(root) = &map.expr else { return Ok(None) };
        if self.local(root).is_some() {
            return Ok(None);
        }
        let Expr::Literal(LiteralValue::String(key)) = &key.expr else { return Ok(None) };
        let Some(chain) = Chain::key_of_map(map, key.inner(), self.source) else { return Ok(None) };
        let (name, _) = self.used(&chain)?;
        Ok(Some(Expr::Ident(format!("{name}?"))))
    }

    /// A text that is compiled now and not for each request.
    fn constant(
        &mut self,
        argument: &mut IdedExpr,
        what: &str,
        parse: impl FnOnce(&str) -> Result<Constant, String>,
    ) -> Result<(), ScalarProblem> {
        let at = extent(argument, self.source);
        let Expr::Literal(LiteralValue::String(text)) = &argument.expr else {
            return Err(ScalarProblem::new(format!("the {what} has to be a text in quotes"), at));
        };
        self.constants.push(parse(text.inner()).map_err(|message| ScalarProblem::new(message, at))?);
        argument.expr = Expr::Ident(format!("@c{}", self.constants.len() - 1));
        Ok(())
    }

    /// `header.X-User` subtracts `User` from `header.X`.
    fn refuse_subtraction_of_a_name(&self, expression: &IdedExpr) -> Result<(), ScalarProblem> {
        let mut left = expression;
        let mut last = None;
        while let Expr::Call(CallExpr { func_name, args, .. }) = &left.expr
            && func_name == operators::SUBSTRACT
            && let [first, second] = args.as_slice()
            && let Expr::Ident(_) = &second.expr
        {
            last = last.or(Some(second));
            left = first;
        }
        let (Some(last), Some(chain)) = (last, Chain::of(left, self.source)) else { return Ok(()) };
        let at = chain.at.start..place(last, self.source).end;
        let written = self.source.source.get(at.clone()).unwrap_or_default();
        match written.split_once('.') {
            Some((map, name)) if map == chain.root && self.local(map).is_none() && !name.contains(' ') => {
                Err(ScalarProblem::new(format!("{} subtracts here", quote(written)), at)
                    .help(format!("write `{map}[\"{name}\"]`")))
            }
            _ => Ok(()),
        }
    }
}
