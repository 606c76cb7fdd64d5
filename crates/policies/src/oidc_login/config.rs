//! What users write for `oidc_login`.
//! That its paths come to a route that has it is seen by the engine.

use std::time::Duration;

use maitred_config::scalar::{HttpUrl, ScalarProblem, quote};
use maitred_config::{
    Fields, Node, Problem, Read, Reader, Secret, Shape, Spanned, TextShape, Toggle, config_map, config_words,
};
use maitred_http::is_token;

use super::attempt::own_place;
use crate::provider::ClientAuthentication;

config_map! {
    /// Who logs users in, and how long they stay.
    #[check = OidcLoginConfig::check]
    pub struct OidcLoginConfig {
        /// The issuer, by its name in the document: a provider that describes itself at its URL.
        issuer: Spanned<String>,
        /// What the provider calls the gateway.
        client_id: String,
        /// What the gateway shows the provider. A public client has none: PKCE alone protects its codes.
        client_secret: Option<Secret>,
        /// How the secret is shown.
        client_auth: ClientAuthentication = "client_secret_basic",
        /// What is asked for. `openid` always is; `offline_access` has some providers give a token for renewal.
        scopes: Vec<String> = "[openid]",
        /// What the keys of the cookies are made of: at least 32 characters, the same for all replicas. Of several the first seals and all open, so that it can be
        /// replaced. Without it each process has a key of its own.
        secret: Vec<Spanned<Secret>>,
        /// The path to which the provider sends browsers back.
        callback: Spanned<OwnPath> = "/oauth2/callback",
        /// The path that begins a login by itself, for routes where it is `optional`: `?to=/path` says where it leads.
        login: Option<Spanned<OwnPath>>,
        /// The path that logs out.
        logout: Toggle<Spanned<OwnPath>> = "/oauth2/logout",
        /// The path where browsers end up after that.
        after_logout: OwnPath = "/",
        /// The path where the provider says that sessions have ended (OpenID Connect Back-Channel Logout 1.0).
        backchannel_logout: Option<Spanned<OwnPath>>,
        /// Where browsers reach the gateway: `https://shop.example`. Without it, it is the scheme and the host that they asked.
        origin: Option<Spanned<HttpUrl>>,
        /// The name of the session's cookie, which has `__Host-` before it where clients come over TLS.
        cookie: Spanned<String> = "session",
        /// How long sessions last, and where they are kept.
        session: SessionConfig = true,
        /// The token that services get as `Authorization: Bearer …`. Without it, none.
        forward: Option<ForwardedToken>,
        /// Whether a request without a session passes, as that of nobody.
        optional: bool = false,
    }
}

config_map! {
    /// How long sessions last, and where they are kept.
    pub struct SessionConfig {
        /// From the login on.
        #[main]
        lifetime: Duration = "8h",
        /// Without a request. Requests count every tenth of that time.
        idle: Duration = "1h",
        /// The store that has the sessions, sealed; cookies have an id alone. Without it, sessions are in their cookies.
        store: Option<Spanned<String>>,
    }
}

config_words! {
    /// A token that services get.
    pub enum ForwardedToken {
        /// The access token, which is renewed before it expires.
        Access = "access_token",
        /// The ID token, which says who the user is and is not meant for services.
        Id = "id_token",
    }
}

/// A path of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(pub String);

static OWN_PATH: TextShape = TextShape { name: "path", example: "/oauth2/callback", pattern: Some("^/") };

impl Read for OwnPath {
    fn shape() -> Shape {
        Shape::Text(&OWN_PATH)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &OWN_PATH, own_path)
    }
}

fn own_path(text: &str) -> Result<OwnPath, ScalarProblem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if own_place(text) == text && text.bytes().all(is_plain) {
        return Ok(OwnPath(text.to_owned()));
    }
    let problem = ScalarProblem::whole(format!("{} is no path", quote(text)), text);
    Err(problem
        .help("write it like `/oauth2/callback`: letters, digits, `-`, `.`, `_` and `~` between slashes"))
}

/// A secret with fewer characters could be tried out by whoever has a cookie.
const SHORTEST_SECRET: usize = 32;
/// So that names and parts of them fit in a cookie beside the value.
const LONGEST_NAME: usize = 64;

impl OidcLoginConfig {
    /// The secrets that are not empty, which would be none.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Spanned<Secret>> {
        self.secret.iter().filter(|secret| !secret.value.is_empty())
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        for secret in self.secrets() {
            if secret.value.expose().len() < SHORTEST_SECRET {
                let problem = Problem::error("this secret is too short: who has a cookie could try it out");
                let place = if secret.span.is_none() { fields.value_span("secret") } else { secret.span };
                reader.problem(problem.at(place).help("`openssl rand -base64 48` makes a good one"));
            }
        }
        let name = &self.cookie;
        if !is_token(name.value.as_bytes()) || name.value.len() > LONGEST_NAME || name.value.starts_with("__")
        {
            let problem = Problem::error(format!("{} is no name of a cookie", quote(&name.value)));
            reader.problem(problem.at(name.span).help("write letters, digits, `-` and `_`"));
        }
        if let Some(origin) = self.origin.as_ref().filter(|origin| origin.value.target() != "/") {
            let problem = Problem::error("an origin has no path").at(origin.span);
            reader.problem(problem.help("write scheme, host and port only: `https://shop.example`"));
        }
        let own = [
            ("callback", Some(&self.callback)),
            ("login", self.login.as_ref()),
            ("logout", self.logout.on()),
            ("backchannel_logout", self.backchannel_logout.as_ref()),
        ];
        for (at, (key, path)) in own.iter().enumerate() {
            let same = own[..at].iter().find(|(_, other)| {
                path.is_some_and(|path| other.is_some_and(|other| other.value == path.value))
            });
            if let Some((other, _)) = same {
                let problem = Problem::error(format!("`{key}` and `{other}` are the same path"));
                reader.problem(problem.at(fields.value_span(key)));
            }
        }
        if self.session.idle.is_zero() || self.session.lifetime.is_zero() {
            let problem = Problem::error("sessions that last no time let nobody in");
            reader.problem(problem.at(fields.value_span("session")));
        }
    }
}
