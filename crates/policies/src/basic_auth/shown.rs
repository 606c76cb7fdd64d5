//! The user and password that a request shows: `Authorization: Basic …` (RFC 7617 section 2). What is not just so is broken, and is no
//! login: neither bytes that are no text, nor control bytes, nor a second field of the kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maitred_http::{Known, RequestHead};

/// Bytes that a user, a colon and a password may have: some ways to hash take a time that grows with them.
const LONGEST: usize = 256;

/// What a request shows.
pub(super) enum Shown {
    /// No user and no password.
    Nothing,
    /// Something that is meant to be them.
    Broken,
    Login(Login),
}

/// A user and a password. Neither is empty.
pub(super) struct Login {
    /// `USER:PASSWORD`.
    text: String,
    colon: usize,
}

impl Login {
    pub(super) fn user(&self) -> &str {
        &self.text[..self.colon]
    }

    pub(super) fn password(&self) -> &[u8] {
        &self.text.as_bytes()[self.colon + 1..]
    }

    /// Both, in a form that no other two have: users have no colon.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Whether a request shows a user and a password, or something that is meant to be them.
pub(super) fn is_shown(request: &RequestHead) -> bool {
    request.fields.all_known(Known::Authorization).any(|line| token(line).is_some())
}

impl Shown {
    pub(super) fn find(request: &RequestHead) -> Self {
        let mut lines = request.fields.all_known(Known::Authorization);
        let is_alone = lines.by_ref().count() == 1;
        let mut lines = request.fields.all_known(Known::Authorization);
        match lines.find_map(token) {
            None => Self::Nothing,
            Some(token) if is_alone => decode(token).map_or(Self::Broken, Self::Login),
            Some(_) => Self::Broken,
        }
    }
}

/// What stands behind `Basic`, in any case (RFC 9110 section 11.1).
fn token(line: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = line.split_at_checked(5)?;
    let ends = token.first().is_none_or(u8::is_ascii_whitespace);
    (ends && scheme.eq_ignore_ascii_case(b"Basic")).then(|| token.trim_ascii())
}

fn decode(token: &[u8]) -> Option<Login> {
    if token.len() > LONGEST.div_ceil(3) * 4 {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let colon = text.find(':')?;
    let is_whole = colon > 0 && colon + 1 < text.len() && text.len() <= LONGEST;
    (is_whole && !text.contains(char::is_control)).then_some(Login { text, colon })
}
