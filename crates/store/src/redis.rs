//! The store in Redis or Valkey: one server, the master that sentinels name, or a cluster; all replicas of the gateway share it. Every
//! operation is one round trip. No request waits longer than the time-out, and none at all while the store is known to be away.

mod breaker;
mod cluster;
mod ears;
mod limits;
mod line;
mod link;
mod mend;
mod names;
mod node;
mod scripts;
mod servers;
mod settings;
mod tally;
mod topology;
mod watch;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maitred_telemetry::{Measure, Measured};
use redis::{Cmd, Value};
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::ears::Ears;
use self::servers::ServersShared;
pub use self::settings::{RedisLogin, RedisPlace, RedisServers, RedisSettings};
use crate::answer::{Answer, Away, Said};
use crate::key::{Key, Scope};
use crate::limit::{Decision, Limit, Moment, Take};
use crate::store::{Ear, Hold, Seat, Store};

/// No entry is longer, in bytes.
const LONGEST_ENTRY: usize = 32 << 20;

/// What stands before each entry, so that an empty one is not the same as none.
const MARK: u8 = b'=';

/// Keys that a server goes through at once while it lists.
const LISTED_AT_ONCE: usize = 500;
/// How long listing may take, all together.
const LISTING: Duration = Duration::from_secs(5);

/// A store in Redis.
#[derive(Debug)]
pub struct RedisStore {
    prefix: Box<str>,
    servers: Arc<ServersShared>,
    ears: Arc<Ears>,
}

impl RedisStore {
    /// A store at these servers. Connections are made when they are needed; what is to be found out of the servers, by
    /// [`chores`](Store::chores).
    pub fn new(settings: &RedisSettings) -> Self {
        let servers = Arc::new(ServersShared::new(settings));
        Self { prefix: settings.prefix.clone(), servers, ears: Arc::new(Ears::new(&settings.prefix)) }
    }

    /// Takes from limits as it would be at this time, in microseconds, in place of the server's, and where so many times of exact windows are kept, if
    /// that is told: for tests of the algorithms.
    #[doc(hidden)]
    pub async fn take_at(&self, seat: Seat, take: Take<'_>, now: u64, most: Option<usize>) -> Said<Decision> {
        let name = names::of(&self.prefix, take.key);
        let call = limits::call(&name, &take, Some(now), most.unwrap_or(limits::MOST_TIMES));
        self.decide(seat, &name, &call, take.limits).await
    }

    async fn decide(&self, seat: Seat, name: &str, call: &Cmd, limits: &[Limit]) -> Said<Decision> {
        let said = self.servers.call(seat, name.as_bytes(), &scripts::TAKE, call).await?;
        limits::decision(&said, limits).ok_or(Away::Refused)
    }

    /// What comes of asking about a key later; at once that its server is away, where that is known.
    fn later<'a, T, F>(&'a self, seat: Seat, key: Key<'a>, asking: impl FnOnce(String) -> F) -> Answer<'a, T>
    where
        F: Future<Output = Said<T>> + 'a,
    {
        let Some(name) = self.servers.name(|| names::of(&self.prefix, key)) else {
            self.servers.tallies.failed(seat, Away::Open);
            return Answer::Ready(Err(Away::Open));
        };
        Answer::Later(Box::pin(asking(name)))
    }

    async fn list_all(&self, seat: Seat, scope: &Scope, most: usize) -> Said<Vec<Box<[u8]>>> {
        let start = names::of_scope(&self.prefix, scope);
        let pattern = names::pattern(&start);
        let until = Instant::now() + LISTING;
        let mut found = BTreeSet::new();
        let nodes = self.servers.topology.load_full();
        if nodes.nodes.is_empty() {
            return Err(Away::Unreachable);
        }
        for node in &nodes.nodes {
            let mut cursor = Vec::from(*b"0");
            loop {
                let mut command = redis::cmd("SCAN");
                command.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(LISTED_AT_ONCE);
                let said = self.servers.ask_one(seat, node, &command).await?;
                let (next, names) = scanned(said).ok_or(Away::Refused)?;
                found.extend(names.iter().filter_map(|name| names::value(&start, name)));
                if found.len() >= most {
                    return Ok(found.into_iter().take(most).collect());
                }
                if next == b"0" {
                    break;
                }
                if Instant::now() >= until {
                    return Err(Away::Late);
                }
                cursor = next;
            }
        }
        Ok(found.into_iter().collect())
    }
}

impl Store for RedisStore {
    fn is_shared(&self) -> bool {
        true
    }

    fn take<'a>(&'a self, seat: Seat, take: Take<'a>) -> Answer<'a, Decision> {
        self.later(seat, take.key, async move |name: String| {
            let call = limits::call(&name, &take, None, limits::MOST_TIMES);
            self.decide(seat, &name, &call, take.limits).await
        })
    }

