//! The way from the workers to a log's thread: bounded, and never waited at.
//! What finds no room is dropped and counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::counter::SharedCounter;

/// Hands lines to a log's thread.
#[derive(Debug, Clone)]
pub struct LogQueue {
    to: SyncSender<Message>,
    pub(super) switches: Arc<Switches>,
}

/// What travels.
#[derive(Debug)]
pub(super) enum Message {
    Lines(Batch),
    /// Look at the switches.
    Wake,
}

/// Whole lines, each with its end.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: u64,
    /// Where the emptied buffer is wanted back.
    pub(crate) home: Option<SyncSender<Vec<u8>>>,
}

impl Batch {
    /// Gives the buffer back, empty. Nobody may want it any more; then it is freed here.
    pub(super) fn go_home(mut self) {
        if let Some(home) = self.home {
            self.bytes.clear();
            let _ = home.try_send(self.bytes);
        }
    }
}

impl LogQueue {
    pub(super) fn new(batches: usize, dropped: Arc<SharedCounter>) -> (Self, Receiver<Message>) {
        let (to, from) = sync_channel(batches);
        let switches = Switches {
            reopen: AtomicBool::new(false),
            close: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            dropped,
        };
        (Self { to, switches: Arc::new(switches) }, from)
    }

    /// Hands a batch over. If the queue is full or its thread gone, the lines are counted as dropped and the buffer
    /// comes back, empty.
    pub(crate) fn offer(&self, batch: Batch) -> Option<Vec<u8>> {
        let lines = batch.lines;
        self.switches.waiting.fetch_add(lines, Relaxed);
        match self.to.try_send(Message::Lines(batch)) {
            Ok(()) => None,
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => {
                self.switches.done(lines, lines);
                match message {
                    Message::Lines(mut batch) => {
                        batch.bytes.clear();
                        Some(batch.bytes)
                    }
                    Message::Wake => None,
                }
            }
        }
    }

    /// Has the thread look at the switches. If the queue is full, it looks after the next batch anyway.
    pub(super) fn wake(&self) {
        let _ = self.to.try_send(Message::Wake);
    }
}

/// What both sides see. A switch is set before the queue is found full and read after a batch is taken from it, both
/// in one order for all threads, so that it is never overlooked.
#[derive(Debug)]
pub(super) struct Switches {
    reopen: AtomicBool,
    close: AtomicBool,
    /// Lines handed over and not yet done with.
    waiting: AtomicU64,
    dropped: Arc<SharedCounter>,
}

impl Switches {
    pub(super) fn ask_to_reopen(&self) {
        self.reopen.store(true, SeqCst);
    }

    /// Once for each time it was asked.
    pub(super) fn shall_reopen(&self) -> bool {
        self.reopen.swap(false, SeqCst)
    }

    pub(super) fn ask_to_close(&self) {
        self.close.store(true, SeqCst);
    }

    pub(super) fn shall_close(&self) -> bool {
        self.close.load(SeqCst)
    }

    pub(super) fn waiting_lines(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// `lines` are done with, `unwritten` of them without having been written.
    pub(super) fn done(&self, lines: u64, unwritten: u64) {
        self.dropped.add(unwritten);
        self.waiting.fetch_sub(lines, Relaxed);
    }
}
