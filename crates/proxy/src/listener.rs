//! Listeners as they are compiled: where they listen, whom they trust, and how many connections there may be, for each
//! listener and for each client of one. Sockets belong to `maitred-net`, accepting to the worker.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use ipnet::IpNet;
use maitred_http::{PathRules, RequestHead, Scheme};
use maitred_net::{ListenAddress, QuicServer, ServerTls};
use maitred_policy::Reply;
use maitred_telemetry::{ConnectionRefusal, ListenerSeries};

use crate::acme::TokensShared;
use crate::action::to_https;

/// A listener, compiled.
#[derive(Debug)]
pub(crate) struct ListenerSettings {
    pub(crate) name: Arc<str>,
    /// Its number in the route table.
    pub(crate) number: u16,
    pub(crate) address: ListenAddress,
    pub(crate) scheme: Scheme,
    /// Whether HTTP/1 is spoken.
    pub(crate) http1: bool,
    /// Whether HTTP/2 is spoken: agreed on over TLS, by prior knowledge in the clear.
    pub(crate) http2: bool,
    /// How TLS is spoken, where it is.
    pub(crate) tls: Option<ServerTls>,
    /// How QUIC is spoken beside it, for HTTP/3.
    pub(crate) quic: Option<QuicServer>,
    /// Tokens that are answered before routing, where certificates are ordered.
    pub(crate) tokens: Option<Arc<TokensShared>>,
    /// Networks whose connections begin with a header of the PROXY protocol.
    pub(crate) proxied: Vec<IpNet>,
    pub(crate) paths: PathRules,
    pub(crate) trusted: Vec<IpNet>,
    /// Send everything to https, at this port.
    pub(crate) redirect_https: Option<u16>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_connections_per_client: Option<usize>,
    pub(crate) series: Arc<ListenerSeries>,
    pub(crate) shared: Arc<ListenerShared>,
}

impl ListenerSettings {
    /// What the listener answers by itself, whatever routes and policies there are: proofs that a name leads here, and
    /// where to go if it sends everybody elsewhere.
    pub(crate) fn answer(&self, request: &RequestHead) -> Option<Reply> {
        let proof = self.tokens.as_ref().and_then(|tokens| tokens.answer(request));
        proof.or_else(|| Some(to_https(request, self.redirect_https?)))
    }

    /// Whether what this peer says of its clients counts.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&peer))
    }

    /// Whether what some peers say of their clients counts.
    pub(crate) fn trusts_any(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// The port at which clients may go on with HTTP/3.
    pub(crate) fn http3_port(&self) -> Option<NonZeroU16> {
        self.quic.as_ref().and_then(|_| NonZeroU16::new(self.shared.http3_port.load(Ordering::Relaxed)))
    }
}

/// What the workers share of a listener: the count of its connections, and of each client's where that is limited.
/// Written when sockets are bound and when connections open and close, never by requests.
#[derive(Debug, Default)]
pub(crate) struct ListenerShared {
    open: Padded,
    clients: ClientsShared,
    /// The port that is open for QUIC; 0 where none is. Written when sockets are bound.
    pub(crate) http3_port: AtomicU16,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicUsize);

#[derive(Debug, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "taken when a connection opens or closes, and never while waiting"
)]
struct ClientsShared([std::sync::Mutex<HashMap<IpAddr, usize>>; 16]);

/// A connection that was let in. Dropping it lets another in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) listener: Rc<str>,
    /// Where it is counted; nowhere where there is none.
    settings: Option<Arc<ListenerSettings>>,
    client: Option<IpAddr>,
    worker: usize,
}

impl Admitted {
    /// Lets a connection in, unless there are as many as the listener or the client may have.
    pub(crate) fn admit(
        settings: &Arc<ListenerSettings>,
        listener: &Rc<str>,
        peer: IpAddr,
        worker: usize,
    ) -> Result<Self, ConnectionRefusal> {
        let shared = &settings.shared;
        let before = shared.open.0.fetch_add(1, Ordering::Relaxed);
        let mut admitted = Self {
            listener: Rc::clone(listener),
            settings: Some(Arc::clone(settings)),
            client: None,
            worker,
        };
        settings.series.at(worker).connections.inc();
        if settings.max_connections.is_some_and(|most| before >= most) {
            return Err(ConnectionRefusal::ListenerLimit);
        }
        // A proxy has the connections of many clients.
        let is_proxy = settings.trusts(peer) || settings.proxied.iter().any(|net| net.contains(&peer));
        if let Some(most) = settings.max_connections_per_client.filter(|_| !is_proxy) {
            let client = network_of(peer);
            if !shared.clients.enter(client, most) {
                return Err(ConnectionRefusal::ClientLimit);
            }
            admitted.client = Some(client);
        }
        settings.series.at(worker).accepted.inc();
        Ok(admitted)
    }

    /// The place of nobody, whose request came there.
    pub(crate) fn nobody(listener: &Rc<str>) -> Self {
        Self { listener: Rc::clone(listener), settings: None, client: None, worker: 0 }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some(settings) = &self.settings else { return };
        settings.shared.open.0.fetch_sub(1, Ordering::Relaxed);
        settings.series.at(self.worker).connections.dec();
        if let Some(client) = self.client {
            settings.shared.clients.leave(client);
        }
    }
}

impl ClientsShared {
    fn enter(&self, client: IpAddr, most: usize) -> bool {
        let mut shard = self.shard(client);
        let open = shard.entry(client).or_default();
        let fits = *open < most;
        *open += usize::from(fits);
        fits
    }

    fn leave(&self, client: IpAddr) {
        let mut shard = self.shard(client);
        if let Some(open) = shard.get_mut(&client) {
            *open -= 1;
            if *open == 0 {
                shard.remove(&client);
            }
        }
    }

    fn shard(&self, client: IpAddr) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        let last = match client {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[7],
        };
        // A count is valid whatever panicked while it was held.
        self.0[usize::from(last & 15)].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One client: an IPv4 address, or the /64 that an IPv6 client has for itself.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_open_so_many_and_leaves_no_trace() {
        let clients = ClientsShared::default();
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        assert!(clients.enter(address, 2) && clients.enter(address, 2));
        assert!(!clients.enter(address, 2));
        clients.leave(address);
        assert!(clients.enter(address, 2));
        clients.leave(address);
        clients.leave(address);
        assert!(clients.0.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
