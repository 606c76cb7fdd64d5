//! Listeners: their addresses, whom they trust, how many connections they take.
//! Nothing is bound here: that happens when the snapshot is applied.

use std::sync::Arc;

use maitred_config::scalar;
use maitred_config::{Document, PathHandling, Protocol};
use maitred_http::{PathRules, Scheme};
use maitred_net::{ListenAddress, QuicSettings};
use maitred_wire::Limits;

use super::Compiler;
use super::tls::TlsCompiler;
use crate::listener::ListenerSettings;

/// Compiles the listeners in the order of the document. The counts of one with the same name go on.
pub(super) fn compile(
    compiler: &Compiler<'_>,
    limits: &Limits,
    tls: &mut TlsCompiler<'_, '_>,
) -> Vec<Arc<ListenerSettings>> {
    let Document { listeners, .. } = compiler.document;
    let previous = compiler.previous.map(|snapshot| &snapshot.listeners[..]).unwrap_or_default();
    let number = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
    listeners
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let listener = &entry.value;
            let server = tls.listener(entry);
            let quic = server.as_ref().and_then(|server| tls.quic(entry, server, &quic_settings(limits)));
            let same = previous.iter().find(|old| *old.name == *entry.name);
            Arc::new(ListenerSettings {
                name: Arc::from(&*entry.name),
                number: number(index),
                address: match &listener.address.value {
                    scalar::ListenAddress::Tcp(address) => ListenAddress::Tcp(*address),
                    scalar::ListenAddress::Unix(path) => ListenAddress::Unix(path.into()),
                },
                scheme: if listener.tls.is_some() { Scheme::Https } else { Scheme::Http },
                http1: listener.protocols.contains(&Protocol::H1),
                http2: listener.protocols.contains(&Protocol::H2),
                tls: server,
                quic,
                tokens: tls.tokens(listener),
                proxied: listener.proxy_protocol_from().to_vec(),
                paths: match listener.paths {
                    PathHandling::Strict => PathRules::Strict,
                    PathHandling::Raw => PathRules::Raw,
                },
                trusted: listener.trusted_proxies.clone(),
                redirect_https: listener.redirect.as_ref().map(|redirect| redirect.port),
                max_connections: usize::try_from(listener.max_connections.get()).ok(),
                max_connections_per_client: listener
                    .max_connections_per_client
                    .and_then(|most| usize::try_from(most.get()).ok()),
                series: compiler.metrics.listener(&entry.name),
                shared: same.map(|old| Arc::clone(&old.shared)).unwrap_or_default(),
            })
        })
        .collect()
}

/// What HTTP/2 may cost, HTTP/3 may too.
fn quic_settings(limits: &Limits) -> QuicSettings {
    let like = &limits.http2;
    QuicSettings {
        streams: like.streams,
        stream_window: like.stream_window,
        connection_window: like.connection_window,
        unsent: like.connection_unsent as u64,
        idle_timeout: limits.idle_timeout,
    }
}
