//! A path into a claim or a JSON body: `realm_access.roles`, `items.0["a b"]`.

/// The names of the fields from the outside in. A name of digits also takes the element of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FieldPath(pub Vec<String>);
