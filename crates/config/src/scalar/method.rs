//! Request methods: tokens in capitals (RFC 9110, 9.1).
//! Methods of one's own pass; slips of the frequent ones do not, since such a route would never match.

use super::header_name::is_token_char;
use super::nearest::nearest;
use super::{ScalarProblem, quote, refuse_blank};

/// The registered methods that people use; others pass too, if they are no slip of these.
const KNOWN: [&str; 22] = [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "MKCALENDAR",
    "ACL",
    "LINK",
    "UNLINK",
    "PURGE",
];

/// How many of [`KNOWN`] are so frequent that a slip of them is refused.
const FREQUENT: usize = 7;

/// Reads a method.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    refuse_blank(text, "a method", "GET")?;
    let problem = || ScalarProblem::whole(format!("{} is no method", quote(text)), text);
    let upper = text.to_uppercase();
    if text == "*" || upper == "ANY" || upper == "ALL" {
        return Err(problem().help("leave the methods out, and all are taken"));
    }
    if let Some((at, c)) = text.char_indices().find(|&(_, c)| !is_token_char(c)) {
        let message = format!("{} cannot stand in a method", quote(&c.to_string()));
        return Err(ScalarProblem::new(message, at..at + c.len_utf8()).help("write it like `GET`"));
    }
    if matches!(upper.as_str(), "CONNECT" | "TRACE") {
        return Err(ScalarProblem::whole(format!("`{upper}` is always refused, no route can take it"), text));
    }
    if text.contains(|c: char| c.is_ascii_lowercase()) {
        return Err(match known(text) {
            Some(known) => ScalarProblem::whole(format!("{} is not in capitals", quote(text)), text)
                .help(format!("write `{known}`")),
            None => problem().help("methods are in capitals: `GET`"),
        });
    }
    match nearest(text, KNOWN.into_iter().take(FREQUENT)).filter(|meant| is_slip_of(text, meant)) {
        Some(meant) if !KNOWN.contains(&text) => Err(problem().help(format!("write `{meant}`"))),
        _ => Ok(text.to_owned()),
    }
}

/// The method that a word in any case is, or is near to.
pub(super) fn known(text: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(text)).or_else(|| nearest(text, KNOWN))
}

/// Whether letters of `meant` were swapped, lost or doubled. Another letter in place of one makes methods that people
/// do have (`BATCH`, `READ`, `SET`).
fn is_slip_of(text: &str, meant: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<u8> = word.bytes().collect();
        letters.sort_unstable();
        letters
    };
    text.len() != meant.len() || sorted(text) == sorted(meant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn takes_known_and_own_methods() {
        for method in KNOWN.into_iter().chain(["SET", "BAN", "BATCH", "READ", "SUBSCRIBE", "M-SEARCH", "X"]) {
            assert_eq!(parse(method), Ok(method.to_owned()));
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a method is missing here (write it like `GET`)"),
                ("get", "get", "`get` is not in capitals (write `GET`)"),
                ("Post", "Post", "`Post` is not in capitals (write `POST`)"),
                ("pots", "pots", "`pots` is not in capitals (write `POST`)"),
                ("users", "users", "`users` is no method (methods are in capitals: `GET`)"),
                ("POTS", "POTS", "`POTS` is no method (write `POST`)"),
                ("GTE", "GTE", "`GTE` is no method (write `GET`)"),
                ("DELET", "DELET", "`DELET` is no method (write `DELETE`)"),
                ("*", "*", "`*` is no method (leave the methods out, and all are taken)"),
                ("any", "any", "`any` is no method (leave the methods out, and all are taken)"),
                ("TRACE", "TRACE", "`TRACE` is always refused, no route can take it"),
                ("connect", "connect", "`CONNECT` is always refused, no route can take it"),
                ("GET,POST", ",", "`,` cannot stand in a method (write it like `GET`)"),
                ("GÉT", "É", "`É` cannot stand in a method (write it like `GET`)"),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[A-Za-z|,*-]{0,8}") {
            assert_no_panic(parse, &text);
        }
    }
}
