//! What one connection knows of itself, shared by its task and those of its streams: how much it holds, whether it gets
//! anywhere, and how much of the peer's nonsense it has put up with.
//!
//! No clock: budgets are for an interval, and whoever has a clock says when one begins.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use crate::limits::Http2Limits;

/// What a request earns in control frames: its own HEADERS, a reset, priorities and window updates.
const EARNED_BY_REQUEST: u32 = 8;
/// Bytes sent that earn one control frame: most are answered with window updates.
const BYTES_PER_FRAME: u64 = 2 << 10;

#[derive(Debug)]
pub(crate) struct Vitals {
    limits: Http2Limits,
    /// Requests that somebody works on.
    in_hand: Cell<usize>,
    progress: Cell<u64>,
    /// How many more requests may be cancelled.
    cancels: Cell<u32>,
    /// How many more control frames may come.
    control_frames: Cell<u32>,
    /// Bytes sent that have earned nothing yet.
    unearned: Cell<u64>,
    is_abused: Cell<bool>,
    is_closing: Cell<bool>,
    /// Bytes of memory that wait to be written.
    unsent: Cell<usize>,
    /// Who waits for that to become less, and how often they were all woken.
    waiting: RefCell<Vec<Waker>>,
    round: Cell<u64>,
    /// The task of the connection.
    driver: RefCell<Option<Waker>>,
}

/// A place among those that wait for room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    round: u64,
    at: usize,
}

impl Vitals {
    pub(crate) fn new(limits: &Http2Limits) -> Self {
        // One stream and one byte at least: with none, nothing would ever move.
        let limits = Http2Limits {
            streams: limits.streams.max(1),
            connection_unsent: limits.connection_unsent.max(1),
            ..limits.clone()
        };
        Self {
            in_hand: Cell::default(),
            progress: Cell::default(),
            cancels: Cell::new(limits.cancels),
            control_frames: Cell::new(limits.control_frames),
            unearned: Cell::default(),
            is_abused: Cell::default(),
            is_closing: Cell::default(),
            unsent: Cell::default(),
            waiting: RefCell::default(),
            round: Cell::default(),
            driver: RefCell::default(),
            limits,
        }
    }

    /// A new interval begins: all budgets are full again.
    pub(crate) fn renew(&self) {
        self.cancels.set(self.limits.cancels);
        self.control_frames.set(self.limits.control_frames);
    }

    /// Something happened that matters.
    pub(crate) fn advance(&self) {
        self.progress.set(self.progress.get().wrapping_add(1));
    }

    pub(crate) fn progress(&self) -> u64 {
        self.progress.get()
    }

    /// Whether the peer has used up one of its budgets.
    pub(crate) fn is_abused(&self) -> bool {
        self.is_abused.get()
    }

    /// Everything was said; the connection is being closed.
    pub(crate) fn close(&self) {
        self.is_closing.set(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand.get()
    }

    /// Whether another request may be taken in hand.
    pub(crate) fn has_hands(&self) -> bool {
        self.in_hand.get() < self.limits.streams as usize
    }

    /// A request was taken in hand, or sent.
    pub(crate) fn begin(&self) {
        self.in_hand.set(self.in_hand.get() + 1);
        self.earn(EARNED_BY_REQUEST);
        self.advance();
    }

    /// A request is no longer in hand.
    pub(crate) fn end(&self) {
        let had_hands = self.has_hands();
        self.in_hand.set(self.in_hand.get() - 1);
        self.advance();
        // It has nothing to do otherwise that would not wake it anyway.
        if !had_hands || self.is_abused() {
            self.wake_driver();
        }
    }

    /// A client got its whole answer.
    pub(crate) fn answered(&self) {
        self.cancels.set(self.cancels.get().saturating_add(1).min(self.limits.cancels));
    }

    /// A client gave its request up.
    pub(crate) fn cancelled(&self) {
        match self.cancels.get().checked_sub(1) {
            Some(left) => self.cancels.set(left),
            None => self.is_abused.set(true),
        }
    }

    /// So many frames came that bring nothing by themselves.
    pub(crate) fn control_frames(&self, came: usize) {
        let left = u32::try_from(came).ok().and_then(|came| self.control_frames.get().checked_sub(came));
        match left {
            Some(left) => self.control_frames.set(left),
            None => self.is_abused.set(true),
        }
    }

    fn earn(&self, frames: u32) {
        let earned = self.control_frames.get().saturating_add(frames);
        self.control_frames.set(earned.min(self.limits.control_frames));
    }

    /// `cost` bytes of memory wait to be written from now on.
    pub(crate) fn hold(&self, cost: usize) {
        self.unsent.set(self.unsent.get() + cost);
    }

    /// `cost` bytes of memory no longer wait, `sent` bytes of a body having been written out of them.
    pub(crate) fn let_go(&self, cost: usize, sent: usize) {
        let before = self.unsent.get();
        let after = before - cost;
        self.unsent.set(after);
        if sent > 0 {
            self.advance();
            let bytes = self.unearned.get() + sent as u64;
            self.unearned.set(bytes % BYTES_PER_FRAME);
            self.earn(u32::try_from(bytes / BYTES_PER_FRAME).unwrap_or(u32::MAX));
        }
        // Not at the limit itself: then everybody would be woken for every frame.
        let enough = self.limits.connection_unsent / 2;
        if before > enough && after <= enough {
            self.round.set(self.round.get() + 1);
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    #[cfg(test)]
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.get()
    }

    /// Waits until the connection may hold more. `place` is the caller's, to be passed again with the next call.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>, place: &mut Option<Place>) -> Poll<()> {
        if self.unsent.get() < self.limits.connection_unsent {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        match *place {
            // It waits already: the same place for the same stream, however often it asks.
            Some(Place { round, at }) if round == self.round.get() => waiting[at].clone_from(cx.waker()),
            _ => {
                *place = Some(Place { round: self.round.get(), at: waiting.len() });
                waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }

    /// Remembers the connection's task.
    pub(crate) fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.borrow_mut();
        match &mut *driver {
            Some(known) => known.clone_from(waker),
            None => *driver = Some(waker.clone()),
        }
    }

    fn wake_driver(&self) {
        let driver = self.driver.borrow().clone();
        driver.into_iter().for_each(Waker::wake);
    }
}
