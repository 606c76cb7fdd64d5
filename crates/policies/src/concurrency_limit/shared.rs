//! Places that replicas share: each is a slot in a store, taken by one question before the request goes on, and given back without waiting.
//!
//! A slot is leased, so that those of a gateway that has died come back. Requests that take longer have theirs renewed, by one task for each worker, for as
//! long as it has some.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use maitred_policy::{Beside, Runtime};
use maitred_store::{Hold, Key, Said, Scope, StoreShared};

/// How long a slot is taken without a word of its holder.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// How often holders are heard of: where a word or two gets lost, the slot is still theirs.
const PACE: Duration = Duration::from_secs(3);
/// When those of whom the store has not heard are told of again.
const SOON: Duration = Duration::from_millis(500);
/// How many are told of at once: one after the other, those of thousands would take longer than the lease.
const AT_ONCE: usize = 128;

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

impl Held {
    /// The holders of whom the store should hear now.
    fn due(&self, now: u64) -> Vec<u128> {
        let pace = u64::try_from(PACE.as_micros()).unwrap_or(u64::MAX);
        let heard = self.heard.borrow();
        let due = heard.iter().filter(|(_, heard)| now.saturating_sub(**heard) >= pace);
        due.map(|(holder, _)| *holder).collect()
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
    let mut pause = PACE;
    loop {
        beside.sleep(pause).await;
        if held.heard.borrow().is_empty() {
            held.is_renewing.set(false);
            return;
        }
        let due = held.due(beside.moment().steady);
        pause = PACE;
        for some in due.chunks(AT_ONCE) {
            let renewals = some.iter().map(|holder| renew_one(&slots, &held, &*beside, *holder));
            if !all(renewals).await {
                // The others may get through all the same: a server of many may be away, or one word be late.
                pause = SOON;
            }
        }
    }
}

/// Whether the store has heard of this holder, or need not.
async fn renew_one(slots: &Slots, held: &Held, beside: &dyn Beside, holder: u128) -> bool {
    if !held.heard.borrow().contains_key(&holder) {
        return true;
    }
    let now = beside.moment().steady;
    if slots.hold(holder, beside).await.is_err() {
        return false;
    }
    match held.heard.borrow_mut().get_mut(&holder) {
        // Also where its lease was over and all are taken: the request is under way, and has the next one that is free.
        Some(heard) => *heard = now,
        // Its request has ended meanwhile.
        None => slots.store.release(beside.seat(), slots.key(), holder),
    }
    true
}

/// Waits for all of them at once: whether all succeeded.
async fn all(futures: impl Iterator<Item = impl Future<Output = bool>>) -> bool {
    let mut under_way: Vec<_> = futures.map(Box::pin).collect();
    let mut succeeded = true;
    poll_fn(|cx| {
        under_way.retain_mut(|future| match future.as_mut().poll(cx) {
            Poll::Ready(succeeds) => {
                succeeded &= succeeds;
                false
            }
            Poll::Pending => true,
        });
        if under_way.is_empty() { Poll::Ready(succeeded) } else { Poll::Pending }
    })
    .await
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
