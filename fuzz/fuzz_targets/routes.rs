//! Route tables against a plain reading of how a request finds its route: every route is compared with the request,
//! and of those that fit the best by the rules in their order wins.
//!
//! The bytes choose among a few hosts, paths, methods and conditions, so that most of what they make has a meaning.
//! A table that is refused loses one route of each pair that is named, until it is taken.
#![no_main]

use std::cell::LazyCell;
use std::cmp::Ordering;
use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use maitred_fuzz::Choices;
use maitred_http::{FieldName, Known, Method, PathRules, RequestHead};
use maitred_router::{
    Ambiguity, Captures, Condition, HostSpec, Outcome, PathSpec, Pattern, RouteSpec, Router, Source, Subject,
    Test,
};

const HOSTS: &[&str] = &["a", "b.a", "c.b.a", "x.org", "*.a", "*.b.a", "*.c.b.a", "*", "B.A", "*.A"];
const SEGMENTS: &[&str] = &["a", "b", "ab", "~c", "%7Ec", "", "{x}", "{y}", "{z}", "a", "b", "{w}"];
const TAILS: &[&str] = &["", "", "", "/*", "/{*rest}", "/"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PURGE", "LINK", "OPTIONS"];
const ASKED_SEGMENTS: &[&str] = &["a", "b", "ab", "~c", "%7Ec", "", "d", "%20"];
const ASKED_HOSTS: &[&str] = &["", "a", "b.a", "c.b.a", "d.c.b.a", "x.org", "A:80", "aa"];

/// Regular expressions, and what they mean.
const REGEXES: &[(&str, fn(&str) -> bool)] = &[
    ("~^/a", |path| path.starts_with("/a")),
    ("~^/ab?", |path| path.starts_with("/a")),
    ("~b$", |path| path.ends_with('b')),
    ("~^/(?<x>[ab]+)$", |path| path.len() > 1 && path[1..].bytes().all(|byte| matches!(byte, b'a' | b'b'))),
    ("~^/b/", |path| path.starts_with("/b/")),
    ("~d", |path| path.contains('d')),
];

thread_local! {
    // Compiling them takes longer than all the rest.
    static COMPILED: LazyCell<Vec<PathSpec>> =
        LazyCell::new(|| REGEXES.iter().map(|(text, _)| PathSpec::parse(text).expect("a pattern")).collect());
    static BEGINS: LazyCell<Pattern> = LazyCell::new(|| Pattern::parse("^1").expect("a pattern"));
}

/// A route, as it is written.
#[derive(Clone, Debug)]
struct Plain {
    hosts: Vec<&'static str>,
    paths: Vec<String>,
    methods: Option<Vec<&'static str>>,
    conditions: Vec<Asks>,
    priority: i32,
}

/// A condition, as it is written.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Header(&'static [&'static str]),
    HeaderPresent,
    HeaderAbsent,
    HeaderBegins,
    Query(&'static str),
    Cookie(&'static str),
    Client(&'static str),
    Listener(u16),
}

const ASKS: &[Asks] = &[
    Asks::Header(&["1"]),
    Asks::Header(&["2"]),
    Asks::Header(&["1", "12"]),
    Asks::HeaderPresent,
    Asks::HeaderAbsent,
    Asks::HeaderBegins,
    Asks::Query("1"),
    Asks::Query("2"),
    Asks::Cookie("1"),
    Asks::Client("10.0.0.0/8"),
    Asks::Client("10.1.0.0/16"),
    Asks::Listener(1),
    Asks::Listener(2),
];

/// A request.
#[derive(Debug)]
struct Request {
    method: &'static str,
    host: &'static str,
    path: String,
    header: Option<&'static str>,
    query: Option<&'static str>,
    cookie: Option<&'static str>,
    client: &'static str,
    listener: u16,
}

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices(input);
    let mut routes = choices.some(12, any_route);
    let requests = choices.some(12, any_request);
    let router = loop {
        match Router::compile(routes.iter().map(compiled).collect()) {
            Ok(router) => break router,
            Err(ambiguities) => routes = without(&routes, &ambiguities),
        }
    };
    assert_eq!(router.len(), routes.len());
    for request in &requests {
        compare(&router, &routes, request);
    }
});

fn any_route(choices: &mut Choices<'_>) -> Plain {
    Plain {
        hosts: choices.some(2, |choices| choices.one(HOSTS)),
        paths: choices.some(2, any_path),
        methods: (choices.number(2) == 1).then(|| choices.some(3, |choices| choices.one(METHODS))),
        conditions: choices.some(3, |choices| choices.one(ASKS)),
        priority: choices.one(&[0, 0, 0, 1, -1]),
    }
}

fn any_path(choices: &mut Choices<'_>) -> String {
    if choices.number(5) == 4 {
        return choices.one(REGEXES).0.to_owned();
    }
    let mut path = String::new();
    for segment in choices.some(4, |choices| choices.one(SEGMENTS)) {
        path.push('/');
        // A name stands once in a pattern.
        path.push_str(if segment.starts_with('{') && path.contains(segment) { "a" } else { segment });
    }
    path.push_str(choices.one(TAILS));
    if path.is_empty() { "/".to_owned() } else { path }
}

fn any_request(choices: &mut Choices<'_>) -> Request {
    let mut path = String::new();
    for segment in choices.some(5, |choices| choices.one(ASKED_SEGMENTS)) {
        path.push('/');
        path.push_str(segment);
    }
    Request {
        method: choices.one(METHODS),
        host: choices.one(ASKED_HOSTS),
        path: if path.is_empty() { "/".to_owned() } else { path },
        header: choices.one(&[None, Some("1"), Some("2"), Some("12"), Some("")]),
        query: choices.one(&[None, Some("1"), Some("2")]),
        cookie: choices.one(&[None, Some("1")]),
        client: choices.one(&["10.0.0.1", "10.1.0.1", "192.0.2.1", "::ffff:10.1.0.1", "::1"]),
        listener: choices.one(&[1, 2, 3]),
    }
}

fn compiled(plain: &Plain) -> RouteSpec {
    let method = |name: &&str| Method::parse(name.as_bytes()).expect("a token");
    RouteSpec {
        hosts: plain.hosts.iter().map(|host| HostSpec::parse(host).expect("a host")).collect(),
        paths: plain.paths.iter().map(|path| compiled_path(path)).collect(),
        methods: plain.methods.as_ref().map(|names| names.iter().map(method).collect()),
        conditions: plain.conditions.iter().map(|&asks| condition(asks)).collect(),
        priority: plain.priority,
    }
}

fn compiled_path(path: &str) -> PathSpec {
    match REGEXES.iter().position(|(text, _)| *text == path) {
        Some(at) => COMPILED.with(|compiled| compiled[at].clone()),
        None => PathSpec::parse(path).expect("a path"),
    }
}

fn condition(asks: Asks) -> Condition {
    let header = || Source::Header(FieldName::parse("X-A").expect("a token"));
    let is = |text: &str| Test::OneOf(vec![text.to_owned()]);
    let (source, test) = match asks {
        Asks::Client(network) => return Condition::Client(vec![network.parse().expect("a network")]),
        Asks::Listener(number) => return Condition::Listener(vec![number]),
        Asks::Header(texts) => (header(), Test::OneOf(texts.iter().map(|&text| text.to_owned()).collect())),
        Asks::HeaderPresent => (header(), Test::Present),
        Asks::HeaderAbsent => (header(), Test::Absent),
        Asks::HeaderBegins => (header(), Test::Matches(BEGINS.with(|pattern| Pattern::clone(pattern)))),
        Asks::Query(text) => (Source::Query("q".to_owned()), is(text)),
        Asks::Cookie(text) => (Source::Cookie("c".to_owned()), is(text)),
    };
    Condition::Value { source, test }
}

/// The routes but the second of each pair that was named, which must be alike as far as a pair can tell.
fn without(routes: &[Plain], ambiguities: &[Ambiguity]) -> Vec<Plain> {
    assert!(!ambiguities.is_empty());
    for Ambiguity { first, second, .. } in ambiguities {
        assert!(first < second);
        let (one, two) = (&routes[*first], &routes[*second]);
        assert_eq!(one.priority, two.priority);
        assert_eq!(one.conditions.len(), two.conditions.len(), "{one:?} {two:?}");
        assert_eq!(one.methods.is_some(), two.methods.is_some(), "{one:?} {two:?}");
        assert!(METHODS.iter().any(|name| one.takes(name) && two.takes(name)), "{one:?} {two:?}");
    }
    let named = |at: &usize| ambiguities.iter().any(|ambiguity| ambiguity.second == *at);
    (0..routes.len()).filter(|at| !named(at)).map(|at| routes[at].clone()).collect()
}

fn compare(router: &Router, routes: &[Plain], request: &Request) {
    let mut head = RequestHead::default();
    let query = request.query.map(|value| format!("?q={value}")).unwrap_or_default();
    head.target.parse(format!("{}{query}", request.path).as_bytes(), PathRules::Strict).expect("a target");
    if !request.host.is_empty() {
        head.authority.parse(request.host.as_bytes()).expect("a host");
    }
    if let Some(value) = request.header {
        head.fields.append_bytes(b"x-a", value.as_bytes());
    }
    if let Some(value) = request.cookie {
        head.fields.append_known(Known::Cookie, format!("b=0; c={value}").as_bytes());
    }
    let client: IpAddr = request.client.parse().expect("an address");
    let method = Method::parse(request.method.as_bytes()).expect("a token");
    let subject = Subject { head: &head, client, listener: request.listener, method, context: &() };
    let mut captures = Captures::default();
    let outcome = router.route(&subject, &mut captures);

    let expected = judge(routes, request);
    let told = match &outcome {
        Outcome::Found(route) => Ok(*route),
        Outcome::MethodNotAllowed(methods) => Err(methods.iter().map(|method| method.to_string()).collect()),
        Outcome::NotFound => Err(Vec::new()),
    };
    assert_eq!(told.map_err(sorted), expected.map_err(sorted), "{request:?}\n{routes:#?}");
    let winner =
        router.explain(&subject).into_iter().find(|verdict| verdict.won()).map(|verdict| verdict.route);
    assert_eq!(winner, if let Outcome::Found(route) = outcome { Some(route) } else { None });
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// The route of a request, or the methods that would have had one.
fn judge(routes: &[Plain], request: &Request) -> Result<usize, Vec<String>> {
    let mut best: Option<(usize, Rank)> = None;
    let mut allowed = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let Some(rank) = route.rank(request) else { continue };
        if !route.takes(request.method) {
            allowed.extend(METHODS.iter().filter(|name| route.takes(name)).map(|&name| name.to_owned()));
            continue;
        }
        let order = best.as_ref().map_or(Ordering::Less, |(_, best)| rank.compare(best));
        assert_ne!(order, Ordering::Equal, "route {at} and {best:?} win both\n{request:?}\n{routes:#?}");
        if order == Ordering::Less {
            best = Some((at, rank));
        }
    }
    best.map(|(at, _)| at).ok_or(allowed)
}

/// What decides between two routes that fit; the better is less.
#[derive(Debug)]
struct Rank {
    /// Priority, host and kind of path, each less for better.
    first: (i32, (u8, usize), u8),
    /// For each segment of the pattern, whether it is a parameter.
    segments: Vec<bool>,
    /// Length of the regular expression, number of conditions, methods named.
    last: (usize, usize, bool),
}

impl Rank {
    fn compare(&self, other: &Self) -> Ordering {
        let differing =
            self.segments.iter().zip(&other.segments).map(|(one, two)| one.cmp(two)).find(|o| o.is_ne());
        self.first
            .cmp(&other.first)
            .then(differing.unwrap_or_else(|| other.segments.len().cmp(&self.segments.len())))
            .then_with(|| other.last.cmp(&self.last))
    }
}

impl Plain {
    /// GET includes HEAD; no list means every method.
    fn takes(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|named| {
            named.iter().any(|&name| name == method || (name == "GET" && method == "HEAD"))
        })
    }

    /// The best rank among its hosts and paths, where one of each and all conditions fit.
    fn rank(&self, request: &Request) -> Option<Rank> {
        if !self.conditions.iter().all(|asks| asks.holds(request)) {
            return None;
        }
        let host = request.host.split(':').next().unwrap_or_default().to_lowercase();
        let any = ["*"];
        let hosts = if self.hosts.is_empty() { &any[..] } else { &self.hosts };
        let host = hosts.iter().filter_map(|pattern| rank_host(&pattern.to_lowercase(), &host)).min()?;
        let every = ["/*".to_owned()];
        let paths = if self.paths.is_empty() { &every[..] } else { &self.paths };
        let asked = request.path.replace("%7E", "~");
        let last = |regex| (regex, self.conditions.len(), self.methods.is_some());
        paths
            .iter()
            .filter_map(|pattern| rank_path(&pattern.replace("%7E", "~"), &asked))
            .map(|(kind, segments, regex)| Rank {
                first: (-self.priority, host, kind),
                segments,
                last: last(regex),
            })
            .min_by(Rank::compare)
    }
}

