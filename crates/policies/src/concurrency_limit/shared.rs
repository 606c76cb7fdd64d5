//! Places in a store, for all or for each caller: each is a slot, taken by one question before the request goes on, and given back without waiting.
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

use maitred_policy::{Beside, Facts, Runtime};
use maitred_store::{Hold, Key, Said, Scope, Seat, StoreShared};

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
    /// How many there are for each caller; for all, where they are not told apart.
    pub(super) most: u64,
}

/// One of them, and who holds it.
struct Lease {
    slots: Arc<Slots>,
    /// Empty where callers are not told apart.
    caller: Box<[u8]>,
    holder: u128,
}

impl Lease {
    fn key(&self) -> Key<'_> {
        Key { scope: &self.slots.scope, value: &self.caller }
    }

    async fn hold(&self, beside: &dyn Beside) -> Said<bool> {
        let (holder, most) = (self.holder, self.slots.most);
        let hold = Hold { key: self.key(), holder, most, lease: LEASE, now: beside.moment() };
        self.slots.store.hold(beside.seat(), hold).wait().await
    }

    fn release(&self, seat: Seat) {
        self.slots.store.release(seat, self.key(), self.holder);
    }
}

/// The slots that a worker holds.
#[derive(Default)]
pub(crate) struct Holding(Rc<Held>);

#[derive(Default)]
struct Held {
    /// By their holders. A configuration may have brought another store meanwhile, and one that is away another beside it.
    leases: RefCell<HashMap<u128, Heard>>,
    is_renewing: Cell<bool>,
}

struct Heard {
    lease: Rc<Lease>,
    /// When the store last heard of it, in microseconds of [`Moment::steady`](maitred_store::Moment).
    at: u64,
}

/// A slot. Dropped it is given back.
pub(crate) struct Slot {
    lease: Rc<Lease>,
    held: Rc<Held>,
    beside: Rc<dyn Beside>,
}

impl Holding {
    /// Takes a slot for a caller; none where all are taken.
    pub(super) async fn take(
        &self,
        slots: &Arc<Slots>,
        caller: &[u8],
        facts: &mut Facts,
        runtime: &dyn Runtime,
    ) -> Said<Option<Slot>> {
        let holder = u128::from(runtime.random()) << 64 | u128::from(runtime.random());
        let lease = Rc::new(Lease { slots: Arc::clone(slots), caller: caller.into(), holder });
        // Where nobody waits for the answer any more, or it is late, the slot may be taken all the same: so it is there to be given back.
        let slot = Slot { lease, held: Rc::clone(&self.0), beside: runtime.beside() };
        if !facts.ask(&slots.store, slot.lease.hold(&*slot.beside)).await? {
            return Ok(None);
        }
        slot.renew();
        Ok(Some(slot))
    }
}

impl Held {
    /// Those of which the store should hear now.
    fn due(&self, now: u64) -> Vec<Rc<Lease>> {
        let pace = u64::try_from(PACE.as_micros()).unwrap_or(u64::MAX);
        let leases = self.leases.borrow();
        let due = leases.values().filter(|heard| now.saturating_sub(heard.at) >= pace);
        due.map(|heard| Rc::clone(&heard.lease)).collect()
    }
}

impl Slot {
    /// Has it renewed from now on.
    fn renew(&self) {
        let Self { lease, held, beside } = self;
        let heard = Heard { lease: Rc::clone(lease), at: beside.moment().steady };
        held.leases.borrow_mut().insert(lease.holder, heard);
        if held.is_renewing.replace(true) {
            return;
        }
        let renewing = renew(Rc::clone(held), Rc::clone(beside));
        held.is_renewing.set(beside.attend(Box::pin(renewing)));
    }
}

/// Renews the slots that a worker holds, until it holds none.
async fn renew(held: Rc<Held>, beside: Rc<dyn Beside>) {
    let mut pause = PACE;
    loop {
        beside.sleep(pause).await;
        if held.leases.borrow().is_empty() {
            held.is_renewing.set(false);
            return;
        }
        let due = held.due(beside.moment().steady);
        pause = PACE;
        for some in due.chunks(AT_ONCE) {
            let renewals = some.iter().map(|lease| renew_one(lease, &held, &*beside));
            if !all(renewals).await {
                // The others may get through all the same: a server of many may be away, or one word be late.
                pause = SOON;
            }
        }
    }
}

/// Whether the store has heard of this one, or need not.
async fn renew_one(lease: &Lease, held: &Held, beside: &dyn Beside) -> bool {
    if !held.leases.borrow().contains_key(&lease.holder) {
        return true;
    }
    let now = beside.moment().steady;
    if lease.hold(beside).await.is_err() {
        return false;
    }
    match held.leases.borrow_mut().get_mut(&lease.holder) {
        // Also where its lease was over and all are taken: the request is under way, and has the next one that is free.
        Some(heard) => heard.at = now,
        // Its request has ended meanwhile.
        None => lease.release(beside.seat()),
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
        let Self { lease, held, beside } = self;
        held.leases.borrow_mut().remove(&lease.holder);
        lease.release(beside.seat());
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.0.leases.borrow().len())
    }
}
