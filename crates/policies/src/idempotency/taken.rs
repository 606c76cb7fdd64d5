//! The key that a request has taken, and what is put in its place: its answer; that the answer is lost; or nothing.
//! Nobody waits for the store.
//!
//! Who has the key holds a slot in the store, the only one of that key: nobody else gets it before it is given back or its time is over, and
//! unlike entries slots never give way to others. What stands under the key is an entry beside it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maitred_policy::Beside;
use maitred_store::{Away, Hold, Key, Said};

use super::{Shelf, entry};

/// An answer of this size or less is put again where the store was away. Of larger ones the store gets to know that they are lost, so that
/// what waits for it takes little.
const SMALL: usize = 16 << 10;
/// How long to wait before the store is asked again, the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A key that a request has taken, or is about to take.
#[derive(Debug)]
pub struct Taken {
    pub(super) shelf: Arc<Shelf>,
    pub(super) beside: Rc<dyn Beside>,
    pub(super) place: [u8; 32],
    pub(super) fingerprint: [u8; 32],
    /// Nobody else has this number.
    pub(super) holder: u128,
    /// When the key is free again for others, in microseconds of [`Moment::steady`](maitred_store::Moment).
    pub(super) until: u64,
}

/// What stands under a key.
pub(super) enum Standing {
    /// Nothing: it is ours now.
    Free,
    /// Another request has it, of which no more is known.
    Held,
    /// This was put there.
    Entry(Bytes),
}

impl Taken {
    fn key(&self) -> Key<'_> {
        Key { scope: &self.shelf.scope, value: &self.place }
    }

    async fn hold(&self, lease: Duration) -> Said<bool> {
        let now = self.beside.moment();
        let hold = Hold { key: self.key(), holder: self.holder, most: 1, lease, now };
        self.shelf.store.hold(self.beside.seat(), hold).wait().await
    }

    async fn put(&self, entry: Bytes, ttl: Duration) -> Said<()> {
        let (seat, now) = (self.beside.seat(), self.beside.moment());
        self.shelf.store.put(seat, self.key(), entry, ttl, now).wait().await
    }

    async fn put_new(&self, entry: Bytes, ttl: Duration) -> Said<Option<Bytes>> {
        let (seat, now) = (self.beside.seat(), self.beside.moment());
        self.shelf.store.put_new(seat, self.key(), entry, ttl, now).wait().await
    }

    /// Gives the slot back.
    fn free(&self) {
        self.shelf.store.release(self.beside.seat(), self.key(), self.holder);
    }

    /// Takes the key, if it is free.
    async fn take(&self) -> Said<Standing> {
        let Shelf { store, lock_ttl, .. } = &*self.shelf;
        if !self.hold(*lock_ttl).await? {
            let found = store.get(self.beside.seat(), self.key(), self.beside.moment()).wait().await?;
            return Ok(found.map_or(Standing::Held, Standing::Entry));
        }
        let own = entry::under_way(&self.fingerprint);
        match self.put_new(own.clone(), *lock_ttl).await? {
            None => Ok(Standing::Free),
            // Of one who has given the key back, or is gone.
            Some(entry) if entry::is_under_way(&entry) => {
                self.put(own, *lock_ttl).await?;
                Ok(Standing::Free)
            }
            Some(entry) => Ok(Standing::Entry(entry)),
        }
    }

    /// The service has done what it was asked for, and its answer is on its way: nobody else gets the key any more, however long that takes.
    pub(super) fn keep_on(self: &Rc<Self>) {
        let taken = Rc::clone(self);
        let holding = async move {
            // Where the store is away, the key is still taken for its time.
            let _ = taken.hold(taken.shelf.ttl).await;
        };
        self.beside.detach(Box::pin(holding));
    }

    /// Puts this in its place, unless somebody else has taken the key meanwhile.
    pub(super) fn settle(self: Rc<Self>, entry: Bytes) {
        let taken = Rc::clone(&self);
        if !self.beside.detach(Box::pin(async move { taken.settle_in_time(entry).await })) {
            self.shelf.unkept.add(self.beside.moment(), &"too much is under way");
        }
    }

    /// The answer is lost.
    pub(super) fn lose(self: Rc<Self>) {
        let entry = entry::lost(&self.fingerprint);
        self.settle(entry);
    }

    /// Frees the key.
    pub(super) fn release(&self) {
        self.free();
    }

    /// Tries until the key would be free for others.
    async fn settle_in_time(&self, mut entry: Bytes) {
        let mut pause = FIRST_PAUSE;
        let mut is_whole = true;
        loop {
            let Err(away) = self.settle_once(entry.clone()).await else { break };
            if is_whole && (away == Away::Refused || entry.len() > SMALL) {
                // At once: the store may take what is small.
                (entry, is_whole) = (entry::lost(&self.fingerprint), false);
                continue;
            }
            if self.beside.moment().steady >= self.until {
                self.shelf.unkept.add(self.beside.moment(), &away);
                return;
            }
            self.beside.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.free();
    }

    async fn settle_once(&self, entry: Bytes) -> Said<()> {
        // Should the entry not get through, the slot tells that the request was done, for as long as that would have.
        if !self.hold(self.shelf.ttl).await? {
            return Ok(());
        }
        if self.beside.moment().steady < self.until {
            return self.put(entry, self.shelf.ttl).await;
        }
        // Somebody may have had the key after its time, and given it back.
        match self.put_new(entry.clone(), self.shelf.ttl).await? {
            Some(other) if entry::is_under_way(&other) => self.put(entry, self.shelf.ttl).await,
            _ => Ok(()),
        }
    }
}

/// A key that is about to be taken. Where nobody waits for the answer of the store any more, or that is late, it may be taken all the same:
/// dropped it is given back.
pub(super) struct Claim(Option<Taken>);

impl Claim {
    pub(super) fn of(taken: Taken) -> Self {
        Self(Some(taken))
    }

    /// What stands under the key; where nothing does, it is taken from now on.
    pub(super) async fn take(mut self) -> Said<Result<Rc<Taken>, Standing>> {
        let Some(taken) = &self.0 else { return Ok(Err(Standing::Held)) };
        match taken.take().await? {
            Standing::Free => Ok(self.0.take().map(Rc::new).ok_or(Standing::Held)),
            standing => Ok(Err(standing)),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(taken) = &self.0 {
            taken.free();
        }
    }
}
