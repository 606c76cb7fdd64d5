//! Limits: what a client may take up.
//! The defaults are those of crate wire, which knows no configuration.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Overload, refuse_zero};
use crate::config_map;
use crate::problem::Problem;
use crate::read::{ByteSize, Fields, Reader, Toggle};
use crate::scalar::ByteRate;

config_map! {
    /// Sizes and times that a client may take up. Streamed bodies have no size limit, but a minimum rate.
    #[check = Limits::check]
    pub struct Limits {
        /// Bytes of a request's head. Larger: 431.
        head: ByteSize = "32KiB",
        /// Header fields of a request, and of its trailers. More: 431.
        fields: NonZeroU32 = 100,
        /// Bytes of a request's target. Longer: 414.
        uri: ByteSize = "8KiB",
        /// Requests that one connection may have under way at once, over HTTP/2 and HTTP/3. More are refused, to be sent again.
        streams: NonZeroU32 = 128,
        /// Bytes of a body that is held in memory, where a policy needs it whole. Larger: 413.
        buffered_body: ByteSize = "8MiB",
        /// The rate at which a client must send a body, and take an answer; `false` for none. Slower: 408, or cut off.
        body_rate: Toggle<ByteRate> = "1KiB/s",
        /// How long a slow client may stay below `body_rate`.
        body_grace: Duration = "10s",
        /// How long a head may take from its first byte to its last. Longer: 408.
        head_timeout: Duration = "10s",
        /// How long a connection may wait for its next request.
        idle_timeout: Duration = "60s",
        /// How long running requests may go on when the gateway stops.
        drain_timeout: Duration = "30s",
        /// When the gateway itself has too much to do, and refuses new requests; `false`: never.
        overload: Toggle<Overload> = true,
    }
}

impl Limits {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let times = [
            ("head_timeout", Some(self.head_timeout)),
            ("idle_timeout", Some(self.idle_timeout)),
            ("body_grace", Some(self.body_grace)),
        ];
        refuse_zero(&times, fields, reader);
        for (key, size) in [("head", self.head), ("uri", self.uri)] {
            if size.0 == 0 {
                reader.problem(Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key)));
            }
        }
        if self.uri > self.head {
            let place = if fields.has("uri") { "uri" } else { "head" };
            reader.problem(
                Problem::warning("`uri` is more than `head`, of which it is a part")
                    .at(fields.value_span(place))
                    .help("it has no effect"),
            );
        }
    }
}
