//! Certificates that an authority makes when asked (ACME, RFC 8555).
//! Only the settings: ordering, proving and renewing are done where TLS is.

use std::net::IpAddr;

use crate::node::Node;
use crate::problem::Problem;
use crate::read::{
    Fields, FilePath, FolderPath, HttpsUrl, OneOrMany, Read, Reader, Shape, Spanned, TextShape,
};
use crate::scalar::{ScalarProblem, server_name};
use crate::{config_map, config_words};

/// Where the terms of Let's Encrypt stand.
const TERMS: &str = "https://letsencrypt.org/repository/";

config_map! {
    /// Certificates from a certificate authority: Let's Encrypt unless told otherwise.
    #[check = Acme::check]
    pub struct Acme {
        /// The names to have certificates for; all of them have to lead here. No `*.`, no addresses.
        #[main]
        hosts: OneOrMany<Spanned<AcmeHost>>,
        /// Whether you agree to the authority's terms of service. It has to be said: nobody else may (RFC 8555 section 7.3).
        agree_terms: bool = false,
        /// Where the authority may write to.
        email: Option<String>,
        /// Where the authority is: its directory.
        directory: HttpsUrl = "https://acme-v02.api.letsencrypt.org/directory",
        /// The file with the authorities that vouch for the directory itself, in PEM. Without it, those that the system trusts.
        ca: Option<FilePath>,
        /// The folder where account, keys and certificates are kept. Unless it stays, each start orders new ones.
        state: FolderPath = "acme",
        /// How the names are proved, in the order in which it is tried.
        challenge: OneOrMany<AcmeChallenge> = "[tls-alpn-01, http-01]",
    }
}

config_words! {
    /// How it is proved that a name leads here.
    pub enum AcmeChallenge {
        /// By a connection to this listener, which has to be reached at port 443 (RFC 8737).
        TlsAlpn01 = "tls-alpn-01",
        /// By a request that every listener in the clear answers, of which one has to be reached at port 80.
        Http01 = "http-01",
    }
}

impl Acme {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let said = fields.entry("agree_terms").map(|entry| entry.value.as_bool());
        if matches!(said, None | Some(Some(false))) && !fields.has_unknown() {
            let theirs = if self.directory.0.contains(".letsencrypt.org") { TERMS } else { "their site" };
            reader.problem(
                Problem::error("the terms of the certificate authority are not agreed to")
                    .at(said.map_or(fields.place(), |_| fields.value_span("agree_terms")))
                    .help(format!("read them at {theirs}, then write `agree_terms: true` beside `hosts`")),
            );
        }
        for (index, host) in self.hosts.iter().enumerate() {
            if let Some(first) = self.hosts[..index].iter().find(|other| other.value == host.value) {
                let problem = Problem::error("this name is listed twice").label(host.span, "again here");
                reader.problem(problem.label(first.span, "first here"));
            }
        }
        if self.email.as_deref().is_some_and(|email| !is_mailbox(email)) {
            let problem = Problem::error("this is no address of e-mail").at(fields.value_span("email"));
            reader.problem(problem.help("write it like `ops@example.com`"));
        }
    }
}

/// A name to have a certificate for, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AcmeHost(pub String);

static HOST: TextShape = TextShape { name: "name of a host", example: "api.example.com", pattern: None };

impl Read for AcmeHost {
    fn shape() -> Shape {
        Shape::Text(&HOST)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &HOST, |text| {
            if text.starts_with("*.") {
                // Wildcards take the challenge dns-01 (RFC 8555 section 7.1.3).
                return Err(ScalarProblem::whole("names with `*.` cannot be proved in these ways", text)
                    .help("list the names, or name the files of a certificate: `certificates`"));
            }
            let name = server_name::parse(text)?;
            if name.parse::<IpAddr>().is_ok() {
                return Err(ScalarProblem::whole("a certificate for an address cannot be had here", text)
                    .help("write the name that leads to it"));
            }
            Ok(Self(name))
        })
    }
}

/// Whether a text can be the address of a mailbox: what stands before and behind one `@`.
fn is_mailbox(text: &str) -> bool {
    let well_formed = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@:,<>".contains(c))
    };
    text.split_once('@').is_some_and(|(user, host)| well_formed(user) && well_formed(host))
}
