//! How the next endpoint of an upstream is chosen: a word, or a map of one key that names what of the request it goes by.
//! Which values a key may be taken from is checked when the document is compiled.

use std::time::Duration;

use super::super::refuse_short_cookie;
use super::Upstream;
use crate::config_map;
use crate::config_words;
use crate::node::Node;
use crate::problem::Problem;
use crate::read::{ConfigMap as _, Fields, Read, Reader, Secret, Shape, Spanned, TextShape};
use crate::scalar::{ScalarProblem, ValueName, header_name};

/// How the next endpoint is chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Balance {
    /// Each in its turn, by weight.
    RoundRobin,
    /// By chance and weight.
    Random,
    /// Of two by chance the one with fewer requests under way.
    P2c,
    /// The one with the fewest requests under way for its weight.
    LeastRequests,
    /// Of two by chance the one that answers sooner.
    Ewma,
    /// By this value, on a ring of hashes.
    RingHash(Spanned<ValueName>),
    /// By this value, in Maglev's table.
    Maglev(Spanned<ValueName>),
    /// The one that served the client before.
    Sticky(Sticky),
}

config_words! {
    /// How the next endpoint is chosen.
    enum BalanceWord {
        /// Each in its turn, by weight.
        RoundRobin = "round_robin",
        /// By chance and weight.
        Random = "random",
        /// Of two by chance the one with fewer requests under way.
        P2c = "p2c",
        /// The one with the fewest requests under way for its weight, in the whole process.
        LeastRequests = "least_requests",
        /// Of two by chance the one that answers sooner, by an average that notices slowness at once (peak EWMA).
        Ewma = "ewma",
    }
}

config_map! {
    /// The next endpoint goes by something of the request. One of these keys stands here.
    #[check = check_one]
    struct BalanceBy {
        /// Requests with the same value go to the same endpoint, by a ring of hashes; those without it anywhere.
        ring_hash: Option<Spanned<ValueName>>,
        /// The same by the table of Maglev: shares are more equal, and a few more move when an endpoint leaves.
        maglev: Option<Spanned<ValueName>>,
        /// A client goes to the endpoint that served it before, by a cookie that the gateway gives it.
        sticky: Option<Sticky>,
    }
}

config_map! {
    /// The cookie by which a client goes to the endpoint that served it before. It is signed, and tells no address.
    #[check = Sticky::check]
    pub struct Sticky {
        /// The name of the cookie.
        #[main]
        cookie: CookieName = "srv",
        /// What the cookie is signed with, at least 16 characters. Without it, one is made at the start: then another gateway, or
        /// this one started anew, does not know the cookie, and chooses anew.
        secret: Option<Secret>,
        /// How long clients keep it. Without it, until they are closed.
        max_age: Option<Duration>,
    }
}

/// The name of a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CookieName(pub String);

static COOKIE: TextShape = TextShape { name: "name of a cookie", example: "srv", pattern: None };

impl Read for CookieName {
    fn shape() -> Shape {
        Shape::Text(&COOKIE)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &COOKIE, |text| match header_name::parse(text) {
            Ok(name) => Ok(Self(name)),
            // The names of both are tokens (RFC 6265 section 4.1.1).
            Err(problem) => Err(ScalarProblem::new("this is no name of a cookie", problem.at)
                .help("names have letters, digits, `-` and `_`")),
        })
    }
}

impl Read for Balance {
    fn shape() -> Shape {
        Shape::OneOf(vec![BalanceWord::shape(), BalanceBy::shape()])
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if node.as_map().is_some() {
            let by = BalanceBy::read(node, reader)?;
            let ring = by.ring_hash.map(Self::RingHash);
            return ring.or(by.maglev.map(Self::Maglev)).or(by.sticky.map(Self::Sticky));
        }
        if let Some(key) = node.as_text().filter(|text| BalanceBy::map_shape().field(text).is_some()) {
            let value = match key {
                "sticky" => "{ cookie: srv }",
                _ => "header.X-User-ID",
            };
            let problem = Problem::error(format!("`{key}` stands here without what it goes by"));
            reader.problem(problem.at(reader.place(node)).help(format!("write `{{ {key}: {value} }}`")));
            return None;
        }
        Some(match BalanceWord::read(node, reader)? {
            BalanceWord::RoundRobin => Self::RoundRobin,
            BalanceWord::Random => Self::Random,
            BalanceWord::P2c => Self::P2c,
            BalanceWord::LeastRequests => Self::LeastRequests,
            BalanceWord::Ewma => Self::Ewma,
        })
    }
}

