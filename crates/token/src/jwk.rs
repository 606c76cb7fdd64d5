//! Keys as JSON (RFC 7517), of the kinds that signatures have (RFC 7518 section 6, RFC 8037).
//! `alg`, `use` and `key_ops` of a key say what it is for; certificates in it are not looked at.

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::key::{Key, KeyError};

/// The key that this object is. `Err` says why it cannot check a signature.
pub(crate) fn read(jwk: &Map<String, Value>) -> Result<Key, KeyError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if jwk.get("use").is_some_and(|used| *used != "sig") {
        return Err(KeyError::new("its `use` is not `sig`"));
    }
    let verifies =
        |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err(KeyError::new("its `key_ops` has no `verify`"));
    }
    let declared = match jwk.get("alg") {
        None => None,
        Some(written) => Some(
            written
                .as_str()
                .and_then(declared)
                .ok_or_else(|| KeyError::new("its `alg` is none of signatures that is known"))?,
        ),
    };
    let id = match jwk.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.as_str().into()),
        Some(_) => return Err(KeyError::new("its `kid` is no text")),
    };
    let key = match text("kty") {
        Some("oct") => secret(&member(jwk, "k")?, declared),
        Some("RSA") => Key::of_rsa(&member(jwk, "n")?, &member(jwk, "e")?, &rsa_algorithms(declared)),
        Some("EC") => curve(jwk, text("crv").unwrap_or_default()),
        Some("OKP") if text("crv") == Some("Ed25519") => match member(jwk, "x")? {
            key if key.len() == 32 => Key::of_curve(Algorithm::EdDsa, &key),
            _ => Err(KeyError::new("an Ed25519 key has 32 bytes")),
        },
        _ => Err(KeyError::new("its `kty` is none of signatures that is known")),
    }?;
    match declared {
        Some(algorithm) if !key.is_for(algorithm) => {
            Err(KeyError::new("its `alg` is not one of its kind of key"))
        }
        _ => Ok(key.with_id(id)),
    }
}

/// What `alg` of a key says. `ES521` is what some write for `ES512`, whose curve is P-521.
fn declared(written: &str) -> Option<Algorithm> {
    Algorithm::parse(written).or((written == "ES521").then_some(Algorithm::Es512))
}

/// The bytes of a member; numbers and keys are never empty.
fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = jwk.get(name).and_then(Value::as_str);
    let bytes = text.and_then(|text| base64url::decode(text.as_bytes())).filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| KeyError::new(format!("its `{name}` is missing, or is not written in base64url")))
}

/// A secret is for the algorithm that it declares, or for those that it is long enough for.
fn secret(secret: &[u8], declared: Option<Algorithm>) -> Result<Key, KeyError> {
    let fits =
        |algorithm: &Algorithm| algorithm.shortest_secret().is_some_and(|shortest| secret.len() >= shortest);
    match declared {
        Some(algorithm) => Key::of_secret(secret, &[algorithm]),
        None if !fits(&Algorithm::Hs256) => Key::of_secret(secret, &[Algorithm::Hs256]),
        None => Key::of_secret(secret, &Algorithm::SECRET.into_iter().filter(fits).collect::<Vec<_>>()),
    }
}

/// The algorithms of an RSA key: all, or that which it declares and those with the same padding and a stronger hash. Padding is what must
/// not be mixed; that a key which says `PS256` also signs by PS384 is found in the wild.
fn rsa_algorithms(declared: Option<Algorithm>) -> Vec<Algorithm> {
    const LADDERS: [[Algorithm; 3]; 2] = [
        [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512],
        [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512],
    ];
    let Some(declared) = declared else { return Algorithm::RSA.to_vec() };
    let from = |ladder: [Algorithm; 3]| ladder.into_iter().skip_while(move |step| *step != declared);
    LADDERS.into_iter().flat_map(from).collect()
}

fn curve(jwk: &Map<String, Value>, name: &str) -> Result<Key, KeyError> {
    let (algorithm, size) = match name {
        "P-256" => (Algorithm::Es256, 32),
        "P-384" => (Algorithm::Es384, 48),
        "P-521" => (Algorithm::Es512, 66),
        _ => return Err(KeyError::new("its `crv` is none that is known")),
    };
    let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
    // RFC 7518 section 6.2.1.2: as long as the curve's numbers, with zeros in front.
    if x.len() != size || y.len() != size {
        return Err(KeyError::new(format!("the numbers of a point of {name} have {size} bytes")));
    }
    // SEC 1 section 2.3.3: a point that is not compressed.
    Key::of_curve(algorithm, &[&[4][..], &x, &y].concat())
}
