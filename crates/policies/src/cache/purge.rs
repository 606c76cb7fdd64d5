//! What is removed from a cache: by URL, prefix or tag, or all of it.
//! Who may say so is in `admin.rs` and `replicas.rs`.

use maitred_cache::{Entry, QueryRule, write_key};
use maitred_http::{PathRules, RequestHead, Scheme};
use serde_json::{Value, json};

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
    /// Reads what an operator says. `Err` is what is wrong with it.
    pub(super) fn read(text: &[u8], rule: &QueryRule) -> Result<Self, &'static str> {
        const WANTED: &str =
            "one of these is wanted: {\"url\": …}, {\"prefix\": …}, {\"tag\": …}, {\"all\": true}";
        let Ok(Value::Object(members)) = serde_json::from_slice(text) else { return Err(WANTED) };
        let mut members = members.into_iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else { return Err(WANTED) };
        match (name.as_str(), value) {
            ("all", Value::Bool(true)) => Ok(Self::All),
            ("url", Value::String(url)) => key_of(&url, rule)
                .map(Self::Key)
                .ok_or("`url` is no URL with a host: https://example.com/path"),
            ("prefix", Value::String(prefix)) => {
                // As a whole URL is read: a host without a path is all of that host, and no other that begins so.
                key_of(&prefix, &QueryRule::All)
                    .map(Self::Prefix)
                    .ok_or("`prefix` does not begin as a URL with a host does: https://example.com/folder/")
            }
            ("tag", Value::String(tag)) if !tag.is_empty() => Ok(Self::Tag(tag.into_bytes().into())),
            _ => Err(WANTED),
        }
    }

    /// Reads what another replica says: keys, and parts of them.
    pub(super) fn hear(message: &Value) -> Option<Self> {
        let bytes = |name: &str| message[name].as_str().map(|text| text.as_bytes().into());
        if let Some(key) = bytes("key") {
            return Some(Self::Key(key));
        }
        if let Some(prefix) = bytes("prefix") {
            return Some(Self::Prefix(prefix));
        }
        if let Some(tag) = bytes("tag") {
            return Some(Self::Tag(tag));
        }
        message["all"].as_bool()?.then_some(Self::All)
    }

    /// Whether it removes an answer that is kept under this key.
    pub(super) fn concerns(&self, key: &[u8], entry: &Entry) -> bool {
        match self {
            Self::Key(other) => *key == **other,
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Tag(tag) => entry.has_tag(tag),
            Self::All => true,
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
fn key_of(url: &str, rule: &QueryRule) -> Option<Box<[u8]>> {
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
    Some(key.into())
}
