//! Choices over many requests, with a seeded source of chance and times that are told: no socket, no clock.

use std::sync::Arc;

use maitred_telemetry::{Metrics, MetricsOptions};
use maitred_wire::Limits;

use super::*;
use crate::balance::testing::{assert_close, distribution};
use crate::balance::{StickySettings, hash_key};
use crate::cluster::{ClusterSettings, EndpointHost, EndpointSettings, Transport};
use crate::endpoint::Protocol;
use crate::local::Call;
use crate::result::TryResult;

/// An upstream on one worker, whose endpoints are `10.0.0.0`, `10.0.0.1` and so on.
struct Sample {
    settings: ClusterSettings,
    local: Rc<LocalCluster>,
    random: RefCell<Rng>,
    start: Instant,
}

impl Sample {
    fn new(balance: Balance, weights: &[u32]) -> Self {
        Self::with(balance, weights, |_| ())
    }

    #[expect(clippy::disallowed_methods, reason = "any instant: what is tested is told times after it")]
    fn with(balance: Balance, weights: &[u32], change: impl FnOnce(&mut ClusterSettings)) -> Self {
        let mut settings = ClusterSettings::new("shop".into(), endpoints(weights));
        settings.balance = balance;
        change(&mut settings);
        let local = local(settings.clone(), None);
        Self { settings, local, random: RefCell::new(Rng::with_seed(11)), start: Instant::now() }
    }

    /// The same after a reload that changes something.
    fn reload(&mut self, change: impl FnOnce(&mut ClusterSettings)) {
        change(&mut self.settings);
        self.local = local(self.settings.clone(), Some(&self.local));
    }

    fn at(&self, seconds: u64) -> Choice<'_> {
        let now = self.start + Duration::from_secs(seconds);
        Choice { now, key: None, cookie: None, random: &self.random }
    }

    fn next(&self, choice: &Choice<'_>) -> Option<usize> {
        self.local.next(&[], choice).map(|endpoint| number(&endpoint))
    }

    /// The shares of so many choices.
    fn shares(&self, n: usize, choice: &Choice<'_>) -> Vec<f64> {
        distribution(n, 20_000, || self.next(choice))
    }

    fn begin(&self, endpoint: &Rc<LocalEndpoint>, choice: &Choice<'_>) -> Call {
        Call::begin(&self.local, endpoint, choice.now).unwrap()
    }
}

fn endpoints(weights: &[u32]) -> Vec<EndpointSettings> {
    let endpoint = |(n, &weight): (usize, &u32)| EndpointSettings {
        host: EndpointHost::Tcp { host: format!("10.0.0.{n}").into(), port: 80 },
        weight,
        protocol: Protocol::Http1,
        is_backup: false,
    };
    weights.iter().enumerate().map(endpoint).collect()
}

fn local(settings: ClusterSettings, previous: Option<&LocalCluster>) -> Rc<LocalCluster> {
    local_at(settings, 0, previous)
}

fn local_at(settings: ClusterSettings, offset: u32, previous: Option<&LocalCluster>) -> Rc<LocalCluster> {
    let options = MetricsOptions { workers: 1, max_series: 100, version: "", revision: "", started: 0 };
    let metrics = Metrics::new(options);
    let series = metrics.upstream(&settings.name);
    let transport = Transport { tls: None, limits: Limits::default() };
    let cluster = Cluster::new(settings, transport, previous.map(LocalCluster::cluster));
    Rc::new(LocalCluster::new(Arc::new(cluster), series, (0, 1), offset, previous))
}

/// The last number of its address.
fn number(endpoint: &LocalEndpoint) -> usize {
    let text = endpoint.endpoint.to_string();
    text.trim_start_matches("10.0.0.").trim_end_matches(":80").parse().unwrap()
}

fn keyed<'a>(sample: &'a Sample, key: &str) -> Choice<'a> {
    Choice { key: Some(hash_key(key.as_bytes())), ..sample.at(0) }
}

fn sticky() -> Balance {
    Balance::Sticky(StickySettings { cookie: "srv".into(), max_age: None, secret: None })
}

#[test]
fn every_rule_goes_by_weight() {
    for balance in [Balance::RoundRobin, Balance::Random, Balance::P2c, Balance::LeastRequests, sticky()] {
        let sample = Sample::new(balance.clone(), &[1, 0, 3]);
        let shares = sample.shares(3, &sample.at(0));
        assert_close(&shares, &[0.25, 0.0, 0.75], 0.02);
    }
    for balance in [Balance::RingHash, Balance::Maglev] {
        let sample = Sample::new(balance, &[1, 0, 3]);
        let mut n = 0;
        let shares = distribution(3, 5000, || {
            n += 1;
            sample.next(&keyed(&sample, &format!("user-{n}")))
        });
        assert_close(&shares, &[0.25, 0.0, 0.75], 0.06);
        // Without a key, by chance.
        assert_close(&sample.shares(3, &sample.at(0)), &[0.25, 0.0, 0.75], 0.02);
    }
}

