//! What is told on channels, to all who listen: on a connection of its own beside requests, which is mended when it breaks. Those who listen
//! are told when they may have missed something.

#![expect(
    clippy::disallowed_types,
    reason = "locked when a document is compiled and when something is told, which is seldom"
)]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection, SendError};
use redis::{PushInfo, PushKind, RedisResult, Value};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::mend;
use super::servers::ServersShared;
use crate::store::Ear;

/// How often the connection is asked whether it is still there.
const BEAT: Duration = Duration::from_secs(5);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(500);
/// No message is longer, in bytes.
pub(super) const LONGEST: usize = 1 << 20;

/// All who listen.
pub(super) struct Ears {
    prefix: Box<str>,
    all: Mutex<Vec<Listening>>,
    /// Somebody listens on a channel that nobody listened on.
    more: Notify,
}

struct Listening {
    channel: &'static str,
    ear: Weak<dyn Ear>,
    /// Whether the channel was subscribed to since it listens.
    is_reached: bool,
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ears")
    }
}

impl Ears {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into(), all: Mutex::default(), more: Notify::new() }
    }

    /// What a channel is called on the server.
    pub(super) fn name(&self, channel: &str) -> String {
        format!("{}{channel}", self.prefix)
    }

    /// One more. Those that nobody has any more are forgotten.
    pub(super) fn add(&self, channel: &'static str, ear: Weak<dyn Ear>) {
        let mut all = self.all();
        all.retain(|listening| listening.ear.strong_count() > 0);
        all.push(Listening { channel, ear, is_reached: false });
        drop(all);
        self.more.notify_one();
    }

    fn all(&self) -> MutexGuard<'_, Vec<Listening>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This was told on a channel.
    pub(super) fn hear(&self, channel: &str, message: &[u8]) {
        for ear in self.of(|listening| listening.channel == channel) {
            ear.hear(message);
        }
    }

    /// Those who listen so. They are called without the lock.
    fn of(&self, mut wanted: impl FnMut(&mut Listening) -> bool) -> Vec<Arc<dyn Ear>> {
        let ear = |listening: &mut Listening| if wanted(listening) { listening.ear.upgrade() } else { None };
        self.all().iter_mut().filter_map(ear).collect()
    }

    /// The channels that were not subscribed to for all who listen there.
    fn unreached(&self) -> Vec<&'static str> {
        let all = self.all();
        let mut channels: Vec<_> =
            all.iter().filter(|listening| !listening.is_reached).map(|listening| listening.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// A channel is subscribed to from now on; what was told before may have been missed.
    fn reached(&self, channel: &str) {
        let ears = self.of(|listening| {
            listening.channel == channel && !std::mem::replace(&mut listening.is_reached, true)
        });
        for ear in ears {
            ear.gap();
        }
    }

    fn lost(&self) {
        self.all().iter_mut().for_each(|listening| listening.is_reached = false);
    }
}

/// Where the connection tells what came.
struct Heard(Arc<Ears>);

impl AsyncPushSender for Heard {
    fn send(&self, told: PushInfo) -> Result<(), SendError> {
        let (PushKind::Message, [Value::BulkString(channel), Value::BulkString(message), ..]) =
            (&told.kind, &*told.data)
        else {
            return Ok(());
        };
        let channel = std::str::from_utf8(channel).ok().and_then(|name| name.strip_prefix(&*self.0.prefix));
        if let Some(channel) = channel.filter(|_| message.len() <= LONGEST) {
            self.0.hear(channel, message);
        }
        Ok(())
    }
}

/// Hears what is told, for ever.
pub(super) async fn listen(ears: &Arc<Ears>, servers: &ServersShared) {
    loop {
        while ears.unreached().is_empty() {
            ears.more.notified().await;
        }
        // Why a server cannot be asked is told by those who ask it.
        let _ = listen_once(ears, servers).await;
        ears.lost();
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same until the connection ends.
async fn listen_once(ears: &Arc<Ears>, servers: &ServersShared) -> RedisResult<()> {
    let Some(node) = mend::any(servers) else { return Ok(()) };
    let (sender, connected) = oneshot::channel();
    let hand_over = |connection: MultiplexedConnection| {
        // Who waits for it is below.
        let _ = sender.send(connection);
    };
    let tend = async {
        let Ok(mut connection) = connected.await else { return Ok(()) };
        loop {
            subscribe(ears, &mut connection).await?;
            // Long silence may be that of a connection that is gone, or of a server that is no master any more.
            let _ = timeout(BEAT, ears.more.notified()).await;
            let beat = timeout(BEAT, connection.send_packed_command(&redis::cmd("PING"))).await;
            let is_current = servers.topology.load().at(&node.place).is_some();
            if !is_current || !beat.is_ok_and(|said| said.is_ok()) {
                return Ok(());
            }
        }
    };
    let heard = Heard(Arc::clone(ears));
    tokio::select! {
        ended = tend => ended,
        ended = servers.finder.link.run_hearing(&node.place, heard, hand_over) => ended,
    }
}

async fn subscribe(ears: &Ears, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    for channel in ears.unreached() {
        let subscribing = connection.subscribe(ears.name(channel));
        match timeout(BEAT, subscribing).await {
            Ok(subscribed) => subscribed?,
            Err(_) => return Err(super::link::late()),
        }
        ears.reached(channel);
    }
    Ok(())
}
