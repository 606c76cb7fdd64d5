//! The end of the handshake, which requests in early data wait for where they are not safe to repeat (RFC 8470 section 3).
//! The task of the connection moves it on; the tasks of streams wait.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use quinn::ZeroRttAccepted;

use crate::error::Broken;

/// Whether the handshake of a connection is done, and who waits for it.
pub(super) struct Handshake {
    connection: quinn::Connection,
    under_way: RefCell<Option<ZeroRttAccepted>>,
    is_done: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Handshake {
    /// A handshake that is under way, or done where there is nothing to wait for.
    pub(super) fn new(connection: quinn::Connection, under_way: Option<ZeroRttAccepted>) -> Self {
        let is_done = Cell::new(under_way.is_none());
        Self { connection, under_way: RefCell::new(under_way), is_done, waiting: RefCell::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done.get()
    }

    /// Moves it on. To be called by the task of the connection.
    pub(super) fn drive(&self, cx: &mut Context<'_>) {
        let mut under_way = self.under_way.borrow_mut();
        let Some(handshake) = &mut *under_way else { return };
        if Pin::new(handshake).poll(cx).is_ready() {
            *under_way = None;
            // It is over, too, when the connection is lost: then nobody has proved anything.
            self.is_done.set(self.connection.close_reason().is_none());
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until it is done, or will never be.
    pub(super) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.is_done.get() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = self.connection.close_reason() {
            return Poll::Ready(Err(Broken::Io(error.into())));
        }
        self.waiting.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }
}
