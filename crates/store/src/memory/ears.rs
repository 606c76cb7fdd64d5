//! Who hears what is told in this process: at once, on the thread that tells it.
//! Nobody else shares the store, so nothing is ever missed.

#![expect(clippy::disallowed_types, reason = "held while a list is read, and never while an ear hears")]

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::store::Ear;

/// The ears of all channels.
#[derive(Default)]
pub(super) struct Ears(Mutex<Vec<(&'static str, Weak<dyn Ear>)>>);

impl Ears {
    /// Tells it to all that listen on the channel.
    pub(super) fn tell(&self, channel: &str, message: &[u8]) {
        let listening: Vec<Arc<dyn Ear>> = {
            let ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ears.iter().filter(|(name, _)| *name == channel).filter_map(|(_, ear)| ear.upgrade()).collect()
        };
        for ear in listening {
            ear.hear(message);
        }
    }

    /// Listens on a channel from now on. Those that nobody has any more are forgotten.
    pub(super) fn add(&self, channel: &'static str, ear: Weak<dyn Ear>) {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ears.retain(|(_, ear)| ear.strong_count() > 0);
        ears.push((channel, ear));
    }
}
