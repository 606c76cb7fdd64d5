//! What users write for `cache`.
//! Conditions and values are compiled later; here it is seen that every key has an effect.

use std::time::Duration;

use maitred_config::scalar::ValueName;
use maitred_config::{ByteSize, Fields, Problem, Reader, Spanned, Toggle, config_map, config_words};

config_map! {
    /// What is kept, for how long, and who gets it.
    #[check = CacheConfig::check]
    pub struct CacheConfig {
        /// How long an answer is fresh of which the service says nothing: of those with status 200, 203, 204, 300, 301 or 308. With `false` such answers are kept only
        /// where their `Last-Modified` tells something: for a tenth of the time since, up to a day.
        #[main]
        ttl: Toggle<Duration> = "300s",
        /// The same for 404, 405, 410, 414 and 501. Without it these are kept as the service says, or as `Last-Modified` does.
        negative_ttl: Option<Duration>,
        /// What else tells answers of one URL apart: `header.NAME`, `cookie.NAME`, `claim.NAME`, `consumer.name` and other values of the request.
        vary: Vec<Spanned<ValueName>>,
        /// The parameters of the query that answers are told apart by, all others are ignored; none with `false`. Without it, the whole query counts.
        query: Option<Vec<String>>,
        /// How much longer a stale answer may be used while the service is asked for a new one, where the service itself does not say.
        stale_while_revalidate: Duration = "0s",
        /// How much longer a stale answer may be used where the service fails (500, 502, 503, 504), where it does not say.
        stale_if_error: Duration = "0s",
        /// What becomes of `Cache-Control` and `Pragma` in requests.
        client_control: Control = "honour",
        /// What becomes of `CDN-Cache-Control` in answers (RFC 9213): honoured, it goes before `Cache-Control` and `Expires`.
        cdn_control: Control = "honour",
        /// Whether requests that want the same wait for the first of them.
        coalesce: bool = true,
        /// For how long they wait; then they ask the service themselves.
        coalesce_timeout: Duration = "5s",
        /// Which requests are answered from it and kept in it: a condition (CEL). Without it, all.
        when: Option<Spanned<String>>,
        /// Which are not, of these: a condition (CEL).
        bypass: Option<Spanned<String>>,
        /// Bytes that all answers of this place may take. What was asked for once gives way to what was asked for often.
        memory: ByteSize = "128MiB",
        /// The largest body that is kept; at most a quarter of `memory`.
        max_body: Spanned<ByteSize> = "4MiB",
        /// A store that replicas share: they find there what one of them has kept. What is purged, or made out of date by `POST` and the like, at one of them goes at all of them.
        store: Option<Spanned<String>>,
        /// Whether clients see `Surrogate-Key` and `Cache-Tag`, by which answers are purged.
        expose_tags: bool = false,
    }
}

config_words! {
    /// Whether somebody's word on caching counts.
    pub enum Control {
        /// It does.
        Honour = "honour",
        /// It does not.
        Ignore = "ignore",
    }
}

impl CacheConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let (memory, largest) = (self.memory.0, self.max_body.value.0);
        if largest.saturating_mul(4) > memory {
            let problem = Problem::error("`max_body` is more than a quarter of `memory`");
            let at = if fields.has("max_body") { "max_body" } else { "memory" };
            let help = "a few large answers would drive out all others: give it more `memory`, or a lower `max_body`";
            reader.problem(problem.at(fields.value_span(at)).help(help));
        }
        if !self.coalesce && fields.has("coalesce_timeout") {
            let problem = Problem::error("nobody waits, so that `coalesce_timeout` does nothing");
            reader.problem(problem.at(fields.key_span("coalesce_timeout")).help("leave it out"));
        }
        if self.coalesce && self.coalesce_timeout.is_zero() {
            let problem = Problem::error("`coalesce_timeout` cannot be zero");
            let problem = problem.at(fields.value_span("coalesce_timeout"));
            reader.problem(problem.help("with `coalesce: false` nobody waits"));
        }
    }
}
