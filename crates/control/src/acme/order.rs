//! One order from its beginning to the certificate: the names are proved in one way, then the authority signs (RFC 8555
//! section 7.4). How long a proof can be seen is how long this takes.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use maitred_net::{Proof, ProofsShared};
use maitred_proxy::{AcmeCertificate, ChallengeKind, TokenProof, TokensShared};

use super::failure::{Failure, words};
use super::schedule::Trouble;

/// How long the authority may take for its proofs, and then again for its signature.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_mins(2));

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

/// Orders a certificate, and says which one it replaces where the authority wants to know.
pub(super) async fn order(
    account: &Account,
    wanted: &AcmeCertificate,
    kind: ChallengeKind,
    replaces: Option<CertificateIdentifier<'_>>,
    proofs: &Proofs<'_>,
) -> Result<IssuedPem, Failure> {
    let hosts: Vec<Identifier> = wanted.hosts.iter().cloned().map(Identifier::Dns).collect();
    let mut new = NewOrder::new(&hosts);
    if let Some(replaces) = replaces {
        new = new.replaces(replaces);
    }
    let mut order = account.new_order(&new).await?;
    let seen = prove(&mut order, wanted, kind, proofs).await?;
    let status = order.poll_ready(&PATIENCE).await;
    match status {
        Ok(OrderStatus::Ready) => {}
        Ok(_) | Err(instant_acme::Error::Api(_)) => return Err(why_invalid(&mut order, kind, status).await),
        Err(error) => return Err(error.into()),
    }
    drop(seen);
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(IssuedPem { chain, key })
}

/// Begins the proofs of all names that the authority wants proved.
async fn prove(
    order: &mut Order,
    wanted: &AcmeCertificate,
    kind: ChallengeKind,
    proofs: &Proofs<'_>,
) -> Result<Vec<Seen>, Failure> {
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
    status: Result<OrderStatus, instant_acme::Error>,
) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { break };
        if authorization.refresh().await.is_ok() && authorization.status != AuthorizationStatus::Valid {
            return why_not(&authorization, kind);
        }
    }
    match status {
        Err(error) => error.into(),
        Ok(_) => Failure::new(Trouble::Refused, "the authority calls the order invalid and does not say why"),
    }
}

fn why_not(authorization: &AuthorizationHandle<'_>, kind: ChallengeKind) -> Failure {
    let host = authorization.identifier();
    let error = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
    let said = error.map_or_else(|| format!("the authorization is {:?}", authorization.status), words);
    Failure::new(Trouble::Challenge, format!("{host} was not proved by {}: {said}", kind.as_str()))
}

fn type_of(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        ChallengeKind::Http01 => ChallengeType::Http01,
    }
}
