//! Chooses the endpoint of a try: among those that may have it, by what users wrote of balancing.
//! Who may have it is decided in `balance::tiers`, and by which rule in the other files there.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::{LocalCluster, LocalEndpoint};
use crate::balance::round_robin::RoundRobin;
use crate::balance::tiers::{Standing, admission};
use crate::balance::{Balance, StickyValue, ewma, least_requests, p2c, random, slow_start, sticky};
use crate::cluster::Cluster;
use crate::endpoint::{EndpointShared, Endpoints};

/// What a choice goes by.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// The time.
    pub now: Instant,
    /// The hash of the request's key, where balancing goes by one and the request has it.
    pub key: Option<u64>,
    /// What the client's cookie says, where balancing goes by one and it sent one.
    pub cookie: Option<StickyValue>,
    /// Where chance comes from.
    pub random: &'a RefCell<Rng>,
}

impl LocalCluster {
    /// The endpoint for the next try, other than those that were `tried` already; none where none is left that is available.
    pub fn next(&self, tried: &[Rc<LocalEndpoint>], choice: &Choice<'_>) -> Option<Rc<LocalEndpoint>> {
        let turns = &mut *self.current_turns();
        let chosen = turns.chooser.next(&turns.endpoints, tried, choice)?;
        Some(Rc::clone(&turns.endpoints[chosen]))
    }

    /// What the cookie says that leads back to this endpoint, where balancing goes by one.
    pub fn cookie_of(&self, endpoint: &Rc<LocalEndpoint>) -> Option<StickyValue> {
        let turns = self.turns.borrow();
        let at = turns.endpoints.iter().position(|other| Rc::ptr_eq(other, endpoint))?;
        turns.chooser.cookie(at)
    }
}

/// Chooses among the endpoints of one list.
#[derive(Debug)]
pub(super) struct Chooser {
    weights: Box<[u32]>,
    robin: RoundRobin,
    /// None where each simply has its turn.
    among: Option<Box<Among>>,
}

impl Chooser {
    /// A chooser of these endpoints. `credit` tells what each that was there before has in the round robin; where none was, that is
    /// `offset` turns in.
    pub(super) fn new(
        cluster: &Cluster,
        found: &Arc<Endpoints>,
        offset: u32,
        credit: impl Fn(&Arc<EndpointShared>) -> Option<i64>,
    ) -> Self {
        let list = &found.list;
        let weights: Box<[u32]> = list.iter().map(|member| member.endpoint.weight).collect();
        let among = Among::new(cluster, found).map(Box::new);
        let kept: Vec<_> = list.iter().map(|member| credit(&member.shared)).collect();
        let begun = if kept.iter().any(Option::is_some) {
            RoundRobin::with_credit(kept.into_iter().map(Option::unwrap_or_default).collect())
        } else {
            RoundRobin::new(&weights, offset)
        };
        let scale = scale(among.is_some());
        let credits = (0..list.len()).map(|index| begun.credit(index) * scale);
        let robin = RoundRobin::with_credit(credits.collect());
        Self { weights, robin, among }
    }

    /// What the round robin owes to an endpoint, in units of weight.
    pub(super) fn credit(&self, index: usize) -> i64 {
        self.robin.credit(index) / scale(self.among.is_some())
    }

    #[inline]
    fn next(
        &mut self,
        endpoints: &[Rc<LocalEndpoint>],
        tried: &[Rc<LocalEndpoint>],
        choice: &Choice<'_>,
    ) -> Option<usize> {
        if let Some(among) = &mut self.among {
            among.admit(&self.weights, endpoints, tried, choice);
            return among.choose(&mut self.robin, endpoints, choice);
        }
        let Self { weights, robin, .. } = self;
        robin.next(|index| {
            let endpoint = &endpoints[index];
            let may = !is_tried(endpoint, tried) && endpoint.known.is_available(choice.now);
            if may { weights[index].into() } else { 0 }
        })
    }

    fn cookie(&self, index: usize) -> Option<StickyValue> {
        match &self.among.as_ref()?.rule {
            Rule::Sticky(values) => values.get(index).copied(),
            _ => None,
        }
    }
}

/// How many units the round robin counts for a weight of 1, where weights may have parts or not.
fn scale(has_parts: bool) -> i64 {
    if has_parts { slow_start::SCALE } else { 1 }
}

fn is_tried(endpoint: &Rc<LocalEndpoint>, tried: &[Rc<LocalEndpoint>]) -> bool {
    tried.iter().any(|other| Rc::ptr_eq(other, endpoint))
}

/// What it takes to choose by more than turns.
#[derive(Debug)]
struct Among {
    rule: Rule,
    /// The tier of each endpoint, and all of them in order.
    tiers: Box<[u32]>,
    order: Vec<u32>,
    slow_start: Option<Duration>,
    panic_threshold: u32,
    /// For one choice: where each endpoint stands, and its share; 0 where it may not be chosen.
    standings: Vec<Standing>,
    shares: Vec<f64>,
    /// And whether it takes part, where one that starts slowly does so in few choices.
    takes_part: Vec<bool>,
}

/// The rule, with what is made from the list beforehand.
#[derive(Debug)]
enum Rule {
    RoundRobin,
    Random,
    P2c,
    LeastRequests,
    Ewma,
    Ring(Arc<Endpoints>),
    Maglev(Arc<Endpoints>),
    Sticky(Vec<StickyValue>),
}

