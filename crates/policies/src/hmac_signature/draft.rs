//! The older form: `Authorization: Signature keyId="…",algorithm="…",headers="…",signature="…"` (draft-cavage-http-signatures-12), and
//! `Authorization: hmac username="…", …`, as other gateways write it, with `request-line` and `@request-target` among what is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_http::{Known, RequestHead, list_items};

use super::components::{self, Asked};
use super::signed::{Refused, Signed};
use super::{HmacAlgorithm, SignatureForm};

/// Parameters that a signature may have, those that mean nothing here among them.
const MOST_PARAMETERS: usize = 16;

/// Whether a request is signed so.
pub(super) fn is_shown(request: &RequestHead) -> bool {
    request.fields.all_known(Known::Authorization).any(|line| parameters(line).is_some())
}

/// Takes the signature out of a request.
pub(super) fn remove(request: &mut RequestHead) {
    if is_shown(request) {
        request.fields.remove_known(Known::Authorization);
    }
}

/// Whether the signature covers the digest of the body; none where there is no signature.
pub(super) fn covers_digest(request: &RequestHead) -> Option<bool> {
    let line = request.fields.all_known(Known::Authorization).find_map(parameters)?;
    let says = Said::read(line).ok()?;
    Some(says.headers.iter().any(|name| name == "digest" || name == "content-digest"))
}

/// What stands behind the scheme.
fn parameters(line: &[u8]) -> Option<&[u8]> {
    let at = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (scheme, rest) = line.split_at(at);
    let is_known = scheme.eq_ignore_ascii_case(b"Signature") || scheme.eq_ignore_ascii_case(b"hmac");
    is_known.then_some(rest)
}

/// What the parameters say.
struct Said {
    key_id: String,
    algorithm: HmacAlgorithm,
    /// In lower case.
    headers: Vec<String>,
    signature: Vec<u8>,
    created: Option<i64>,
    expires: Option<i64>,
}

impl Said {
    fn read(line: &[u8]) -> Result<Self, Refused> {
        let broken = || Refused::invalid("`Authorization` is not written as it should be");
        let mut found: Vec<(&str, &str)> = Vec::new();
        for item in list_items(line) {
            let (name, value) =
                std::str::from_utf8(item).ok().and_then(|item| item.split_once('=')).ok_or_else(broken)?;
            let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
            let value = if is_quoted { &value[1..value.len() - 1] } else { value };
            let is_known = found.iter().any(|(other, _)| *other == name);
            if value.contains(['"', '\\']) || is_known || found.len() == MOST_PARAMETERS {
                return Err(broken());
            }
            found.push((name, value));
        }
        let of = |name: &str| found.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        let number = |name: &str| of(name).map(str::parse).transpose().map_err(|_| broken());
        let key_id = match (of("keyId"), of("username")) {
            (Some(id), None) | (None, Some(id)) => id.to_owned(),
            _ => return Err(Refused::invalid("it names no key, or two")),
        };
        let algorithm = match of("algorithm") {
            Some("hmac-sha1") => HmacAlgorithm::Sha1,
            Some("hmac-sha256") => HmacAlgorithm::Sha256,
            Some("hmac-sha384") => HmacAlgorithm::Sha384,
            Some("hmac-sha512") => HmacAlgorithm::Sha512,
            _ => return Err(Refused::invalid("it names no algorithm that is known")),
        };
        let headers = of("headers").ok_or_else(|| Refused::invalid("it does not list what is signed"))?;
        let headers: Vec<String> = headers.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        if headers.len() > components::MOST {
            return Err(Refused::invalid("it covers more parts than anybody needs"));
        }
        let signature = of("signature").and_then(|text| STANDARD.decode(text).ok()).ok_or_else(broken)?;
        Ok(Self {
            key_id,
            algorithm,
            headers,
            signature,
            created: number("created")?,
            expires: number("expires")?,
        })
    }
}

/// The signature that a request shows; none where there is none.
pub(super) fn find(asked: &Asked<'_>) -> Option<Result<Signed, Refused>> {
    let mut lines = asked.request.fields.all_known(Known::Authorization);
    let line = lines.find_map(parameters)?;
    let is_alone = asked.request.fields.all_known(Known::Authorization).count() == 1;
    if !is_alone {
        return Some(Err(Refused::invalid("there is more than one `Authorization`")));
    }
    Some(Said::read(line).and_then(|said| signed(asked, said)))
}

fn signed(asked: &Asked<'_>, said: Said) -> Result<Signed, Refused> {
    let (mut message, mut covered) = (Vec::new(), Vec::new());
    // The time of the signature: what is not signed does not count.
    let (mut created, mut expires) = (None, None);
    for name in &said.headers {
        if covered.contains(name) {
            return Err(Refused::invalid("something is signed twice"));
        }
        if !message.is_empty() {
            message.push(b'\n');
        }
        let value = value(asked, name, &said)?;
        match &**name {
            "request-line" => message.extend_from_slice(&value),
            name => {
                message.extend_from_slice(name.as_bytes());
                message.extend_from_slice(b": ");
                message.extend_from_slice(&value);
            }
        }
        match &**name {
            "request-line" | "(request-target)" | "@request-target" => {
                covered.extend(["@method", "@request-target"].map(str::to_owned));
            }
            "(created)" => created = said.created,
            "(expires)" => expires = said.expires,
            "date" | "x-date" => created = created.or(time(&value)),
            _ => {}
        }
        covered.push(name.clone());
    }
    let Said { key_id, algorithm, signature, .. } = said;
    Ok(Signed {
        form: SignatureForm::Cavage,
        key_id,
        algorithm,
        message,
        signature,
        covered,
        created,
        expires,
    })
}

fn value(asked: &Asked<'_>, name: &str, said: &Said) -> Result<Vec<u8>, Refused> {
    let (method, target) = (asked.method.as_str(), asked.target.as_str());
    let number = |number: Option<i64>| number.map(|number| number.to_string().into_bytes());
    let value = match name {
        "request-line" => Some(format!("{method} {target} {}", asked.request.version.as_str()).into_bytes()),
        "(request-target)" | "@request-target" => {
            Some(format!("{} {target}", method.to_ascii_lowercase()).into_bytes())
        }
        "(created)" => number(said.created),
        "(expires)" => number(said.expires),
        name => asked.field(name),
    };
    value.ok_or_else(|| Refused::invalid("something is signed that the request does not have"))
}

/// Seconds since 1970 of a date in any form of RFC 9110 section 5.6.7.
fn time(date: &[u8]) -> Option<i64> {
    let date = httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok()?;
    i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
}
