//! Identifies consumers by the keys that they sign their requests with (HMAC).
//!
//! A key is shared with its consumer, stands under `hmac_keys`, and never travels: a request carries the id of the key and a signature over what it
//! says. Signatures come in one of two forms: `rfc9421`, in the fields `Signature-Input` and `Signature` (HTTP Message Signatures), always by
//! `hmac-sha256`; and `cavage`, in `Authorization: Signature …` or `Authorization: hmac …`, as older clients and those of other gateways write it.
//!
//! What is not signed can be changed on the way. So these must be: the method; the target with its query, in `rfc9421` with the host too; the
//! time (`created`, or in `cavage` `date` or `x-date`), which may differ from ours by `clock_skew`; where there is a body, its digest
//! (`Content-Digest`, or in `cavage` `Digest`), with which the body is compared; and what `require` names. Within the skew the same request can be
//! sent again.
//!
//! The target counts as it came, also where another policy has taken a key or a token out of the query (`api_key: query.key`).
//!
//! A signature covers at most 64 parts. Secrets have at least 16 bytes, and draw a warning below 32.
//!
//! A request that is not signed is answered 401, unless `optional` lets it pass as that of nobody; one whose signature is not good always is.

mod components;
mod digest;
mod draft;
mod keys;
mod message;
mod signed;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use maitred_config::{HeaderName, OneOrMany, Problem, config_map, config_words};
use maitred_http::RequestHead;
use maitred_policy::identity::{self, Consumer};
use maitred_policy::{Build, Facts, Fault, Needs, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

use components::Asked;
use keys::Keys;
use signed::{Refused, Signed};

config_words! {
    /// How a signature is written.
    pub enum SignatureForm {
        /// HTTP Message Signatures (RFC 9421).
        Rfc9421 = "rfc9421",
        /// The draft before it (draft-cavage-http-signatures), with what other gateways have made of it.
        Cavage = "cavage",
    }
}

config_words! {
    /// How a signature is made.
    pub enum HmacAlgorithm {
        /// By SHA-1, which is no longer used for anything new.
        Sha1 = "hmac-sha1",
        /// By SHA-256.
        Sha256 = "hmac-sha256",
        /// By SHA-384.
        Sha384 = "hmac-sha384",
        /// By SHA-512.
        Sha512 = "hmac-sha512",
    }
}

config_map! {
    /// Which signatures are good.
    pub struct HmacSignatureConfig {
        /// The forms that are taken.
        #[main]
        forms: OneOrMany<SignatureForm> = "rfc9421",
        /// The algorithms that are taken. `hmac-sha1` has to be named.
        algorithms: OneOrMany<HmacAlgorithm> = "[hmac-sha256, hmac-sha384, hmac-sha512]",
        /// How much the time of a signature may differ from ours.
        clock_skew: Duration = "5m",
        /// Header fields that have to be signed besides.
        require: Vec<HeaderName>,
        /// Whether a body may come without a digest that is signed. One that is signed is compared in any case; for that the body is read whole.
        unsigned_body: bool = false,
        /// Whether the service gets the signature, too.
        forward: bool = false,
        /// Whether a request that is not signed passes, as that of nobody. One that is signed wrongly never does.
        optional: bool = false,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct HmacSignature {
    config: HmacSignatureConfig,
    keys: Keys,
}

impl PolicyKind for HmacSignature {
    const NAME: &'static str = "hmac_signature";
    type Config = HmacSignatureConfig;
    type Compiled = Self;

    fn phase(_: &HmacSignatureConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: HmacSignatureConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let keys = Keys::compile(&config.algorithms, build)?;
        if keys.is_empty() {
            let problem = Problem::warning("no consumer has a key to sign with, so that nobody can pass")
                .at(build.span());
            build.report(problem.help("write `consumers: { NAME: { hmac_keys: { ID: \"${SECRET}\" } } }`"));
        }
        let is_alone = |form| config.forms.iter().all(|other| *other == form);
        if is_alone(SignatureForm::Rfc9421) && !config.algorithms.contains(&HmacAlgorithm::Sha256) {
            let problem = Problem::error("signatures of RFC 9421 are by `hmac-sha256`").at(build.span());
            build.report(problem.help("add it to `algorithms`"));
            return None;
        }
        Some(Self { config, keys })
    }
}

/// What is known of the body.
#[derive(Clone, Copy)]
enum Body<'a> {
    /// Nothing: it is not there yet, or there is none to explain by.
    Unread,
    Whole(&'a [u8]),
}

impl HmacSignature {
    /// What this request shows; none if it is not signed.
    fn find(&self, asked: &Asked<'_>) -> Option<Result<Signed, Refused>> {
        self.config.forms.iter().find_map(|form| match form {
            SignatureForm::Rfc9421 => message::find(asked, &self.keys),
            SignatureForm::Cavage => draft::find(asked),
        })
    }

    /// Whose signature it is.
    fn judge(&self, signed: &Signed, asked: &Asked<'_>, body: Body<'_>) -> Result<&Arc<Consumer>, Refused> {
        if !self.config.algorithms.contains(&signed.algorithm) {
            return Err(Refused::invalid("its algorithm is not taken"));
        }
        let consumer = self.keys.verify(signed)?;
        let received = asked.facts.received.duration_since(UNIX_EPOCH).unwrap_or_default();
        signed.check_time(received, self.config.clock_skew)?;
        signed.check_covered(asked.target.query().is_some())?;
        for field in &self.config.require {
            if !signed.covers(&field.0) {
                return Err(Refused::invalid("a field that `require` names is not signed"));
            }
        }
        match body {
            Body::Whole(bytes) if signed.covers_digest() => {
                digest::check(asked.request, signed.digest_field(), bytes)?;
            }
            Body::Whole(bytes) if !bytes.is_empty() && !self.config.unsigned_body => {
                return Err(Refused::invalid("it has a body, whose digest is not signed"));
            }
            _ => {}
        }
        Ok(consumer)
    }
}

fn missing() -> Fault {
    Fault::client(401, identity::MISSING_CREDENTIALS, "Missing credentials")
        .field(b"WWW-Authenticate", b"Signature")
}

impl Policy for HmacSignature {
    type State = ();
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { request_body: true, ..Needs::default() }
    }

    /// To see that there is none, it has to be read as well. Nothing is read for who has not signed the head.
    fn wants_body(&self, request: &RequestHead, facts: &Facts) -> Option<u64> {
        let asked = Asked::new(request, facts);
        let signed = self.find(&asked)?.ok()?;
        self.judge(&signed, &asked, Body::Unread).ok()?;
        (signed.covers_digest() || !self.config.unsigned_body).then_some(u64::MAX)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let asked = Asked::new(cx.request, cx.facts);
        // What was not read is not wanted, and has no digest that would be compared.
        let body = Body::Whole(cx.body.whole.as_ref().map_or(&[], |whole| &whole.bytes));
        let judged =
            self.find(&asked).map(|found| found.and_then(|signed| self.judge(&signed, &asked, body)));
        match judged {
            None if self.config.optional => {}
            None => return Step::fail(missing()),
            Some(Err(refused)) => return Step::fail(refused.into()),
            Some(Ok(consumer)) => {
                self.withhold(cx.request, cx.facts);
                cx.facts.consumer = Some(Arc::clone(consumer));
            }
        }
        identity::tell(cx.request, cx.facts);
        Step::CONTINUE
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        self.config.forms.iter().any(|form| match form {
            SignatureForm::Rfc9421 => message::is_shown(request),
            SignatureForm::Cavage => draft::is_shown(request),
        })
    }

    fn withhold(&self, request: &mut RequestHead, _: &mut Facts) {
        if self.config.forward {
            return;
        }
        for form in &self.config.forms {
            match form {
                SignatureForm::Rfc9421 => message::remove(request),
                SignatureForm::Cavage => draft::remove(request),
            }
        }
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        let asked = Asked::new(request, facts);
        if let Some(Ok(signed)) = self.find(&asked)
            && let Ok(consumer) = self.judge(&signed, &asked, Body::Unread)
        {
            facts.consumer = Some(Arc::clone(consumer));
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        let asked = Asked::new(request, facts);
        let signed = match self.find(&asked) {
            None if self.config.optional => {
                return "finds no signature, and lets it through as that of nobody".to_owned();
            }
            None => return "refuses it: it is not signed".to_owned(),
            Some(Err(refused)) => return format!("refuses it: {refused}"),
            Some(Ok(signed)) => signed,
        };
        match self.judge(&signed, &asked, Body::Unread) {
            Ok(consumer) => {
                let body =
                    if signed.covers_digest() { ", if the body is the one that is signed" } else { "" };
                format!("finds the signature of {} by the key `{}`{body}", consumer.name, signed.key_id)
            }
            Err(refused) => format!("refuses it: {refused}"),
        }
    }
}

#[cfg(test)]
mod tests;
