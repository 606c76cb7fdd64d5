//! An issuer whose tokens a policy takes: its keys, and what it has to say of itself.

use std::sync::Arc;

use maitred_config::{FilePath, TokenAlgorithm};
use maitred_config::{Issuer, KeysFrom, NamedEntry, Problem, Spanned};
use maitred_policy::Build;
use maitred_token::{Algorithm, Key, KeyError, KeySet, Rules};

use super::JwtConfig;
use super::claims::Paths;

/// An issuer, as one policy takes its tokens.
#[derive(Debug)]
pub(super) struct Trusted {
    /// Its name in the document.
    pub(super) name: Box<str>,
    /// What the policy asks of its tokens.
    pub(super) rules: Rules,
    /// Where they say what.
    pub(super) paths: Paths,
    keys: Arc<Keys>,
}

/// The keys of an issuer, which all policies share.
#[derive(Debug)]
pub(super) struct Keys(Arc<KeySet>);

impl Trusted {
    /// Compiles an issuer. What is wrong with its keys is reported.
    pub(super) fn compile(
        entry: &NamedEntry<Issuer>,
        config: &JwtConfig,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let keys = build
            .shared(&entry.name, |build| keys(entry, build).map(|keys| Arc::new(Keys(Arc::new(keys)))))?;
        let issuer = &entry.value;
        let texts = |all: &[String]| all.iter().map(|text| text.as_str().into()).collect();
        let rules = Rules {
            issuer: issuer.issuer.as_str().into(),
            audience: texts(&issuer.audience),
            types: texts(&config.typ),
            required: texts(&config.require),
        };
        Some(Self { name: entry.name.clone(), rules, paths: Paths::new(&issuer.claims), keys })
    }

    /// The keys that it has now.
    pub(super) fn keys(&self) -> &Arc<KeySet> {
        &self.keys.0
    }
}

/// The keys of an issuer, with no more than the algorithms that are written for it.
fn keys(entry: &NamedEntry<Issuer>, build: &mut Build<'_>) -> Option<KeySet> {
    let issuer = &entry.value;
    let algorithms: Vec<Algorithm> = issuer.algorithms.iter().map(|word| algorithm(*word)).collect();
    let keys = match (&issuer.secret, &issuer.jwks) {
        (Some(secret), _) => {
            let wanted = if algorithms.is_empty() { &[Algorithm::Hs256] } else { &algorithms[..] };
            let key = Key::of_secret(secret.expose().as_bytes(), wanted).map(KeySet::of_key);
            key.map_err(|why| build.report(secret_problem(&why, secret, entry))).ok()?
        }
        (None, Some(KeysFrom::File(file))) => read(file, build, KeySet::of_jwks)?,
        (None, _) if !issuer.public_key.is_empty() => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let files = issuer.public_key.iter();
            let sets: Vec<KeySet> =
                files.filter_map(|file| read(file, build, |bytes| KeySet::of_pem(&text(bytes)))).collect();
            (sets.len() == issuer.public_key.len()).then(|| sets.into_iter().collect())?
        }
        (None, _) => {
            let problem = Problem::error("the keys of this issuer would have to be fetched").at(entry.span);
            build.report(problem.help("write `jwks: FILE`, `public_key: FILE` or `secret`"));
            return None;
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
