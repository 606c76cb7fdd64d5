//! Accepts connections of QUIC for one listener, does their handshakes, and has HTTP/3 spoken on them: what `accept` and `greet`
//! are for those over TCP.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use maitred_net::{QuicIncoming, QuicListener};
use maitred_telemetry::ConnectionRefusal;
use maitred_wire::h3;
use tokio::task::spawn_local;

use crate::connection::Arrival;
use crate::greet::facts_of;
use crate::listener::{Admitted, ListenerSettings};
use crate::streams::{self, Client, Greeting, Streams};
use crate::worker::{Counted, Worker};

/// Handshakes under way from which on clients must first show that they are where they say they are (RFC 9000 section 8.1): an
/// attacker who names other addresses gets no further, and keeps nothing busy.
const UNPROVEN: usize = 64;

/// Accepts connections until it is aborted.
pub(crate) async fn accept(worker: Rc<Worker>, name: Rc<str>, listener: QuicListener) {
    let greetings = Rc::new(Cell::new(0));
    while let Some(incoming) = listener.accept().await {
        let snapshot = worker.snapshot();
        let settings = snapshot.shared.listeners.iter().find(|listener| *listener.name == *name);
        let Some(settings) = settings else { return };
        if greetings.get() >= UNPROVEN && !incoming.is_proven() {
            incoming.ask_for_proof();
            continue;
        }
        let peer = incoming.peer().ip().to_canonical();
        match Admitted::admit(settings, &name, peer, worker.index) {
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
    tracing::error!(listener = %name, "the socket of QUIC is gone: HTTP/3 is not spoken any more");
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
    let peer = incoming.peer();
    let timer = worker.timers.timer();
    timer.set(worker.clock.now() + worker.snapshot().shared.limits.head_timeout);
    let accepted = {
        let mut accepted = std::pin::pin!(incoming.accept(quic));
        std::future::poll_fn(|cx| match accepted.as_mut().poll(cx) {
            std::task::Poll::Ready(accepted) => std::task::Poll::Ready(Some(accepted)),
            std::task::Poll::Pending => timer.poll_fired(cx).map(|()| None),
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
