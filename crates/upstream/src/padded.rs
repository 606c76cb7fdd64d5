//! A count that all workers change: on a line of its own, so that what lies beside it is not fetched anew each time.
//! 128 bytes, since neighbouring lines are fetched in pairs.

use std::sync::atomic::AtomicUsize;

/// The count.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded(pub(crate) AtomicUsize);
