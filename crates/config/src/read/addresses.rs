//! Reading addresses: where to listen, and where services are. Paths of Unix sockets count from the file that names them.
//! Upstreams, routes and policies name services in the same way.

use super::{Read, Reader, Shape, TextShape};
use crate::node::Node;
use crate::scalar::{
    EndpointTarget, EndpointUrl, ListenAddress, RedisTarget, RedisUrl, endpoint_url, listen_address,
    redis_url,
};

static ENDPOINT: TextShape =
    TextShape { name: "endpoint URL", example: "http://service:8080", pattern: None };
static REDIS: TextShape =
    TextShape { name: "URL of Redis", example: "redis://127.0.0.1:6379", pattern: None };
static LISTEN: TextShape = TextShape { name: "listen address", example: "0.0.0.0:8080", pattern: None };

impl Read for EndpointUrl {
    fn shape() -> Shape {
        Shape::Text(&ENDPOINT)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut url = reader.scalar(node, &ENDPOINT, endpoint_url::parse)?;
        if let EndpointTarget::Unix(path) = &mut url.target {
            *path = resolved(path, node, reader);
        }
        Some(url)
    }
}

impl Read for ListenAddress {
    fn shape() -> Shape {
        Shape::Text(&LISTEN)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let address = reader.scalar(node, &LISTEN, listen_address::parse)?;
        Some(match address {
            Self::Unix(path) => Self::Unix(resolved(&path, node, reader)),
            tcp @ Self::Tcp(_) => tcp,
        })
    }
}

impl Read for RedisUrl {
    fn shape() -> Shape {
        Shape::Text(&REDIS)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        // Before anything is shown: what stands before an `@` may be a password.
        if node.as_text().is_some_and(|text| text.contains('@')) {
            reader.hide(node);
        }
        let mut url = reader.scalar(node, &REDIS, redis_url::parse)?;
        if let RedisTarget::Unix(path) = &mut url.target {
            *path = resolved(path, node, reader);
        }
        let has_plain = node.as_scalar().is_some_and(|scalar| has_plain_password(scalar.written()));
        if has_plain {
            reader.tell_plain_secret(node);
        }
        (!has_plain).then_some(url)
    }
}

/// Whether a password stands in the text of a URL, of which `${…}` was not replaced yet. Before an `@` there has to be one reference as the
/// whole password, or as user and password, so that the text can be shown.
fn has_plain_password(written: &str) -> bool {
    let is_hidden = |at: usize| {
        let before = &written[..at];
        let start = before.ends_with('}').then(|| before.rfind("${")).flatten()?;
        let (_, user) = before[..start].rsplit_once("//")?;
        Some(user.is_empty() || user.find(':') == Some(user.len() - 1))
    };
    written.match_indices('@').any(|(at, _)| is_hidden(at) != Some(true))
}

fn resolved(path: &str, node: &Node, reader: &Reader<'_>) -> String {
    reader.resolve_path(path, node).to_string_lossy().into_owned()
}
