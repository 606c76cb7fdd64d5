//! Issuers: who signs tokens, where their keys are, and where they write what.
//! Keys are read and fetched by the policies that check tokens.

use std::collections::HashMap;

use crate::node::Node;
use crate::problem::Problem;
use crate::read::{Fields, FilePath, Named, Read, Reader, Secret, Shape, Spanned, TextShape};
use crate::scalar::{FieldPath, HttpUrl, http_url, quote};
use crate::{config_map, config_words};

config_map! {
    /// Somebody who signs tokens.
    #[check = Issuer::check]
    pub struct Issuer {
        /// What its tokens have as `iss`. Where nothing else says where its keys are, it is the URL of a login provider, which tells them
        /// (`/.well-known/openid-configuration`).
        #[main]
        issuer: String,
        /// Its keys as a JWK Set: the URL or the file of one.
        jwks: Option<KeysFrom>,
        /// Its public keys as PEM, in one file or several.
        public_key: Vec<Spanned<FilePath>>,
        /// The URL of its description, where that is not where the issuer's URL says.
        discovery: Option<HttpUrl>,
        /// The secret that it shares with us, for HS256 and its like: at least as many bytes as the hash has, which is 32.
        secret: Option<Spanned<Secret>>,
        /// Whom its tokens are for: one of these has to be in `aud`. Without it, `aud` is not looked at.
        audience: Vec<String>,
        /// Where its tokens say what.
        claims: ClaimPaths = true,
        /// Algorithms that its tokens may be signed with. Without it, those that its keys are for; with a secret, HS256.
        algorithms: Vec<TokenAlgorithm>,
        /// How its keys and its description are fetched over TLS. Without it, the authorities that the system trusts count.
        tls: Option<IssuerTls>,
    }
}

config_map! {
    /// How the keys and the description of an issuer are fetched over TLS.
    pub struct IssuerTls {
        /// The authorities whose certificates count, in PEM.
        #[main]
        ca: Spanned<FilePath>,
    }
}

config_map! {
    /// Where the tokens of an issuer say what: paths of claims, such as `realm_access.roles` or `["https://example.com/roles"]`.
    pub struct ClaimPaths {
        /// Roles: a list of texts, or one. Without it they are looked for in `roles`, `realm_access.roles`, `resource_access.*.roles`, `scope`
        /// and `scp`.
        roles: Option<FieldPath>,
        /// Groups: a list of texts, or one. Without it they are those of `groups`.
        groups: Option<FieldPath>,
        /// The plan. Without it, tokens name none.
        plan: Option<FieldPath>,
        /// Scopes: a list of texts, or one with blanks between them. Without it they are those of `scope` and `scp`.
        scopes: Option<FieldPath>,
        /// Who it is, which services are told in `X-User-ID`. Without it, `sub`.
        subject: Option<FieldPath>,
    }
}

config_words! {
    /// An algorithm of signatures (RFC 7518, RFC 8037).
    pub enum TokenAlgorithm {
        /// HMAC with SHA-256.
        Hs256 = "HS256",
        /// HMAC with SHA-384.
        Hs384 = "HS384",
        /// HMAC with SHA-512.
        Hs512 = "HS512",
        /// RSA (PKCS #1 v1.5) with SHA-256.
        Rs256 = "RS256",
        /// RSA (PKCS #1 v1.5) with SHA-384.
        Rs384 = "RS384",
        /// RSA (PKCS #1 v1.5) with SHA-512.
        Rs512 = "RS512",
        /// RSA (PSS) with SHA-256.
        Ps256 = "PS256",
        /// RSA (PSS) with SHA-384.
        Ps384 = "PS384",
        /// RSA (PSS) with SHA-512.
        Ps512 = "PS512",
        /// ECDSA over P-256.
        Es256 = "ES256",
        /// ECDSA over P-384.
        Es384 = "ES384",
        /// ECDSA over P-521.
        Es512 = "ES512",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq)]
pub enum KeysFrom {
    /// At a URL.
    Url(HttpUrl),
    /// In a file.
    File(Spanned<FilePath>),
}

