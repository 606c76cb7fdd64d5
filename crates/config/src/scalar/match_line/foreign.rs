//! What stands for a match in other gateways' files, for help.
//! Nothing of it is read as a match: a rule that only seems the same must not act.

use crate::scalar::{ScalarProblem, quote};

/// Refuses rules of Traefik, locations of nginx, and whole URLs.
pub(super) fn refuse(text: &str) -> Result<(), ScalarProblem> {
    let problem = |message: &str| ScalarProblem::whole(message, text);
    if text.contains("(`") || text.contains("&&") || text.contains("||") {
        let ours = traefik(text).unwrap_or_else(|| "GET api.example.com/users/*".to_owned());
        return Err(problem("this is a rule of Traefik")
            .help(format!("write it like {}; other conditions stand in the long form", quote(&ours))));
    }
    let location = text.strip_prefix("location ").unwrap_or(text);
    if let Some((mark, path)) = location.split_once(' ') {
        let path = path.trim();
        let ours = match mark {
            "=" => Some(path.to_owned()),
            "^~" => Some(format!("{}/*", path.trim_end_matches('/'))),
            "~" => Some(format!("~{path}")),
            "~*" => Some(format!("~(?i){path}")),
            _ => None,
        };
        if let Some(ours) = ours {
            return Err(problem("this is a location of nginx").help(format!("write {}", quote(&ours))));
        }
    }
    if location.len() < text.len() && location.starts_with('/') {
        let ours = format!("{}/*", location.trim_end_matches('/'));
        return Err(problem("this is a location of nginx").help(format!("write {}", quote(&ours))));
    }
    if let Some(colon) = text.find("://").filter(|&colon| !text[..colon].contains(['/', '~'])) {
        let start = text[..colon].rfind(' ').map_or(0, |space| space + 1);
        let ours = format!("{}{}", &text[..start], &text[colon + 3..]);
        return Err(ScalarProblem::new("a match has no scheme", start..colon + 3)
            .help(format!("write {}", quote(&ours))));
    }
    Ok(())
}

/// The line for the simplest rules: one host, one path, one method.
fn traefik(rule: &str) -> Option<String> {
    let argument = |name: &str| {
        let (_, behind) = rule.split_once(&format!("{name}(`"))?;
        behind.split_once('`').map(|(argument, _)| argument)
    };
    if rule.contains(['!', '|']) {
        return None;
    }
    let method = argument("Method").map(|method| format!("{method} ")).unwrap_or_default();
    let host = argument("Host").unwrap_or("");
    let path = match (argument("PathPrefix"), argument("Path")) {
        (Some(prefix), _) => format!("{}/*", prefix.trim_end_matches('/')),
        (None, Some(path)) => path.to_owned(),
        (None, None) if host.is_empty() => return None,
        (None, None) => "/*".to_owned(),
    };
    Some(format!("{method}{host}{path}"))
}
