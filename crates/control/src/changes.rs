//! What a reload changed, in numbers, for its line in the log.
//! What changes in meaning, request by request, is another question, and not asked here.

use std::collections::HashMap;

use maitred_config::Document;

/// How two documents differ in their routes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RouteChanges {
    pub(crate) added: usize,
    pub(crate) removed: usize,
    /// Of the same name, written otherwise. What a route takes from elsewhere (sets, upstreams) is not looked at.
    pub(crate) changed: usize,
}

impl RouteChanges {
    pub(crate) fn between(old: &Document, new: &Document) -> Self {
        let before: HashMap<&str, _> = old.routes.iter().map(|route| (&*route.name, &route.value)).collect();
        let mut changes = Self { added: 0, removed: 0, changed: 0 };
        for route in &new.routes {
            match before.get(&*route.name) {
                None => changes.added += 1,
                Some(same) if **same == route.value => {}
                Some(_) => changes.changed += 1,
            }
        }
        changes.removed = before.len() + changes.added - new.routes.len();
        changes
    }
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, NoEnvironment, load};

    use super::*;

    fn document(routes: &str) -> Document {
        let files = Memory::new().with("a.yaml", format!("maitred: 1\nroutes:\n{routes}"));
        load("a.yaml", &files, &NoEnvironment).usable().unwrap().clone()
    }

    #[test]
    fn routes_are_compared_by_name_and_by_what_they_say() {
        let old = document(
            "  a: { match: /a, respond: A }\n  b: { match: /b, respond: B }\n  c: { match: /c, respond: C }\n",
        );
        let new = document(
            "  b: { match: /b, respond: other }\n\n  d: { match: /d, respond: D }\n  c: { match: /c, respond: C }\n",
        );
        assert_eq!(RouteChanges::between(&old, &new), RouteChanges { added: 1, removed: 1, changed: 1 });
        assert_eq!(RouteChanges::between(&old, &old), RouteChanges { added: 0, removed: 0, changed: 0 });
    }
}
