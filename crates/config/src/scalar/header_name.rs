//! Names of header fields: tokens (RFC 9110, 5.1 and 5.6.2).
//! Which headers a setting may name is the setting's business.

use super::{ScalarProblem, quote, refuse_blank};

/// Reads a header name; its spelling is kept, though names do not distinguish case.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    refuse_blank(text, "a header name", "X-User-ID")?;
    let Some((at, c)) = text.char_indices().find(|&(_, c)| !is_token_char(c)) else {
        return Ok(text.to_owned());
    };
    let shown = quote(&c.to_string());
    let problem = ScalarProblem::new(format!("{shown} cannot stand in a header name"), at..at + c.len_utf8());
    Err(match text.trim_end_matches(':') {
        name if !name.is_empty() && name.chars().all(is_token_char) => {
            problem.help(format!("write {}", quote(name)))
        }
        _ if text.starts_with(':') => {
            problem.help("pseudo-headers have values: `request.host`, `request.path`, …")
        }
        _ => problem.help("names have letters, digits and `-`"),
    })
}

/// Whether a token may have this character.
pub(super) fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn keeps_the_spelling() {
        for name in ["X-User-ID", "accept", "x_y.z~1", "DNT"] {
            assert_eq!(parse(name), Ok(name.to_owned()));
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a header name is missing here (write it like `X-User-ID`)"),
                ("X-A ", "X-A ", "`X-A ` has spaces around it (write `X-A`)"),
                ("X-A:", ":", "`:` cannot stand in a header name (write `X-A`)"),
                ("X A", " ", "` ` cannot stand in a header name (names have letters, digits and `-`)"),
                ("Größe", "ö", "`ö` cannot stand in a header name (names have letters, digits and `-`)"),
                ("a\r\nb", "\r", "`\\r` cannot stand in a header name (names have letters, digits and `-`)"),
                (
                    ":path",
                    ":",
                    "`:` cannot stand in a header name (pseudo-headers have values: `request.host`, `request.path`, …)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn takes_every_token(text in "[-!#$%&'*+.^_`|~0-9A-Za-z]{1,20}") {
            prop_assert_eq!(parse(&text), Ok(text));
        }

        #[test]
        fn never_panics(text in "\\PC*|[ -~]{0,6}") {
            assert_no_panic(parse, &text);
        }
    }
}
