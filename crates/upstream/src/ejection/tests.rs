//! Ejections of several endpoints at once: by threads, and over time. How one endpoint stands is tested in `standing`.

use super::*;

/// In milliseconds.
const SECOND: u64 = 1000;

fn rules() -> OutlierDetection {
    OutlierDetection {
        consecutive_errors: 3,
        eject_for: Duration::from_millis(SECOND),
        max_eject_for: Duration::from_millis(4 * SECOND),
        ..OutlierDetection::default()
    }
}

/// Endpoints of one upstream, of which so many may be ejected at once.
struct All {
    shared: Arc<HealthShared>,
    endpoints: Vec<Ejection>,
    most: usize,
}

impl All {
    fn new(endpoints: usize, most: usize) -> Self {
        let endpoints = (0..endpoints).map(|_| Ejection::default()).collect();
        Self { shared: Arc::new(HealthShared::new(&"app".into())), endpoints, most }
    }

    fn fail(&self, at: usize, now: u64) {
        let owner = || Owner { upstream: Arc::clone(&self.shared), endpoint: at.to_string() };
        self.endpoints[at].fail(now, &rules(), owner, || self.shared.take_place(self.most));
    }

    fn ejected(&self) -> usize {
        self.endpoints.iter().filter(|endpoint| endpoint.is_ejected()).count()
    }
}

#[test]
fn so_many_failures_in_a_row_eject_and_time_heals() {
    let (all, start) = (All::new(1, 1), 77);
    let endpoint = &all.endpoints[0];
    all.fail(0, start);
    all.fail(0, start);
    endpoint.succeed(start, &rules());
    all.fail(0, start);
    all.fail(0, start);
    assert!(!endpoint.is_ejected(), "the success ended the row");
    all.fail(0, start);
    assert_eq!((endpoint.left(start), all.shared.ejected()), (Some(Duration::from_millis(SECOND)), 1));
    // What was under way when it was ejected changes nothing.
    endpoint.succeed(start, &rules());
    all.fail(0, start);
    assert!(!endpoint.end_if_over(start + SECOND / 2) && endpoint.is_ejected());
    assert!(endpoint.end_if_over(start + SECOND) && !endpoint.is_ejected());
    assert_eq!((all.shared.ejected(), all.shared.ejections.value()), (0, 1));
    (0..3).for_each(|_| all.fail(0, start + SECOND));
    assert_eq!(
        endpoint.left(start + SECOND),
        Some(Duration::from_millis(2 * SECOND)),
        "it had served off nothing"
    );
    assert!(endpoint.forgive() && !endpoint.forgive());
    assert_eq!((endpoint.is_ejected(), all.shared.ejected()), (false, 0));
}

#[test]
fn who_finds_no_place_is_ejected_once_there_is_one() {
    let (all, start) = (All::new(2, 1), 0);
    for at in [0, 1, 1] {
        (0..3).for_each(|_| all.fail(at, start));
    }
    assert_eq!((all.ejected(), all.endpoints[1].is_ejected()), (1, false));
    assert!(all.endpoints[0].end_if_over(start + SECOND));
    all.fail(1, start + SECOND);
    assert!(all.endpoints[1].is_ejected(), "one failure more is enough");
}

#[test]
fn a_share_of_the_endpoints_is_rounded_down() {
    let share = |max_ejected| OutlierDetection { max_ejected, ..rules() };
    let half = share(500_000);
    assert_eq!([0, 1, 2, 3, 10, 11].map(|n| half.most_ejected(n)), [0, 0, 1, 1, 5, 5]);
    assert_eq!(share(1).most_ejected(999_999), 0);
    let all = share(1_000_000);
    assert_eq!([0, 1, 2, usize::MAX].map(|n| all.most_ejected(n)), [0, 0, 1, usize::MAX - 1], "one stays");
}

#[test]
fn an_endpoint_that_is_gone_leaves_its_place() {
    let (mut all, start) = (All::new(2, 1), 0);
    (0..3).for_each(|_| all.fail(0, start));
    assert_eq!(all.shared.ejected(), 1);
    all.endpoints[0].leave();
    assert_eq!(all.shared.ejected(), 0);
    // What is still under way there takes none, until it has come back.
    (0..5).for_each(|_| all.fail(0, start));
    all.endpoints[0].succeed(start, &rules());
    assert_eq!((all.endpoints[0].is_ejected(), all.shared.ejected()), (false, 0));
    assert!(!all.endpoints[0].forgive());
    all.fail(0, start);
    all.endpoints[0].join();
    (0..2).for_each(|_| all.fail(0, start));
    assert_eq!(all.shared.ejected(), 0, "all before was forgotten");
    all.fail(0, start);
    assert_eq!(all.shared.ejected(), 1);
    all.endpoints[0].join();
    assert!(all.endpoints[0].is_ejected());
    all.endpoints.remove(0);
    assert_eq!(all.shared.ejected(), 0);
}

#[test]
fn threads_never_eject_more_than_may_be() {
    const MOST: usize = 3;
    let all = All::new(8, MOST);
    // Each round is a second later: what was ejected in the last one comes back, and others fail.
    for round in 0..60 {
        let now = 4 * SECOND * round;
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let all = &all;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(round << 8 | thread);
                    for _ in 0..300 {
                        let at = random.usize(..all.endpoints.len());
                        match random.u8(..16) {
                            0 => all.endpoints[at].succeed(now, &rules()),
                            1 => {
                                all.endpoints[at].end_if_over(now);
                            }
                            2 => {
                                all.endpoints[at].forgive();
                            }
                            3 => all.endpoints[at].leave(),
                            4 => all.endpoints[at].join(),
                            _ => all.fail(at, now),
                        }
                        assert!(all.shared.ejected() <= MOST);
                    }
                });
            }
        });
        assert_eq!(all.shared.ejected(), all.ejected(), "each is counted once");
    }
    assert!(all.shared.ejections.value() > 60, "they were ejected again and again");
}
