//! Listeners: where clients connect.
//! Their connections are limited here; sizes and times of requests are in `limits.rs`, for all listeners alike.

use std::num::NonZeroU32;

use ipnet::IpNet;

use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader, Spanned};
use crate::scalar::ListenAddress;
use crate::{config_map, config_words};

config_map! {
    /// A place where clients connect.
    #[check = Listener::check]
    pub struct Listener {
        /// The address: `0.0.0.0:8080`, `"[::]:8080"` for IPv6 and IPv4, `unix:/run/maitred.sock`, or `http://0.0.0.0:8080`.
        #[main]
        address: Spanned<ListenAddress>,
        /// The protocols that are spoken.
        protocols: OneOrMany<Protocol> = "[h1]",
        /// Networks of proxies whose `X-Forwarded-*`, `Forwarded` and `X-User-Tier` count. Those of others are replaced.
        trusted_proxies: Vec<IpNet>,
        /// Sends every request elsewhere: `https`.
        redirect: Option<ListenerRedirect>,
        /// What happens to paths that servers read in different ways.
        paths: PathHandling = "strict",
        /// How many connections may be open at once; more wait until one closes.
        max_connections: NonZeroU32 = 65536,
        /// How many of them one client address may hold (an IPv6 client by its /64). Trusted proxies are not counted.
        max_connections_per_client: Option<NonZeroU32> = 16384,
    }
}

config_words! {
    /// A protocol of a listener.
    pub enum Protocol {
        /// HTTP/1.1 and HTTP/1.0.
        H1 = "h1",
    }
    later: ["h2", "h3"]
}

config_words! {
    /// What a listener does with dot segments (also encoded), `%2F`, `%5C`, `%00` and control bytes in a path.
    pub enum PathHandling {
        /// Answers 400.
        Strict = "strict",
        /// Passes them on as they are.
        Raw = "raw",
    }
}

config_map! {
    /// Where a listener sends every request.
    pub struct ListenerRedirect {
        /// The scheme: `https`.
        #[main]
        to: RedirectTarget,
        /// The port in the address that clients are sent to; 443 is left out of it.
        port: u16 = 443,
    }
}

config_words! {
    /// The scheme that a listener sends its clients to.
    pub enum RedirectTarget {
        /// The same host and path over TLS, with status 308.
        Https = "https",
    }
}

impl Listener {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.max_connections_per_client.is_some_and(|each| each > self.max_connections)
            && fields.has("max_connections_per_client")
        {
            reader.problem(
                Problem::warning("`max_connections_per_client` is more than `max_connections`")
                    .at(fields.value_span("max_connections_per_client"))
                    .help("it has no effect"),
            );
        }
    }
}
