//! Reading the scalars that have a grammar. The grammars are in [`crate::scalar`]; here they get their names.
//! Each is known to schemas and messages by the name and the example that it has here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ipnet::IpNet;

use super::{Read, Reader, Shape, TextShape};
use crate::node::Node;
use crate::problem::Problem;
use crate::scalar::{
    ByteRate, FieldPath, Fingerprint, HostPattern, HttpUrl, IpEntry, KeyHash, PathPattern, Percent, Rate,
    Template, ValueName, byte_rate, cidr, duration, field_path, fingerprint, header_name, header_value,
    host_pattern, http_url, https_url, instant, ip_entry, key_hash, method, path_pattern, percent, rate,
    server_name, size, status, template, value_name,
};

/// A number of bytes, written with its unit: `8MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A request method: `GET`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method(pub String);

/// The name of a header field, spelled as written. Names do not distinguish case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderName(pub String);

/// The value of a header field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(pub String);

/// A status code from 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusCode(pub u16);

/// The name of a TLS server, in lower case, or an address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName(pub String);

/// The URL of a page that is fetched over TLS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpsUrl(pub String);

/// The path of a file that is read when the document is compiled; relative ones count from the file in which they are written.
/// Its change calls for a new load: [`Reader::into_files`] lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath(pub PathBuf);

impl FilePath {
    /// The path, ready to be opened.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// The path of a folder in which the gateway keeps files of its own; relative ones count from the file in which they are written,
/// also where it is a default. What changes in it calls for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FolderPath(pub PathBuf);

impl FolderPath {
    /// The path, ready to be opened.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// The path of a file that the gateway writes and reads itself; relative ones count from the file in which they are written. What changes in
/// it calls for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatePath(pub PathBuf);

impl StatePath {
    /// The path, ready to be opened.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! scalars {
    ($($ty:ty: $name:literal, $example:literal, $pattern:expr, $parse:expr;)*) => {$(
        impl Read for $ty {
            fn shape() -> Shape {
                static SHAPE: TextShape = TextShape { name: $name, example: $example, pattern: $pattern };
                Shape::Text(&SHAPE)
            }

            fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
                static SHAPE: TextShape = TextShape { name: $name, example: $example, pattern: $pattern };
                reader.scalar(node, &SHAPE, $parse)
            }
        }
    )*};
}

const DURATION: &str = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$";
const SIZE: &str = "^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$";

scalars! {
    SystemTime: "instant", "2026-12-01T09:00:00Z", Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]"), instant::parse;
    Duration: "duration", "10s", Some(DURATION), duration::parse;
    ByteSize: "size", "8MiB", Some(SIZE), |text| size::parse(text).map(ByteSize);
    ByteRate: "rate of bytes", "1KiB/s", None, byte_rate::parse;
    Rate: "rate", "10/s", Some("^[0-9]+/"), rate::parse;
    Percent: "percentage", "20%", Some("%$"), percent::parse;
    IpNet: "network", "10.0.0.0/8", None, cidr::parse;
    IpEntry: "network or name of a list", "10.0.0.0/8", None, ip_entry::parse;
    HostPattern: "host", "api.example.com", None, host_pattern::parse;
    PathPattern: "path pattern", "/users/{id}", Some("^(/|~)"), path_pattern::parse;
    Template: "text with values", "/users/{query.user_id}", None, template::parse;
    FieldPath: "path of fields", "realm_access.roles", None, field_path::parse;
    Fingerprint: "fingerprint of a certificate", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Some("^sha256:[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$"), fingerprint::parse;
    ValueName: "value name", "header.X-User-ID", None, value_name::parse;
    Method: "method", "GET", Some("^[A-Z]"), |text| method::parse(text).map(Method);
    HeaderName: "header name", "X-Request-ID", None, |text| header_name::parse(text).map(HeaderName);
    HeaderValue: "header value", "text", None, |text| header_value::parse(text).map(HeaderValue);
    StatusCode: "status code", "404", None, |text| status::parse(text).map(StatusCode);
    ServerName: "name of a server", "orders.internal", None, |text| server_name::parse(text).map(ServerName);
    HttpUrl: "URL", "https://login.example.com/keys", Some("^[Hh][Tt][Tt][Pp][Ss]?://"), http_url::parse;
    HttpsUrl: "URL of a page", "https://acme.example.com/directory", Some("^https://"), |text| https_url::parse(text).map(HttpsUrl);
}

impl Read for KeyHash {
    fn shape() -> Shape {
        Shape::Text(&KEY_HASH)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let hash = reader.scalar(node, &KEY_HASH, key_hash::parse);
        if hash.is_none() {
            // It may be the key itself.
            reader.hide(node);
        }
        hash
    }
}

static KEY_HASH: TextShape = TextShape {
    name: "hash of a key",
    example: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    pattern: Some("^sha256:[0-9A-Fa-f]{64}$"),
};

impl Read for FilePath {
    fn shape() -> Shape {
        static SHAPE: TextShape =
            TextShape { name: "path of a file", example: "certs/shop.pem", pattern: None };
        Shape::Text(&SHAPE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let path = path(node, reader, "the path of a file")?;
        reader.note_file(&path);
        Some(Self(path))
    }
}

impl Read for FolderPath {
    const IS_PATH: bool = true;

    fn shape() -> Shape {
        static SHAPE: TextShape =
            TextShape { name: "path of a folder", example: "/var/lib/maitred/acme", pattern: None };
        Shape::Text(&SHAPE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        path(node, reader, "the path of a folder").map(Self)
    }
}

impl Read for StatePath {
    fn shape() -> Shape {
        static SHAPE: TextShape =
            TextShape { name: "path of a file", example: "/var/lib/maitred/counters", pattern: None };
        Shape::Text(&SHAPE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        path(node, reader, "the path of a file").map(Self)
    }
}

fn path(node: &Node, reader: &mut Reader<'_>, wanted: &str) -> Option<PathBuf> {
    let text = node.as_text().filter(|text| !text.is_empty());
    let Some(text) = text else { return reader.wanted(wanted, node) };
    if text.contains(char::is_control) || text.starts_with("-----BEGIN") {
        // It may be a private key.
        reader.hide(node);
        let problem = Problem::error(format!("{wanted} is wanted here, not what is in it"));
        reader.problem(problem.at(reader.place(node)).help("put it in a file, and write where that is"));
        return None;
    }
    Some(reader.resolve_path(text, node))
}
