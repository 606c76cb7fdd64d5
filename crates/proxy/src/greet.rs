//! How a connection begins: the header of the PROXY protocol, TLS, and which version of HTTP is spoken on it.
//! In the clear and without such a header there is nothing to do, and `client` begins at once.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use maitred_net::{Alpn, Stream, TlsCause, TlsFailure};
use maitred_policy::CertificateFacts;
use maitred_telemetry::ConnectionRefusal;
use maitred_wire::ServerSide;
use maitred_wire::proxy_protocol::{self, Addresses, Progress};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::connection::{Arrival, Connection};
use crate::listener::ListenerSettings;
use crate::worker::Worker;
use crate::{client, streams};

/// What a client is told that speaks HTTP in the clear where TLS is spoken.
const IN_THE_CLEAR: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 61\r\n\
    Connection: close\r\n\r\nThis port speaks HTTPS, and the request came in plain HTTP.\r\n";

/// Greets a connection that was just accepted, and serves it to its end.
pub(crate) async fn greet(worker: Rc<Worker>, settings: Arc<ListenerSettings>, connection: Box<Connection>) {
    let is_proxied = settings.proxied.iter().any(|net| net.contains(&connection.peer));
    let peer = connection.peer;
    match Box::pin(begin(&worker, &settings, connection, is_proxied)).await {
        Ok((connection, true)) => streams::serve_http2(&worker, *connection, Vec::new()).await,
        Ok((connection, false)) => client::serve(worker, connection).await,
        Err(NotBegun::Over(why)) => tracing::debug!(client = %peer, listener = %settings.name, "{why}"),
        Err(NotBegun::Failed(step, error)) => {
            worker.refused(&settings.name, step);
            tracing::debug!(client = %peer, listener = %settings.name, "it could not begin: {error}");
        }
    }
}

/// Why a connection carries no requests.
enum NotBegun {
    /// Nothing is wrong with that.
    Over(&'static str),
    /// This step failed.
    Failed(ConnectionRefusal, io::Error),
}

impl NotBegun {
    /// Whoever connects and leaves without a word only looked whether anybody is here.
    fn of(step: ConnectionRefusal, error: io::Error) -> Self {
        let left = TlsFailure::in_error(&error).is_some_and(|failure| *failure.cause() == TlsCause::Closed);
        if left || error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Over("the client left before it had begun");
        }
        Self::Failed(step, error)
    }
}

/// A connection that is ready for its first request.
struct Begun {
    stream: Stream,
    peer: IpAddr,
    arrival: Arrival,
    /// What TLS agreed on.
    agreed: Option<Alpn>,
}

/// Does what must be done before the first request, within the time of a head and for as long as the listener is there. The
/// answer says whether HTTP/2 follows.
async fn begin(
    worker: &Worker,
    settings: &ListenerSettings,
    connection: Box<Connection>,
    is_proxied: bool,
) -> Result<(Box<Connection>, bool), NotBegun> {
    let Connection { client, timer, peer, since, admitted, counted, .. } = *connection;
    let ServerSide::Http1 { stream, .. } = client else {
        return Err(NotBegun::Over("it had begun before"));
    };
    timer.set(worker.clock.now() + worker.snapshot().shared.limits.head_timeout);
    let step = Cell::new(ConnectionRefusal::ProxyProtocol);
    let Begun { stream, peer, arrival, agreed } = {
        let mut steps = std::pin::pin!(steps(settings, stream, peer, is_proxied, &step));
        let wait = std::future::poll_fn(|cx| {
            if let Poll::Ready(begun) = steps.as_mut().poll(cx) {
                return Poll::Ready(begun);
            }
            // Nothing was asked for yet: the end of the listener need not wait for it.
            if !worker.serves(&settings.name) {
                return Poll::Ready(Err(NotBegun::Over("its listener ends")));
            }
            let late = || NotBegun::Failed(step.get(), io::ErrorKind::TimedOut.into());
            timer.poll_fired(cx).map(|()| Err(late()))
        });
        wait.await?
    };
    let is_http2 = agreed.map_or(!settings.http1, |agreed| agreed == Alpn::H2);
    let connection = Connection {
        client: ServerSide::http1(stream),
        timer,
        peer,
        since,
        admitted,
        arrival: Some(Rc::new(arrival)),
        // Where the protocol was agreed on, HTTP/1 is not HTTP/2 in disguise.
        is_new: agreed.is_none(),
        counted,
    };
    Ok((Box::new(connection), is_http2))
}

async fn steps(
    settings: &ListenerSettings,
    mut stream: Stream,
    mut peer: IpAddr,
    is_proxied: bool,
    step: &Cell<ConnectionRefusal>,
) -> Result<Begun, NotBegun> {
    let failed = |error| NotBegun::of(step.get(), error);
    let mut arrival = Arrival { certificate: None, ends: stream.ends() };
    if is_proxied && let Some(ends) = read_header(&mut stream).await.map_err(failed)? {
        (peer, arrival.ends) = (ends.0.ip().to_canonical(), Some(ends));
    }
    let Some(tls) = &settings.tls else {
        return Ok(Begun { stream, peer, arrival, agreed: None });
    };
    step.set(ConnectionRefusal::Tls);
    let mut done = tls.accept(stream, IN_THE_CLEAR).await.map_err(failed)?;
    if done.protocol == Some(Alpn::AcmeTls1) {
        // The handshake was all (RFC 8737 section 3).
        done.stream.shutdown().await.map_err(failed)?;
        return Err(NotBegun::Over("a name was proved"));
    }
    arrival.certificate = done.client.map(|shown| Rc::new(facts_of(shown)));
    Ok(Begun { stream: done.stream, peer, arrival, agreed: done.protocol })
}

pub(crate) fn facts_of(certificate: maitred_net::ClientCertificate) -> CertificateFacts {
    let maitred_net::ClientCertificate { subject, names, fingerprint, .. } = certificate;
    CertificateFacts { subject, names, fingerprint }
}

/// Reads the header of the PROXY protocol, and not a byte more. None where it names nobody.
async fn read_header(stream: &mut Stream) -> io::Result<Option<(SocketAddr, SocketAddr)>> {
    let mut bytes = Vec::new();
    loop {
        match proxy_protocol::parse(&bytes).map_err(io::Error::other)? {
            Progress::More(least) => {
                let had = bytes.len();
                bytes.resize(had + least, 0);
                stream.read_exact(&mut bytes[had..]).await?;
            }
            Progress::Done { header, .. } => {
                return Ok(match header.addresses {
                    Some(Addresses::Tcp { source, destination }) => Some((source, destination)),
                    _ => None,
                });
            }
        }
    }
}

/// Whether a connection from here must be greeted before it can be served.
pub(crate) fn is_needed(settings: &ListenerSettings, peer: IpAddr) -> bool {
    settings.tls.is_some() || !settings.http1 || settings.proxied.iter().any(|net| net.contains(&peer))
}
