//! Who asks: the consumers that the gateway knows, what others say of somebody, and how services are told.
//! What a client must show is the business of each policy that identifies.

mod credentials;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use maitred_config::{self as config, Named};
use maitred_http::RequestHead;

use crate::facts::Facts;

pub use crate::caller::{Claims, Consumer, ConsumerPlan};
pub use credentials::Credentials;

/// All consumers of a configuration, by what they show, and the plans that there are.
#[derive(Debug, Default)]
pub struct Consumers {
    /// By the SHA-256 of a key. Looking one up tells nothing of how near a guess came: nobody can aim at a hash.
    by_key: HashMap<[u8; 32], Arc<Consumer>>,
    by_subject: HashMap<Box<str>, Vec<OfSubject>>,
    plans: HashSet<Box<str>>,
    default_plan: Option<Box<str>>,
    /// What they show beside keys, in the order in which they are written.
    credentials: Vec<Credentials>,
}

/// Whose tokens have a subject, with the issuer that they have to be of.
type OfSubject = (Option<Box<str>>, Arc<Consumer>);

impl Consumers {
    /// Those that are written, and no plans.
    pub fn new(written: &Named<config::Consumer>) -> Self {
        Self::with_plans(written, &Named::default())
    }

    /// Those that are written, with plans of these.
    pub fn with_plans(written: &Named<config::Consumer>, plans: &Named<config::Plan>) -> Self {
        let default_plan = plans.iter().find(|plan| plan.value.default).map(|plan| plan.name.clone());
        let plans = plans.names().map(Into::into).collect();
        let mut consumers = Self { plans, default_plan, ..Self::default() };
        for entry in written {
            let groups = entry.value.groups.iter().map(|group| group.value.as_str());
            let plan = match (&entry.value.plan, &consumers.default_plan) {
                (Some(own), _) => ConsumerPlan::Own(own.as_str().into()),
                (None, Some(default)) => ConsumerPlan::Default(default.clone()),
                (None, None) => ConsumerPlan::None,
            };
            let consumer = Arc::new(Consumer { plan, ..Consumer::new(&entry.name, groups) });
            let keys = entry.value.api_keys.iter().map(|key| (key.value.0, Arc::clone(&consumer)));
            consumers.by_key.extend(keys);
            for written in &entry.value.subject {
                let issuer = written.issuer.as_ref().map(|issuer| issuer.as_str().into());
                let of_subject = consumers.by_subject.entry(written.subject.as_str().into()).or_default();
                of_subject.push((issuer, Arc::clone(&consumer)));
            }
            consumers.credentials.push(Credentials::new(consumer, &entry.value));
        }
        consumers
    }

    /// Whose tokens have this subject, of the issuer that the configuration has under this name.
    pub fn of_subject(&self, issuer: &str, subject: &str) -> Option<&Arc<Consumer>> {
        let meant = |own: &Option<Box<str>>| own.as_deref().is_none_or(|own| own == issuer);
        self.by_subject.get(subject)?.iter().find(|(own, _)| meant(own)).map(|(_, consumer)| consumer)
    }

    /// The plan of this name, if there is one; else the default, if there is one.
    pub fn plan(&self, named: Option<&str>) -> Option<&str> {
        let known = named.and_then(|named| self.plans.get(named));
        known.or(self.default_plan.as_ref()).map(|plan| &**plan)
    }

    /// All of them, with what they show beside keys, in the order in which they are written.
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// Whose key has this hash (SHA-256).
    pub fn of_key(&self, hash: &[u8; 32]) -> Option<&Arc<Consumer>> {
        self.by_key.get(hash)
    }

    /// Whether somebody has a key.
    pub fn have_keys(&self) -> bool {
        !self.by_key.is_empty()
    }
}

/// The fields in which services are told who asks.
pub const TOLD: [&str; 3] = ["X-Consumer", "X-Consumer-Groups", "X-User-ID"];

/// Whether a service may take one name of a field for the other: names do not distinguish case, and what follows CGI (RFC 3875 section 4.1.18)
/// or WSGI makes `_` of `-`, some of everything that is no letter and no digit.
fn is_read_as(name: &[u8], told: &[u8]) -> bool {
    let is_word = u8::is_ascii_alphanumeric;
    let is_same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || !is_word(a) && !is_word(b);
    name.len() == told.len() && name.iter().zip(told).all(is_same)
}

/// Tells the service who asks, as far as that is known, in a request of a route that identifies. What a client itself says there
/// goes, in every spelling that a service may read as these. To be called by each policy that identifies, also where nobody was found.
pub fn tell(request: &mut RequestHead, facts: &Facts) {
    request.fields.remove_where(|name| TOLD.iter().any(|told| is_read_as(name, told.as_bytes())));
    if let Some(consumer) = &facts.consumer {
        request.fields.append_bytes(TOLD[0].as_bytes(), consumer.name.as_bytes());
    }
    let mut listed = Vec::new();
    if list_groups(facts, &mut listed) {
        request.fields.append_bytes(TOLD[1].as_bytes(), &listed);
    }
    let subject = facts.claims.as_ref().and_then(|claims| claims.subject.as_deref());
    // One that ends the line, or is another once it stands in a header, is told to nobody.
    if let Some(subject) =
        subject.filter(|subject| subject.trim() == *subject && !subject.contains(char::is_control))
    {
        request.fields.append_bytes(TOLD[2].as_bytes(), subject.as_bytes());
    }
}

/// Appends the groups of who asks, with commas between them; false if there are none. A group that others tell of and that would be read as
/// two, or as another, is left out.
pub(crate) fn list_groups(facts: &Facts, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let can_be_listed = |group: &&str| {
        !group.is_empty() && group.trim() == *group && !group.contains(|c: char| c == ',' || c.is_control())
    };
    for group in facts.groups().filter(can_be_listed) {
        if out.len() > start {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(group.as_bytes());
    }
    out.len() > start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{facts, request};

    #[test]
    fn what_a_client_says_of_itself_goes_in_every_spelling() {
        let mut request = request(
            "GET /",
            &[
                ("X-Consumer", "root"),
                ("x-consumer", "root"),
                ("X_Consumer", "root"),
                ("x_CONSUMER_groups", "admins"),
                ("X-Consumer_Groups", "admins"),
                ("X.Consumer.Groups", "admins"),
                ("X_USER-ID", "0"),
                ("X-User-ID", "0"),
                ("X-User-IDs", "kept"),
                ("XX-Consumer", "kept"),
                ("X-C-nsumer", "kept"),
                ("X-Consumer-", "kept"),
            ],
        );
        let mut facts = facts();
        facts.consumer = Some(Arc::new(Consumer::new("acme", ["a", "b"].into_iter())));
        tell(&mut request, &facts);
        let left: Vec<_> =
            request.fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let expected = [
            ("X-User-IDs", "kept"),
            ("XX-Consumer", "kept"),
            ("X-C-nsumer", "kept"),
            ("X-Consumer-", "kept"),
            ("X-Consumer", "acme"),
            ("X-Consumer-Groups", "a, b"),
        ];
        assert_eq!(left, expected.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
    }
}
