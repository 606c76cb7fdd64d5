//! The request's body on its way to the service: as the client sends it, as policies change it, and once more what was sent of it
//! already, where another try needs that.

use std::task::{Context, Poll};
use std::time::Duration;

use maitred_http::{BodyLength, Fields};
use maitred_policy::{Fault, RequestBody};
use maitred_upstream::Lease;
use maitred_wire::{BodySink, BodySource, Broken, Piece};

use super::kept::{Keeping, Kept};
use super::mirror::Copying;
use super::pump::{Pump, PumpError, PumpState, RateGuard};
use super::tee::Tee;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::exchange::filtered::{Filtered, Filtering};

/// The request's body on its way to the service.
pub(crate) struct Upload {
    pub(crate) pump: Pump,
    pub(crate) guard: RateGuard,
    /// What goes in place of what the client sends.
    changed: Option<Box<Filtering>>,
    /// Whether that was there as a whole before it was sent.
    is_whole: bool,
    /// What was sent of it, where it may have to be sent again.
    kept: Option<Box<Kept>>,
    /// What becomes of a copy of it, where there is a mirror.
    pub(crate) copying: Option<Box<Copying>>,
    /// Whether any of the request was handed to a service that may have read it.
    pub(crate) is_sent: bool,
}

impl Upload {
    /// The body of a request, of which up to `keep` bytes are kept to be sent again.
    #[inline]
    pub(super) fn new(exchange: &Exchange<'_>, body: &mut RequestBody, keep: usize) -> Self {
        let limits = &exchange.snapshot.shared.limits;
        let filters = std::mem::take(&mut body.filters);
        let is_whole = body.whole.is_some();
        // What was read whole was within the limit, and may have become something else since.
        let limit = exchange.facts.body_limit.filter(|_| !is_whole);
        let announced = exchange.announced.length;
        let is_too_large =
            filters.is_empty() && matches!(announced, BodyLength::Known(length) if length > keep as u64);
        let is_kept = keep > 0 && !(is_whole || announced.is_empty() || is_too_large);
        let changed = match body.whole.take() {
            Some(whole) => Some(Filtering::of_whole(*whole, filters)),
            None if filters.is_empty() => None,
            None => Some(Filtering::new(filters)),
        };
        Self {
            pump: Pump { limit, ..Pump::default() },
            guard: RateGuard::new(limits.body_rate, limits.body_grace),
            changed: changed.map(Box::new),
            is_whole,
            kept: is_kept.then(|| Box::new(Kept::new(keep))),
            copying: None,
            is_sent: false,
        }
    }

    /// What there is of it; nothing more comes of what is left behind.
    pub(crate) fn take(&mut self) -> Self {
        let gone = Self {
            pump: Pump { state: PumpState::Abandoned, ..Pump::default() },
            guard: RateGuard::new(0, Duration::ZERO),
            changed: None,
            is_whole: false,
            kept: None,
            copying: None,
            is_sent: true,
        };
        std::mem::replace(self, gone)
    }

    /// The same body for a try beside this one: nothing of it comes from the client. None where some does, and for a whole one of more
    /// than `most` bytes.
    pub(super) fn beside(&self, announced: BodyLength, most: usize) -> Option<Self> {
        let changed = match &self.changed {
            None if announced.is_empty() => None,
            Some(filtering) if self.is_whole && filtering.length()? <= most as u64 => {
                Some(filtering.again()?)
            }
            _ => return None,
        };
        Some(Self {
            pump: Pump::default(),
            guard: self.guard.anew(),
            changed: changed.map(Box::new),
            is_whole: self.is_whole,
            kept: None,
            copying: None,
            is_sent: false,
        })
    }

    /// Its length, where the client announced this one.
    pub(crate) fn length(&self, announced: BodyLength) -> BodyLength {
        match &self.changed {
            None => announced,
            Some(filtering) if filtering.keeps_length() => announced,
            Some(filtering) => filtering.length().map_or(BodyLength::Unknown, BodyLength::Known),
        }
    }

