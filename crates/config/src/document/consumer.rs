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
        /// The subjects of its tokens, for the policy `jwt`.
        subject: Vec<TokenSubject>,
        /// Its plan. Without it, the one that its token names, or the default.
        plan: Option<Spanned<String>>,
    }
}

config_map! {
    /// Whom tokens are of.
    pub struct TokenSubject {
        /// What tokens have as `sub`, or where the issuer's `claims` say.
        #[main]
        subject: Spanned<String>,
        /// The name of the issuer whose tokens are meant. Without it, those of each.
        issuer: Option<Spanned<String>>,
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

/// Checks names, and that no key and no subject is that of two.
pub(super) fn check(consumers: &Named<Consumer>, reader: &mut Reader<'_>) {
    let mut known: HashMap<KeyHash, &Spanned<KeyHash>> = HashMap::new();
    let mut subjects: HashMap<&str, Vec<&TokenSubject>> = HashMap::new();
    for consumer in consumers {
        if !can_be_listed(&consumer.name) {
            let problem =
                Problem::error(format!("{} cannot be the name of a consumer", quote(&consumer.name)));
            reader.problem(problem.at(consumer.span).help(NAMES));
        }
        for subject in &consumer.value.subject {
            let others = subjects.entry(&subject.subject).or_default();
            let meant = |other: &&&TokenSubject| {
                other.issuer.is_none() || subject.issuer.is_none() || other.issuer == subject.issuer
            };
            if let Some(first) = others.iter().find(meant) {
                let problem = Problem::error("this subject is that of two");
                let problem = problem.label(subject.subject.span, "again here");
                reader.problem(problem.label(first.subject.span, "first here"));
            }
            others.push(subject);
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
