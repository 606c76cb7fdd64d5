//! The gateway's own log: what it says of itself, by level, to standard error.
//!
//! Code says it with the macros of `tracing` (events; spans are not recorded); `Log` turns an event into one line and
//! hands it to a `LogWriter`, so that a terminal or pipe that nobody reads stops no worker.

mod level;
mod line;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use self::level::SharedLevel;
pub use self::line::LogFormat;
use crate::counter::SharedCounter;
use crate::writer::{Batch, Destination, LogQueue, LogWriter, Unwritten};

/// Lines the queue holds: a burst at start or reload, not a habit.
const LINES: usize = 4096;

/// What the log must know from the start.
#[derive(Debug)]
pub struct LogOptions {
    /// The least important level that is told.
    pub level: LevelFilter,
    /// What a line looks like.
    pub format: LogFormat,
    /// The time now, in microseconds since 1970.
    pub now: fn() -> u64,
    /// Counts lines that were not written.
    pub dropped: Arc<SharedCounter>,
}

impl LogFormat {
    /// Text where a person reads along, `key=value` where a file or a collector does.
    pub fn for_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::KeyValue }
    }
}

/// The log of the process.
#[derive(Debug)]
#[must_use = "without `close` the last lines may be lost"]
pub struct Log {
    level: Arc<SharedLevel>,
    writer: LogWriter,
}

impl Log {
    /// Starts the log to standard error and makes it the one that all events of the process go to.
    ///
    /// # Errors
    ///
    /// If the process has one already, or its thread cannot be started.
    pub fn install(options: &LogOptions) -> io::Result<Self> {
        let writer = LogWriter::start(Destination::Stderr, LINES, Arc::clone(&options.dropped))?;
        let (log, events) = Self::on(writer, options);
        tracing::subscriber::set_global_default(events).map_err(io::Error::other)?;
        Ok(log)
    }

    fn on(writer: LogWriter, options: &LogOptions) -> (Self, Events) {
        let level = Arc::new(SharedLevel::new(options.level));
        let (format, now, queue) = (options.format, options.now, writer.queue());
        (Self { level: Arc::clone(&level), writer }, Events { level, format, now, queue })
    }

    /// Changes which levels are told, from the next event on.
    pub fn change_level(&self, level: LevelFilter) {
        self.level.store(level);
        tracing_core::callsite::rebuild_interest_cache();
    }

    /// Writes what was said so far, if that takes no longer than `limit`. What is said afterwards is dropped.
    pub fn close(self, limit: Duration) -> Result<(), Unwritten> {
        self.writer.close(limit)
    }
}

/// Takes events from `tracing`.
struct Events {
    level: Arc<SharedLevel>,
    format: LogFormat,
    now: fn() -> u64,
    queue: LogQueue,
}

impl Subscriber for Events {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    /// Libraries are told of from `warn` on; all that they say only at `trace`.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = self.level.load();
        let own = metadata.target().starts_with("maitred");
        let least = if own || level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
        metadata.is_event() && *metadata.level() <= least
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.load())
    }

    fn event(&self, event: &Event<'_>) {
        let bytes = line::encode(self.format, (self.now)(), event);
        // A line that finds no room is counted by the queue.
        let _ = self.queue.offer(Batch { bytes, lines: 1, home: None });
    }

    /// Spans are not recorded, so one number serves all.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests;
