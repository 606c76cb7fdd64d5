//! Who is counted: the key of a request. Keys of different kinds never meet, whatever a client writes into one: each begins with its kind, and
//! what comes from outside is escaped.

use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use aws_lc_rs::digest::{SHA256, digest};
use maitred_config::scalar::{Template as WrittenTemplate, ValueName, template};
use maitred_config::{Node, Problem, Read, Reader, Shape, Spanned, TextShape};
use maitred_policy::values::{Available, Rendered, Template, Value, View};
use maitred_policy::{Build, Facts};

/// What requests are told apart by, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum ByConfig {
    /// Who asks, as far as that is known.
    Caller,
    /// A value of the request.
    Value(ValueName),
    /// A text with values.
    Template(WrittenTemplate),
}

static BY: TextShape =
    TextShape { name: "value name, text with values, or `caller`", example: "client.ip", pattern: None };

impl Read for ByConfig {
    fn shape() -> Shape {
        Shape::Text(&BY)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match node.as_text() {
            Some("caller") => Some(Self::Caller),
            Some(text) if text.contains('{') => reader.scalar(node, &BY, template::parse).map(Self::Template),
            _ => ValueName::read(node, reader).map(Self::Value),
        }
    }
}

/// Keys that are longer are hashed, in bytes.
const LONGEST: usize = 256;

/// Who is counted.
#[derive(Debug)]
pub(crate) struct Callers {
    by: Box<[By]>,
    /// Whether each route counts for itself.
    pub(crate) per_route: bool,
    /// How many bits of an IPv6 address tell clients apart.
    pub(crate) ipv6_prefix: u8,
}

#[derive(Debug)]
enum By {
    Caller,
    Address,
    /// A value, behind its name.
    Value(Box<str>, Value),
    /// A text, as it is written.
    Text(Template),
}

impl By {
    fn compile(written: &ByConfig) -> Result<Self, String> {
        Ok(match written {
            ByConfig::Caller => Self::Caller,
            ByConfig::Value(ValueName::ClientIp) => Self::Address,
            ByConfig::Value(name) => {
                Self::Value(name.to_string().into(), never_alone(Value::compile(name, Available::Request)?)?)
            }
            ByConfig::Template(template) => {
                let text = Template::compile(template, Available::Request)?;
                text.values().cloned().try_for_each(|value| never_alone(value).map(|_| ()))?;
                Self::Text(text)
            }
        })
    }

    /// Appends one part; false, and nothing, if it is missing.
    fn write(&self, view: &View<'_>, key: &mut Vec<u8>) -> bool {
        let mut told = Vec::new();
        match self {
            Self::Caller => return write_caller(view.facts, key),
            Self::Address => return false,
            Self::Value(name, value) => {
                if !value.write(view, &mut told) {
                    return false;
                }
                push(key, name.as_bytes());
            }
            Self::Text(text) => {
                if text.render_text(view, &mut told) == Rendered::Missing {
                    return false;
                }
                key.extend_from_slice(b"text");
            }
        }
        key.push(b':');
        push(key, &told);
        true
    }

    fn needs_identity(&self) -> bool {
        match self {
            Self::Caller => true,
            Self::Address => false,
            Self::Value(_, value) => value.is_of_identity(),
            Self::Text(text) => text.values().any(Value::is_of_identity),
        }
    }
}

/// Refuses what is another for each request.
fn never_alone(value: Value) -> Result<Value, String> {
    let name = match value {
        Value::RequestId => "request.id",
        Value::Now => "now",
        _ => return Ok(value),
    };
    Err(format!("`{name}` is another for each request, so that none would be refused"))
}

/// Whether what is written here is known only once somebody was identified. What cannot be compiled is not.
pub(crate) fn needs_identity(by: &[Spanned<ByConfig>]) -> bool {
    by.iter().filter_map(|by| By::compile(&by.value).ok()).any(|by| by.needs_identity())
}

impl Callers {
    /// Compiles what is written. Problems are reported.
    pub(crate) fn compile(
        by: &[Spanned<ByConfig>],
        per_route: bool,
        ipv6_prefix: u8,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        if ipv6_prefix == 0 || ipv6_prefix > 128 {
            let problem = Problem::error("an IPv6 address has 128 bits").at(build.span());
            build.report(problem.help("write `ipv6_prefix: 64`, the network of one customer"));
            return None;
        }
        let compiled = by.iter().filter_map(|by| {
            By::compile(&by.value).map_err(|message| build.report(Problem::error(message).at(by.span))).ok()
        });
        let compiled: Box<[By]> = compiled.collect();
        (compiled.len() == by.len()).then_some(Self { by: compiled, per_route, ipv6_prefix })
    }

    /// Writes the key of a request. A missing value is replaced by the client's address. One that is long is told by its hash: quotas are
    /// kept by their keys, and whoever sends long ones does not take more room than others.
    pub(crate) fn write(&self, view: &View<'_>, key: &mut Vec<u8>) {
        if self.per_route {
            key.extend_from_slice(b"route:");
            push(key, view.facts.route.name.as_bytes());
        }
        for by in &self.by {
            if !key.is_empty() {
                key.push(b',');
            }
            if !by.write(view, key) {
                self.write_address(view.facts.client, key);
            }
        }
        if key.is_empty() {
            key.extend_from_slice(b"all");
        }
        if key.len() > LONGEST {
            let hash = digest(&SHA256, key);
            key.clear();
            // Values begin otherwise.
            key.extend_from_slice(b"sha256:");
            for byte in hash.as_ref() {
                write!(key, "{byte:02x}").expect("writing to memory does not fail");
            }
        }
    }

    fn write_address(&self, client: IpAddr, key: &mut Vec<u8>) {
        let shown = match client.to_canonical() {
            IpAddr::V6(address) if self.ipv6_prefix < 128 => {
                let network = address.to_bits() & !(u128::MAX >> self.ipv6_prefix);
                write!(key, "ip:{}/{}", Ipv6Addr::from_bits(network), self.ipv6_prefix)
            }
            IpAddr::V6(address) => write!(key, "ip:{address}"),
            // For most requests of most limits, so not by the machinery of formatting.
            IpAddr::V4(address) => {
                key.extend_from_slice(b"ip:");
                for (at, octet) in address.octets().into_iter().enumerate() {
                    if at > 0 {
                        key.push(b'.');
                    }
                    key.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
                }
                Ok(())
            }
        };
        shown.expect("writing to memory does not fail");
    }
}

/// The consumer, else issuer and subject; false if neither is known.
fn write_caller(facts: &Facts, key: &mut Vec<u8>) -> bool {
    if let Some(consumer) = &facts.consumer {
        key.extend_from_slice(b"consumer:");
        push(key, consumer.name.as_bytes());
        return true;
    }
    let Some(claims) = &facts.claims else { return false };
    let Some(subject) = &claims.subject else { return false };
    key.extend_from_slice(b"subject:");
    push(key, claims.issuer.as_bytes());
    key.push(b' ');
    push(key, subject.as_bytes());
    true
}

/// Appends what comes from outside. What separates parts of a key, and what cannot be read in a terminal or a path, is percent-encoded.
fn push(key: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b',') {
            key.push(byte);
        } else {
            write!(key, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
}

#[cfg(test)]
mod tests;
