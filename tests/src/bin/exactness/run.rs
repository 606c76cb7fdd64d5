//! One run: gateways and their store, the clients before them, and what is done to the store.

use std::time::Duration;

use maitred_tests::{Gateway, Origin, Redis, RedisSentinels, eventually};

use crate::Clock;
use crate::clients::{Asked, Clients};
use crate::limits::ROUTES;

const GATEWAYS: usize = 4;
/// How long everything is well: without a fault all the time, else before and after it.
const WELL: Duration = Duration::from_secs(14);
const BEFORE: Duration = Duration::from_secs(6);
/// How long Redis is away; a failover takes as long as sentinels need.
const AWAY: Duration = Duration::from_secs(4);
const AFTER: Duration = Duration::from_secs(6);

/// What is done to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One gateway, which counts in its memory.
    Memory,
    None,
    Killed,
    Paused,
    FailedOver,
}

/// What came of a run; times are microseconds of the clock.
pub struct Outcome {
    pub asked: Vec<Asked>,
    /// When the store was taken away, was there again, and served all gateways again.
    pub away: Option<(u64, u64, u64)>,
    /// Commands that the store was there for and has not answered in time, so that a gateway counted for itself: up to the fault (or the
    /// end), and from when all gateways were served again.
    pub missed: (i64, i64),
    pub gateways: usize,
}

enum Stores {
    Memory,
    One(Redis),
    Sentinels(RedisSentinels),
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::Memory, Self::None, Self::Killed, Self::Paused, Self::FailedOver];

    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::None => "redis",
            Self::Killed => "killed",
            Self::Paused => "paused",
            Self::FailedOver => "failed-over",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Memory => "One gateway, which counts in its memory",
            Self::None => "Four gateways on one Redis",
            Self::Killed => "Redis is killed, and started again, empty, four seconds later",
            Self::Paused => "Redis is paused (SIGSTOP) for four seconds",
            Self::FailedOver => "Redis is killed, and sentinels make its replica the master",
        }
    }
}

pub fn run(fault: Fault) -> Outcome {
    let mut stores = Stores::of(fault);
    let origin = Origin::start();
    let document = document(&stores, origin.url());
    let count = if fault == Fault::Memory { 1 } else { GATEWAYS };
    let gateways: Vec<Gateway> = (0..count).map(|_| Gateway::start(&document)).collect();
    let ports: Vec<u16> = gateways.iter().map(|gateway| gateway.port("web")).collect();
    if fault != Fault::Memory {
        for gateway in &gateways {
            eventually("the store is there", || warmed(gateway));
        }
    }
    let clock = Clock::start();
    let clients = Clients::start(&ports, clock);
    let mut away = None;
    let mut missed = (-missed(&gateways), 0);
    if let Fault::Memory | Fault::None = fault {
        pass(WELL);
        missed.0 += self::missed(&gateways);
    } else {
        pass(BEFORE);
        missed.0 += self::missed(&gateways);
        let gone = clock.now();
        stores.take_away(fault);
        let there = clock.now();
        for gateway in &gateways {
            wait_until_served(gateway);
        }
        missed.1 -= self::missed(&gateways);
        away = Some((gone, there, clock.now()));
        pass(AFTER);
        missed.1 += self::missed(&gateways);
    }
    Outcome { asked: clients.end(), away, missed, gateways: count }
}

/// Lets time pass, in which the clients go on: that is what is looked at here.
fn pass(time: Duration) {
    let clock = Clock::start();
    let end = clock.now() + u64::try_from(time.as_micros()).unwrap();
    while clock.now() < end {
        std::thread::park_timeout(Duration::from_micros(end - clock.now()));
    }
}

impl Stores {
    fn of(fault: Fault) -> Self {
        match fault {
            Fault::Memory => Self::Memory,
            Fault::FailedOver => Self::Sentinels(RedisSentinels::default()),
            _ => Self::One(Redis::default()),
        }
    }

    /// Until it is there again, or another in its place.
    fn take_away(&mut self, fault: Fault) {
        match self {
            Self::Memory => {}
            Self::One(redis) if fault == Fault::Paused => {
                redis.pause();
                pass(AWAY);
                redis.resume();
            }
            Self::One(redis) => {
                redis.kill();
                pass(AWAY);
                redis.restart();
            }
            Self::Sentinels(sentinels) => {
                sentinels.servers[0].kill();
                eventually("the replica is the master", || (sentinels.master() == Some(1)).then_some(()));
            }
        }
    }
}

fn document(stores: &Stores, origin: &str) -> String {
    let store = match stores {
        Stores::Memory => String::new(),
        Stores::One(redis) => format!("stores: {{ default: {{ redis: \"{}\" }} }}\n", redis.url()),
        Stores::Sentinels(sentinels) => {
            let urls: Vec<String> =
                sentinels.sentinels.iter().map(|each| format!("\"{}\"", each.url())).collect();
            let urls = urls.join(", ");
            format!(
                "stores: {{ default: {{ redis: {{ sentinel: {{ master: shop, urls: [{urls}] }} }} }} }}\n"
            )
        }
    };
    let routes = ROUTES.map(|route| {
        let name = route.name;
        if route.limits.is_empty() {
            return format!("  {name}: {{ match: /{name}, upstream: service }}\n");
        }
        let policy = |(number, written): (usize, &&str)| {
            format!("rate_limit/r{number}: {{ {written}, by: header.X-Client, on_store_failure: local }}")
        };
        let policies: Vec<String> = route.written.iter().enumerate().map(policy).collect();
        let policies = policies.join(", ");
        format!("  {name}: {{ match: /{name}, upstream: service, policies: {{ {policies} }} }}\n")
    });
    format!(
        "{store}upstreams: {{ service: {origin} }}\ntelemetry: {{ access_log: false }}\nroutes:\n{}",
        routes.concat()
    )
}

/// Whether the gateway's store is there, for somebody whom nobody counts.
fn warmed(gateway: &Gateway) -> Option<()> {
    let request = format!("GET /{} HTTP/1.1\r\nHost: shop\r\nX-Client: nobody\r\n\r\n", ROUTES[1].name);
    assert_eq!(gateway.connect().ask(&request).status(), 200);
    (is_served(gateway) && answered(gateway) > 0).then_some(())
}

/// Until the gateway's store answers again.
fn wait_until_served(gateway: &Gateway) {
    let before = answered(gateway);
    eventually("the store is asked again", || {
        (is_served(gateway) && answered(gateway) > before).then_some(())
    });
}

/// Whether the gateway asks its store.
fn is_served(gateway: &Gateway) -> bool {
    gateway.metrics().sum("maitred_store_open", &[]) == 0
}

/// Commands that the gateway's store has answered.
fn answered(gateway: &Gateway) -> i64 {
    gateway.metrics().sum("maitred_store_commands_total", &[("outcome", "ok")])
}

/// Commands that stores of the gateways have not answered.
fn missed(gateways: &[Gateway]) -> i64 {
    let missed = |gateway: &Gateway| {
        // Of one moment: between two, others are answered.
        let metrics = gateway.metrics();
        let commands = |labels: &[(&str, &str)]| metrics.sum("maitred_store_commands_total", labels);
        commands(&[]) - commands(&[("outcome", "ok")])
    };
    gateways.iter().map(missed).sum()
}