#[test]
fn every_rule_passes_over_what_was_tried_and_ends_when_all_were() {
    for balance in [
        Balance::RoundRobin,
        Balance::Random,
        Balance::P2c,
        Balance::LeastRequests,
        Balance::Ewma,
        Balance::RingHash,
        Balance::Maglev,
        sticky(),
    ] {
        let sample = Sample::new(balance.clone(), &[1, 2, 3, 4]);
        let choice = Choice { key: Some(7), ..sample.at(0) };
        let mut tried = Vec::new();
        while let Some(endpoint) = sample.local.next(&tried, &choice) {
            assert!(!is_tried(&endpoint, &tried), "{balance:?}");
            tried.push(endpoint);
        }
        assert_eq!(tried.len(), 4, "{balance:?}");
    }
}

#[test]
fn a_key_belongs_to_one_endpoint_and_after_it_to_one_other() {
    for balance in [Balance::RingHash, Balance::Maglev] {
        let sample = Sample::new(balance, &[1; 5]);
        for user in ["anna", "bert", "carla", ""] {
            let choice = keyed(&sample, user);
            let first = sample.local.next(&[], &choice).unwrap();
            let second = sample.local.next(std::slice::from_ref(&first), &choice).unwrap();
            for _ in 0..10 {
                assert!(Rc::ptr_eq(&first, &sample.local.next(&[], &choice).unwrap()));
                let again = sample.local.next(std::slice::from_ref(&first), &choice).unwrap();
                assert!(Rc::ptr_eq(&second, &again));
            }
        }
    }
}

#[test]
fn the_fewest_requests_are_counted_from_begin_to_drop() {
    let sample = Sample::new(Balance::LeastRequests, &[1, 1]);
    let choice = sample.at(0);
    let busy = sample.local.next(&[], &choice).unwrap();
    let mut calls: Vec<_> = (0..10).map(|_| sample.begin(&busy, &choice)).collect();
    assert_eq!(busy.known.under_way(), 10);
    for _ in 0..5 {
        assert!(!Rc::ptr_eq(&busy, &sample.local.next(&[], &choice).unwrap()));
    }
    // That it has told how it ended does not end it: its body may still be on its way.
    calls[0].tell(TryResult::Status(500), choice.now);
    assert_eq!(busy.known.under_way(), 10);
    drop(calls);
    assert_eq!(busy.known.under_way(), 0);
}

#[test]
fn nothing_is_counted_or_timed_where_nothing_goes_by_it() {
    let sample = Sample::new(Balance::RoundRobin, &[1, 1]);
    let choice = sample.at(0);
    let endpoint = sample.local.next(&[], &choice).unwrap();
    let mut call = sample.begin(&endpoint, &choice);
    call.heard(choice.now, || panic!("the time is asked for"));
    call.tell(TryResult::Reset, sample.at(1).now);
    assert_eq!(endpoint.known.under_way(), 0);
    assert!(endpoint.known.latency(sample.at(1).now) == 0.0);
}

#[test]
fn ewma_goes_by_the_time_to_the_head_and_shuns_who_fails() {
    let sample = Sample::new(Balance::Ewma, &[1, 1]);
    let endpoints = [0, 1].map(|n| {
        let all = sample.local.turns.borrow().endpoints.clone();
        Rc::clone(all.iter().find(|endpoint| number(endpoint) == n).unwrap())
    });
    let answer = |endpoint: &Rc<LocalEndpoint>, millis: u64, result: Option<TryResult>| {
        let choice = sample.at(0);
        let mut call = sample.begin(endpoint, &choice);
        let end = choice.now + Duration::from_millis(millis);
        match result {
            None => call.heard(choice.now, || end),
            Some(result) => call.tell(result, end),
        }
        // The rest of the answer is read slowly: that is the client's pace.
        call.tell(TryResult::Status(200), choice.now + Duration::from_mins(1));
    };
    answer(&endpoints[0], 20, None);
    answer(&endpoints[1], 10, None);
    assert_close(&sample.shares(2, &sample.at(0)), &[0.0, 1.0], 0.0);
    // It fails at once, which is not fast.
    answer(&endpoints[1], 1, Some(TryResult::ConnectFailure));
    assert_close(&sample.shares(2, &sample.at(0)), &[1.0, 0.0], 0.0);
    // A minute later that is forgotten to a part.
    assert!(endpoints[1].known.latency(sample.at(60).now) < 0.01);
}

