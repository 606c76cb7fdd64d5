//! Every step with the time and the chance that it is given.

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn day(number: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * (20_000 + number)
}

/// Valid from day 0 for 90 days.
fn certificate() -> CertificateSummary {
    CertificateSummary {
        names: vec!["a.example".to_owned()],
        subject: String::new(),
        issuer: String::new(),
        not_before: day(0),
        not_after: day(90),
        key: String::new(),
        fingerprint: String::new(),
        serial: Vec::new(),
        authority_key: None,
    }
}

/// What follows when the authority answers so on a day.
fn told(answer: Option<(Window, Duration)>, on: SystemTime) -> Progress {
    let mut progress = Progress::default();
    progress.told(&certificate(), answer, on, 0.5);
    progress
}

#[test]
fn where_there_is_none_one_is_ordered_and_where_there_is_one_the_authority_is_asked() {
    let progress = Progress::default();
    assert_eq!(progress.step(None, day(0)), Step::Order);
    assert_eq!(progress.step(Some(&certificate()), day(0)), Step::Ask);
}

#[test]
fn without_a_window_it_is_renewed_after_two_thirds_of_its_life() {
    let progress = told(None, day(59));
    assert_eq!(progress.renew_at(), Some(day(60)));
    assert!(!progress.has_window());
    // Asked again in the meantime.
    assert_eq!(progress.step(Some(&certificate()), day(59)), Step::Wait(day(59) + ASK_LATER));
    assert_eq!(progress.step(Some(&certificate()), day(59) + ASK_LATER), Step::Ask);
    assert_eq!(told(None, day(60)).step(Some(&certificate()), day(60)), Step::Order);
}

#[test]
fn the_window_of_the_authority_comes_first() {
    let window = Window { start: day(10), end: day(12) };
    let mut progress = told(Some((window, DAY)), day(9));
    assert_eq!(progress.renew_at(), Some(day(11)));
    // The same window chooses the same time, another one another.
    progress.told(&certificate(), Some((window, DAY)), day(10), 0.9);
    assert_eq!(progress.renew_at(), Some(day(11)));
    progress.told(&certificate(), None, day(10), 0.9);
    assert_eq!(progress.renew_at(), Some(day(11)), "what was said holds");
    progress.told(&certificate(), Some((Window { start: day(4), end: day(4) }, DAY)), day(10), 0.9);
    assert_eq!(progress.step(Some(&certificate()), day(10)), Step::Order, "a window that is over means now");
    // One that ends before it starts is a moment.
    let odd = told(Some((Window { start: day(20), end: day(19) }, DAY)), day(1));
    assert_eq!(odd.renew_at(), Some(day(20)));
}

#[test]
fn the_authority_is_asked_neither_too_often_nor_too_seldom() {
    let window = Window { start: day(50), end: day(52) };
    for (wish, pause) in [(Duration::ZERO, ASK.0), (DAY * 30, ASK.1), (DAY / 4, DAY / 4)] {
        let progress = told(Some((window, wish)), day(1));
        assert_eq!(progress.step(Some(&certificate()), day(1)), Step::Wait(day(1) + pause));
    }
}

/// The pauses after failures of one kind, without chance.
fn pauses(trouble: Trouble, ways: usize, count: usize) -> Vec<u64> {
    let mut progress = Progress::default();
    let pause =
        |_| progress.failed((trouble, ways), None, day(0), 0.5).duration_since(day(0)).unwrap().as_secs();
    (0..count).map(pause).collect()
}

#[test]
fn pauses_grow_to_a_limit() {
    assert_eq!(pauses(Trouble::Unreachable, 2, 11)[..5], [10, 20, 40, 80, 160]);
    assert_eq!(pauses(Trouble::Unreachable, 2, 1000)[999], 3600);
    assert_eq!(pauses(Trouble::Refused, 2, 5), [900, 3600, 14_400, 43_200, 43_200]);
}

#[test]
fn the_other_challenge_is_tried_before_the_long_pause() {
    assert_eq!(pauses(Trouble::Challenge, 2, 4), [3, 900, 3, 3600]);
    assert_eq!(pauses(Trouble::Challenge, 1, 2), [900, 3600]);
    let mut progress = Progress::default();
    assert_eq!(progress.challenge(2), 0);
    progress.failed((Trouble::Challenge, 2), None, day(0), 0.5);
    assert_eq!(progress.challenge(2), 1);
    progress.failed((Trouble::Unreachable, 2), None, day(0), 0.5);
    assert_eq!(progress.challenge(2), 1, "it was not the challenge's fault");
}

