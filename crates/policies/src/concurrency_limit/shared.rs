//! Places that replicas share: each is a slot in a store, taken by one question before the request goes on, and given back without waiting.
//!
//! A slot is leased, so that those of a gateway that has died come back. Requests that take longer have theirs renewed, by one task for each worker, for as
//! long as it has some.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use maitred_policy::{Beside, Runtime};
use maitred_store::{Hold, Key, Said, Scope, StoreShared};

/// How long a slot is taken without a word of its holder.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// How often holders are heard of: where a word or two gets lost, the slot is still theirs.
const PACE: Duration = Duration::from_secs(3);

/// Slots in a store.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) store: StoreShared,
    pub(super) scope: Scope,
    pub(super) most: u64,
}

impl Slots {
    fn key(&self) -> Key<'_> {
        Key { scope: &self.scope, value: b"" }
    }

    async fn hold(&self, holder: u128, beside: &dyn Beside) -> Said<bool> {
        let hold = Hold { key: self.key(), holder, most: self.most, lease: LEASE, now: beside.moment() };
        self.store.hold(beside.seat(), hold).wait().await
    }
}

/// The slots that a worker holds.
#[derive(Default)]
pub(crate) struct Holding(Rc<Held>);

#[derive(Default)]
struct Held {
    /// When each was last heard of, in microseconds of [`Moment::steady`](maitred_store::Moment).
    heard: RefCell<HashMap<u128, u64>>,
    is_renewing: Cell<bool>,
}

/// A slot. Dropped it is given back.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    held: Rc<Held>,
    beside: Rc<dyn Beside>,
    holder: u128,
}

impl Holding {
    /// Takes a slot; none where all are taken.
    pub(super) async fn take(&self, slots: &Arc<Slots>, runtime: &dyn Runtime) -> Said<Option<Slot>> {
        let holder = u128::from(runtime.random()) << 64 | u128::from(runtime.random());
        let (slots, held, beside) = (Arc::clone(slots), Rc::clone(&self.0), runtime.beside());
        // Where nobody waits for the answer any more, or it is late, the slot may be taken all the same: so it is there to be given back.
        let slot = Slot { slots, held, beside, holder };
        if !slot.slots.hold(holder, &*slot.beside).await? {
            return Ok(None);
        }
        slot.renew();
        Ok(Some(slot))
    }
}

impl Slot {
    /// Has it renewed from now on.
    fn renew(&self) {
        let Self { slots, held, beside, holder } = self;
        held.heard.borrow_mut().insert(*holder, beside.moment().steady);
        if held.is_renewing.replace(true) {
            return;
        }
        let renewing = renew(Arc::clone(slots), Rc::clone(held), Rc::clone(beside));
        held.is_renewing.set(beside.attend(Box::pin(renewing)));
    }
}

/// Renews the slots that a worker holds, until it holds none.
async fn renew(slots: Arc<Slots>, held: Rc<Held>, beside: Rc<dyn Beside>) {
    loop {
        beside.sleep(PACE).await;
        if held.heard.borrow().is_empty() {
            held.is_renewing.set(false);
            return;
        }
        let now = beside.moment().steady;
        let pace = u64::try_from(PACE.as_micros()).unwrap_or(u64::MAX);
        let is_due = |heard: u64| now.saturating_sub(heard) >= pace;
        let due: Vec<u128> = held
            .heard
            .borrow()
            .iter()
            .filter(|(_, heard)| is_due(**heard))
            .map(|(holder, _)| *holder)
            .collect();
        for holder in due {
            if !held.heard.borrow().contains_key(&holder) {
                continue;
            }
            if slots.hold(holder, &*beside).await.is_err() {
                // It is away: the others would not get through either, and the lease has time.
                break;
            }
            match held.heard.borrow_mut().get_mut(&holder) {
                Some(heard) => *heard = now,
                // Its request has ended meanwhile.
                None => slots.store.release(beside.seat(), slots.key(), holder),
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Self { slots, held, beside, holder } = self;
        held.heard.borrow_mut().remove(holder);
        slots.store.release(beside.seat(), slots.key(), *holder);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.0.heard.borrow().len())
    }
}