impl Balance {
    /// The value of the request that it goes by, where there is one.
    pub fn key(&self) -> Option<&Spanned<ValueName>> {
        match self {
            Self::RingHash(key) | Self::Maglev(key) => Some(key),
            _ => None,
        }
    }
}

fn check_one(_: &BalanceBy, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let keys = BalanceBy::SHAPE.fields.iter().map(|field| field.key);
    match keys.filter(|key| fields.has(key)).collect::<Vec<_>>()[..] {
        [_] => {}
        [] if fields.has_unknown() => {}
        [] => {
            let problem = Problem::error("nothing says here which endpoint is next").at(fields.place());
            reader.problem(problem.help("write `round_robin`, or `{ ring_hash: header.X-User-ID }`"));
        }
        [first, second, ..] => reader.problem(
            Problem::error("only one of these can say which endpoint is next")
                .label(fields.key_span(second), "here")
                .label(fields.key_span(first), "and here"),
        ),
    }
}

impl Sticky {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        /// 128 bits, if each character has eight.
        const SHORTEST: usize = 16;
        if self.secret.as_ref().is_some_and(|secret| secret.expose().len() < SHORTEST) {
            let problem = Problem::error("this secret is too short: it could be guessed");
            reader.problem(
                problem
                    .at(fields.value_span("secret"))
                    .help(format!("give it at least {SHORTEST} characters, made by chance")),
            );
        }
        if let Some(max_age) = self.max_age {
            refuse_short_cookie(max_age, fields, reader);
        }
    }
}

impl Upstream {
    pub(super) fn check_balance(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.slow_start.is_some_and(|time| time.is_zero()) {
            let problem = Problem::error("`slow_start` cannot be zero").at(fields.value_span("slow_start"));
            reader.problem(problem.help("leave `slow_start` out"));
        }
        let by_request =
            matches!(self.balance, Balance::RingHash(_) | Balance::Maglev(_) | Balance::Sticky(_));
        if self.slow_start.is_some() && by_request {
            reader.problem(
                Problem::error("`slow_start` does nothing where the request says which endpoint is next")
                    .label(fields.key_span("slow_start"), "")
                    .label(fields.key_span("balance"), "here it does")
                    .help("leave `slow_start` out, or balance by a word as `least_requests`"),
            );
        }
        if self.endpoints.iter().all(|endpoint| endpoint.backup) {
            let problem = Problem::error("every endpoint is a backup").at(fields.key_span("endpoints"));
            reader.problem(problem.help("leave `backup` out at those that are to be used first"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_text;
    use crate::scalar::value_name;

    fn name(text: &str) -> Spanned<ValueName> {
        Spanned { value: value_name::parse(text).unwrap(), span: crate::Span::NONE }
    }

    #[test]
    fn reads_words_and_maps() {
        for (text, balance) in [
            ("round_robin", Balance::RoundRobin),
            ("random", Balance::Random),
            ("p2c", Balance::P2c),
            ("least_requests", Balance::LeastRequests),
            ("ewma", Balance::Ewma),
            ("{ ring_hash: header.X-User-ID }", Balance::RingHash(name("header.X-User-ID"))),
            ("{ maglev: client.ip }", Balance::Maglev(name("client.ip"))),
        ] {
            assert_eq!(read_text(text), Ok(balance), "{text}");
        }
        for (text, cookie, max_age) in [
            ("{ sticky: true }", "srv", None),
            ("{ sticky: app }", "app", None),
            ("{ sticky: { cookie: app, max_age: 1h } }", "app", Some(Duration::from_hours(1))),
        ] {
            let cookie = CookieName(cookie.to_owned());
            let sticky = Sticky { cookie, secret: None, max_age };
            assert_eq!(read_text(text), Ok(Balance::Sticky(sticky)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_one_of_them() {
        for (text, message) in [
            ("fastest", "`fastest` is not known here"),
            ("ring_hash", "`ring_hash` stands here without what it goes by"),
            ("sticky", "`sticky` stands here without what it goes by"),
            ("{}", "nothing says here which endpoint is next"),
            ("{ ring: client.ip }", "unknown key `ring`"),
            ("{ ring_hash: client.ip, sticky: srv }", "only one of these can say which endpoint is next"),
            ("{ ring_hash: client }", "`client` is not a value"),
            ("{ sticky: 'a b' }", "this is no name of a cookie"),
            ("{ sticky: { max_age: 999ms } }", "clients keep a cookie for whole seconds"),
            ("{ sticky: { secret: hush } }", "a secret is written in plain in the document"),
        ] {
            assert_eq!(read_text::<Balance>(text).unwrap_err(), message, "{text}");
        }
    }
}
