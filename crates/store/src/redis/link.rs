//! How one connection to a server comes about: name, socket, TLS, login. What goes over it is RESP, written and read in order by crate `redis`.
//! Which connection is whose, and when there is another, is not known here.

use std::io;
use std::time::Duration;

use maitred_net::{ClientTls, ConnectTo, Stream};
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, Value,
};
use tokio::sync::oneshot;

use super::settings::{RedisLogin, RedisPlace, RedisSettings};

/// Commands that wait to be written at once. They are given up with their time-out.
const QUEUE: usize = 1024;

/// How connections come about.
#[derive(Clone, Debug)]
pub(super) struct Link {
    tls: Option<ClientTls>,
    account: RedisConnectionInfo,
    /// How long a command may take.
    pub(super) timeout: Duration,
    /// How long connecting may take.
    pub(super) connect_timeout: Duration,
}

impl Link {
    /// Connections to the servers of these settings.
    pub(super) fn new(settings: &RedisSettings) -> Self {
        Self {
            tls: settings.tls.clone(),
            account: account(&settings.login).set_db(settings.database.into()),
            timeout: settings.timeout,
            connect_timeout: settings.connect_timeout,
        }
    }

    /// The same to sentinels, which have users of their own and no databases.
    pub(super) fn with_login(&self, login: &RedisLogin) -> Self {
        Self { account: account(login), ..self.clone() }
    }

    /// Connects, hands the connection over, and drives it until it ends. It ends also with this future.
    pub(super) async fn run(
        &self,
        place: &RedisPlace,
        connected: impl FnOnce(MultiplexedConnection),
    ) -> RedisResult<()> {
        let config = AsyncConnectionConfig::new().set_pipeline_buffer_size(QUEUE);
        self.run_with(place, &self.account, config, connected).await
    }

    /// The same with a connection on which can be heard what is published: by `heard`.
    pub(super) async fn run_hearing(
        &self,
        place: &RedisPlace,
        heard: impl AsyncPushSender,
        connected: impl FnOnce(MultiplexedConnection),
    ) -> RedisResult<()> {
        let account = self.account.clone().set_protocol(ProtocolVersion::RESP3);
        let config = AsyncConnectionConfig::new().set_push_sender(heard);
        self.run_with(place, &account, config, connected).await
    }

    async fn run_with(
        &self,
        place: &RedisPlace,
        account: &RedisConnectionInfo,
        config: AsyncConnectionConfig,
        connected: impl FnOnce(MultiplexedConnection),
    ) -> RedisResult<()> {
        // Time limits are those of who asks.
        let config = config.set_response_timeout(None);
        let connecting = async {
            MultiplexedConnection::new_with_config(account, self.stream(place).await?, config).await
        };
        let (connection, driver) =
            tokio::time::timeout(self.connect_timeout, connecting).await.unwrap_or_else(|_| Err(late()))?;
        connected(connection);
        driver.await;
        Ok(())
    }

    async fn stream(&self, place: &RedisPlace) -> io::Result<Stream> {
        let (stream, host) = match place {
            RedisPlace::Tcp(host, port) => (connect(host, *port).await?, &**host),
            RedisPlace::Unix(path) => (maitred_net::connect(ConnectTo::Unix(path)).await?, ""),
        };
        match &self.tls {
            Some(tls) => tls.connect(stream, host).await.map(|(stream, _)| stream),
            None => Ok(stream),
        }
    }

    /// Asks one thing over a connection of its own.
    pub(super) async fn ask_once(&self, place: &RedisPlace, command: &Cmd) -> RedisResult<Value> {
        let asking = async |mut connection: MultiplexedConnection| {
            connection.send_packed_command(command).await?.extract_error()
        };
        self.over(place, asking).await
    }

    /// Asks one thing several times, over a connection of its own: the last answer, if each came as fast as requests want theirs.
    pub(super) async fn ask_briskly(
        &self,
        place: &RedisPlace,
        command: &Cmd,
        times: usize,
    ) -> RedisResult<Value> {
        let asking = async |mut connection: MultiplexedConnection| {
            let mut said = Value::Nil;
            for _ in 0..times {
                let answer =
                    tokio::time::timeout(self.timeout, connection.send_packed_command(command)).await;
                said = answer.unwrap_or_else(|_| Err(late()))?.extract_error()?;
            }
            Ok(said)
        };
        self.over(place, asking).await
    }

    async fn over<F: Future<Output = RedisResult<Value>>>(
        &self,
        place: &RedisPlace,
        asking: impl FnOnce(MultiplexedConnection) -> F,
    ) -> RedisResult<Value> {
        let (sender, connected) = oneshot::channel();
        let hand_over = |connection: MultiplexedConnection| {
            // Who waits for it is below.
            let _ = sender.send(connection);
        };
        let asking = async { asking(connected.await.map_err(|_| closed())?).await };
        tokio::select! {
            ended = self.run(place, hand_over) => ended.and(Err(closed())),
            answer = tokio::time::timeout(self.connect_timeout * 2, asking) => answer.unwrap_or_else(|_| Err(late())),
        }
    }
}

fn account(login: &RedisLogin) -> RedisConnectionInfo {
    let account = RedisConnectionInfo::default().set_skip_set_lib_name();
    let account = login.username.iter().fold(account, RedisConnectionInfo::set_username);
    login.password.iter().fold(account, RedisConnectionInfo::set_password)
}

/// Connects to the first address of a host that lets it.
async fn connect(host: &str, port: u16) -> io::Result<Stream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        match maitred_net::connect(ConnectTo::Tcp(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// That a connection ended before its answer was there.
fn closed() -> RedisError {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}

/// That connecting, or the first answer, took too long.
pub(super) fn late() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}
