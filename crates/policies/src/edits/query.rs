//! Edits of the parameters in a query, compiled.
//! Parameters that no edit touches keep their spelling and their order.

use maitred_config::{Named, Spanned, scalar};
use maitred_http::{Known, RequestHead, Target, percent_decode, push_percent_encoded};
use maitred_policy::Build;
use maitred_policy::values::{Available, Template, View};
use smallvec::SmallVec;

use super::config::QueryEditsConfig;
use super::texts::{self, Places};

/// Edits of the query of a request.
#[derive(Debug)]
pub(crate) struct QueryEdits {
    remove: Box<[Box<str>]>,
    keep: Option<Box<[Box<str>]>>,
    rename: Box<[(Box<str>, Name)]>,
    /// First those to set, then those to add, then those that are there by default.
    texts: Box<[(Name, Template)]>,
    add_from: usize,
    default_from: usize,
}

/// A name as it is meant, and percent-encoded.
#[derive(Debug)]
struct Name {
    plain: Box<str>,
    encoded: Box<str>,
}

/// A parameter of the query that is made: its name and value, both encoded; no value means no `=`.
struct Pair<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl QueryEdits {
    /// Compiles edits. All problems go to `build`; then the answer is none.
    pub(crate) fn compile(config: &QueryEditsConfig, build: &mut Build<'_>) -> Option<Self> {
        let plain = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect::<Box<[_]>>();
        let rename =
            config.rename.iter().map(|entry| (entry.name.clone(), Name::new(&entry.value))).collect();
        let mut sound = true;
        let mut compile = |written: &Named<Spanned<scalar::Template>>| {
            let mut compiled = Vec::new();
            for entry in written {
                match texts::compile(entry, Available::Request, build) {
                    Some(text) => compiled.push((Name::new(&entry.name), text)),
                    None => sound = false,
                }
            }
            compiled
        };
        let mut texts = compile(&config.set);
        let add_from = texts.len();
        texts.extend(compile(&config.add));
        let default_from = texts.len();
        texts.extend(compile(&config.default));
        let keep = (!config.keep.is_empty()).then(|| plain(&config.keep));
        let remove = plain(&config.remove);
        sound.then_some(Self { remove, keep, rename, texts: texts.into(), add_from, default_from })
    }

    /// Whether nothing is edited.
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.keep.is_none() && self.rename.is_empty() && self.texts.is_empty()
    }

    /// Renders the texts, percent-encoded, before anything is edited.
    pub(crate) fn render(&self, view: &View<'_>, buffer: &mut Vec<u8>) -> Places {
        texts::render(self.texts.iter().map(|(_, text)| text), Template::render_query_value, view, buffer)
    }

    /// Edits, with the texts that were rendered.
    pub(crate) fn apply(&self, target: &mut Target, places: &Places, buffer: &[u8]) {
        let made = self.edited(target.query().unwrap_or_default(), places, buffer);
        target.set_query(made.as_deref());
    }

    /// The query that is made of another; none if no parameter is left.
    fn edited(&self, query: &str, places: &Places, buffer: &[u8]) -> Option<String> {
        let mut pairs: SmallVec<[Pair<'_>; 16]> =
            query.split('&').filter(|pair| !pair.is_empty()).map(Pair::of).collect();
        pairs.retain(|pair| !self.remove.iter().any(|name| pair.is(name)));
        if let Some(keep) = &self.keep {
            pairs.retain(|pair| keep.iter().any(|name| pair.is(name)));
        }
        for (from, to) in &self.rename {
            if pairs.iter().any(|pair| pair.is(from)) {
                pairs.retain(|pair| !pair.is(&to.plain) || pair.is(from));
                pairs.iter_mut().filter(|pair| pair.is(from)).for_each(|pair| pair.name = &to.encoded);
            }
        }
        for (index, ((name, _), place)) in self.texts.iter().zip(places).enumerate() {
            let value = place
                .clone()
                .map(|place| std::str::from_utf8(&buffer[place]).expect("what is percent-encoded is ASCII"));
            let is_there = pairs.iter().any(|pair| pair.is(&name.plain));
            if index < self.add_from {
                pairs.retain(|pair| !pair.is(&name.plain));
            } else if index >= self.default_from && is_there {
                continue;
            }
            if value.is_some() {
                pairs.push(Pair { name: &name.encoded, value });
            }
        }
        (!pairs.is_empty()).then(|| join(pairs.iter()))
    }
}

/// Takes a parameter out of the query, however it is encoded there; nothing else changes if there is none.
pub(crate) fn remove(target: &mut Target, name: &str) {
    if let Some(rest) = target.query().and_then(|query| without(query, name)) {
        target.set_query((!rest.is_empty()).then_some(&*rest));
    }
}

/// Takes a parameter out of the query of the page that a request says it comes from (`Referer`).
pub(crate) fn remove_of_referer(request: &mut RequestHead, name: &str) {
    let referer = request.fields.known_str(Known::Referer).and_then(|url| url.split_once('?'));
    if let Some((page, rest)) = referer.and_then(|(page, query)| Some((page, without(query, name)?))) {
        let url = if rest.is_empty() { page.to_owned() } else { format!("{page}?{rest}") };
        request.fields.set_known(Known::Referer, url.as_bytes());
    }
}

/// A query without a parameter; none if it does not have it.
fn without(query: &str, name: &str) -> Option<String> {
    let pairs: SmallVec<[Pair<'_>; 16]> = query.split('&').map(Pair::of).collect();
    let is_there = pairs.iter().any(|pair| pair.is(name));
    is_there.then(|| join(pairs.iter().filter(|pair| !pair.is(name))))
}

fn join<'p, 'q: 'p>(pairs: impl Iterator<Item = &'p Pair<'q>>) -> String {
    let mut query = String::new();
    for pair in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(pair.name);
        if let Some(value) = pair.value {
            query.push('=');
            query.push_str(value);
        }
    }
    query
}

impl Name {
    fn new(plain: &str) -> Self {
        let mut encoded = String::new();
        push_percent_encoded(&mut encoded, plain.as_bytes());
        Self { plain: plain.into(), encoded: encoded.into() }
    }
}

impl<'a> Pair<'a> {
    fn of(text: &'a str) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self { name, value: Some(value) },
            None => Self { name: text, value: None },
        }
    }

    fn is(&self, plain: &str) -> bool {
        *percent_decode(self.name, true) == *plain.as_bytes()
    }
}
