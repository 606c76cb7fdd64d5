//! How services are shown the tokens that providers gave: in which field, as what, and for how long (RFC 6750 section 2.1). How they are got is the
//! policies' business.

use std::time::Duration;

use maitred_config::{HeaderName, Problem, Spanned};
use maitred_http::FieldName;
use maitred_policy::Build;

use crate::asking;

/// The field in which a service is shown a token. That none can be there is reported.
pub(crate) fn field(written: &Spanned<HeaderName>, build: &mut Build<'_>) -> Option<FieldName> {
    let name = &written.value.0;
    if asking::is_of_framing(name.as_bytes()) {
        let problem = Problem::error(format!("no token can stand in `{name}`")).at(written.span);
        build.report(problem.help("leave `header` out for `Authorization`"));
        return None;
    }
    FieldName::parse(name).ok()
}

/// A token as it stands in a field.
pub(crate) fn bearer(token: &str) -> Box<[u8]> {
    [b"Bearer ", token.as_bytes()].concat().into()
}

/// How much earlier than it ends a token is no longer shown: it has a way to go.
pub(crate) fn margin(lifetime: Duration) -> Duration {
    (lifetime / 10).min(Duration::from_secs(10))
}
