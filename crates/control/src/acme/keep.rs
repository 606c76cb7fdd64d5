//! The task of one account: it sees to its certificates one after the other, and sleeps until the next is due.
//! When that is, `schedule` says; how one is ordered, `order`. Here it is tied together, shown, kept, logged and counted.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier, RenewalInfo};
use maitred_net::{CertificatePem, CertificateSummary, IssuedShared, ProofsShared};
use maitred_proxy::{AcmeAccount, AcmeCertificate, ChallengeKind, Clock, TokensShared};
use maitred_telemetry::{Metrics, TimeText};
use tokio::sync::watch;

use super::client::{AuthorityClient, Wish};
use super::failure::Failure;
use super::order::{IssuedPem, Proofs, order};
use super::schedule::{Progress, Step, Trouble, Window};
use super::{session, state};

/// How long it sleeps at most: the time of day may be set, and machines sleep.
const SLEEP: Duration = Duration::from_hours(1);
/// How often an order is begun again at once, for reasons that can be helped.
const OBSTACLES: usize = 3;
/// How long an order may take.
const LIMIT: Duration = Duration::from_mins(10);

/// What an account is to do.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) account: Arc<AcmeAccount>,
    /// How often somebody asked to try at once.
    pub(super) tries: u64,
}

/// What a task needs.
pub(super) struct Keeper {
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) random: fastrand::Rng,
    pub(super) proofs: Arc<ProofsShared>,
    pub(super) tokens: Arc<TokensShared>,
    pub(super) wish: Wish,
}

/// The account with the authority, once it is needed.
type Session = Option<Account>;

/// A certificate and how far it is.
#[derive(Default)]
struct Kept {
    progress: Progress,
    challenges: Vec<ChallengeKind>,
}

impl Keeper {
    /// Keeps the certificates until nobody wants any.
    pub(super) async fn keep(mut self, mut wanted: watch::Receiver<Wanted>) {
        let mut all: HashMap<PathBuf, Kept> = HashMap::new();
        let mut tries = 0;
        loop {
            // Each time anew, because what the directory says may have changed.
            let mut session = None;
            let now_wanted = wanted.borrow_and_update().clone();
            let account = now_wanted.account;
            all.retain(|file, _| account.certificates.iter().any(|certificate| certificate.file == *file));
            for certificate in &account.certificates {
                let kept = all.entry(certificate.file.clone()).or_default();
                if kept.challenges != certificate.challenges || now_wanted.tries != tries {
                    kept.progress.try_now();
                    kept.challenges.clone_from(&certificate.challenges);
                }
            }
            tries = now_wanted.tries;
            let mut until = self.clock.wall() + SLEEP;
            for certificate in &account.certificates {
                let kept = all.entry(certificate.file.clone()).or_default();
                let due = self.see_to(&mut session, &account, certificate, &mut kept.progress).await;
                until = until.min(due);
            }
            let pause = until.duration_since(self.clock.wall()).unwrap_or_default();
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does what is due for a certificate. Answers when something is again.
    async fn see_to(
        &mut self,
        session: &mut Session,
        account: &AcmeAccount,
        certificate: &AcmeCertificate,
        progress: &mut Progress,
    ) -> SystemTime {
        loop {
            let summary = certificate.issued.summary();
            match (progress.step(summary.as_ref(), self.clock.wall()), summary) {
                (Step::Wait(until), _) => return until,
                (Step::Ask, Some(summary)) => {
                    let before = progress.renew_at();
                    let answer = self.ask(session, account, &summary).await;
                    progress.told(&summary, answer, self.clock.wall(), self.random.f64());
                    if let Some(at) = progress.renew_at().filter(|at| Some(*at) != before) {
                        let (hosts, at, by_authority) = (certificate.names(), shown(at), answer.is_some());
                        tracing::info!(hosts, at, by_authority, "the certificate will be renewed");
                    }
                }
                (_, None) if self.is_restored(certificate) => {
                    tracing::info!(hosts = certificate.names(), "the certificate that is kept can be used");
                }
                (_, summary) => {
                    let replaces = summary.filter(|_| progress.has_window());
                    let outcome = self.order(session, account, certificate, progress, replaces).await;
                    self.note(account, certificate, progress, outcome);
                }
            }
        }
    }

    /// Whether the file can be used now: the clock may have been wrong at the start, or somebody has brought it back.
    fn is_restored(&self, certificate: &AcmeCertificate) -> bool {
        let Ok(bytes) = std::fs::read(&certificate.file) else { return false };
        let pem = CertificatePem { chain: bytes.clone(), key: bytes, ocsp: None };
        let (kept, now) = (IssuedShared::default(), self.clock.wall());
        kept.replace(&pem, now).is_ok()
            && kept.summary().is_some_and(|summary| certificate.is_for(&summary.names))
            && certificate.issued.replace(&pem, now).is_ok()
    }

    /// When the authority wants this one renewed, and when to ask again; nothing where it says nothing.
    async fn ask(
        &self,
        session: &mut Session,
        account: &AcmeAccount,
        summary: &CertificateSummary,
    ) -> Option<(Window, Duration)> {
        let id = identifier(summary)?;
        let directory = &*account.directory;
        let opened = match self.opened(session, account).await {
            Ok(opened) => opened,
            Err(failure) => {
                tracing::warn!(directory, "the authority cannot be asked when to renew: {failure}");
                return None;
            }
        };
        match opened.renewal_info(&id).await.map_err(Failure::from) {
            Ok((RenewalInfo { suggested_window: told, explanation_url }, again)) => {
                let time = |seconds: i64| {
                    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
                };
                if let Some(page) = explanation_url {
                    tracing::info!(page, "the authority tells about the renewal of a certificate");
                }
                let (start, end) = (time(told.start.unix_timestamp()), time(told.end.unix_timestamp()));
                Some((Window { start, end }, again))
            }
            Err(failure) => {
                tracing::debug!(directory, "the authority does not say when to renew: {failure}");
                None
            }
        }
    }

    async fn order(
        &self,
        session: &mut Session,
        account: &AcmeAccount,
        certificate: &AcmeCertificate,
        progress: &Progress,
        replaces: Option<CertificateSummary>,
    ) -> Result<CertificateSummary, Failure> {
        let kind = certificate.challenges[progress.challenge(certificate.challenges.len())];
        let (hosts, directory) = (certificate.names(), &*account.directory);
        tracing::info!(hosts, directory, challenge = kind.as_str(), "ordering a certificate");
        let proofs = Proofs { tls: &self.proofs, http: &self.tokens };
        let mut replaces = replaces.as_ref().and_then(identifier);
        let run = async {
            for _ in 0..OBSTACLES {
                let tried = match self.opened(session, account).await {
                    Ok(opened) => order(opened, certificate, kind, replaces.clone(), &proofs).await,
                    Err(failure) => Err(failure),
                };
                let failure = match tried {
                    Ok(issued) => return Ok(issued),
                    Err(failure) => failure,
                };
                if failure.name.as_deref() == Some("accountDoesNotExist") {
                    tracing::warn!(directory, "another account is made: {failure}");
                    *session = None;
                    let removed = state::remove_account(&account.folder);
                    removed.map_err(|error| Failure::new(Trouble::Refused, error.to_string()))?;
                } else if failure.is_about_the_order() && replaces.take().is_some() {
                    // Another order may have named it that did not come to its end.
                    tracing::debug!("ordered again as one that replaces none: {failure}");
                } else {
                    return Err(failure);
                }
            }
            Err(Failure::new(Trouble::Refused, "the authority forgets the account that it just made"))
        };
        let issued = tokio::time::timeout(LIMIT, run).await;
        let pem =
            issued.unwrap_or_else(|_| Err(Failure::new(Trouble::Unreachable, "the order takes too long")))?;
        self.show(certificate, &pem)
    }

    /// The account, made ready where it is not.
    async fn opened<'s>(
        &self,
        session: &'s mut Session,
        account: &AcmeAccount,
    ) -> Result<&'s Account, Failure> {
        if session.is_none() {
            let client =
                AuthorityClient { tls: account.tls.clone(), clock: self.clock, wish: self.wish.clone() };
            *session = Some(session::open(account, client).await?);
        }
        Ok(session.as_ref().expect("it was just made ready"))
    }

