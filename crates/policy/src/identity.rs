//! Who asks, and how services are told: what policies that identify use.
//! What is known of somebody is in `callers.rs`.

mod whose;

use maitred_http::RequestHead;

pub use self::whose::whose;
pub use crate::callers::{Claims, Consumer, ConsumerPlan, Consumers, Credentials, ShownToken};
use crate::facts::Facts;

/// The cause of a refusal for want of a credential, in all policies that identify: `any_of` goes by it.
pub const MISSING_CREDENTIALS: &str = "missing_credentials";

/// The fields in which services are told who asks.
pub const TOLD: [&str; 3] = ["X-Consumer", "X-Consumer-Groups", "X-User-ID"];

/// Fields of a request that tell who asks. What is kept of answers is kept apart by them.
pub const CREDENTIALS: [&[u8]; 12] = [
    b"Authorization",
    b"Cookie",
    b"Proxy-Authorization",
    b"X-API-Key",
    b"Api-Key",
    b"X-Auth-Token",
    b"X-Access-Token",
    b"X-Session-ID",
    b"X-User-ID",
    b"X-Tenant-ID",
    b"X-Consumer",
    b"X-Consumer-Groups",
];

/// Whether a service may take one name of a field for the other: names do not distinguish case, and what follows CGI (RFC 3875 section 4.1.18)
/// or WSGI makes `_` of `-`, some of everything that is no letter and no digit.
pub fn is_read_as(name: &[u8], told: &[u8]) -> bool {
    name.len() == told.len() && begins_as(name, told)
}

/// Whether a service may take the beginning of a name for this one, as in [`is_read_as`].
pub fn begins_as(name: &[u8], start: &[u8]) -> bool {
    let is_word = u8::is_ascii_alphanumeric;
    let is_same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || !is_word(a) && !is_word(b);
    name.len() >= start.len() && name.iter().zip(start).all(is_same)
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
    use std::sync::Arc;

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
