//! The level of the log, which a reload may change while workers ask for it.
//! `tracing` keeps each answer, so after a change it must be told to ask again (`Log::change_level`).

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;

/// Every level, the least talkative first.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// A level that any thread may read and change: its place in `LEVELS`.
#[derive(Debug)]
pub(super) struct SharedLevel(AtomicUsize);

impl SharedLevel {
    pub(super) fn new(level: LevelFilter) -> Self {
        Self(AtomicUsize::new(place(level)))
    }

    pub(super) fn store(&self, level: LevelFilter) {
        self.0.store(place(level), Relaxed);
    }

    pub(super) fn load(&self) -> LevelFilter {
        LEVELS[self.0.load(Relaxed)]
    }
}

fn place(level: LevelFilter) -> usize {
    LEVELS.iter().position(|known| *known == level).expect("LEVELS lists every level there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back() {
        for level in LEVELS {
            assert_eq!(SharedLevel::new(level).load(), level);
        }
    }
}
