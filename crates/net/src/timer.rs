//! The timers of one worker: one slot for each connection, set many times for each request, and fired almost never.
//!
//! Setting a timer later than it already wakes is two stores. Only a timer that must wake earlier is entered again, and
//! what fires too early enters itself anew. Time is a number of ticks that the caller gives; the worker drives the
//! wheel with one sleeping task.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Length of a tick: limits are kept to within two of them.
const TICK_NANOS: u64 = 4_000_000;

/// All timers of one worker.
#[derive(Clone, Debug)]
pub struct Timers {
    wheel: Rc<RefCell<Wheel>>,
}

/// One timer. Dropping it frees its slot.
#[derive(Debug)]
pub struct Timer {
    wheel: Rc<RefCell<Wheel>>,
    slot: u32,
}

#[derive(Debug)]
struct Wheel {
    start: Instant,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Which slots to look at in which tick; the second number tells whether the slot still has the same owner.
    due: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Wakes the task that drives the wheel, when something is due earlier than it sleeps.
    driver: Option<Waker>,
    driver_sleeps_until: u64,
}

#[derive(Debug)]
struct Slot {
    owner: u32,
    /// When the timer expires; `NEVER` while it is not set.
    expires: u64,
    /// The tick under which it is entered; `NEVER` if it is not.
    entered: u64,
    waker: Option<Waker>,
}

const NEVER: u64 = u64::MAX;

impl Timers {
    /// Timers whose time begins at `start`.
    pub fn new(start: Instant) -> Self {
        let wheel = Wheel {
            start,
            slots: Vec::new(),
            free: Vec::new(),
            due: BTreeMap::new(),
            driver: None,
            driver_sleeps_until: NEVER,
        };
        Self { wheel: Rc::new(RefCell::new(wheel)) }
    }

    /// A timer that is not set.
    pub fn timer(&self) -> Timer {
        let mut wheel = self.wheel.borrow_mut();
        let slot = wheel.free.pop().unwrap_or_else(|| {
            wheel.slots.push(Slot { owner: 0, expires: NEVER, entered: NEVER, waker: None });
            u32::try_from(wheel.slots.len() - 1).expect("there are fewer connections than 2^32")
        });
        Timer { wheel: Rc::clone(&self.wheel), slot }
    }

    /// How many timers there are.
    pub fn len(&self) -> usize {
        let wheel = self.wheel.borrow();
        wheel.slots.len() - wheel.free.len()
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Wakes what has expired at `now`, and answers when to come again; none while nothing is set.
    pub fn fire(&self, now: Instant) -> Option<Instant> {
        let mut wakers = Vec::new();
        let next = self.wheel.borrow_mut().fire(now, &mut wakers);
        for waker in wakers {
            waker.wake();
        }
        next
    }

    /// Wakes whoever waits on any timer, to look around: for when the worker drains.
    pub fn wake_all(&self) {
        let wakers: Vec<Waker> =
            self.wheel.borrow_mut().slots.iter_mut().filter_map(|slot| slot.waker.take()).collect();
        for waker in wakers {
            waker.wake();
        }
    }

    /// Waits, for the task that drives the wheel, until a timer was set that is due before `asleep_until`.
    pub fn poll_earlier(&self, cx: &mut Context<'_>, asleep_until: Option<Instant>) -> Poll<()> {
        let mut wheel = self.wheel.borrow_mut();
        let until = asleep_until.map_or(NEVER, |at| wheel.tick(at));
        if wheel.due.keys().next().is_some_and(|&first| first < until) {
            return Poll::Ready(());
        }
        wheel.driver = Some(cx.waker().clone());
        wheel.driver_sleeps_until = until;
        Poll::Pending
    }
}

impl Wheel {
    /// The first tick that is not before `at`.
    fn tick(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        // 64 bits hold 584 years of nanoseconds, and dividing 128 bits is slow.
        let nanos =
            since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()));
        nanos.div_ceil(TICK_NANOS)
    }

    fn instant(&self, tick: u64) -> Instant {
        self.start + Duration::from_nanos(tick.saturating_mul(TICK_NANOS))
    }

    fn enter(&mut self, slot: u32, tick: u64) {
        let state = &mut self.slots[slot as usize];
        state.entered = tick;
        self.due.entry(tick).or_default().push((slot, state.owner));
        if tick < self.driver_sleeps_until {
            self.driver_sleeps_until = tick;
            if let Some(driver) = self.driver.take() {
                driver.wake();
            }
        }
    }

    fn fire(&mut self, now: Instant, wakers: &mut Vec<Waker>) -> Option<Instant> {
        let passed = self.tick(now + Duration::from_nanos(1)) - 1;
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= passed) {
            for (slot, owner) in entry.remove() {
                let state = &mut self.slots[slot as usize];
                if state.owner != owner || state.entered > passed {
                    continue;
                }
                state.entered = NEVER;
                match state.expires {
                    NEVER => {}
                    expires if expires <= passed => wakers.extend(state.waker.take()),
                    expires => self.enter(slot, expires),
                }
            }
        }
        self.due.keys().next().map(|&tick| self.instant(tick))
    }
}

