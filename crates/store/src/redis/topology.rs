//! Which servers there are, and which of them has a key; and how that is found out from sentinels or from the cluster, beside requests, which
//! only read it.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::task::JoinSet;

use super::cluster::{self, NOBODY, Slots};
use super::link::Link;
use super::node::NodeShared;
use super::settings::{RedisPlace, RedisServers};
use super::watch::Watch;

/// Which servers there are. It is replaced as a whole; servers that stay keep their connections.
#[derive(Debug, Default)]
pub(super) struct Topology {
    /// The masters.
    pub(super) nodes: Vec<Arc<NodeShared>>,
    /// For each slot of a cluster the number of its node. Without it one node has everything.
    slots: Option<Box<[u16]>>,
}

impl Topology {
    /// The server of a key, where one is known.
    pub(super) fn node(&self, key: &[u8]) -> Option<&Arc<NodeShared>> {
        let number = self.slots.as_ref().map_or(0, |slots| slots[cluster::slot(key)]);
        self.nodes.get(usize::from(number)).filter(|_| number != NOBODY)
    }

    /// The server that has all keys, if one has.
    pub(super) fn only(&self) -> Option<&Arc<NodeShared>> {
        self.nodes.first().filter(|_| self.slots.is_none())
    }

    /// The server at this place.
    pub(super) fn at(&self, place: &RedisPlace) -> Option<&Arc<NodeShared>> {
        self.nodes.iter().find(|node| node.place == *place)
    }

    fn of(&self, (places, slots): (Vec<RedisPlace>, Option<Box<[u16]>>), finder: &Finder) -> Self {
        let node = |place| {
            let known = self.at(&place).cloned();
            known.unwrap_or_else(|| Arc::new(NodeShared::new(place, &finder.link, &finder.watch)))
        };
        Self { nodes: places.into_iter().map(node).collect(), slots }
    }
}

/// Finds out which servers there are.
#[derive(Debug)]
pub(super) struct Finder {
    servers: RedisServers,
    /// How connections to servers come about.
    pub(super) link: Arc<Link>,
    /// The same to sentinels.
    to_sentinels: Option<Arc<Link>>,
    watch: Arc<Watch>,
}

impl Finder {
    pub(super) fn new(servers: &RedisServers, link: &Arc<Link>, watch: &Arc<Watch>) -> Self {
        let to_sentinels = match servers {
            RedisServers::Sentinel { login, .. } => Some(Arc::new(link.with_login(login))),
            RedisServers::Single(_) | RedisServers::Cluster(_) => None,
        };
        let (link, watch) = (Arc::clone(link), Arc::clone(watch));
        Self { servers: servers.clone(), link, to_sentinels, watch }
    }

    /// What is known without asking: the one server, or nothing.
    pub(super) fn begin(&self) -> Topology {
        match &self.servers {
            RedisServers::Single(place) => Topology::default().of((vec![place.clone()], None), self),
            RedisServers::Cluster(_) | RedisServers::Sentinel { .. } => Topology::default(),
        }
    }

    /// Asks which servers there are; none where it is as before.
    pub(super) async fn find(&self, before: &Topology) -> RedisResult<Option<Topology>> {
        let found = match &self.servers {
            RedisServers::Single(_) => return Ok(None),
            RedisServers::Cluster(seeds) => {
                let (places, slots) = self.cluster(seeds, before).await?;
                (places, Some(slots))
            }
            RedisServers::Sentinel { sentinels, master, .. } => {
                (vec![self.master(sentinels, master).await?], None)
            }
        };
        let is_same = before.nodes.iter().map(|node| &node.place).eq(&found.0) && before.slots == found.1;
        Ok((!is_same).then(|| before.of(found, self)))
    }

    async fn cluster(&self, seeds: &[RedisPlace], before: &Topology) -> RedisResult<Slots> {
        let well = before.nodes.iter().filter(|node| !node.is_open()).map(|node| &node.place);
        let asks = well.chain(seeds).map(|place| {
            let (link, place) = (Arc::clone(&self.link), place.clone());
            async move {
                let mut command = redis::cmd("CLUSTER");
                command.arg("SLOTS");
                cluster::slots(&link.ask_once(&place, &command).await?, &place)
            }
        });
        first(self.link.timeout, asks.collect()).await
    }

    /// Asks sentinels for the master, and the master whether it knows.
    async fn master(&self, sentinels: &[RedisPlace], name: &str) -> RedisResult<RedisPlace> {
        let asks = sentinels.iter().map(|sentinel| {
            let (link, sentinel, name) = (Arc::clone(&self.link), sentinel.clone(), name.to_owned());
            let to_sentinels = Arc::clone(self.to_sentinels.as_ref().unwrap_or(&self.link));
            async move {
                let mut command = redis::cmd("SENTINEL");
                command.arg("get-master-addr-by-name").arg(name);
                let place = master_in(&to_sentinels.ask_once(&sentinel, &command).await?)?;
                is_master(&link, &place).await.map(|()| place)
            }
        });
        first(self.link.timeout, asks.collect()).await
    }
}

/// Asks one after the other; the next also where one has not answered after a pause. The first good answer counts.
async fn first<T, F>(pause: Duration, asks: Vec<F>) -> RedisResult<T>
where
    T: Send + 'static,
    F: Future<Output = RedisResult<T>> + Send + 'static,
{
    let (mut asks, mut under_way, mut last) = (asks.into_iter(), JoinSet::new(), nobody());
    loop {
        let said = if let Some(ask) = asks.next() {
            under_way.spawn(ask);
            let Ok(said) = tokio::time::timeout(pause, under_way.join_next()).await else { continue };
            said
        } else {
            under_way.join_next().await
        };
        match said {
            Some(Ok(Ok(found))) => return Ok(found),
            Some(Ok(Err(error))) => last = error,
            Some(Err(_)) => {}
            None => return Err(last),
        }
    }
}

/// A sentinel may name one that is no master any more, or not yet.
async fn is_master(link: &Link, place: &RedisPlace) -> RedisResult<()> {
    let Value::Array(role) = link.ask_once(place, &Cmd::new().arg("ROLE").to_owned()).await? else {
        return Err(cluster::strange("the answer to ROLE is not as it should be"));
    };
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err(cluster::strange("the server that the sentinel names is not a master")),
    }
}

fn master_in(said: &Value) -> RedisResult<RedisPlace> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    let place = match said {
        Value::Nil => return Err(cluster::strange("the sentinel does not know this master")),
        Value::Array(parts) => match &**parts {
            [host, port] => text(host).zip(text(port).and_then(|port| port.parse().ok())),
            _ => None,
        },
        _ => None,
    };
    let place = place.map(|(host, port): (String, u16)| RedisPlace::Tcp(host.into(), port));
    place.ok_or_else(|| cluster::strange("the sentinel's answer is not as it should be"))
}

fn nobody() -> RedisError {
    cluster::strange("there is nobody to ask")
}
