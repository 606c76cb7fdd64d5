//! Pages on the web that are fetched over TLS alone: `https://acme.example.com/directory`.
//!
//! A whole URL with its path, unlike the address of a service. A user in it is refused, since messages and logs quote it.

use super::endpoint_url::host_and_port;
use super::{ScalarProblem, quote, refuse_blank};

/// Reads the URL of a page: as written, with scheme and host in lower case.
pub fn parse(text: &str) -> Result<String, ScalarProblem> {
    // Before anything is quoted: what stands before an `@` may be a password.
    refuse_user(text)?;
    refuse_blank(text, "the URL of a page", "https://acme.example.com/directory")?;
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(ScalarProblem::whole("`https://` is missing here", text)
            .help("write it like `https://acme.example.com/directory`"));
    };
    if !scheme.eq_ignore_ascii_case("https") {
        let message = format!("{} is not `https`: what comes from there has to be trusted", quote(scheme));
        return Err(ScalarProblem::new(message, 0..scheme.len())
            .help(format!("write {}", quote(&format!("https://{rest}")))));
    }
    let start = scheme.len() + 3;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.is_empty() {
        return Err(ScalarProblem::new("a host is missing here", start..start)
            .help("write it like `https://acme.example.com/directory`"));
    }
    host_and_port(authority, 443).map_err(|problem| problem.shifted(start))?;
    let behind = &rest[authority.len()..];
    refuse_stray(behind, start + authority.len())?;
    Ok(format!("https://{}{behind}", authority.to_ascii_lowercase()))
}

/// Refuses what cannot stand in a path and query; `start` is where they begin.
pub(super) fn refuse_stray(behind: &str, start: usize) -> Result<(), ScalarProblem> {
    let stray = |c: char| !c.is_ascii_graphic() || "\"#<>\\^`{|}".contains(c);
    let Some((at, c)) = behind.char_indices().find(|(_, c)| stray(*c)) else { return Ok(()) };
    let message = format!("{} cannot stand in a URL", quote(&c.to_string()));
    let at = start + at;
    Err(ScalarProblem::new(message, at..at + c.len_utf8()).help("percent-encode it"))
}

/// Refuses a user in a URL.
pub(super) fn refuse_user(text: &str) -> Result<(), ScalarProblem> {
    let start = text.find("://").map_or(0, |colon| colon + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let Some(at) = text[start..end].rfind('@') else { return Ok(()) };
    Err(ScalarProblem::new("a user stands in this URL", start..start + at + 1)
        .help("leave it out: it would be seen in messages"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_urls() {
        for (text, read) in [
            ("https://acme.example.com/directory", "https://acme.example.com/directory"),
            ("HTTPS://Acme.Example.com:14000/Dir?a=b@c", "https://acme.example.com:14000/Dir?a=b@c"),
            ("https://[::1]:14000", "https://[::1]:14000"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(read), "{text}");
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let example = "write it like `https://acme.example.com/directory`";
        assert_refused(
            parse,
            &[
                ("", "", &format!("the URL of a page is missing here ({example})")),
                ("acme.example.com", "acme.example.com", &format!("`https://` is missing here ({example})")),
                (
                    "http://a/d",
                    "http",
                    "`http` is not `https`: what comes from there has to be trusted (write `https://a/d`)",
                ),
                ("https:///d", "", &format!("a host is missing here ({example})")),
                ("https://a:x/d", "x", "`x` is no port (write a number from 1 to 65535)"),
                ("https://a/ü", "ü", "`ü` cannot stand in a URL (percent-encode it)"),
                ("https://a/#b", "#", "`#` cannot stand in a URL (percent-encode it)"),
                (
                    "https://u:hush@a/d",
                    "u:hush@",
                    "a user stands in this URL (leave it out: it would be seen in messages)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|(https?://)?[a-c:\\[\\]/@?#.é 0-9-]{0,14}") {
            assert_no_panic(parse, &text);
        }
    }
}
