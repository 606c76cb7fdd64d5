//! What a store says: at once where it is memory, later where it is a server; or that it is away.
//! Nobody waits longer than the time-out of the store.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// What was asked for, or that the store is away.
pub type Said<T> = Result<T, Away>;

/// An answer that is there, or one that must be waited for, never longer than the store's time-out.
pub enum Answer<'a, T> {
    /// Here it is.
    Ready(Said<T>),
    /// It comes later, on the same thread.
    Later(Pin<Box<dyn Future<Output = Said<T>> + 'a>>),
}

impl<T> Answer<'_, T> {
    /// The answer of a store that is at hand.
    pub fn ready(value: T) -> Self {
        Self::Ready(Ok(value))
    }

    /// Waits for it, if it must be waited for.
    pub async fn wait(self) -> Said<T> {
        match self {
            Self::Ready(said) => said,
            Self::Later(later) => later.await,
        }
    }
}

/// Waits for all of them at the same time. Where one is away, it says so, and the others do not matter.
pub async fn all<T>(mut answers: Vec<Answer<'_, T>>) -> Said<Vec<T>> {
    std::future::poll_fn(|cx| {
        let mut is_waiting = false;
        for answer in &mut answers {
            if let Answer::Later(later) = answer {
                match later.as_mut().poll(cx) {
                    Poll::Ready(said) => *answer = Answer::Ready(said),
                    Poll::Pending => is_waiting = true,
                }
            }
            if let Answer::Ready(Err(away)) = answer {
                return Poll::Ready(Err(*away));
            }
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    let said = |answer| match answer {
        Answer::Ready(said) => said,
        Answer::Later(_) => unreachable!("all have been waited for"),
    };
    answers.into_iter().map(said).collect()
}

impl<T: fmt::Debug> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(said) => said.fmt(f),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Why a store says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It did not answer in time. What was asked may have been done.
    Late,
    /// There is no connection, or it broke.
    Unreachable,
    /// It was away a moment ago, and is not asked until it is back.
    Open,
    /// It refused, or answered something that cannot be.
    Refused,
}

impl Away {
    /// In one word, for metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Late => "timeout",
            Self::Unreachable => "unreachable",
            Self::Open => "open",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "the store did not answer in time",
            Self::Unreachable => "the store cannot be reached",
            Self::Open => "the store was away a moment ago",
            Self::Refused => "the store refused",
        })
    }
}

impl std::error::Error for Away {}
