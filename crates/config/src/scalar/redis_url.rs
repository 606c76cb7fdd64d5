//! Where Redis or Valkey is: `redis://127.0.0.1:6379`, `rediss://gateway:password@redis.internal/2`, `unix:/run/redis.sock`.
//!
//! As in other URLs of Redis, a user, a password and the number of a database may stand in it. No message quotes what stands before an `@`.

use std::fmt;

use super::endpoint_url::{EndpointHost, host_and_port};
use super::{ScalarProblem, quote, refuse_blank, socket_path};

/// Where Redis is, and who asks it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Where it is.
    pub target: RedisTarget,
    /// Whether TLS is spoken.
    pub is_tls: bool,
    /// The user that stands in it.
    pub username: Option<String>,
    /// The password. Not for logs, messages or answers.
    pub password: Option<String>,
    /// The number of the database that stands in it.
    pub database: Option<u32>,
}

/// Where Redis listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisTarget {
    /// At a port of a host.
    Tcp(EndpointHost, u16),
    /// At a socket of this machine.
    Unix(String),
}

impl RedisUrl {
    /// Whether it is spoken in the clear with another machine: then others may listen.
    pub fn is_clear(&self) -> bool {
        let is_here = match &self.target {
            RedisTarget::Tcp(EndpointHost::Ip(address), _) => address.to_canonical().is_loopback(),
            RedisTarget::Tcp(EndpointHost::Name(name), _) => {
                name == "localhost" || name.ends_with(".localhost")
            }
            RedisTarget::Unix(_) => true,
        };
        !self.is_tls && !is_here
    }
}

impl fmt::Display for RedisUrl {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        match &self.target {
            RedisTarget::Tcp(host, port) => write!(f, "{scheme}://{host}:{port}")?,
            RedisTarget::Unix(path) => write!(f, "unix:{path}")?,
        }
        self.database.map_or(Ok(()), |database| write!(f, "/{database}"))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const EXAMPLE: &str = "redis://127.0.0.1:6379";

/// The port that Redis listens on unless it is told another.
const PORT: u16 = 6379;

/// Reads where Redis is.
pub fn parse(text: &str) -> Result<RedisUrl, ScalarProblem> {
    refuse_blank(text, "the URL of Redis", EXAMPLE)?;
    if let Some(path) = text.strip_prefix("unix:") {
        let path = socket_path::parse(path).map_err(|problem| problem.shifted(5))?;
        return Ok(RedisUrl {
            target: RedisTarget::Unix(path),
            is_tls: false,
            username: None,
            password: None,
            database: None,
        });
    }
    let like = || format!("write it like {}", quote(EXAMPLE));
    let Some((written, rest)) = text.split_once("://") else {
        return Err(ScalarProblem::whole("`redis://` is missing here", text).help(like()));
    };
    let is_tls = match written.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => {
            let message = "this scheme is not one of Redis";
            return Err(ScalarProblem::new(message, 0..written.len())
                .help("write `redis://`, or `rediss://` for TLS; a socket is `unix:/run/redis.sock`"));
        }
    };
    let start = written.len() + 3;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(at) = rest.rfind('@').filter(|&at| at > authority.len()) {
        // Nothing of it is quoted: this is a password with such a sign in it.
        let problem = ScalarProblem::new("user or password are not percent-encoded", start..start + at + 1);
        return Err(problem.help("write `%2F` for a slash, `%3F` for a question mark and `%23` for a hash"));
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (username, password) = user.map_or(Ok((None, None)), |user| login(user, start))?;
    let host_start = start + authority.len() - host.len();
    if host.is_empty() {
        return Err(ScalarProblem::new("a host is missing here", host_start..host_start).help(like()));
    }
    let (host, port) = host_and_port(host, PORT).map_err(|problem| problem.shifted(host_start))?;
    let database = database(&rest[authority.len()..], start + authority.len())?;
    Ok(RedisUrl { target: RedisTarget::Tcp(host, port), is_tls, username, password, database })
}

/// User and password, which are percent-encoded; `start` is where they begin.
fn login(text: &str, start: usize) -> Result<(Option<String>, Option<String>), ScalarProblem> {
    let at = start..start + text.len();
    let Some((user, password)) = text.split_once(':') else {
        let problem = ScalarProblem::new("no password stands behind the user in this URL", at);
        return Err(problem.help("a password without a user begins with a colon: `redis://:PASSWORD@HOST`"));
    };
    let decoded = |text: &str| {
        let problem = || {
            let problem = ScalarProblem::new("user or password are not percent-encoded", at.clone());
            problem.help("write `%25` for a percent sign; or write them as `username` and `password`")
        };
        decode(text).map(|text| Some(text).filter(|text| !text.is_empty())).ok_or_else(problem)
    };
    Ok((decoded(user)?, decoded(password)?))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = if byte == b'%' {
            let digits = after.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            &after[2..]
        } else {
            bytes.push(byte);
            after
        };
    }
    String::from_utf8(bytes).ok()
}

