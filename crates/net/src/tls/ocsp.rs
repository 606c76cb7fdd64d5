//! OCSP responses that are stapled to a certificate (RFC 6960): whether one is about it, and until when it holds.
//! Its signature is not verified here; clients do that. Who fetches it and renews the file is the user's business.

use std::time::SystemTime;

use x509_cert::der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{self, Decode, ErrorKind, Reader, SliceReader, Tag, Tagged};

use super::problem::TlsProblemKind;

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// Judges a response for the certificate with this serial number. What is in `Ok` is to be told as a warning; with
/// [`TlsProblemKind::ExpiredOcsp`] the response is not to be sent.
pub(super) fn judge(
    response: &[u8],
    serial: &[u8],
    now: SystemTime,
) -> Result<Option<TlsProblemKind>, TlsProblemKind> {
    let basic = basic(response).map_err(|_| TlsProblemKind::BadOcsp)?.ok_or(TlsProblemKind::FailedOcsp)?;
    let answers = answers(basic).map_err(|_| TlsProblemKind::BadOcsp)?;
    let serial = without_zeros(serial);
    let ours = answers.iter().find(|answer| answer.serial == serial).ok_or(TlsProblemKind::OtherOcsp)?;
    Ok(match ours.next_update {
        Some(until) if until < now => Some(TlsProblemKind::ExpiredOcsp(until)),
        _ if ours.is_revoked => Some(TlsProblemKind::Revoked),
        _ => None,
    })
}

/// What a response says of one certificate.
struct Answer<'a> {
    serial: &'a [u8],
    is_revoked: bool,
    next_update: Option<SystemTime>,
}

/// The `BasicOCSPResponse` within an `OCSPResponse`; none in one that says that it failed.
fn basic(response: &[u8]) -> der::Result<Option<&[u8]>> {
    let mut response = open(AnyRef::from_der(response)?)?;
    let status = AnyRef::decode(&mut response)?;
    if status.tag() != Tag::Enumerated {
        return Err(ErrorKind::Failed.into());
    }
    if status.value() != [0] {
        return Ok(None);
    }
    let mut tagged = open(AnyRef::decode(&mut response)?)?;
    let mut body = open(AnyRef::decode(&mut tagged)?)?;
    if ObjectIdentifier::decode(&mut body)? != BASIC {
        return Err(ErrorKind::Failed.into());
    }
    Ok(Some(<&OctetStringRef>::decode(&mut body)?.as_bytes()))
}

/// The list of `SingleResponse` within the `ResponseData`.
fn answers(basic: &[u8]) -> der::Result<Vec<Answer<'_>>> {
    let mut basic = open(AnyRef::from_der(basic)?)?;
    let mut fields = open(AnyRef::decode(&mut basic)?)?;
    // A version and the responder come first; the time of the response is the field before the list.
    while AnyRef::decode(&mut fields)?.tag() != Tag::GeneralizedTime {}
    let mut list = open(AnyRef::decode(&mut fields)?)?;
    let mut answers = Vec::new();
    while !list.is_finished() {
        answers.push(answer(AnyRef::decode(&mut list)?)?);
    }
    Ok(answers)
}

fn answer(single: AnyRef<'_>) -> der::Result<Answer<'_>> {
    let mut single = open(single)?;
    let mut id = open(AnyRef::decode(&mut single)?)?;
    let _hash_algorithm = AnyRef::decode(&mut id)?;
    let _name_hash = AnyRef::decode(&mut id)?;
    let _key_hash = AnyRef::decode(&mut id)?;
    let serial = without_zeros(AnyRef::decode(&mut id)?.value());
    let is_revoked = is_context(AnyRef::decode(&mut single)?, 1);
    let _this_update = AnyRef::decode(&mut single)?;
    let mut next_update = None;
    if !single.is_finished() {
        let next = AnyRef::decode(&mut single)?;
        if is_context(next, 0) {
            next_update = Some(GeneralizedTime::decode(&mut open(next)?)?.to_system_time());
        }
    }
    Ok(Answer { serial, is_revoked, next_update })
}

/// The inside of a constructed value.
fn open(value: AnyRef<'_>) -> der::Result<SliceReader<'_>> {
    if !value.tag().is_constructed() {
        return Err(ErrorKind::Failed.into());
    }
    SliceReader::new(value.value())
}

fn is_context(value: AnyRef<'_>, number: u32) -> bool {
    matches!(value.tag(), Tag::ContextSpecific { number: found, .. } if found.value() == number)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