#[test]
fn ewma_takes_no_time_that_is_the_clients() {
    let sample = Sample::new(Balance::Ewma, &[1]);
    let (start, later) = (sample.at(0), sample.at(60).now);
    let endpoint = sample.local.next(&[], &start).unwrap();
    let mut call = sample.begin(&endpoint, &start);
    // The request was sent slowly, and the answer is read slowly, until it breaks off.
    call.heard(later, || later + Duration::from_millis(10));
    assert!((endpoint.known.latency(later) - 0.01).abs() < 1e-6);
    call.tell(TryResult::Reset, sample.at(120).now);
    assert!((endpoint.known.latency(sample.at(120).now) - 1.0).abs() < 1e-6, "as any failure");
}

#[test]
fn backups_wait_until_nobody_else_is_left() {
    for balance in [Balance::RoundRobin, Balance::LeastRequests, Balance::RingHash, sticky()] {
        let sample = Sample::with(balance, &[1, 1, 1], |settings| settings.endpoints[0].is_backup = true);
        let choice = Choice { key: Some(5), ..sample.at(0) };
        let mut tried = Vec::new();
        for _ in 0..50 {
            assert_ne!(sample.next(&choice), Some(0));
        }
        while let Some(endpoint) = sample.local.next(&tried, &choice) {
            tried.push(endpoint);
        }
        assert_eq!(tried.last().map(|last| number(last)), Some(0));
        assert_eq!(tried.len(), 3);
    }
}

#[test]
fn workers_begin_apart_whatever_a_turn_goes_by() {
    for slow_start in [None, Some(Duration::from_secs(30))] {
        let sample =
            Sample::with(Balance::RoundRobin, &[5, 1, 1], |settings| settings.slow_start = slow_start);
        let worker = local_at(sample.settings.clone(), 2, None);
        let turns = [(); 6].map(|()| worker.next(&[], &sample.at(0)).map(|endpoint| number(&endpoint)));
        assert_eq!(turns, [1, 0, 2, 0, 0, 0].map(Some));
    }
}

#[test]
fn one_that_joins_starts_slowly_and_those_of_the_beginning_do_not() {
    for balance in [Balance::RoundRobin, Balance::Random, Balance::P2c, Balance::LeastRequests] {
        let slow = |settings: &mut ClusterSettings| settings.slow_start = Some(Duration::from_secs(30));
        let mut sample = Sample::with(balance, &[1, 1], slow);
        assert_close(&sample.shares(2, &sample.at(0)), &[0.5, 0.5], 0.02);
        sample.reload(|settings| settings.endpoints = endpoints(&[1, 1, 2]));
        // It begins when it is seen, with a tenth of its weight of 2.
        let share = |part: f64| [1.0 / (2.0 + 2.0 * part), 1.0 / (2.0 + 2.0 * part), part / (1.0 + part)];
        assert_close(&sample.shares(3, &sample.at(100)), &share(0.1), 0.02);
        assert_close(&sample.shares(3, &sample.at(115)), &share(0.55), 0.02);
        assert_close(&sample.shares(3, &sample.at(130)), &share(1.0), 0.02);
        // And again, when it was ill and is well.
        let known = Arc::clone(&sample.local.turns.borrow().endpoints[2].known);
        known.began_serving(sample.at(200).now);
        assert_close(&sample.shares(3, &sample.at(200)), &share(0.1), 0.02);
    }
}

#[test]
fn one_that_joined_before_slow_start_was_written_has_its_share() {
    let mut sample = Sample::new(Balance::RoundRobin, &[1]);
    sample.reload(|settings| settings.endpoints = endpoints(&[1, 1]));
    sample.local.reap(sample.at(10).now);
    sample.reload(|settings| settings.slow_start = Some(Duration::from_secs(30)));
    assert_close(&sample.shares(2, &sample.at(100)), &[0.5, 0.5], 0.01);
    assert_close(&sample.shares(2, &sample.at(10)), &[1.0 / 1.1, 0.1 / 1.1], 0.01);
}

