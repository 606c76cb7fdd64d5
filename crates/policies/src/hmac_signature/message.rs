//! HTTP Message Signatures (RFC 9421): `Signature-Input` says what is signed, and `Signature` has the signatures. Both are read as the structured
//! fields that they are (RFC 9651), without mercy.

use maitred_http::RequestHead;
use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Item, ListEntry, Parameters, Parser};

use super::components::{self, Asked, lines};
use super::keys::Keys;
use super::signed::{Refused, Signed};
use super::{HmacAlgorithm, SignatureForm};

const INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";

/// Whether a request is signed so. The field `Signature` alone may belong to another form.
pub(super) fn is_shown(request: &RequestHead) -> bool {
    lines(request, INPUT).is_some()
}

/// Takes the signature out of a request.
pub(super) fn remove(request: &mut RequestHead) {
    if is_shown(request) {
        request.fields.remove_bytes(INPUT.as_bytes());
        request.fields.remove_bytes(SIGNATURE.as_bytes());
    }
}

/// Whether a signature covers the digest of the body; none where there is no signature.
pub(super) fn covers_digest(request: &RequestHead) -> Option<bool> {
    let inputs = dictionary(&lines(request, INPUT)?);
    let is_digest =
        |item: &Item| item.bare_item.as_string().is_some_and(|name| name.as_str() == "content-digest");
    let covers =
        |entry: &ListEntry| matches!(entry, ListEntry::InnerList(list) if list.items.iter().any(is_digest));
    Some(inputs.is_some_and(|inputs| inputs.values().any(covers)))
}

fn dictionary(text: &[u8]) -> Option<Dictionary> {
    Parser::new(text).parse().ok()
}

/// The signature that a request shows: of several the first by a key that is known. None where there is none.
pub(super) fn find(asked: &Asked<'_>, keys: &Keys) -> Option<Result<Signed, Refused>> {
    let inputs = lines(asked.request, INPUT)?;
    let signatures = lines(asked.request, SIGNATURE).unwrap_or_default();
    Some(read(asked, keys, &inputs, &signatures))
}

fn read(asked: &Asked<'_>, keys: &Keys, inputs: &[u8], signatures: &[u8]) -> Result<Signed, Refused> {
    let inputs = dictionary(inputs)
        .ok_or_else(|| Refused::invalid("`Signature-Input` is not written as it should be"))?;
    let signatures = dictionary(signatures)
        .ok_or_else(|| Refused::invalid("`Signature` is not written as it should be"))?;
    let is_ours = |entry: &ListEntry| {
        let ListEntry::InnerList(list) = entry else { return false };
        text(&list.params, "keyid").is_ok_and(|id| id.is_some_and(|id| keys.has(&id)))
    };
    let (label, entry) = inputs
        .iter()
        .find(|(_, entry)| is_ours(entry))
        .or_else(|| inputs.first())
        .ok_or_else(|| Refused::invalid("`Signature-Input` is empty"))?;
    let ListEntry::InnerList(input) = entry else {
        return Err(Refused::invalid("`Signature-Input` does not list what is signed"));
    };
    let signature = match signatures.get(label) {
        Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => bytes.clone(),
        _ => return Err(Refused::invalid("`Signature` has no signature of the label in `Signature-Input`")),
    };
    signed(asked, input, signature)
}

fn signed(asked: &Asked<'_>, input: &InnerList, signature: Vec<u8>) -> Result<Signed, Refused> {
    let params = &input.params;
    if text(params, "alg")?.is_some_and(|algorithm| algorithm != "hmac-sha256") {
        return Err(Refused::invalid("its algorithm is not `hmac-sha256`"));
    }
    let key_id = text(params, "keyid")?.ok_or_else(|| Refused::invalid("it names no key"))?;
    // Nothing is made of them, but they have to be what they should be.
    let _ = (text(params, "nonce")?, text(params, "tag")?);
    let (covered, message) = message(asked, input)?;
    Ok(Signed {
        form: SignatureForm::Rfc9421,
        key_id,
        algorithm: HmacAlgorithm::Sha256,
        message,
        signature,
        covered,
        created: number(params, "created")?,
        expires: number(params, "expires")?,
    })
}

/// What is signed, and the bytes that the signature is over (section 2.5).
fn message(asked: &Asked<'_>, input: &InnerList) -> Result<(Vec<String>, Vec<u8>), Refused> {
    if input.items.len() > components::MOST {
        return Err(Refused::invalid("it covers more parts than anybody needs"));
    }
    let (mut covered, mut message, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for item in &input.items {
        let identifier = item.serialize();
        if seen.contains(&identifier) {
            return Err(Refused::invalid("something is signed twice"));
        }
        let (name, value) = component(asked, item)?;
        message.extend_from_slice(identifier.as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(&value);
        message.push(b'\n');
        covered.extend(name);
        seen.push(identifier);
    }
    let all: Vec<ListEntry> = vec![input.clone().into()];
    let params = all.serialize().ok_or_else(|| Refused::invalid("nothing is signed"))?;
    message.extend_from_slice(b"\"@signature-params\": ");
    message.extend_from_slice(params.as_bytes());
    Ok((covered, message))
}

/// The value of one component, and its name, unless it covers only a part of what the name means.
fn component(asked: &Asked<'_>, item: &Item) -> Result<(Option<String>, Vec<u8>), Refused> {
    let name = item
        .bare_item
        .as_string()
        .ok_or_else(|| Refused::invalid("what is signed is not named by strings"))?;
    let name = name.as_str();
    let absent = || Refused::invalid("something is signed that the request does not have");
    if name == "@query-param" && item.params.len() == 1 {
        let param =
            text(&item.params, "name")?.ok_or_else(|| Refused::invalid("`@query-param` has no name"))?;
        return Ok((None, asked.query_param(&param).ok_or_else(absent)?));
    }
    if !item.params.is_empty() {
        return Err(Refused::invalid("a parameter of what is signed is not known"));
    }
    let value = match name {
        name if name.starts_with('@') => asked.derived(name),
        name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => None,
        name => asked.field(name),
    };
    Ok((Some(name.to_owned()), value.ok_or_else(absent)?))
}

fn text(params: &Parameters, name: &str) -> Result<Option<String>, Refused> {
    match params.get(name) {
        None => Ok(None),
        Some(BareItem::String(text)) => Ok(Some(text.as_str().to_owned())),
        Some(_) => Err(Refused::invalid("a parameter is not a string, as it should be")),
    }
}

fn number(params: &Parameters, name: &str) -> Result<Option<i64>, Refused> {
    match params.get(name) {
        None => Ok(None),
        Some(BareItem::Integer(number)) => Ok(Some(i64::from(*number))),
        Some(_) => Err(Refused::invalid("a parameter is not a number, as it should be")),
    }
}
