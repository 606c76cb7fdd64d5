//! HTTP caching for a gateway, which is a shared cache: what may be kept, for how long it is fresh, whom it may answer (RFC 9111), as
//! functions of heads; and the bounded memory of answers ([`AnswersShared`]).
//!
//! No sockets, no tasks, no clock: times are passed in. Who asks the service, waits, and tells clients is the policy's business.

mod answers;
mod conditional;
mod control;
mod date;
mod entry;
mod freshen;
mod freshness;
mod key;
mod places;
mod range;
mod serve;
mod stored;
mod storing;
#[cfg(test)]
mod testing;
mod vary;

pub use answers::AnswersShared;
pub use conditional::{ask_for_changes, is_for_the_service, is_unchanged};
pub use control::{RequestControl, ResponseControl};
pub use date::Moment;
pub use entry::{Came, Entry, Update, Updated, Use};
pub use freshness::{Freshness, Rules};
pub use key::{QueryRule, key_of_reference, write_key};
pub use serve::{Served, serve};
pub use stored::Stored;
pub use storing::{Asker, NotKept, may_keep, remove_tags};
pub use vary::Selection;
