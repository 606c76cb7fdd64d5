//! Fields between the library's map and ours (RFC 9113 section 8.2), and what is refused on the way.
//! The library has refused upper case, control bytes and the fields of a connection before.

use std::sync::LazyLock;

use ::http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use maitred_http::{Fields, Known, KnownSet, is_token};

use crate::error::Refusal;
use crate::h1::is_lookalike;

/// The names that we know, as the library wants them, by their number.
static NAMES: LazyLock<Vec<HeaderName>> = LazyLock::new(|| {
    let name = |known: &Known| HeaderName::from_bytes(known.as_str().as_bytes());
    Known::ALL.iter().map(|known| name(known).expect("a known name is a token")).collect()
});

/// The library's form of a known name.
pub(super) fn name_of(known: Known) -> HeaderName {
    NAMES[known as usize].clone()
}

/// Copies fields or trailers of at most `most` lines into `fields`, but for `host`, which is the business of who knows
/// `:authority`. Several cookies become one, as every other version has them (RFC 9113 section 8.2.3).
pub(crate) fn take_fields(map: &HeaderMap, most: usize, fields: &mut Fields) -> Result<(), Refusal> {
    if map.len() > most {
        return Err(Refusal::TooManyFields);
    }
    let mut has_cookies = false;
    for (name, value) in map {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let known = Known::find(name);
        check(name, known, value)?;
        match known {
            Some(Known::Cookie) => has_cookies = true,
            Some(Known::Host) => {}
            _ => fields.append_found(name, known, value),
        }
    }
    if has_cookies {
        fields.append_known_with(Known::Cookie, |out| {
            for (i, cookie) in map.get_all(COOKIE).iter().enumerate() {
                if i > 0 {
                    out.extend_from_slice(b"; ");
                }
                out.extend_from_slice(cookie.as_bytes());
            }
        });
    }
    Ok(())
}

/// What the library lets pass and HTTP does not. A known name is neither malformed nor like one that it is not.
fn check(name: &[u8], known: Option<Known>, value: &[u8]) -> Result<(), Refusal> {
    if known.is_none() && !is_token(name) {
        return Err(Refusal::Bad("a field name is malformed"));
    }
    if known.is_none() && is_lookalike(name) {
        return Err(Refusal::Bad("a field name looks like one that frames the body"));
    }
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_blank(value.first()) || is_blank(value.last()) {
        return Err(Refusal::Bad("a field value begins or ends with a blank"));
    }
    Ok(())
}

/// What belongs to a connection of HTTP/1.1 has no place in a message of HTTP/3 (RFC 9114 section 4.2), and the library lets it
/// pass; that of HTTP/2 does not.
pub(crate) fn check_fields(map: &HeaderMap) -> Result<(), Refusal> {
    const OF_HTTP1: [&str; 5] =
        ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];
    if OF_HTTP1.iter().any(|name| map.contains_key(*name)) {
        return Err(Refusal::Bad("a field of the connection has no place in HTTP/3"));
    }
    let is_trailers = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"trailers");
    if !map.get_all(::http::header::TE).iter().all(is_trailers) {
        return Err(Refusal::Bad("TE says something other than trailers"));
    }
    Ok(())
}

/// The library's map of `fields` but for those in `but`.
pub(crate) fn header_map(fields: &Fields, but: KnownSet) -> Result<HeaderMap, Refusal> {
    const BAD: Refusal = Refusal::Bad("a field cannot be sent over HTTP/2 or HTTP/3");
    let mut map = HeaderMap::try_with_capacity(fields.len() + 1).map_err(|_| BAD)?;
    for (known, name, value) in fields.iter_known() {
        let name = match known {
            Some(known) if but.contains(known) => continue,
            Some(known) => name_of(known),
            None => HeaderName::from_bytes(name).map_err(|_| BAD)?,
        };
        let value = HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| BAD)?;
        map.try_append(name, value).map_err(|_| BAD)?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::OF_THE_CONNECTION;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_lowercase(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn taken(lines: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut fields = Fields::default();
        take_fields(&map(lines), 4, &mut fields)?;
        let mut out = Vec::new();
        fields.write_to(&mut out, KnownSet::EMPTY);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn takes_fields_and_joins_cookies() {
        let lines = [("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"), ("x", "2")];
        assert_eq!(taken(&lines).unwrap(), "x: 1\r\nx: 2\r\nCookie: a=1; b=2\r\n");
        assert_eq!(taken(&[("host", "a"), ("cookie", "a=1")]).unwrap(), "Cookie: a=1\r\n");
        assert_eq!(taken(&[("x", "")]).unwrap(), "x: \r\n");
    }

    #[test]
    fn refuses_what_http_does_not_know() {
        for line in [("a\"b", "1"), ("content_length", "1"), ("transfer_encoding", "chunked")] {
            assert!(matches!(taken(&[line]), Err(Refusal::Bad(_))), "{line:?}");
        }
        for value in [" 1", "1 ", "\t1", "1\t"] {
            let mut map = HeaderMap::new();
            map.insert("x", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            assert!(take_fields(&map, 4, &mut Fields::default()).is_err(), "{value:?}");
        }
        assert_eq!(taken(&[("a", "1"); 5]), Err(Refusal::TooManyFields));
    }

    #[test]
    fn writes_names_in_lower_case_and_leaves_out_what_belongs_to_a_connection() {
        let mut fields = Fields::default();
        for (name, value) in [("Content-Type", "a"), ("X-Tag", "1"), ("Connection", "close"), ("x-tag", "2")]
        {
            fields.append_bytes(name.as_bytes(), value.as_bytes());
        }
        let map = header_map(&fields, OF_THE_CONNECTION).unwrap();
        let lines: Vec<_> =
            map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(lines, [("content-type", "a"), ("x-tag", "1"), ("x-tag", "2")]);
        for &known in Known::ALL {
            assert_eq!(name_of(known).as_str(), known.as_str().to_ascii_lowercase());
        }
    }
}
