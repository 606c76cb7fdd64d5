//! Who asks, as one digest: what is kept for one is kept apart by it from what is kept for others.
//! It is SHA-256 of names and claims, so that whoever holds it knows neither.

use std::io;

use aws_lc_rs::digest::{Context, SHA256};

use super::Claims;
use crate::facts::Facts;

/// Claims that say something of the token, and nothing of who shows it (RFC 7519 section 4.1).
const OF_THE_TOKEN: [&str; 4] = ["exp", "iat", "jti", "nbf"];

/// All that is known of who asks, by whatever it was found: the certificate, the consumer, what others say, and what services that decide
/// went by.
pub fn whose(facts: &Facts) -> [u8; 32] {
    let mut parts = Parts(Context::new(&SHA256));
    parts.add_if(facts.certificate.as_ref().map(|shown| shown.fingerprint.as_bytes()));
    parts.add_if(facts.consumer.as_ref().map(|consumer| consumer.name.as_bytes()));
    parts.add_if(facts.decided_by.as_ref().map(|digest| &digest[..]));
    if let Some(claims) = &facts.claims {
        parts.add_claims(claims);
    }
    *parts.0.finish().as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

/// Parts that are put together so that no other parts come to the same.
struct Parts(Context);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.count(part.len());
        self.0.update(part);
    }

    /// What is not there is something else than what is empty.
    fn add_if(&mut self, part: Option<&[u8]>) {
        self.count(usize::from(part.is_some()));
        self.add(part.unwrap_or_default());
    }

    fn count(&mut self, number: usize) {
        self.0.update(&(number as u64).to_be_bytes());
    }

    /// Of somebody who has a name, what changes from one token to the next does not count.
    fn add_claims(&mut self, claims: &Claims) {
        self.add(claims.issuer.as_bytes());
        self.add_if(claims.subject.as_deref().map(str::as_bytes));
        let counts = |name: &str| claims.subject.is_none() || !OF_THE_TOKEN.contains(&name);
        let all = || claims.all.iter().filter(|(name, _)| counts(name));
        self.count(all().count());
        for (name, value) in all() {
            self.add(name.as_bytes());
            // It cannot fail: what is written goes nowhere. What follows begins with a zero, which no number goes on with.
            let _ = serde_json::to_writer(&mut *self, value);
        }
        for texts in [&claims.groups, &claims.roles, &claims.scopes] {
            self.count(texts.len());
            texts.iter().for_each(|text| self.add(text.as_bytes()));
        }
    }
}

impl io::Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;
    use crate::facts::CertificateFacts;
    use crate::harness::facts;
    use crate::identity::Consumer;

    fn of(claims: &Claims) -> [u8; 32] {
        whose(&Facts { claims: Some(Rc::new(claims.clone())), ..facts() })
    }

    fn claims(issuer: &str, subject: Option<&str>, role: &str, jti: &str) -> Claims {
        Claims {
            issuer: issuer.into(),
            subject: subject.map(Into::into),
            roles: [role.into()].into(),
            all: [("jti".to_owned(), jti.into())].into_iter().collect(),
            ..Claims::default()
        }
    }

    #[test]
    fn whatever_tells_of_somebody_tells_it_apart() {
        let consumer = |name| Some(Arc::new(Consumer::new(name, std::iter::empty())));
        let certificate = |of: &str| {
            Some(Rc::new(CertificateFacts { fingerprint: of.into(), ..CertificateFacts::default() }))
        };
        let mut elsewhere = claims("us", Some("ann"), "r", "1");
        elsewhere.all.insert("tenant".to_owned(), "b".into());
        let all = [
            whose(&facts()),
            whose(&Facts { consumer: consumer("a"), ..facts() }),
            whose(&Facts { consumer: consumer("b"), ..facts() }),
            whose(&Facts { certificate: certificate("a"), ..facts() }),
            whose(&Facts { certificate: certificate("b"), ..facts() }),
            whose(&Facts { decided_by: Some(Box::new([1; 32])), ..facts() }),
            of(&claims("us", Some("ann"), "r", "1")),
            of(&claims("us", Some("bob"), "r", "1")),
            of(&claims("others", Some("ann"), "r", "1")),
            of(&claims("us", Some("ann"), "admin", "1")),
            of(&claims("us", None, "r", "1")),
            of(&claims("us", None, "r", "2")),
            of(&elsewhere),
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(!all[..number].contains(one), "{number}");
        }
    }

    #[test]
    fn the_next_token_of_somebody_is_of_the_same() {
        let next = claims("us", Some("ann"), "r", "2");
        assert_eq!(of(&claims("us", Some("ann"), "r", "1")), of(&next));
    }
}