#[test]
fn an_authority_that_was_not_reached_at_first_is_not_waited_for_longer_when_it_refuses() {
    let mut progress = Progress::default();
    let mut pause =
        |trouble| progress.failed((trouble, 1), None, day(0), 0.5).duration_since(day(0)).unwrap().as_secs();
    let troubles = [
        Trouble::Unreachable,
        Trouble::Unreachable,
        Trouble::Refused,
        Trouble::Unreachable,
        Trouble::Challenge,
    ];
    assert_eq!(troubles.map(&mut pause), [10, 20, 900, 10, 3600]);
}

#[test]
fn failures_in_an_hour_are_fewer_than_authorities_take() {
    for random in [0.0, 0.5, 1.0] {
        let (mut progress, mut now, mut failures) = (Progress::default(), day(0), 0);
        while now < day(0) + Duration::from_hours(1) {
            now = progress.failed((Trouble::Challenge, 2), None, now, random);
            failures += 1;
        }
        assert!(failures < 5, "{failures} with {random}");
    }
}

#[test]
fn chance_spreads_the_tries_and_the_authority_may_ask_for_more() {
    let failed = |wish, random| {
        let mut progress = Progress::default();
        let at = progress.failed((Trouble::Refused, 1), wish, day(0), random);
        assert_eq!(progress.step(None, day(0)), Step::Wait(at));
        assert_eq!(progress.step(None, at), Step::Order);
        at.duration_since(day(0)).unwrap()
    };
    assert_eq!([failed(None, 0.0), failed(None, 1.0)].map(|pause| pause.as_secs()), [720, 1080]);
    assert_eq!(failed(Some(Duration::from_hours(2)), 0.5), Duration::from_hours(2));
    assert_eq!(failed(Some(DAY * 30), 0.5), LONGEST_WISH);
}

#[test]
fn an_authority_that_always_wants_renewal_is_not_heeded_at_once() {
    let past = Window { start: day(0), end: day(0) };
    let mut progress = told(Some((past, DAY)), day(1));
    assert_eq!(progress.step(Some(&certificate()), day(1)), Step::Order);
    progress.issued(&certificate(), day(1));
    assert_eq!(progress.step(Some(&certificate()), day(1)), Step::Ask);
    progress.told(&certificate(), Some((past, DAY * 9)), day(1), 0.5);
    assert_eq!(progress.step(Some(&certificate()), day(1)), Step::Wait(day(2)));
    // Nor does somebody who asks for a try change that, as nothing failed.
    progress.try_now();
    progress.told(&certificate(), Some((past, DAY * 9)), day(1), 0.5);
    assert_eq!(progress.step(Some(&certificate()), day(1)), Step::Wait(day(2)));
}

#[test]
fn what_failed_is_tried_when_somebody_asks_for_it() {
    let mut progress = Progress::default();
    progress.failed((Trouble::Refused, 1), None, day(0), 0.5);
    progress.try_now();
    assert_eq!(progress.step(None, day(0)), Step::Order);
}

#[test]
fn a_pause_that_began_when_the_clock_was_ahead_is_none() {
    let mut progress = Progress::default();
    progress.failed((Trouble::Refused, 1), None, day(365), 0.5);
    assert_eq!(progress.step(None, day(0)), Step::Order);
    progress.told(&certificate(), None, day(365), 0.5);
    assert_eq!(progress.step(Some(&certificate()), day(0)), Step::Ask);
    let mut backoff = Backoff::default();
    backoff.failed(Trouble::Unreachable, None, day(365), 0.5);
    assert_eq!((backoff.until(day(365)), backoff.until(day(0))), (Some(day(365) + UNREACHABLE.0), None));
}

#[test]
fn what_is_not_done_is_asked_for_again_soon_and_never_without_end() {
    assert_eq!(pauses(Trouble::Unfinished, 2, 4), [10, 20, 40, 80]);
    assert_eq!(pauses(Trouble::Unfinished, 2, 20)[19], 3600);
}

#[test]
fn orders_for_lives_of_seconds_do_not_follow_each_other_at_once() {
    let short = CertificateSummary { not_after: day(0) + Duration::from_secs(9), ..certificate() };
    let mut progress = Progress::default();
    progress.issued(&short, day(0));
    assert_eq!(progress.step(None, day(0)), Step::Wait(day(0) + BETWEEN_ORDERS.0));
}
