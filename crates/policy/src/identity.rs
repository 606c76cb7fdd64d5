//! Who asks: the consumers that the gateway knows, and how services are told of them.
//! What a client must show is the business of each policy that identifies.

use std::collections::HashMap;
use std::sync::Arc;

use maitred_config::{self as config, Named};
use maitred_http::RequestHead;

/// Somebody whom the gateway knows by name.
#[derive(Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The name.
    pub name: Box<str>,
    /// The groups that it belongs to.
    pub groups: Box<[Box<str>]>,
    /// The same with commas between them, as services are told.
    pub groups_listed: Box<str>,
}

impl Consumer {
    /// One of this name and these groups.
    pub fn new<'a>(name: &str, groups: impl Iterator<Item = &'a str>) -> Self {
        let groups: Box<[Box<str>]> = groups.map(Into::into).collect();
        let groups_listed = groups.join(", ").into();
        Self { name: name.into(), groups, groups_listed }
    }
}

/// All consumers of a configuration, by what they show.
#[derive(Debug, Default)]
pub struct Consumers {
    /// By the SHA-256 of a key. Looking one up tells nothing of how near a guess came: nobody can aim at a hash.
    by_key: HashMap<[u8; 32], Arc<Consumer>>,
}

impl Consumers {
    /// Those that are written.
    pub fn new(written: &Named<config::Consumer>) -> Self {
        let mut by_key = HashMap::new();
        for entry in written {
            let groups = entry.value.groups.iter().map(|group| group.value.as_str());
            let consumer = Arc::new(Consumer::new(&entry.name, groups));
            let keys = entry.value.api_keys.iter().map(|key| (key.value.0, Arc::clone(&consumer)));
            by_key.extend(keys);
        }
        Self { by_key }
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
const TOLD: [&[u8]; 3] = [b"X-Consumer", b"X-Consumer-Groups", b"X-User-ID"];

/// Tells the service who asks, as far as that is known, in a request of a route that identifies. What a client itself says there
/// goes.
pub fn tell(request: &mut RequestHead, consumer: Option<&Consumer>) {
    for name in TOLD {
        request.fields.remove_bytes(name);
    }
    let Some(consumer) = consumer else { return };
    request.fields.append_bytes(TOLD[0], consumer.name.as_bytes());
    if !consumer.groups.is_empty() {
        request.fields.append_bytes(TOLD[1], consumer.groups_listed.as_bytes());
    }
}
