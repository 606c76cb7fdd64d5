//! An issuer whose tokens a policy takes: its keys, and what it has to say of itself.
//! How keys are fetched is in `fetched.rs`.

use std::sync::Arc;

use maitred_config::{FilePath, TokenAlgorithm};
use maitred_config::{Issuer, KeysFrom, NamedEntry, Problem, Spanned};
use maitred_policy::{Build, FetchedShared, Fetching, Origin, Renew};
use maitred_token::{Algorithm, Key, KeyError, KeySet, Rules};

use super::JwtConfig;
use super::fetched::{Published, PublishedKeys};
use crate::claims::Paths;
use crate::provider;

/// An issuer, as one policy takes its tokens.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// Its name in the document.
    pub(crate) name: Box<str>,
    /// What the policy asks of its tokens.
    pub(crate) rules: Rules,
    /// Where they say what.
    pub(crate) paths: Paths,
    keys: Arc<Keys>,
}

/// The keys of an issuer, which all policies share.
#[derive(Debug)]
pub(super) enum Keys {
    /// Those that the configuration has.
    Fixed(Arc<KeySet>),
    /// Those that the issuer publishes.
    Published(Arc<FetchedShared<PublishedKeys>>),
}

impl Trusted {
    /// Compiles an issuer. What is wrong with its keys is reported.
    pub(super) fn compile(
        entry: &NamedEntry<Issuer>,
        config: &JwtConfig,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let issuer = &entry.value;
        let texts = |all: &[String]| all.iter().map(|text| text.as_str().into()).collect();
        let rules = Rules {
            issuer: issuer.issuer.as_str().into(),
            audience: texts(&issuer.audience),
            types: texts(&config.typ),
            required: texts(&config.require),
        };
        Self::with_rules(entry, rules, build)
    }

    /// The same for a policy that asks this of its tokens.
    pub(crate) fn with_rules(
        entry: &NamedEntry<Issuer>,
        rules: Rules,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let keys = build
            .resource(&entry.name, |build, previous: Option<&Arc<Keys>>| keys(entry, previous, build))?;
        Some(Self { name: entry.name.clone(), rules, paths: Paths::new(&entry.value.claims), keys })
    }

    /// The keys that it has now; none while they were never fetched.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        match &*self.keys {
            Keys::Fixed(keys) => Some(Arc::clone(keys)),
            Keys::Published(published) => published.now().as_ref().map(|fetched| Arc::clone(&fetched.keys)),
        }
    }

    /// Whether these are the keys that it has now. Every request with a known token asks: nothing is written that other workers read.
    pub(super) fn has(&self, keys: &Arc<KeySet>) -> bool {
        match &*self.keys {
            Keys::Fixed(own) => Arc::ptr_eq(own, keys),
            Keys::Published(published) => {
                published.now().as_ref().is_some_and(|fetched| Arc::ptr_eq(&fetched.keys, keys))
            }
        }
    }

    /// How often its keys were fetched, if they are.
    pub(super) fn times_fetched(&self) -> Option<u64> {
        let Keys::Published(published) = &*self.keys else { return None };
        Some(published.times())
    }

    /// Says that a key seems to be missing.
    pub(crate) fn want(&self) {
        if let Keys::Published(published) = &*self.keys {
            published.want();
        }
    }

    /// What is to be fetched, if something is.
    pub(crate) fn fetched(&self) -> Option<Fetching> {
        let Keys::Published(published) = &*self.keys else { return None };
        let from = Origin::Urls(published.how().first().clone());
        Some(Fetching { thing: Arc::clone(published) as Arc<dyn Renew>, from })
    }
}

