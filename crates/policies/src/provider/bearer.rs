//! Tokens as their bearers show them (RFC 6750): what clients are told of theirs, and how services are shown those that providers gave, in which field
//! and for how long. How they are checked and got is the policies' business.

use std::error::Error;
use std::time::Duration;

use maitred_config::{HeaderName, Problem, Spanned};
use maitred_http::{FieldName, Known, RequestHead};
use maitred_policy::{Build, Fault, identity};

use crate::asking;

/// What is answered where a token has to be shown and none is (section 3).
pub(crate) fn missing() -> Fault {
    let fault = Fault::client(401, identity::MISSING_CREDENTIALS, "Missing credentials");
    fault.field(b"WWW-Authenticate", b"Bearer realm=\"gateway\"")
}

/// What is answered to a bad token (section 3.1). The reason is for the log: whoever made the token up learns nothing.
pub(crate) fn invalid(why: impl Error + Send + Sync + 'static) -> Fault {
    let fault = Fault::client(401, "invalid_token", "Invalid token").source(why);
    fault.field(b"WWW-Authenticate", b"Bearer error=\"invalid_token\"")
}

/// The same to one whose time has passed: its client is to get another.
pub(crate) fn expired(why: impl Error + Send + Sync + 'static) -> Fault {
    let fault = Fault::client(401, "token_expired", "Token expired").source(why);
    let challenge = b"Bearer error=\"invalid_token\", error_description=\"The token expired\"";
    fault.field(b"WWW-Authenticate", challenge)
}

/// What is answered where only the issuer could tell, and cannot be asked: that is not the client's fault.
pub(crate) fn unreachable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::unavailable("issuer_unreachable").field(b"Retry-After", b"1").source(why)
}

/// The field in which a service is shown a token.
#[derive(Debug)]
pub(crate) struct BearerField(FieldName);

impl BearerField {
    /// Compiles its name. That no token can be there is reported.
    pub(crate) fn compile(written: &Spanned<HeaderName>, build: &mut Build<'_>) -> Option<Self> {
        let name = &written.value.0;
        if asking::is_of_framing(name.as_bytes()) {
            let problem = Problem::error(format!("no token can stand in `{name}`")).at(written.span);
            build.report(problem.help("leave `header` out for `Authorization`"));
            return None;
        }
        FieldName::parse(name).ok().map(Self)
    }

    /// Whether clients show their own tokens there.
    pub(crate) fn is_of_clients(&self) -> bool {
        self.0.known() == Some(Known::Authorization)
    }

    /// Shows the service a token, as it stands in the field, and nothing that the client says there.
    pub(crate) fn show(&self, request: &mut RequestHead, token: &[u8]) {
        self.clear(request);
        request.fields.append(&self.0, token);
    }

    /// Takes out what the client says there, in every spelling that a service may read as this one.
    pub(crate) fn clear(&self, request: &mut RequestHead) {
        request.fields.remove_where(|name| identity::is_read_as(name, self.0.as_str().as_bytes()));
    }
}

/// A token as it stands in a field.
pub(crate) fn bearer(token: &str) -> Box<[u8]> {
    [b"Bearer ", token.as_bytes()].concat().into()
}

/// How much earlier than it ends a token is no longer shown: it has a way to go.
pub(crate) fn margin(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(10))
}
