//! The contract, done the long way: every route is compared with every request, and a rank is a list of numbers.
//! Shares no code with the router but the names of things.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use maitred_router::{Condition, Test};
use regex::Regex;

use crate::words::{Request, Route, method, one_of, request, route};

/// A route, as a test draws it.
#[derive(Clone, Debug)]
pub struct NaiveRoute {
    pub hosts: Vec<&'static str>,
    pub paths: Vec<String>,
    pub methods: Option<Vec<&'static str>>,
    pub asks: Vec<Ask>,
    pub priority: i32,
}

/// A condition, as a test draws it.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Header `a` or `b` is one of these; an empty list asks that it be absent, none that it be present.
    Header(&'static str, Option<Vec<&'static str>>),
    Query(&'static str),
    Client(&'static str),
    Listener(u16),
    /// A predicate: the part of the path that is called `p` is `a`.
    PathIsA,
}

/// A request, as a test draws it.
#[derive(Clone, Debug)]
pub struct NaiveRequest {
    pub method: &'static str,
    pub host: &'static str,
    pub path: String,
    pub query: Option<&'static str>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub client: &'static str,
    pub listener: u16,
}

/// Less is better.
pub type Rank = (i32, u8, usize, u8, Vec<u8>, usize, usize, bool);

/// What a pattern takes of a path: its names with their parts, and how long the prefix before its `*` is.
pub type Taken = (Vec<(String, String)>, Option<usize>);

impl NaiveRoute {
    pub fn build(&self) -> Route {
        let mut built = route(&self.paths.join(" "));
        built.0.hosts =
            self.hosts.iter().map(|host| maitred_router::HostSpec::parse(host).unwrap()).collect();
        built.0.methods = self.methods.as_ref().map(|names| names.iter().map(|name| method(name)).collect());
        self.asks.iter().fold(built, |built, ask| ask.build(built)).priority(self.priority)
    }

    fn hosts(&self) -> Vec<&'static str> {
        if self.hosts.is_empty() { vec!["*"] } else { self.hosts.clone() }
    }

    pub fn takes_method(&self, name: &str) -> bool {
        self.methods
            .as_ref()
            .is_none_or(|named| named.contains(&name) || (name == "HEAD" && named.contains(&"GET")))
    }

    /// Every way to this route with its rank, whether or not it fits anything.
    pub fn ways(&self) -> Vec<(&'static str, String, Rank)> {
        let mut ways = Vec::new();
        for host in self.hosts() {
            for path in &self.paths {
                ways.push((host, path.clone(), self.rank(host, path)));
            }
        }
        ways
    }

    fn rank(&self, host: &str, path: &str) -> Rank {
        let (class, len) = match host.strip_prefix("*.") {
            _ if host == "*" => (2, 0),
            Some(domain) => (1, domain.len()),
            None => (0, 0),
        };
        let mut shape = Vec::new();
        let mut letters = 0;
        let kind = if let Some(pattern) = path.strip_prefix('~') {
            letters = pattern.len();
            2
        } else {
            let mut kind = 0;
            for segment in path[1..].split('/') {
                match segment.as_bytes() {
                    b"*" | [b'{', b'*', ..] => kind = 3,
                    [b'{', ..] => {
                        shape.push(1);
                        kind = kind.max(1);
                    }
                    _ => shape.push(0),
                }
            }
            shape.push(2);
            kind
        };
        let named = self.methods.is_none();
        (-self.priority, class, 99 - len, kind, shape, 99 - letters, 99 - self.asks.len(), named)
    }

    /// Every way that fits a request but for its method, with its rank and what it takes; in the order written.
    pub fn fitting(&self, given: &NaiveRequest) -> Vec<(Rank, Taken)> {
        let fits = |(host, path, rank): (&str, String, Rank)| {
            let taken = take(&path, &given.path).filter(|_| takes_host(host, given.host))?;
            self.asks.iter().all(|ask| ask.holds(given, &taken)).then_some((rank, taken))
        };
        self.ways().into_iter().filter_map(fits).collect()
    }

    pub fn fits_host(&self, given: &NaiveRequest) -> bool {
        self.hosts().iter().any(|host| takes_host(host, given.host))
    }

    pub fn fits_path(&self, given: &NaiveRequest) -> bool {
        self.paths.iter().any(|path| take(path, &given.path).is_some())
    }
}

