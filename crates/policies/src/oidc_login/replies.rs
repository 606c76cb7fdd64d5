//! Answers that all steps of a login make: a browser is sent on, or told why it is not.
//! None of them is kept by anybody else.

use std::error::Error;

use maitred_http::Known;
use maitred_policy::{Fault, Reply, Side, Verdict};
use maitred_store::Away;

use crate::provider::Form;

/// A page, with these parameters besides those that it has (RFC 6749 section 3.1).
pub(super) fn with_query(url: &str, form: Form) -> String {
    let between = if url.contains('?') { '&' } else { '?' };
    format!("{url}{between}{}", String::from_utf8_lossy(&form.into_bytes()))
}

/// Sends a browser on, with fields that have it keep or forget something. Nobody else may keep the answer.
pub(super) fn redirect(status: u16, to: &str, kept: Vec<String>) -> Verdict {
    let mut reply = Reply::new(status);
    reply.head.fields.append_known(Known::Location, to.as_bytes());
    reply.head.fields.append_known(Known::CacheControl, b"no-store");
    for field in kept {
        reply.head.fields.append_known(Known::SetCookie, field.as_bytes());
    }
    Verdict::Respond(Box::new(reply))
}

/// The provider cannot be asked. Who is logged in already notices nothing.
pub(super) fn unavailable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::new(Side::Upstream, 503, "login_unavailable", "The login service cannot be reached")
        .field(b"Retry-After", b"5")
        .source(why)
}

/// The store that has the sessions cannot be asked: nobody knows who is logged in, and nobody is logged out by that.
pub(super) fn store_unavailable(away: Away) -> Fault {
    Fault::shed("store_unavailable").source(away)
}

/// A 401 says how one would show who one is (RFC 9110 section 15.5.2); there is no scheme for cookies.
pub(super) fn challenge(fault: Fault) -> Fault {
    fault.field(b"WWW-Authenticate", b"Session realm=\"gateway\"")
}

/// A request that does not say which host it means (HTTP/1.0) cannot be sent back there.
pub(super) fn without_host() -> Verdict {
    Fault::client(400, "no_host", "The host is missing").into()
}