#[test]
fn ewma_lets_one_that_joins_take_part_in_few_choices() {
    let slow = |settings: &mut ClusterSettings| settings.slow_start = Some(Duration::from_secs(30));
    let mut sample = Sample::with(Balance::Ewma, &[1, 1], slow);
    sample.reload(|settings| settings.endpoints = endpoints(&[1, 1, 1]));
    // Nothing is known of any of them, and nothing is under way: of two that are drawn, the first is chosen.
    let found = sample.shares(3, &sample.at(0));
    assert!((0.02..0.05).contains(&found[2]), "{found:?}");
    let found = sample.shares(3, &sample.at(15));
    assert!((0.15..0.22).contains(&found[2]), "{found:?}");
    // Alone it is taken in any case.
    sample.reload(|settings| settings.endpoints = endpoints(&[1, 1, 1])[2..].to_vec());
    assert!((0..100).all(|_| sample.next(&sample.at(0)) == Some(2)));
}

#[test]
fn a_cookie_leads_back_and_a_wrong_one_anywhere() {
    let sample = Sample::new(sticky(), &[1; 4]);
    let endpoint = sample.local.next(&[], &sample.at(0)).unwrap();
    let cookie = sample.local.cookie_of(&endpoint);
    let choice = Choice { cookie, ..sample.at(0) };
    assert!((0..20).all(|_| sample.next(&choice) == Some(number(&endpoint))));
    // It was tried: another one, whose cookie is another.
    let other = sample.local.next(std::slice::from_ref(&endpoint), &choice).unwrap();
    assert_ne!(sample.local.cookie_of(&other), cookie);
    let forged = Choice { cookie: StickyValue::parse(b"AAAAAAAAAAAAAAAAAAAAAA"), ..sample.at(0) };
    assert_close(&sample.shares(4, &forged), &[0.25; 4], 0.01);
    // Where balancing goes by something else, there is no cookie.
    assert_eq!(Sample::new(Balance::Random, &[1]).local.cookie_of(&endpoint), None);
}

#[test]
fn cookies_turns_counts_and_times_go_on_over_a_reload() {
    let mut sample = Sample::new(sticky(), &[1; 3]);
    let endpoint = sample.local.next(&[], &sample.at(0)).unwrap();
    let cookie = sample.local.cookie_of(&endpoint);
    sample.reload(|settings| settings.endpoints = endpoints(&[1; 4]));
    let choice = Choice { cookie, ..sample.at(0) };
    assert_eq!(sample.next(&choice), Some(number(&endpoint)));

    let mut sample = Sample::new(Balance::LeastRequests, &[1, 1]);
    let choice = sample.at(0);
    let endpoint = sample.local.next(&[], &choice).unwrap();
    let call = sample.begin(&endpoint, &choice);
    endpoint.known.observe(Duration::from_millis(30), choice.now);
    sample.reload(|settings| settings.balance = Balance::Ewma);
    let again = sample.local.turns.borrow().endpoints[number(&endpoint)].clone();
    assert!(Rc::ptr_eq(&again, &endpoint));
    assert_eq!(again.known.under_way(), 1);
    assert!(again.known.latency(sample.start) > 0.029);
    drop(call);

    // After two of three turns, the third is next.
    let mut sample = Sample::new(Balance::RoundRobin, &[1; 3]);
    assert_eq!([sample.next(&sample.at(0)), sample.next(&sample.at(0))], [Some(0), Some(1)]);
    sample.reload(|settings| settings.max_requests = 5);
    assert_eq!(sample.next(&sample.at(0)), Some(2));
}

#[test]
fn another_weight_changes_the_share_and_keeps_the_connections() {
    let mut sample = Sample::new(Balance::RoundRobin, &[1, 1]);
    let before = sample.local.turns.borrow().endpoints.clone();
    sample.reload(|settings| settings.endpoints = endpoints(&[1, 4]));
    let after = sample.local.turns.borrow().endpoints.clone();
    assert!(before.iter().zip(&after).all(|(before, after)| Rc::ptr_eq(before, after)));
    assert!(after.iter().all(|endpoint| !endpoint.is_gone.get()));
    assert_close(&sample.shares(2, &sample.at(0)), &[0.2, 0.8], 0.01);
}

#[test]
fn turns_go_on_where_something_is_added_to_them_and_taken_away_again() {
    let mut sample = Sample::new(Balance::RoundRobin, &[1; 4]);
    for slow_start in [Some(Duration::from_secs(9)), None, Some(Duration::from_secs(8)), None] {
        sample.reload(|settings| settings.slow_start = slow_start);
        let mut each: Vec<_> = (0..4).filter_map(|_| sample.next(&sample.at(0))).collect();
        each.sort_unstable();
        assert_eq!(each, [0, 1, 2, 3]);
        // And one turn more, so that the next begins elsewhere.
        sample.next(&sample.at(0));
    }
}
