//! A store with a control runtime of its own, as it is in the gateway; the test is a worker.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use maitred_store::{
    Algorithm, Decision, Key, Limit, Moment, Period, RedisLogin, RedisPlace, RedisServers, RedisSettings,
    RedisStore, Said, Scope, Seat, Store, Take,
};
use maitred_tests::Redis;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// The seat of the test.
pub const SEAT: Seat = Seat::Worker(0);

/// For what the server's own clock decides.
pub const NOW: Moment = Moment { steady: 0, wall: 0 };

/// A store whose chores are done. They end with it.
pub struct Stage {
    pub store: Arc<RedisStore>,
    worker: Runtime,
    control: Option<std::thread::JoinHandle<()>>,
    ends_control: Option<oneshot::Sender<()>>,
}

/// What the gateway has by default, but for the time-out: machines that run tests are busy.
pub fn settings(servers: RedisServers) -> RedisSettings {
    RedisSettings {
        name: "default".into(),
        servers,
        login: RedisLogin::default(),
        database: 0,
        tls: None,
        timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_secs(2),
        prefix: "maitred:".into(),
    }
}

pub fn place(redis: &Redis) -> RedisPlace {
    RedisPlace::Tcp("127.0.0.1".into(), redis.port())
}

impl Stage {
    pub fn of(settings: &RedisSettings) -> Self {
        let store = Arc::new(RedisStore::new(settings));
        let chores = Arc::clone(&store).chores().unwrap();
        let (sender, ended) = oneshot::channel::<()>();
        let control = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let chores = tokio::spawn(chores);
                let _ = ended.await;
                chores.abort();
            });
        });
        let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { store, worker, control: Some(control), ends_control: Some(sender) }
    }

    pub fn single(redis: &Redis) -> Self {
        Self::of(&settings(RedisServers::Single(place(redis))))
    }

    pub fn run<F: Future>(&self, asking: F) -> F::Output {
        self.worker.block_on(asking)
    }

    /// Takes 1 from this limit.
    pub fn take(&self, value: &str, limit: Limit) -> Said<Decision> {
        self.run(self.store.take(SEAT, take(&scope(), value, &[limit], 1)).wait())
    }

    /// Whether it can be asked now.
    pub fn is_well(&self) -> bool {
        self.take("well", per_second(1_000_000)).is_ok()
    }
}

impl Deref for Stage {
    type Target = RedisStore;

    fn deref(&self) -> &RedisStore {
        &self.store
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.ends_control.take());
        let _ = self.control.take().map(std::thread::JoinHandle::join);
    }
}

pub fn scope() -> Scope {
    Scope::new("limit:test")
}

pub fn take<'a>(scope: &'a Scope, value: &'a str, limits: &'a [Limit], cost: u64) -> Take<'a> {
    Take { key: Key { scope, value: value.as_bytes() }, limits, cost, is_due: false, now: NOW }
}

pub fn per_second(count: u64) -> Limit {
    let period = Period::Length(Duration::from_secs(1));
    Limit { algorithm: Algorithm::TokenBucket, count, period, burst: count }
}

pub fn per_day(algorithm: Algorithm, count: u64) -> Limit {
    Limit { algorithm, count, period: Period::Length(Duration::from_hours(24)), burst: count }
}
