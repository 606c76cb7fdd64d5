//! Names of header fields. The names that the gateway itself looks at are small integers; all others are text.
//! Values are bytes and live in `fields`.

use std::fmt;

use crate::name::is_token;

macro_rules! known {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// A field name that the gateway knows, as a small integer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the variants are the names of the fields")]
        pub enum Known { $($variant),* }

        impl Known {
            /// Every known name, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in its usual spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

known! {
    Accept = "Accept", AcceptEncoding = "Accept-Encoding", AcceptLanguage = "Accept-Language",
    AccessControlAllowCredentials = "Access-Control-Allow-Credentials",
    AccessControlAllowHeaders = "Access-Control-Allow-Headers",
    AccessControlAllowMethods = "Access-Control-Allow-Methods",
    AccessControlAllowOrigin = "Access-Control-Allow-Origin",
    AccessControlExposeHeaders = "Access-Control-Expose-Headers",
    AccessControlMaxAge = "Access-Control-Max-Age",
    AccessControlRequestHeaders = "Access-Control-Request-Headers",
    AccessControlRequestMethod = "Access-Control-Request-Method",
    Age = "Age", Allow = "Allow", Authorization = "Authorization", CacheControl = "Cache-Control",
    Connection = "Connection", ContentEncoding = "Content-Encoding", ContentLength = "Content-Length",
    ContentType = "Content-Type", Cookie = "Cookie", Date = "Date", ETag = "ETag", Expect = "Expect",
    Expires = "Expires", Forwarded = "Forwarded", GrpcTimeout = "grpc-timeout", Host = "Host", IfModifiedSince = "If-Modified-Since",
    IfNoneMatch = "If-None-Match", IfRange = "If-Range", KeepAlive = "Keep-Alive", LastModified = "Last-Modified",
    Location = "Location", Origin = "Origin", ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization", ProxyConnection = "Proxy-Connection", Range = "Range",
    Referer = "Referer", RetryAfter = "Retry-After", Server = "Server", SetCookie = "Set-Cookie", Te = "TE",
    Trailer = "Trailer", TransferEncoding = "Transfer-Encoding", Upgrade = "Upgrade", UserAgent = "User-Agent",
    Vary = "Vary", Via = "Via", WwwAuthenticate = "WWW-Authenticate", XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host", XForwardedProto = "X-Forwarded-Proto", XRealIp = "X-Real-IP",
    XRequestId = "X-Request-ID",
}

impl Known {
    /// The bit of this name in a set of known names.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Finds a known name, whatever its case.
    #[inline]
    pub fn find(name: &[u8]) -> Option<Self> {
        let slot = slot(name)?;
        let found = TABLE[slot];
        if found == EMPTY {
            return None;
        }
        let mut at = found;
        loop {
            let known = Self::ALL[usize::from(at)];
            if is_same_token(known.as_str().as_bytes(), name) {
                return Some(known);
            }
            at = NEXT[usize::from(at)];
            if at == EMPTY {
                return None;
            }
        }
    }
}

/// Whether two tokens are the same but for case, eight bytes at a time. `known` has letters and dashes only: among the
/// bytes of tokens, no other becomes one of these when the bit of lower case is set.
#[inline]
fn is_same_token(known: &[u8], name: &[u8]) -> bool {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let word = |text: &[u8], at: usize| {
        let bytes: [u8; 8] = text[at..at + 8].try_into().expect("the slice has eight bytes");
        u64::from_le_bytes(bytes) | CASE
    };
    let len = known.len();
    if name.len() != len {
        return false;
    }
    if len < 8 {
        return known.iter().zip(name).all(|(a, b)| a | 0x20 == b | 0x20);
    }
    let mut at = 0;
    while at + 8 < len {
        if word(known, at) != word(name, at) {
            return false;
        }
        at += 8;
    }
    word(known, len - 8) == word(name, len - 8)
}

/// A set of known names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownSet(u64);

impl KnownSet {
    /// No name.
    pub const EMPTY: Self = Self(0);

    /// The set of these names.
    pub const fn of(names: &[Known]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < names.len() {
            bits |= names[i].bit();
            i += 1;
        }
        Self(bits)
    }

    /// These names and one more.
    pub const fn with(self, name: Known) -> Self {
        Self(self.0 | name.bit())
    }

    /// Whether `name` is one of them.
    #[inline]
    pub const fn contains(self, name: Known) -> bool {
        self.0 & name.bit() != 0
    }
}

const EMPTY: u8 = u8::MAX;
const SLOTS: usize = 256;

/// Where a name hangs in the table: its length and its first and last letters, which tell nearly all apart.
const fn slot(name: &[u8]) -> Option<usize> {
    let len = name.len();
    if len < 2 || len > 32 {
        return None;
    }
    let first = (name[0] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    let mid = (name[len / 2] | 0x20) as usize;
    Some((len.wrapping_mul(7) ^ first.wrapping_mul(31) ^ last.wrapping_mul(3) ^ mid.wrapping_mul(13)) % SLOTS)
}

/// First known name of each slot, and the next one in the same slot: filled when the program is compiled.
const CHAINS: ([u8; SLOTS], [u8; Known::ALL.len()]) = {
    let mut table = [EMPTY; SLOTS];
    let mut next = [EMPTY; Known::ALL.len()];
    let mut i = 0;
    while i < Known::ALL.len() {
        let Some(slot) = slot(Known::ALL[i].as_str().as_bytes()) else {
            panic!("a known name has 2 to 32 bytes")
        };
        next[i] = table[slot];
        #[expect(clippy::cast_possible_truncation, reason = "there are at most 64 known names")]
        {
            table[slot] = i as u8;
        }
        i += 1;
    }
    (table, next)
};
static TABLE: [u8; SLOTS] = CHAINS.0;
static NEXT: [u8; Known::ALL.len()] = CHAINS.1;
const _: () = assert!(Known::ALL.len() <= 64, "a set of known names has 64 bits");

/// A field name, checked and ready to be looked for: made when the configuration is compiled.
#[derive(Clone, Debug)]
pub struct FieldName {
    known: Option<Known>,
    text: Box<str>,
}

/// The text is no field name: empty, or with a byte that no token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldNameError;

impl FieldName {
    /// Reads a field name; its spelling is kept for writing it, its case means nothing (RFC 9110 section 5.1).
    pub fn parse(text: &str) -> Result<Self, FieldNameError> {
        if !is_token(text.as_bytes()) {
            return Err(FieldNameError);
        }
        Ok(Self { known: Known::find(text.as_bytes()), text: text.into() })
    }

    /// The name as it was written.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The number of the name, where it is a known one.
    #[inline]
    pub fn known(&self) -> Option<Known> {
        self.known
    }

    /// Whether `name` is this name, whatever its case.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.text.as_bytes().eq_ignore_ascii_case(name)
    }
}

impl From<Known> for FieldName {
    fn from(known: Known) -> Self {
        Self { known: Some(known), text: known.as_str().into() }
    }
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for FieldName {}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `value` may stand in a field: visible characters, blanks, tabs and bytes above 127, and no control
/// byte that could end the field (RFC 9110 section 5.5).
pub fn check_field_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_known_name_in_any_case() {
        for &known in Known::ALL {
            let text = known.as_str();
            assert_eq!(Known::find(text.as_bytes()), Some(known));
            assert_eq!(Known::find(text.to_ascii_lowercase().as_bytes()), Some(known));
            assert_eq!(Known::find(text.to_ascii_uppercase().as_bytes()), Some(known));
        }
    }

    #[test]
    fn takes_no_other_name_for_a_known_one() {
        for text in [
            "",
            "H",
            "Hosts",
            "X-Forwarded-Fox",
            "Content-Lengtj",
            "c_okie",
            "cookif",
            "content-typf",
            "xontent-type",
        ] {
            assert_eq!(Known::find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_set_holds_its_names_and_no_others() {
        let set = KnownSet::of(&[Known::Accept]).with(Known::Host);
        let held: Vec<_> = Known::ALL.iter().copied().filter(|&name| set.contains(name)).collect();
        assert_eq!(held, [Known::Accept, Known::Host]);
    }

    #[test]
    fn a_field_value_holds_no_line_end() {
        assert!(check_field_value("a b\tc é".as_bytes()));
        for bad in [&b"a\rb"[..], b"a\nb", b"a\0b", b"a\x7fb"] {
            assert!(!check_field_value(bad));
        }
    }
}
