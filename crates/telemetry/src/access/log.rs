//! A worker's end of the access log: records are encoded into a buffer of its own, which travels when it is full.
//! No system call is made here and nothing is waited for; the writing is `LogWriter`'s.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::format::AccessFormat;
use super::record::AccessRecord;
use crate::timestamp::TimeText;
use crate::writer::{Batch, LogQueue};

/// At this size a buffer is handed over: each time wakes the thread that writes.
const FULL: usize = 64 * 1024;

/// What a new buffer holds: a full one and the record that made it full.
const CAPACITY: usize = FULL + 4 * 1024;

/// A buffer that one huge record made larger than this is not used again.
const LARGEST_KEPT: usize = 128 * 1024;

/// Buffers on their way at once that come back for use.
const RECYCLED: usize = 4;

/// Takes one worker's access records. Never waits: when the writer is behind, lines are dropped and counted.
#[derive(Debug)]
pub struct AccessLog {
    queue: LogQueue,
    /// Without room while nothing is logged.
    buffer: Vec<u8>,
    lines: u64,
    time: TimeText,
    home: SyncSender<Vec<u8>>,
    recycled: Receiver<Vec<u8>>,
}

impl AccessLog {
    /// The end of one worker.
    pub fn new(queue: LogQueue) -> Self {
        let (home, recycled) = sync_channel(RECYCLED);
        Self { queue, buffer: Vec::new(), lines: 0, time: TimeText::default(), home, recycled }
    }

    /// Adds one line, and hands the buffer over if it is full.
    pub fn write(&mut self, format: &AccessFormat, record: &AccessRecord<'_>) {
        if self.buffer.capacity() == 0 {
            self.buffer = self.recycled.try_recv().unwrap_or_else(|_| Vec::with_capacity(CAPACITY));
        }
        format.encode(record, &mut self.time, &mut self.buffer);
        self.lines += 1;
        if self.buffer.len() >= FULL {
            self.flush();
        }
    }

    /// Hands over what is there; the worker's loop calls it at least once a second.
    pub fn flush(&mut self) {
        if self.lines == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let home = (bytes.capacity() <= LARGEST_KEPT).then(|| self.home.clone());
        let lines = std::mem::take(&mut self.lines);
        if let Some(refused) = self.queue.offer(Batch { bytes, lines, home }) {
            self.buffer = refused;
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}
