//! Where a store in Redis is, and how it is talked to. What users write is in crate `config`; the engine makes this of it.
//! Nothing of it shows a password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use maitred_net::ClientTls;

/// What a store in Redis goes by.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// The name of the store, for the log.
    pub name: Box<str>,
    /// Where it is.
    pub servers: RedisServers,
    /// Who the gateway is there.
    pub login: RedisLogin,
    /// The number of the database. Clusters have the first alone, 0.
    pub database: u32,
    /// How TLS is spoken to servers, where it is.
    pub tls: Option<ClientTls>,
    /// How long a command may take until its answer is there.
    pub timeout: Duration,
    /// How long connecting may take, with TLS and login.
    pub connect_timeout: Duration,
    /// What the names of all keys and channels begin with. It has no braces.
    pub prefix: Box<str>,
}

/// Where a store in Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisServers {
    /// One server.
    Single(RedisPlace),
    /// A cluster, found through any of these.
    Cluster(Vec<RedisPlace>),
    /// The master that sentinels name.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<RedisPlace>,
        /// What they call the master.
        master: Box<str>,
        /// Who the gateway is for them.
        login: RedisLogin,
    },
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RedisPlace {
    /// At a port of a host, which is a name or an address without brackets.
    Tcp(Box<str>, u16),
    /// At a socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for RedisPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who the gateway is for a server: nobody in particular where both are absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RedisLogin {
    /// The name of a user (ACL); without it, the default one.
    pub username: Option<Box<str>>,
    /// The password.
    pub password: Option<Box<str>>,
}

impl fmt::Debug for RedisLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "***");
        f.debug_struct("RedisLogin").field("username", &self.username).field("password", &password).finish()
    }
}
