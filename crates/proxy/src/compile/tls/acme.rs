//! Certificates by ACME as the document wants them: which account orders which, and what of them is on disk already.
//! Nothing is ordered here.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use maitred_config::{Acme as Written, AcmeChallenge, Listener, NamedEntry, Problem, Span};
use maitred_net::{Alpn, CertificatePem, Issued};

use super::{TlsCompiler, shown};
use crate::acme::{AcmeAccount, AcmeCertificate, ChallengeKind, Places};
use crate::tls::ServiceTls;

/// An account while listeners are gone through.
#[derive(Debug)]
pub(super) struct Compiling {
    pub(super) account: AcmeAccount,
    places: Places,
    /// The settings that must be the same wherever the account is named.
    authorities: Option<Vec<u8>>,
}

impl TlsCompiler<'_, '_> {
    /// What a listener shows that gets its certificate by ACME.
    pub(super) fn issued(&mut self, entry: &NamedEntry<Listener>, acme: &Written) -> Option<Issued> {
        let mut hosts: Vec<String> = acme.hosts.iter().map(|host| host.value.0.clone()).collect();
        hosts.sort();
        let challenges = self.challenges(acme);
        let at = self.account(acme, entry.span)?;
        let file = self.accounts[at].places.certificate(&hosts);
        let known = &mut self.accounts[at].account.certificates;
        if let Some(same) = known.iter_mut().find(|known| known.hosts == hosts) {
            if same.challenges != challenges {
                let other = &same.listeners[0];
                let message = format!("listener `{other}` proves the same names in other ways");
                self.refuse(
                    &message,
                    "they share one certificate: write the same `challenge` for both",
                    entry.span,
                );
                return None;
            }
            same.listeners.push(Arc::from(&*entry.name));
            let certificate = Arc::clone(&same.issued);
            return Some(Issued { certificate, proofs: Arc::clone(&self.acme.proofs) });
        }
        let mut certificate = AcmeCertificate {
            hosts,
            challenges,
            listeners: vec![Arc::from(&*entry.name)],
            file,
            issued: Arc::default(),
        };
        self.take_known(&mut certificate, entry.span);
        let issued =
            Issued { certificate: Arc::clone(&certificate.issued), proofs: Arc::clone(&self.acme.proofs) };
        self.accounts[at].account.certificates.push(certificate);
        Some(issued)
    }

    /// The ways that can work: where nobody listens in the clear, nobody answers `http-01`. If it is the only one that is
    /// written, it stays, and a warning was told.
    fn challenges(&self, acme: &Written) -> Vec<ChallengeKind> {
        let is_clear = |listener: &NamedEntry<Listener>| listener.value.tls.is_none();
        let has_clear = self.compiler.document.listeners.iter().any(is_clear);
        let all = acme.challenge.iter().map(|challenge| match challenge {
            AcmeChallenge::TlsAlpn01 => ChallengeKind::TlsAlpn01,
            AcmeChallenge::Http01 => ChallengeKind::Http01,
        });
        let can_work: Vec<_> =
            all.clone().filter(|kind| has_clear || *kind != ChallengeKind::Http01).collect();
        if can_work.is_empty() { all.collect() } else { can_work }
    }

    /// The number of the account for these settings: one for each directory and folder of state.
    fn account(&mut self, acme: &Written, at: Span) -> Option<usize> {
        let authorities = match &acme.ca {
            Some(ca) => Some(self.read(ca, at)?),
            None => None,
        };
        let places = Places::new(acme.state.as_path(), &acme.directory.0);
        let folder = places.folder.clone();
        let email = acme.email.clone();
        if let Some(index) = self.accounts.iter().position(|known| known.account.folder == folder) {
            let known = &mut self.accounts[index];
            if known.authorities != authorities {
                let help = "write the same `ca` for both, or another folder: `state`";
                self.refuse("another listener orders at this directory with another `ca`", help, at);
                return None;
            }
            known.account.emails.extend(email);
            known.account.emails.sort();
            known.account.emails.dedup();
            return Some(index);
        }
        let made_of = ServiceTls {
            authorities: authorities.clone(),
            certificate: None,
            server_name: None,
            verify: true,
            protocols: vec![Alpn::Http11],
        };
        let tls = self.client_tls(made_of, None, acme.ca.as_ref(), at)?;
        let account = AcmeAccount {
            directory: acme.directory.0.clone(),
            folder,
            tls,
            emails: email.into_iter().collect(),
            certificates: Vec::new(),
        };
        self.accounts.push(Compiling { account, places, authorities });
        Some(self.accounts.len() - 1)
    }

    /// Takes what the previous snapshot shows for it, or what is in its file: nothing where that is missing, or of no use.
    fn take_known(&mut self, wanted: &mut AcmeCertificate, at: Span) {
        let mut before = self.acme_before.accounts.iter().flat_map(|account| &account.certificates);
        if let Some(same) = before.find(|same| same.file == wanted.file && same.hosts == wanted.hosts) {
            wanted.issued = Arc::clone(&same.issued);
            return;
        }
        let shown = match self.compiler.means.files.read(&wanted.file) {
            Ok(bytes) => {
                let pem = CertificatePem { chain: bytes.clone(), key: bytes, ocsp: None };
                wanted.show(&pem, self.compiler.now)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("it cannot be read: {error}")),
        };
        if let Err(why) = shown {
            self.of_no_use(&wanted.file, &why, at);
        }
    }

    fn of_no_use(&mut self, file: &Path, why: &str, at: Span) {
        let message = format!("{}: {why}", shown(file));
        let problem = Problem::warning(message).at(at);
        self.problems
            .push(problem.help("a gateway that runs with this orders another certificate in its place"));
    }
}
