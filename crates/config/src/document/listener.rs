//! Listeners: where clients connect, and how they speak.
//! Their connections are limited here; sizes and times of requests are in `limits.rs`, for all listeners alike.

use std::num::NonZeroU32;

use ipnet::IpNet;

use crate::problem::Problem;
use crate::read::{Fields, OneOrMany, Reader, Spanned};
use crate::scalar::{ListenAddress, listen_address};
use crate::{config_map, config_words};

mod acme;
mod proxy_protocol;
mod tls;

pub use acme::{Acme, AcmeChallenge, AcmeHost};
pub use proxy_protocol::ListenerProxyProtocol;
pub use tls::{Certificate, ClientAuth, ListenerTls, TlsVersion};

config_map! {
    /// A place where clients connect.
    #[check = Listener::check]
    pub struct Listener {
        /// The address: `0.0.0.0:8080`, `"[::]:8080"` for IPv6 and IPv4, or `unix:/run/maitred.sock`.
        /// `http://` may stand in front, or `https://` where there is `tls`.
        #[main]
        address: Spanned<ListenAddress>,
        /// The protocols that are spoken. `h2` is chosen by ALPN over TLS and is known beforehand in the clear; `h3` needs `tls`, and
        /// opens the same port over UDP.
        protocols: OneOrMany<Protocol> = "[h1, h2]",
        /// Speaks TLS. Without it, connections are in the clear.
        tls: Option<ListenerTls>,
        /// Networks of proxies whose `X-Forwarded-*`, `Forwarded` and `X-User-Tier` count. Those of others are replaced.
        trusted_proxies: Vec<IpNet>,
        /// Connections of proxies begin with a PROXY header (version 1 or 2) that names the client: `true` for those of
        /// `trusted_proxies`, or the networks.
        proxy_protocol: Option<ListenerProxyProtocol>,
        /// Sends every request elsewhere: `https`.
        redirect: Option<ListenerRedirect>,
        /// What happens to paths that servers read in different ways.
        paths: PathHandling = "strict",
        /// How many connections may be open at once; more are closed as they come.
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
        /// HTTP/2.
        H2 = "h2",
        /// HTTP/3. Clients learn of it from answers over the others (`Alt-Svc`).
        H3 = "h3",
    }
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
        check_scheme(fields, reader);
        if self.protocols.contains(&Protocol::H3) {
            self.check_h3(fields, reader);
        }
        if fields.has("tls") && fields.has("redirect") {
            reader.problem(
                Problem::error("a listener with `tls` would send its clients to itself")
                    .label(fields.key_span("redirect"), "")
                    .label(fields.key_span("tls"), "this is https already")
                    .help("`redirect: https` is for a listener in the clear beside this one"),
            );
        }
        self.check_proxy_protocol(fields, reader);
    }

    fn check_h3(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let at = fields.value_span("protocols");
        if matches!(self.address.value, ListenAddress::Unix(_)) {
            let problem = Problem::error("`h3` runs over UDP, and not over a socket of this machine").at(at);
            reader.problem(problem.help("leave `h3` out, or listen at an address: `0.0.0.0:8443`"));
        } else if !fields.has("tls") && !fields.has_unknown() {
            let problem = Problem::error("`h3` is always encrypted, and this listener has no `tls`").at(at);
            reader.problem(problem.help("give it `tls: { certificates: { cert: FILE, key: FILE } }`"));
        }
        if self.protocols.iter().all(|protocol| *protocol == Protocol::H3) {
            let problem = Problem::error("clients learn of `h3` only from answers over `h1` or `h2`").at(at);
            reader.problem(problem.help("write `[h1, h2, h3]`"));
        }
        if fields.has("proxy_protocol") {
            reader.problem(
                Problem::error("`h3` runs over UDP, where there are no PROXY headers")
                    .label(fields.key_span("proxy_protocol"), "")
                    .label(at, "")
                    .help("make two listeners of it"),
            );
        }
    }
}

/// Refuses a scheme before the address that says something else than `tls` does.
fn check_scheme(fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let Some(address) = fields.entry("address").and_then(|entry| entry.value.as_scalar()) else { return };
    match listen_address::scheme(&address.text) {
        Some("https") if !fields.has("tls") && !fields.has_unknown() => reader.problem(
            Problem::error("`https` needs certificates").at(fields.value_span("address")).help(format!(
                "write `{{ address: \"{}\", tls: {{ certificates: [{{ cert: FILE, key: FILE }}] }} }}`, or \
                 `tls: {{ acme: {{ hosts: NAME, agree_terms: true }} }}` to have them made",
                address.written()
            )),
        ),
        Some("http") if fields.has("tls") => reader.problem(
            Problem::error("`http` is in the clear, and `tls` is not")
                .label(fields.value_span("address"), "in the clear")
                .label(fields.key_span("tls"), "encrypted")
                .help("write `https`, or the address alone"),
        ),
        _ => {}
    }
}
