//! Values of header fields (RFC 9110, 5.5).
//!
//! A line break would let one value become two headers, so no control character passes, the tab aside.

use super::{ScalarProblem, quote};

/// Reads a header value; it may be empty. It can be a text with values in braces too.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    if let Some((at, c)) = text.char_indices().find(|&(_, c)| c.is_ascii_control() && c != '\t') {
        let problem = ScalarProblem::new(
            format!("{} cannot stand in a header value", quote(&c.to_string())),
            at..at + 1,
        );
        return Err(match (c, text.trim_end().contains(c)) {
            ('\r' | '\n', true) => {
                problem.help("write one line; a header of several lines is several values")
            }
            ('\r' | '\n', false) => problem.help("take the line break at the end away: `|-` or `>-` in YAML"),
            _ => problem,
        });
    }
    let trimmed = text.trim_matches([' ', '\t']);
    if trimmed.len() != text.len() {
        return Err(ScalarProblem::whole(
            format!("{} has spaces around it, which no header keeps", quote(text)),
            text,
        )
        .help(format!("write {}", quote(trimmed))));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn takes_what_a_header_carries() {
        for value in ["", "a b", "max-age=60, public", "a\tb", "Größe", "{claim.sub}", "\u{80}"] {
            assert_eq!(parse(value), Ok(value.to_owned()));
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let one = "write one line; a header of several lines is several values";
        assert_refused(
            parse,
            &[
                ("a\r\nX-B: 1", "\r", &format!("`\\r` cannot stand in a header value ({one})")),
                ("a\nb", "\n", &format!("`\\n` cannot stand in a header value ({one})")),
                (
                    "a\n",
                    "\n",
                    "`\\n` cannot stand in a header value (take the line break at the end away: `|-` or `>-` in YAML)",
                ),
                ("é\0", "\0", "`\\u{0}` cannot stand in a header value"),
                ("a\u{7f}", "\u{7f}", "`\\u{7f}` cannot stand in a header value"),
                (" a", " a", "` a` has spaces around it, which no header keeps (write `a`)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_never_splits(text in "\\PC*|[a\r\n\t\u{0} é]{0,6}") {
            assert_no_panic(parse, &text);
            if parse(&text).is_ok() {
                prop_assert!(!text.contains(['\r', '\n', '\0']));
            }
        }
    }
}
