//! The task of one account: it sees to its certificates one after the other, and sleeps until the next is due.
//! When that is, `schedule` says; how one is ordered, `order`. Here it is tied together, shown, kept, logged and counted.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier, RenewalInfo};
use maitred_net::{CertificatePem, CertificateSummary, IssuedShared, ProofsShared};
use maitred_proxy::{AcmeAccount, AcmeCertificate, CatchPanic, ChallengeKind, Clock, TokensShared};
use maitred_telemetry::{Metrics, TimeText};
use maitred_upstream::Resolve;
use tokio::sync::watch;

use super::client::{AuthorityClient, Wish};
use super::failure::{Failure, cut};
use super::order::{IssuedPem, Proofs, order};
use super::schedule::{Backoff, Progress, Step, Trouble, Window};
use super::turns::Turns;
use super::{session, state};

/// How long it sleeps at most: the time of day may be set, and machines sleep.
const SLEEP: Duration = Duration::from_hours(1);
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
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) proofs: Arc<ProofsShared>,
    pub(super) tokens: Arc<TokensShared>,
    pub(super) turns: Turns,
    pub(super) wish: Wish,
    /// Pauses of the account with all its certificates.
    pub(super) backoff: Backoff,
}

/// The account with the authority, once it is needed.
type Session = Option<Account>;

/// A certificate and how far it is.
#[derive(Default)]
struct Kept {
    progress: Progress,
    challenges: Vec<ChallengeKind>,
    /// Where it is shown.
    issued: Arc<IssuedShared>,
}

