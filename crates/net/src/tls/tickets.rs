//! `TicketKeys`: what resumption tickets are encrypted with. Sessions live in the tickets, with the clients: workers
//! share nothing but these keys, and a new configuration that is given the same keys knows the old one's tickets.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

/// Bytes that tell in a ticket what was demanded of the client.
pub(super) type Scope = [u8; 32];

/// The keys of resumption tickets, of one process. They are made at random, replaced every 6 hours, and forgotten
/// after 12, so that a stolen one opens no older sessions.
#[derive(Debug)]
pub struct TicketKeys {
    rotating: Arc<dyn ProducesTickets>,
    /// Sessions that are resumed with early data, each once, of clients that are not asked for certificates.
    early: Arc<dyn StoresServerSessions>,
}

/// Sessions that are remembered for early data: some 2 KB each.
const EARLY_SESSIONS: usize = 2048;

impl TicketKeys {
    /// Makes the keys. It fails only where the system gives no random bytes.
    pub fn new() -> io::Result<Arc<Self>> {
        let rotating = Ticketer::new().map_err(io::Error::other)?;
        let early = ServerSessionMemoryCache::new(EARLY_SESSIONS);
        Ok(Arc::new(Self { rotating, early }))
    }

    /// Where sessions are remembered that are resumed with early data.
    pub(super) fn early(&self) -> &Arc<dyn StoresServerSessions> {
        &self.early
    }

    /// Tickets that only the same `scope` accepts. Resuming skips the client's certificate: a ticket from a listener that
    /// demands none must not open one that does, nor a ticket under other authorities.
    pub(super) fn within(self: &Arc<Self>, scope: Scope) -> Arc<dyn ProducesTickets> {
        Arc::new(ScopedTickets { keys: Arc::clone(self), scope })
    }
}

/// No tickets that hold a session: where sessions are to be used once only, as early data demands (RFC 8446 section 8), they
/// are kept here.
#[derive(Debug)]
pub(crate) struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[derive(Debug)]
struct ScopedTickets {
    keys: Arc<TicketKeys>,
    scope: Scope,
}

impl ProducesTickets for ScopedTickets {
    fn enabled(&self) -> bool {
        self.keys.rotating.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.keys.rotating.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.rotating.encrypt(&[&self.scope, plain].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let plain = self.keys.rotating.decrypt(ticket)?;
        Some(plain.strip_prefix(&self.scope)?.to_vec())
    }
}