/// The keys of an issuer, where they are in the configuration, or how they are fetched. Those that were fetched before a reload go on.
fn keys(
    entry: &NamedEntry<Issuer>,
    previous: Option<&Arc<Keys>>,
    build: &mut Build<'_>,
) -> Option<Arc<Keys>> {
    let issuer = &entry.value;
    let at = match (&issuer.jwks, issuer.discovery_url()) {
        (Some(KeysFrom::Url(url)), _) => Published::Keys(url.clone()),
        (_, Some(url)) => Published::Description(url),
        _ => return Some(Arc::new(Keys::Fixed(Arc::new(fixed(entry, build)?)))),
    };
    let bundle = match &issuer.tls {
        Some(tls) => Some(provider::bundle(&tls.ca, build)?),
        None => None,
    };
    let algorithms = issuer.algorithms.iter().map(|word| algorithm(*word)).collect();
    let how = PublishedKeys { issuer: issuer.issuer.as_str().into(), at, algorithms, bundle };
    if let Some(Keys::Published(before)) = previous.map(|keys| &**keys)
        && *before.how() == how
    {
        return previous.map(Arc::clone);
    }
    Some(Arc::new(Keys::Published(Arc::new(FetchedShared::new(how)))))
}

/// The keys that the configuration has, with no more than the algorithms that are written for them.
fn fixed(entry: &NamedEntry<Issuer>, build: &mut Build<'_>) -> Option<KeySet> {
    let issuer = &entry.value;
    let algorithms: Vec<Algorithm> = issuer.algorithms.iter().map(|word| algorithm(*word)).collect();
    let keys = match (&issuer.secret, &issuer.jwks) {
        (Some(secret), _) => {
            let wanted = if algorithms.is_empty() { &[Algorithm::Hs256] } else { &algorithms[..] };
            let key = Key::of_secret(secret.expose().as_bytes(), wanted).map(KeySet::of_key);
            key.map_err(|why| build.report(secret_problem(&why, secret, entry))).ok()?
        }
        (None, Some(KeysFrom::File(file))) => read(file, build, KeySet::of_jwks)?,
        _ => {
            let parse = |bytes: &[u8]| KeySet::of_pem(&String::from_utf8_lossy(bytes));
            let files = issuer.public_key.iter();
            let sets: Vec<KeySet> = files.filter_map(|file| read(file, build, parse)).collect();
            (sets.len() == issuer.public_key.len()).then(|| sets.into_iter().collect())?
        }
    };
    tell_unused(&keys, entry, build);
    let keys = if algorithms.is_empty() { keys } else { keys.only_for(&algorithms) };
    if keys.is_empty() {
        let problem = Problem::error(format!(
            "the issuer `{}` has no key that tokens could be checked with",
            entry.name
        ));
        build.report(problem.at(entry.span));
        return None;
    }
    Some(keys)
}

/// What is in a set and no use is worth a word: somebody put it there for something.
fn tell_unused(keys: &KeySet, entry: &NamedEntry<Issuer>, build: &mut Build<'_>) {
    for why in keys.unused() {
        let problem = Problem::warning(format!("a key of the issuer `{}` is not used: {why}", entry.name));
        build.report(problem.at(entry.span));
    }
}

fn secret_problem(
    why: &KeyError,
    secret: &Spanned<maitred_config::Secret>,
    entry: &NamedEntry<Issuer>,
) -> Problem {
    let place = if secret.span.is_none() { entry.span } else { secret.span };
    let problem =
        Problem::error(format!("the secret of the issuer `{}` is no good: {why}", entry.name)).at(place);
    problem.help("who has one token can try shorter ones out; `openssl rand -base64 48` makes a good one")
}

/// The keys in a file. What is wrong with it is reported.
fn read(
    file: &Spanned<FilePath>,
    build: &mut Build<'_>,
    parse: impl Fn(&[u8]) -> Result<KeySet, KeyError>,
) -> Option<KeySet> {
    let path = file.as_path();
    let read = build.try_read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()));
    let keys = read.and_then(|bytes| {
        parse(&bytes).map_err(|why| format!("`{}` has no keys that can be used: {why}", path.display()))
    });
    keys.map_err(|message| build.report(Problem::error(message).at(file.span))).ok()
}

fn algorithm(word: TokenAlgorithm) -> Algorithm {
    Algorithm::parse(word.word()).expect("the document has the names of RFC 7518 for those that there are")
}