/// Exact, then the longest `*.domain`, then any.
fn rank_host(pattern: &str, host: &str) -> Option<(u8, usize)> {
    if pattern == "*" {
        return Some((2, 0));
    }
    match pattern.strip_prefix('*') {
        Some(domain) => {
            (host.len() > domain.len() && host.ends_with(domain)).then_some((1, usize::MAX - domain.len()))
        }
        None => (host == pattern).then_some((0, 0)),
    }
}

/// Exact, then with parameters, then regular expressions, then prefixes; and what tells two of a kind apart.
fn rank_path(pattern: &str, path: &str) -> Option<(u8, Vec<bool>, usize)> {
    if let Some((text, meaning)) = REGEXES.iter().find(|(text, _)| *text == pattern) {
        return meaning(path).then(|| (2, Vec::new(), text.len()));
    }
    let mut wanted: Vec<&str> = pattern[1..].split('/').collect();
    let is_prefix = wanted.last().is_some_and(|last| last.starts_with('*') || last.starts_with("{*"));
    if is_prefix {
        wanted.pop();
    }
    let given: Vec<&str> = path[1..].split('/').collect();
    let long_enough = if is_prefix { given.len() >= wanted.len() } else { given.len() == wanted.len() };
    let is_param = |segment: &&str| segment.starts_with('{');
    let fits =
        |(wanted, given): (&&str, &&str)| if is_param(wanted) { !given.is_empty() } else { wanted == given };
    if !long_enough || !wanted.iter().zip(&given).all(fits) {
        return None;
    }
    let params: Vec<bool> = wanted.iter().map(|segment| is_param(segment)).collect();
    let kind = if is_prefix { 3 } else { u8::from(params.contains(&true)) };
    Some((kind, params, 0))
}

impl Asks {
    fn holds(self, request: &Request) -> bool {
        match self {
            Self::Header(texts) => request.header.is_some_and(|value| texts.contains(&value)),
            Self::HeaderPresent => request.header.is_some(),
            Self::HeaderAbsent => request.header.is_none(),
            Self::HeaderBegins => request.header.is_some_and(|value| value.starts_with('1')),
            Self::Query(text) => request.query == Some(text),
            Self::Cookie(text) => request.cookie == Some(text),
            Self::Client("10.0.0.0/8") => request.client.contains("10."),
            Self::Client(_) => request.client.contains("10.1."),
            Self::Listener(number) => request.listener == number,
        }
    }
}
