//! Names of hosts, as routes and endpoints share them: letters, digits, `-`, `_` and dots.
//! As they stand in the document; the `Host` of a request is read elsewhere, and gets the same form.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{ScalarProblem, quote};

/// Reads the name of a host or an IPv4 address: in lower case, without the dot at the end. Positions are in `text`.
pub(super) fn parse_name(text: &str) -> Result<String, ScalarProblem> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if let Some((at, c)) =
        text.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || "-_.".contains(*c)))
    {
        return Err(bad_character(text, at, c));
    }
    let mut start = 0;
    for label in name.split('.') {
        let at = start..start + label.len();
        start = at.end + 1;
        if label.is_empty() {
            let message = if name.is_empty() {
                "a host is missing here"
            } else {
                "two dots of a host stand side by side"
            };
            return Err(ScalarProblem::new(message, 0..text.len()));
        }
        if label.len() > 63 {
            return Err(ScalarProblem::new(format!("{} is longer than 63 characters", quote(label)), at));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(ScalarProblem::new(format!("{} begins or ends with a `-`", quote(label)), at));
        }
    }
    if name.len() > 253 {
        return Err(ScalarProblem::whole("this host is longer than 253 characters", text));
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|byte| byte.is_ascii_digit()) && name.parse::<Ipv4Addr>().is_err() {
        return Err(ScalarProblem::whole(
            format!("{} is no IPv4 address, and no name ends in a number", quote(text)),
            text,
        )
        .help("write four numbers from 0 to 255: `10.0.0.1`"));
    }
    Ok(name.to_ascii_lowercase())
}

/// Reads an IPv6 address in brackets.
pub(super) fn parse_bracketed(text: &str) -> Result<Ipv6Addr, ScalarProblem> {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.and_then(|inside| inside.parse().ok()).ok_or_else(|| {
        ScalarProblem::whole(format!("{} is no IPv6 address in brackets", quote(text)), text)
            .help("write it like `[::1]`")
    })
}

fn bad_character(text: &str, at: usize, c: char) -> ScalarProblem {
    if !c.is_ascii() {
        return ScalarProblem::whole(format!("{} is not in ASCII", quote(text)), text)
            .help("write the form that DNS has: `bücher.example` is `xn--bcher-kva.example`");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return ScalarProblem::whole(format!("{} is an IPv6 address without brackets", quote(text)), text)
            .help(format!("write `[{text}]`"));
    }
    ScalarProblem::new(format!("{} cannot stand in a host", quote(&c.to_string())), at..at + 1)
        .help("hosts have letters, digits, `-`, `_` and dots")
}