impl Read for KeysFrom {
    fn shape() -> Shape {
        static SHAPE: TextShape = TextShape {
            name: "URL or path of a file",
            example: "https://login.example.com/keys",
            pattern: None,
        };
        Shape::Text(&SHAPE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_text().is_some_and(|text| text.contains("://")) {
            return HttpUrl::read(node, reader).map(Self::Url);
        }
        Spanned::read(node, reader).map(Self::File)
    }
}

impl TokenAlgorithm {
    /// Whether it works with a shared secret.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

const SOURCES: [&str; 4] = ["jwks", "public_key", "discovery", "secret"];

impl Issuer {
    /// Where its description is, if its keys are looked for there (OpenID Connect Discovery 1.0 section 4).
    pub fn discovery_url(&self) -> Option<HttpUrl> {
        let has_keys = self.jwks.is_some() || !self.public_key.is_empty() || self.secret.is_some();
        if has_keys { None } else { self.description_url() }
    }

    /// Where its description would be, whatever is looked for there: endpoints, for one.
    pub fn description_url(&self) -> Option<HttpUrl> {
        let own = || format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        self.discovery.clone().or_else(|| http_url::parse(&own()).ok())
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let sources: Vec<&str> = SOURCES.into_iter().filter(|key| fields.has(key)).collect();
        if let [first, second, ..] = sources[..] {
            let problem = Problem::error("the keys of an issuer come from one place");
            let problem = problem.label(fields.key_span(second), "and from here");
            reader.problem(problem.label(fields.key_span(first), "from here").help("leave all but one out"));
        }
        if sources.is_empty() && !fields.has_unknown() && self.discovery_url().is_none() {
            let problem = Problem::error("nothing says where the keys of this issuer are");
            reader.problem(problem.at(fields.value_span("issuer")).help(
                "write `jwks: URL or FILE`, `public_key: FILE` or `secret: \"${NAME}\"`; the URL of an OpenID provider alone is enough",
            ));
        }
        // One that was refused is a problem already.
        let is_empty = fields.entry("secret").is_some_and(|entry| entry.value.as_text() == Some(""));
        if is_empty && sources == ["secret"] {
            let problem = Problem::error("this secret is empty, so that no token can be checked");
            reader.problem(problem.at(fields.key_span("secret")));
        }
        let is_secret = fields.has("secret");
        if let Some(wrong) = self.algorithms.iter().find(|algorithm| algorithm.is_secret() != is_secret) {
            // Only keys in a file may be secrets as well.
            if is_secret || !matches!(self.jwks, Some(KeysFrom::File(_))) {
                let what = if is_secret { "a shared secret" } else { "public keys" };
                let problem = Problem::error(format!("`{}` does not work with {what}", wrong.word()));
                reader.problem(problem.at(fields.key_span("algorithms")));
            }
        }
        // Where its keys are in the configuration, policies may still ask its description for endpoints.
        let is_fetched = self.description_url().is_some() || matches!(self.jwks, Some(KeysFrom::Url(_)));
        if fields.has("tls") && !is_fetched {
            let problem = Problem::error("nothing is fetched of this issuer, so `tls` would do nothing");
            reader.problem(problem.at(fields.key_span("tls")));
        }
        self.warn_of_clear_text(fields, reader);
    }

    /// Who is in between could hand us keys of his own.
    fn warn_of_clear_text(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let discovery = self.discovery_url();
        let (key, url) = match (&self.jwks, &discovery) {
            (Some(KeysFrom::Url(url)), _) => ("jwks", url),
            (None, Some(url)) => (if fields.has("discovery") { "discovery" } else { "issuer" }, url),
            _ => return,
        };
        if url.is_clear() {
            let problem = Problem::warning(
                "the keys of this issuer are fetched in the clear: who is in between can sign tokens",
            );
            reader.problem(problem.at(fields.value_span(key)).help("fetch them over `https://`"));
        }
    }
}

/// Checks that a token tells by its `iss` which one it comes from.
pub(super) fn check(issuers: &Named<Issuer>, reader: &mut Reader<'_>) {
    let mut known: HashMap<&str, _> = HashMap::new();
    for issuer in issuers {
        if let Some(first) = known.insert(issuer.value.issuer.as_str(), issuer.span) {
            let problem = Problem::error(format!("two issuers are {}", quote(&issuer.value.issuer)));
            let problem = problem.label(issuer.span, "again here").label(first, "first here");
            reader.problem(
                problem.help("tokens tell by `iss` which one they come from; `audience` takes several"),
            );
        }
    }
}
