//! A token in its compact form (RFC 7515 section 7.1), parsed and not yet believed.
//! What its header says besides `alg`, `kid` and `typ` is either harmless or refused: a token brings no keys and changes no rules.

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::refusal::Refusal;
use crate::{base64url, object};

/// Bytes that a token may have.
pub const LONGEST: usize = 16 * 1024;

/// A token, parsed. Nothing of it is true before [`KeySet::verify`](crate::KeySet::verify) says so.
#[derive(Debug)]
pub struct Jws<'a> {
    /// What is signed: header and payload as they came.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Box<str>>,
    pub(crate) kind: Option<Box<str>>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Parses a token.
    pub fn parse(token: &'a [u8]) -> Result<Self, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed("it does not have three parts"));
        };
        let signed = &token[..header.len() + 1 + payload.len()];
        let decode =
            |part: &[u8]| base64url::decode(part).ok_or(Refusal::Malformed("it is not written in base64url"));
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = object::parse(&header)
            .ok_or(Refusal::Malformed("its header is no JSON object, or has a member twice"))?;
        let (algorithm, key_id, kind) = read(&header)?;
        Ok(Self { signed, signature, algorithm, key_id, kind, payload })
    }

    /// The bytes that are signed for, decoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as that of a JWT: an object.
    pub fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        object::parse(&self.payload)
            .ok_or(Refusal::Malformed("its payload is no JSON object, or has a member twice"))
    }

    /// The key that it names, if it does.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
}

type Said = (Algorithm, Option<Box<str>>, Option<Box<str>>);

/// Algorithm, key and type, as a header says.
fn read(header: &Map<String, Value>) -> Result<Said, Refusal> {
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Refusal::Malformed("a member of its header that is a text is none")),
    };
    // RFC 7515 section 4.1.11: what must be understood and is not makes it invalid; there is nothing here that is.
    if header.contains_key("crit") {
        return Err(Refusal::Unsupported("its header has `crit`"));
    }
    // RFC 7797: the payload would not be encoded. It counts only with `crit`, and those who read it without differ.
    if header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
        return Err(Refusal::Unsupported("its header has `b64`"));
    }
    // RFC 7519 section 5.2: another token inside. Who reads that has to know whom it comes from.
    if text("cty")?.is_some_and(|cty| bare_type(cty).eq_ignore_ascii_case("JWT")) {
        return Err(Refusal::Unsupported("it is a token inside a token"));
    }
    if header.contains_key("enc") || header.contains_key("zip") {
        return Err(Refusal::Unsupported("it is encrypted or compressed"));
    }
    let algorithm = text("alg")?.and_then(Algorithm::parse).ok_or(Refusal::Algorithm)?;
    Ok((algorithm, text("kid")?.map(Into::into), text("typ")?.map(Into::into)))
}

/// A media type without `application/`, which may be left out (RFC 7515 section 4.1.9).
pub(crate) fn bare_type(written: &str) -> &str {
    const PREFIX: &str = "application/";
    match written.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) && !written[PREFIX.len()..].contains('/') => {
            &written[PREFIX.len()..]
        }
        _ => written,
    }
}
