//! The cookies that the gateway sets of its own, to lead a client back: to an endpoint, or to a variant.
//! What they say is made where it is read; here they are written.

use std::time::Duration;

/// A cookie for a client.
pub(crate) struct SetCookie<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a [u8],
    /// How long clients keep it, at least a second; none until they are closed.
    pub(crate) max_age: Option<Duration>,
    /// Whether it is sent back over TLS alone.
    pub(crate) is_secure: bool,
}

impl SetCookie<'_> {
    /// Appends it as RFC 6265 section 4.1 writes it. Scripts of pages have no use for it, nor have other sites.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(self.value);
        out.extend_from_slice(b"; Path=/");
        if let Some(max_age) = self.max_age {
            out.extend_from_slice(b"; Max-Age=");
            out.extend_from_slice(itoa::Buffer::new().format(max_age.as_secs()).as_bytes());
        }
        out.extend_from_slice(b"; HttpOnly; SameSite=Lax");
        if self.is_secure {
            out.extend_from_slice(b"; Secure");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_has_its_attributes() {
        let written = |max_age: Option<Duration>, is_secure: bool| {
            let mut out = Vec::new();
            SetCookie { name: "srv", value: b"abc", max_age, is_secure }.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(None, false), "srv=abc; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(
            written(Some(Duration::from_millis(3_600_900)), true),
            "srv=abc; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
