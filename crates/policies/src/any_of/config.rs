//! What users write for `any_of`: policies by their names, as on a route.
//! What stands behind the names is theirs to read.

use maitred_config::{Node, PolicyMap, Problem, Read, Reader, Shape};

/// The policies that it holds.
#[derive(Debug)]
pub struct AnyOfConfig(pub(super) PolicyMap);

impl Read for AnyOfConfig {
    fn shape() -> Shape {
        Shape::Policies
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(map) = node.as_map() else { return reader.wanted("a map of policies that identify", node) };
        if let Some(uses) = map.entry("use") {
            let problem = Problem::error("`any_of` uses no sets").at(uses.key_span);
            reader.problem(
                problem.help("name the policies themselves: `any_of: { jwt: true, api_key: true }`"),
            );
        }
        PolicyMap::read(node, reader).map(Self)
    }
}
