//! Leave to try an upstream, which its circuit breaker gives or refuses; held by the try until it has told how it ended.
//! Where there is no breaker it costs nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::LocalCluster;
use crate::breaker::{Breaker, CircuitOpen, Pass};
use crate::result::TryResult;

/// Leave for one try. Dropped without having [told](Self::tell) anything, it gives a trial back to the next who comes.
#[derive(Debug, Default)]
pub struct Permit(Option<Counted>);

/// That a breaker counts the try.
#[derive(Debug)]
struct Counted {
    cluster: Rc<LocalCluster>,
    pass: Pass,
}

impl LocalCluster {
    /// Asks for leave to try this upstream at `now`.
    #[inline]
    pub fn permit(self: &Rc<Self>, now: Instant) -> Result<Permit, CircuitOpen> {
        let Some(breaker) = self.cluster().breaker() else { return Ok(Permit::default()) };
        let pass = breaker.admit(now)?;
        Ok(Permit(pass.map(|pass| Counted { cluster: Rc::clone(self), pass })))
    }
}

impl Permit {
    /// Tells the breaker how the try ended that `took` so long until the head of its answer. What is told first counts.
    #[inline]
    pub(super) fn tell(&mut self, result: TryResult, took: impl FnOnce() -> Duration, now: Instant) {
        if let Some(Counted { cluster, pass }) = self.0.take()
            && let Some(breaker) = cluster.cluster().breaker()
        {
            breaker.settle(pass, result, took(), now);
        }
    }

    /// Whether others wait for what this try tells.
    pub(super) fn is_trial(&self) -> bool {
        self.0.as_ref().is_some_and(|counted| counted.pass.is_trial)
    }

    /// Whether it matters how long the try takes.
    pub(super) fn is_timed(&self) -> bool {
        let breaker = self.0.as_ref().and_then(|counted| counted.cluster.cluster().breaker());
        breaker.is_some_and(Breaker::is_timed)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(Counted { cluster, pass }) = self.0.take()
            && let Some(breaker) = cluster.cluster().breaker()
        {
            breaker.give_back(pass);
        }
    }
}
