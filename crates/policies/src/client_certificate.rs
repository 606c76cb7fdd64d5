//! Identifies consumers by the certificates that clients show (mutual TLS).
//!
//! A listener with `client_auth` asks clients for a certificate, and believes those that its authorities have signed. Whose it is, the
//! `certificates` of the consumers tell: by the subject, an alternative name, a SPIFFE id, the fingerprint, or several of them, which must all
//! hold. They are compared whole: `CN=joe` is neither `CN=joe2` nor a longer name with `CN=joe` in it. Of consumers that fit, the first
//! that is written counts. The service is told in `X-Consumer` and `X-Consumer-Groups`.
//!
//! A request without a certificate is answered 401, unless `optional` lets it pass as that of nobody; one with the certificate of somebody whom
//! no consumer describes always is.

mod subject;

use std::collections::HashMap;
use std::sync::Arc;

use maitred_config::{ConsumerCertificate, Problem, config_map};
use maitred_http::RequestHead;
use maitred_policy::identity::{self, Consumer};
use maitred_policy::{
    Build, CertificateFacts, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict,
};

use subject::Subject;

config_map! {
    /// Who may go without.
    pub struct ClientCertificateConfig {
        /// Whether a request without a certificate passes, as that of nobody. One with that of a stranger never does.
        optional: bool = false,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct ClientCertificate {
    known: KnownCertificates,
    optional: bool,
}

/// The certificates of all consumers, by what tells most of each: a request is not compared with all of them.
#[derive(Debug, Default)]
struct KnownCertificates {
    /// In the order in which they are written.
    all: Vec<Known>,
    by_fingerprint: HashMap<Box<str>, Vec<usize>>,
    by_subject: HashMap<Subject, Vec<usize>>,
    /// Those of neither.
    rest: Vec<usize>,
}

/// What a certificate of this consumer says.
#[derive(Debug)]
struct Known {
    consumer: Arc<Consumer>,
    subject: Option<Subject>,
    san: Option<Box<str>>,
    spiffe: Option<Box<str>>,
    fingerprint: Option<Box<str>>,
}

impl PolicyKind for ClientCertificate {
    const NAME: &'static str = "client_certificate";
    type Config = ClientCertificateConfig;
    type Compiled = Self;

    fn phase(_: &ClientCertificateConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: ClientCertificateConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let (mut known, mut is_good) = (KnownCertificates::default(), true);
        let consumers = Arc::clone(build.consumers());
        for credentials in consumers.credentials() {
            for written in credentials.certificates() {
                is_good &= names_somebody(&written.value, build);
                if let Some(one) = Known::new(credentials.consumer(), &written.value) {
                    known.add(one);
                    continue;
                }
                let span = written.value.subject.as_ref().map_or(written.span, |subject| subject.span);
                let problem = Problem::error("this is not the subject of a certificate").at(span);
                build.report(problem.help("write all of it, as in `CN=joe,O=Example` (RFC 4514)"));
                is_good = false;
            }
        }
        if known.all.is_empty() {
            let problem =
                Problem::warning("no consumer has a certificate, so that nobody can pass").at(build.span());
            build.report(
                problem.help("write `consumers: { NAME: { certificates: [{ subject: \"CN=joe\" }] } }`"),
            );
        }
        if !build.asks_certificates() {
            let problem = Problem::warning("no listener asks clients for certificates").at(build.span());
            build.report(problem.help("write `client_auth: { ca: FILE }` under `tls` of a listener"));
        }
        is_good.then_some(Self { known, optional: config.optional })
    }
}

/// Whether its alternative name, if it has one, is of a kind that is compared. What is not is reported.
fn names_somebody(written: &ConsumerCertificate, build: &mut Build<'_>) -> bool {
    let Some(uri) = written.san.as_ref().filter(|san| san.value.contains(':')) else { return true };
    let problem = Problem::error("this is neither the name of a host nor a mailbox").at(uri.span);
    build.report(
        problem.help("a SPIFFE id stands behind `spiffe`; other URIs, ports and addresses are not compared"),
    );
    false
}

impl Known {
    /// None where the subject is none.
    fn new(consumer: &Arc<Consumer>, written: &ConsumerCertificate) -> Option<Self> {
        let subject = match &written.subject {
            Some(subject) => Some(Subject::parse(&subject.value)?),
            None => None,
        };
        Some(Self {
            consumer: Arc::clone(consumer),
            subject,
            san: written.san.as_ref().map(|san| san.value.as_str().into()),
            spiffe: written.spiffe.as_ref().map(|id| id.value.as_str().into()),
            fingerprint: written.fingerprint.as_ref().map(|fingerprint| fingerprint.0.clone()),
        })
    }

    fn fits(&self, shown: &CertificateFacts, subject: Option<&Subject>) -> bool {
        self.fingerprint.as_ref().is_none_or(|wanted| **wanted == *shown.fingerprint)
            && self.subject.as_ref().is_none_or(|wanted| subject.is_some_and(|subject| wanted == subject))
            && self.san.as_ref().is_none_or(|wanted| shown.names.iter().any(|name| is_name(wanted, name)))
            && self.spiffe.as_ref().is_none_or(|wanted| spiffe_id(shown).is_some_and(|id| is_id(wanted, id)))
    }
}

/// Hosts have no case; of mailboxes only the host has none (RFC 5280 section 4.2.1.6). Wildcards are names like others. URIs have a colon,
/// which `wanted` does not have.
fn is_name(wanted: &str, name: &str) -> bool {
    match (wanted.rsplit_once('@'), name.rsplit_once('@')) {
        (None, None) => wanted.eq_ignore_ascii_case(name),
        (Some((wanted, at)), Some((name, host))) => wanted == name && at.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// The SPIFFE id, of which a certificate has just one (X509-SVID section 2): of one with more none counts.
fn spiffe_id(shown: &CertificateFacts) -> Option<&str> {
    let mut ids = shown.names.iter().filter(|name| name.starts_with("spiffe://"));
    ids.next().filter(|_| ids.next().is_none()).map(String::as_str)
}

/// Whether an id is this one, or below this path.
fn is_id(wanted: &str, id: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(folder) => {
            let is_segment = |part: &str| !matches!(part, "" | "." | "..");
            id.strip_prefix(folder).is_some_and(|rest| rest.split('/').all(is_segment))
        }
        None => wanted == id,
    }
}

impl KnownCertificates {
    fn add(&mut self, one: Known) {
        let at = match (&one.fingerprint, &one.subject) {
            (Some(fingerprint), _) => self.by_fingerprint.entry(fingerprint.clone()).or_default(),
            (None, Some(subject)) => self.by_subject.entry(subject.clone()).or_default(),
            (None, None) => &mut self.rest,
        };
        at.push(self.all.len());
        self.all.push(one);
    }

    /// The first that fits.
    fn find(&self, shown: &CertificateFacts) -> Option<&Known> {
        let subject = Subject::parse(&shown.subject);
        let of_fingerprint = self.by_fingerprint.get(&*shown.fingerprint);
        let of_subject = subject.as_ref().and_then(|subject| self.by_subject.get(subject));
        let places = [of_fingerprint, of_subject, Some(&self.rest)];
        // Each place has its own in order: the first of each that fits, and of these the first.
        let first =
            |place: &Vec<usize>| place.iter().copied().find(|at| self.all[*at].fits(shown, subject.as_ref()));
        places.into_iter().flatten().filter_map(first).min().map(|at| &self.all[at])
    }
}

impl ClientCertificate {
    fn find(&self, shown: &CertificateFacts) -> Option<&Arc<Consumer>> {
        self.known.find(shown).map(|known| &known.consumer)
    }
}

/// There is no scheme for certificates, which are shown before HTTP begins; a challenge has to be there all the same (RFC 9110 section 11.6.1).
fn refused(cause: &'static str, detail: &'static str) -> Fault {
    Fault::client(401, cause, detail).field(b"WWW-Authenticate", b"Certificate")
}

impl Policy for ClientCertificate {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let found = cx.facts.certificate.as_deref().map(|shown| self.find(shown));
        match found {
            None if self.optional => {}
            None => return Step::fail(refused(identity::MISSING_CREDENTIALS, "Missing credentials")),
            Some(None) => return Step::fail(refused("invalid_credentials", "Unknown certificate")),
            Some(Some(consumer)) => cx.facts.consumer = Some(Arc::clone(consumer)),
        }
        identity::tell(cx.request, cx.facts);
        Step::CONTINUE
    }

    fn shows(&self, _: &RequestHead, facts: &Facts) -> bool {
        facts.certificate.is_some()
    }

    fn identify(&self, _: &RequestHead, facts: &mut Facts) {
        let found = facts.certificate.as_deref().and_then(|shown| self.find(shown)).map(Arc::clone);
        if found.is_some() {
            facts.consumer = found;
        }
    }

    fn explain(&self, _: &RequestHead, facts: &Facts) -> String {
        match facts.certificate.as_deref().map(|shown| (shown, self.find(shown))) {
            None if self.optional => "finds no certificate, and lets it through as that of nobody".to_owned(),
            None => "refuses it: the client shows no certificate".to_owned(),
            Some((shown, None)) => {
                format!("refuses it: no consumer has a certificate of `{}`", shown.subject)
            }
            Some((shown, Some(consumer))) => {
                format!("finds {} in the certificate of `{}`", consumer.name, shown.subject)
            }
        }
    }
}

#[cfg(test)]
mod tests;
