//! Status codes: `100` to `599` (RFC 9110, 15).
//! Whether a code makes sense where it stands (a redirect, an answer) is for the setting to say.

use super::{ScalarProblem, quote, refuse_blank};

/// Reads a status code.
pub fn parse(text: &str) -> Result<u16, ScalarProblem> {
    refuse_blank(text, "a status", "404")?;
    let problem = || ScalarProblem::whole(format!("{} is no status code", quote(text)), text);
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
        return Err(match class {
            Some(class) if class.len() == 1 => problem().help("one code is wanted here, not a class of them"),
            _ => problem().help("write three digits, from `100` to `599`"),
        });
    }
    match text.parse() {
        Ok(code @ 100..=599) => Ok(code),
        _ => Err(problem().help("codes go from `100` to `599`")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a status is missing here (write it like `404`)"),
                ("99", "99", "`99` is no status code (write three digits, from `100` to `599`)"),
                ("0404", "0404", "`0404` is no status code (write three digits, from `100` to `599`)"),
                ("+20", "+20", "`+20` is no status code (write three digits, from `100` to `599`)"),
                ("OK", "OK", "`OK` is no status code (write three digits, from `100` to `599`)"),
                ("099", "099", "`099` is no status code (codes go from `100` to `599`)"),
                ("600", "600", "`600` is no status code (codes go from `100` to `599`)"),
                ("5xx", "5xx", "`5xx` is no status code (one code is wanted here, not a class of them)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_every_code(code in 100u16..=599) {
            prop_assert_eq!(parse(&code.to_string()), Ok(code));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9x]{0,4}") {
            assert_no_panic(parse, &text);
        }
    }
}
