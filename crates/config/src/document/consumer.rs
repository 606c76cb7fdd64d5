//! Consumers: whom the gateway knows by name, and what they show for it.
//! What identifies them is the policies' business.

use std::collections::HashMap;

use crate::config_map;
use crate::problem::Problem;
use crate::read::{Fields, Named, Password, Reader, Secret, Spanned};
use crate::scalar::{Fingerprint, KeyHash, quote};

config_map! {
    /// Somebody whom the gateway knows by name: a program, a partner, a customer.
    #[check = Consumer::check]
    pub struct Consumer {
        /// Groups that it belongs to. Services are told them in `X-Consumer-Groups`.
        groups: Vec<Spanned<String>>,
        /// Its API keys, as hashes, for the policy `api_key`: `maitred key new` makes a key and its hash. Of several each will do, so that a key can be
        /// replaced without a gap.
        api_keys: Vec<Spanned<KeyHash>>,
        /// The subjects of its tokens, for the policy `jwt`.
        subject: Vec<TokenSubject>,
        /// Its plan. Without it, the one that its token names, or the default.
        plan: Option<Spanned<String>>,
        /// Its password, for the policy `basic_auth`, in which the consumer's name is the user: a hash by argon2 or bcrypt, which `maitred key password` makes. A
        /// password in plain comes in by `${…}`, and is hashed when the document is loaded.
        password: Option<Spanned<Password>>,
        /// Its certificates, for the policy `client_certificate`. Of several each will do.
        certificates: Vec<Spanned<ConsumerCertificate>>,
        /// The keys that it signs requests with, by their ids, for the policy `hmac_signature`. They have to be known in plain, and come in by `${…}`.
        hmac_keys: Option<Named<Secret>>,
    }
}

config_map! {
    /// Whom tokens are of.
    pub struct TokenSubject {
        /// What tokens have as `sub`, or where the issuer's `claims` say.
        #[main]
        subject: Spanned<String>,
        /// The name of the issuer whose tokens are meant. Without it, those of each.
        issuer: Option<Spanned<String>>,
    }
}

config_map! {
    /// What a certificate has to say of its owner. All that is named must hold.
    #[check = ConsumerCertificate::check]
    pub struct ConsumerCertificate {
        /// The whole subject, as in `CN=joe,O=Example` (RFC 4514): every part of it, in this order or from the other end, as `openssl x509 -subject` writes it.
        subject: Option<Spanned<String>>,
        /// One of its alternative names: a host name or a mail address.
        san: Option<Spanned<String>>,
        /// Its SPIFFE id. With `/*` at the end each id below that path.
        spiffe: Option<Spanned<String>>,
        /// The SHA-256 of the certificate: this one and no other.
        fingerprint: Option<Fingerprint>,
    }
}

impl ConsumerCertificate {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if !["subject", "san", "spiffe", "fingerprint"].iter().any(|key| fields.has(key)) {
            let problem = Problem::error("nothing says which certificate is meant").at(fields.place());
            reader.problem(problem.help("name at least one of `subject`, `san`, `spiffe`, `fingerprint`"));
        }
        let Some(spiffe) = &self.spiffe else { return };
        if !is_spiffe(&spiffe.value) {
            let problem = Problem::error(format!("{} is not a SPIFFE id", quote(&spiffe.value)));
            reader.problem(
                problem
                    .at(spiffe.span)
                    .help("write `spiffe://example.org/shop/web`, or `spiffe://example.org/shop/*`"),
            );
        }
    }
}

/// Whether this is a SPIFFE id, or all of a path: a trust domain in lower case, and a path (SPIFFE-ID section 2).
fn is_spiffe(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let of_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(of_path);
    let exact = path.strip_suffix("/*").unwrap_or(path);
    let has_path = path == "*" || exact.split('/').all(is_segment);
    !domain.is_empty() && domain.bytes().all(of_domain) && has_path
}

impl Consumer {
    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        for group in &self.groups {
            if !can_be_listed(&group.value) {
                let problem =
                    Problem::error(format!("{} cannot be the name of a group", quote(&group.value)));
                reader.problem(problem.at(group.span).help(NAMES));
            }
        }
    }
}

const NAMES: &str = "services are told it in a header: no commas, no control bytes, no spaces around it";

/// Whether a name can stand in a header, among others.
fn can_be_listed(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.contains(|c: char| c == ',' || c.is_control())
}

/// Checks names, and that no key, no id of one and no subject is that of two.
pub(super) fn check(consumers: &Named<Consumer>, reader: &mut Reader<'_>) {
    let mut known: HashMap<KeyHash, &Spanned<KeyHash>> = HashMap::new();
    let mut subjects: HashMap<&str, Vec<&TokenSubject>> = HashMap::new();
    let mut ids = HashMap::new();
    for consumer in consumers {
        if !can_be_listed(&consumer.name) {
            let problem =
                Problem::error(format!("{} cannot be the name of a consumer", quote(&consumer.name)));
            reader.problem(problem.at(consumer.span).help(NAMES));
        }
        for subject in &consumer.value.subject {
            let others = subjects.entry(&subject.subject).or_default();
            let meant = |other: &&&TokenSubject| {
                other.issuer.is_none() || subject.issuer.is_none() || other.issuer == subject.issuer
            };
            if let Some(first) = others.iter().find(meant) {
                let problem = Problem::error("this subject is that of two");
                let problem = problem.label(subject.subject.span, "again here");
                reader.problem(problem.label(first.subject.span, "first here"));
            }
            others.push(subject);
        }
        for key in &consumer.value.api_keys {
            if let Some(first) = known.insert(key.value, key) {
                let problem = Problem::error("this key is that of two");
                reader.problem(
                    problem
                        .label(key.span, "again here")
                        .label(first.span, "first here")
                        .help("give each its own: `maitred key new` makes one"),
                );
            }
        }
        for key in consumer.value.hmac_keys.iter().flatten() {
            if let Some(first) = ids.insert(&key.name, key.span) {
                let problem = Problem::error(format!("the key id {} is that of two", quote(&key.name)));
                reader.problem(
                    problem
                        .label(key.span, "again here")
                        .label(first, "first here")
                        .help("requests say the id only: give each key its own"),
                );
            }
        }
    }
}
