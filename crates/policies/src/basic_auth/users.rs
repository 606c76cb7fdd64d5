//! Who has which password: the consumers of the document, or the users of a file of htpasswd.
//! What is wrong with a file is told with its line, and without the hash.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use maitred_config::{FilePath, Problem, Spanned};
use maitred_policy::Build;
use maitred_policy::identity::Consumer;

use super::hash::{PasswordHash, hash_password};

/// All who have a password.
#[derive(Debug, Default)]
pub(super) struct Users {
    all: Vec<User>,
    by_name: HashMap<Box<str>, usize>,
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) consumer: Arc<Consumer>,
    pub(super) hash: Arc<PasswordHash>,
}

impl Users {
    /// The consumers that have one.
    pub(super) fn of_consumers(build: &mut Build<'_>) -> Option<Self> {
        let (mut users, mut is_good) = (Self::default(), true);
        let consumers = Arc::clone(build.consumers());
        for known in consumers.credentials() {
            let mut failure = None;
            let hashed = known.password_hash(|plain| {
                hash_password(plain).unwrap_or_else(|why| {
                    failure = Some(why);
                    Box::default()
                })
            });
            let Some((hash, span)) = hashed else { continue };
            match PasswordHash::parse(hash) {
                Ok(hash) => users.add(Arc::clone(known.consumer()), hash),
                Err(why) => {
                    build.report(Problem::error(failure.unwrap_or_else(|| why.to_owned())).at(span));
                    is_good = false;
                }
            }
        }
        is_good.then_some(users)
    }

    /// Those of a file of htpasswd.
    pub(super) fn of_file(file: &Spanned<FilePath>, build: &mut Build<'_>) -> Option<Self> {
        let path = &file.value.0;
        let bytes = build.read(path)?;
        let mut told = |line: usize, why: &str| {
            let text = format!("`{}`, line {line}: {why}", path.display());
            build.report(Problem::error(text).at(file.span));
        };
        let Ok(text) = String::from_utf8(bytes) else {
            told(1, "this is not text in UTF-8");
            return None;
        };
        let (mut users, mut is_good) = (Self::default(), true);
        let mut found = Vec::new();
        for (line, entry) in (1..).zip(text.lines().map(str::trim)) {
            if entry.is_empty() || entry.starts_with('#') {
                continue;
            }
            match user(entry) {
                Ok((name, hash)) => found.push((line, name, hash)),
                Err(why) => {
                    told(line, why);
                    is_good = false;
                }
            }
        }
        let consumers = Arc::clone(build.consumers());
        let by_name: HashMap<&str, &Arc<Consumer>> =
            consumers.credentials().iter().map(|known| (&*known.consumer().name, known.consumer())).collect();
        for (line, name, hash) in found {
            if users.by_name.contains_key(name) {
                let text = format!("`{}`, line {line}: this user stands further up too", path.display());
                build.report(Problem::error(text).at(file.span));
                is_good = false;
                continue;
            }
            let unknown = || Arc::new(Consumer::new(name, std::iter::empty()));
            users.add(by_name.get(name).map_or_else(unknown, |known| Arc::clone(known)), hash);
        }
        is_good.then_some(users)
    }

    fn add(&mut self, consumer: Arc<Consumer>, hash: PasswordHash) {
        self.by_name.insert(consumer.name.clone(), self.all.len());
        self.all.push(User { consumer, hash: Arc::new(hash) });
    }

    /// The user of this name.
    pub(super) fn of(&self, name: &str) -> Option<&User> {
        self.by_name.get(name).map(|at| &self.all[*at])
    }

    /// Somebody in whose place a password of an unknown user is checked, so that names cannot be told by the time that it takes: for a
    /// name always the same, by a key that nobody knows. Hashes that cost more and hashes that cost less are found as they are among users.
    pub(super) fn stand_in(&self, name: &str, key: &hmac::Key) -> Option<&User> {
        let number = hmac::sign(key, name.as_bytes());
        let (first, _) = number.as_ref().split_first_chunk().expect("a SHA-256 has 32 bytes");
        let many = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        let at = u64::from_be_bytes(*first).checked_rem(many)?;
        self.all.get(usize::try_from(at).ok()?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One whose hash is weak.
    pub(super) fn weak(&self) -> Option<&str> {
        self.all.iter().find(|user| user.hash.is_weak()).map(|user| &*user.consumer.name)
    }
}

/// `NAME:HASH`.
fn user(entry: &str) -> Result<(&str, PasswordHash), &'static str> {
    let (name, hash) = entry.split_once(':').ok_or("there is no colon: `NAME:HASH` is wanted")?;
    // Services are told it in a header.
    if name.is_empty() || name.trim() != name || name.contains(|c: char| c == ',' || c.is_control()) {
        return Err("this cannot be the name of a user: no commas, no control bytes, no spaces around it");
    }
    Ok((name, PasswordHash::parse(hash)?))
}
