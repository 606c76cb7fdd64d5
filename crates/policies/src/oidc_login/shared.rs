//! What all workers know of the sessions with one provider: which have ended, which are being renewed, and the key of this process.
//! It goes on over reloads.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use tokio::sync::OnceCell;

use super::ended::Ended;
use super::session::Session;

/// What came of a renewal.
pub(super) enum Renewal {
    /// The session as it is now, and its cookie's text.
    Renewed(Session, String),
    /// The provider refuses: it has ended.
    Refused,
    /// The provider cannot be asked: it stays as it was.
    Unavailable,
}

/// A renewal that is under way or was lately: requests that still bring the old cookie get the new one, too, and the provider, who may take
/// a refresh token once only, is asked once.
pub(super) type Renewing = Arc<OnceCell<Renewal>>;

/// Renewals that are remembered at once.
const MOST: usize = 4096;
/// How long one is remembered: browsers have requests under way with the old cookie.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How long a provider that cannot be asked is left alone, for each session.
const PAUSE: Duration = Duration::from_secs(10);

#[expect(
    clippy::disallowed_types,
    reason = "taken when a session is renewed, every few minutes, and held for a look at a table"
)]
type LockedRenewals = std::sync::Mutex<HashMap<[u8; 32], (Instant, Renewing)>>;

/// See the top of this file.
pub(super) struct SessionsShared {
    pub(super) ended: Ended,
    /// The digest of whose sessions these are: of which client, at which provider.
    pub(super) realm: [u8; 32],
    /// Rises where it may have been missed that sessions have ended elsewhere.
    gaps: AtomicU64,
    renewals: LockedRenewals,
    /// What keys are made of where no secret is written.
    pub(super) own_secret: [u8; 32],
}

impl SessionsShared {
    pub(super) fn new(realm: [u8; 32]) -> Self {
        let mut own_secret = [0; 32];
        rand::fill(&mut own_secret).expect("the system has chance");
        let (ended, renewals, gaps) = (Ended::default(), LockedRenewals::default(), AtomicU64::new(1));
        Self { ended, realm, gaps, renewals, own_secret }
    }

    /// How often something may have been missed; it begins with 1.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps.load(Acquire)
    }

    /// Something may have been missed.
    pub(super) fn miss(&self) {
        self.gaps.fetch_add(1, AcqRel);
    }

    /// The renewal of the session that has this refresh token, by its hash: one that began lately, or a new one.
    pub(super) fn renewal(&self, token: [u8; 32], now: Instant) -> Renewing {
        let mut all = self.renewals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((began, known)) = all.get(&token) {
            let lasts = if matches!(known.get(), Some(Renewal::Unavailable)) { PAUSE } else { REMEMBERED };
            if now.saturating_duration_since(*began) < lasts {
                return Arc::clone(known);
            }
        }
        if all.len() >= MOST {
            all.retain(|_, (began, _)| now.saturating_duration_since(*began) < REMEMBERED);
        }
        let renewing = Renewing::default();
        if all.len() < MOST {
            all.insert(token, (now, Arc::clone(&renewing)));
        }
        renewing
    }
}

impl fmt::Debug for SessionsShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionsShared")
    }
}
