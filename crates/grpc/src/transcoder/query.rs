//! The query of a request into fields: `a.b=1&list=x&list=y`. What the path or the body gives cannot be given again, and
//! a name that is not known is refused.

use maitred_http::{percent_decode, query_pairs};

use super::binding::{Binding, Body};
use super::error::{Place, RequestError};
use super::target::{Given, Target};
use crate::json::JsonOptions;

/// Writes the fields that a query gives.
pub(super) fn put_query(
    out: &mut Vec<u8>,
    binding: &Binding,
    query: &str,
    options: &JsonOptions,
) -> Result<(), RequestError> {
    let mut given = Given::default();
    for target in binding.variables() {
        given.add(target, false).expect("variables were checked against each other");
    }
    if let Body::Field(slot) = binding.body() {
        given.add_top(slot);
    }
    let input = binding.input();
    for (name, value) in query_pairs(query) {
        let name = text(name)
            .ok_or_else(|| RequestError::new(Place::Query(name.to_owned()), "the name is not UTF-8"))?;
        let told = |problem: String| RequestError::new(Place::Query(name.clone()), problem);
        if matches!(binding.body(), Body::Whole) {
            if options.ignore_unknown {
                continue;
            }
            return Err(told("all fields come from the path and the body".to_owned()));
        }
        let target = match Target::find(&input, &name) {
            Ok(target) => target,
            Err(_) if options.ignore_unknown => continue,
            Err(problem) => return Err(told(problem)),
        };
        if binding.variables().iter().any(|bound| bound.overlaps(&target.numbers)) {
            return Err(told("the field comes from the path".to_owned()));
        }
        if let Body::Field(slot) = binding.body()
            && target.numbers[0] == slot.number
        {
            return Err(told("the field comes from the body".to_owned()));
        }
        given.add(&target, target.slot.is_list()).map_err(told)?;
        let value = text(value).ok_or_else(|| told("the value is not UTF-8".to_owned()))?;
        target.put(out, &value).map_err(|error| told(error.problem().to_owned()))?;
    }
    Ok(())
}

fn text(encoded: &str) -> Option<String> {
    String::from_utf8(percent_decode(encoded, true).into_owned()).ok()
}
