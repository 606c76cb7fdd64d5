//! What a store in memory tells of itself, by kind of what it keeps.
//! Each part of it is looked at under its lock, when somebody asks for the metrics.

use std::sync::atomic::Ordering;

use maitred_telemetry::{Measure, Measured};

use super::counters::SLOT;
use super::shard::ShardsShared;

/// What kinds of things are kept, as words for metrics.
const KINDS: [&str; 5] = ["counter", "log", "durable", "slot", "entry"];

/// Of each kind.
#[derive(Clone, Copy, Default)]
struct Kind {
    held: u64,
    bytes: u64,
    evicted: u64,
    refused: u64,
}

impl ShardsShared {
    fn kinds(&self) -> [Kind; 5] {
        let mut kinds = [Kind::default(); 5];
        let [counter, log, durable, slot, entry] = &mut kinds;
        for shard in self.iter() {
            let held = shard.counters.held();
            counter.add(held, held * SLOT, shard.counters.evicted(), 0);
            log.add(shard.logs.held(), shard.logs.bytes(), shard.logs.evicted(), 0);
            durable.add(
                shard.lasting.held(),
                shard.lasting.bytes(),
                shard.lasting.evicted(),
                shard.lasting.refused(),
            );
            slot.add(shard.slots.held(), shard.slots.bytes(), 0, shard.slots.refused());
        }
        for entries in self.entries() {
            entry.add(entries.held(), entries.bytes(), entries.evicted(), entries.refused());
        }
        kinds
    }
}

impl Kind {
    fn add(&mut self, held: u64, bytes: u64, evicted: u64, refused: u64) {
        self.held += held;
        self.bytes += bytes;
        self.evicted += evicted;
        self.refused += refused;
    }
}

impl Measured for ShardsShared {
    fn measures(&self) -> Vec<Measure> {
        let kinds = self.kinds();
        let family = |family, help, is_counter, number: fn(&Kind) -> u64| {
            let line = move |(kind, word): (&Kind, &'static str)| Measure {
                family,
                help,
                is_counter,
                label: Some(("kind", word)),
                value: number(kind),
            };
            kinds.iter().zip(KINDS).map(line)
        };
        let held = family("maitred_store_held", "What is kept in memory, by kind.", false, |kind| kind.held);
        let bytes = family("maitred_store_bytes", "Memory that it takes.", false, |kind| kind.bytes);
        let evicted = "What gave way to others before its time, as memory was short.";
        let evicted = family("maitred_store_evictions_total", evicted, true, |kind| kind.evicted);
        let refused = "What was refused, as memory was short.";
        let refused = family("maitred_store_refused_total", refused, true, |kind| kind.refused);
        let failed = Measure {
            family: "maitred_store_failed_saves_total",
            help: "How often durable counters could not be written to their file.",
            is_counter: true,
            label: None,
            value: self.failed_saves.load(Ordering::Relaxed),
        };
        held.chain(bytes).chain(evicted).chain(refused).chain([failed]).collect()
    }
}