impl Among {
    /// None where nothing was written that goes beyond turns.
    fn new(cluster: &Cluster, found: &Arc<Endpoints>) -> Option<Self> {
        let settings = cluster.settings();
        let list = &found.list;
        let tiers: Box<[u32]> = list.iter().map(|member| member.endpoint.tier).collect();
        let mut order = tiers.to_vec();
        order.sort_unstable();
        order.dedup();
        let is_plain = order.len() <= 1 && settings.slow_start.is_none() && settings.panic_threshold == 0;
        if is_plain && settings.balance == Balance::RoundRobin {
            return None;
        }
        let rule = match &settings.balance {
            Balance::RoundRobin => Rule::RoundRobin,
            Balance::Random => Rule::Random,
            Balance::P2c => Rule::P2c,
            Balance::LeastRequests => Rule::LeastRequests,
            Balance::Ewma => Rule::Ewma,
            Balance::RingHash => Rule::Ring(Arc::clone(found)),
            Balance::Maglev => Rule::Maglev(Arc::clone(found)),
            Balance::Sticky(_) => {
                let identities = || list.iter().map(|member| member.endpoint.identity());
                let key = cluster.cookie_key().into_iter();
                let values = key.flat_map(|key| identities().map(|name| key.value(&settings.name, &name)));
                Rule::Sticky(values.collect())
            }
        };
        let (slow_start, panic_threshold) = (settings.slow_start, settings.panic_threshold);
        let (standings, shares, takes_part) = Default::default();
        Some(Self { rule, tiers, order, slow_start, panic_threshold, standings, shares, takes_part })
    }

    /// Finds out who may be chosen, and with which share.
    fn admit(
        &mut self,
        weights: &[u32],
        endpoints: &[Rc<LocalEndpoint>],
        tried: &[Rc<LocalEndpoint>],
        choice: &Choice<'_>,
    ) {
        self.standings.clear();
        self.standings.extend(endpoints.iter().enumerate().map(|(index, endpoint)| Standing {
            tier: self.tiers[index],
            has_weight: weights[index] > 0,
            is_available: endpoint.known.is_available(choice.now),
            is_tried: is_tried(endpoint, tried),
        }));
        let admission = admission(&self.standings, &self.order, self.panic_threshold);
        let admits = |standing: &Standing| admission.is_some_and(|admission| admission.admits(*standing));
        let shares = self.standings.iter().zip(weights);
        self.shares.clear();
        self.shares
            .extend(shares.map(|(standing, &weight)| if admits(standing) { f64::from(weight) } else { 0.0 }));
        if let Some(whole) = self.slow_start {
            self.slow_down(whole, endpoints, choice);
        }
    }

    /// Lowers the shares of those that began to serve not long ago.
    fn slow_down(&mut self, whole: Duration, endpoints: &[Rc<LocalEndpoint>], choice: &Choice<'_>) {
        let part = |index: usize| {
            let served = endpoints[index].known.served_for(choice.now);
            served.map_or(1.0, |served| slow_start::part(served, whole))
        };
        if !matches!(self.rule, Rule::Ewma) {
            self.shares.iter_mut().enumerate().for_each(|(index, share)| *share *= part(index));
            return;
        }
        // There a share is no part of the requests: who has a part of its weight takes part in as many choices.
        let draw = |part: f64| part >= 1.0 || choice.random.borrow_mut().f64() < part;
        self.takes_part.clear();
        self.takes_part.extend((0..endpoints.len()).map(|index| draw(part(index))));
        let (shares, takes_part) = (&mut self.shares, &self.takes_part);
        if shares.iter().zip(takes_part).any(|(&share, &takes_part)| share > 0.0 && takes_part) {
            let others = shares.iter_mut().zip(takes_part).filter(|(_, takes_part)| !**takes_part);
            others.for_each(|(share, _)| *share = 0.0);
        }
    }

    fn choose(
        &self,
        robin: &mut RoundRobin,
        endpoints: &[Rc<LocalEndpoint>],
        choice: &Choice<'_>,
    ) -> Option<usize> {
        let shares = &self.shares[..];
        let may = |index: usize| shares[index] > 0.0;
        let load = |index: usize| endpoints[index].known.under_way();
        let latency = |index: usize| endpoints[index].known.latency(choice.now);
        let mut by_turns = || robin.next(|index| slow_start::scaled(shares[index]));
        let random = || -> RefMut<'_, Rng> { choice.random.borrow_mut() };
        // A request without a key belongs to nobody.
        let by_key = |find: &dyn Fn(u64) -> Option<usize>| match choice.key {
            Some(key) => find(key),
            None => random::choose(shares, &mut random()),
        };
        match &self.rule {
            Rule::RoundRobin => by_turns(),
            Rule::Random => random::choose(shares, &mut random()),
            Rule::P2c => p2c::choose(shares, load, &mut random()),
            Rule::LeastRequests => least_requests::choose(shares, load, robin),
            Rule::Ewma => ewma::choose(shares, latency, load, &mut random()),
            Rule::Ring(list) => by_key(&|key| list.ring().choose(key, may)),
            Rule::Maglev(list) => by_key(&|key| list.maglev().choose(key, may)),
            Rule::Sticky(values) => {
                let shown = choice.cookie.and_then(|cookie| sticky::find(values, &cookie));
                shown.filter(|&index| may(index)).or_else(by_turns)
            }
        }
    }
}

#[cfg(test)]
mod tests;
