//! What operators take and give, by the kinds of their operands.
//! Stricter than CEL, which finds out at run time that a text is never equal to a number.

use cel::common::ast::operators as op;

use super::kinds::Kind;

/// What an operator gives for operands of these kinds; none if this is no operator. `Err` is the message that says why
/// they do not fit.
pub(super) fn operator(name: &str, operands: &[Kind]) -> Option<Result<Kind, String>> {
    Some(match (name, operands) {
        (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, &[of]) => {
            if of.may_be(Kind::Bool) {
                Ok(Kind::Bool)
            } else {
                Err(format!("`!` cannot take {}", of.noun()))
            }
        }
        (op::NEGATE, &[of]) => match of {
            Kind::Int | Kind::Double | Kind::Any => Ok(of),
            _ => Err(format!("`-` cannot take {}", of.noun())),
        },
        (op::CONDITIONAL, &[condition, yes, no]) => {
            if condition.may_be(Kind::Bool) {
                Ok(yes.or(no))
            } else {
                Err(format!("what stands before `?` is true or false, not {}", condition.noun()))
            }
        }
        (_, &[left, right]) => return binary(name, left, right),
        _ => return None,
    })
}

fn binary(name: &str, left: Kind, right: Kind) -> Option<Result<Kind, String>> {
    let unfit = || Err(unfit(name, left, right));
    Some(match name {
        op::LOGICAL_AND | op::LOGICAL_OR => {
            if left.may_be(Kind::Bool) && right.may_be(Kind::Bool) {
                Ok(Kind::Bool)
            } else {
                unfit()
            }
        }
        op::EQUALS | op::NOT_EQUALS => equality(left, right),
        op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => order(name, left, right),
        op::IN => match right {
            Kind::List | Kind::Map | Kind::Any => Ok(Kind::Bool),
            Kind::Text => Err("`in` is for lists; write `text.contains(…)` for a text".to_owned()),
            _ => unfit(),
        },
        op::INDEX => match left {
            Kind::List if key_of_list(right) => Ok(Kind::Any),
            Kind::Map | Kind::Any => Ok(Kind::Any),
            _ => Err(format!("{} has no element for {}", left.noun(), right.noun())),
        },
        op::ADD => match left {
            Kind::Text | Kind::Bytes | Kind::List if left.may_be(right) => Ok(left),
            _ => arithmetic(left, right).map_or_else(unfit, Ok),
        },
        op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => {
            arithmetic(left, right).map_or_else(unfit, Ok)
        }
        _ => return None,
    })
}

fn key_of_list(kind: Kind) -> bool {
    kind.is_number() || kind == Kind::Any
}

fn unfit(name: &str, left: Kind, right: Kind) -> String {
    let sign = name.trim_matches('_').trim_start_matches('@');
    format!("`{sign}` cannot take {} and {}", left.noun(), right.noun())
}

fn equality(left: Kind, right: Kind) -> Result<Kind, String> {
    if left.compares_with(right) {
        Ok(Kind::Bool)
    } else if left == Kind::Null || right == Kind::Null {
        Err("nothing is ever null here; `\"name\" in header` asks whether it is there".to_owned())
    } else {
        Err(format!("{} is never equal to {}", left.noun(), right.noun()))
    }
}

fn order(name: &str, left: Kind, right: Kind) -> Result<Kind, String> {
    let has_order =
        |kind| !matches!(kind, Kind::List | Kind::Map | Kind::Null | Kind::Pattern | Kind::Network);
    if left.compares_with(right) && has_order(left) && has_order(right) {
        Ok(Kind::Bool)
    } else if left.is_number() != right.is_number() {
        Err(format!("{}; `int(…)` makes a number of a text", unfit(name, left, right)))
    } else {
        Err(unfit(name, left, right))
    }
}

/// What calculating with two numbers gives: CEL mixes no kinds of numbers.
fn arithmetic(left: Kind, right: Kind) -> Option<Kind> {
    match (left, right) {
        _ if left == right && left.is_number() => Some(left),
        (Kind::Any, other) | (other, Kind::Any) if other.is_number() || other == Kind::Any => Some(other),
        (Kind::Any, Kind::Text | Kind::List | Kind::Bytes) => Some(right),
        _ => None,
    }
}
