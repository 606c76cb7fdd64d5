//! Counters of limits: a table of fixed size, of which each key has one bucket of eight slots. Nothing is allocated for a key.
//!
//! A counter that is as fresh as a new one is a free slot. Where none is free, the one gives way of which the least is taken, by its share of the
//! limit and by itself ([`weight`](crate::limits::weight)); of several, the one that is fresh again soonest. So an attacker who asks with many keys displaces nobody's counter for free:
//! [`CounterTable`] says what it costs him.

use super::hash::KeyHash;
use crate::limit::Moment;
use crate::limits::{Counter, FOREVER};

/// Slots of a bucket.
const WAYS: usize = 8;
/// What a counter takes, in bytes.
pub(super) const SLOT: u64 = size_of::<Slot>() as u64;

/// The tag of the key; until when it counts, by which clock and with which weight; what is counted, and what was in the window before. As
/// numbers, since memory that the system gives is zero already, and is not touched before it is used.
type Slot = [u64; 4];

/// A table of counters.
///
/// Keys that are used once have little of their limit taken: they displace each other, and not a counter that is exhausted. To be rid of that,
/// as much must be taken under eight more keys of its bucket as under its own; and as nobody outside knows which keys these are
/// (their hashes are under a secret), under eight more keys for every bucket of the table. That takes about as many requests as the table has
/// slots, times what is taken under the one, within the time that a counter lasts, and by whichever limit: a smaller one that is used up weighs
/// less, and of a larger one the same share must be used. Only where a limit grants one request in all are keys that are used once as good as
/// any other, and it takes as many requests as there are slots.
#[derive(Debug)]
pub(super) struct CounterTable {
    slots: Vec<Slot>,
    buckets: usize,
    held: u64,
    evicted: u64,
}

/// By which clock a counter lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Steady,
    Wall,
}

impl CounterTable {
    /// A table of this many bytes, which are taken when the first counter comes.
    pub(super) fn new(bytes: u64) -> Self {
        let buckets = usize::try_from(bytes / SLOT).unwrap_or(usize::MAX) / WAYS;
        Self { slots: Vec::new(), buckets: buckets.max(1), held: 0, evicted: 0 }
    }

    /// What is counted there.
    pub(super) fn find(&self, hash: KeyHash) -> Counter {
        let found = self.bucket(hash).and_then(|bucket| bucket.iter().find(|slot| is_of(slot, hash)));
        found.map_or_else(Counter::default, |[_, lasting, used, before]| Counter {
            until: lasting & FOREVER,
            used: *used,
            before: *before,
        })
    }

    /// Counts this there from now on.
    pub(super) fn set(&mut self, hash: KeyHash, counter: Counter, (clock, weight): (Clock, u8), now: Moment) {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); self.buckets * WAYS];
        }
        let first = hash.place_of(self.buckets) * WAYS;
        let bucket = &mut self.slots[first..first + WAYS];
        let own = bucket.iter().position(|slot| is_of(slot, hash));
        let way = own.unwrap_or_else(|| {
            let lasts = |way: &usize| lasts(bucket[*way], now);
            let way = (0..WAYS).min_by_key(lasts).unwrap_or_default();
            self.held += u64::from(bucket[way] == Slot::default());
            self.evicted += u64::from(lasts(&way) > (0, 0));
            way
        });
        let clock = u64::from(clock == Clock::Wall) << CLOCK_BIT;
        let lasting = counter.until.min(FOREVER) | clock | u64::from(weight) << WEIGHT_BITS;
        bucket[way] = [hash.tag, lasting, counter.used, counter.before];
    }

    /// Forgets what is counted there.
    pub(super) fn forget(&mut self, hash: KeyHash) {
        if self.slots.is_empty() {
            return;
        }
        let first = hash.place_of(self.buckets) * WAYS;
        if let Some(slot) = self.slots[first..first + WAYS].iter_mut().find(|slot| is_of(slot, hash)) {
            *slot = Slot::default();
            self.held -= 1;
        }
    }

    /// Slots that were used and not forgotten; some may be fresh again.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Counters that gave way while something was taken.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn bucket(&self, hash: KeyHash) -> Option<&[Slot]> {
        let first = hash.place_of(self.buckets) * WAYS;
        self.slots.get(first..first + WAYS)
    }
}

/// Where the clock stands beside the time, which is no larger than [`FOREVER`].
const CLOCK_BIT: u32 = 55;
const WEIGHT_BITS: u32 = 56;

fn is_of(slot: &Slot, hash: KeyHash) -> bool {
    // A slot that was never used has no time: one that was has the end of what was taken.
    slot[0] == hash.tag && slot[1] != 0
}

/// How much is lost when a slot is used anew: the weight that is taken and how long it lasts yet. Nothing, if it is free.
fn lasts([_, lasting, ..]: Slot, now: Moment) -> (u64, u64) {
    let is_wall = lasting >> CLOCK_BIT & 1 == 1;
    let left = (lasting & FOREVER).saturating_sub(if is_wall { now.wall } else { now.steady });
    if left == 0 { (0, 0) } else { (lasting >> WEIGHT_BITS, left) }
}

#[cfg(test)]
mod tests {
    use super::super::hash::KeyHasher;
    use super::*;
    use crate::key::{Key, Scope};

    const NOW: Moment = Moment { steady: 1000, wall: 1_000_000 };

    #[test]
    fn in_a_full_bucket_the_one_gives_way_of_which_least_is_taken() {
        let (hasher, scope) = (KeyHasher::new(), Scope::new("a"));
        let hash = |number: u64| hasher.hash(Key { scope: &scope, value: &number.to_le_bytes() });
        let counter = |used| Counter { until: 2000, used, before: 0 };
        let mut table = CounterTable::new(1);
        // Seven that are used up, by either clock; then many of which little is taken.
        for number in 0..7 {
            let (clock, until) =
                if number % 2 == 0 { (Clock::Steady, 2000) } else { (Clock::Wall, 2_000_000) };
            table.set(hash(number), Counter { until, ..counter(number) }, (clock, 255), NOW);
        }
        for number in 100..1000 {
            let until = 1_000_000_000 + number;
            table.set(hash(number), Counter { until, ..counter(number) }, (Clock::Steady, 3), NOW);
            assert_eq!(table.find(hash(number)).used, number);
        }
        assert!((0..7).all(|number| table.find(hash(number)).used == number));
        assert_eq!((table.held(), table.evicted()), (8, 899));
        // Of those that are alike the one goes that is fresh again soonest.
        let again = Counter { until: 1999, ..counter(3) };
        table.set(hash(0), again, (Clock::Steady, 255), NOW);
        table.set(hash(1000), counter(9), (Clock::Steady, 255), NOW);
        table.set(hash(1001), counter(9), (Clock::Steady, 255), NOW);
        assert_eq!(table.find(hash(0)), Counter::default());
        // What is fresh again is a free slot.
        let later = Moment { steady: 2000, wall: 1_001_000 };
        let evicted = table.evicted();
        for number in 2000..2005 {
            table.set(hash(number), Counter { until: 9000, ..counter(1) }, (Clock::Steady, 1), later);
        }
        assert_eq!(table.evicted(), evicted);
        table.forget(hash(2000));
        assert_eq!((table.find(hash(2000)), table.held()), (Counter::default(), 7));
    }
}
