//! The breaker against a naive one that remembers everything, and under threads.

use std::sync::atomic::AtomicU32;

use maitred_telemetry::{Metrics, MetricsOptions};
use proptest::prelude::*;

use super::*;

fn metrics() -> Metrics {
    Metrics::new(MetricsOptions { workers: 1, max_series: 100, version: "", revision: "", started: 0 })
}

fn breaker(settings: BreakerSettings) -> Breaker {
    Breaker::new(&"orders".into(), settings, metrics().circuit("orders"), None)
}

#[expect(clippy::disallowed_methods, reason = "where the clock of a test begins is all the same")]
fn start() -> Instant {
    Instant::now()
}

fn usual() -> BreakerSettings {
    let mut failure_on = (500..600).fold(ResultSet::default(), ResultSet::with_status);
    (failure_on.connect_failure, failure_on.reset, failure_on.timeout) = (true, true, true);
    BreakerSettings {
        failures: Some(5),
        successes: 2,
        open_for: Duration::from_secs(30),
        trial_for: Duration::from_secs(40),
        failure_on,
        shares: None,
    }
}

const OK: TryResult = TryResult::Status(200);
const FAILED: TryResult = TryResult::Status(503);
const QUICK: Duration = Duration::ZERO;

/// A breaker with a clock that is moved by hand.
struct Stand {
    breaker: Breaker,
    now: Instant,
}

