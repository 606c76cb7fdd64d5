//! Each algorithm beside a naive one that keeps all that ever happened, at random times, costs and limits.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::key::{Key, Scope};

/// Counters in a map, for tests.
#[derive(Debug, Default)]
struct Mapped {
    counters: BTreeMap<String, Counter>,
    logs: BTreeMap<String, Log>,
}

fn name(limit: &Limit) -> String {
    format!("{:?}", limit.counted())
}

impl Counters for Mapped {
    fn counter(&self, limit: &Limit) -> Counter {
        self.counters.get(&name(limit)).copied().unwrap_or_default()
    }

    fn set(&mut self, limit: &Limit, counter: Counter, _: u8) {
        self.counters.insert(name(limit), counter);
    }

    fn log(&self, limit: &Limit) -> &Log {
        self.logs.get(&name(limit)).unwrap_or(&sliding_window::EMPTY)
    }

    fn enter(&mut self, limit: &Limit, at: u64, cost: u64) {
        self.logs.entry(name(limit)).or_default().enter(limit, at, cost, usize::MAX);
    }
}

/// What happened: when, by the steady clock, and how much was taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    at: u64,
    cost: u64,
}

/// Whether a naive limiter allows this after all that was taken.
type Naive = fn(&Limit, &[Taken], Taken) -> bool;

/// The wall clock shows this when the steady one begins: 2026-01-31, 23:59:50 UTC.
const WALL: u64 = 1_769_903_990_000_000;

/// When months begin, by the steady clock: February, March and April.
const MONTHS: [u64; 3] = [10_000_000, 10_000_000 + 28 * calendar::DAY, 10_000_000 + 59 * calendar::DAY];

fn moment(steady: u64) -> Moment {
    Moment { steady, wall: WALL + steady }
}

fn ask(counters: &mut Mapped, limits: &[Limit], cost: u64, is_due: bool, now: u64) -> Decision {
    let scope = Scope::new("test");
    let key = Key { scope: &scope, value: b"" };
    take(counters, &Take { key, limits, cost, is_due, now: moment(now) })
}

/// By filling a bucket step by step, in parts of a microsecond as exact fractions: `count * period` parts are one.
fn bucket(capacity: u64, limit: &Limit, taken: &[Taken], next: Taken) -> bool {
    let period = u128::from(length(limit));
    let full = i128::from(capacity) * i128::try_from(period).unwrap();
    let (mut level, mut last) = (full, 0);
    let fill = |level: i128, since: u64| (level + i128::from(since) * i128::from(limit.count)).min(full);
    for one in taken {
        level = fill(level, one.at - last) - i128::from(one.cost) * i128::try_from(period).unwrap();
        last = one.at;
    }
    fill(level, next.at - last) >= i128::from(next.cost) * i128::try_from(period).unwrap()
}

fn naive(algorithm: Algorithm) -> Naive {
    match algorithm {
        Algorithm::TokenBucket => |limit, taken, next| bucket(limit.burst, limit, taken, next),
        Algorithm::LeakyBucket => |limit, taken, next| bucket(limit.burst + 1, limit, taken, next),
        Algorithm::SlidingWindow => |limit, taken, next| {
            let counts = |one: &&Taken| next.at < one.at + length(limit);
            taken.iter().filter(counts).map(|one| one.cost).sum::<u64>() + next.cost <= limit.count
        },
        Algorithm::FixedWindow => |limit, taken, next| {
            let window = |at: u64| match limit.period {
                Period::Month => MONTHS.iter().filter(|began| **began <= at).count() as u64,
                Period::Length(_) => (WALL + at) / length(limit),
            };
            taken.iter().filter(|one| window(one.at) == window(next.at)).map(|one| one.cost).sum::<u64>()
                + next.cost
                <= limit.count
        },
        Algorithm::SlidingWindowEstimate => |limit, taken, next| {
            let length = length(limit);
            let window = next.at / length;
            let sum = |window: Option<u64>| {
                let of = |one: &&Taken| Some(one.at / length) == window;
                u128::from(taken.iter().filter(of).map(|one| one.cost).sum::<u64>())
            };
            let covered = u128::from(length - next.at % length);
            let before = sum(window.checked_sub(1)) * covered;
            (sum(Some(window)) + u128::from(next.cost)) * u128::from(length) + before
                <= u128::from(limit.count) * u128::from(length)
        },
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    use Algorithm::{FixedWindow, LeakyBucket, SlidingWindow, SlidingWindowEstimate, TokenBucket};
    prop::sample::select(vec![TokenBucket, SlidingWindow, SlidingWindowEstimate, FixedWindow, LeakyBucket])
}

fn limit() -> impl Strategy<Value = Limit> {
    let period = prop_oneof![
        (1u64..50).prop_map(Duration::from_micros),
        (1u64..5_000_000).prop_map(Duration::from_micros),
        prop::sample::select(vec![1, 60]).prop_map(Duration::from_secs),
    ];
    (algorithm(), 1u64..12, period, 1u64..12, prop::bool::weighted(0.1)).prop_map(
        |(algorithm, count, period, burst, is_month)| {
            let is_month = is_month && algorithm == Algorithm::FixedWindow;
            let period = if is_month { Period::Month } else { Period::Length(period) };
            Limit { algorithm, count, period, burst }
        },
    )
}

/// Pauses before a request, as parts in 256 of a period, and what it costs.
fn requests() -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
    let pause = prop_oneof![3 => Just(0u8), 3 => 0u8..40, 1 => any::<u8>()];
    vec(
        (pause, prop_oneof![5 => Just(1u64), 2 => 1u64..6, 1 => Just(0u64)], prop::bool::weighted(0.1)),
        1..80,
    )
}

