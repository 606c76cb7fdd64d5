//! One order from its beginning to the certificate: the names are proved in one way, then the authority signs (RFC 8555
//! section 7.4). How long a proof can be seen is how long this takes.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use maitred_net::{Proof, ProofsShared};
use maitred_proxy::{AcmeCertificate, ChallengeKind, TokenProof, TokensShared};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::failure::{Failure, words};
use super::schedule::Trouble;
use super::state::{self, Begun};

/// How long the authority may take for its proofs, and then again for its signature.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_mins(2));

/// What a token may have at most; usual are some forty bytes.
const LONGEST_TOKEN: usize = 256;

/// Where proofs are given.
pub(super) struct Proofs<'a> {
    pub(super) tls: &'a Arc<ProofsShared>,
    pub(super) http: &'a Arc<TokensShared>,
}

/// A proof that can be seen until this is dropped.
enum Seen {
    Tls { _proof: Proof },
    Http { _proof: TokenProof },
}

/// What was issued, in PEM.
pub(super) struct IssuedPem {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Orders a certificate, and says which one it replaces where the authority wants to know. An order that waits for its certificate is
/// taken up again: the authority may have signed, and counts what it signs.
pub(super) async fn order(
    account: &Account,
    wanted: &AcmeCertificate,
    kind: ChallengeKind,
    replaces: Option<CertificateIdentifier<'_>>,
    proofs: &Proofs<'_>,
) -> Result<IssuedPem, Failure> {
    if let Some((order, begun)) = resume(account, wanted).await? {
        return finish(order, begun, wanted).await;
    }
    let mut order =
        new_order(account, wanted, replaces).await.map_err(|failure| failure.at("a new order"))?;
    let seen = prove(&mut order, wanted, kind, proofs).await?;
    match order.poll_ready(&PATIENCE).await.map_err(Failure::from) {
        Ok(OrderStatus::Ready) => {}
        Err(failure) if failure.trouble != Trouble::Refused => {
            return Err(failure.at("the look at the proofs"));
        }
        status => return Err(why_invalid(&mut order, kind, status).await),
    }
    drop(seen);
    let key = KeyPair::generate().map_err(own)?;
    let begun = Begun { url: order.url().to_owned(), key: key.serialize_pem() };
    // Kept before the authority can sign.
    state::write_order(&wanted.file, &begun).map_err(own)?;
    finish(order, begun, wanted).await
}

/// The order that waits for this certificate, if there is one that can still come to its end.
async fn resume(account: &Account, wanted: &AcmeCertificate) -> Result<Option<(Order, Begun)>, Failure> {
    let begun = match state::read_order(&wanted.file) {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            tracing::warn!("{error}; another is begun in its place");
            None
        }
        begun => begun.map_err(own)?,
    };
    let Some(begun) = begun else { return Ok(None) };
    let found = account.order(begun.url.clone()).await.map_err(Failure::from);
    let told = match found {
        Ok(mut order) => match order.state().status {
            OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid => {
                tracing::info!(
                    hosts = wanted.names(),
                    "going on with the order that waits for its certificate"
                );
                return Ok(Some((order, begun)));
            }
            status => format!("it is {status:?}"),
        },
        Err(failure) if failure.is_about_the_order() => failure.to_string(),
        Err(failure) => return Err(failure.at("the order that waits for its certificate")),
    };
    tracing::info!(hosts = wanted.names(), "the order from before is of no use: {told}");
    state::remove_order(&wanted.file);
    Ok(None)
}

/// Whatever is wrong with the order that names what it replaces, one that does not may be taken: another order may have named it that did
/// not come to its end, or the authority does not do what it says (RFC 9773 section 5).
async fn new_order(
    account: &Account,
    wanted: &AcmeCertificate,
    replaces: Option<CertificateIdentifier<'_>>,
) -> Result<Order, Failure> {
    let hosts: Vec<Identifier> = wanted.hosts.iter().cloned().map(Identifier::Dns).collect();
    let new = NewOrder::new(&hosts);
    if let Some(replaces) = replaces {
        match account.new_order(&NewOrder::new(&hosts).replaces(replaces)).await.map_err(Failure::from) {
            Err(failure) if failure.is_about_the_order() => {
                tracing::debug!("ordered again as one that replaces none: {failure}");
            }
            ordered => return ordered,
        }
    }
    Ok(account.new_order(&new).await?)
}

