//! What a condition is for one request: its values are told once, then the rewritten expression is evaluated.
//! Of what a client sent, nothing gets into the reason of a failure.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError};
use smallvec::SmallVec;

use super::constants::Constant;
use super::{Condition, Missing, Undecided, functions};
use crate::values::{Kind, Value, View};

/// A value of this request.
enum Told<'v> {
    /// Bytes of the buffer.
    Text(std::ops::Range<usize>),
    Number(i64),
    /// The groups of whoever asks.
    Groups(Box<[Box<str>]>),
    Claim(&'v serde_json::Value),
    Missing,
}

/// The names that a rewritten condition uses: `@0` is a value, `@0?` whether it is there, `@c0` a constant.
struct Names<'a> {
    texts: &'a str,
    told: &'a [Told<'a>],
    constants: &'a [Constant],
}

/// Whether a condition holds.
pub(super) fn truth(condition: &Condition, view: &View<'_>) -> Result<bool, Undecided> {
    evaluate(condition, view, |value| value.downcast_ref::<CelBool>().map(|holds| *holds.inner()))
}

/// The number that an expression is, without its fraction; none is below zero.
pub(super) fn number(condition: &Condition, view: &View<'_>) -> Result<u64, Undecided> {
    evaluate(condition, view, |value| {
        let whole = value.downcast_ref::<CelInt>().map(|whole| u64::try_from(*whole.inner()).unwrap_or(0));
        let unsigned = || value.downcast_ref::<CelUInt>().map(|unsigned| *unsigned.inner());
        let fraction = || value.downcast_ref::<CelDouble>().map(|fraction| whole_part(*fraction.inner()));
        whole.or_else(unsigned).or_else(fraction)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` stops at the ends, and makes zero of what is no number"
)]
fn whole_part(fraction: f64) -> u64 {
    fraction as u64
}

fn evaluate<T>(
    condition: &Condition,
    view: &View<'_>,
    read: impl FnOnce(&dyn Val) -> Option<T>,
) -> Result<T, Undecided> {
    let mut buffer = Vec::new();
    let told: SmallVec<[Told<'_>; 8]> =
        condition.values.iter().map(|used| tell(&used.value, view, &mut buffer)).collect();
    let texts = String::from_utf8(buffer).expect("each value was made UTF-8");
    let names = Names { texts: &texts, told: &told, constants: &condition.constants };
    let mut context = Context::with_env(functions::of_this_thread());
    context.set_variable_resolver(&names);
    match cel::Value::resolve_val(&condition.expression, &context) {
        Ok(value) => {
            read(&*value).ok_or_else(|| Undecided::Failed(format!("it is {}", value.get_type().name())))
        }
        Err(error) => Err(undecided(condition, &error)),
    }
}

fn tell<'v>(value: &Value, view: &View<'v>, buffer: &mut Vec<u8>) -> Told<'v> {
    if let Value::Claim(_) = value {
        return value.json(view).map_or(Told::Missing, Told::Claim);
    }
    let start = buffer.len();
    let is_there = value.write(view, buffer);
    match (value, value.kind()) {
        (_, Kind::Texts) => {
            buffer.truncate(start);
            Told::Groups(view.facts.groups().map(Into::into).collect())
        }
        (_, Kind::Number) => {
            let digits = std::str::from_utf8(&buffer[start..]).ok().and_then(|digits| digits.parse().ok());
            buffer.truncate(start);
            digits.map_or(Told::Missing, Told::Number)
        }
        // Consumers always exist; the name of an anonymous one is empty.
        (Value::ConsumerName | Value::ConsumerPlan, _) => Told::Text(start..buffer.len()),
        _ if is_there => {
            if let Err(_not_utf8) = std::str::from_utf8(&buffer[start..]) {
                let readable = String::from_utf8_lossy(&buffer[start..]).into_owned();
                buffer.truncate(start);
                buffer.extend_from_slice(readable.as_bytes());
            }
            Told::Text(start..buffer.len())
        }
        _ => Told::Missing,
    }
}

impl VariableResolver for Names<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let name = variable.strip_prefix('@')?;
        if let Some(index) = name.strip_prefix('c') {
            return Some(match self.constants.get(index.parse::<usize>().ok()?)? {
                Constant::Pattern(pattern) => CowVal::Borrowed(pattern),
                Constant::Network(network) => CowVal::Borrowed(network),
            });
        }
        if let Some(index) = name.strip_suffix('?') {
            let told = self.told.get(index.parse::<usize>().ok()?)?;
            return Some(CowVal::owned(CelBool::from(!matches!(told, Told::Missing))));
        }
        match self.told.get(name.parse::<usize>().ok()?)? {
            Told::Text(at) => Some(CowVal::owned(CelString::from(&self.texts[at.clone()]))),
            Told::Number(number) => Some(CowVal::owned(CelInt::from(*number))),
            Told::Groups(groups) => {
                let groups =
                    groups.iter().map(|group| -> Box<dyn Val> { Box::new(CelString::from(&**group)) });
                Some(CowVal::owned(CelList::from(groups.collect::<Vec<_>>())))
            }
            Told::Claim(claim) => Some(CowVal::Owned(claim_value(claim))),
            Told::Missing => None,
        }
    }
}

/// What a token says, as CEL has it. Numbers without a fraction are whole ones, as far as they fit.
fn claim_value(claim: &serde_json::Value) -> Box<dyn Val + '_> {
    match claim {
        serde_json::Value::Null => Box::new(CelNull),
        serde_json::Value::Bool(value) => Box::new(CelBool::from(*value)),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => Box::new(CelInt::from(whole)),
            (None, Some(large), _) => Box::new(CelUInt::from(large)),
            (None, None, fraction) => Box::new(CelDouble::from(fraction.unwrap_or(f64::NAN))),
        },
        serde_json::Value::String(text) => Box::new(CelString::from(text.as_str())),
        serde_json::Value::Array(items) => {
            Box::new(CelList::from(items.iter().map(claim_value).collect::<Vec<_>>()))
        }
        serde_json::Value::Object(members) => {
            let entries =
                members.iter().map(|(name, value)| (CelMapKey::from(name.as_str()), claim_value(value)));
            Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
        }
    }
}

/// Why there is no answer. Nothing that a client sent is said.
fn undecided(condition: &Condition, error: &ExecutionError) -> Undecided {
    Undecided::Failed(match error {
        ExecutionError::UndeclaredReference(name) => {
            let index = name.strip_prefix('@').and_then(|index| index.parse::<usize>().ok());
            match index.and_then(|index| condition.values.get(index)) {
                Some(used) => return Undecided::Missing(Missing(used.name.to_string())),
                None => format!("`{name}` is unknown"),
            }
        }
        ExecutionError::NoSuchKey(_) => return Undecided::Missing(Missing("a key of a map".to_owned())),
        ExecutionError::IndexOutOfBounds(_) => {
            return Undecided::Missing(Missing("an element of a list".to_owned()));
        }
        ExecutionError::FunctionError { function, .. } => format!("`{function}` cannot take this value"),
        ExecutionError::NoSuchOverload(overload) => {
            format!("`{}` cannot take {}", overload.function(), overload.argument_types().join(" and "))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        _ => "kinds of values do not fit".to_owned(),
    })
}
