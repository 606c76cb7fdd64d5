//! `mirror`: a service that gets copies of requests, and whose answers nobody sees.
//! That its upstream exists is checked in `check.rs`.

use super::UpstreamRef;
use crate::config_map;
use crate::problem::Problem;
use crate::read::{ByteSize, Fields, Reader};
use crate::scalar::Percent;

config_map! {
    /// A service that gets copies of the requests of a route. Its answers are thrown away, and nothing waits for it.
    #[check = Mirror::check]
    pub struct Mirror {
        /// The name or URL of an upstream.
        #[main]
        upstream: UpstreamRef,
        /// Which share of the requests is copied, by chance.
        sample: Percent = "100%",
        /// Requests with a larger body than this are not copied.
        buffer: ByteSize = "64KiB",
    }
}

impl Mirror {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.sample.millionths == 0 {
            let problem = Problem::error("`sample: 0%` copies no request").at(fields.value_span("sample"));
            reader.problem(problem.help("write `mirror: false`"));
        }
    }
}
