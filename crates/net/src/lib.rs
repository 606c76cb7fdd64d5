//! Sockets and time: listening, connecting, streams, and the timers of a worker. It knows nothing of HTTP.
//! Floor 1; the only crate with `unsafe`, each with its proof.

mod connect;
mod descriptors;
mod listen;
mod stream;
mod timer;

pub use connect::{ConnectError, ConnectTo, connect};
pub use descriptors::raise_descriptor_limit;
pub use listen::{Accepted, Bound, ListenAddress, Listener, bind};
pub use stream::{PeerAddress, Stream};
pub use timer::{Timer, Timers};