impl Ask {
    fn build(&self, route: Route) -> Route {
        match self {
            Self::Header(name, None) => route.header(name, Test::Present),
            Self::Header(name, Some(texts)) if texts.is_empty() => route.header(name, Test::Absent),
            Self::Header(name, Some(texts)) => route.header(name, one_of(texts)),
            Self::Query(text) => route.query("q", one_of(&[text])),
            Self::Client(network) => route.when(Condition::Client(vec![network.parse().unwrap()])),
            Self::Listener(number) => route.listener(*number),
            Self::PathIsA => route.path_value("p", "a"),
        }
    }

    fn holds(&self, given: &NaiveRequest, taken: &Taken) -> bool {
        match self {
            Self::Header(name, texts) => {
                let value = given.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value);
                match (texts, value) {
                    (None, value) => value.is_some(),
                    (Some(texts), None) => texts.is_empty(),
                    (Some(texts), Some(value)) => texts.contains(value),
                }
            }
            Self::Query(text) => given.query == Some(text),
            Self::Client(network) => {
                network.parse::<IpNet>().unwrap().contains(&given.client.parse::<IpAddr>().unwrap())
            }
            Self::Listener(number) => given.listener == *number,
            Self::PathIsA => taken.0.iter().any(|(name, part)| name == "p" && part == "a"),
        }
    }

    /// Whether no request can satisfy both, as far as the contract promises to see it.
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(a, one), Self::Header(b, two)) if a == b => match (one, two) {
                (Some(one), Some(two)) if one.is_empty() && two.is_empty() => false,
                (Some(one), Some(two)) => !one.iter().any(|text| two.contains(text)),
                (Some(one), None) | (None, Some(one)) => one.is_empty(),
                (None, None) => false,
            },
            (Self::Query(a), Self::Query(b)) => a != b,
            (Self::Listener(a), Self::Listener(b)) => a != b,
            (Self::Client(a), Self::Client(b)) => {
                let (a, b): (IpNet, IpNet) = (a.parse().unwrap(), b.parse().unwrap());
                !a.contains(&b) && !b.contains(&a)
            }
            _ => false,
        }
    }
}

impl NaiveRequest {
    pub fn build(&self) -> Request {
        let query = self.query.map(|text| format!("?q={text}")).unwrap_or_default();
        let built = request(&format!("{} {}{}{query}", self.method, self.host, self.path));
        let built = self.headers.iter().fold(built, |built, (name, value)| built.with(name, value));
        built.from(self.client).by(self.listener)
    }
}

fn takes_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => pattern == host,
    }
}

/// Regular expressions are compiled once for all the cases.
fn compiled(pattern: &str) -> Regex {
    thread_local!(static KNOWN: RefCell<HashMap<String, Regex>> = RefCell::default());
    KNOWN.with_borrow_mut(|known| {
        known.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).clone()
    })
}

fn take(pattern: &str, path: &str) -> Option<Taken> {
    if let Some(pattern) = pattern.strip_prefix('~') {
        let found = compiled(pattern);
        let groups = found.captures(path)?;
        let names = found.capture_names().flatten();
        let taken = |name: &str| groups.name(name).map(|part| (name.to_owned(), part.as_str().to_owned()));
        return Some((names.filter_map(taken).collect(), None));
    }
    let wanted: Vec<&str> = pattern[1..].split('/').collect();
    let given: Vec<&str> = path[1..].split('/').collect();
    let mut parts = Vec::new();
    for (at, segment) in wanted.iter().enumerate() {
        if *segment == "*" || segment.starts_with("{*") {
            let end = given[..at].iter().map(|segment| segment.len() + 1).sum();
            if let Some(name) = segment.strip_prefix("{*") {
                parts.push((name.trim_end_matches('}').to_owned(), given[at..].join("/")));
            }
            return Some((parts, Some(end)));
        }
        let text = given.get(at)?;
        match segment.strip_prefix('{') {
            Some(_) if text.is_empty() => return None,
            Some(name) => parts.push((name.trim_end_matches('}').to_owned(), (*text).to_owned())),
            None if segment != text => return None,
            None => {}
        }
    }
    (wanted.len() == given.len()).then_some((parts, None))
}
