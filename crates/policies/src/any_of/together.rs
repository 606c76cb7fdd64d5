//! What the policies of an `any_of` measure, told as one.
//! It says nothing of its own.

use std::sync::Arc;

use maitred_telemetry::{Measure, Measured};

/// What several policies measure.
pub(super) struct Together(Box<[Arc<dyn Measured>]>);

impl Together {
    /// What these measure. It is the same as before where they are the same, so that nothing is told twice while an old snapshot
    /// still lives.
    pub(super) fn of(parts: Box<[Arc<dyn Measured>]>, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        if parts.is_empty() {
            return None;
        }
        let is_same = |before: &Arc<Self>| {
            before.0.len() == parts.len()
                && before.0.iter().zip(&parts).all(|(old, new)| Arc::ptr_eq(old, new))
        };
        let kept = before.filter(|before| is_same(before)).cloned();
        Some(kept.unwrap_or_else(|| Arc::new(Self(parts))))
    }
}

impl Measured for Together {
    fn measures(&self) -> Vec<Measure> {
        self.0.iter().flat_map(|part| part.measures()).collect()
    }
}
