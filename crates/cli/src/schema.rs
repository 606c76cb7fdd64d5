//! `maitred schema`: the JSON Schema of the document with all policies, for editors.
//! It follows from the same declarations that the configuration is read by.

use std::io;

use maitred_config::document_schema;

use crate::console::{Console, Exit};

/// Prints the schema.
pub(crate) fn schema(console: &mut Console<'_>) -> io::Result<Exit> {
    let catalog = maitred_policies::catalog();
    console.print(&format!("{:#}\n", document_schema(&catalog)))?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::written;

    #[test]
    fn it_knows_the_policies() {
        let schema: serde_json::Value = serde_json::from_str(&written(schema).out).unwrap();
        let policies = &schema["$defs"]["Policies"]["anyOf"][0];
        assert_eq!(policies["additionalProperties"], false);
        assert!(policies["properties"]["cors"].is_object());
    }
}