impl Keeper {
    /// Keeps the certificates until nobody wants any.
    pub(super) async fn keep(mut self, mut wanted: watch::Receiver<Wanted>) {
        let mut all: HashMap<PathBuf, Kept> = HashMap::new();
        let mut tries = 0;
        loop {
            let now_wanted = wanted.borrow_and_update().clone();
            let (account, is_asked_for) = (now_wanted.account, now_wanted.tries != tries);
            tries = now_wanted.tries;
            if is_asked_for {
                self.backoff.try_now();
            }
            all.retain(|file, _| account.certificates.iter().any(|certificate| certificate.file == *file));
            for certificate in &account.certificates {
                let kept = all.entry(certificate.file.clone()).or_default();
                if kept.challenges != certificate.challenges || is_asked_for {
                    kept.progress.try_now();
                    kept.challenges.clone_from(&certificate.challenges);
                }
                self.restore(certificate, kept);
            }
            let until = self.pass(&account, &mut all, &wanted).await;
            let pause = until.duration_since(self.clock.wall()).unwrap_or_default();
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sees to each certificate, as long as nothing else is wanted. Answers when something is due again.
    async fn pass(
        &mut self,
        account: &AcmeAccount,
        all: &mut HashMap<PathBuf, Kept>,
        wanted: &watch::Receiver<Wanted>,
    ) -> SystemTime {
        // Each time anew, because what the directory says may have changed.
        let mut session = None;
        let mut until = self.clock.wall() + SLEEP;
        for certificate in &account.certificates {
            if wanted.has_changed().unwrap_or(true) {
                break;
            }
            let progress = &mut all.entry(certificate.file.clone()).or_default().progress;
            let seen_to = Box::pin(self.see_to(&mut session, account, certificate, progress));
            let due = match CatchPanic(seen_to).await {
                Ok(due) => due,
                Err(panic) => {
                    self.metrics.events().panics.inc();
                    let next = self.account_failed(Trouble::Refused, None);
                    let (hosts, shown) = (certificate.names(), shown(next));
                    tracing::error!(hosts, next = shown, "a defect of this program: {panic}");
                    next
                }
            };
            until = until.min(due);
        }
        until
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
            let (summary, now) = (certificate.issued.summary(), self.clock.wall());
            let step = progress.step(summary.as_ref(), now);
            if let Step::Wait(until) = step {
                return until;
            }
            if let Some(until) = self.backoff.until(now) {
                return until;
            }
            match (step, summary) {
                (Step::Ask, Some(summary)) => match self.ask(session, account, &summary).await {
                    Ok(answer) => self.told(certificate, progress, &summary, answer),
                    Err(failure) => {
                        let directory = &*account.directory;
                        let wish = self.wish.take();
                        let next = shown(self.account_failed(failure.trouble, wish));
                        tracing::warn!(
                            directory,
                            next,
                            "the authority cannot be asked when to renew: {failure}"
                        );
                    }
                },
                (_, summary) => {
                    let replaces = summary.filter(|_| progress.has_window());
                    let outcome = self.order(session, account, certificate, progress, replaces).await;
                    if outcome.as_ref().is_err_and(|failure| failure.trouble == Trouble::Unreachable) {
                        // Whether the authority is there at all is seen when the next one opens it.
                        *session = None;
                    }
                    self.note(account, certificate, progress, outcome);
                }
            }
        }
    }

    /// Takes the file where nothing is shown: the clock may have been wrong at the start, or somebody has brought it back. And where it
    /// is to be shown in another place than before: an order may have ended after the document was compiled.
    fn restore(&self, certificate: &AcmeCertificate, kept: &mut Kept) {
        let is_missing = certificate.issued.is_missing();
        let before = std::mem::replace(&mut kept.issued, Arc::clone(&certificate.issued));
        if !is_missing && Arc::ptr_eq(&before, &certificate.issued) {
            return;
        }
        let Ok(bytes) = std::fs::read(&certificate.file) else { return };
        let pem = CertificatePem { chain: bytes.clone(), key: bytes, ocsp: None };
        if certificate.show(&pem, self.clock.wall()).is_ok() && is_missing {
            tracing::info!(hosts = certificate.names(), "the certificate that is kept can be used");
        }
    }

    /// Notes what the authority says of renewal.
    fn told(
        &mut self,
        certificate: &AcmeCertificate,
        progress: &mut Progress,
        summary: &CertificateSummary,
        answer: Option<(Window, Duration)>,
    ) {
        let before = progress.renew_at();
        progress.told(summary, answer, self.clock.wall(), self.random.f64());
        if let Some(at) = progress.renew_at().filter(|at| Some(*at) != before) {
            let (hosts, at, by_authority) = (certificate.names(), shown(at), answer.is_some());
            tracing::info!(hosts, at, by_authority, "the certificate will be renewed");
        }
    }

    /// When the authority wants this one renewed, and when to ask again; nothing where it says nothing.
    ///
    /// # Errors
    ///
    /// If the account is not ready.
    async fn ask(
        &self,
        session: &mut Session,
        account: &AcmeAccount,
        summary: &CertificateSummary,
    ) -> Result<Option<(Window, Duration)>, Failure> {
        let Some(id) = identifier(summary) else { return Ok(None) };
        let directory = &*account.directory;
        match self.opened(session, account).await?.renewal_info(&id).await.map_err(Failure::from) {
            Ok((RenewalInfo { suggested_window: told, explanation_url }, again)) => {
                let time = |seconds: i64| {
                    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
                };
                if let Some(page) = explanation_url {
                    let page = &*cut(&page);
                    tracing::info!(page, "the authority tells about the renewal of a certificate");
                }
                let (start, end) = (time(told.start.unix_timestamp()), time(told.end.unix_timestamp()));
                Ok(Some((Window { start, end }, again)))
            }
            Err(failure) => {
                // That it wants to be left alone with this does not hold up orders.
                self.wish.take();
                tracing::debug!(directory, "the authority does not say when to renew: {failure}");
                Ok(None)
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
        let _turn = self.turns.take(&certificate.hosts).await;
        tracing::info!(hosts, directory, challenge = kind.as_str(), "ordering a certificate");
        let proofs = Proofs { tls: &self.proofs, http: &self.tokens };
        let replaces = replaces.as_ref().and_then(identifier);
        let run = async {
            let opened = self.opened(session, account).await?;
            let failure = match order(opened, certificate, kind, replaces.clone(), &proofs).await {
                Err(failure) if failure.is_without_account() => failure,
                outcome => return outcome,
            };
            *session = None;
            forget(account, &failure)?;
            order(self.opened(session, account).await?, certificate, kind, replaces, &proofs).await
        };
        let late =
            |_| Err(Failure::new(Trouble::Unfinished, format!("the order takes longer than {LIMIT:?}")));
        let pem = tokio::time::timeout(LIMIT, run).await.unwrap_or_else(late)?;
        let shown = self.show(certificate, &pem);
        state::remove_order(&certificate.file);
        shown
    }

    /// The account, made ready where it is not.
    async fn opened<'s>(
        &self,
        session: &'s mut Session,
        account: &AcmeAccount,
    ) -> Result<&'s Account, Failure> {
        if session.is_none() {
            let client = AuthorityClient {
                tls: account.tls.clone(),
                directory: account.directory.clone(),
                resolver: Arc::clone(&self.resolver),
                clock: self.clock,
                wish: self.wish.clone(),
            };
            let opened = match session::open(account, client.clone()).await {
                Err(failure) if failure.is_without_account() => {
                    forget(account, &failure)?;
                    session::open(account, client).await
                }
                opened => opened,
            };
            *session = Some(opened.map_err(|failure| failure.at("the account").of_account())?);
        }
        Ok(session.as_ref().expect("it was just made ready"))
    }

    /// Shows a certificate from now on, and keeps it.
    fn show(&self, certificate: &AcmeCertificate, pem: &IssuedPem) -> Result<CertificateSummary, Failure> {
        let file = format!("{}\n{}", pem.chain.trim_end(), pem.key);
        let read =
            CertificatePem { chain: pem.chain.clone().into(), key: pem.key.clone().into(), ocsp: None };
        certificate.show(&read, self.clock.wall()).map_err(|why| {
            Failure::new(Trouble::Refused, format!("what the authority issued is of no use: {why}"))
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
                self.backoff = Backoff::default();
                progress.issued(&summary, now);
                let until = shown(summary.not_after);
                tracing::info!(hosts, until, issuer = summary.issuer, "certificate issued");
                return;
            }
            Err(failure) => failure,
        };
        events.orders_failed.inc();
        let again = failure.again.map(|again| again.saturating_duration_since(self.clock.now()));
        let wish = self.wish.take().max(again);
        let is_of_all = failure.is_of_account || (failure.trouble == Trouble::Unreachable && wish.is_some());
        let next = if is_of_all {
            self.account_failed(failure.trouble, wish)
        } else {
            progress.failed((failure.trouble, certificate.challenges.len()), wish, now, self.random.f64())
        };
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

    /// Notes a failure that is none of a single certificate: nothing is asked for the others either. Answers when the next try is.
    fn account_failed(&mut self, trouble: Trouble, wish: Option<Duration>) -> SystemTime {
        self.backoff.failed(trouble, wish, self.clock.wall(), self.random.f64())
    }
}

/// Has the next session make another account: the authority does not know this one.
fn forget(account: &AcmeAccount, failure: &Failure) -> Result<(), Failure> {
    tracing::warn!(directory = account.directory, "another account is made: {failure}");
    let removed = state::remove_account(&account.folder);
    removed.map_err(|error| Failure::new(Trouble::Refused, error.to_string()).of_account())
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