    /// Shows a certificate from now on, and keeps it.
    fn show(&self, certificate: &AcmeCertificate, pem: &IssuedPem) -> Result<CertificateSummary, Failure> {
        let file = format!("{}\n{}", pem.chain.trim_end(), pem.key);
        let read =
            CertificatePem { chain: pem.chain.clone().into(), key: pem.key.clone().into(), ocsp: None };
        certificate.issued.replace(&read, self.clock.wall()).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(|problem| problem.kind.to_string()).collect();
            Failure::new(
                Trouble::Refused,
                format!("what the authority issued is of no use: {}", told.join("; ")),
            )
        })?;
        if let Err(error) = state::write(&certificate.file, file.as_bytes()) {
            tracing::error!(
                "the certificate is shown, but not kept, so that the next start orders another: {error}"
            );
        }
        let summary = certificate.issued.summary();
        Ok(summary.expect("it was put there, and nobody takes it away"))
    }

    /// Notes how an order ended.
    fn note(
        &mut self,
        account: &AcmeAccount,
        certificate: &AcmeCertificate,
        progress: &mut Progress,
        outcome: Result<CertificateSummary, Failure>,
    ) {
        let events = self.metrics.events();
        let (hosts, now) = (certificate.names(), self.clock.wall());
        let failure = match outcome {
            Ok(summary) => {
                events.orders_issued.inc();
                progress.issued(&summary, now);
                let until = shown(summary.not_after);
                tracing::info!(hosts, until, issuer = summary.issuer, "certificate issued");
                return;
            }
            Err(failure) => failure,
        };
        events.orders_failed.inc();
        let wish = self.wish.take(now);
        let ways = certificate.challenges.len();
        let next = progress.failed((failure.trouble, ways), wish, now, self.random.f64());
        let next = shown(next);
        let (directory, listener) = (&*account.directory, certificate.listeners.join(", "));
        if let Some(summary) = certificate.issued.summary() {
            let until = shown(summary.not_after);
            tracing::warn!(
                hosts,
                listener,
                directory,
                next,
                until,
                "the certificate was not renewed: {failure}"
            );
        } else {
            tracing::warn!(hosts, listener, directory, next, "no certificate was issued: {failure}");
        }
    }
}

/// A time for the log (RFC 3339), without fractions of a second.
fn shown(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut text = Vec::new();
    TimeText::default().push_rfc3339(since.as_secs().saturating_mul(1_000_000), &mut text);
    String::from_utf8_lossy(&text).replace(".000000", "")
}

/// How a certificate is named to the authority (RFC 9773 section 4.1); none where it does not say whose key signed it.
fn identifier(summary: &CertificateSummary) -> Option<CertificateIdentifier<'static>> {
    let key = summary.authority_key.as_deref()?;
    Some(CertificateIdentifier::new(key.into(), summary.serial.as_slice().into()).into_owned())
}
