//! What is removed from a cache: by URL, prefix or tag, or all of it.
//! Who may say so is in `admin.rs` and `replicas.rs`.

use std::sync::atomic::Ordering;

use maitred_cache::{QueryRule, write_key};
use maitred_http::{PathRules, RequestHead, Scheme};
use serde_json::{Value, json};

use super::shared::CacheShared;

/// What is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purge {
    /// All answers under this key.
    Key(Box<[u8]>),
    /// All whose keys begin so.
    Prefix(Box<[u8]>),
    /// All that have this tag.
    Tag(Box<[u8]>),
    /// All.
    All,
}

impl Purge {
    /// Reads what an operator, or another replica, says. `Err` is what is wrong with it.
    pub(super) fn read(text: &[u8], rule: &QueryRule) -> Result<Self, &'static str> {
        const WANTED: &str =
            "one of these is wanted: {\"url\": …}, {\"prefix\": …}, {\"tag\": …}, {\"all\": true}";
        let Ok(Value::Object(members)) = serde_json::from_slice(text) else { return Err(WANTED) };
        let mut members = members.into_iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else { return Err(WANTED) };
        match (name.as_str(), value) {
            ("all", Value::Bool(true)) => Ok(Self::All),
            ("url", Value::String(url)) => {
                key_of(&url, rule).ok_or("`url` is no URL with a host: https://example.com/path")
            }
            ("prefix", Value::String(prefix)) if !prefix.is_empty() => {
                Ok(Self::Prefix(normal_origin(&prefix).into_bytes().into()))
            }
            ("tag", Value::String(tag)) if !tag.is_empty() => Ok(Self::Tag(tag.into_bytes().into())),
            // What replicas tell each other.
            ("key", Value::String(key)) => Ok(Self::Key(key.into_bytes().into())),
            _ => Err(WANTED),
        }
    }

    /// As it is told to other replicas. Keys are ASCII, for URLs are.
    pub(super) fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Key(key) => json!({ "key": text(key) }),
            Self::Prefix(prefix) => json!({ "prefix": text(prefix) }),
            Self::Tag(tag) => json!({ "tag": text(tag) }),
            Self::All => json!({ "all": true }),
        }
    }
}

/// The key of a URL.
fn key_of(url: &str, rule: &QueryRule) -> Option<Purge> {
    let (scheme, rest) = match url.split_once("://")? {
        (scheme, rest) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        (scheme, rest) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        _ => return None,
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(host_end);
    let target = target.split('#').next().unwrap_or_default();
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let mut request = RequestHead::default();
    request.authority.parse(host.as_bytes()).ok()?;
    request.target.parse(target.as_bytes(), PathRules::Strict).ok()?;
    let mut key = Vec::new();
    write_key(&mut key, scheme, &request, rule);
    Some(Purge::Key(key.into()))
}

/// Scheme and host in lower case, as keys have them.
fn normal_origin(prefix: &str) -> String {
    let origin_end = prefix.find("://").map_or(0, |at| at + 3);
    let path = prefix[origin_end..].find('/').map_or(prefix.len(), |at| origin_end + at);
    prefix[..path].to_ascii_lowercase() + &prefix[path..]
}

impl CacheShared {
    /// Removes it, and does not keep what was on its way. Tells how many answers were removed.
    pub(super) fn purge(&self, purge: &Purge) -> usize {
        if let Purge::Key(key) = purge {
            return self.invalidate(key);
        }
        self.flights.void_all();
        let removed = self.answers.remove_where(|key, entry| match purge {
            Purge::Key(other) => *key == **other,
            Purge::Prefix(prefix) => key.starts_with(prefix),
            Purge::Tag(tag) => entry.has_tag(tag),
            Purge::All => true,
        });
        self.removed.fetch_add(removed as u64, Ordering::Relaxed);
        removed
    }
}
