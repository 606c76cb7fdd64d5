//! Consumers: whom the gateway knows by name, and what they show for it.
//! What identifies them is the policies' business.

use std::collections::HashMap;

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, Named, Reader, Spanned};
use crate::scalar::{KeyHash, quote};

config_map! {
    /// Somebody whom the gateway knows by name: a program, a partner, a customer.
    #[check = Consumer::check]
    pub struct Consumer {
        /// Groups that it belongs to. Services are told them in `X-Consumer-Groups`.
        groups: Vec<Spanned<String>>,
        /// Its API keys, as hashes, for the policy `api_key`: `maitred key new` makes a key and its hash. Of several each will do, so that a key can be
        /// replaced without a gap.
        api_keys: Vec<Spanned<KeyHash>>,
    }
}

impl Consumer {
    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        for group in &self.groups {
            if !can_be_listed(&group.value) {
                let problem =
                    Problem::error(format!("{} cannot be the name of a group", quote(&group.value)));
                reader.problem(problem.at(group.span).help(NAMES));
            }
        }
    }
}

const NAMES: &str = "services are told it in a header: no commas, no control bytes, no spaces around it";

/// Whether a name can stand in a header, among others.
fn can_be_listed(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.contains(|c: char| c == ',' || c.is_control())
}

/// Checks names, and that no key is that of two.
pub(super) fn check(consumers: &Named<Consumer>, reader: &mut Reader<'_>) {
    let mut known: HashMap<KeyHash, &Spanned<KeyHash>> = HashMap::new();
    for consumer in consumers {
        if !can_be_listed(&consumer.name) {
            let problem =
                Problem::error(format!("{} cannot be the name of a consumer", quote(&consumer.name)));
            reader.problem(problem.at(consumer.span).help(NAMES));
        }
        for key in &consumer.value.api_keys {
            if let Some(first) = known.insert(key.value, key) {
                let problem = Problem::error("this key is that of two");
                reader.problem(
                    problem
                        .label(key.span, "again here")
                        .label(first.span, "first here")
                        .help("give each its own: `maitred key new` makes one"),
                );
            }
        }
    }
}
