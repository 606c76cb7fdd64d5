//! What hooks may ask of the worker that runs them: the time, to be woken later, and chance. All of it is passed in, so that
//! tests move the clock and seed the dice.

use std::fmt;
use std::pin::Pin;
use std::time::Instant;

/// A wait for an instant. Dropping it costs nothing more.
pub type Sleep = Pin<Box<dyn Future<Output = ()>>>;

/// The worker, as far as policies know it.
pub trait Runtime: fmt::Debug {
    /// The time.
    fn now(&self) -> Instant;

    /// Ready at this instant, or some milliseconds later.
    fn sleep_until(&self, at: Instant) -> Sleep;

    /// A random number, each as likely as any other. Not for secrets.
    fn random(&self) -> u64;
}