    fn reset<'a>(&'a self, seat: Seat, key: Key<'a>, limits: &'a [Limit]) -> Answer<'a, ()> {
        self.later(seat, key, async move |name: String| {
            if limits.is_empty() {
                return Ok(());
            }
            let mut command = redis::cmd("DEL");
            command.arg(limits::names(&name, limits));
            self.servers.ask(seat, name.as_bytes(), &command).await.map(|_| ())
        })
    }

    fn list<'a>(&'a self, seat: Seat, scope: &'a Scope, most: usize) -> Answer<'a, Vec<Box<[u8]>>> {
        Answer::Later(Box::pin(self.list_all(seat, scope, most)))
    }

    fn get<'a>(&'a self, seat: Seat, key: Key<'a>, _: Moment) -> Answer<'a, Option<Bytes>> {
        self.later(seat, key, async move |name: String| {
            let mut command = redis::cmd("GETRANGE");
            command.arg(&name).arg(0).arg(LONGEST_ENTRY + 1);
            entry(self.servers.ask(seat, name.as_bytes(), &command).await?)
        })
    }

    fn put<'a>(&'a self, seat: Seat, key: Key<'a>, entry: Bytes, ttl: Duration, _: Moment) -> Answer<'a, ()> {
        self.later(seat, key, async move |name: String| {
            let mut command = redis::cmd("SET");
            command.arg(&name).arg(marked(&entry)?).arg("PX").arg(millis(ttl));
            self.servers.ask(seat, name.as_bytes(), &command).await.map(|_| ())
        })
    }

    fn put_new<'a>(
        &'a self,
        seat: Seat,
        key: Key<'a>,
        new: Bytes,
        ttl: Duration,
        _: Moment,
    ) -> Answer<'a, Option<Bytes>> {
        self.later(seat, key, async move |name: String| {
            let mut call = scripts::PUT_NEW.call(std::slice::from_ref(&name));
            call.arg(marked(&new)?).arg(millis(ttl)).arg(LONGEST_ENTRY + 1);
            entry(self.servers.call(seat, name.as_bytes(), &scripts::PUT_NEW, &call).await?)
        })
    }

    fn remove<'a>(&'a self, seat: Seat, key: Key<'a>) -> Answer<'a, bool> {
        self.later(seat, key, async move |name: String| {
            let mut command = redis::cmd("DEL");
            command.arg(&name);
            is_so(&self.servers.ask(seat, name.as_bytes(), &command).await?)
        })
    }

    fn hold<'a>(&'a self, seat: Seat, hold: Hold<'a>) -> Answer<'a, bool> {
        self.later(seat, hold.key, async move |name: String| {
            let mut call = scripts::HOLD.call(&[slots(&name)]);
            call.arg(holder(hold.holder)).arg(hold.most).arg(millis(hold.lease));
            is_so(&self.servers.call(seat, name.as_bytes(), &scripts::HOLD, &call).await?)
        })
    }

    fn release(&self, seat: Seat, key: Key<'_>, who: u128) {
        let name = names::of(&self.prefix, key);
        let mut command = redis::cmd("ZREM");
        command.arg(slots(&name)).arg(holder(who));
        self.send(seat, name, command, |_| {});
    }

    fn tell(&self, seat: Seat, channel: &'static str, message: Bytes) {
        if message.len() > ears::LONGEST {
            tracing::warn!(channel, length = message.len(), "a message to other replicas is too long");
            return;
        }
        let name = self.ears.name(channel);
        let mut command = redis::cmd("PUBLISH");
        command.arg(&name).arg(&*message);
        let ears = Arc::clone(&self.ears);
        self.send(seat, name, command, move |said| {
            // The others hear that there was a gap when it is back.
            if said.is_err() {
                ears.hear(channel, &message);
            }
        });
    }

    fn listen(&self, channel: &'static str, ear: Weak<dyn Ear>) {
        self.ears.add(channel, ear);
    }

    fn measured(&self) -> Arc<dyn Measured> {
        Arc::clone(&self.servers) as Arc<dyn Measured>
    }

    fn chores(self: Arc<Self>) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        Some(Box::pin(async move {
            tokio::join!(mend::mend(&self.servers, &self.prefix), ears::listen(&self.ears, &self.servers));
        }))
    }
}

impl RedisStore {
    /// Sends a command that nobody waits for, about this name.
    fn send(&self, seat: Seat, name: String, command: Cmd, said: impl FnOnce(Said<Value>) + Send + 'static) {
        let servers = Arc::clone(&self.servers);
        let sending = async move { said(servers.ask(seat, name.as_bytes(), &command).await) };
        // What is given back while the process ends, is given back by the end of its lease.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(sending);
        }
    }
}

impl Measured for ServersShared {
    fn measures(&self) -> Vec<Measure> {
        let topology = self.topology.load();
        let is_open = topology.nodes.is_empty() || topology.nodes.iter().any(|node| node.is_open());
        self.tallies.measures(is_open, topology.nodes.iter().map(|node| node.connections()).sum())
    }
}

/// The name of the slots of a key.
fn slots(name: &str) -> String {
    format!("{name}:held")
}

fn holder(number: u128) -> String {
    format!("{number:032x}")
}

/// A time to live as servers take it: 1 ms at least.
fn millis(ttl: Duration) -> u64 {
    /// Some thousand years: what servers add to it must not overflow.
    const LONGEST: u64 = 1 << 50;
    u64::try_from(ttl.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

fn marked(entry: &[u8]) -> Said<Vec<u8>> {
    if entry.len() > LONGEST_ENTRY {
        return Err(Away::Refused);
    }
    let mut marked = Vec::with_capacity(entry.len() + 1);
    marked.push(MARK);
    marked.extend_from_slice(entry);
    Ok(marked)
}

/// The entry in what a server says.
fn entry(said: Value) -> Said<Option<Bytes>> {
    match said {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) if bytes.is_empty() => Ok(None),
        Value::BulkString(bytes) if bytes[0] == MARK && bytes.len() <= LONGEST_ENTRY + 1 => {
            Ok(Some(Bytes::from(bytes).slice(1..)))
        }
        _ => Err(Away::Refused),
    }
}

fn is_so(said: &Value) -> Said<bool> {
    match said {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(Away::Refused),
    }
}

/// The cursor and the names in an answer to `SCAN`.
fn scanned(said: Value) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let Value::Array(parts) = said else { return None };
    let [Value::BulkString(cursor), Value::Array(names)] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let name = |value| match value {
        Value::BulkString(name) => Some(name),
        _ => None,
    };
    Some((cursor, names.into_iter().map(name).collect::<Option<_>>()?))
}