    /// All of it, and its trailers, where that was there before it was sent.
    pub(crate) fn whole(&self) -> Option<(&[u8], Option<&Fields>)> {
        self.changed.as_ref().filter(|_| self.is_whole)?.whole()
    }

    /// How many bytes of it came from the client since it began; those that were read whole before came earlier.
    pub(crate) fn received(&self) -> u64 {
        match (&self.changed, &self.kept) {
            (Some(filtering), _) => filtering.taken,
            (None, Some(kept)) => kept.taken,
            (None, None) => self.pump.moved,
        }
    }

    /// Whether it can be sent from its beginning: nothing of it was, or what was is still there.
    pub(super) fn is_there(&self) -> bool {
        self.pump.moved == 0 || self.is_whole || self.kept.as_ref().is_some_and(|kept| kept.is_whole())
    }

    /// Begins anew, for another try, if it [is there](Self::is_there).
    pub(crate) fn rewind(&mut self) -> bool {
        if !self.is_there() {
            return false;
        }
        self.pump.state = PumpState::default();
        self.pump.moved = 0;
        if let Some(kept) = &mut self.kept {
            kept.rewind();
        } else if let Some(filtering) = self.changed.as_mut().filter(|_| self.is_whole) {
            filtering.rewind();
        }
        if let Some(copying) = &mut self.copying {
            copying.copy.rewind();
        }
        true
    }

    /// There will be no other try: nothing more is kept.
    pub(super) fn settle(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.forget();
        }
    }

    /// Moves what can be moved now.
    pub(crate) fn poll_on(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        let (source, sink) = (connection.client.body(), lease.client().body());
        let (pump, copying) = (&mut self.pump, &mut self.copying);
        match (&mut self.changed, &mut self.kept) {
            (None, None) => pass(cx, pump, copying, source, sink),
            (Some(filtering), None) => pass(cx, pump, copying, Filtered { filtering, source }, sink),
            (None, Some(kept)) => pass(cx, pump, copying, Keeping { kept, source }, sink),
            (Some(filtering), Some(kept)) => {
                let source = Filtered { filtering, source };
                pass(cx, pump, copying, Keeping { kept, source }, sink)
            }
        }
    }

    /// The same where nothing comes from the client.
    pub(super) fn poll_alone(
        &mut self,
        cx: &mut Context<'_>,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        let mut sink = lease.client().body();
        match &mut self.changed {
            None => self.pump.poll(cx, &mut Nothing, &mut sink),
            Some(filtering) => self.pump.poll(cx, &mut Filtered { filtering, source: Nothing }, &mut sink),
        }
    }

    /// The same while the answer is read: once that is there, it no longer matters what becomes of the request.
    pub(crate) fn poll_beside_answer(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
        lease: &mut Lease,
    ) {
        if !self.pump.is_over() && matches!(self.poll_on(cx, connection, lease), Poll::Ready(Err(_))) {
            self.pump.state = PumpState::Abandoned;
        }
    }

    /// What a filter could not take.
    pub(super) fn take_fault(&mut self) -> Option<Fault> {
        self.changed.as_mut()?.fault.take()
    }
}

/// Moves what can be moved now, and has it copied where there is a mirror.
#[inline]
fn pass(
    cx: &mut Context<'_>,
    pump: &mut Pump,
    copying: &mut Option<Box<Copying>>,
    mut source: impl BodySource,
    mut sink: impl BodySink,
) -> Poll<Result<(), PumpError>> {
    let Some(under_way) = copying else { return pump.poll(cx, &mut source, &mut sink) };
    let copy = &mut under_way.copy;
    let moved = pump.poll(cx, &mut Tee { copy, source }, &mut sink);
    if !copy.is_passing()
        && let Some(copying) = copying.take()
    {
        copying.end();
    }
    moved
}

/// A body without bytes.
struct Nothing;

impl BodySource for Nothing {
    fn poll_piece(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Piece, Broken>> {
        Poll::Ready(Ok(Piece::End))
    }

    fn bytes(&self) -> &[u8] {
        &[]
    }

    fn consume(&mut self, _n: usize) {}

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}
