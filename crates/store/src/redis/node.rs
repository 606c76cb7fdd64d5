//! A server: its breaker, the connections of all seats to it, and what its errors mean. Which server has a key is not known here.
//! Asking it is the one wait of a request for a store.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use tokio::time::{Instant, timeout_at};

use super::breaker::{Breaker, Era, Failure};
use super::line::Line;
use super::link::Link;
use super::settings::RedisPlace;
use super::watch::{Told, Watch};
use crate::answer::Away;
use crate::store::Seat;

/// Workers with connections of their own; where there are more, some share one.
const WORKERS: usize = 64;

/// A server.
#[derive(Debug)]
pub(super) struct NodeShared {
    /// Where it is.
    pub(super) place: RedisPlace,
    breaker: Breaker,
    told: Told,
    /// When it was first known: its times count from here.
    known: Instant,
    lines: Box<[ArcSwapOption<Line>]>,
    link: Arc<Link>,
    watch: Arc<Watch>,
}

/// What a server said that is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// None came, or none that counts.
    Away(Away),
    /// What this is about is elsewhere in the cluster.
    Elsewhere(Elsewhere),
    /// It does not know this script.
    NoScript,
}

/// Where in the cluster to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// From now on there.
    Moved(RedisPlace),
    /// There this once, and after saying so (`ASKING`).
    Ask(RedisPlace),
    /// Here, but later: keys are on their way.
    Later,
}

impl NodeShared {
    pub(super) fn new(place: RedisPlace, link: &Arc<Link>, watch: &Arc<Watch>) -> Self {
        Self {
            place,
            breaker: Breaker::default(),
            told: Told::default(),
            known: Instant::now(),
            lines: (0..=WORKERS).map(|_| ArcSwapOption::empty()).collect(),
            link: Arc::clone(link),
            watch: Arc::clone(watch),
        }
    }

    /// Whether nobody asks it now.
    pub(super) fn is_open(&self) -> bool {
        self.breaker.era().is_none()
    }

    /// Connections that there are, or that come about.
    pub(super) fn connections(&self) -> usize {
        self.lines.iter().filter(|line| line.load().as_ref().is_some_and(|line| !line.is_gone())).count()
    }

    /// Sends a command, and waits for its answer until then.
    pub(super) async fn ask(
        self: &Arc<Self>,
        seat: Seat,
        command: &Cmd,
        is_asking: bool,
        until: Instant,
    ) -> Result<Value, Refusal> {
        let Some(era) = self.breaker.era() else { return Err(Refusal::Away(Away::Open)) };
        let sent = self.micros(Instant::now());
        let line = self.line(seat, era);
        let connection = timeout_at(until, line.connection()).await.unwrap_or(Err(Away::Unreachable));
        let mut connection = connection.map_err(Refusal::Away)?;
        // Whoever replaces it may close it meanwhile.
        drop(line);
        let answer = timeout_at(until, async {
            if is_asking {
                let mut both = redis::pipe();
                both.cmd("ASKING").add_command(command.clone());
                let answers = connection.send_packed_commands(&both, 1, 1).await?;
                answers.into_iter().next().unwrap_or_default().extract_error()
            } else {
                connection.send_packed_command(command).await?.extract_error()
            }
        });
        match answer.await {
            Ok(Ok(value)) => {
                self.breaker.succeeded(era);
                Ok(value)
            }
            Ok(Err(error)) => Err(self.judge(era, sent, &error)),
            Err(_) => {
                self.failed(era, self.since(sent), &"it does not answer in time");
                Err(Refusal::Away(Away::Late))
            }
        }
    }

    /// The connection of a seat; a new one where there is none that is of use.
    fn line(self: &Arc<Self>, seat: Seat, era: Era) -> Arc<Line> {
        let slot = match seat {
            Seat::Control => &self.lines[0],
            Seat::Worker(number) => &self.lines[1 + number % WORKERS],
        };
        if let Some(line) = slot.load_full().filter(|line| line.era == era && !line.is_gone()) {
            return line;
        }
        let node = Arc::downgrade(self);
        let failed = move |error: &RedisError| {
            if let Some(node) = node.upgrade() {
                node.failed(era, Failure::Certain, error);
            }
        };
        let line = Arc::new(Line::begin(Arc::clone(&self.link), self.place.clone(), era, failed));
        slot.store(Some(Arc::clone(&line)));
        line
    }

    fn judge(&self, era: Era, sent: u64, error: &RedisError) -> Refusal {
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::ReadOnly
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown,
            ) => {
                self.failed(era, Failure::Certain, error);
                Refusal::Away(Away::Unreachable)
            }
            ErrorKind::Server(kind) => {
                self.breaker.succeeded(era);
                self.refused(kind, error)
            }
            ErrorKind::Parse => {
                self.failed(era, self.since(sent), error);
                Refusal::Away(Away::Refused)
            }
            _ if error.is_unrecoverable_error() => {
                self.failed(era, self.since(sent), error);
                Refusal::Away(Away::Unreachable)
            }
            // Such as `OOM` and `MISCONF`.
            _ => {
                self.breaker.succeeded(era);
                self.refused(ServerErrorKind::ResponseError, error)
            }
        }
    }

    fn refused(&self, kind: ServerErrorKind, error: &RedisError) -> Refusal {
        let to = || {
            let (address, _) = error.redirect_node()?;
            super::cluster::place(address, &self.place)
        };
        let elsewhere = match kind {
            ServerErrorKind::NoScript => return Refusal::NoScript,
            ServerErrorKind::Moved => to().map(Elsewhere::Moved),
            ServerErrorKind::Ask => to().map(Elsewhere::Ask),
            ServerErrorKind::TryAgain => Some(Elsewhere::Later),
            _ => None,
        };
        elsewhere.map_or_else(
            || {
                self.watch.refused(&self.place, error);
                Refusal::Away(Away::Refused)
            },
            Refusal::Elsewhere,
        )
    }

    fn failed(&self, era: Era, failure: Failure, why: &dyn std::fmt::Display) {
        if self.breaker.failed(era, failure) {
            for line in &self.lines {
                line.store(None);
            }
            let times = self.told.opens(self.micros(Instant::now()));
            self.watch.opened(&self.place, times, why);
        }
    }

    /// It was found well.
    pub(super) fn close(&self) {
        if self.breaker.close() {
            let times = self.told.closes(self.micros(Instant::now()));
            self.watch.closed(&self.place, times);
        }
    }

    /// That a command failed now.
    fn since(&self, sent: u64) -> Failure {
        Failure::Command { sent, now: self.micros(Instant::now()) }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.known).as_micros()).unwrap_or(u64::MAX)
    }
}
