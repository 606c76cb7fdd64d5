//! The functions of conditions: those of CEL that are of use here, and `cidr` as Kubernetes has it.
//! What each takes is checked when the condition is compiled; patterns and networks are made then, not per request.

use std::net::IpAddr;
use std::sync::Arc;

use cel::common::types::{self, CelBool, CelString};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError};

use super::constants::{NETWORK, Network, PATTERN, Pattern};
use super::kinds::Kind;

/// The functions that conditions may call, each as it is called and with what it gives; `docs/values.md` has the same
/// list.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("text.startsWith(text)", "whether the text begins so"),
    ("text.endsWith(text)", "whether the text ends so"),
    ("text.contains(text)", "whether the other text stands in it"),
    ("text.matches(\"pattern\")", "whether the regular expression fits somewhere; `^` and `$` anchor it"),
    ("cidr(\"10.0.0.0/8\").containsIP(text)", "whether the address is in the network"),
    ("size(value)", "how many characters a text has, or how many elements a list or map has"),
    ("int(value)", "the whole number that a text or another number is"),
    ("uint(value)", "the same, not negative and written with `u`: `5u`"),
    ("double(value)", "the number with a fraction that a text or another number is"),
    ("string(value)", "the text of a number, or of true and false"),
    ("bool(text)", "true or false, of the text that says so"),
];

/// The names of [`FUNCTIONS`] and of the macros.
pub(super) const NAMES: [&str; 17] = [
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "cidr",
    "containsIP",
    "size",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "has",
    "all",
    "exists",
    "map",
    "filter",
];

/// What a call gives, if there is such a function of such a target and such arguments. `Err` says what it wants.
pub(super) fn call(name: &str, target: Option<Kind>, arguments: &[Kind]) -> Result<Kind, String> {
    let fits = |kind: Kind, wanted: &[Kind]| wanted.iter().any(|&one| kind.may_be(one));
    let wants = |what: &str| Err(format!("`{name}` {what}"));
    match (name, target, arguments) {
        ("startsWith" | "endsWith" | "contains", Some(on), &[argument]) => {
            if on == Kind::List && name == "contains" {
                return wants("is for texts; write `\"x\" in list` for a list");
            }
            if !fits(on, &[Kind::Text]) || !fits(argument, &[Kind::Text]) {
                return wants(&format!("takes a text of a text, not {} of {}", argument.noun(), on.noun()));
            }
            Ok(Kind::Bool)
        }
        ("matches", Some(on), &[Kind::Pattern]) | ("matches", None, &[on, Kind::Pattern]) => {
            if fits(on, &[Kind::Text]) { Ok(Kind::Bool) } else { wants("is for texts") }
        }
        ("containsIP", Some(Kind::Network), &[argument]) if fits(argument, &[Kind::Text]) => Ok(Kind::Bool),
        ("containsIP", ..) => wants("is called so: `cidr(\"10.0.0.0/8\").containsIP(client.ip)`"),
        ("size", Some(of), &[]) | ("size", None, &[of]) => {
            if fits(of, &[Kind::Text, Kind::List, Kind::Map, Kind::Bytes]) {
                Ok(Kind::Int)
            } else {
                wants(&format!("has no meaning for {}", of.noun()))
            }
        }
        ("int", None, &[of]) => conversion(name, of, Kind::Int),
        ("uint", None, &[of]) => conversion(name, of, Kind::Uint),
        ("double", None, &[of]) => conversion(name, of, Kind::Double),
        ("string", None, &[of]) => {
            let takes = [Kind::Text, Kind::Int, Kind::Uint, Kind::Double, Kind::Bool, Kind::Bytes];
            if fits(of, &takes) { Ok(Kind::Text) } else { wants(&format!("cannot take {}", of.noun())) }
        }
        ("bool", None, &[of]) if fits(of, &[Kind::Text, Kind::Bool]) => Ok(Kind::Bool),
        _ if NAMES.contains(&name) => {
            let shown = FUNCTIONS.iter().find(|(shown, _)| {
                shown.split('(').any(|part| part == name || part.ends_with(&format!(".{name}")))
            });
            match shown {
                Some((shown, _)) => wants(&format!("is called so: `{shown}`")),
                None => wants("is not called so"),
            }
        }
        _ => wants("is not a function"),
    }
}

fn conversion(name: &str, of: Kind, to: Kind) -> Result<Kind, String> {
    if of.is_number() || of.may_be(Kind::Text) {
        Ok(to)
    } else {
        Err(format!("`{name}` cannot take {}", of.noun()))
    }
}

thread_local! {
    // One for each thread: evaluation counts references to it, and workers share no counter.
    static ENVIRONMENT: Arc<Env> = Arc::new(environment());
}

/// The functions of this thread, for evaluating.
pub(super) fn of_this_thread() -> Arc<Env> {
    ENVIRONMENT.with(Arc::clone)
}

fn environment() -> Env {
    const UNIQUE: &str = "no other function has this name and these types";
    let mut env = Env::stdlib();
    let pattern = || vec![PATTERN.to_owned()];
    env.add_member_overload("matches", "text_matches_pattern", types::STRING_TYPE, pattern(), matches)
        .expect(UNIQUE);
    let both = vec![types::STRING_TYPE, PATTERN.to_owned()];
    env.add_overload("matches", "matches_text_pattern", both, matches).expect(UNIQUE);
    let text = vec![types::STRING_TYPE];
    env.add_member_overload("containsIP", "network_contains_ip", NETWORK.to_owned(), text, contains_ip)
        .expect(UNIQUE);
    env
}

#[expect(clippy::needless_pass_by_value, reason = "functions of CEL are called so")]
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = arguments.first().and_then(|text| text.downcast_ref::<CelString<'_>>());
    let pattern = arguments.get(1).and_then(|pattern| pattern.downcast_ref::<Pattern>());
    match (text, pattern) {
        (Some(text), Some(pattern)) => Ok(CowVal::owned(CelBool::from(pattern.matches(text.inner())))),
        _ => Err(ExecutionError::missing_argument_or_target()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "functions of CEL are called so")]
fn contains_ip<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let network = arguments.first().and_then(|network| network.downcast_ref::<Network>());
    let text = arguments.get(1).and_then(|text| text.downcast_ref::<CelString<'_>>());
    let (Some(network), Some(text)) = (network, text) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let address: IpAddr =
        text.inner().parse().map_err(|_| ExecutionError::function_error("containsIP", "no address"))?;
    Ok(CowVal::owned(CelBool::from(network.contains(address))))
}
