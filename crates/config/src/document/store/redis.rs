//! A store in Redis or Valkey: where it is, who the gateway is there, and for how long a request waits for it.
//! What of it contradicts itself is told here; whether a server is there shows when it is asked.

use std::time::Duration;

use crate::config_map;
use crate::document::refuse_zero;
use crate::document::upstream::UpstreamTls;
use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader, Secret, Spanned};
use crate::scalar::RedisUrl;

config_map! {
    /// A store in Redis or Valkey, which replicas of the gateway share.
    #[check = RedisStore::check]
    pub struct RedisStore {
        /// Where one server is: `redis://HOST:PORT`, with TLS `rediss://HOST:PORT`, or `unix:PATH`. User and password may stand in it if it comes
        /// in by `${…}`, and the number of a database behind a slash.
        #[main]
        url: Option<Spanned<RedisUrl>>,
        /// Where servers of a cluster are: some of them are enough, the others are asked for.
        cluster: Option<OneOrMany<Spanned<RedisUrl>>>,
        /// The sentinels that know which server is the master.
        sentinel: Option<RedisSentinel>,
        /// The user of the server (ACL) that the gateway is. Without it, its default one.
        username: Option<String>,
        /// The password.
        password: Option<Secret>,
        /// The number of the database, which is 0 unless it is written here or in the URL.
        database: Option<u32>,
        /// How TLS is spoken to `rediss`.
        tls: Option<UpstreamTls>,
        /// How long a request waits for an answer, less than a second. What is done without one, policies say.
        timeout: Duration = "20ms",
        /// How long connecting may take. No request waits for that.
        connect_timeout: Duration = "1s",
        /// What the names of all keys and channels begin with, so that others can use the server, too.
        prefix: String = "'maitred:'",
    }
}

config_map! {
    /// Sentinels, and which master is asked for.
    #[check = RedisSentinel::check]
    pub struct RedisSentinel {
        /// Where they are. TLS is spoken to them if it is spoken to servers.
        urls: OneOrMany<Spanned<RedisUrl>>,
        /// What they call the master.
        master: String,
        /// The user that the gateway is for them. Without it, their default one.
        username: Option<String>,
        /// The password that they want.
        password: Option<Secret>,
    }
}

/// So long no request may wait for a store.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(1);

const PLACES: [&str; 3] = ["url", "cluster", "sentinel"];

impl RedisStore {
    /// All URLs that are written.
    pub fn urls(&self) -> impl Iterator<Item = &Spanned<RedisUrl>> {
        let cluster = self.cluster.iter().flat_map(|urls| urls.iter());
        let sentinels = self.sentinel.iter().flat_map(|sentinel| sentinel.urls.iter());
        self.url.iter().chain(cluster).chain(sentinels)
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.urls().next().is_some_and(|url| url.value.is_tls)
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        refuse_zero(
            &[("timeout", Some(self.timeout)), ("connect_timeout", Some(self.connect_timeout))],
            fields,
            reader,
        );
        if self.timeout >= LONGEST_TIMEOUT {
            let problem = Problem::error("requests wait for this long whenever the server hangs")
                .at(fields.value_span("timeout"));
            reader.problem(problem.help("write less than `1s`; servers nearby answer within `20ms`"));
        }
        let places: Vec<&str> = PLACES.into_iter().filter(|key| fields.has(key)).collect();
        match places[..] {
            [] if !fields.has_unknown() => {
                let problem = Problem::error("nothing says where this store is").at(fields.place());
                reader
                    .problem(problem.help("write `url: redis://HOST:6379`, `cluster: [URL]` or `sentinel`"));
            }
            [first, second, ..] => {
                let problem = Problem::error("a store is in one place");
                let problem = problem.label(fields.key_span(second), "and here");
                reader.problem(
                    problem.label(fields.key_span(first), "it is here").help("leave all but one out"),
                );
            }
            _ => {}
        }
        self.check_urls(reader);
        self.check_login(fields, reader);
        if self.cluster.is_some() && self.database.is_some_and(|database| database > 0) {
            let problem = Problem::error("a cluster has one database, 0").at(fields.value_span("database"));
            reader.problem(problem.help("leave `database` out; `prefix` keeps what others have there apart"));
        }
        if fields.has("tls") && !self.is_tls() && self.urls().next().is_some() {
            let problem = Problem::error("`tls` has no effect: TLS is not spoken").at(fields.key_span("tls"));
            reader.problem(problem.help("write `rediss://` in place of `redis://`"));
        }
        let stray = |c: char| !c.is_ascii_graphic() || "{}".contains(c);
        if let Some(stray) = self.prefix.chars().find(|&c| stray(c)) {
            let message =
                format!("{} cannot stand in a prefix of keys", crate::scalar::quote(&stray.to_string()));
            let problem = Problem::error(message).at(fields.value_span("prefix"));
            reader.problem(problem.help("write letters, digits and signs of ASCII other than braces"));
        }
    }

    /// URLs of one store are of one kind, and only that of one server has more than a place.
    fn check_urls(&self, reader: &mut Reader<'_>) {
        if let Some(other) = self.urls().find(|url| url.value.is_tls != self.is_tls()) {
            let problem =
                Problem::error("TLS is spoken to all servers of a store, or to none").at(other.span);
            reader.problem(problem.help("write all URLs with `rediss://`, or all with `redis://`"));
        }
        for Spanned { value, span } in self.urls().filter(|_| self.url.is_none()) {
            if value.username.is_some() || value.password.is_some() {
                let problem = Problem::error("user and password stand in the URL of one of several servers");
                reader.problem(problem.at(*span).help("write them once, as `username` and `password`"));
            }
            if value.database.is_some() {
                let problem = Problem::error("a database stands in the URL of one of several servers");
                reader.problem(
                    problem.at(*span).help("write it once, as `database`; clusters have none but 0"),
                );
            }
        }
    }

    fn check_login(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let url = self.url.as_ref().map(|url| &url.value);
        let in_url = url.is_some_and(|url| url.password.is_some() || url.username.is_some());
        let twice = ["username", "password"].into_iter().find(|key| in_url && fields.has(key));
        if let Some(key) = twice {
            let problem = Problem::error("user and password stand in the URL as well");
            reader.problem(problem.at(fields.key_span(key)).help("leave them out at one place"));
        }
        if url.is_some_and(|url| url.database.is_some()) && fields.has("database") {
            let problem = Problem::error("the database stands in the URL as well");
            reader.problem(problem.at(fields.key_span("database")).help("leave it out at one place"));
        }
        need_password(self.username.as_ref(), fields, reader);
        let shows = self.password.as_ref().is_some_and(|password| !password.is_empty())
            || url.is_some_and(|url| url.password.is_some());
        if let Some(clear) = self.urls().find(|url| shows && url.value.is_clear()) {
            let problem =
                Problem::warning("the password of this store is sent in the clear to another machine");
            reader.problem(problem.at(clear.span).help("write `rediss://`, where the server speaks TLS"));
        }
    }
}

impl RedisSentinel {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        need_password(self.username.as_ref(), fields, reader);
    }
}

fn need_password(username: Option<&String>, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    if username.is_some() && !fields.has("password") {
        let problem = Problem::error("`username` needs a `password`").at(fields.key_span("username"));
        reader.problem(problem.help("write `password: \"${NAME}\"` beside it"));
    }
}
