//! The budget against a naive model, under threads, and over reloads.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use maitred_wire::Limits;
use proptest::prelude::*;

use super::*;
use crate::cluster::{Cluster, ClusterSettings, EndpointHost, EndpointSettings, Transport};
use crate::endpoint::Protocol;

fn start() -> Instant {
    // Any instant will do: tests move time by hand.
    tokio::time::Instant::now().into_std()
}

/// The budget as its definition reads: every event is remembered with its second.
#[derive(Default)]
struct Model {
    requests: Vec<u64>,
    retries: Vec<u64>,
}

impl Model {
    fn take(&mut self, second: u64, share: u64) -> bool {
        let lately = |all: &[u64]| all.iter().filter(|&&at| at + 10 > second).count() as u64;
        let may = lately(&self.retries) < 30 + lately(&self.requests) * share / 1_000_000;
        if may {
            self.retries.push(second);
        }
        may
    }
}

proptest! {
    #[test]
    fn it_does_what_its_definition_says(
        steps in proptest::collection::vec((0u64..4000, 0u8..4), 1..400),
        share in prop_oneof![Just(0u32), Just(200_000), Just(1_000_000), 0u32..=1_000_000],
    ) {
        let (start, budget, mut model) = (start(), RetryBudgetShared::default(), Model::default());
        budget.second(start);
        let mut millis = 0;
        for (later, kind) in steps {
            // Mostly close together, now and then far apart.
            millis += if later > 3900 { later * 10 } else { later / 20 };
            let now = start + Duration::from_millis(millis);
            if kind == 0 {
                prop_assert_eq!(budget.take(now, share), model.take(millis / 1000, share.into()));
            } else {
                budget.count(kind.into(), now);
                model.requests.push(millis / 1000);
            }
        }
    }
}

#[test]
fn a_share_of_the_last_ten_seconds_may_be_tried_again_and_three_for_each() {
    let (start, budget) = (start(), RetryBudgetShared::default());
    let taken = |second| {
        let now = start + Duration::from_secs(second);
        (0..1000).filter(|_| budget.take(now, 200_000)).count()
    };
    assert_eq!(taken(0), 30);
    (0..100).for_each(|n| budget.count(n, start));
    assert_eq!(taken(9), 20, "what was taken counts for as long as the requests do");
    assert_eq!(taken(10), 10, "now the requests count no more, and neither do the first retries");
    assert_eq!(taken(18), 0);
    assert_eq!(taken(19), 20);
    assert_eq!(taken(1000), 30);
}

#[test]
fn threads_together_take_no_more_than_there_is() {
    let (start, budget) = (start(), Arc::new(RetryBudgetShared::default()));
    for n in 0..1000 {
        budget.count(n, start);
    }
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    if budget.take(start, 200_000) {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let taken = taken.into_inner();
    assert!(taken <= 230, "{taken} were taken");
    assert!(taken >= 215, "hardly one is lost where many ask at once: {taken}");
}

#[test]
fn seconds_that_have_no_room_in_their_slot_go_on() {
    let window = Window::default();
    for second in [(1 << 32) - 1, 1 << 32, (1 << 32) + 1] {
        window.add(second);
    }
    assert_eq!(window.sum((1 << 32) + 1), 3);
    assert_eq!(window.sum((1 << 32) + 10), 1);
}

#[test]
fn it_goes_on_when_an_upstream_is_written_otherwise() {
    let cluster = |port: u16, previous: Option<&Cluster>| {
        let endpoint = EndpointSettings {
            is_backup: false,
            host: EndpointHost::Tcp { host: "127.0.0.1".into(), port },
            weight: 1,
            protocol: Protocol::Http1,
        };
        let transport = Transport { tls: None, limits: Limits::default() };
        Cluster::new(ClusterSettings::new("orders".into(), vec![endpoint]), transport, previous)
    };
    let now = start();
    let first = cluster(1, None);
    let taken = |cluster: &Cluster| (0..50).filter(|_| cluster.shared().retry_budget().take(now, 0)).count();
    assert_eq!(taken(&first), 30);
    for port in [1, 2] {
        assert_eq!(taken(&cluster(port, Some(&first))), 0);
    }
    assert_eq!(taken(&cluster(1, None)), 30);
}