impl Stand {
    fn new(settings: BreakerSettings) -> Self {
        Self { breaker: breaker(settings), now: start() }
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn call(&self) -> Pass {
        self.breaker.admit(self.now).expect("it passes").expect("it counts")
    }

    fn tell(&self, result: TryResult) {
        self.breaker.settle(self.call(), result, QUICK, self.now);
    }

    fn refused(&self) -> u64 {
        self.breaker.admit(self.now).expect_err("it does not pass").retry_after.as_secs()
    }

    fn state(&self) -> CircuitState {
        self.breaker.status(self.now).state
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_two_trials_close_it() {
    let mut stand = Stand::new(usual());
    for _ in 0..4 {
        stand.tell(FAILED);
    }
    stand.tell(OK);
    for result in [TryResult::ConnectFailure, TryResult::Reset, TryResult::Timeout, FAILED] {
        stand.tell(result);
    }
    assert_eq!((stand.state(), stand.breaker.status(stand.now).failures), (CircuitState::Closed, 4));
    stand.tell(FAILED);
    assert_eq!((stand.state(), stand.refused()), (CircuitState::Open, 30));
    assert_eq!(stand.after(29).refused(), 1);
    let trial = stand.after(1).call();
    assert!(trial.is_trial);
    assert_eq!((stand.state(), stand.refused()), (CircuitState::HalfOpen, 1), "one at a time");
    stand.breaker.settle(trial, OK, QUICK, stand.now);
    stand.tell(OK);
    assert_eq!(stand.state(), CircuitState::Closed);
    assert!(!stand.call().is_trial);
}

#[test]
fn a_failed_trial_opens_it_again_and_forgets_the_one_before() {
    let mut stand = Stand::new(usual());
    (0..5).for_each(|_| stand.tell(FAILED));
    stand.after(30).tell(OK);
    stand.tell(FAILED);
    assert_eq!((stand.state(), stand.refused()), (CircuitState::Open, 30));
    stand.after(30).tell(OK);
    assert_eq!(stand.breaker.status(stand.now).successes, 1);
}

#[test]
fn a_trial_that_tells_nothing_makes_room_and_a_late_one_no_longer_counts() {
    let mut stand = Stand::new(usual());
    (0..5).for_each(|_| stand.tell(FAILED));
    let trial = stand.after(30).call();
    stand.breaker.give_back(trial);
    let late = stand.call();
    assert_eq!(stand.after(39).refused(), 1);
    let next = stand.after(1).call();
    stand.breaker.settle(late, FAILED, QUICK, stand.now);
    stand.breaker.give_back(late);
    assert_eq!((stand.state(), stand.refused()), (CircuitState::HalfOpen, 1), "the next one is out");
    stand.breaker.settle(next, OK, QUICK, stand.now);
    assert_eq!(stand.breaker.status(stand.now).successes, 1);
}

#[test]
fn what_began_before_does_not_count() {
    let mut stand = Stand::new(usual());
    let early: Vec<Pass> = (0..20).map(|_| stand.call()).collect();
    (0..5).for_each(|_| stand.tell(FAILED));
    stand.after(30).tell(OK);
    stand.tell(OK);
    for pass in early {
        stand.breaker.settle(pass, FAILED, QUICK, stand.now);
    }
    assert_eq!((stand.state(), stand.breaker.status(stand.now).failures), (CircuitState::Closed, 0));
}

#[test]
fn shares_of_failures_and_of_slow_calls_open_it() {
    let slow = Some((Duration::from_secs(2), 800_000));
    let shares = Shares { window: Duration::from_secs(10), min_calls: 20, failed: Some(500_000), slow };
    let settings = BreakerSettings { failures: None, shares: Some(shares), ..usual() };
    let mut stand = Stand::new(settings.clone());
    (0..10).for_each(|_| stand.tell(FAILED));
    // Out of the window by then.
    stand.after(11);
    (0..9).for_each(|_| stand.tell(FAILED));
    (0..10).for_each(|_| stand.tell(OK));
    assert_eq!(stand.state(), CircuitState::Closed, "9 of 19");
    stand.tell(FAILED);
    assert_eq!(stand.state(), CircuitState::Open, "10 of 20");
    stand.after(30).tell(OK);
    stand.tell(OK);
    stand.tell(FAILED);
    assert_eq!(stand.state(), CircuitState::Closed, "what was before is forgotten");

    let mut stand = Stand::new(settings);
    for n in 0..20 {
        assert_eq!(stand.state(), CircuitState::Closed, "{n}");
        let took = if n < 4 { QUICK } else { Duration::from_secs(2) };
        stand.breaker.settle(stand.call(), OK, took, stand.now);
    }
    assert_eq!(stand.state(), CircuitState::Open, "16 of 20");
    let trial = stand.after(30).call();
    stand.breaker.settle(trial, OK, Duration::from_secs(3), stand.now);
    assert_eq!(stand.state(), CircuitState::Open, "a slow trial fails");
}

#[test]
fn it_is_forced_and_let_go_and_told() {
    let metrics = metrics();
    let breaker = Breaker::new(&"orders".into(), usual(), metrics.circuit("orders"), None);
    let mut stand = Stand { breaker, now: start() };
    let told = || -> Vec<String> {
        let mut page = String::new();
        metrics.render(&mut page);
        let lines = page.lines().filter_map(|line| line.strip_prefix("maitred_circuit_"));
        lines.map(|line| line.replace("upstream=\"orders\"", "")).collect()
    };
    assert_eq!(told(), ["state{} 0"]);
    let early = stand.call();
    stand.breaker.force(Force::Open);
    stand.breaker.force(Force::Open);
    assert_eq!(stand.after(3600).refused(), 30, "nobody knows for how long");
    assert!(stand.breaker.status(stand.now).is_forced);
    assert_eq!(told(), ["state{} 2", "transitions_total{,to=\"open\"} 1"]);
    stand.breaker.force(Force::Closed);
    for _ in 0..9 {
        assert_eq!(stand.breaker.admit(stand.now), Ok(None), "it passes, and counts nothing");
    }
    stand.breaker.settle(early, FAILED, QUICK, stand.now);
    assert_eq!(told()[0], "state{} 0");
    stand.breaker.force(Force::Auto);
    (0..5).for_each(|_| stand.tell(FAILED));
    stand.breaker.force(Force::Auto);
    assert_eq!(stand.refused(), 30, "it moves by itself already");
    assert_eq!(
        told(),
        ["state{} 2", "transitions_total{,to=\"closed\"} 1", "transitions_total{,to=\"open\"} 2"]
    );
}

#[test]
fn a_reload_changes_the_thresholds_and_not_the_circuit() {
    let mut stand = Stand::new(usual());
    (0..3).for_each(|_| stand.tell(FAILED));
    let settings = BreakerSettings { failures: Some(4), successes: 1, ..usual() };
    let again = |old: &Breaker| {
        Breaker::new(&"orders".into(), settings.clone(), metrics().circuit("orders"), Some(old))
    };
    stand.breaker = again(&stand.breaker);
    stand.tell(FAILED);
    assert_eq!(stand.state(), CircuitState::Open);
    stand.breaker = again(&stand.breaker);
    assert_eq!(stand.after(10).refused(), 20);
    stand.after(20).tell(OK);
    assert_eq!(stand.state(), CircuitState::Closed);
}

/// A breaker that remembers everything it was told.
struct Naive {
    settings: BreakerSettings,
    now: u64,
    state: NaiveState,
    /// Counts states and trials.
    epoch: u32,
    /// When calls of this epoch ended, and whether they failed and were slow.
    told: Vec<(u64, bool, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum NaiveState {
    Closed(u32),
    Open { until: u64 },
    HalfOpen { successes: u16, trial: Option<u64> },
    Forced(bool),
}

#[derive(Debug, PartialEq)]
enum Answer {
    Pass { is_trial: bool },
    Uncounted,
    Refused(u64),
}

impl Naive {
    fn enter(&mut self, state: NaiveState) {
        self.state = state;
        self.epoch += 1;
        self.told.clear();
    }

    fn open(&mut self) {
        self.enter(NaiveState::Open { until: self.now + millis(self.settings.open_for) });
    }

    fn admit(&mut self) -> Answer {
        let successes = match self.state {
            NaiveState::Closed(_) => return Answer::Pass { is_trial: false },
            NaiveState::Forced(false) => return Answer::Uncounted,
            NaiveState::Forced(true) => return Answer::Refused(millis(self.settings.open_for)),
            NaiveState::Open { until } if self.now < until => return Answer::Refused(until - self.now),
            NaiveState::HalfOpen { trial: Some(until), .. } if self.now < until => {
                return Answer::Refused(1000);
            }
            NaiveState::Open { .. } => 0,
            NaiveState::HalfOpen { successes, .. } => successes,
        };
        let trial = Some(self.now + millis(self.settings.trial_for));
        self.enter(NaiveState::HalfOpen { successes, trial });
        Answer::Pass { is_trial: true }
    }

    fn settle(&mut self, epoch: u32, result: TryResult, took: Duration) {
        if epoch != self.epoch {
            return;
        }
        let is_failure = self.settings.failure_on.has(result);
        let shares = self.settings.shares.clone();
        let slow = shares.as_ref().and_then(|shares| shares.slow);
        let is_slow = slow.is_some_and(|(slow, _)| took >= slow);
        match self.state {
            NaiveState::Closed(row) => {
                let row = if is_failure { row + 1 } else { 0 };
                if let Some(shares) = shares {
                    self.told.push((self.now, is_failure, is_slow));
                    if self.exceeds(&shares) {
                        return self.open();
                    }
                }
                match self.settings.failures {
                    Some(most) if row >= most => self.open(),
                    Some(_) => self.state = NaiveState::Closed(row),
                    None if row == 0 => self.state = NaiveState::Closed(0),
                    None => {}
                }
            }
            NaiveState::HalfOpen { .. } if is_failure || is_slow => self.open(),
            NaiveState::HalfOpen { successes, .. } if successes + 1 >= self.settings.successes => {
                self.enter(NaiveState::Closed(0));
            }
            NaiveState::HalfOpen { successes, .. } => {
                self.state = NaiveState::HalfOpen { successes: successes + 1, trial: None };
            }
            NaiveState::Open { .. } | NaiveState::Forced(_) => {}
        }
    }

    fn exceeds(&self, shares: &Shares) -> bool {
        let part = millis(shares.window).div_ceil(10).max(1);
        let recent: Vec<_> = self.told.iter().filter(|(at, ..)| at / part + 10 > self.now / part).collect();
        let failed = recent.iter().filter(|(_, failed, _)| *failed).count();
        let slow = recent.iter().filter(|(.., slow)| *slow).count();
        let exceeds = |part: usize, share: u32| part * 1_000_000 >= recent.len() * share as usize;
        recent.len() >= shares.min_calls as usize
            && (shares.failed.is_some_and(|most| exceeds(failed, most))
                || shares.slow.is_some_and(|(_, most)| exceeds(slow, most)))
    }

    fn give_back(&mut self, epoch: u32) {
        if let NaiveState::HalfOpen { successes, .. } = self.state
            && epoch == self.epoch
        {
            self.state = NaiveState::HalfOpen { successes, trial: None };
        }
    }

    fn force(&mut self, force: Force) {
        match (force, self.state) {
            (Force::Auto, NaiveState::Forced(_)) => self.enter(NaiveState::Closed(0)),
            (Force::Open, state) if state != NaiveState::Forced(true) => {
                self.enter(NaiveState::Forced(true));
            }
            (Force::Closed, state) if state != NaiveState::Forced(false) => {
                self.enter(NaiveState::Forced(false));
            }
            _ => {}
        }
    }

    fn status(&self) -> BreakerStatus {
        let (state, is_forced, failures, successes, open_for) = match self.state {
            NaiveState::Closed(failures) => (CircuitState::Closed, false, failures, 0, None),
            NaiveState::Open { until } => {
                let rest = Duration::from_millis(until.saturating_sub(self.now));
                (CircuitState::Open, false, 0, 0, Some(rest))
            }
            NaiveState::HalfOpen { successes, .. } => (CircuitState::HalfOpen, false, 0, successes, None),
            NaiveState::Forced(true) => (CircuitState::Open, true, 0, 0, None),
            NaiveState::Forced(false) => (CircuitState::Closed, true, 0, 0, None),
        };
        BreakerStatus { state, is_forced, failures, successes, open_for }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Admit,
    /// One of the calls under way ends.
    Settle(prop::sample::Index, TryResult, Duration),
    Drop(prop::sample::Index),
    Force(Force),
    Reload(BreakerSettings),
}

fn any_settings() -> impl Strategy<Value = BreakerSettings> {
    let slow = prop::option::weighted(0.5, (1u64..3).prop_map(|secs| (Duration::from_secs(secs), 600_000)));
    let shares = (1u64..40, 1u32..6, prop::option::of(1u32..1_000_000), slow).prop_map(
        |(window, min_calls, failed, slow)| Shares {
            window: Duration::from_millis(window * 50),
            min_calls,
            failed,
            slow,
        },
    );
    let counts = (prop::option::weighted(0.8, 1u32..5), 1u16..4, 1u64..500, 1u64..500);
    (counts, prop::option::of(shares)).prop_map(|((failures, successes, open_for, trial_for), shares)| {
        BreakerSettings {
            failures,
            successes,
            open_for: Duration::from_millis(open_for),
            trial_for: Duration::from_millis(trial_for),
            shares,
            ..usual()
        }
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let result = prop_oneof![3 => Just(OK), 3 => Just(FAILED), 1 => Just(TryResult::Timeout)];
    let took = (0u64..4).prop_map(Duration::from_secs);
    let force = prop_oneof![1 => Just(Force::Open), 1 => Just(Force::Closed), 3 => Just(Force::Auto)];
    prop_oneof![
        8 => (0u64..300).prop_map(Step::Wait),
        20 => Just(Step::Admit),
        20 => (any::<prop::sample::Index>(), result, took).prop_map(|(at, result, took)| Step::Settle(at, result, took)),
        4 => any::<prop::sample::Index>().prop_map(Step::Drop),
        1 => force.prop_map(Step::Force),
        1 => any_settings().prop_map(Step::Reload),
    ]
}

proptest! {
    #[test]
    fn it_does_what_a_naive_one_does(settings in any_settings(), steps in prop::collection::vec(any_step(), 1..200)) {
        let (mut breaker, start) = (breaker(settings.clone()), start());
        breaker.status(start);
        let mut naive = Naive { settings, now: 0, state: NaiveState::Closed(0), epoch: 0, told: Vec::new() };
        let mut calls: Vec<(Pass, u32)> = Vec::new();
        for step in steps {
            let now = start + Duration::from_millis(naive.now);
            match step {
                Step::Wait(millis) => naive.now += millis,
                Step::Admit => {
                    let answer = match breaker.admit(now) {
                        Ok(Some(pass)) => {
                            let is_trial = pass.is_trial;
                            let expected = naive.admit();
                            calls.push((pass, naive.epoch));
                            prop_assert_eq!(Answer::Pass { is_trial }, expected);
                            continue;
                        }
                        Ok(None) => Answer::Uncounted,
                        Err(open) => Answer::Refused(millis(open.retry_after)),
                    };
                    prop_assert_eq!(answer, naive.admit());
                }
                Step::Settle(at, result, took) if !calls.is_empty() => {
                    let (pass, epoch) = calls.swap_remove(at.index(calls.len()));
                    breaker.settle(pass, result, took, now);
                    naive.settle(epoch, result, took);
                }
                Step::Drop(at) if !calls.is_empty() => {
                    let (pass, epoch) = calls.swap_remove(at.index(calls.len()));
                    breaker.give_back(pass);
                    naive.give_back(epoch);
                }
                Step::Settle(..) | Step::Drop(_) => {}
                Step::Force(force) => {
                    breaker.force(force);
                    naive.force(force);
                }
                Step::Reload(settings) => {
                    let window = |settings: &BreakerSettings| settings.shares.as_ref().map(|shares| shares.window);
                    if window(&settings) != window(&naive.settings) {
                        naive.told.clear();
                    }
                    let series = metrics().circuit("orders");
                    breaker = Breaker::new(&"orders".into(), settings.clone(), series, Some(&breaker));
                    naive.settings = settings;
                }
            }
            let now = start + Duration::from_millis(naive.now);
            prop_assert_eq!(breaker.status(now), naive.status());
        }
    }

    #[test]
    fn a_circuit_fits_into_a_number(
        generation in 0u16..4096,
        failures in any::<u32>(),
        until in 1u64..1 << 40,
        successes in 0u16..512,
        is_out in any::<bool>(),
    ) {
        let trial = is_out.then_some(until);
        for state in [
            State::Closed { failures },
            State::Open { until },
            State::HalfOpen { successes, trial },
            State::ForcedClosed,
            State::ForcedOpen,
        ] {
            let circuit = Circuit { generation, state };
            prop_assert_eq!(Circuit::unpack(circuit.pack()), circuit);
        }
    }
}

/// Runs it on eight threads at once.
fn at_once(run: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let run = &run;
            scope.spawn(move || run(thread));
        }
    });
}

#[test]
fn no_two_trials_are_out_at_once() {
    let settings = BreakerSettings { failures: Some(1), successes: 500, ..usual() };
    let (breaker, start) = (breaker(settings), start());
    let pass = breaker.admit(start).unwrap().unwrap();
    breaker.settle(pass, FAILED, QUICK, start);
    let now = start + Duration::from_secs(31);
    let (out, trials) = (AtomicU32::new(0), AtomicU32::new(0));
    at_once(|thread| {
        for n in 0..20_000 {
            let Ok(Some(pass)) = breaker.admit(now) else { continue };
            assert!(pass.is_trial, "fewer succeed than close it");
            assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0);
            trials.fetch_add(1, Ordering::SeqCst);
            out.fetch_sub(1, Ordering::SeqCst);
            if thread == 0 && n % 100 == 0 {
                breaker.settle(pass, OK, QUICK, now);
            } else {
                breaker.give_back(pass);
            }
        }
    });
    assert!(trials.load(Ordering::SeqCst) > 0);
    assert_eq!(breaker.status(now).state, CircuitState::HalfOpen);
    assert!(breaker.admit(now).unwrap().unwrap().is_trial, "none is lost");
}

#[test]
fn failures_of_all_threads_open_it_once() {
    let metrics = metrics();
    let settings = BreakerSettings { failures: Some(8 * 1000), ..usual() };
    let breaker = Breaker::new(&"orders".into(), settings, metrics.circuit("orders"), None);
    let start = start();
    let passes: Vec<_> = (0..8 * 1000).map(|_| breaker.admit(start).unwrap().unwrap()).collect();
    let (last, others) = passes.split_last().unwrap();
    at_once(|thread| {
        for pass in others.iter().skip(thread).step_by(8) {
            breaker.settle(*pass, FAILED, QUICK, start);
        }
    });
    assert_eq!(breaker.status(start).failures, 7999, "none is lost, and none counted twice");
    breaker.settle(*last, FAILED, QUICK, start);
    assert_eq!(breaker.status(start).state, CircuitState::Open);
    assert_eq!(metrics.circuit("orders").at(0).transitions(CircuitState::Open).value(), 1);
}

#[test]
fn a_window_counts_the_calls_of_all_threads() {
    let window = WindowShared::new(Duration::from_secs(10));
    at_once(|thread| {
        for n in 0..1000u64 {
            // Threads are not all at the same time.
            window.count(7, 5_000 + n * 4 + thread as u64, n % 2 == 0, n % 4 == 0);
        }
    });
    let counts = window.count(7, 13_000, false, false).unwrap();
    assert_eq!(counts, Counts { calls: 8001, failures: 4000, slow: 2000 });
    let later = window.count(7, 30_000, true, false).unwrap();
    assert_eq!(later, Counts { calls: 1, failures: 1, slow: 0 });
    let other = window.count(8, 30_000, false, true).unwrap();
    assert_eq!(other, Counts { calls: 1, failures: 0, slow: 1 });
}
