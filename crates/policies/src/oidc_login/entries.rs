//! Sessions in a store (`session.store`): under which key, and what browsers have of them. The browser has an id, sealed; the store has the session,
//! sealed for that id, under the SHA-256 of it. So who reads the store learns neither tokens nor what a cookie would be, and who writes there begins no session
//! and puts none in the place of another.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use maitred_policy::Runtime;
use maitred_store::{Hold, Key, Said, Scope, Seat, StoreShared};

use super::seal::Seal;
use crate::asking::sha256;

/// How long a turn lasts whose gateway has died: longer than a provider may take for tokens.
const LEASE: Duration = Duration::from_secs(15);

/// Sessions in a store.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) store: StoreShared,
    scope: Scope,
    /// What seals ids. Made-up ones do not come as far as the store.
    ids: Seal,
}

/// What a session is found by: 256 bits that nobody guesses, new at each login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id([u8; 32]);

impl Id {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the system has chance");
        Self(bytes)
    }

    /// What its session is sealed under. No cookie is called so.
    pub(super) fn name(&self) -> String {
        format!("\0{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What its entry is found by.
    pub(super) fn key(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(sha256(&self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id")
    }
}

impl Entries {
    pub(super) fn new(store: StoreShared, ids: Seal) -> Self {
        Self { store, scope: Scope::new("login"), ids }
    }

    /// What the cookie of this name has of an id.
    pub(super) fn seal(&self, name: &str, id: &Id) -> String {
        self.ids.seal(name, &id.0)
    }

    /// The id in a cookie of this name; none if it was not sealed here.
    pub(super) fn open(&self, name: &str, text: &[u8]) -> Option<Id> {
        Some(Id(self.ids.open(name, text)?.try_into().ok()?))
    }

    /// The sealed session with this id.
    pub(super) async fn get(&self, id: &Id, runtime: &dyn Runtime) -> Said<Option<Bytes>> {
        let key = id.key();
        self.store.get(runtime.seat(), self.at(&key), runtime.moment()).wait().await
    }

    /// Puts a sealed session in the place of the one with this id.
    pub(super) async fn put(
        &self,
        id: &Id,
        sealed: &str,
        lasts: Duration,
        runtime: &dyn Runtime,
    ) -> Said<()> {
        let (key, entry) = (id.key(), Bytes::copy_from_slice(sealed.as_bytes()));
        self.store.put(runtime.seat(), self.at(&key), entry, lasts, runtime.moment()).wait().await
    }

    /// Removes the session with this id.
    pub(super) async fn remove(&self, id: &Id, runtime: &dyn Runtime) -> Said<()> {
        let key = id.key();
        self.store.remove(runtime.seat(), self.at(&key)).wait().await.map(|_| ())
    }

    /// Asks for a turn to write the session with this id anew: one request at a time has it, over all replicas, so that none overwrites what another
    /// has just been given by the provider.
    pub(super) fn turn<'a>(&'a self, id: &Id, runtime: &dyn Runtime) -> Turn<'a> {
        let holder = u128::from(runtime.random()) << 64 | u128::from(runtime.random());
        Turn { entries: self, key: id.key(), holder, seat: runtime.seat() }
    }

    fn at<'a>(&'a self, key: &'a str) -> Key<'a> {
        Key { scope: &self.scope, value: key.as_bytes() }
    }
}

/// A turn that is asked for, and given back when it is dropped: it may have been given though nobody heard of that in time.
pub(super) struct Turn<'a> {
    entries: &'a Entries,
    key: String,
    holder: u128,
    seat: Seat,
}

impl Turn<'_> {
    /// Takes it; false where another has it.
    pub(super) async fn take(&self, runtime: &dyn Runtime) -> Said<bool> {
        let (key, holder, now) = (self.entries.at(&self.key), self.holder, runtime.moment());
        let hold = Hold { key, holder, most: 1, lease: LEASE, now };
        self.entries.store.hold(self.seat, hold).wait().await
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.entries.store.release(self.seat, self.entries.at(&self.key), self.holder);
    }
}
