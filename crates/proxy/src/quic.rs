//! Accepts connections of QUIC, does their handshakes, and has HTTP/3 spoken on them: what `accept` and `greet` are for those
//! over TCP. A socket serves the listener that is at its address, whatever its name, and refuses where none is.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use maitred_net::{ListenAddress, QuicIncoming, QuicListener};
use maitred_telemetry::ConnectionRefusal;
use maitred_wire::h3;
use tokio::task::spawn_local;

use crate::connection::Arrival;
use crate::greet::facts_of;
use crate::listener::{Admitted, ListenerSettings};
use crate::snapshot::Snapshot;
use crate::streams::{self, Client, Greeting, Streams};
use crate::worker::{Counted, Worker};

/// Handshakes under way from which on clients must first show that they are where they say they are (RFC 9000 section 8.1): an
/// attacker who names other addresses gets no further, and keeps nothing busy.
const UNPROVEN: usize = 64;

/// The listener that has this address open for QUIC.
fn at(snapshot: &Snapshot, address: SocketAddr) -> Option<&Arc<ListenerSettings>> {
    snapshot.listeners.iter().find(|listener| {
        // What a listener at all addresses took over from one at this.
        let is_here = |ip: IpAddr| ip == address.ip() || ip.is_unspecified();
        let is_there = matches!(listener.address, ListenAddress::Tcp(wanted) if is_here(wanted.ip()));
        is_there && listener.http3_port().is_some_and(|port| port.get() == address.port())
    })
}

/// Accepts connections at an address for as long as the worker lives.
pub(crate) async fn accept(worker: Rc<Worker>, address: SocketAddr, listener: QuicListener) {
    let greetings = Rc::new(Cell::new(0));
    while let Some(incoming) = listener.accept().await {
        let snapshot = worker.snapshot();
        let settings = at(&snapshot.shared, address).filter(|_| !worker.is_draining());
        let Some(settings) = settings else {
            incoming.refuse();
            continue;
        };
        if worker.is_overloaded() {
            worker.refused(&settings.name, ConnectionRefusal::Overload);
            incoming.refuse();
            continue;
        }
        if greetings.get() >= UNPROVEN && !incoming.is_proven() {
            incoming.ask_for_proof();
            continue;
        }
        let name = Rc::from(&*settings.name);
        match Admitted::admit(settings, &name, incoming.peer().ip().to_canonical(), worker.index) {
            Ok(admitted) => {
                let (worker, settings) = (Rc::clone(&worker), Arc::clone(settings));
                let counted = Counted::new(&worker);
                let greeting = Greeting::new(&greetings);
                spawn_local(async move {
                    greet(&worker, &settings, incoming, admitted, greeting).await;
                    drop(counted);
                });
            }
            Err(reason) => {
                worker.refused(&name, reason);
                incoming.refuse();
            }
        }
    }
    tracing::error!(%address, "the socket of QUIC is gone: HTTP/3 is not spoken there any more");
}

/// Does the handshake with one client, and serves it to its end.
async fn greet(
    worker: &Rc<Worker>,
    settings: &ListenerSettings,
    incoming: QuicIncoming,
    admitted: Admitted,
    greeting: Greeting,
) {
    let Some(quic) = &settings.quic else { return incoming.refuse() };
    let (peer, port) = (incoming.peer(), settings.http3_port().map_or(0, NonZeroU16::get));
    let timer = worker.timers.timer();
    timer.set(worker.clock.now() + worker.snapshot().shared.limits.head_timeout);
    let accepted = {
        let mut accepted = std::pin::pin!(incoming.accept(quic, port));
        std::future::poll_fn(|cx| match accepted.as_mut().poll(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => timer.poll_fired(cx).map(|()| None),
        })
        .await
    };
    let accepted = match accepted {
        Some(Ok(accepted)) => accepted,
        Some(Err(error)) => {
            worker.refused(&settings.name, ConnectionRefusal::Tls);
            return tracing::debug!(client = %peer, listener = %settings.name, "it could not begin: {error}");
        }
        None => {
            worker.refused(&settings.name, ConnectionRefusal::Tls);
            return tracing::debug!(client = %peer, listener = %settings.name, "it took too long to begin");
        }
    };
    let certificate = accepted.client.map(|shown| Rc::new(facts_of(shown)));
    let client = Client {
        peer: peer.ip().to_canonical(),
        admitted: Rc::new(admitted),
        arrival: Some(Rc::new(Arrival { certificate, ends: accepted.ends })),
    };
    let limits = &worker.snapshot().shared.limits;
    let connection = h3::ServerConnection::new(accepted.connection, accepted.handshake, limits);
    streams::serve(worker, Streams::Http3(Box::new(connection), Some(greeting)), client, timer).await;
}
