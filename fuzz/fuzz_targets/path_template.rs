//! Path templates. With an even first byte the rest is the text of one; with an odd one it chooses templates and paths.
//!
//! A template that was read is written as one that means the same, and a path made of it has it. Of several templates
//! the one is found that a plain reading of the rules finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maitred_fuzz::Choices;
use maitred_grpc::{PathTable, PathTemplate};
use maitred_http::Method;

const SEGMENTS: &[&str] = &["a", "b", "*", "{x}", "{y=a}", "c%3Ad", "{z=a/*}", "{w=*/b}"];
const TAILS: &[&str] = &["", "", "", "/**", "/{r=**}", "/{r=a/**}"];
const VERBS: &[&str] = &["", "", "", ":v", ":w"];
const ASKED: &[&str] = &["a", "b", "%61", "c:d", "c%3ad", "x", "", "a:v", "%zz"];
const ASKED_VERBS: &[&str] = &["", "", ":v", ":%76", ":x", ":"];
const METHODS: &[Option<Method>] = &[Some(Method::Get), Some(Method::Post), None];

fuzz_target!(|input: &[u8]| match input.split_first() {
    Some((first, rest)) if first % 2 == 1 => compare(&mut Choices(rest)),
    Some((_, rest)) => {
        if let Ok(text) = std::str::from_utf8(rest) {
            read(text);
        }
    }
    None => {}
});

fn read(text: &str) {
    // The long form has three bytes for one, and must not be too long for a template.
    let (Ok(template), 0..1000) = (PathTemplate::parse(text), text.len()) else { return };
    let long = template.to_string();
    assert_eq!(PathTemplate::parse(&long).as_ref(), Ok(&template), "{long}");
    let mut table = PathTable::default();
    table.insert(Some(Method::Get), &template, ()).expect("it is the first");
    // The long form with something for each wildcard is a path that has it.
    let mut path = String::new();
    for segment in long.split('/').skip(1) {
        path.push('/');
        let segment = segment.rsplit_once('=').map_or(segment, |(_, segment)| segment).replace('}', "");
        path.push_str(&segment.replace("**", "x/y").replace('*', "z"));
    }
    assert!(table.find(Method::Get, &path).is_some(), "{long} {path}");
    assert_eq!(table.allowed(&path), [Method::Get, Method::Head]);
    assert_eq!(template.values(&path).count(), template.variables().count());
}

/// A template as it is written, and what it is bound to.
struct Plain {
    method: Option<Method>,
    /// Segments without variables; `**` is the last.
    segments: Vec<String>,
    verb: Option<String>,
}

fn compare(choices: &mut Choices<'_>) {
    let mut table = PathTable::default();
    let mut plain = Vec::new();
    for _ in 0..choices.number(8) {
        let method = choices.one(METHODS);
        let text = any_template(choices);
        let template = PathTemplate::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let written = Plain::new(method, &template.to_string());
        let is_same = |other: &Plain| {
            (other.method, &other.segments, &other.verb) == (written.method, &written.segments, &written.verb)
        };
        let inserted = table.insert(method, &template, plain.len()).map_err(|at| *at);
        assert_eq!(inserted, plain.iter().position(is_same).map_or(Ok(()), Err), "{text}");
        if inserted.is_ok() {
            plain.push(written);
        }
    }
    for _ in 0..choices.number(8) {
        let path: String = choices.some(5, |choices| format!("/{}", choices.one(ASKED))).concat();
        let path = if path.is_empty() { "/".to_owned() } else { path } + choices.one(ASKED_VERBS);
        let method = choices.one(&[Method::Get, Method::Head, Method::Post, Method::Put]);
        let found = table.find(method, &path).copied().ok_or_else(|| table.allowed(&path));
        assert_eq!(found, judge(&plain, method, &path), "{method} {path}");
    }
}

fn any_template(choices: &mut Choices<'_>) -> String {
    let mut text = String::new();
    for segment in choices.some(3, |choices| choices.one(SEGMENTS)) {
        text.push('/');
        // A variable stands once in a template.
        text.push_str(if segment.starts_with('{') && text.contains(segment) { "*" } else { segment });
    }
    text.push_str(choices.one(TAILS));
    let text = if text.is_empty() { "/".to_owned() } else { text };
    text + choices.one(VERBS)
}

impl Plain {
    /// Reads the long form of a template, whose variables do not matter here.
    fn new(method: Option<Method>, long: &str) -> Self {
        let (long, verb) = match long.rsplit_once(':') {
            Some((long, verb)) => (long, Some(verb.to_owned())),
            None => (long, None),
        };
        let bare =
            |segment: &str| segment.rsplit('=').next().unwrap_or(segment).trim_end_matches('}').to_owned();
        let segments = if long == "/" { Vec::new() } else { long.split('/').skip(1).map(bare).collect() };
        Self { method, segments, verb }
    }

    /// How well it fits: less is better. None where it does not.
    fn rank(&self, path: &str) -> Option<(u8, Vec<u8>)> {
        let (path, verb) = match &self.verb {
            Some(verb) => {
                let (base, asked) = path.rsplit_once(':')?;
                (decode(asked) == decode(verb)).then_some((base, 0))?
            }
            None => (path, 1),
        };
        let given: Vec<&str> =
            if path == "/" { Vec::new() } else { path.strip_prefix('/')?.split('/').collect() };
        let mut ranks = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            match segment.as_str() {
                "**" => {
                    ranks.push(2);
                    return (given.len() >= at).then_some((verb, ranks));
                }
                "*" => ranks.push((!given.get(at)?.is_empty()).then_some(1)?),
                text => ranks.push((decode(given.get(at)?) == decode(text)).then_some(0)?),
            }
        }
        ranks.push(0);
        (given.len() == self.segments.len()).then_some((verb, ranks))
    }

    /// Whether it is bound to the method: itself, as GET for HEAD, or as every one.
    fn takes(&self, method: Method) -> Option<u8> {
        match self.method {
            None => Some(2),
            Some(bound) if bound == method => Some(0),
            Some(Method::Get) if method == Method::Head => Some(1),
            Some(_) => None,
        }
    }
}

/// Decodes escapes; what is no escape stays.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits =
            text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn judge(templates: &[Plain], method: Method, path: &str) -> Result<usize, Vec<Method>> {
    let matching: Vec<_> = templates
        .iter()
        .enumerate()
        .filter_map(|(at, template)| template.rank(path).map(|rank| (at, template, rank)))
        .collect();
    let taking =
        matching.iter().filter_map(|(at, template, rank)| Some((rank, template.takes(method)?, *at)));
    if let Some((_, _, at)) = taking.min() {
        return Ok(at);
    }
    let mut methods: Vec<Method> = matching.iter().filter_map(|(_, template, _)| template.method).collect();
    if methods.contains(&Method::Get) {
        methods.push(Method::Head);
    }
    methods.sort_unstable_by_key(|method| method.as_str().to_owned());
    methods.dedup();
    Err(methods)
}