/// The number of a database behind a host; `start` is where it begins.
fn database(behind: &str, start: usize) -> Result<Option<u32>, ScalarProblem> {
    let at = start..start + behind.len();
    match behind.strip_prefix('/') {
        None if behind.is_empty() => Ok(None),
        Some("") => Ok(None),
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            let problem = || ScalarProblem::new("there is no database of this number", at.clone());
            number.parse().ok().filter(|&number| number <= MOST_DATABASES).map(Some).ok_or_else(problem)
        }
        _ => Err(ScalarProblem::new(format!("{} is not the number of a database", quote(behind)), at)
            .help("leave it out, or write one behind `/`; everything else has a key of its own")),
    }
}

/// More than any server has.
pub const MOST_DATABASES: u32 = i32::MAX as u32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_urls() {
        for (text, shown, login) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379", (None, None)),
            ("valkey://Redis.Internal:7000/", "redis://redis.internal:7000", (None, None)),
            ("rediss://[::1]:1/2", "rediss://[::1]:1/2", (None, None)),
            ("redis://:p%40ss:w@h", "redis://h:6379", (None, Some("p@ss:w"))),
            ("valkeys://gate:way@h/0", "rediss://h:6379/0", (Some("gate"), Some("way"))),
            ("unix:/run/redis.sock", "unix:/run/redis.sock", (None, None)),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), shown, "{text}");
            assert_eq!((url.username.as_deref(), url.password.as_deref()), login, "{text}");
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let example = "write it like `redis://127.0.0.1:6379`";
        let schemes = "write `redis://`, or `rediss://` for TLS; a socket is `unix:/run/redis.sock`";
        assert_refused(
            parse,
            &[
                ("", "", &format!("the URL of Redis is missing here ({example})")),
                ("localhost", "localhost", &format!("`redis://` is missing here ({example})")),
                ("http://h", "http", &format!("this scheme is not one of Redis ({schemes})")),
                ("redis://", "", &format!("a host is missing here ({example})")),
                ("redis://:hush@", "", &format!("a host is missing here ({example})")),
                ("redis://:hush@h:x", "x", "`x` is no port (write a number from 1 to 65535)"),
                (
                    "redis://hush@h",
                    "hush",
                    "no password stands behind the user in this URL (a password without a user begins with a colon: `redis://:PASSWORD@HOST`)",
                ),
                (
                    "redis://:hu%sh@h",
                    ":hu%sh",
                    "user or password are not percent-encoded (write `%25` for a percent sign; or write them as `username` and `password`)",
                ),
                (
                    "redis://h/a?b",
                    "/a?b",
                    "`/a?b` is not the number of a database (leave it out, or write one behind `/`; everything else has a key of its own)",
                ),
                (
                    "redis://:hu/sh@h",
                    ":hu/sh@",
                    "user or password are not percent-encoded (write `%2F` for a slash, `%3F` for a question mark and `%23` for a hash)",
                ),
                ("redis://h/99999999999", "/99999999999", "there is no database of this number"),
            ],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|((rediss?|valkey)://|unix:)?[a-c:\\[\\]/@?#%.é 0-9-]{0,14}") {
            assert_no_panic(parse, &text);
        }
    }
}
