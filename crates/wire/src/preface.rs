//! The first bytes of a connection: whether they open HTTP/2 (RFC 9113 section 3.4).
//! Needed where a client may speak either version without saying so in TLS.

/// What a client of HTTP/2 sends first.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    /// The preface, perhaps with more behind it.
    Whole,
    /// A beginning of it, or nothing yet.
    Begun,
    /// Something else: HTTP/1, or nothing that is known here.
    Absent,
}

impl Preface {
    /// Looks at all bytes that came so far.
    pub fn of(bytes: &[u8]) -> Self {
        let len = bytes.len().min(PREFACE.len());
        if bytes[..len] != PREFACE[..len] {
            Self::Absent
        } else if len == PREFACE.len() {
            Self::Whole
        } else {
            Self::Begun
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_preface_at_every_length() {
        for len in 0..PREFACE.len() {
            assert_eq!(Preface::of(&PREFACE[..len]), Preface::Begun, "{len}");
            let mut other = PREFACE[..=len].to_vec();
            other[len] ^= 1;
            assert_eq!(Preface::of(&other), Preface::Absent, "{len}");
        }
        assert_eq!(Preface::of(PREFACE), Preface::Whole);
        assert_eq!(Preface::of(&[PREFACE.as_slice(), b"more"].concat()), Preface::Whole);
    }

    #[test]
    fn takes_no_request_of_http1_for_it() {
        for text in ["GET / HTTP/1.1\r\n", "P", "POST / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "PRIX"] {
            let expected = if text == "P" { Preface::Begun } else { Preface::Absent };
            assert_eq!(Preface::of(text.as_bytes()), expected, "{text}");
        }
    }
}
