//! How upstreams choose endpoints: from the words of the document to those of crate upstream, and the values that keys are taken
//! from.

use maitred_config::{Balance as Written, Document, Problem, Problems};
use maitred_policy::values::{Available, Value};
use maitred_upstream::{Balance, CookieSecret, StickySettings};

/// The value by which each upstream of the document chooses endpoints; none where it goes by none. What cannot be known when a
/// request is forwarded is a problem.
pub(super) fn keys(document: &Document, problems: &mut Problems) -> Vec<Option<Value>> {
    let key = |written: &Written| {
        let key = written.key()?;
        Value::compile(&key.value, Available::Request)
            .map_err(|message| problems.push(Problem::error(message).at(key.span)))
            .ok()
    };
    document.upstreams.iter().map(|entry| &entry.value.balance).map(key).collect()
}

/// What is written of balancing, for crate upstream.
pub(super) fn rule(written: &Written) -> Balance {
    match written {
        Written::RoundRobin => Balance::RoundRobin,
        Written::Random => Balance::Random,
        Written::P2c => Balance::P2c,
        Written::LeastRequests => Balance::LeastRequests,
        Written::Ewma => Balance::Ewma,
        Written::RingHash(_) => Balance::RingHash,
        Written::Maglev(_) => Balance::Maglev,
        Written::Sticky(sticky) => Balance::Sticky(StickySettings {
            cookie: sticky.cookie.0.as_str().into(),
            max_age: sticky.max_age,
            secret: sticky.secret.as_ref().map(|secret| CookieSecret::new(secret.expose().as_bytes())),
        }),
    }
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, NoEnvironment, load};

    use super::*;

    #[test]
    fn a_key_is_what_is_known_when_a_request_is_forwarded() {
        let known =
            ["header.X-A", "query.a", "cookie.a", "path.id", "client.ip", "consumer.name", "claim.sub"];
        let unknown = ["response.status", "upstream", "body.user", "parts.user.id", "error.status"];
        for key in known.into_iter().chain(unknown) {
            for rule in ["ring_hash", "maglev"] {
                let text = format!(
                    "maitred: 1\nupstreams: {{ b: http://b, a: {{ endpoints: http://a, balance: {{ {rule}: {key} }} }} }}\n"
                );
                let loaded = load("a.yaml", &Memory::new().with("a.yaml", text), &NoEnvironment);
                let mut problems = Problems::new();
                let keys = keys(loaded.usable().unwrap(), &mut problems);
                assert_eq!(problems.has_errors(), unknown.contains(&key), "{key}");
                assert!(matches!(&keys[..], [None, found] if found.is_some() == known.contains(&key)));
            }
        }
    }
}
