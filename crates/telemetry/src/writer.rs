//! The thread that writes a log, so that no worker ever waits for a disk, a pipe or a terminal.
//!
//! Workers hand over whole lines through a bounded queue (`LogQueue`); what does not fit is dropped and counted by
//! line. Access logs and the gateway's own log each have a writer of their own.

mod output;
mod queue;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

pub use self::output::Destination;
use self::output::Output;
pub(crate) use self::queue::Batch;
pub use self::queue::LogQueue;
use self::queue::{Message, Switches};
use crate::counter::SharedCounter;

/// A log and the thread that writes it.
#[derive(Debug)]
#[must_use = "without `close` the last lines may be lost"]
pub struct LogWriter {
    queue: LogQueue,
    /// Says nothing, but ends when the thread does.
    ended: Receiver<()>,
}

/// Lines that were accepted and not written before the time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritten(pub u64);

impl LogWriter {
    /// How many batches an access log's queue holds: with full ones of 64 KiB, 16 MiB.
    pub const ACCESS_BATCHES: usize = 256;

    /// Opens the destination and starts the thread. `batches`: how many the queue holds. `dropped` counts the lines
    /// that were not written, for whatever reason.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or the thread cannot be started.
    pub fn start(to: Destination, batches: usize, dropped: Arc<SharedCounter>) -> io::Result<Self> {
        Self::start_output(Output::open(to)?, batches, dropped)
    }

    /// The same for anything that takes bytes.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start_with(
        to: Box<dyn Write + Send>,
        batches: usize,
        dropped: Arc<SharedCounter>,
    ) -> io::Result<Self> {
        Self::start_output(Output::stream(to), batches, dropped)
    }

    fn start_output(output: Output, batches: usize, dropped: Arc<SharedCounter>) -> io::Result<Self> {
        let (queue, from) = LogQueue::new(batches, dropped);
        let (alive, ended) = mpsc::channel();
        let thread = Thread { output, from, switches: Arc::clone(&queue.switches), _alive: alive };
        thread::Builder::new().name("log-writer".to_owned()).spawn(move || thread.run())?;
        Ok(Self { queue, ended })
    }

    /// A way to hand lines to this log; any number may exist.
    pub fn queue(&self) -> LogQueue {
        self.queue.clone()
    }

    /// Opens the file again by its name, after it was moved away. Nothing happens to other destinations; if the file
    /// cannot be opened, the old one is written on and a warning is logged.
    pub fn reopen(&self) {
        self.queue.switches.ask_to_reopen();
        self.queue.wake();
    }

    /// Writes what was handed over so far and ends, if that takes no longer than `limit`. After that the thread is
    /// left behind (it may hang in a write that nobody reads) and lines handed over are dropped.
    pub fn close(self, limit: Duration) -> Result<(), Unwritten> {
        self.queue.switches.ask_to_close();
        self.queue.wake();
        match self.ended.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
        }
        match self.queue.switches.waiting_lines() {
            0 => Ok(()),
            lines => Err(Unwritten(lines)),
        }
    }
}

/// What the thread owns.
struct Thread {
    output: Output,
    from: Receiver<Message>,
    switches: Arc<Switches>,
    _alive: mpsc::Sender<()>,
}

impl Thread {
    /// Ends when told to close, or when nobody is left who could hand over anything.
    fn run(mut self) {
        while let Ok(message) = self.from.recv() {
            self.take(message);
            if self.switches.shall_reopen() {
                self.output.reopen();
            }
            if self.switches.shall_close() {
                while let Ok(message) = self.from.try_recv() {
                    self.take(message);
                }
                return;
            }
        }
    }

    fn take(&mut self, message: Message) {
        if let Message::Lines(batch) = message {
            let unwritten = self.output.write(&batch.bytes, batch.lines);
            self.switches.done(batch.lines, unwritten);
            batch.go_home();
        }
    }
}

#[cfg(test)]
mod tests;