fn pause(limit: &Limit, part: u8) -> u64 {
    let of = if limit.period == Period::Month { 10_000_000 } else { length(limit) };
    // Long periods also see requests that are a few microseconds apart.
    if part.is_multiple_of(3) { u64::from(part) } else { of.saturating_mul(u64::from(part)) / 200 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_algorithm_allows_what_a_naive_one_allows_and_tells_when_it_will(
        limit in limit(), requests in requests(),
    ) {
        let (mut counters, mut taken, mut now) = (Mapped::default(), Vec::new(), 0);
        let naive = naive(limit.algorithm);
        for (part, cost, is_due) in requests {
            now += pause(&limit, part);
            let next = Taken { at: now, cost: cost.max(1) };
            let expected = naive(&limit, &taken, next);
            let before = format!("{counters:?}");
            let decision = ask(&mut counters, &[limit], cost, is_due, now);
            let standing = decision.standings[0];
            prop_assert_eq!(decision.is_allowed, expected || is_due, "{:?} after {:?}", next, taken);
            if decision.is_allowed && cost > 0 {
                taken.push(next);
                prop_assert_eq!(standing.retry, Some(Duration::ZERO));
            } else {
                prop_assert_eq!(&before, &format!("{counters:?}"), "what is not taken leaves no trace");
            }
            if !decision.is_allowed {
                let allowed_at = |at| naive(&limit, &taken, Taken { at, ..next });
                match standing.retry {
                    None => prop_assert!(!allowed_at(now + 1_000_000_000), "it would be allowed some day"),
                    Some(retry) => {
                        let retry = u64::try_from(retry.as_micros()).unwrap();
                        prop_assert!(retry > 0 && allowed_at(now + retry) && !allowed_at(now + retry - 1), "{}", retry);
                    }
                }
            }
            // What is told to remain is there, and no more.
            let left = |cost| naive(&limit, &taken, Taken { at: now, cost });
            prop_assert!(standing.remaining == 0 || left(standing.remaining));
            prop_assert!(!left(standing.remaining + 1));
            let reset = now + u64::try_from(standing.reset.as_micros()).unwrap();
            let fresh = ask(&mut counters, &[limit], 0, false, reset).standings[0].remaining;
            let (whole, later) = (ask(&mut Mapped::default(), &[limit], 0, false, reset), now + 1);
            prop_assert_eq!(fresh, whole.standings[0].remaining);
            if reset > later && limit.algorithm != Algorithm::FixedWindow {
                prop_assert!(ask(&mut counters, &[limit], 0, false, reset - 1).standings[0].remaining < fresh);
            }
        }
    }

    #[test]
    fn several_limits_are_taken_from_together_or_not_at_all(
        limits in vec(limit(), 1..4), requests in requests(),
    ) {
        let mut unlike: Vec<Limit> = Vec::new();
        for limit in limits {
            if unlike.iter().all(|other| other.counted() != limit.counted()) {
                unlike.push(limit);
            }
        }
        let limits = unlike;
        let (mut together, mut taken, mut now) = (Mapped::default(), Vec::new(), 0);
        for (part, cost, _) in requests {
            now += pause(&limits[0], part);
            let next = Taken { at: now, cost: cost.max(1) };
            let expected: Vec<bool> =
                limits.iter().map(|limit| naive(limit.algorithm)(limit, &taken, next)).collect();
            let decision = ask(&mut together, &limits, cost, false, now);
            prop_assert_eq!(decision.is_allowed, expected.iter().all(|is_allowed| *is_allowed));
            let said: Vec<bool> =
                decision.standings.iter().map(|standing| standing.retry == Some(Duration::ZERO)).collect();
            prop_assert_eq!(said, expected);
            if decision.is_allowed && cost > 0 {
                taken.push(next);
            }
        }
    }

    #[test]
    fn a_leaky_bucket_lets_go_at_an_even_pace(
        count in 1u64..9, period in 1u64..3_000_000, burst in 1u64..9, pauses in vec(any::<u8>(), 1..60),
    ) {
        let period_of = Period::Length(Duration::from_micros(period));
        let limit = Limit { algorithm: Algorithm::LeakyBucket, count, period: period_of, burst };
        let (mut counters, mut now, mut turns) = (Mapped::default(), 0, Vec::new());
        for part in pauses {
            now += pause(&limit, part);
            let decision = ask(&mut counters, &[limit], 1, false, now);
            let waiting = turns.iter().filter(|turn| **turn > now).count() as u64;
            if decision.is_allowed {
                let turn = now + u64::try_from(decision.delay.as_micros()).unwrap();
                // A turn is told in whole microseconds, and never too early: each may be up to one late.
                let paced = turns.last().is_none_or(|last| (turn - last + 1) * count >= period);
                prop_assert!(paced, "{} after {:?}", turn, turns);
                prop_assert!(turn == now || waiting < burst);
                turns.push(turn);
            } else {
                prop_assert!(waiting >= burst, "{} wait", waiting);
            }
        }
    }

    #[test]
    fn a_log_with_too_few_entries_allows_no_more_than_one_with_all(
        count in 1u64..40, most in 1usize..6, requests in requests(),
    ) {
        let period = Period::Length(Duration::from_secs(1));
        let limit = Limit { algorithm: Algorithm::SlidingWindow, count, period, burst: 1 };
        let (mut log, mut taken, mut now) = (Log::default(), Vec::new(), 0);
        for (part, cost, _) in requests {
            now += pause(&limit, part);
            let next = Taken { at: now, cost: cost.max(1) };
            let ask = Ask { cost: next.cost, is_due: false, now };
            if sliding_window::take(&log, &limit, ask).is_allowed() {
                prop_assert!(naive(limit.algorithm)(&limit, &taken, next));
                log.enter(&limit, now, next.cost, most);
                taken.push(next);
            }
            prop_assert!(log.entries().count() <= most.max(2));
            prop_assert!(log.used(&limit, now) >= u128::from(taken.iter().filter(|one| now < one.at + 1_000_000).map(|one| one.cost).sum::<u64>()));
        }
    }

    #[test]
    fn a_log_with_too_few_entries_refuses_what_one_refuses_whose_period_is_a_little_longer(
        count in 1u64..200, most in 8usize..40, pauses in vec(0u64..40_000, 1..400),
    ) {
        let limit_of = |micros| {
            let period = Period::Length(Duration::from_micros(micros));
            Limit { algorithm: Algorithm::SlidingWindow, count, period, burst: 1 }
        };
        let limit = limit_of(1_000_000);
        let longer = limit_of(1_000_000 + 1_000_000u64.div_ceil(most as u64 / 2 - 1));
        let (mut log, mut taken, mut now) = (Log::default(), Vec::new(), 0);
        for pause in pauses {
            now += pause;
            let next = Taken { at: now, cost: 1 };
            let ask = Ask { cost: 1, is_due: false, now };
            if sliding_window::take(&log, &limit, ask).is_allowed() {
                prop_assert!(naive(limit.algorithm)(&limit, &taken, next));
                log.enter(&limit, now, 1, most);
                taken.push(next);
            } else {
                prop_assert!(!naive(limit.algorithm)(&longer, &taken, next));
            }
            prop_assert!(log.entries().count() <= most);
        }
    }

    #[test]
    fn numbers_at_their_ends_break_nothing(
        algorithm in algorithm(), numbers in vec(prop::sample::select(vec![0, 1, 2, u64::MAX / 2, u64::MAX]), 4), is_due in any::<bool>(),
        counter in any::<[u64; 3]>(), times in vec(any::<u64>(), 1..4),
    ) {
        let [count, burst, period, cost] = numbers[..] else { unreachable!() };
        let period = Period::Length(Duration::from_micros(period));
        let limit = Limit { algorithm, count: count.max(1), period, burst: burst.max(1) };
        let mut counters = Mapped::default();
        let [until, used, before] = counter;
        counters.set(&limit, Counter { until, used, before }, 0);
        for now in times {
            let scope = Scope::new("test");
            let key = Key { scope: &scope, value: b"" };
            let now = Moment { steady: now, wall: now };
            take(&mut counters, &Take { key, limits: &[limit], cost, is_due, now });
        }
    }
}

/// Asks a fixed window of an hour or a month at a time of the wall clock.
fn at_wall(counters: &mut Mapped, period: Period, wall: u64) -> bool {
    let limits = [Limit { algorithm: Algorithm::FixedWindow, count: 2, period, burst: 1 }];
    let (scope, now) = (Scope::new("test"), Moment { steady: 0, wall });
    let key = Key { scope: &scope, value: b"" };
    take(counters, &Take { key, limits: &limits, cost: 1, is_due: false, now }).is_allowed
}

#[test]
fn a_clock_that_is_set_back_opens_no_second_window_and_locks_nobody_out() {
    const HOUR: u64 = 3_600_000_000;
    for (period, length) in
        [(Period::Length(Duration::from_hours(1)), HOUR), (Period::Month, 31 * calendar::DAY)]
    {
        // February 2026 begins, and with it an hour.
        let began = WALL + 10_000_000;
        let mut counters = Mapped::default();
        assert!(at_wall(&mut counters, period, began) && at_wall(&mut counters, period, began));
        assert!(!at_wall(&mut counters, period, began - 1), "the window that it came from goes on");
        assert!(!at_wall(&mut counters, period, began - length / 2));
        assert!(!at_wall(&mut counters, period, began + 1));
        assert!(at_wall(&mut counters, period, began - 3 * length), "what is wrong by more is forgotten");
        let future = began + 1000 * length;
        assert!(at_wall(&mut counters, period, future) && at_wall(&mut counters, period, future));
        assert!(at_wall(&mut counters, period, began), "as is a clock that was years ahead");
    }
}

#[test]
fn windows_of_weeks_begin_on_mondays_and_those_of_days_at_midnight() {
    let limit = |days: u64| Limit {
        algorithm: Algorithm::FixedWindow,
        count: 1,
        period: Period::Length(Duration::from_hours(24 * days)),
        burst: 1,
    };
    // 2026-02-01 was a Sunday.
    let sunday = WALL + 10_000_000;
    assert_eq!(fixed_window::end(&limit(1), sunday), sunday + calendar::DAY);
    assert_eq!(fixed_window::end(&limit(1), sunday - 1), sunday);
    assert_eq!(fixed_window::end(&limit(7), sunday), sunday + calendar::DAY);
    assert_eq!(fixed_window::end(&limit(7), sunday + calendar::DAY), sunday + 8 * calendar::DAY);
    assert_eq!(fixed_window::end(&limit(7), 0), 4 * calendar::DAY);
}

#[test]
fn what_is_due_locks_nobody_out_for_ages() {
    for algorithm in [
        Algorithm::TokenBucket,
        Algorithm::LeakyBucket,
        Algorithm::FixedWindow,
        Algorithm::SlidingWindow,
        Algorithm::SlidingWindowEstimate,
    ] {
        let limits =
            [Limit { algorithm, count: 10, period: Period::Length(Duration::from_secs(1)), burst: 10 }];
        let mut counters = Mapped::default();
        for cost in [1 << 53, u64::MAX / 2, u64::MAX] {
            assert!(ask(&mut counters, &limits, cost, true, 0).is_allowed);
        }
        let standing = ask(&mut counters, &limits, 1, false, 0).standings[0];
        assert!(standing.retry.unwrap() > Duration::ZERO, "{algorithm:?}");
        assert!(standing.reset < Duration::from_hours(1), "{algorithm:?} {standing:?}");
    }
}

#[test]
fn what_is_due_is_taken_beyond_what_is_left_and_has_to_be_made_good() {
    let limit =
        |algorithm| Limit { algorithm, count: 10, period: Period::Length(Duration::from_secs(1)), burst: 10 };
    let bucket = [limit(Algorithm::TokenBucket)];
    let mut counters = Mapped::default();
    let decision = ask(&mut counters, &bucket, 25, true, 0);
    assert!(decision.is_allowed && decision.standings[0].remaining == 0 && decision.delay.is_zero());
    let refused = ask(&mut counters, &bucket, 1, false, 0).standings[0];
    assert_eq!(refused.retry, Some(Duration::from_millis(1600)), "15 too many, and one more");
    assert_eq!(refused.reset, Duration::from_millis(2500));
    let leaky = [limit(Algorithm::LeakyBucket)];
    let decision = ask(&mut counters, &leaky, 5, true, 0);
    assert!(
        decision.is_allowed && ask(&mut counters, &leaky, 1, true, 0).delay.is_zero(),
        "nobody waits now"
    );
    assert_eq!(ask(&mut counters, &leaky, 1, false, 0).delay, Duration::from_millis(600));
}