/// Has the authority sign, and takes the certificate. An order that is refused is forgotten; in all other cases it waits.
async fn finish(mut order: Order, begun: Begun, wanted: &AcmeCertificate) -> Result<IssuedPem, Failure> {
    let signed = async {
        if order.state().status == OrderStatus::Ready {
            order.finalize_csr(&signing_request(wanted, &begun.key)?).await?;
        }
        Ok(order.poll_certificate(&PATIENCE).await?)
    };
    match signed.await {
        Ok(chain) => Ok(IssuedPem { chain, key: begun.key }),
        Err(failure) => {
            let failure: Failure = failure;
            if failure.is_about_the_order() {
                state::remove_order(&wanted.file);
            }
            Err(failure.at("the signature"))
        }
    }
}

/// What the authority is to sign (RFC 2986): the names, and the key.
fn signing_request(wanted: &AcmeCertificate, key: &str) -> Result<Vec<u8>, Failure> {
    let key = KeyPair::from_pem(key).map_err(own)?;
    let mut params = CertificateParams::new(wanted.hosts.clone()).map_err(own)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key).map_err(own)?.der().to_vec())
}

/// A failure on this side.
fn own(error: impl Error) -> Failure {
    Failure::new(Trouble::Refused, error.to_string())
}

/// Begins the proofs of all names that the authority wants proved.
async fn prove(
    order: &mut Order,
    wanted: &AcmeCertificate,
    kind: ChallengeKind,
    proofs: &Proofs<'_>,
) -> Result<Vec<Seen>, Failure> {
    let wanted_proofs = order.state().authorizations.len();
    if wanted_proofs > wanted.hosts.len() {
        let told = format!("the authority wants {wanted_proofs} proofs of {} names", wanted.hosts.len());
        return Err(Failure::new(Trouble::Refused, told));
    }
    let mut seen = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            // It was proved not long ago.
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => return Err(why_not(&authorization, kind)),
        }
        let host = authorization.identifier().to_string();
        if !wanted.hosts.contains(&host) {
            let told = format!("the authority wants {host} proved, which was not ordered");
            return Err(Failure::new(Trouble::Refused, told));
        }
        let Some(mut challenge) = authorization.challenge(type_of(kind)) else {
            let told = format!("{host}: the authority does not offer {}", kind.as_str());
            return Err(Failure::new(Trouble::Challenge, told));
        };
        if !is_token(&challenge.token) {
            let told = format!("{host}: what the authority calls a token is none");
            return Err(Failure::new(Trouble::Refused, told));
        }
        let answer = challenge.key_authorization();
        seen.push(match kind {
            ChallengeKind::Http01 => {
                Seen::Http { _proof: proofs.http.begin(&challenge.token, answer.as_str()) }
            }
            ChallengeKind::TlsAlpn01 => {
                let digest = <[u8; 32]>::try_from(answer.digest().as_ref()).expect("SHA-256 has 32 bytes");
                let proof = proofs.tls.begin(&host, &digest);
                let proof =
                    proof.map_err(|error| Failure::new(Trouble::Challenge, format!("{host}: {error}")))?;
                Seen::Tls { _proof: proof }
            }
        });
        tracing::debug!(host, challenge = kind.as_str(), "the authority is told to look");
        challenge.set_ready().await?;
    }
    Ok(seen)
}

/// Which name was not proved, and what the authority saw.
async fn why_invalid(
    order: &mut Order,
    kind: ChallengeKind,
    status: Result<OrderStatus, Failure>,
) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { break };
        if authorization.refresh().await.is_ok() && authorization.status != AuthorizationStatus::Valid {
            return why_not(&authorization, kind);
        }
    }
    match status {
        Err(failure) => failure,
        Ok(_) => Failure::new(Trouble::Refused, "the authority calls the order invalid and does not say why"),
    }
}

fn why_not(authorization: &AuthorizationHandle<'_>, kind: ChallengeKind) -> Failure {
    let host = authorization.identifier();
    let error = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
    let said = error.map_or_else(|| format!("the authorization is {:?}", authorization.status), words);
    Failure::new(Trouble::Challenge, format!("{host} was not proved by {}: {said}", kind.as_str()))
}

/// Whether this is base64url (RFC 8555 section 8.3), and short.
fn is_token(token: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(is_known)
}

fn type_of(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeKind::Http01 => ChallengeType::Http01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_short_base64url() {
        assert!(
            is_token("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA") && is_token(&"a".repeat(LONGEST_TOKEN))
        );
        for none in ["", "a=", "a/b", "a b", "é", &"a".repeat(LONGEST_TOKEN + 1)] {
            assert!(!is_token(none), "{none}");
        }
    }
}
