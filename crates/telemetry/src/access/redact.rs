//! Queries without their secrets: which parameters are taken for one, and what is written instead.
//! It goes by names alone. Secrets in paths are not seen, and header fields other than `Referer` are never logged.

/// How much of a query a log shows, that of the `Referer` included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QueryLogging {
    /// Nothing of it.
    Omit,
    /// The values of parameters that look like a secret by their names are replaced by `***`: names that hold token,
    /// api key, access key, password, passphrase, secret, signature or credential, however they are written, and those
    /// that are just auth, authorization, code, jwt, key, otp, pass, pwd, session id, sid or sig.
    #[default]
    Redacted,
    /// All of it.
    Full,
}

/// Names that hold one of these, written small and without anything but letters and digits, are secret. By their first
/// letters, since most letters of most names begin none of them.
fn secret_words(first: u8) -> &'static [&'static [u8]] {
    match first {
        b'a' => &[b"apikey", b"accesskey"],
        b'c' => &[b"credential"],
        b'p' => &[b"password", b"passwd", b"passphrase"],
        b's' => &[b"secret", b"signature"],
        b't' => &[b"token"],
        _ => &[],
    }
}

/// Names that are one of these are secret. Within longer names they mean other things (`country_code`, `sort_key`).
const WHOLE: [&[u8]; 11] = [
    b"auth",
    b"authorization",
    b"code",
    b"jwt",
    b"key",
    b"otp",
    b"pass",
    b"pwd",
    b"sessionid",
    b"sid",
    b"sig",
];

/// A name with more letters and digits than this is taken for a secret unread.
const LONGEST_NAME: usize = 64;

impl QueryLogging {
    /// Gives `write` what may be shown of `query`, piece by piece.
    pub(super) fn query(self, query: &[u8], mut write: impl FnMut(&[u8])) {
        match self {
            Self::Omit => {}
            Self::Full => write(query),
            Self::Redacted => redact(query, write),
        }
    }

    /// The same for a URL, whose query begins at the first question mark.
    pub(super) fn url(self, url: &[u8], mut write: impl FnMut(&[u8])) {
        let Some(mark) = memchr::memchr(b'?', url) else { return write(url) };
        if self == Self::Omit {
            return write(&url[..mark]);
        }
        write(&url[..=mark]);
        self.query(&url[mark + 1..], write);
    }
}

/// Parameters end at `&`, and at `;` as old servers read it.
fn redact(query: &[u8], mut write: impl FnMut(&[u8])) {
    let mut written = 0;
    let mut start = 0;
    while start < query.len() {
        let end = memchr::memchr2(b'&', b';', &query[start..]).map_or(query.len(), |at| start + at);
        if let Some(equals) = memchr::memchr(b'=', &query[start..end])
            && start + equals + 1 < end
            && is_secret(&query[start..start + equals])
        {
            write(&query[written..=start + equals]);
            write(b"***");
            written = end;
        }
        start = end + 1;
    }
    write(&query[written..]);
}

/// Whether a parameter of this name, still encoded, is taken for a secret.
fn is_secret(name: &[u8]) -> bool {
    let mut plain = [0; LONGEST_NAME];
    let mut length = 0;
    for letter in decoded(name).filter(u8::is_ascii_alphanumeric) {
        if length == LONGEST_NAME {
            return true;
        }
        plain[length] = letter.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[..length];
    let begins_secret = |at: usize| secret_words(plain[at]).iter().any(|word| plain[at..].starts_with(word));
    WHOLE.contains(&plain) || (0..length).any(begins_secret)
}

/// The bytes of a name, `%hh` read (RFC 3986 section 2.1): `%74oken` is no way around.
fn decoded(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        if first == b'%'
            && let [high, low, after @ ..] = after
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = after;
            return Some(high << 4 | low);
        }
        Some(first)
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(how: QueryLogging, query: &str) -> String {
        let mut out = Vec::new();
        how.query(query.as_bytes(), |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_of_secrets_are_replaced_and_nothing_else() {
        let cases = [
            ("", ""),
            ("a=1&b=2", "a=1&b=2"),
            ("token=abc", "token=***"),
            ("a=1&access_token=abc&b=2", "a=1&access_token=***&b=2"),
            ("apiKey=k&API-KEY=k&api_key=k&x.api.key=k", "apiKey=***&API-KEY=***&api_key=***&x.api.key=***"),
            (
                "X-Amz-Signature=s&X-Amz-Credential=c&X-Amz-Date=d",
                "X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Date=d",
            ),
            ("user%5Bpassword%5D=p&user[name]=n", "user%5Bpassword%5D=***&user[name]=n"),
            ("%74oken=a&t%6Fken=b", "%74oken=***&t%6Fken=***"),
            ("code=c&country_code=de&zipcode=1", "code=***&country_code=de&zipcode=1"),
            ("key=k&sort_key=s", "key=***&sort_key=s"),
            ("a=1;password=p;b=2", "a=1;password=***;b=2"),
            ("token=a=b&c", "token=***&c"),
            ("token&token=&&=x&=", "token&token=&&=x&="),
            ("secret=1&secret=2", "secret=***&secret=***"),
            ("%=1&%2=1&%zz=1", "%=1&%2=1&%zz=1"),
        ];
        for (query, expected) in cases {
            assert_eq!(shown(QueryLogging::Redacted, query), expected);
        }
    }

    #[test]
    fn a_name_too_long_to_read_is_secret() {
        let name = "a".repeat(LONGEST_NAME);
        assert_eq!(shown(QueryLogging::Redacted, &format!("{name}=1")), format!("{name}=1"));
        assert_eq!(shown(QueryLogging::Redacted, &format!("{name}a=1")), format!("{name}a=***"));
    }

    #[test]
    fn all_or_nothing_on_demand() {
        assert_eq!(shown(QueryLogging::Full, "token=a"), "token=a");
        assert_eq!(shown(QueryLogging::Omit, "token=a"), "");
    }

    #[test]
    fn the_query_of_a_url_is_treated_alike() {
        let url = |how: QueryLogging| {
            let mut out = Vec::new();
            how.url(b"https://a.example/cb?code=xyz&x=1?2", |piece| out.extend_from_slice(piece));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(url(QueryLogging::Redacted), "https://a.example/cb?code=***&x=1?2");
        assert_eq!(url(QueryLogging::Omit), "https://a.example/cb");
        assert_eq!(url(QueryLogging::Full), "https://a.example/cb?code=xyz&x=1?2");
    }
}
