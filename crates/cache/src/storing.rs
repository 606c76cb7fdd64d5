//! Which answers may be kept (RFC 9111 sections 3 and 3.5), and what of them (section 3.1).
//! For how long they are good is in `freshness.rs`.

use maitred_http::{Known, Method, RequestHead, ResponseHead, list_items, reason};

use crate::control::ResponseControl;
use crate::date::{Moment, to_http_date};
use crate::freshness::{Freshness, is_heuristically_cacheable};

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The answer to another method than GET.
    Method,
    /// A part of an answer, that nothing has changed, or no answer yet.
    Status,
    /// The service says that it is nobody's business, or asks for more than is known of its status.
    NoStore,
    /// The service says that it is for one alone.
    Private,
    /// It was given to somebody who is known, and nobody said that others may have it.
    Personal,
    /// It differs for each request (`Vary: *`).
    Varies,
    /// It cannot be used a second time: nobody says that it is fresh, and there is nothing to ask by.
    Useless,
}

impl NotKept {
    /// In one word, for `Cache-Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Personal => "personal",
            Self::Varies => "vary",
            Self::Useless => "no-freshness",
        }
    }
}

/// What is known of who asks, as far as the key does not tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The request has `Authorization`.
    pub has_authorization: bool,
    /// It is known who asks, by whatever it was.
    pub is_identified: bool,
    /// The request has cookies.
    pub has_cookies: bool,
}

impl Asker {
    /// Whether an answer of which the service says this may be the same for this one and for others. `Authorization` by RFC 9111 section
    /// 3.5; of others who are known, nobody but the service can say it. Answers of which it does not say for how long they are good are not
    /// shared by those who have cookies: they may be made for one session.
    pub fn shares(self, control: &ResponseControl, is_promised: bool) -> bool {
        let is_for_all = control.is_for_all();
        let is_authorized = !self.has_authorization || is_for_all || control.must_revalidate;
        is_authorized
            && (!self.is_identified || is_for_all)
            && (!self.has_cookies || is_promised || is_for_all)
    }
}

/// Whether an answer may be kept, and is of any use.
pub fn may_keep(
    request: &RequestHead,
    response: &ResponseHead,
    control: &ResponseControl,
    freshness: Option<&Freshness>,
    asker: Asker,
) -> Result<(), NotKept> {
    if request.method != Method::Get {
        return Err(NotKept::Method);
    }
    if response.is_informational() || matches!(response.status, 206 | 304 | 416) {
        return Err(NotKept::Status);
    }
    may_share(response, control, freshness, asker)
}

/// Whether others may have an answer that has this head, and have any use of it. It is asked again whenever the head changes.
pub(crate) fn may_share(
    response: &ResponseHead,
    control: &ResponseControl,
    freshness: Option<&Freshness>,
    asker: Asker,
) -> Result<(), NotKept> {
    // Section 5.2.2.3: it takes the place of `no-store` for those who know the status.
    let is_understood = !reason(response.status).is_empty();
    if control.must_understand && !is_understood || control.no_store && !control.must_understand {
        return Err(NotKept::NoStore);
    }
    if control.is_private {
        return Err(NotKept::Private);
    }
    if !asker.shares(control, freshness.is_some_and(Freshness::is_promised)) {
        return Err(NotKept::Personal);
    }
    // A cookie is set for one: only where the service says outright that all may have the answer is it meant for them (section 7.3).
    let sets_cookie = || response.fields.has(Known::SetCookie) && is_stored(response, control, b"Set-Cookie");
    if !control.is_for_all() && sets_cookie() {
        return Err(NotKept::Personal);
    }
    let is_allowed = freshness.is_some() || control.is_public || is_heuristically_cacheable(response.status);
    let has_validator = response.fields.has(Known::ETag) || response.fields.has(Known::LastModified);
    let lasts = freshness.is_some_and(|freshness| freshness.lifetime > 0) && !control.no_cache;
    // Where it may be used stale, it is of use from the beginning (RFC 5861).
    let is_told = |seconds: Option<u64>| seconds.is_some_and(|seconds| seconds > 0);
    let may_be_stale = (is_told(control.stale_while_revalidate) || is_told(control.stale_if_error))
        && !control.forbids_stale();
    if !is_allowed || !lasts && !may_be_stale && !has_validator {
        return Err(NotKept::Useless);
    }
    Ok(())
}

/// Fields of the connection, and of whoever speaks on it (section 3.1), and those that are told anew each time.
const NOT_STORED: [&str; 13] = [
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Transfer-Encoding",
    "Upgrade",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Content-Length",
    "Age",
    "X-Cache",
    "Trailer",
];

/// Whether a field is kept with an answer that has this head.
pub(crate) fn is_stored(head: &ResponseHead, control: &ResponseControl, name: &[u8]) -> bool {
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    !NOT_STORED.iter().any(|known| is(known.as_bytes()))
        && (control.keeps_tags || !is_tag_field(name))
        && !control.withheld.iter().any(|withheld| is(withheld))
        && !head.fields.all_known(Known::Connection).flat_map(list_items).any(is)
}

/// What is kept of a head. It has a `Date` from now on (RFC 9110 section 6.6.1).
pub(crate) fn stored_head(response: &ResponseHead, control: &ResponseControl, came: Moment) -> ResponseHead {
    let mut stored = ResponseHead { status: response.status, ..ResponseHead::default() };
    for (known, name, value) in response.fields.iter_known() {
        if is_stored(response, control, name) {
            stored.fields.append_found(name, known, value);
        }
    }
    if !stored.fields.has(Known::Date) {
        stored.fields.append_known(Known::Date, to_http_date(came).as_bytes());
    }
    stored
}

/// What an answer can be removed by: `Surrogate-Key`, between blanks, and `Cache-Tag`, between commas.
pub(crate) fn tags(response: &ResponseHead) -> Box<[Box<[u8]>]> {
    let mut tags: Vec<Box<[u8]>> = Vec::new();
    for (name, value) in &response.fields {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        if is(b"Surrogate-Key") {
            let keys = value.split(u8::is_ascii_whitespace).filter(|key| !key.is_empty());
            tags.extend(keys.map(Into::into));
        } else if is(b"Cache-Tag") {
            tags.extend(list_items(value).map(Into::into));
        }
    }
    tags.sort();
    tags.dedup();
    tags.into()
}

/// Takes the fields with tags out of an answer: they are for caches, and tell clients how a service is built.
pub fn remove_tags(response: &mut ResponseHead) {
    response.fields.remove_where(is_tag_field);
}

fn is_tag_field(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"Surrogate-Key") || name.eq_ignore_ascii_case(b"Cache-Tag")
}

#[cfg(test)]
mod tests;