impl Timer {
    /// Sets the timer to expire at `at`, whatever it was set to before.
    #[inline]
    pub fn set(&self, at: Instant) {
        let mut wheel = self.wheel.borrow_mut();
        let tick = wheel.tick(at);
        let slot = &mut wheel.slots[self.slot as usize];
        slot.expires = tick;
        if tick < slot.entered {
            wheel.enter(self.slot, tick);
        }
    }

    /// Unsets the timer.
    #[inline]
    pub fn clear(&self) {
        self.wheel.borrow_mut().slots[self.slot as usize].expires = NEVER;
    }

    /// Ready once the timer has expired at `now`; else the task is woken when it does.
    pub fn poll_expired(&self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let mut wheel = self.wheel.borrow_mut();
        let passed = wheel.tick(now + Duration::from_nanos(1)) - 1;
        let slot = &mut wheel.slots[self.slot as usize];
        if slot.expires <= passed {
            return Poll::Ready(());
        }
        self.remember(slot, cx);
        Poll::Pending
    }

    /// Ready once the wheel has found the timer expired; asks no clock, for use on every turn of a busy connection.
    #[inline]
    pub fn poll_fired(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wheel = self.wheel.borrow_mut();
        let slot = &mut wheel.slots[self.slot as usize];
        // A timer that is set is always entered; one that fired is not.
        if slot.expires != NEVER && slot.entered == NEVER {
            return Poll::Ready(());
        }
        self.remember(slot, cx);
        Poll::Pending
    }

    #[inline]
    #[expect(clippy::unused_self, reason = "reads as what the timer does")]
    fn remember(&self, slot: &mut Slot, cx: &mut Context<'_>) {
        match &slot.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => slot.waker = Some(cx.waker().clone()),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut wheel = self.wheel.borrow_mut();
        let slot = &mut wheel.slots[self.slot as usize];
        *slot = Slot { owner: slot.owner.wrapping_add(1), expires: NEVER, entered: NEVER, waker: None };
        wheel.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn start() -> Instant {
        // Any instant will do: tests move time by hand.
        tokio::time::Instant::now().into_std()
    }

    fn counting() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn fires_once_at_its_time_and_not_before() {
        let start = start();
        let timers = Timers::new(start);
        let timer = timers.timer();
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        timer.set(start + Duration::from_millis(100));
        assert!(timer.poll_fired(&mut cx).is_pending());
        let next = timers.fire(start + Duration::from_millis(99)).unwrap();
        assert!(next >= start + Duration::from_millis(100));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert_eq!(timers.fire(next), None);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(timer.poll_fired(&mut cx).is_ready());
    }

    #[test]
    fn later_settings_move_it_without_a_new_entry() {
        let start = start();
        let timers = Timers::new(start);
        let timer = timers.timer();
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        for millis in 100..1100 {
            timer.set(start + Duration::from_millis(millis));
        }
        assert!(timer.poll_fired(&mut cx).is_pending());
        assert_eq!(timers.wheel.borrow().due.len(), 1);
        let next = timers.fire(start + Duration::from_millis(200)).unwrap();
        assert!(next >= start + Duration::from_millis(1099));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        timers.fire(next);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_earlier_setting_is_kept_and_wakes_the_driver() {
        let start = start();
        let timers = Timers::new(start);
        let timer = timers.timer();
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        timer.set(start + Duration::from_mins(1));
        let next = timers.fire(start);
        assert!(timers.poll_earlier(&mut cx, next).is_pending());
        timer.set(start + Duration::from_secs(1));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(timers.poll_earlier(&mut cx, next).is_ready());
        assert!(timers.fire(start).unwrap() <= start + Duration::from_millis(1004));
    }

    #[test]
    fn a_cleared_timer_and_a_dropped_one_never_fire() {
        let start = start();
        let timers = Timers::new(start);
        let (cleared, dropped) = (timers.timer(), timers.timer());
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        for timer in [&cleared, &dropped] {
            timer.set(start + Duration::from_millis(10));
            assert!(timer.poll_fired(&mut cx).is_pending());
        }
        cleared.clear();
        drop(dropped);
        let reused = timers.timer();
        assert!(reused.poll_fired(&mut cx).is_pending());
        assert_eq!(timers.fire(start + Duration::from_secs(1)), None);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(reused.poll_fired(&mut cx).is_pending());
        assert_eq!(timers.len(), 2);
    }
}
