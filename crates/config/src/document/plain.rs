//! Credentials for services that are written into fields of requests: whoever reads the document has them.
//! Where a credential has a key of its own, plain ones are refused (`read/secret.rs`).

use super::{Document, PolicyEntry};
use crate::node::{Entry, Node, Value};
use crate::problem::Problem;
use crate::read::Reader;

/// Fields whose values are credentials.
const FIELDS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "private-token",
    "ocp-apim-subscription-key",
];

/// The keys below which fields are given values.
const GIVEN: [&str; 3] = ["set", "add", "default"];

/// Warns of credentials in the policies of a document.
pub(super) fn check(document: &Document, reader: &mut Reader<'_>) {
    let of_routes = document.routes.iter().map(|route| &route.value.policies);
    let of_sets = document.policy_sets.iter().map(|set| &set.value);
    let maps = std::iter::once(&document.policies).chain(of_sets).chain(of_routes);
    for PolicyEntry { node, .. } in maps.flat_map(|map| &map.entries) {
        look_into(node, reader);
    }
}

fn look_into(node: &Node, reader: &mut Reader<'_>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| look_into(item, reader)),
        Value::Map(map) => {
            for entry in &map.entries {
                if GIVEN.contains(&&*entry.key) {
                    let given = entry.value.as_map().into_iter().flat_map(|map| &map.entries);
                    given.filter(|given| is_plain_credential(given)).for_each(|given| warn(given, reader));
                }
                look_into(&entry.value, reader);
            }
        }
    }
}

fn is_plain_credential(entry: &Entry) -> bool {
    let is_plain = entry.value.as_scalar().is_some_and(|scalar| {
        // A value in braces is not known before the request comes.
        scalar.substitution.is_none() && !scalar.text.is_empty() && !scalar.text.contains('{')
    });
    is_plain && FIELDS.iter().any(|field| entry.key.eq_ignore_ascii_case(field))
}

fn warn(entry: &Entry, reader: &mut Reader<'_>) {
    reader.hide(&entry.value);
    reader.problem(
        Problem::warning(format!("a credential stands in the document, as `{}`", entry.key))
            .at(entry.value.span)
            .help("bring it in: `${NAME}` from the environment, `${file:PATH}` from a file"),
    );
}
